# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""Whole processes by hyperfine: start-up, work and exit, also of the same work in Python, and of
real programs.

hyperfine 1.15 cannot interleave, so it is called once per block and contender for a single
run (-N: no shell in between), in an order that ouro randomises. Preloads are set by `env`, in
every contender alike, so that hyperfine itself is never preloaded. Peak memory is what GNU time
reads from wait4: that of the largest process of the tree. (What the kernel tells of a child of
this process would be this process's own size, which the child has until it executes.)
"""
from __future__ import annotations

import hashlib
import json
import os
import shlex
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable

from . import (allocators, child, escape, paths, plan, profiles, programs, recording, scaling,
               worker, workloads)
from .errors import BadInput

PYTHON_COLUMN = "python"


@dataclass(frozen=True)
class Contender:
    """One way to do a workload as a whole process."""

    workload: str
    form: str
    column: str
    arm: str
    argv: tuple[str, ...]
    preload: str = ""
    folder: str = ""  # a program's prepared input; empty for workers

    @property
    def cell(self) -> str:
        return f"{self.workload}/{self.form}"


def _worker(load: workloads.Workload, arm: plan.Arm, build: Path, scale: float,
            seed: int) -> Contender:
    cell = plan.Cell(load, arm.form, None)
    job = plan.Job(0, 0, cell, arm, seed, 0)
    argv = worker.command(job, worker.Settings(build, 0.0), scale)
    return Contender(load.name, arm.form, arm.column, arm.name, tuple(argv), arm.allocator.path)


def contenders(build: Path, usable: list[allocators.Allocator], load: workloads.Workload,
               scale: float, seed: int, quick: bool) -> list[Contender]:
    """The arms of a workload, and its Python peer when there is one."""
    table = allocators.known(build)
    limit = profiles.QUICK_OBJECT_MALLOC if quick else None
    found = [_worker(load, arm, build, scale, seed) for form in load.forms
             for arm in plan.make_arms(usable, form, table, limit)]
    peer = paths.workload_dir() / "peers" / f"{load.name.replace('-', '_')}.py"
    if not peer.is_file():
        peer = peer.with_name(f"{load.name}.py")
    if peer.is_file() and "object" in load.forms and Path(recording.PYTHON).is_file():
        argv = (recording.PYTHON, str(peer), "--seed", str(seed), "--scale", f"{scale:g}")
        found.append(Contender(load.name, "object", PYTHON_COLUMN, PYTHON_COLUMN, argv))
    return found


def program_contenders(usable: list[allocators.Allocator], program: programs.Program,
                       folder: Path) -> list[Contender]:
    """A program on every allocator. The C library is preloaded, too: some programs are linked
    with another malloc (Debian's redis-server with jemalloc), which it must come before."""
    return [Contender(program.name, programs.FORM, a.name, f"program@{a.name}",
                      tuple(program.command("work")), a.path or allocators.c_library(),
                      str(folder)) for a in usable if not a.worker]


def _reference(program: programs.Program, folder: Path) -> Contender:
    """The run whose output is the right one; it warms the file cache as well."""
    return program_contenders([allocators.Allocator(allocators.BASELINE)], program, folder)[0]


def hyperfine_command(tools: tuple[str, str], one: Contender, out: Path) -> list[str]:
    """One run of one contender; writes out/time.json, out/peak and out/said."""
    hyperfine, timer = tools
    place = ["-C", one.folder] if one.folder else []
    wrapped = shlex.join([timer, "-f", "%M", "-o", str(out / "peak"), "env", *place,
                          f"LD_PRELOAD={one.preload}", *one.argv])
    return [hyperfine, "-N", "-r", "1", "--style", "none", "--output", str(out / "said"),
            "--export-json", str(out / "time.json"), wrapped]


def parse_peak(text: str) -> int:
    """Bytes from GNU time's file, whose last line is KiB; ValueError when it is not."""
    lines = text.split("\n")
    peak = int(lines[-2]) * 1024 if len(lines) > 1 else 0
    if not 0 < peak < 1 << 50:
        raise ValueError(f"a peak of {peak} bytes")
    return peak


def parse(text: str) -> dict[str, float]:
    """Seconds of the single run in hyperfine's JSON; ValueError when it is not that."""
    try:
        (one,) = json.loads(text)["results"]
        found = {"wall_s": float(one["times"][0]), "user_s": float(one["user"]),
                 "system_s": float(one["system"])}
    except (KeyError, IndexError, TypeError) as error:
        raise ValueError(f"not hyperfine's JSON: {error}") from None
    if not 0 < found["wall_s"] < 1e6:
        raise ValueError(f"a time of {found['wall_s']} s")
    return found


class Whole:
    """The blocks of whole-process measurement."""

    def __init__(self, build: Path, usable: list[allocators.Allocator], files: list[Path],
                 seed: int, profile: profiles.Profile, budget_s: float) -> None:
        self.tools = (shutil.which("hyperfine") or "", shutil.which("time") or "")
        self.build, self.usable, self.files, self.seed = build, usable, files, seed
        self.profile, self.budget_s = profile, budget_s
        self.entries: list[dict[str, Any]] = []
        self.failures: list[dict[str, Any]] = []
        self.spent_s = 0.0
        self.scales: dict[str, float] = {}
        self.said: dict[str, str] = {}

    def run(self, tell: Callable[[str, float], None]) -> dict[str, Any]:
        """Blocks until the budget is used up; entries have the form of benchmarks[]."""
        interrupted = False
        for name, path in zip(("hyperfine", "time"), self.tools):
            if not path:
                raise BadInput(f"{name}: not found: install the Debian package {name}")
        try:
            with tempfile.TemporaryDirectory(prefix="ouro-programs-") as folder:
                self._blocks(tell, Path(folder))
        except KeyboardInterrupt:
            interrupted = True
        return {"tool": f"hyperfine {allocators.package_version('hyperfine')}".strip(),
                "benchmarks": self.entries, "failures": self.failures,
                "scales": self.scales, "elapsed_s": round(self.spent_s, 3),
                "interrupted": interrupted}

    def _programs(self, tell: Callable[[str, float], None], parent: Path) -> list[Contender]:
        """The contenders of real programs, whose inputs are made here; their work is fixed."""
        found: list[Contender] = []
        for file in (f for f in self.files if f.suffix == programs.SUFFIX):
            program = programs.read(file)
            tell(f"preparing {program.name}", 0.0)
            folder = parent / program.name
            crowd = program_contenders(self.usable, program, folder)
            why = programs.prepare(program, folder)
            if why:
                self.failures.extend(self._failure(one, -1, why, "") for one in crowd)
            elif self._one(_reference(program, folder), -1, 0) is not None:
                found += crowd
        return found

    def _blocks(self, tell: Callable[[str, float], None], parent: Path) -> None:
        everyone = self._scaled(tell) + self._programs(tell, parent)
        block_s = 0.0
        for block in range(self.profile.max_blocks):
            if block and self.spent_s + block_s > self.budget_s:
                return
            before = self.spent_s
            order = list(everyone)
            plan.derived(self.seed, "whole", block // 2).shuffle(order)
            for position, one in enumerate(order[::-1] if block % 2 else order):
                if self._failed(one):
                    continue
                tell(f"block {block + 1}: {one.cell} on {one.column}",
                     self.spent_s / max(self.budget_s, 1e-9))
                self._one(one, block, position)
                if self.spent_s > 1.2 * self.budget_s:
                    return
            block_s = self.spent_s - before

    def _failed(self, one: Contender) -> bool:
        return any(f["cell"] == one.cell and f["arm"] == one.arm for f in self.failures)

    def _scaled(self, tell: Callable[[str, float], None]) -> list[Contender]:
        """Contenders at scales that fit the budget. Two small trials of ouro's form and of the
        peer, which may be ten times slower, stand for all contenders of a workload."""
        quick = self.profile.name == "quick"
        files = [f for f in self.files if f.suffix != programs.SUFFIX]
        loads = {load.name: load for load in map(workloads.open_file, files)}
        costs: dict[str, scaling.Cost] = {}
        for load in loads.values():
            tell(f"trying {load.name}", 0.0)
            found: dict[str, list[tuple[float, float]]] = {}
            for trial in scaling.TRIALS:
                scale = self.profile.scale * trial
                crowd = contenders(self.build, self.usable, load, scale, self.seed, quick)
                for one in {c.form + (c.column == PYTHON_COLUMN) * "python": c
                            for c in crowd}.values():
                    seconds = self._one(one, -1, 0)
                    if seconds is not None:
                        found.setdefault(one.form + one.column, []).append((scale, seconds))
            each = [scaling.cost(t, 1) for t in found.values()]
            peers = [c for name, c in zip(found, each) if name.endswith(PYTHON_COLUMN)]
            workers = [c for name, c in zip(found, each) if not name.endswith(PYTHON_COLUMN)]
            share = (len(crowd) - len(peers)) / max(len(workers), 1)
            costs[load.name] = scaling.Cost(
                sum(c.fixed_s for c in peers) + share * sum(c.fixed_s for c in workers),
                sum(c.slope_s for c in peers) + share * sum(c.slope_s for c in workers),
                len(crowd))
        left = 0.85 * max(self.budget_s - self.spent_s, 0.0)
        self.scales = scaling.choose(costs, left / self.profile.min_blocks,
                                     dict.fromkeys(costs, self.profile.scale))
        return [one for name, load in loads.items() for one in contenders(
            self.build, self.usable, load, self.scales[name], self.seed, quick)]

    @staticmethod
    def _failure(one: Contender, block: int, why: str, detail: str) -> dict[str, Any]:
        return {"cell": one.cell, "arm": one.arm, "column": one.column, "block": block,
                "workload": one.workload, "form": one.form, "threads": 1, "failure": why,
                "detail": escape.for_terminal(detail)[:300]}

    def _environment(self, one: Contender) -> dict[str, str]:
        env = {k: os.environ[k] for k in worker.KEPT_ENVIRONMENT if k in os.environ}
        env.update(allocators.tuning_environment(self.usable), LC_ALL="C")
        if one.folder:
            env.update(programs.environment(Path(one.folder)))
        return env

    def _same(self, one: Contender, said: bytes) -> str:
        """A program must print on every allocator what the reference printed."""
        digest = hashlib.sha256(said).hexdigest()
        if one.form != programs.FORM or self.said.setdefault(one.cell, digest) == digest:
            return ""
        return "printed something else than with the C library"

    def _one(self, one: Contender, block: int, position: int) -> float | None:
        """One hyperfine call: an entry or a failure; its seconds, None when it failed."""
        with tempfile.TemporaryDirectory(prefix="ouro-whole-") as name:
            out = Path(name)
            outcome = child.run(hyperfine_command(self.tools, one, out), self._environment(one),
                                self.profile.timeout_s)
            self.spent_s += outcome.elapsed_s
            why = worker.ending(outcome, self.profile.timeout_s)
            try:
                if not why:
                    found = parse((out / "time.json").read_text(encoding="utf-8"))
                    found["peak"] = parse_peak((out / "peak").read_text(encoding="utf-8"))
                    why = self._same(one, (out / "said").read_bytes())
            except (OSError, ValueError) as error:
                why = f"bad record: {error}"
        if why:
            said = outcome.stderr.decode("utf-8", "replace").strip().splitlines()
            self.failures.append(self._failure(one, block, why, said[0] if said else ""))
            return None
        if block >= 0:
            wall_ns = found["wall_s"] * 1e9
            name = f"whole/{one.cell}/{one.column}"
            self.entries.append({
                "name": name, "run_name": name, "run_type": "iteration", "time_unit": "ns",
                "iterations": 1, "real_time": wall_ns,
                "cpu_time": (found["user_s"] + found["system_s"]) * 1e9, "threads": 1,
                "peak_rss_bytes": found["peak"],
                "cell": one.cell, "workload": one.workload, "form": one.form, "arm": one.arm,
                "column": one.column, "block": block, "order_pos": position})
        return found["wall_s"]
