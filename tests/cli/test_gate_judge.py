# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""The gate's judgement on made-up samples with fixed seeds: false alarms, detection, noise,
drift, and data that decide nothing. No clock is looked at."""
from __future__ import annotations

import contextlib
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Callable

import numpy as np
import pytest

from ouro_suite import gate_judge as judge
from ouro_suite import gate_layout, gate_run, icount
from ouro_suite.errors import BadInput
from ouro_suite.gate_build import Side
from ouro_suite.gate_judge import Undecidable
from ouro_suite.gate_run import Gate, Order
from ouro_suite.gate_sampler import Setup
from ouro_suite.verdict import EXIT_INCONCLUSIVE, EXIT_OK, EXIT_REGRESSION, exit_code

TIME = judge.METRICS["time"]
Samples = Callable[[np.random.Generator, int], float]  # disturbance of a block's arm


class Cell:
    """What Gate looks at of a cell."""

    form, latency = "raw", False

    def __init__(self, name: str) -> None:
        self.name = name


class Made:
    """A sampler whose times are made up: `effect` by cell, disturbed by `noise`."""

    def __init__(self, effects: dict[str, float], noise: Callable[..., float], seed: int,
                 most: int) -> None:
        self.effects, self.noise, self.most = effects, noise, most
        self.chance = np.random.default_rng(seed)
        self.samples: dict[tuple[str, int], list[tuple[float, float]]] = {}
        self.failures: dict[str, str] = {}
        self.setups = {c: Setup(1.0, 1, pair_s=1.0) for c in effects}
        self.taken, self.budget_s = 0, 1.0
        self.layouts: dict[int, float] = {}  # factor by stage
        self.ends: dict[str, int] = {}
        self.ended = self.ends.__setitem__

    tell = staticmethod(lambda *_: None)
    prepare = stop = lambda self: None
    paused = contextlib.nullcontext
    share = elapsed = lambda self: self.taken / self.most

    def affordable(self, rows: Any, limit: float) -> bool:
        return self.taken < self.most * limit

    def block(self, stage: int, number: int, rows: Any) -> None:
        missing = [cell.name for cell, _ in rows
                   if number >= len(self.samples.get((cell.name, stage), []))]
        self.taken += self.price(missing)
        for cell in missing:
            drift = 1.0 + 0.002 * self.taken  # of the machine, the same for both arms
            base, cand = (1e6 * drift * math.exp(self.noise(self.chance, number))
                          for _ in range(2))
            self.samples.setdefault((cell, stage), []).append(
                (base, cand * self.effects[cell] * self.layouts.get(stage, 1.0)))

    def price(self, cells: list[str]) -> float:
        """Of a block: one, whatever it has, when all pairs take the same."""
        return max((self.setups[c].pair_s for c in cells), default=0.0)

    def pairs(self, cell: str, stages: Any, value: Any) -> list[tuple[float, float]]:
        return [p for s in stages for p in self.samples.get((cell, s), [])]


def gate(effects: dict[str, float], noise: Callable[..., float], seed: int,
         most: int = 400, floors: dict[str, float] | None = None) -> Gate:
    """A gate over made-up cells, judged; `most` blocks are its budget."""
    order = Order([(Cell(c), []) for c in effects], [TIME], seed, 1.0, quiet=True,
                  opinion=False,
                  floors={(c, "time"): f for c, f in (floors or {}).items()})
    made = Made(effects, noise, seed, most)
    return Gate(order, made)  # type: ignore[arg-type]


def verdicts(*args: Any, **kw: Any) -> dict[str, str]:
    return {r.workload: r.verdict for r in gate(*args, **kw).run()}


def calm(chance: np.random.Generator, _: int) -> float:
    return float(chance.normal(0, 0.02))


def bursts(chance: np.random.Generator, _: int) -> float:
    """Every third process is disturbed by up to twice its time."""
    hit = chance.random() < 0.35
    return float(chance.normal(0, 0.02)) + (float(chance.exponential(0.4)) if hit else 0.0)


def regimes(chance: np.random.Generator, number: int) -> float:
    """A machine with two speeds that hold for a while, and heavy tails."""
    slow = 0.3 if (number // 5) % 2 else 0.0
    return slow + float(chance.standard_t(3)) * 0.02


A_A = {"a": 1.0, "b": 1.0, "c": 1.0}


@pytest.mark.parametrize("noise", [calm, bursts, regimes])
def test_the_same_is_never_called_slower(noise: Any) -> None:
    words = [w for seed in range(60) for w in verdicts(A_A, noise, seed).values()]
    assert "regression" not in words and "improvement" not in words


def test_the_same_on_a_calm_machine_passes() -> None:
    assert all(set(verdicts(A_A, calm, seed).values()) == {"ok"} for seed in range(60))


@pytest.mark.parametrize("noise", [calm, regimes])
def test_five_percent_are_found_and_only_where_they_are(noise: Any) -> None:
    for seed in range(60):
        assert verdicts({"a": 1.0, "b": 1.05, "c": 1.0}, noise, seed) == {
            "a": "ok", "b": "regression", "c": "ok"}


def test_five_percent_in_bursts_are_found_or_left_open_but_never_passed() -> None:
    words = [verdicts({"a": 1.05}, bursts, seed)["a"] for seed in range(60)]
    assert set(words) <= {"regression", "inconclusive"}


def test_five_percent_less_are_an_improvement() -> None:
    words = [verdicts({"a": 1 / 1.05, "b": 1.0}, regimes, seed) for seed in range(30)]
    assert all(w == {"a": "improvement", "b": "ok"} for w in words)


def test_an_improvement_that_the_budget_cannot_show_passes_and_says_so() -> None:
    (row,) = gate({"a": 1 / 1.04}, calm, 1, 20).run()
    assert (row.verdict, row.note) == ("ok", "perhaps an improvement: more budget")


def test_noise_that_hides_everything_is_inconclusive() -> None:
    def loud(chance: np.random.Generator, _: int) -> float:
        return float(chance.normal(0, 0.8))
    rows = gate({"a": 1.0, "b": 1.05}, loud, 3, 100).run()
    assert {r.verdict for r in rows} == {"inconclusive"}
    assert exit_code(rows) == EXIT_INCONCLUSIVE
    assert all("may be +" in r.note for r in rows)


def test_a_change_under_the_noise_floor_is_no_verdict() -> None:
    """Planted fault: without the floor the same samples are a regression."""
    assert verdicts({"a": 1.05}, calm, 1) == {"a": "regression"}
    (row,) = gate({"a": 1.05}, calm, 1, floors={"a": 0.04}).run()
    assert row.verdict == "inconclusive" and "noise floor" in row.note


def passed_at_the_tolerance(gates: int) -> int:
    """How many gates call a row ok that costs just the tolerance."""
    return sum("ok" in verdicts({"a": 1.025, "b": 1.025, "c": 1.025}, calm, seed, 60).values()
               for seed in range(gates))


def test_a_change_of_the_tolerance_is_called_ok_at_most_once_in_a_hundred(
        monkeypatch: pytest.MonkeyPatch) -> None:
    assert passed_at_the_tolerance(200) <= 2
    monkeypatch.setattr(judge, "ok_error", lambda rows: 0.005)  # planted: nothing is divided
    assert passed_at_the_tolerance(200) >= 4


class Dear(Made):
    """One whose blocks cost what their pairs do; those of `slow` a hundred times the others'."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.setups["slow"] = Setup(1.0, 1, pair_s=100.0)

    def affordable(self, rows: Any, limit: float) -> bool:
        return self.taken + self.price([c.name for c, _ in rows]) <= self.most * limit

    def price(self, cells: list[str]) -> float:
        return sum(self.setups[c].pair_s for c in cells)


