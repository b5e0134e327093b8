# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""ouro calibrate: the same build against itself, to learn what this machine calls a difference.

A session is SESSION pairs judged like a gate's. What sessions of identical arms say is noise;
the part of it that more pairs would not remove is the noise floor, per workload and clock. Kept
by machine, in $XDG_STATE_HOME/ouro or --store; a gate takes floor and clock from there.
"""
from __future__ import annotations

import argparse
import datetime
import hashlib
import math
import os
import platform
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats as scipy_stats

from . import child, context, escape, gate_build, paths, profiles, stats, store, terminal
from . import gate_judge as judge
from .errors import BadInput
from .gate_run import CONFIRM
from .gate_sampler import Rows, Sampler, lower_quartile

FORMAT = 1
SESSION = 24  # pairs
MIN_SESSIONS, MAX_SESSIONS = 5, 40
SURE = 0.05  # error of a session's interval: 1.96 standard errors to each side
MAD = 1.4826  # from a median distance to a standard deviation
CLOCKS = ("wall", "cpu")


@dataclass(frozen=True)
class Noise:
    """A cell's noise: `floor` and `spread` by clock, fractions; `block_s` of one pair."""

    clock: str
    floor: dict[str, float]
    spread: dict[str, float]
    sessions: int
    block_s: float

    def detectable(self, budget_s: float, cells: int) -> float:
        """The smallest slow-down that a gate of `cells` such workloads finds in 99 of 100
        cases: fresh pairs fill half of the budget."""
        pairs = min(max(budget_s / 2 / cells / self.block_s, judge.MIN_PAIRS),
                    judge.CONFIRM_LOOKS[-1])
        sure = scipy_stats.norm.isf(judge.ALPHA / judge.LOOKS / 2 / cells)
        power = scipy_stats.norm.isf(0.01)
        return float(max((sure + power) * self.spread[self.clock] / math.sqrt(pairs),
                         2 * self.floor[self.clock]))


def fingerprint() -> str:
    """Tells machines apart by name, processor, usable processors and architecture."""
    text = "/".join(map(str, (platform.node(), context.machine()["cpu"],
                              len(os.sched_getaffinity(0)), platform.machine())))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def file_of(folder: str | None) -> Path:
    """Where this machine's calibration is kept."""
    home = os.environ.get("XDG_STATE_HOME") or os.path.join(os.path.expanduser("~"), ".local",
                                                            "state")
    return (Path(folder) if folder else Path(home) / "ouro") / f"noise-{fingerprint()}.json"


def load(folder: str | None) -> dict[str, Noise]:
    """What is known of this machine; empty before the first calibration. Damaged: BadInput."""
    file = file_of(folder)
    shown = escape.for_terminal(str(file))
    if not file.exists():
        return {}
    try:
        data = store.loads(file.read_text(encoding="utf-8"))
        if data["ouro_calibration_format"] != FORMAT or data["fingerprint"] != fingerprint():
            raise ValueError("of another machine or format")
        found = {name: Noise(**row) for name, row in data["cells"].items()}
        for name, noise in found.items():
            values = [*noise.floor.values(), *noise.spread.values(), noise.block_s]
            if noise.clock not in CLOCKS or set(noise.floor) != set(CLOCKS) \
                    or set(noise.spread) != set(CLOCKS) or noise.sessions < MIN_SESSIONS \
                    or not all(math.isfinite(v) and v >= 0 for v in values):
                raise ValueError(f"{name} holds no noise")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadInput(f"{shown}: {escape.for_terminal(str(error))}: remove it or calibrate "
                       "again") from None
    return found


def save(folder: str | None, cells: dict[str, Noise]) -> Path:
    """Adds cells to what is known of this machine."""
    file = file_of(folder)
    file.parent.mkdir(parents=True, exist_ok=True)
    merged = {**load(folder), **cells}
    now = datetime.datetime.now(datetime.timezone.utc)
    store.write_atomic(file, store.dumps({
        "ouro_calibration_format": FORMAT, "fingerprint": fingerprint(),
        "cpu": context.machine()["cpu"], "date": now.isoformat(timespec="seconds"),
        "cells": {n: vars(c) for n, c in sorted(merged.items())}}, indent=1) + "\n")
    return file


