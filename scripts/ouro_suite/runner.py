# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""Runs a plan: preflight, pilot, blocks, within a budget; keeps every sample at once.

Preflight runs each cell at a hundredth and a tenth of its size: a bad workload file ends the
run there, within a second, and the time it took chooses the scale. The pilot (block -1) warms
the file cache, records resident memory over time and finds arms that fail; its times are not
used except to correct the scale.
An arm that failed is not run again; one of a runtime that has no counterpart of an operation is
left out and named with the reason, which is no failure. Interrupted, everything measured stays in the log.
"""
from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Callable

from . import plan, scaling, worker
from .errors import BadInput
from .plan import Arm, Cell, Job
from .store import RunDir

PILOT = -1
SAFETY = 0.9  # of the time left, when the scale is chosen: machines slow down, too
OVERTIME = 1.25  # of the budget, to complete the smallest number of blocks
Tell = Callable[[str, float], None]


@dataclass
class Order:
    """What to run and for how long."""

    rows: list[tuple[Cell, list[Arm]]]
    seed: int
    min_blocks: int
    max_blocks: int
    scale: float
    budget_s: float
    settings: worker.Settings


@dataclass
class Tally:
    """What a run has so far."""

    entries: list[dict[str, Any]] = field(default_factory=list)
    failures: list[dict[str, Any]] = field(default_factory=list)
    scales: dict[str, float] = field(default_factory=dict)
    done: set[tuple[int, str, str]] = field(default_factory=set)
    skipped: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    spent_s: float = 0.0
    interrupted: bool = False

    def out(self, cell: Cell, arm: Arm) -> bool:
        """True for what failed or has no counterpart: it is not run again."""
        return (cell.name, arm.name) in self.skipped or any(f["cell"] == cell.name and f["arm"] == arm.name for f in self.failures)

    def take(self, line: dict[str, Any]) -> None:
        """Adds one line of the log."""
        self.spent_s += float(line.get("elapsed_s", 0.0))
        if line["kind"] == "skip":
            self.skipped[line["cell"], line["arm"]] = {
                "allocator": f"{line['cell']} on {line['column']}", "reason": line["reason"]}
        elif line["kind"] == "scale":
            self.scales[line["cell"]] = float(line["scale"])
        elif line["kind"] == "failure":
            self.failures.append(line)
            self.done.add((line["block"], line["cell"], line["arm"]))
        elif line["kind"] == "sample":
            self.done.add((line["block"], line["cell"], line["arm"]))
            if line["block"] != PILOT:
                self.entries.append(line["entry"])


class Runner:
    """One run of one order into one run directory."""

    def __init__(self, order: Order, rundir: RunDir, tell: Tell) -> None:
        self.order, self.rundir, self.tell = order, rundir, tell
        self.tally = Tally()
        for line in rundir.samples():
            self.tally.take(line)
        self.jobs = sum(len(arms) for _, arms in order.rows)
        self.costs: dict[str, scaling.Cost] = {}
        self.pass_s = 0.0

    def run(self) -> Tally:
        """Measures until the blocks, the budget or the user's patience are used up."""
        try:
            self._preflight()
            self._pilot()
            self._blocks()
        except KeyboardInterrupt:
            self.tally.interrupted = True
        return self.tally

    def _left(self) -> float:
        return self.order.budget_s - self.tally.spent_s

    def _log(self, line: dict[str, Any]) -> None:
        self.tally.take(line)
        self.rundir.append(line)

    def _preflight(self) -> None:
        """Tries every cell at two small sizes, then chooses the scales for the budget."""
        if len(self.tally.scales) == len(self.order.rows):
            return
        for cell, arms in self.order.rows:
            trials = self._trials(cell, arms)
            self.costs[cell.name] = scaling.cost([t for t in trials if t] or [(1.0, 0.0)],
                                                 len(arms))
        start = {cell.name: self.order.scale for cell, _ in self.order.rows}
        passes = self.order.min_blocks + 1
        for name, scale in scaling.choose(self.costs, SAFETY * self._left() / passes,
                                          start).items():
            self._log({"kind": "scale", "cell": name, "scale": scale})

    def _trials(self, cell: Cell, arms: list[Arm]) -> list[tuple[float, float] | None]:
        """On the first arm that does this work at all."""
        for arm in arms:
            trials = [self._try(cell, arm, self.order.scale * t) for t in scaling.TRIALS]
            if not self.tally.out(cell, arm):
                return trials
        return []

    def _try(self, cell: Cell, arm: Arm, scale: float) -> tuple[float, float] | None:
        """(scale, seconds) of a trial, None when the worker failed; bad input ends the run."""
        self.tell(f"checking {cell.name}", 0.0)
        sample = worker.measure(Job(PILOT, 0, cell, arm, 1, 0), self.order.settings,
                                max(scale, scaling.MIN_SCALE))
        self.tally.spent_s += sample.elapsed_s
        if sample.status == worker.LACKS:
            self._skip(cell, arm, sample)
        if sample.status == 2:
            raise BadInput(sample.detail or f"{cell.workload.path}: bad input")
        return (scale, sample.elapsed_s) if sample.ok else None

    def _skip(self, cell: Cell, arm: Arm, sample: worker.Sample) -> None:
        if (cell.name, arm.name) not in self.tally.skipped:
            file = cell.workload.path  # its folder is nobody's business who reads the report
            self._log({"kind": "skip", "cell": cell.name, "arm": arm.name,
                       "column": arm.column,
                       "reason": sample.detail.replace(str(file), file.name)})

    def _pilot(self) -> None:
        """Block -1; what it took corrects the scales, downwards only."""
        took: Counter[str] = Counter()
        for job in plan.block_jobs(PILOT, self.order.rows, self.order.seed):
            if job.key not in self.tally.done and not self.tally.out(job.cell, job.arm):
                before = self.tally.spent_s
                self._one(job, series=True)
                took[job.cell.name] += self.tally.spent_s - before
        self.pass_s = sum(took.values())
        if not self.costs or self.tally.entries:
            return
        start = dict(self.tally.scales)
        costs = {name: c.times(took[name] / max(c.at(start[name]), 1e-9))
                 for name, c in self.costs.items()}
        for name, scale in scaling.choose(costs, SAFETY * self._left() / self.order.min_blocks,
                                          start).items():
            if scale < start[name]:
                self._log({"kind": "scale", "cell": name, "scale": scale})

    def _blocks(self) -> None:
        for block in range(self.order.max_blocks):
            before, ran = self.tally.spent_s, 0
            if block >= self.order.min_blocks and self._left() < self.pass_s:
                return
            for job in plan.block_jobs(block, self.order.rows, self.order.seed):
                if job.key in self.tally.done or self.tally.out(job.cell, job.arm):
                    continue
                if self.tally.spent_s > OVERTIME * self.order.budget_s:
                    return
                self._one(job)
                ran += 1
            self._same_work(block)
            if ran:
                self.pass_s = self.tally.spent_s - before

    def _one(self, job: Job, series: bool = False) -> None:
        share = len(self.tally.done) / max(self.jobs * (self.order.max_blocks + 1), 1)
        used = self.tally.spent_s / max(self.order.budget_s, 1e-9)
        label = "pilot" if job.block == PILOT else f"block {job.block + 1}"
        self.tell(f"{label}: {job.cell.name} on {job.arm.column}", max(share, used))
        scale = self.tally.scales.get(job.cell.name, self.order.scale)
        file = None
        if series:
            name = f"{job.cell.name}-{job.arm.column}".replace("/", "-").replace(":", "")
            file = self.rundir.series_file(name + ".csv")
        sample = worker.measure(job, self.order.settings, scale, file)
        where = {"block": job.block, "cell": job.cell.name, "arm": job.arm.name,
                 "elapsed_s": round(sample.elapsed_s, 6)}
        if sample.entry is not None:
            self._log({"kind": "sample", **where, "entry": sample.entry})
        elif sample.status == worker.LACKS:
            self._skip(job.cell, job.arm, sample)
        else:
            self._log({"kind": "failure", **where, "column": job.arm.column,
                       "workload": job.cell.workload.name, "form": job.cell.form,
                       "threads": job.cell.threads, "failure": sample.failure,
                       "detail": sample.detail})

    def _same_work(self, block: int) -> None:
        """Equal work must give equal checksums; who differs from the majority has failed."""
        for cell, arms in self.order.rows:
            sums = {e["arm"]: str(e.get("checksum")) for e in self.tally.entries
                    if e["block"] == block and e["cell"] == cell.name}
            if len(set(sums.values())) < 2:
                continue
            counted = Counter(sums.values()).most_common(2)
            majority = counted[0][0] if counted[0][1] > counted[1][1] else None
            for arm in arms:
                if arm.name in sums and sums[arm.name] != majority:
                    self._log({"kind": "failure", "block": block, "cell": cell.name,
                               "arm": arm.name, "column": arm.column,
                               "workload": cell.workload.name, "form": cell.form,
                               "threads": cell.threads, "failure": "checksum differs",
                               "detail": f"{sums[arm.name]} where others have {majority}"})
