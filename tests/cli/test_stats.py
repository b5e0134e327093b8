# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""Statistics: known answers, coverage on made-up samples, and what must be refused."""
from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ouro_suite import stats

# Hamilton depression scores (Hollander and Wolfe 1973, table 3.1), the standard worked example.
BEFORE = [1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30]
AFTER = [0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29]
times = st.lists(st.floats(1.0, 1e9), min_size=5, max_size=14)


def blocks(values) -> dict[int, float]:
    return dict(enumerate(values))


def test_paired_ratio_gives_the_textbook_answer() -> None:
    found = stats.paired_ratio(blocks(np.exp(BEFORE)), blocks(np.exp(AFTER)))
    assert found is not None and found.low and found.high
    assert math.log(found.estimate) == pytest.approx(0.46, abs=1e-9)
    assert math.log(found.low) == pytest.approx(0.010, abs=1e-9)
    assert math.log(found.high) == pytest.approx(0.786, abs=1e-9)
    assert found.p_value == pytest.approx(0.03906, abs=1e-5)


def test_signed_rank_distribution_of_three_pairs() -> None:
    assert list(stats._signed_rank_pmf(3) * 8) == [1, 1, 1, 2, 1, 1, 1]


def test_rank_sum_distribution_of_four_and_three() -> None:
    expected = [1, 1, 2, 3, 4, 4, 5, 4, 4, 3, 2, 1, 1]
    assert stats._rank_sum_pmf(4, 3) * 35 == pytest.approx(expected)


def test_five_pairs_reach_93_75_percent_and_say_so() -> None:
    found = stats.paired_ratio(blocks([2.0, 2.1, 2.2, 2.3, 2.4]), blocks([1.0] * 5))
    assert found is not None
    assert found.confidence == pytest.approx(0.9375)
    assert (found.low, found.high) == pytest.approx((2.0, 2.4))


def test_four_pairs_have_no_interval() -> None:
    found = stats.paired_ratio(blocks([2.0] * 4), blocks([1.0] * 4))
    assert found == stats.Ratio(pytest.approx(2.0), None, None, None, None, 4)


def test_pairs_are_made_by_block_not_by_order() -> None:
    base = {0: 1.0, 1: 10.0, 2: 100.0, 7: 5.0}
    found = stats.paired_ratio({2: 200.0, 0: 2.0, 1: 20.0, 9: 1.0}, base)
    assert found is not None and found.samples == 3
    assert found.estimate == pytest.approx(2.0)


def test_no_common_block_is_no_ratio() -> None:
    assert stats.paired_ratio({1: 1.0}, {2: 1.0}) is None


@pytest.mark.parametrize("bad", [0.0, -1.0, math.nan, math.inf])
def test_a_sample_that_is_no_time_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="positive finite"):
        stats.paired_ratio(blocks([1.0, bad]), blocks([1.0, 1.0]))


def test_drift_of_the_machine_cancels_in_pairs() -> None:
    drift = np.exp(np.linspace(0, 2, 12))
    found = stats.paired_ratio(blocks(1.1 * drift), blocks(drift))
    assert found is not None and found.estimate == pytest.approx(1.1)
    assert (found.low, found.high) == pytest.approx((1.1, 1.1))


def test_one_wild_sample_does_not_move_the_estimate() -> None:
    base = blocks([1.0] * 9)
    wild = stats.paired_ratio(blocks([1.2] * 8 + [1200.0]), base)
    assert wild is not None and wild.estimate == pytest.approx(1.2)


@given(times, times)
@settings(max_examples=60, deadline=None)
def test_ratio_inverts_and_the_interval_holds_the_estimate(a, b) -> None:
    n = min(len(a), len(b))
    there = stats.paired_ratio(blocks(a[:n]), blocks(b[:n]))
    back = stats.paired_ratio(blocks(b[:n]), blocks(a[:n]))
    assert there and back and there.low and there.high and back.high
    assert there.low <= there.estimate * (1 + 1e-12)
    assert there.estimate <= there.high * (1 + 1e-12)
    assert there.estimate * back.estimate == pytest.approx(1.0, rel=1e-9)
    assert there.low * back.high == pytest.approx(1.0, rel=1e-9)


@pytest.mark.parametrize("pairs", [5, 8, 12])
def test_intervals_cover_as_often_as_they_say(pairs: int) -> None:
    """Heavy-tailed noise, fixed seed: the true ratio 1 is inside at least as often as said,
    less three standard errors of 1000 trials."""
    chance, inside, said = np.random.default_rng(7), 0, 0.0
    for _ in range(1000):
        noise = chance.standard_t(3, pairs) * 0.05
        found = stats.paired_ratio(blocks(np.exp(noise)), blocks([1.0] * pairs))
        assert found and found.low and found.high and found.confidence
        inside, said = inside + (found.low <= 1.0 <= found.high), found.confidence
    assert inside / 1000 >= said - 3 * math.sqrt(said * (1 - said) / 1000)


def test_independent_ratio_of_two_runs() -> None:
    found = stats.independent_ratio([2.0, 2.2, 2.4, 2.1, 2.3], [1.0, 1.1, 1.2, 1.05, 1.15])
    assert found.estimate == pytest.approx(2.0, rel=0.03)
    assert found.low and found.low > 1.5 and found.p_value and found.p_value < 0.01


def test_geomean() -> None:
    assert stats.geomean([0.5, 2.0]) == pytest.approx(1.0)
    assert stats.geomean([]) is None