def noise_of(sessions: list[list[tuple[float, float]]]) -> tuple[float, float]:
    """(floor, spread). Sessions scatter because of their pairs, and more pairs help against
    that; what they scatter beyond it is the floor, 95 % of it. The spread is what one pair adds
    to the standard error. Both from medians: one wild session makes no floor."""
    found = [stats.hodges_lehmann(np.log([c / b for b, c in pairs]), SURE)
             for pairs in sessions]
    seen = MAD * float(np.median([abs(effect) for effect, _, _ in found]))
    error = float(np.median([high - low for _, low, high in found])) / 2 / 1.96
    floor = 1.96 * math.sqrt(max(seen ** 2 - error ** 2, 0.0))
    return floor, error * math.sqrt(SESSION)


def cell_noise(sampler: Sampler, cell: str, threads: int) -> Noise:
    """The noise of one cell from the sampler's whole sessions."""
    floor, spread, sessions = {}, {}, 0
    for clock in CLOCKS:
        def read(values: dict[str, Any], key: str = clock) -> float:
            return max(lower_quartile(values[key]), 1.0)
        pairs = [sampler.pairs(cell, [CONFIRM + s], read) for s in range(MAX_SESSIONS)]
        whole = [p for p in pairs if len(p) == SESSION]
        sessions = len(whole)
        if sessions < MIN_SESSIONS:
            raise BadInput(f"{cell}: {sessions} sessions of {SESSION} pairs, {MIN_SESSIONS} "
                           "are needed: give more --budget or fewer workloads")
        floor[clock], spread[clock] = noise_of(whole)
    quiet = "cpu" if threads == 1 and spread["cpu"] < 0.9 * spread["wall"] else "wall"
    return Noise(quiet, floor, spread, sessions, float(np.mean(sampler.costs[cell])))


def sample(rows: Rows, seed: int, budget_s: float, rundir: store.RunDir,
           tell: Any) -> dict[str, Noise]:
    """Sessions until the budget is used, then each cell's noise."""
    sampler = Sampler(rows, seed, budget_s, rundir, tell)
    sampler.prepare()
    for number in range(MAX_SESSIONS * SESSION):
        if not sampler.affordable(rows, budget_s):
            break
        session = number // SESSION
        tell(f"session {session + 1}, pair {number % SESSION + 1}", sampler.share())
        sampler.block(CONFIRM + session, number % SESSION, rows)
    if sampler.failures:
        raise BadInput("; ".join(sampler.failures.values()))
    found = {}
    for cell, _ in rows:
        threads = next((v["base"]["threads"] for (name, _), v in sampler.samples.items()
                        if name == cell.name), 0)
        found[cell.name] = cell_noise(sampler, cell.name, threads)
    return found


def run(args: argparse.Namespace) -> int:
    """ouro calibrate"""
    from . import gate_cmd
    child.adopt_orphans()
    build = str(paths.build_dir(args.build))
    pair = gate_build.open_pair(build, build, None)
    rows = gate_cmd.rows_of(pair, args, [judge.METRICS["time"]])
    budget_s = profiles.seconds(args.budget)
    load(args.store)  # a damaged store is said before measuring
    with tempfile.TemporaryDirectory(prefix="ouro-calibrate-") as folder, \
            store.RunDir.open(Path(folder) / "run") as rundir, \
            terminal.Meter("calibrating") as meter:
        found = sample(rows, args.seed, budget_s, rundir, meter.tell)
    file = save(args.store, found)
    if args.json:
        print(store.dumps({"file": str(file), "cells": {n: vars(c) for n, c in found.items()}},
                          indent=1))
        return 0
    terminal.console().print(terminal.grid(
        "noise of this machine: the same build against itself",
        ("workload", "clock", "floor wall", "floor cpu", "spread wall", "spread cpu",
         "sessions", "found in 1m", "in 5m"),
        [(name, n.clock, *(f"{x:.2%}" for x in (
            n.floor["wall"], n.floor["cpu"], n.spread["wall"], n.spread["cpu"])),
          n.sessions, *(f"+{n.detectable(s, len(found)):.1%}" for s in (60, 300)))
         for name, n in found.items()], range(2, 9)))
    terminal.say(f"kept in {file}; `found in` is for a gate of these {len(found)} workloads")
    return 0