def dear(seed: int) -> dict[str, str]:
    one = gate({"slow": 1.0, "a": 1.0, "b": 1.05, "c": 1.0}, calm, seed)
    one.sampler = Dear(one.sampler.effects, calm, seed, 1000)  # type: ignore[attr-defined]
    return {r.workload: r.verdict for r in one.run()}


def test_a_slow_workload_does_not_use_the_time_of_the_others(
        monkeypatch: pytest.MonkeyPatch) -> None:
    for seed in range(20):
        words = dear(seed)
        words.pop("slow")  # what is left of the budget decides
        assert words == {"a": "ok", "b": "regression", "c": "ok"}
    monkeypatch.setattr(gate_run, "SLOW", 1000)  # all in one turn
    assert any(dear(seed)["b"] != "regression" for seed in range(20))


def test_the_error_of_ok_is_divided_over_looks_and_open_rows() -> None:
    assert judge.ok_error(3) * 3 == pytest.approx(judge.ok_error(1))
    assert judge.ok_error(1) * (len(judge.SCREEN_LOOKS) + len(judge.CONFIRM_LOOKS) + 1) == \
        pytest.approx(0.01)
    pairs = [(1.0, math.exp(0.01 * (-1) ** k + 0.0001 * k)) for k in range(40)]
    one, five = (judge.estimate(pairs, False, rows) for rows in (1, 5))
    assert five.low < one.low and one.high < five.high and one.effect == five.effect


