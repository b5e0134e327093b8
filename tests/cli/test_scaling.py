# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""The scale that fits a budget."""
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ouro_suite import scaling
from ouro_suite.errors import BadInput
from ouro_suite.profiles import PROFILES, seconds

costs = st.dictionaries(st.sampled_from("abcdef"), st.builds(
    scaling.Cost, st.floats(0, 5), st.floats(0, 100), st.integers(1, 8)), min_size=1)


def test_two_trials_give_the_fixed_and_the_growing_part() -> None:
    found = scaling.cost([(0.01, 0.11), (0.1, 0.2)], 4)
    assert (found.fixed_s, found.slope_s) == pytest.approx((0.4, 4.0))


def test_the_largest_growing_part_is_halved_first() -> None:
    cells = {"big": scaling.Cost(0.0, 8.0, 2), "small": scaling.Cost(0.0, 1.0, 2)}
    assert scaling.choose(cells, 5.0, {"big": 1.0, "small": 1.0}) == {"big": 0.5, "small": 1.0}


def test_fixed_work_is_not_scaled_away() -> None:
    cells = {"a": scaling.Cost(10.0, 1.0, 1)}
    assert scaling.choose(cells, 1.0, {"a": 1.0}) == {"a": 1.0}


@given(costs, st.floats(0.01, 50))
def test_scales_are_powers_of_two_that_fit_or_cannot_shrink(cells, pass_s: float) -> None:
    found = scaling.choose(cells, pass_s, dict.fromkeys(cells, 1.0))
    assert all(0.001 <= s <= 1 and (1 / s).is_integer() for s in found.values())
    fits = sum(c.at(found[n]) for n, c in cells.items()) <= pass_s
    assert fits or not any(c.may_halve(found[n]) for n, c in cells.items())


@pytest.mark.parametrize(("text", "value"), [("90", 90), ("90s", 90), ("5m", 300),
                                             ("1.5h", 5400), ("2min", 120)])
def test_budgets(text: str, value: float) -> None:
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["", "0", "-5s", "1e9", "nan", "5 m", "9999h", "m", "0x10"])
def test_bad_budgets(text: str) -> None:
    with pytest.raises(BadInput):
        seconds(text)


def test_quick_stays_within_a_minute_and_has_blocks_for_intervals() -> None:
    assert PROFILES["quick"].budget_s <= 60 and PROFILES["quick"].min_blocks >= 5
