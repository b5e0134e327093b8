# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""One sample: the command line and environment of a worker, and the judgement of its record.

docs/worker.md is the protocol. A record is believed only when the process ended well, the
record came over its own pipe, is finite and complete, and names the work and the allocator
that were ordered.
"""
from __future__ import annotations

import json
import math
import os
import signal
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import allocators, child, collector, escape, paths, store
from .plan import Cell, Job

LACKS = 5  # exit status: this runtime has no counterpart of an operation
STATUS_MEANING = {2: "bad input", 3: "verification failed", 4: "wrong allocator",
                  LACKS: "no counterpart"}
NUMBERS = ("iterations", "real_time", "cpu_time", "threads", "seed", "wall_ns", "cpu_ns", "ops",
           "items_per_second", "peak_rss_bytes", "end_rss_bytes", "live_peak_bytes", "minflt",
           "majflt")
POSITIVE = ("iterations", "real_time", "wall_ns", "ops", "items_per_second", "peak_rss_bytes")
KEPT_ENVIRONMENT = ("PATH", "HOME", "TMPDIR")


@dataclass(frozen=True)
class Settings:
    """What is the same for all samples of a run."""

    build: Path
    timeout_s: float
    iterations: int = 1  # of all phases, in one process
    inject: float = 0.0  # fraction of planted work: only the gate's test of itself orders it
    latency: bool = False
    turns: bool = True  # the worker knows --turns


@dataclass(frozen=True)
class Sample:
    """One process's outcome: an entry of benchmarks[], or the reason there is none."""

    job: Job
    entry: dict[str, Any] | None
    failure: str
    detail: str
    elapsed_s: float
    status: int | None = None

    @property
    def ok(self) -> bool:
        return self.entry is not None


def environment(job: Job) -> dict[str, str]:
    """A small, equal environment: kept variables, the allocator's tuning, the preload."""
    env = {k: os.environ[k] for k in KEPT_ENVIRONMENT if k in os.environ}
    env["LC_ALL"] = "C"
    env.update(allocators.tuning_environment([job.arm.allocator]))
    if job.arm.allocator.path:
        env["LD_PRELOAD"] = job.arm.allocator.path
    return env


def _stack_bytes(argv: list[str], env: dict[str, str]) -> int:
    return sum(len(a) + 1 for a in argv) + sum(len(k) + len(v) + 2 for k, v in env.items())


def pad(argv: list[str], env: dict[str, str], padding: int) -> dict[str, str]:
    """Fills the environment so that arguments and variables take the same number of bytes in
    every arm of a block: their size alone moves the stack and with it the timing."""
    used = _stack_bytes(argv, env) + len("OURO_PADDING=") + 1
    return {**env, "OURO_PADDING": "x" * max(0, 8192 + padding - used)}


def command(job: Job, settings: Settings, scale: float,
            series: Path | None = None) -> list[str]:
    """The worker's arguments, all but the result descriptor."""
    workload = job.cell.workload
    program = job.arm.allocator.worker or workload.program
    argv = [str(paths.need(program, settings.build)), str(workload.path),
            "--form", job.cell.form]
    if job.cell.form == "object":
        argv += ["--heap", job.arm.heap]
    if job.cell.threads is not None:
        argv += ["--threads", str(job.cell.threads)]
    argv += ["--seed", str(job.seed), "--scale", f"{scale:g}",
             "--expect", job.arm.allocator.expect]
    if settings.iterations > 1:
        argv += ["--iterations", str(settings.iterations)]
    if settings.inject:
        argv += ["--inject", f"{settings.inject:.6%}"]
    if settings.latency:
        argv += ["--latency"]
    if series is not None:
        argv += ["--rss-series", str(series)]
        if job.cell.form == "object":
            argv += ["--pauses", str(pauses_file(series))]
    return argv


def pauses_file(series: Path) -> Path:
    """Where the stops of the world go that belong to a series of resident memory."""
    return series.with_name(f"{series.stem}.pauses.csv")


def signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _last_line(text: bytes) -> str:
    lines = text.decode("utf-8", "replace").strip().splitlines()
    return escape.for_terminal(lines[-1])[:300] if lines else ""


def ending(outcome: child.Outcome, timeout_s: float) -> str:
    """Why a process does not count; empty when it ended well."""
    if outcome.flooded:
        return f"flooded its {outcome.flooded}"
    if outcome.timed_out:
        return f"timed out after {timeout_s:g} s"
    if outcome.oom_killed:
        return "killed: out of memory"
    if outcome.signal == signal.SIGKILL:
        return "killed by SIGKILL, not sent by ouro, cause unknown"
    if outcome.signal is not None:
        return f"crashed {signal_name(outcome.signal)}"
    if outcome.status:
        return STATUS_MEANING.get(outcome.status, f"exit status {outcome.status}")
    return ""