def test_few_pairs_are_no_interval() -> None:
    """Eight pairs can be wrong once in 256; planted: their extremes lie inside."""
    few = judge.estimate([(1.0, math.exp(0.0001 * k)) for k in range(8)], False)
    assert few.high < 1.025 and not judge.harmless(few, 0.025)
    assert not judge.screened(few, 0.025)


def test_a_noise_floor_widens_what_an_ok_must_show() -> None:
    """Planted: without the floor the same samples are ok."""
    assert verdicts(A_A, calm, 1) == verdicts(A_A, calm, 1, floors=dict.fromkeys(A_A, 0.003)) \
        == dict.fromkeys(A_A, "ok")
    (row, *_) = gate(A_A, calm, 1, floors=dict.fromkeys(A_A, 0.02)).run()
    assert row.verdict == "inconclusive" and "hides a change of the tolerance" in row.note
    assert row.high > 1.025


def looks(one: Gate) -> tuple[dict[str, list[int]], dict[str, list[int]]]:
    """At how many of its pairs each cell was looked at, in the screen and afterwards."""
    screen: dict[str, list[int]] = {}
    confirm: dict[str, list[int]] = {}
    judged = one._estimate

    def estimate(key: Any, take: Any) -> Any:
        found = judged(key, take)
        if gate_run.SCREEN in take:  # the fresh pairs alone decide nothing
            seen = confirm if gate_run.CONFIRM in take else screen
            seen.setdefault(key[0], []).append(found.pairs)
        return found
    one._estimate = estimate  # type: ignore[method-assign]
    one.run()
    return screen, confirm


def more_than_paid_for(gates: int) -> int:
    """Cells of gates that were looked at more often than the errors are divided by, or between
    the fixed numbers of pairs and not at the end."""
    found = 0
    for seed in range(gates):
        one = gate({"a": 1.02, "b": 1.022, "c": 1.0}, regimes, seed, (130, 75, 30)[seed % 3])
        screen, confirm = looks(one)
        for cell, pairs in confirm.items():
            odd = set(pairs) - set(judge.CONFIRM_LOOKS) - {max(pairs)}
            found += bool(odd) or len(set(pairs)) > judge.LOOKS
        for cell, pairs in screen.items():
            both = len(set(pairs)) + len(set(confirm.get(cell, [])))
            found += len(set(pairs)) > len(judge.SCREEN_LOOKS) or both >= judge.OK_LOOKS
    return found


def test_there_are_no_more_looks_than_paid_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judge, "CLEAR", 0.3)  # the screen ends rows at all of its looks
    assert more_than_paid_for(9) == 0
    monkeypatch.setattr(judge, "CONFIRM_LOOKS", range(20, 449, 8))  # planted: unpaid ones
    assert more_than_paid_for(9) > 0


def test_a_resumed_gate_looks_where_it_looked() -> None:
    """More time does not help it; planted: without the noted ends it would have gone on."""
    effects, rows = {"a": 1.022, "b": 1.03, "c": 1.0}, []
    one = gate(effects, regimes, 5, 70)
    rows.append(one.run())
    taken = one.sampler.taken  # type: ignore[attr-defined]
    one.sampler.most = 400  # type: ignore[attr-defined]
    again = Gate(one.order, one.sampler)
    rows.append(again.run())
    assert rows[0] == rows[1] and {r.verdict for r in rows[0]} >= {"inconclusive"}
    samples = sum(map(len, one.sampler.samples.values()))
    one.sampler.ends.clear()
    assert Gate(one.order, one.sampler).run() != rows[0]
    assert sum(map(len, one.sampler.samples.values())) > samples and taken


def test_every_p_is_adjusted_over_all_rows() -> None:
    """Two rows that pass at the same look: Holm over both, not each one's own."""
    one = gate({"a": 1.0, "b": 1.0}, lambda chance, _: float(chance.normal(0, 0.004)), 1)
    rows = one.run()
    assert {r.verdict for r in rows} == {"ok"} and len({r.blocks for r in rows}) == 1
    own = [one.p[r.workload, "time"] for r in rows]
    assert [r.p for r in rows] == pytest.approx(judge.holm(own)) != pytest.approx(own)


