# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""The course of a gate: screen all rows, confirm the flagged ones on fresh blocks, count
instructions where asked, say what came out. gate_sampler.py measures, gate_judge.py judges.
"""
from __future__ import annotations

import statistics
from dataclasses import dataclass, field, replace
from typing import Any, Callable

from . import gate_judge as judge
from . import gate_layout, icount, terminal
from .errors import BadInput
from .gate_judge import Estimate, Metric, Undecidable
from .gate_sampler import Rows, Sampler, lower_quartile
from .verdict import INCONCLUSIVE, OK, REGRESSION, MetricVerdict

SCREEN, CONFIRM = 0, 1
SCREEN_SHARE = 0.45  # of the budget; the rest is for fresh blocks
SUSPECT_SHARE = 0.85  # by then the suspected rows had theirs
CONFIRM_SHARE = 0.95  # what is left is for counting instructions and reports
COUNT_SHARE = 0.5  # for `--metric ir` beside metrics that need blocks
OPINION_SHARE = 1.1  # a count that was begun in time may end a little after it
SAME_IR = 0.002  # instructions that moved less than this did not move
Key = tuple[str, str]  # cell, metric
SLOW = 8  # a pair that takes so many times the usual comes after the others
SLOW_SHARE = 0.5  # of the budget at most is kept back for these
Take = dict[int, int | None]  # how many pairs of which stage; None: all there are
ALL: Take = {SCREEN: None, CONFIRM: None}


class NoTime(Exception):
    """The budget did not allow for a count."""


def _value(metric: Metric, clock: str) -> Callable[[dict[str, Any]], float]:
    """Reads a metric out of a sample. Counts that may be nothing are counted from one."""
    if metric.name == "time":
        return lambda v: lower_quartile(v[clock])
    key = {"rss": "peak_rss_bytes", "minflt": "minflt", "p99": "p99_ns",
           "pause": "gc_pause_max_ns", "ops": "ops"}[metric.name]
    one = 1.0 if metric.name in ("minflt", "pause") else 0.0

    def read(values: dict[str, Any]) -> float:
        if key not in values:
            raise Undecidable(f"no {key} in the record" + (
                ": fewer than 10,000 operations a process" if metric.name == "p99" else ""))
        return float(values[key]) + one
    return read


@dataclass
class Order:
    """What to judge and how long to measure."""

    rows: Rows
    metrics: list[Metric]
    seed: int
    budget_s: float
    clocks: dict[str, str] = field(default_factory=dict)  # by cell: wall or cpu
    floors: dict[Key, float] = field(default_factory=dict)
    quiet: bool = False  # no lines between
    opinion: bool = True  # count the instructions of what got slower
    layouts: int = 0  # other layouts for what is suspected
    replica: Callable[[int], Rows] | None = None


@dataclass(frozen=True)
class Turn:
    """Cells that are measured together; their part of the budget begins and ends so many
    seconds after the gate's."""

    name: str  # goes before the names of its stages
    cells: frozenset[str]
    begin_s: float
    end_s: float

    def limit_s(self, share: float) -> float:
        return self.begin_s + share * (self.end_s - self.begin_s)


