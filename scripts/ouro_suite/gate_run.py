# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""The course of a gate: screen all rows, confirm the flagged ones on fresh blocks, count
instructions where asked, say what came out. gate_sampler.py measures, gate_judge.py judges.
"""
from __future__ import annotations

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
SAME_IR = 0.002  # instructions that moved less than this did not move
Key = tuple[str, str]  # cell, metric


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


class Gate:
    """One gate over one sampler."""

    def __init__(self, order: Order, sampler: Sampler) -> None:
        self.order, self.sampler = order, sampler
        self.verdicts: dict[Key, MetricVerdict] = {}
        self.flagged: dict[Key, Estimate] = {}  # with what the screen saw
        self.metric = {m.name: m for m in order.metrics}
        self.reasons: list[str] = []

    def run(self) -> list[MetricVerdict]:
        """Everything, in order; Ctrl-C comes through, what was measured is kept."""
        try:
            self.sampler.prepare()
            self._screen()
            self._confirm()
            self._exact()
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

    def _estimate(self, key: Key, *stages: int) -> Estimate:
        cell, name = key
        if cell in self.sampler.failures:
            raise Undecidable(self.sampler.failures[cell])
        read = _value(self.metric[name], self.order.clocks.get(cell, "wall"))
        return judge.estimate(self.sampler.pairs(cell, stages, read), clock=name == "time")

    def _decide(self, key: Key, word: str, found: Estimate, p: float | None = None,
                note: str = "") -> None:
        self.verdicts[key] = judge.row(key[0], self.metric[key[1]], word, found, p,
                                       self.order.floors.get(key), note)

    def _fail(self, key: Key, why: str) -> None:
        self.verdicts[key] = judge.failed(key[0], self.metric[key[1]], why)
        if why not in self.reasons:
            self.reasons.append(why)

    def _rows(self, keys: list[Key]) -> Rows:
        cells = {cell for cell, _ in keys}
        return [(c, a) for c, a in self.order.rows if c.name in cells]

    def _told(self, what: str) -> str:
        words = [v.verdict for v in self.verdicts.values()]
        counts = [f"{words.count(w)} {w}" for w in dict.fromkeys(words)]
        waiting = len(self.flagged) - sum(k in self.verdicts for k in self.flagged)
        return f"{what}: {', '.join(counts + [f'{waiting} to confirm'] * bool(waiting))}"

    def _blocks(self, stage: int, start: int, end: int, keys: list[Key], least: int,
                limit_s: float) -> int:
        """Blocks start..end-1 while they fit, `least` of them in any case within the budget;
        the number reached."""
        rows, name = self._rows(keys), ("screen", "confirm")[stage]
        for number in range(start, end):
            limit = self.order.budget_s if number < least else limit_s
            if not rows or not self.sampler.affordable(rows, limit):
                return number
            self.sampler.tell(self._told(f"{name} {number + 1}/{end}"), self.sampler.share())
            self.sampler.block(stage, number, rows)
        return end

    def _screen(self) -> None:
        """Passes what is shown to be equivalent; everything else is flagged."""
        left, reached = self._keys(), 0
        ops = [(c.name, "ops") for c, _ in self.order.rows if not c.latency] \
            if "ops" in self.metric else []
        limit = SCREEN_SHARE * self.order.budget_s
        for look in judge.SCREEN_LOOKS:
            if not left and not (ops and reached == 0):
                break
            begun, reached = reached, self._blocks(
                SCREEN, reached, look, left + (ops if not reached else []), judge.SCREEN_LOOKS[0], limit)
            left = [k for k in left if not self._screened(k)]
            self._say(f"screen, {reached} blocks")
            if reached < look or reached == begun:
                break
        for key in left:
            self.flagged[key] = self._estimate(key, SCREEN)

    def _screened(self, key: Key) -> bool:
        """Decides a row or flags it, when that is clear by now."""
        try:
            found = self._estimate(key, SCREEN)
        except Undecidable as error:
            self._fail(key, str(error))
            return True
        tolerance = self.metric[key[1]].tolerance
        if judge.screened(found, tolerance):
            self._decide(key, OK, found)
            return True
        if judge.clear(found, tolerance):
            self.flagged[key] = found
            return True
        return False

    def _confirm(self) -> None:
        """First the suspected, then all that is only wide, on fresh blocks."""
        suspects = [k for k, e in self.flagged.items()
                    if judge.suspect(e, self.metric[k[1]].tolerance)]
        self._confirm_group(suspects, SUSPECT_SHARE)
        self._confirm_group(list(self.flagged), CONFIRM_SHARE)
        for key in self.flagged:
            if key not in self.verdicts:
                self._give_up(key)

    def _give_up(self, key: Key) -> None:
        """The end of the budget: what may have got better passes, the rest stays open."""
        found, tolerance = self._estimate(key, SCREEN, CONFIRM), self.metric[key[1]].tolerance
        if judge.harmless(found, tolerance):
            self._decide(key, OK, found, found.p, "perhaps an improvement: more budget")
        else:
            self._decide(key, INCONCLUSIVE, found, None, judge.undecided_note(
                found, tolerance, self.order.floors.get(key)))

    def _confirm_group(self, group: list[Key], share: float) -> None:
        """A few looks at ever more blocks, until all are decided or the time is used."""
        reached = 0
        for look in judge.CONFIRM_LOOKS:
            left = [k for k in group if k not in self.verdicts]
            if not left:
                return
            reached = self._blocks(CONFIRM, reached, look, left, judge.MIN_PAIRS,
                                   share * self.order.budget_s)
            self._look(left)
            self._say(f"confirm, {reached} fresh blocks")
            if reached < look:
                return

    def _look(self, left: list[Key]) -> None:
        """One look at the pairs, fresh and all: Holm over all rows, since all were screened."""
        judged: dict[Key, tuple[Estimate, Estimate]] = {}
        for key in left:
            try:
                judged[key] = (self._estimate(key, CONFIRM),
                               self._estimate(key, SCREEN, CONFIRM))
            except Undecidable as error:
                if key[0] in self.sampler.failures:
                    self._fail(key, str(error))
        p_values = {k: 1.0 for k in self._keys()}
        p_values.update({k: v.p for k, v in self.verdicts.items() if v.p is not None})
        p_values.update({k: pooled.p for k, (_, pooled) in judged.items()})
        adjusted = dict(zip(p_values, judge.holm(list(p_values.values()))))
        for key, (fresh, pooled) in judged.items():
            tolerance = self.metric[key[1]].tolerance
            word = judge.confirmed(fresh, pooled, adjusted[key], tolerance,
                                   self.order.floors.get(key))
            if word is not None:
                self._decide(key, word, pooled, adjusted[key])
            elif judge.harmless(pooled, tolerance) and fresh.effect > 1.0 / (1.0 + tolerance):
                self._decide(key, OK, pooled, pooled.p)

    def _exact(self) -> None:
        """Operations of the screened blocks, and instructions where they were asked for."""
        for cell, arms in self.order.rows:
            for name in {"ops", "ir"} & set(self.metric):
                key = (cell.name, name)
                if cell.latency:
                    continue
                try:
                    if cell.name in self.sampler.failures:
                        raise Undecidable(self.sampler.failures[cell.name])
                    read = _value(self.metric["ops"], "") if name == "ops" else None
                    pairs = self.sampler.pairs(cell.name, [SCREEN], read) if read \
                        else [self._count(cell, arms)]
                    self.verdicts[key] = judge.exact(self.metric[name], cell.name,
                                                     [b for b, _ in pairs],
                                                     [c for _, c in pairs])
                except (Undecidable, icount.Unavailable, BadInput) as error:
                    self._fail(key, str(error))

    def _count(self, cell: Any, arms: Any) -> tuple[float, float]:
        """Instructions of both arms; each counted twice, which must give the same."""
        self.sampler.tell(f"counting instructions of {cell.name}", self.sampler.share())
        scale = self.sampler.setups[cell.name].scale
        totals = []
        for arm in arms:
            first, again = (icount.measure(arm.settings.build, cell, scale=scale,
                                           seed=self.order.seed or 1, arm=arm,
                                           inject=arm.settings.inject)
                            for _ in range(2))
            icount.check_repeat(first, again, f"{arm.side}: {cell.name}")
            totals.append(float(first.total))
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
                base, cand = self._count(cell, arms)
            except (icount.Unavailable, BadInput) as error:
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
                self.sampler, self.verdicts[key], self.order.layouts, replica, read)
        except BadInput as error:
            found = self.verdicts[key]
            self.verdicts[key] = replace(found, note=f"{found.note}; other layouts: {error}")

    def _say(self, what: str) -> None:
        if not self.order.quiet:
            terminal.say(f"{self._told(what)} ({self.sampler.elapsed():.0f} s)")
