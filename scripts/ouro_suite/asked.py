# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""What a run was asked for: arguments checked and made absolute, the arms that follow from
them, and the digests that a resumed run must still match."""
from __future__ import annotations

import argparse
import hashlib
import platform
from dataclasses import dataclass, field
from pathlib import Path

from . import (allocators, context, escape, paths, plan, profiles, programs, terminal,
               workloads)
from .errors import BadInput

PROGRAMS_BUDGET_S = 300.0  # a block of all programs on five allocators takes some 40 s


@dataclass
class Wanted:
    """The arguments of a run, as plan.json stores them."""

    workloads: list[str]
    traces: list[str]
    allocators: list[str]
    threads: list[int]
    form: str
    profile: str
    budget_s: float
    parts: list[str]
    seed: int
    build: str
    anonymous: bool
    identity: dict[str, str] = field(default_factory=dict)


def thread_counts(text: str | None) -> list[int]:
    if not text:
        return []
    try:
        counts = [int(part) for part in text.split(",")]
    except ValueError:
        counts = [0]
    if not all(1 <= n <= 1024 for n in counts):
        raise BadInput(f"-t {escape.for_terminal(text)}: thread counts from 1 to 1024, "
                       "separated by commas")
    return sorted(set(counts))


def _programs(args: argparse.Namespace) -> list[str]:
    """Scripts of the real programs asked for; those that cannot run are named and left out."""
    if getattr(args, "programs", None) is None:
        return []
    if args.workload:
        raise BadInput("--programs: measures programs only, give no -w")
    chosen = programs.choose(args.programs)
    for one in chosen:
        if one.missing():
            terminal.say(f"{one.name}: skipped: not installed: {one.missing()}")
    able = [str(one.path) for one in chosen if not one.missing()]
    if not able:
        raise BadInput("--programs: none of them can run here")
    return able


def wanted(args: argparse.Namespace) -> Wanted:
    """Arguments, checked, as absolute as plan.json needs them."""
    profile = profiles.PROFILES[args.profile]
    traces = [str(workloads.open_trace(Path(t)).path) for t in getattr(args, "traces", [])]
    names = list(getattr(args, "workload", None) or [])
    if traces:
        parts = ["workloads"]
    elif args.parts:
        parts = [p for p in profiles.PARTS if p in args.parts]
    else:
        parts = ["workloads"] if names else list(profiles.PARTS)
    scripts = _programs(args)
    if not names and not traces and not scripts and {"workloads", "whole"} & set(parts):
        catalogue = workloads.catalogue()
        names = [n for n in profiles.QUICK_WORKLOADS if n in catalogue] \
            if profile.name == "quick" else list(catalogue)
    chosen = [workloads.from_argument(n) for n in names]
    if len({w.name for w in chosen}) != len(chosen):
        raise BadInput("-w: two workloads have the same name")
    if not 0 <= args.seed < 1 << 31:
        raise BadInput("--seed: from 0 to 2147483647")
    budget_s = max(profile.budget_s, PROGRAMS_BUDGET_S) if scripts else profile.budget_s
    return Wanted([str(w.path) for w in chosen] + scripts, traces,
                  args.allocator or list(allocators.load_table()), thread_counts(args.threads),
                  args.form, profile.name,
                  profiles.seconds(args.budget) if args.budget else budget_s, parts,
                  args.seed, str(paths.build_dir(args.build)), args.anonymous)


def identity(want: Wanted, used: list[allocators.Allocator]) -> dict[str, str]:
    """Digests of all that must not change between the two halves of a run."""
    build = Path(want.build)
    files = [str(p) for name in paths.PROGRAMS if (p := paths.program(name, build))]
    files += want.workloads + want.traces + [a.path for a in used if a.path]
    found = {file: allocators.file_sha256(file) for file in files}
    machine = "/".join((platform.node(), platform.machine(), str(context.machine()["cpu"])))
    found["environment"] = hashlib.sha256(
        repr(allocators.tuning_environment(used)).encode()).hexdigest()
    found["machine"] = hashlib.sha256(machine.encode()).hexdigest()
    return found


def choose_allocators(want: Wanted) -> tuple[list[allocators.Allocator], list[dict[str, str]]]:
    """The allocators that can run, and by name those that cannot."""
    chosen = [allocators.from_argument(a, Path(want.build)) for a in want.allocators]
    if len({a.name for a in chosen}) != len(chosen):
        raise BadInput("-a: the same allocator twice")
    refused = [{"allocator": a.name, "reason": a.missing} for a in chosen if a.missing]
    for one in refused:
        terminal.say(f"{one['allocator']}: refused: {one['reason']}")
    usable = [a for a in chosen if not a.missing]
    if not usable:
        raise BadInput("no allocator left to measure")
    return usable, refused


def rows(want: Wanted, usable: list[allocators.Allocator],
         loads: list[workloads.Workload]) -> list[tuple[plan.Cell, list[plan.Arm]]]:
    """Every cell with the arms that serve it."""
    table = allocators.known(Path(want.build))
    quick = want.profile == "quick" and want.allocators == list(table)
    limit = profiles.QUICK_OBJECT_MALLOC if quick else None
    found = []
    for load in loads:
        for form in load.forms:
            if want.form not in ("both", form):
                continue
            arms = plan.make_arms(usable, form, table, limit)
            for threads in want.threads or [None]:
                if arms:
                    found.append((plan.Cell(load, form, threads), arms))
    return found
