# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""Instructions of a workload's timed phases, counted by callgrind to the instruction.

A count says nothing about caches, contention or the kernel, but it is the same on a loaded
machine, and one instruction more is seen. What makes it repeat: one thread, fixed work, one
seed for the engine and for the hashes of strings, no address randomisation, arguments and
environment of one size, and no memory given back by age. The collection toggles on the
worker's function that runs the timed phases, so neither start-up nor reading files is in it.
"""
from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Mapping

from . import allocators, child, escape, plan, worker, workloads
from .errors import BadInput

TIMED = {workloads.FILE: "ouro_work_timed", workloads.TRACE: "ouro_replay_timed"}
TIMEOUT_S = 600.0
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "HOME": "/", "LC_ALL": "C"}
# Added to the caller's settings, of whatever allocator is there; later ones win. Random hashes
# and memory given back by age would differ from run to run.
FIXED = {"OURO_CONF": "hash_seed=1,heap_purge_ms=3600000",
         "MALLOC_CONF": "dirty_decay_ms:-1,muzzy_decay_ms:-1"}
HOUR_MS = "3600000"
DELAYS = ("MIMALLOC_PURGE_DELAY", "MIMALLOC_RESET_DELAY", "MIMALLOC_DECOMMIT_DELAY",
          "MIMALLOC_SEGMENT_DECOMMIT_DELAY")
# What the compiler appends to parts of a function; numbers in it move when code is relinked.
PART = re.compile(r"(\.(constprop|isra|part|cold|lto_priv))(\.\d+)*")


class Unavailable(Exception):
    """No instruction can be counted here; the text says why."""


class TimedOut(BadInput):
    """A count did not end in the time given."""


class NotRepeatable(BadInput):
    """Two runs of equal work counted differently."""


@dataclass(frozen=True)
class IrCount:
    """Instructions of the timed phases, in all and by function (each without its callees)."""

    total: int
    by_function: dict[str, int]
    ops: int = 0
    checksum: str = ""
    scale: float = 1.0
    seed: int = 1
    notes: tuple[str, ...] = field(default=())


@functools.lru_cache(maxsize=1)
def launcher() -> tuple[str, ...]:
    """valgrind, without address randomisation where that may be turned off."""
    tool = shutil.which("valgrind")
    if tool is None:
        raise Unavailable("valgrind: not found: install the Debian package valgrind")
    fixed = shutil.which("setarch")
    still = (fixed, "-R") if fixed else ()
    if still and subprocess.run([*still, "true"], capture_output=True, check=False).returncode:
        still = ()  # some containers forbid it; the check of repeats will tell
    return (*still, tool)


def version() -> str:
    """valgrind's version; empty when there is none."""
    tool = shutil.which("valgrind")
    if tool is None:
        return ""
    done = subprocess.run([tool, "--version"], capture_output=True, text=True, check=False)
    return done.stdout.strip()


def command(argv: list[str], kind: str, out: Path) -> list[str]:
    """argv under callgrind; `kind` is the workload's."""
    return [*launcher(), "-q", "--tool=callgrind", "--vgdb=no", "--compress-strings=no",
            f"--toggle-collect={TIMED[kind]}", f"--callgrind-out-file={out}", *argv]


def parse(text: str) -> IrCount:
    """callgrind's output file; ValueError when it is not one or does not add up."""
    if not text.startswith(("# callgrind format", "version:")):
        raise ValueError("not a file of callgrind")
    found: Counter[str] = Counter()
    name, called, total = "", False, None
    for line in text.splitlines():
        if line.startswith("fn="):
            name = PART.sub("", line[3:])
        elif line.startswith("calls="):
            called = True  # the next line is the callee's inclusive cost
        elif line.startswith("totals:"):
            total = int(line.split()[1])
        elif line.startswith("events:") and line.split()[1] != "Ir":
            raise ValueError("its first event is not Ir")
        elif line[:1] in "0123456789+-*" and line:
            fields = line.split()
            if not called and len(fields) > 1:
                found[name] += int(fields[1])
            called = False
    if total is None or sum(found.values()) != total:
        raise ValueError(f"{sum(found.values())} instructions in functions, {total} in all")
    return IrCount(total, {n: c for n, c in sorted(found.items()) if c})


def environment(arm: plan.Arm) -> dict[str, str]:
    """The same for every caller on this machine, but for the allocator's own settings."""
    env = {**ENVIRONMENT, **dict.fromkeys(DELAYS, HOUR_MS),
           **allocators.tuning_environment([arm.allocator])}
    for name, fixed in FIXED.items():
        given = os.environ.get(name, "")
        env[name] = f"{given},{fixed}" if given else fixed
    if arm.allocator.path:
        env["LD_PRELOAD"] = arm.allocator.path
    return env