class Gate:
    """One gate over one sampler."""

    def __init__(self, order: Order, sampler: Sampler) -> None:
        self.order, self.sampler = order, sampler
        self.verdicts: dict[Key, MetricVerdict] = {}
        self.flagged: dict[Key, Estimate] = {}  # with what the screen saw
        self.p: dict[Key, float] = {}  # of each row's latest look, not adjusted
        self.metric = {m.name: m for m in order.metrics}
        self.reasons: list[str] = []

    def run(self) -> list[MetricVerdict]:
        """Everything, in order; Ctrl-C comes through, what was measured is kept."""
        try:
            self.sampler.prepare()
            if "ir" in self.metric:
                self._exact("ir")
            for number in (0, 1):
                turn = self._turn(number)
                self._screen(turn)
                self._confirm(turn)
            if "ops" in self.metric:
                self._exact("ops")
            if self.order.opinion:
                self._second_opinion()
        finally:
            self.sampler.stop()
        order = [(c.name, m) for c, _ in self.order.rows for m in self.metric]
        return [self.verdicts[k] for k in order if k in self.verdicts]

    def _applies(self, cell: Any, metric: Metric) -> bool:
        if metric.name == "p99" or cell.latency:
            return metric.name == "p99" and cell.latency
        return metric.name != "pause" or cell.form == "object"

    def _keys(self) -> list[Key]:
        """The rows that statistics decide."""
        return [(c.name, m.name) for c, _ in self.order.rows for m in self.order.metrics
                if not m.exact and self._applies(c, m)]

    def _turn(self, number: int) -> Turn:
        """First the cells whose pairs take about what the others' take, so that one with a
        huge heap does not use the time of twenty; then the slow ones, with all that is left."""
        seconds = {c: s.pair_s for c, s in self.sampler.setups.items()}
        bar = SLOW * statistics.median_low(list(seconds.values()) or [0.0])
        slow = frozenset(c for c, s in seconds.items() if s > bar)
        budget = self.order.budget_s
        if number:
            return Turn("slow ", slow, min(self.sampler.elapsed(), budget), budget)
        kept = judge.SCREEN_LOOKS[0] * sum(seconds[c] for c in slow)
        return Turn("", frozenset(c.name for c, _ in self.order.rows) - slow, 0.0,
                    budget - min(kept, SLOW_SHARE * budget))

    def _open(self) -> int:
        """Rows that are not ok: they share the error of the next `ok`."""
        return sum(k not in self.verdicts or self.verdicts[k].verdict != OK
                   for k in self._keys())

    def _estimate(self, key: Key, take: Take) -> Estimate:
        cell, name = key
        if cell in self.sampler.failures:
            raise Undecidable(self.sampler.failures[cell])
        read = _value(self.metric[name], self.order.clocks.get(cell, "wall"))
        pairs = [p for stage, most in take.items()
                 for p in self.sampler.pairs(cell, [stage], read)[:most]]
        return judge.estimate(pairs, name == "time", self._open(), self.order.floors.get(key))

    def _adjusted(self) -> dict[Key, float]:
        """Every row's p after Holm; a row that was not looked at counts as one."""
        keys = self._keys()
        return dict(zip(keys, judge.holm([self.p.get(k, 1.0) for k in keys])))

    def _pass(self, takes: dict[Key, Take], passes: Callable[[Key, Estimate], bool]) -> None:
        """Calls ok what is shown to be; with each one more error is left for the others."""
        adjusted, before = self._adjusted(), -1
        while before != len(self.verdicts):
            before = len(self.verdicts)
            found = {k: self._estimate(k, t) for k, t in takes.items() if k not in self.verdicts}
            for key in [k for k, e in found.items() if passes(k, e)]:
                self._decide(key, OK, found[key], adjusted[key])

    def _decide(self, key: Key, word: str, found: Estimate, p: float | None = None,
                note: str = "") -> None:
        self.verdicts[key] = judge.row(key[0], self.metric[key[1]], word, found, p,
                                       self.order.floors.get(key), note)

    def _fail(self, key: Key, why: str) -> None:
        self.verdicts[key] = judge.failed(key[0], self.metric[key[1]], why)
        if why not in self.reasons:
            self.reasons.append(why)

    def _undecided(self, key: Key, error: Undecidable) -> None:
        """Data that say nothing are an error; good ones of which the budget gave too few leave
        the row open."""
        if isinstance(error, judge.TooFew):
            self.verdicts[key] = judge.too_few(key[0], self.metric[key[1]], error)
        else:
            self._fail(key, str(error))

    def _rows(self, keys: list[Key]) -> Rows:
        cells = {cell for cell, _ in keys}
        return [(c, a) for c, a in self.order.rows if c.name in cells]

    def _told(self, what: str) -> str:
        words = [v.verdict for v in self.verdicts.values()]
        counts = [f"{words.count(w)} {w}" for w in dict.fromkeys(words)]
        waiting = len(self.flagged) - sum(k in self.verdicts for k in self.flagged)
        return f"{what}: {', '.join(counts + [f'{waiting} to confirm'] * bool(waiting))}"

    def _blocks(self, turn: Turn, stage_name: str, start: int, end: int, keys: list[Key],
                share: float) -> int:
        """Blocks start..end-1 of a stage, while they fit into this share of the turn; the
        number reached. Where the time once ended it ends again in a resumed gate: no new look."""
        stage, least = (SCREEN, judge.SCREEN_LOOKS[0]) if stage_name == "screen" else \
            (CONFIRM, judge.MIN_PAIRS)
        rows, name, limit_s = self._rows(keys), turn.name + stage_name, turn.limit_s(share)
        for number in range(start, end):
            limit = self.order.budget_s if number < least else limit_s
            if name in self.sampler.ends:
                if number >= self.sampler.ends[name]:
                    return number
            elif not rows or not self.sampler.affordable(rows, limit):
                self.sampler.ended(name, number)
                return number
            self.sampler.tell(self._told(f"{name} {number + 1}/{end}"), self.sampler.share())
            self.sampler.block(stage, number, rows)
        return end

    def _screen(self, turn: Turn) -> None:
        """Passes what is shown to be equivalent; everything else is flagged."""
        left, reached = [k for k in self._keys() if k[0] in turn.cells], 0
        ops = [(c.name, "ops") for c, _ in self.order.rows
               if not c.latency and c.name in turn.cells] if "ops" in self.metric else []
        for look in judge.SCREEN_LOOKS:
            if not left and not (ops and reached == 0):
                break
            begun, reached = reached, self._blocks(
                turn, "screen", reached, look, left + (ops if not reached else []), SCREEN_SHARE)
            left = self._screened(left, {SCREEN: reached})
            self._say(f"{turn.name}screen, {reached} blocks")
            if reached < look or reached == begun:
                break
        for key in left:
            self.flagged[key] = self._estimate(key, {SCREEN: reached})

    def _screened(self, keys: list[Key], take: Take) -> list[Key]:
        """Decides rows or flags them, when that is clear by now; what is left."""
        found: dict[Key, Estimate] = {}
        for key in keys:
            try:
                found[key] = self._estimate(key, take)
                self.p[key] = found[key].p
            except Undecidable as error:
                self._undecided(key, error)
        self._pass(dict.fromkeys(found, take),
                   lambda k, e: judge.screened(e, self.metric[k[1]].tolerance))
        left = [k for k in found if k not in self.verdicts]
        self.flagged.update({k: found[k] for k in left
                             if judge.clear(found[k], self.metric[k[1]].tolerance)})
        return [k for k in left if k not in self.flagged]

    def _confirm(self, turn: Turn) -> None:
        """First the suspected, then all that is only wide, on fresh blocks."""
        flagged = [k for k in self.flagged if k[0] in turn.cells]
        suspects = [k for k in flagged
                    if judge.suspect(self.flagged[k], self.metric[k[1]].tolerance)]
        self._confirm_group(turn, "suspects", suspects, SUSPECT_SHARE)
        self._confirm_group(turn, "confirm", flagged, CONFIRM_SHARE)
        left = [k for k in flagged if k not in self.verdicts]
        self._look(left, ALL)
        for key in left:
            if key not in self.verdicts:
                self._give_up(key)

    def _give_up(self, key: Key) -> None:
        """The end of the budget: what may have got better passes, the rest stays open."""
        try:
            found, tolerance = self._estimate(key, ALL), self.metric[key[1]].tolerance
        except Undecidable as error:
            self._undecided(key, error)
            return
        p = self._adjusted()[key]
        if judge.harmless(found, tolerance):
            self._decide(key, OK, found, p, "perhaps an improvement: more budget")
        else:
            self._decide(key, INCONCLUSIVE, found, p, judge.undecided_note(
                found, tolerance, self.order.floors.get(key)))

    def _confirm_group(self, turn: Turn, name: str, group: list[Key], share: float) -> None:
        """Ever more blocks until all are decided or the time is used. A row is looked at when
        all its pairs, the screen's too, are one of CONFIRM_LOOKS: the same numbers whatever
        the screen took of it, so that there are no more looks than these."""
        reached = 0
        screened = {k: len(self.sampler.pairs(k[0], [SCREEN], lambda _: 1.0)) for k in group}
        while True:
            ahead = {k: [n - screened[k] for n in judge.CONFIRM_LOOKS
                         if n - screened[k] > reached] for k in group
                     if k not in self.verdicts}
            left = [k for k, looks in ahead.items() if looks]
            if not left:
                return
            end = min(ahead[k][0] for k in left)
            reached = self._blocks(turn, name, reached, end, left, share)
            if reached < end:
                return
            self._look([k for k in left if ahead[k][0] == end], {SCREEN: None, CONFIRM: end})
            self._say(f"{turn.name}confirm, {reached} fresh blocks")

    def _look(self, keys: list[Key], take: Take) -> None:
        """One look at the pairs, fresh and all: Holm over all rows, since all were screened."""
        judged: dict[Key, tuple[Estimate, Estimate]] = {}
        for key in keys:
            try:
                judged[key] = (self._estimate(key, {CONFIRM: take[CONFIRM]}),
                               self._estimate(key, take))
                self.p[key] = judged[key][1].p
            except Undecidable as error:
                if key[0] in self.sampler.failures:
                    self._fail(key, str(error))
        adjusted = self._adjusted()
        for key, (fresh, pooled) in judged.items():
            word = judge.confirmed(fresh, pooled, adjusted[key], self.metric[key[1]].tolerance,
                                   self.order.floors.get(key))
            if word is not None:
                self._decide(key, word, pooled, adjusted[key])

        def passes(key: Key, pooled: Estimate) -> bool:
            bound = 1.0 + self.metric[key[1]].tolerance
            return judge.harmless(pooled, bound - 1.0) and judged[key][0].effect > 1.0 / bound
        self._pass(dict.fromkeys(judged, take), passes)

    def _exact(self, name: str) -> None:
        """Operations of the screened blocks, or instructions where they were asked for."""
        metric = self.metric[name]
        share = COUNT_SHARE if set(self.metric) != {"ir"} else 1.0
        for cell, arms in self.order.rows:
            key = (cell.name, name)
            if cell.latency:
                continue
            try:
                if cell.name in self.sampler.failures:
                    raise Undecidable(self.sampler.failures[cell.name])
                pairs = self.sampler.pairs(cell.name, [SCREEN], _value(metric, "")) \
                    if name == "ops" else [self._count(cell, arms, share)]
                self.verdicts[key] = judge.exact(metric, cell.name, [b for b, _ in pairs],
                                                 [c for _, c in pairs])
            except NoTime as error:
                self.verdicts[key] = judge.uncounted(cell.name, metric, str(error))
            except (Undecidable, icount.Unavailable, BadInput) as error:
                self._fail(key, str(error))

    def _count(self, cell: Any, arms: Any, share: float) -> tuple[float, float]:
        """Instructions of both arms; each counted twice, which must give the same. NoTime when
        that does not end within this share of the budget."""
        if cell.name in self.sampler.counts:
            return self.sampler.counts[cell.name]
        self.sampler.tell(f"counting instructions of {cell.name}", self.sampler.share())
        scale = self.sampler.setups[cell.name].scale
        totals = []
        for arm in arms:
            counts = []
            for _ in range(2):
                left_s = share * self.order.budget_s - self.sampler.elapsed()
                if left_s <= 0.0:
                    raise NoTime("no time to count instructions: more budget")
                try:
                    counts.append(icount.measure(
                        arm.settings.build, cell, scale=scale, seed=self.order.seed or 1,
                        arm=arm, inject=arm.settings.inject,
                        timeout_s=min(left_s, icount.TIMEOUT_S)))
                except icount.TimedOut:
                    if left_s >= icount.TIMEOUT_S:
                        raise
                    raise NoTime("counting instructions did not end in time: more budget") \
                        from None
            icount.check_repeat(counts[0], counts[1], f"{arm.side}: {cell.name}")
            totals.append(float(counts[0].total))
        self.sampler.counted(cell.name, totals[0], totals[1])
        return totals[0], totals[1]

    def _second_opinion(self) -> None:
        """A slower time with the same instructions is suspected of layout."""
        for cell, arms in self.order.rows:
            key = (cell.name, "time")
            found = self.verdicts.get(key)
            if found is None or found.verdict != REGRESSION:
                continue
            try:
                if self.sampler.share() > 1.0:
                    raise BadInput("the budget is used up")
                base, cand = self._count(cell, arms, OPINION_SHARE)
            except (NoTime, icount.Unavailable, BadInput) as error:
                note = f"instructions not counted, layout not ruled out: {error}"
                self.verdicts[key] = replace(found, note=note)
                continue
            moved = cand / base - 1.0
            suspect = abs(moved) < SAME_IR
            self.verdicts[key] = replace(found, layout_suspect=suspect,
                                         note=f"instructions {moved:+.2%}")
            if suspect and self.order.layouts and self.order.replica:
                self._in_layouts(key, self.order.replica)

    def _in_layouts(self, key: Key, replica: Any) -> None:
        """The suspected row in other layouts; it stays what it is when that cannot be done."""
        read = _value(self.metric["time"], self.order.clocks.get(key[0], "wall"))
        try:
            self.verdicts[key] = gate_layout.again(
                self.sampler, self.verdicts[key], self.order.layouts, replica, read,
                lambda pairs: judge.estimate(pairs, True, self._open(),
                                             self.order.floors.get(key)))
        except BadInput as error:
            found = self.verdicts[key]
            self.verdicts[key] = replace(found, note=f"{found.note}; other layouts: {error}")

    def _say(self, what: str) -> None:
        if not self.order.quiet:
            terminal.say(f"{self._told(what)} ({self.sampler.elapsed():.0f} s)")