def parse_record(data: bytes) -> dict[str, Any]:
    """One JSON object on one line, nothing else; ValueError says what is wrong."""
    if not data.strip():
        raise ValueError("no record written")
    if len(data) >= child.RESULT_CAP or data.strip().count(b"\n"):
        raise ValueError("more than one line")
    try:
        record = store.loads(data.decode("utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"not JSON: {type(error).__name__}") from None
    if not isinstance(record, dict):
        raise ValueError("not an object")
    return record


def _check_numbers(record: dict[str, Any]) -> None:
    for key in NUMBERS:
        value = record.get(key)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ValueError(f"{key} is missing or not a number")
        if not math.isfinite(value) or value < 0 or (key in POSITIVE and value <= 0):
            raise ValueError(f"{key} is {value}")


def _check_rounds(record: dict[str, Any], iterations: int, inject: float) -> None:
    """As many iterations as ordered, each with its times; nothing injected unasked."""
    injected = record.get("injected", 0.0)
    if not isinstance(injected, float) or abs(injected - inject) > 1e-6:
        raise ValueError("the record has other injected work than was ordered")
    rounds = record.get("rounds", [])
    wanted = iterations if iterations > 1 else 0
    if not isinstance(rounds, list) or len(rounds) != wanted:
        raise ValueError(f"the record does not have {iterations} iterations")
    for one in rounds:
        times = [one.get(k) for k in ("wall_ns", "cpu_ns")] if isinstance(one, dict) else [None]
        if not all(type(t) is int and t >= 0 for t in times) or times[0] == 0:
            raise ValueError("an iteration without its times")


def check_record(record: dict[str, Any], cell: Cell, job: Job,
                 settings: Settings) -> None:
    """The record is about the ordered work, verified, under the ordered allocator."""
    _check_numbers(record)
    _check_rounds(record, settings.iterations, settings.inject)
    collector.check(record)
    if record.get("verified") is not True:
        raise ValueError("the worker did not verify its work")
    if record.get("form") != cell.form:
        raise ValueError("the record is about another form")
    if job.arm.allocator.worker and record.get("heap") != job.arm.heap:
        raise ValueError("the record is about another runtime")
    if cell.workload.kind == "file" and record.get("workload") != cell.workload.name:
        raise ValueError("the record is about another workload")
    if record["seed"] != job.seed:
        raise ValueError("the record has another seed")
    if cell.threads is not None and record["threads"] != cell.threads:
        raise ValueError("the record has another thread count")
    used = record.get("allocator")
    if not isinstance(used, dict) or not isinstance(used.get("path"), str):
        raise ValueError("the record does not name its allocator")
    wanted = job.arm.allocator.path
    if wanted and os.path.realpath(used["path"]) != os.path.realpath(wanted):
        raise ValueError(f"malloc came from {escape.for_terminal(used['path'])}")


def entry(record: dict[str, Any], job: Job, outcome: child.Outcome) -> dict[str, Any]:
    """The record as an entry of benchmarks[]: named by cell and arm, flat but for the lists."""
    row = {k: v for k, v in record.items() if v is not None}
    threads = int(record["threads"])
    name = f"{job.cell.workload.name}/{job.cell.form}/{job.arm.column}/threads:{threads}"
    row.update(name=name, run_name=name, run_type="iteration", repetition_index=job.block,
               workload=job.cell.workload.name, cell=job.cell.name, arm=job.arm.name,
               column=job.arm.column, heap=job.arm.heap, block=job.block,
               order_pos=job.order_pos, padding=job.padding,
               process_s=round(outcome.elapsed_s, 6), process_cpu_s=round(outcome.cpu_s, 6),
               max_rss_bytes=outcome.max_rss_bytes)
    row["allocator"] = {"name": job.arm.allocator.name, **record["allocator"]}
    return row


def measure(job: Job, settings: Settings, scale: float, series: Path | None = None,
            turns: tuple[int, int] | None = None, core: int | None = None) -> Sample:
    """Runs one job to a sample; never raises for what the worker does. `turns` are descriptors
    over which its iterations take turns with another process's (measure_pair)."""
    argv = command(job, settings, scale, series)
    if turns:
        argv += ["--turns", "{:03},{:03}".format(*turns)]  # equal in length
    env = pad(argv, environment(job), job.padding)
    try:
        outcome = child.run(argv, env, settings.timeout_s, "--out-fd", hand_over=turns or (),
                            core=core)
    except OSError as error:
        return Sample(job, None, "cannot start", str(error), 0.0)
    why = ending(outcome, settings.timeout_s)
    if why:
        return Sample(job, None, why, _last_line(outcome.stderr), outcome.elapsed_s,
                      outcome.status)
    try:
        record = parse_record(outcome.result)
        check_record(record, job.cell, job, settings)
    except ValueError as error:
        return Sample(job, None, "bad record", str(error), outcome.elapsed_s, outcome.status)
    return Sample(job, entry(record, job, outcome), "", "", outcome.elapsed_s, 0)


def measure_pair(first: tuple[Job, Settings], second: tuple[Job, Settings], scale: float,
                 core: int | None) -> tuple[Sample, Sample]:
    """Two processes at a time whose iterations take turns, `first` begins: a byte over a pipe
    says whose turn it is, so that never both work. What slows the machine for longer than an
    iteration slows both; with `core` both stay on that one, for cores differ. A process that
    ends closes its pipes, and the other goes on alone."""
    (one_in, two_out), (two_in, one_out) = os.pipe(), os.pipe()
    os.write(two_out, b"t")
    with ThreadPoolExecutor(1) as other:
        late = other.submit(measure, *second, scale, turns=(two_in, two_out), core=core)
        try:
            sample = measure(*first, scale, turns=(one_in, one_out), core=core)
            return sample, late.result()
        except BaseException:  # an interrupt: nobody waits for one that hangs
            while wait([late], 0.05).not_done:
                child.kill_running()
            raise