class Counting(Made):
    """A sampler for counts: each takes `cost` of the budget."""

    cost = 0.2

    def count(self, *_: Any, timeout_s: float, **__: Any) -> icount.IrCount:
        self.taken += self.most * min(self.cost, timeout_s)
        if timeout_s < self.cost:
            raise icount.TimedOut("slow")
        return icount.IrCount(1000, {"f": 1000})

    def __init__(self, cells: list[str]) -> None:
        super().__init__(dict.fromkeys(cells, 1.0), calm, 1, 1000)
        self.counts: dict[str, tuple[float, float]] = {}

    def counted(self, cell: str, base: float, cand: float) -> None:
        self.counts[cell] = base, cand


def test_counting_keeps_the_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four counts of a fifth: one row, and half of the budget is no row at all."""
    arm = SimpleNamespace(side="base", settings=SimpleNamespace(build=Path("."), inject=0.0))
    for metrics, words, used in (("ir", ["ok", "inconclusive"], 1.0),
                                 ("ir,time", ["inconclusive", "inconclusive"], 1.0)):
        made = Counting(["a", "b"])
        monkeypatch.setattr(icount, "measure", made.count)
        order = Order([(Cell(c), [arm, arm]) for c in "ab"], judge.parse_metrics(metrics, None),
                      1, 1.0, quiet=True, opinion=False)
        rows = [r for r in Gate(order, made).run() if r.metric == "ir"]  # type: ignore[arg-type]
        assert [r.verdict for r in rows] == words and made.share() <= used
        assert "more budget" in rows[-1].note and exit_code(rows) == EXIT_INCONCLUSIVE
        assert list(made.counts) == ["a"] * (words[0] == "ok")


def test_drift_between_the_arms_would_be_found() -> None:
    """Planted fault: had the base been measured before the candidate, drift were an effect."""
    times = [1e6 * (1 + 0.002 * k) * math.exp(0.01 * (-1) ** k) for k in range(96)]
    apart = judge.estimate(list(zip(times[:48], times[48:])))
    paired = judge.estimate([p if k % 2 else p[::-1] for k, p in
                             enumerate(zip(times[::2], times[1::2]))])
    assert apart.p < 0.001 and apart.effect > 1.05
    assert judge.screened(paired, 0.025)


def test_the_screen_passes_only_what_is_shown() -> None:
    wide = judge.Estimate(1.0, 0.97, 1.03, 1.0, 16)
    assert not judge.screened(wide, 0.025) and judge.screened(wide, 0.05)
    assert not judge.screened(judge.Estimate(1.02, 1.01, 1.03, 0.001, 16), 0.025)
    assert judge.clear(judge.Estimate(1.02, 1.01, 1.03, 0.001, 16), 0.025)


@pytest.mark.parametrize(("factors", "word", "suspected"), [
    ((1.0, 1.0, 1.0, 1.0), "regression", False),  # slower in every layout
    ((0.95, 0.95, 0.95, 0.95), "ok", True),  # in the first one only
    ((0.95, 1.05, 0.93, 0.96), "inconclusive", True)])
def test_layouts_tell_code_from_its_place(monkeypatch: pytest.MonkeyPatch,
                                          factors: tuple[float, ...], word: str,
                                          suspected: bool) -> None:
    monkeypatch.setattr(Gate, "_count", lambda *_: (1e6, 1e6 + 10))
    one = gate({"a": 1.05}, calm, 1)
    one.order.opinion = True
    (row,) = one.run()
    assert row.verdict == "regression" and row.layout_suspect and "instructions" in row.note
    one = gate({"a": 1.05}, calm, 1)
    one.order.opinion, one.order.layouts = True, len(factors)
    one.order.replica = lambda number: [(Cell("a"), [])]
    one.sampler.layouts = dict(enumerate(factors, 2))  # type: ignore[attr-defined]
    (row,) = one.run()
    assert (row.verdict, row.layout_suspect) == (word, suspected)
    assert "layouts median" in row.note


def test_instructions_that_moved_are_no_layout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Gate, "_count", lambda *_: (1e6, 1.04e6))
    one = gate({"a": 1.05}, calm, 1)
    one.order.opinion = True
    (row,) = one.run()
    assert row.verdict == "regression" and not row.layout_suspect
    assert "+4.00%" in row.note


def test_layouts_differ_and_need_revisions() -> None:
    assert len({gate_layout.flags(k) for k in range(8)}) == 8
    side = Side("base", "build", "x", Path("."))
    with pytest.raises(BadInput, match="git revisions"):
        gate_layout.check(2, (side, side))
    with pytest.raises(BadInput, match="from 0 to"):
        gate_layout.check(-1, (side, side))


def test_holm_is_what_the_paper_says() -> None:
    assert judge.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert judge.holm([]) == []


@pytest.mark.parametrize(("pairs", "why"), [
    ([], "no pairs"), ([(1.0, 1.0)], "1 pair of"),
    ([(1.0, 2.0)] * 7, "without any variance"),
    ([(1.0 + k, 2.0 + k) for k in range(6)] + [(1.0, math.nan)], "not a positive"),
    ([(1.0, 1.1)] * 20, "without any variance"),
    ([(1.0 + k, 5.0) for k in range(20)], "without any variance"),
    ([(1.0 + k, 2.0 + k) for k in range(9)] + [(1.0, math.nan)], "not a positive"),
    ([(1.0 + k, 2.0 + k) for k in range(9)] + [(math.inf, 1.0)], "not a positive"),
    ([(1.0 + k, 2.0 + k) for k in range(9)] + [(0.0, 1.0)], "not a positive")])
def test_what_decides_nothing_is_said(pairs: list[tuple[float, float]], why: str) -> None:
    with pytest.raises(Undecidable, match=why):
        judge.estimate(pairs)


@pytest.mark.parametrize("pairs", [2, 7])
def test_few_good_pairs_leave_a_row_open_and_never_pass(pairs: int) -> None:
    """The budget ends in the screen. Planted: none and one, which are an error."""
    words = {}
    for count in (0, 1, pairs):
        short = gate({"a": 1.0}, calm, 1)
        real = short.sampler.block

        def block(stage: int, number: int, rows: Any, most: int = count) -> None:
            if number < most:
                real(stage, number, rows)
        short.sampler.block = block  # type: ignore[method-assign]
        (words[count],) = short.run()
    assert [words[n].verdict for n in (0, 1, pairs)] == ["error", "error", "inconclusive"]
    assert words[pairs].note == f"{pairs} pairs of samples, 8 are needed: raise --budget"
    assert words[pairs].blocks == pairs


def test_a_cell_without_variance_is_an_error_and_never_passes() -> None:
    stuck = gate({"a": 1.0}, lambda *_: 0.0, 1)
    stuck.sampler.block = lambda stage, number, rows: stuck.sampler.samples.setdefault(
        ("a", stage), []).append((5.0, 5.0))  # type: ignore[method-assign]
    (row,) = stuck.run()
    assert row.verdict == "error" and "variance" in row.note


def test_exact_counts_need_no_statistics() -> None:
    ops = judge.METRICS["ops"]
    assert judge.exact(ops, "a", [100.0] * 3, [100.0] * 3).verdict == "ok"
    assert judge.exact(ops, "a", [100.0] * 3, [100.0, 100.0, 101.0]).verdict == "regression"
    with pytest.raises(judge.Undecidable, match="fewer operations"):
        judge.exact(ops, "a", [100.0], [99.0])
    assert judge.exact(judge.METRICS["ir"], "a", [100.0], [99.0]).verdict == "improvement"
    with pytest.raises(Undecidable):
        judge.exact(ops, "a", [], [])
    with pytest.raises(Undecidable):
        judge.exact(ops, "a", [math.nan], [1.0])


def test_metrics_and_tolerances() -> None:
    chosen = judge.parse_metrics("time,rss:7%,ops:0", "3%")
    assert [(m.name, m.tolerance) for m in chosen] == [("time", 0.03), ("rss", 0.07),
                                                       ("ops", 0.0)]
    for bad in ("tame", "time:0", "time:x", "time:-1%", "time,time", "time:101%"):
        with pytest.raises(BadInput):
            judge.parse_metrics(bad, None)


def test_the_lower_quartile_leaves_out_the_first_and_the_disturbed() -> None:
    read = gate_run._value(TIME, "wall")
    quiet = [900, 100, 101, 102, 103, 104, 105, 106, 107]
    hit = [900, 100, 101, 102, 103, 700, 800, 900, 990]
    assert read({"wall": quiet}) == read({"wall": hit}) == pytest.approx(101.75)


def test_codes() -> None:
    assert exit_code(gate({"a": 1.05, "b": 1.0}, calm, 1).run()) == EXIT_REGRESSION
    assert exit_code(gate(A_A, calm, 1).run()) == EXIT_OK
