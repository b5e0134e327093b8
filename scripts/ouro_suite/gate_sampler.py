# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""Samples of a gate: pairs of fresh processes, block by block, kept in the run directory.

One process runs all phases several times; its time is the lower quartile of the iterations
after the first. The number of operations is chosen once a cell, on the base, and is the same in
both arms for the whole gate. A sample already in the log is not taken again, so that a stopped
gate goes on where it was.
"""
from __future__ import annotations

import contextlib
import itertools
import math
import os
import time
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import Any, Callable, Iterator, Sequence

import numpy as np

from . import escape, plan, worker, workloads
from .errors import BadInput
from .gate_build import SIDES, GateArm, GateCell
from .plan import Job
from .store import RunDir

Rows = Sequence[tuple[GateCell, Sequence[GateArm]]]
Tell = Callable[[str, float], None]
STAGE = 1 << 20  # block numbers of a stage begin at its multiple
SMALLEST, SMALL = 0.001, 0.01  # scales tried first
SHORT_S, LONG_S = 0.001, 0.005  # an iteration; docs/gate.md says why so short
FIXED_SHARE = 4  # an iteration is at least this many times its smallest size
PROCESS_S = 0.012  # of iterations in one process
MIN_ITERATIONS, MAX_ITERATIONS = 4, 9
HEAVY_S = 0.05  # an iteration with its untimed phases: then as few of them as will do
KEPT = ("ops", "checksum", "threads", "peak_rss_bytes", "minflt", "p99_ns", "gc_pause_max_ns",
        "timed_by")


@dataclass(frozen=True)
class Setup:
    """The fixed work of a cell's processes."""

    scale: float
    iterations: int
    one_core: bool = False  # one thread: both processes of a pair stay on the same core
    pair_s: float = 0.0  # what a pair takes, roughly


def lower_quartile(rounds: Sequence[int]) -> float:
    """Time of a process: others can only add to an iteration, so the quiet ones count; not the
    very quickest, which may be a lucky layout of the heap. The first warms up."""
    return float(np.quantile(rounds[1:] if len(rounds) > 1 else rounds, 0.25))


def condense(entry: dict[str, Any]) -> dict[str, Any]:
    """What the gate keeps of a record."""
    rounds = entry.get("rounds") or [entry]
    kept = {k: entry[k] for k in KEPT if k in entry}
    return {**kept, "wall": [r["wall_ns"] for r in rounds],
            "cpu": [r["cpu_ns"] for r in rounds]}


def _whole(value: Any, least: int = 0) -> bool:
    return type(value) is int and value >= least


def _seconds(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value) and value >= 0


def damaged(line: dict[str, Any]) -> str:
    """What keeps a line of the log from being one of a gate's; empty when nothing does."""
    kind, cell = line.get("kind"), line.get("cell")
    if kind == "clock":
        return "" if _seconds(line.get("elapsed_s")) else "no time"
    if kind == "end":
        return "" if isinstance(line.get("of"), str) and _whole(line.get("block")) \
            else "no end of a stage"
    if kind not in ("setup", "sample", "count") or not isinstance(cell, str):
        return "no line of a gate"
    if kind == "setup":
        scale = line.get("scale")
        return "" if _seconds(scale) and scale > 0 and _whole(line.get("iterations"), 1) \
            and isinstance(line.get("one_core"), bool) and _seconds(line.get("pair_s")) \
            else f"no size of {cell}"
    if kind == "count":
        return "" if _whole(line.get("base"), 1) and _whole(line.get("cand"), 1) \
            else f"no count of {cell}"
    values = line.get("values")
    if not _whole(line.get("block")) or line.get("side") not in SIDES \
            or not isinstance(values, dict):
        return f"no sample of {cell}"
    for clock in ("wall", "cpu"):
        times = values.get(clock)
        if not isinstance(times, list) or not times or not all(map(_whole, times)):
            return f"{cell}: a sample without {clock} times"
    bad = [k for k in KEPT if k in values and k not in ("checksum", "timed_by")
           and not _seconds(values[k])]
    return f"{cell}: {bad[0]} is no number" if bad else ""


class Failed(Exception):
    """A worker of one arm did not do its work."""


