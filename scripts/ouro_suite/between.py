# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""Two or more stored runs, matched by benchmark name, the first being the base.

Runs of different times cannot be paired, so drift of the machine between them stays in the
ratio: good for a look, not for a verdict.
"""
from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import Any, Callable, Sequence

from . import doctor, stats
from .errors import BadInput
from .result import Result


@dataclass(frozen=True)
class Between:
    """One benchmark over the runs; `ratios[i]` is run i+1 over run 0."""

    name: str
    times_ns: list[float]
    ratios: list[stats.Ratio]


def _times(run: Result) -> dict[str, list[float]]:
    found: dict[str, list[float]] = defaultdict(list)
    for entry in run.benchmarks:
        found[str(entry["name"])].append(float(entry["real_time"]))
    return found


def selection(pattern: str | None) -> Callable[[str], Any]:
    """True for the names that --filter wants."""
    try:
        return re.compile(pattern or "").search
    except re.error as error:
        raise BadInput(f"--filter: {error}") from None


def compare(runs: Sequence[Result], wanted: Callable[[str], Any]) -> list[Between]:
    """Benchmarks that all runs have, in the first one's order."""
    if len(runs) < 2:
        raise BadInput("compare: give at least two runs")
    all_times = [_times(run) for run in runs]
    rows = []
    for name, base in all_times[0].items():
        if wanted(name) and all(name in times for times in all_times):
            rows.append(Between(
                name, [float(stats.median(t[name]) or 0.0) for t in all_times],
                [stats.independent_ratio(t[name], base) for t in all_times[1:]]))
    return rows


def warnings(runs: Sequence[Result]) -> list[str]:
    """What makes these runs less comparable than they look."""
    found = []
    for key, what in (("kernel", "kernels"), ("libc", "C libraries"), ("seed", "seeds"),
                      ("compiler", "compilers"), ("flags", "compiler flags"),
                      ("governor", "governors"), ("profile", "profiles"),
                      ("scales", "scales")):
        if len({repr(run.context.get(key)) for run in runs}) > 1:
            found.append(f"the runs have different {what}")
    for run in runs:
        mark = doctor.mark(run.context.get("doctor", []))
        if mark:
            found.append(f"{run.name} was {mark}")
    found.append("these runs were not interleaved: drift between them is in the ratios")
    return found