def default_arm(build: Path, cell: plan.Cell) -> plan.Arm:
    """What a build is measured by: its own malloc library, its own runtime and heap."""
    table = allocators.known(build)
    return plan.make_arms([table["ouro"]], cell.form, table, None)[0]


def _file_threads(load: workloads.Workload) -> int:
    found = workloads.settings(load).get("threads", 1)
    return found if isinstance(found, int) and not isinstance(found, bool) else 1


def _why(outcome: child.Outcome, timeout_s: float) -> str:
    said = outcome.stderr.decode("utf-8", "replace")
    if "unhandled instruction" in said or "Unrecognised instruction" in said:
        return "callgrind cannot run this code: build it without AVX-512 (x86-64-v3)"
    why = worker.ending(outcome, timeout_s)
    lines = [x for x in said.strip().splitlines() if x.strip()]
    return f"{why}: {escape.for_terminal(lines[-1])[:300]}" if why and lines else why


def measure(build: Path, cell: plan.Cell, *, scale: float, seed: int,
            arm: plan.Arm | None = None, inject: float = 0.0,
            timeout_s: float = TIMEOUT_S) -> IrCount:
    """One count: `cell` of `build` with one thread, `inject` being the fraction of planted
    work. Raises Unavailable (no valgrind), TimedOut (after `timeout_s` seconds), BadInput (no
    count of this)."""
    arm = arm or default_arm(build, cell)
    if arm.allocator.missing:
        raise BadInput(f"{cell.name}: {arm.allocator.name}: {arm.allocator.missing}")
    one = plan.Cell(cell.workload, cell.form,
                    1 if cell.workload.kind == workloads.FILE else cell.threads)
    job = plan.Job(0, 0, one, arm, seed, 0)
    settings = worker.Settings(build, timeout_s, inject=inject)
    argv = worker.command(job, settings, scale)
    shown = f"{cell.name} of {escape.for_terminal(str(build))}"
    with tempfile.TemporaryDirectory(prefix="ouro-icount-") as folder:
        out = Path(folder) / "out"
        outcome = child.run(command(argv, cell.workload.kind, out),
                            worker.pad(argv, environment(arm), 0), timeout_s, "--out-fd",
                            cwd=Path(folder))  # where a crash leaves valgrind's core file
        why = _why(outcome, timeout_s)
        if outcome.timed_out:
            raise TimedOut(f"{shown}: {why}")
        try:
            if why:
                raise ValueError(why)
            record = worker.parse_record(outcome.result)
            worker.check_record(record, one, job, settings)
            count = parse(out.read_text(encoding="utf-8", errors="replace"))
        except (OSError, ValueError, IndexError) as error:
            raise BadInput(f"{shown}: {error}") from None
    return _checked(count, record, cell, shown)


def _checked(count: IrCount, record: dict[str, object], cell: plan.Cell, shown: str) -> IrCount:
    """The count with what the worker said about its work."""
    if record.get("timed_by") == "time":
        raise BadInput(f"{shown}: runs for a time: there is no fixed work to count")
    if count.total <= 0:
        raise BadInput(f"{shown}: no instruction counted: is {TIMED[cell.workload.kind]} "
                       "stripped from its symbols?")
    asked = cell.threads or (_file_threads(cell.workload) if cell.workload.kind ==
                             workloads.FILE else 1)
    notes = (f"counted with 1 thread instead of {asked}",) if asked > 1 else ()
    return IrCount(count.total, count.by_function, int(str(record["ops"])),
                   str(record.get("checksum", "")), float(str(record.get("scale", 1.0))),
                   int(str(record["seed"])), notes)


def movers(base: Mapping[str, int], cand: Mapping[str, int]) -> list[tuple[str, int, int]]:
    """(function, base, candidate) of the functions that differ, the largest change first."""
    rows = [(name, base.get(name, 0), cand.get(name, 0)) for name in set(base) | set(cand)]
    return sorted((r for r in rows if r[1] != r[2]), key=lambda r: (-abs(r[2] - r[1]), r[0]))


def check_repeat(first: IrCount, again: IrCount, shown: str) -> None:
    """Raises NotRepeatable, naming the function that differs most."""
    if first.total == again.total and first.by_function == again.by_function:
        return
    moved = movers(first.by_function, again.by_function)
    name, one, two = moved[0] if moved else ("(all)", first.total, again.total)
    raise NotRepeatable(
        f"{shown}: two runs of the same work differ: {escape.for_terminal(name)}: {one} and "
        f"{two} instructions ({len(moved)} functions differ, {first.total} and {again.total} "
        "in all)")
