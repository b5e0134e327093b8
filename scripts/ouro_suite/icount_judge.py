# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""The verdict of instruction counts: no statistics, only bounds.

Counts repeat, so one pair tells the ratio for one seed. Another seed is other work, and its
ratio differs a little. A verdict must hold for every seed that was counted: all ratios beyond
the tolerance, or all within it. When seeds disagree more of them are counted, and if they still
disagree the row is inconclusive.
"""
from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, Sequence

from . import icount, plan
from .errors import BadInput
from .gate_build import GateArm
from .icount import IrCount
from .verdict import ERROR, IMPROVEMENT, INCONCLUSIVE, OK, REGRESSION, MetricVerdict

METRIC = "ir"
TOLERANCE = 0.005
TARGET = 20_000_000  # instructions of one count: about a second of callgrind
TRIAL_SCALE = 0.01
MOST_SEEDS = 5


@dataclass(frozen=True)
class Subject:
    """One arm: which build, by which allocator (None: its own), with how much planted work. A
    gate's arm says itself which build its worker comes from."""

    build: Path
    arm: Callable[[plan.Cell], plan.Arm] | None = None
    inject: float = 0.0

    def count(self, cell: plan.Cell, scale: float, seed: int) -> IrCount:
        arm = self.arm(cell) if self.arm else None
        build = arm.settings.build if isinstance(arm, GateArm) else self.build
        return icount.measure(build, cell, scale=scale, seed=seed, arm=arm,
                              inject=self.inject)


@dataclass
class Judged:
    """A row and what it rests on."""

    row: MetricVerdict
    scale: float = 0.0
    base: list[IrCount] = field(default_factory=list)
    cand: list[IrCount] = field(default_factory=list)

    @property
    def movers(self) -> list[tuple[str, int, int]]:
        """Functions whose counts differ for the first seed, largest change first."""
        if not self.base or not self.cand:
            return []
        return icount.movers(self.base[0].by_function, self.cand[0].by_function)


def choose_scale(subject: Subject, cell: plan.Cell, seed: int) -> float:
    """A power of two at which a count is about TARGET instructions; small workloads at most
    at full size. What a workload must build once does not shrink with its scale."""
    total = subject.count(cell, TRIAL_SCALE, seed).total
    scale = TRIAL_SCALE
    while total * 2 <= TARGET and scale < 0.64:
        total, scale = total * 2, scale * 2
    return scale


def decide(ratios: Sequence[float], tolerance: float) -> str:
    """What holds for every ratio (candidate / base), or inconclusive."""
    if all(r >= 1.0 + tolerance for r in ratios):
        return REGRESSION
    if all(r <= 1.0 / (1.0 + tolerance) for r in ratios):
        return IMPROVEMENT
    within = all(1.0 / (1.0 + tolerance) < r < 1.0 + tolerance for r in ratios)
    return OK if within else INCONCLUSIVE


def row(cell: plan.Cell, base: Sequence[IrCount], cand: Sequence[IrCount],
        tolerance: float) -> MetricVerdict:
    """The verdict over pairs of counts, one pair a seed."""
    if not base or len(base) != len(cand):
        raise ValueError("counts come in pairs, at least one")
    ratios = [c.total / b.total for b, c in zip(base, cand)]
    found = decide(ratios, tolerance)
    notes = list(dict.fromkeys(n for c in (*base, *cand) for n in c.notes))
    if found == INCONCLUSIVE:
        notes.append(f"{len(ratios)} seeds do not agree")
    moved = icount.movers(base[0].by_function, cand[0].by_function)
    if found in (REGRESSION, IMPROVEMENT) and moved:
        name, before, after = moved[0]
        notes.append(f"most in {name}: {before} to {after}")
    return MetricVerdict(cell.name, METRIC, found, statistics.median(ratios), min(ratios),
                         max(ratios), None, len(ratios), tolerance, 0.0, "; ".join(notes))


def _pair(base: Subject, cand: Subject, cell: plan.Cell, scale: float,
          seed: int) -> tuple[IrCount, IrCount]:
    """One count of each arm; both must have done the same work."""
    pair = base.count(cell, scale, seed), cand.count(cell, scale, seed)
    planted = base.inject or cand.inject
    if not planted and (pair[0].ops, pair[0].checksum) != (pair[1].ops, pair[1].checksum):
        raise BadInput(f"{cell.name}: the arms did not do the same work: {pair[0].ops} and "
                       f"{pair[1].ops} operations, checksums {pair[0].checksum} and "
                       f"{pair[1].checksum}")
    return pair


def judge(cell: plan.Cell, base: Subject, cand: Subject, *, tolerance: float = TOLERANCE,
          scale: float | None = None, seed: int = 1, seeds: int = 2) -> Judged:
    """Counts both arms over `seeds` seeds, the first one twice, and decides. What cannot be
    counted is a row with verdict error; a missing valgrind is icount.Unavailable."""
    judged = Judged(MetricVerdict(cell.name, METRIC, ERROR, None, None, None, None, 0,
                                  tolerance, None))
    try:
        judged.scale = scale or choose_scale(base, cell, seed)
        while len(judged.base) < max(seeds, 1) or (
                judged.row.verdict == INCONCLUSIVE and len(judged.base) < MOST_SEEDS):
            number = seed + len(judged.base)
            one, other = _pair(base, cand, cell, judged.scale, number)
            if not judged.base:
                for arm, first, what in ((base, one, "base"), (cand, other, "candidate")):
                    icount.check_repeat(first, arm.count(cell, judged.scale, number), what)
            judged.base.append(one)
            judged.cand.append(other)
            judged.row = row(cell, judged.base, judged.cand, tolerance)
    except BadInput as error:
        judged.row = MetricVerdict(cell.name, METRIC, ERROR, None, None, None, None, 0,
                                   tolerance, None, str(error))
    return judged