class Sampler:
    """Takes and keeps the samples of one gate."""

    def __init__(self, rows: Rows, seed: int, budget_s: float, rundir: RunDir,
                 tell: Tell) -> None:
        self.rows, self.seed, self.budget_s, self.rundir = rows, seed, budget_s, rundir
        self.tell = tell
        self.samples: dict[tuple[str, int], dict[str, dict[str, Any]]] = defaultdict(dict)
        self.setups: dict[str, Setup] = {}
        self.failures: dict[str, str] = {}
        self.costs: dict[str, list[float]] = defaultdict(list)
        self.ends: dict[str, int] = {}  # where the time of a stage ended
        self.counts: dict[str, tuple[float, float]] = {}  # instructions of base and candidate
        self.spent_s = 0.0  # before this process
        for number, line in enumerate(rundir.samples(), 1):
            why = damaged(line)
            if why:
                raise BadInput(f"{escape.for_terminal(str(rundir.path))}/samples.jsonl:{number}: "
                               f"damaged: {escape.for_terminal(why)}")
            self._take(line)
        self.started = time.monotonic()

    def _take(self, line: dict[str, Any]) -> None:
        if line["kind"] == "setup":
            self.setups[line["cell"]] = Setup(line["scale"], line["iterations"],
                                               line["one_core"], line["pair_s"])
        elif line["kind"] == "sample":
            self.samples[line["cell"], line["block"]][line["side"]] = line["values"]
        elif line["kind"] == "end":
            self.ends[line["of"]] = line["block"]
        elif line["kind"] == "count":
            self.counts[line["cell"]] = float(line["base"]), float(line["cand"])
        elif line["kind"] == "clock":
            self.spent_s = line["elapsed_s"]

    def _log(self, line: dict[str, Any], durable: bool = True) -> None:
        self.rundir.append(line, durable)
        self._take(line)

    def ended(self, stage: str, block: int) -> None:
        """Notes where the time of a stage ended; a resumed gate looks there and nowhere else."""
        self._log({"kind": "end", "of": stage, "block": block})

    def counted(self, cell: str, base: float, cand: float) -> None:
        """Keeps the instructions of a cell."""
        self._log({"kind": "count", "cell": cell, "base": int(base), "cand": int(cand)})

    def elapsed(self) -> float:
        """Seconds of measuring so far, earlier parts of a resumed gate included."""
        return self.spent_s + time.monotonic() - self.started

    def share(self) -> float:
        """Part of the budget that is used."""
        return self.elapsed() / self.budget_s

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """What happens inside is no measuring and does not count into the budget."""
        before = time.monotonic()
        try:
            yield
        finally:
            self.started += time.monotonic() - before

    def stop(self) -> None:
        """Notes the time used; what is left is for a resume."""
        elapsed = self.elapsed()
        self.started = time.monotonic()
        self._log({"kind": "clock", "elapsed_s": round(elapsed, 3)})

    def _run(self, job: Job, setup: Setup, core: int | None = None) -> dict[str, Any]:
        """One process alone; Failed names side, cell and log."""
        settings = self._settings(job, setup)
        return self._values(job, settings, setup, worker.measure(job, settings, setup.scale,
                                                                 core=core))

    def _settings(self, job: Job, setup: Setup) -> worker.Settings:
        assert isinstance(job.arm, GateArm) and isinstance(job.cell, GateCell)
        return replace(job.arm.settings, iterations=setup.iterations, latency=job.cell.latency)

    def _values(self, job: Job, settings: worker.Settings, setup: Setup,
                sample: worker.Sample) -> dict[str, Any]:
        """What is kept of a sample; Failed when there is none."""
        assert isinstance(job.arm, GateArm)
        if sample.entry is None:
            argv = worker.command(job, settings, setup.scale)
            name = f"{job.arm.side}-{job.cell.name}".replace("/", "-").replace(":", "") + ".log"
            log = self.rundir.write(name, "\n".join((
                escape.for_terminal(" ".join(argv)), f"status: {sample.status}",
                f"failure: {sample.failure}", sample.detail, "")))
            raise Failed(f"{job.arm.side}: {job.cell.name}: {sample.failure}"
                         + (f": {sample.detail}" if sample.detail else "") + f" (log: {log})")
        values = condense(sample.entry)
        if values.get("timed_by") == "time":
            raise BadInput(f"-w {job.cell.workload.name}: runs for a time: there is no equal "
                           "work to compare")
        return values

    def _pair(self, jobs: Sequence[Job], setup: Setup) -> list[dict[str, Any]]:
        """Both arms of a block, in order: their iterations take turns where there are any and
        both workers know how; else one process follows the other, on the same core."""
        core = None
        if setup.one_core:
            cores = sorted(os.sched_getaffinity(0))
            core = plan.derived(self.seed, "core", jobs[0].block).choice(cores)
        order = [(job, self._settings(job, setup)) for job in jobs]
        if setup.iterations == 1 or not all(settings.turns for _, settings in order):
            return [self._run(job, setup, core) for job in jobs]
        samples = worker.measure_pair(order[0], order[1], setup.scale, core)
        if not any(s.ok for s in samples): # one that hangs keeps the other waiting: who is it?
            return [self._run(job, setup) for job in jobs]
        return [self._values(job, settings, setup, sample)
                for (job, settings), sample in zip(order, samples)]

    def prepare(self) -> None:
        """Fixes the work of every cell that has none yet."""
        for cell, arms in self.rows:
            if cell.name in self.setups or cell.name in self.failures:
                continue
            if self.setups and self.elapsed() > self.budget_s:
                self.failures[cell.name] = (f"{cell.name}: the budget ended before its work was "
                                            "sized: more --budget, or fewer workloads (-w)")
                continue
            self.tell(f"sizing {cell.name}", self.share())
            try:
                setup = self._size(cell, arms[0])
            except Failed as error:
                self.failures[cell.name] = str(error)
                continue
            self._log({"kind": "setup", "cell": cell.name, "scale": setup.scale,
                       "iterations": setup.iterations, "one_core": setup.one_core,
                       "pair_s": round(setup.pair_s, 3)})

    def _size(self, cell: GateCell, arm: GateArm) -> Setup:
        """Operations and iterations from two small runs: a straight line through them."""
        if cell.workload.kind == workloads.TRACE:
            took, _ = self._trial(cell, arm, Setup(1.0, 1))
            return Setup(1.0, 1, pair_s=2 * took)
        took, whole = [], []
        for scale in (SMALLEST, SMALL):
            spent, values = self._trial(cell, arm, Setup(scale, 3))
            whole.append(spent / 3)
            took.append(min(values["wall"][1:]) / 1e9)
        wanted = min(max(SHORT_S, FIXED_SHARE * took[0]), LONG_S)
        slope = max((took[1] - took[0]) / (SMALL - SMALLEST), 1e-9)
        scale = min(max(SMALLEST, SMALLEST + (wanted - took[0]) / slope), 1.0)
        expected = took[0] + slope * (scale - SMALLEST)
        iterations = min(max(round(PROCESS_S / expected) + 1, MIN_ITERATIONS), MAX_ITERATIONS)
        each = whole[0] if scale < SMALL / 3 else whole[1]
        if each > HEAVY_S:
            iterations = MIN_ITERATIONS
        return Setup(float(f"{scale:.3g}"), int(iterations), values["threads"] == 1,
                     2 * iterations * each)

    def _trial(self, cell: GateCell, arm: GateArm, setup: Setup) -> tuple[float, dict[str, Any]]:
        """A process of another size than the gate's: its seconds and values."""
        before = time.monotonic()
        values = self._run(Job(0, 0, cell, arm, 1, 0), setup)
        return time.monotonic() - before, values

    def affordable(self, rows: Rows, limit_s: float) -> bool:
        """Whether another block of these rows ends before `limit_s`."""
        cost = sum(float(np.mean(self.costs[c.name][-10:])) for c, _ in rows
                   if self.costs[c.name])
        return self.elapsed() + cost <= limit_s

    def block(self, stage: int, number: int, rows: Rows) -> None:
        """Runs what is missing of one block; stops within it when the budget is used up, for
        the first block of heavy workloads may be longer than anybody knew."""
        live = [(c, a) for c, a in rows if c.name not in self.failures]
        where = stage * STAGE + number
        by_cell = itertools.groupby(plan.block_jobs(where, live, self.seed),
                                    lambda job: job.cell.name)
        for cell, jobs in by_cell:
            if len(self.samples[cell, where]) == len(SIDES) or cell in self.failures:
                continue
            if self.elapsed() > self.budget_s:
                break
            self._block_of(cell, where, list(jobs))
        for cell, arms in live:
            self._same_work(cell.name, where, arms)

    def _block_of(self, cell: str, where: int, jobs: Sequence[Job]) -> None:
        """The two processes of one cell and block."""
        before = time.monotonic()
        try:
            both = self._pair(jobs, self.setups[cell])
        except Failed as error:
            self.failures[cell] = str(error)
            return
        took = time.monotonic() - before
        for job, values in zip(jobs, both):
            self._log({"kind": "sample", "cell": cell, "block": where, "side": job.arm.name,
                       "elapsed_s": round(took / 2, 6), "values": values}, durable=False)
        self.costs[cell].append(took)

    def _same_work(self, cell: str, where: int, arms: Sequence[GateArm]) -> None:
        """Both arms read the same contents, or one of them did not do the ordered work."""
        found = self.samples[cell, where]
        if len(found) < len(SIDES) or any(a.settings.inject for a in arms):
            return
        for key in ("checksum", "ops"):
            theirs = found["cand"].get(key)
            if theirs is None or theirs != found["base"].get(key):
                self.failures[cell] = (f"cand: {cell}: other work than base: {key} "
                                       f"{escape.for_terminal(str(theirs))}")
                return

    def pairs(self, cell: str, stages: Sequence[int],
              value: Callable[[dict[str, Any]], float]) -> list[tuple[float, float]]:
        """(base, candidate) of every whole block of these stages, in order."""
        found = []
        for (name, block), sides in sorted(self.samples.items()):
            if name == cell and block // STAGE in stages and len(sides) == 2:
                found.append((value(sides["base"]), value(sides["cand"])))
        return found
