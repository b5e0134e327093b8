# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""The instruction counter judged on itself: is planted work always found, do counts repeat?

A trial is one cell with a seed of its own: a build against itself (two counts, which must be
equal in every function), then against itself with `inject` more operations in the timed loop:
real work, same code, same layout (two counts again). Found means verdict regression.
"""
from __future__ import annotations

import argparse
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Sequence

from . import context, doctor, gate_judge, icount, icount_judge, paths, plan, store, terminal
from .errors import EXIT_OK, EXIT_ROW_FAILED, BadInput
from .icount_judge import Subject
from .verdict import REGRESSION

EXIT_INTERRUPTED = 130
MOST = 100_000
WORKLOADS = ("churn", "large-list")  # by default: their work grows with their operations


@dataclass(frozen=True)
class Trial:
    """One cell under one seed; `error` says why there are no counts."""

    workload: str
    seed: int
    base: int = 0
    cand: int = 0
    effect: float | None = None
    verdict: str = "error"
    repeated: bool = False
    error: str = ""


def fraction(text: str) -> float:
    """`2%`, as a fraction above 0."""
    value = gate_judge.percent(text, "--inject")
    if value == 0.0:
        raise BadInput("--inject: above 0 %, such as 2%")
    return value


def trial(cell: plan.Cell, build: Path, scale: float, seed: int, inject: float,
          tolerance: float) -> Trial:
    """Four counts and the verdict; a count that fails or does not repeat is in `error`."""
    base, cand = Subject(build), Subject(build, None, inject)
    try:
        one = base.count(cell, scale, seed)
        icount.check_repeat(one, base.count(cell, scale, seed), "base")
        other = cand.count(cell, scale, seed)
        icount.check_repeat(other, cand.count(cell, scale, seed), "planted")
    except BadInput as error:
        return Trial(cell.name, seed, error=str(error))
    row = icount_judge.row(cell, [one], [other], tolerance)
    return Trial(cell.name, seed, one.total, other.total, row.effect, row.verdict, True)


def summary(trials: Sequence[Trial]) -> dict[str, dict[str, Any]]:
    """By workload: how many trials, how many were found, repeated, and the effects' range."""
    found: dict[str, dict[str, Any]] = {}
    for name in dict.fromkeys(t.workload for t in trials):
        mine = [t for t in trials if t.workload == name]
        effects = [t.effect for t in mine if t.effect is not None]
        found[name] = {"trials": len(mine),
                       "found": sum(t.verdict == REGRESSION for t in mine),
                       "repeated": sum(t.repeated for t in mine),
                       "least_effect": min(effects, default=None),
                       "greatest_effect": max(effects, default=None)}
    return found


def _stored(args: argparse.Namespace, trials: list[Trial], build: Path, tolerance: float,
            scales: dict[str, float], elapsed_s: float, interrupted: bool) -> dict[str, Any]:
    about = context.collect(build, args.seed, True)
    for key in ("argv", "executable", "load_avg", "caches", "json_schema_version"):
        about.pop(key, None)
    return {"ouro_selftest_format": 1, "what": "icount", "context": about,
            "doctor": doctor.summary(doctor.examine(about["build_type"])),
            "tool": icount.version(), "inject": fraction(args.inject), "tolerance": tolerance,
            "scales": scales, "elapsed_s": round(elapsed_s, 1), "interrupted": interrupted,
            "summary": summary(trials), "trials": [asdict(t) for t in trials]}


def _table(found: dict[str, dict[str, Any]], inject: str) -> Any:
    return terminal.grid(
        f"planted work of {inject}, by instruction count",
        ("workload", "trials", "found", "counts repeated", "effects"),
        [(name, one["trials"], one["found"], one["repeated"],
          "" if one["least_effect"] is None else
          f"{one['least_effect'] - 1:+.3%} to {one['greatest_effect'] - 1:+.3%}")
         for name, one in found.items()], (1, 2, 3))


def run(args: argparse.Namespace, cells: Sequence[plan.Cell], tolerance: float) -> int:
    """ouro icount --selftest N: 0 when all was found and repeated, 1 when not."""
    if not 1 <= args.selftest <= MOST:
        raise BadInput(f"--selftest: from 1 to {MOST} trials")
    build, inject = paths.build_dir(args.build), fraction(args.inject)
    start, trials, interrupted = time.monotonic(), [], False
    scales: dict[str, float] = {}
    total = args.selftest * len(cells)
    with terminal.Meter("selftest") as meter:
        try:
            for number in range(args.selftest):
                for cell in cells:
                    if cell.name not in scales:
                        scales[cell.name] = args.scale or icount_judge.TRIAL_SCALE
                    missed = sum(t.verdict != REGRESSION for t in trials)
                    meter.tell(f"{cell.name}, {missed} missed", len(trials) / total)
                    trials.append(trial(cell, build, scales[cell.name], args.seed + number,
                                        inject, tolerance))
        except KeyboardInterrupt:
            interrupted = True
    done = _stored(args, trials, build, tolerance, scales, time.monotonic() - start,
                   interrupted)
    if args.output:
        Path(args.output).parent.mkdir(parents=True, exist_ok=True)
        store.write_atomic(Path(args.output), store.dumps(done, indent=1) + "\n")
    if args.json:
        print(store.dumps(done, indent=1))
    else:
        terminal.console().print(_table(done["summary"], args.inject))
    for one in trials:
        if one.error:
            terminal.say(f"{one.workload}, seed {one.seed}: {one.error}")
    if interrupted:
        return EXIT_INTERRUPTED
    sound = all(t.verdict == REGRESSION and t.repeated for t in trials)
    return EXIT_OK if sound else EXIT_ROW_FAILED
