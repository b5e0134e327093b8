# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""The two sides of a gate: what BUILD names, found or built, and the arms that follow.

BUILD is a folder with built programs (a build directory, an installed prefix), an allocator's
shared library, an allocator of the table, or a git revision, which is exported and built once
and kept by its commit under $XDG_CACHE_HOME/ouro/builds.
"""
from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from . import allocators, child, escape, gate_worker, paths, plan, terminal, worker
from .allocators import Allocator
from .errors import BadInput

BUILD, LIBRARY = "build", "allocator"
PROGRAMS = ("ouro-work", "ouro-replay")
TARGETS = ("ouro-work", "ouro-replay", "ouro_malloc")
SIDES = ("base", "cand")
BUILD_TIMEOUT_S = 3600.0


@dataclass(frozen=True)
class Side:
    """One of the two: `folder` holds its programs, `allocator` what a library side preloads."""

    side: str
    kind: str
    given: str
    folder: Path
    allocator: Allocator | None = None
    commit: str = ""
    flags: tuple[str, ...] = field(default=())

    def describe(self) -> dict[str, Any]:
        """What a report says about it."""
        return {"name": escape.for_terminal(self.given), "kind": self.kind,
                "commit": self.commit, "flags": list(self.flags), "digests": self.digests(),
                "built": gate_worker.ask(self.folder).settings}

    def digests(self) -> dict[str, str]:
        """SHA-256 of the files that are measured, by name."""
        if self.allocator is not None:
            return {Path(self.allocator.path).name or "libc":
                    allocators.file_sha256(self.allocator.path)}
        found = {n: paths.program(n, self.folder) for n in (*PROGRAMS, "libouro-malloc.so")}
        return {n: allocators.file_sha256(str(p)) for n, p in found.items() if p}


@dataclass(frozen=True)
class GateArm(plan.Arm):
    """One side serving one form, with the build its worker comes from."""

    side: str
    settings: worker.Settings

    @property
    def name(self) -> str:
        return self.side

    @property
    def column(self) -> str:
        return self.side


@dataclass(frozen=True)
class GateCell(plan.Cell):
    """A cell whose latencies are measured is another cell: its throughput is disturbed."""

    latency: bool = False

    @property
    def name(self) -> str:
        return super().name + ("+latency" if self.latency else "")


def copied(build: Path, to: Path) -> Path:
    """Copies what is measured of a build, byte by byte, to the same places under `to`."""
    for name in (*PROGRAMS, "libouro-malloc.so"):
        found = paths.program(name, build)
        if found is not None:
            place = to / found.relative_to(build)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(found, place)
    return to


def cache_dir() -> Path:
    """Where builds of revisions are kept."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(home) / "ouro" / "builds"


def _tool(argv: list[str], log: Path, what: str) -> None:
    """Runs a step of a build, in a session of its own that ends with it: an interrupt leaves no
    compiler behind that would write into the next build. A failure names the log."""
    with open(log, "a", encoding="utf-8") as out:
        out.write("$ " + " ".join(argv) + "\n")
    child.adopt_orphans()
    try:
        done = child.run(["/bin/sh", "-c", 'log=$1; shift; exec "$@" >>"$log" 2>&1', "build",
                          str(log), *argv], os.environ, BUILD_TIMEOUT_S)
    except OSError as error:
        raise BadInput(f"{what}: {error.strerror}") from None
    if not done.ok:
        why = f" (not done after {BUILD_TIMEOUT_S:.0f} s)" if done.timed_out else ""
        raise BadInput(escape.for_terminal(f"{what} failed{why}: {_first_error(log)}log: {log}"))


def _first_error(log: Path) -> str:
    """The first complaint of a log, for whoever cannot open it, as in CI."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    for number, line in enumerate(lines):
        if re.search(r"\b(error|not found|fatal)\b", line, re.I):
            more = lines[number + 1:number + 2] if line.endswith(":") else []
            return " ".join(" ".join([line, *more]).split())[:200] + ": "
    return ""


def _git(root: Path, *argv: str) -> str:
    done = subprocess.run(["git", "-c", f"safe.directory={root}", "-C", str(root), *argv],
                          capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def commit_of(revision: str) -> str:
    """The full commit a revision names in this source tree; empty when it names none."""
    root = paths.source_root()
    if root is None or revision.startswith("-") or not shutil.which("git") \
            or _git(root, "rev-parse", "--show-toplevel") != str(root):  # inside another one
        return ""
    return _git(root, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")


def build_folder(commit: str, flags: tuple[str, ...] = ()) -> Path:
    """Where the build of a commit is or will be."""
    return cache_dir() / (commit[:16] + "".join("-" + re.sub(r"\W+", "", f) for f in flags)) \
        / "build"


def build_commit(commit: str, side: str, flags: tuple[str, ...] = ()) -> Path:
    """The build folder of a commit; exported and built on first use, under a lock."""
    root = paths.source_root()
    assert root is not None
    build = build_folder(commit, flags)
    home = build.parent
    source, log = home / "src", home / "build.log"
    home.mkdir(parents=True, exist_ok=True)
    with open(home / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (home / "complete").is_file():
            return build
        shutil.rmtree(source, ignore_errors=True)
        shutil.rmtree(build, ignore_errors=True)
        log.unlink(missing_ok=True)
        source.mkdir()
        archive = home / "src.tar"
        terminal.say(f"--{side}: building {commit[:12]}, log: {log}")
        what = f"--{side}: building {commit[:12]}"
        _tool(["git", "-c", f"safe.directory={root}", "-C", str(root), "archive", "-o",
               str(archive), commit], log, what)
        _tool(["tar", "-xf", str(archive), "-C", str(source)], log, what)
        archive.unlink()
        configure = ["cmake", "-S", str(source), "-B", str(build), "-DCMAKE_BUILD_TYPE=Release"]
        if shutil.which("ninja"):
            configure += ["-G", "Ninja"]
        if flags:
            configure += ["-DCMAKE_C_FLAGS=" + " ".join(f for f in flags if f[:4] != "-Wl,"),
                          *(f"-DCMAKE_{k}_LINKER_FLAGS=" + " ".join(
                              f for f in flags if f[:4] == "-Wl,")
                            for k in ("EXE", "SHARED"))]
        _tool(configure, log, what)
        _tool(["cmake", "--build", str(build), "-j", str(os.cpu_count() or 1), "--target",
               *TARGETS], log, what)
        (home / "complete").touch()
    return build


def _library(side: str, given: str, worker_build: Path) -> Allocator | None:
    """The allocator BUILD names, by file or by name of the table; None when it names none."""
    file = Path(given)
    if file.is_file():
        if not re.search(r"\.so(\.[\d.]+)?$", file.name):
            raise BadInput(f"--{side} {escape.for_terminal(given)}: is a file, but no shared "
                           "library (.so)")
        return allocators.from_argument(f"{side}={file.resolve()}", worker_build)
    if given in allocators.load_table():
        found = allocators.known(worker_build)[given]
        if found.missing:
            raise BadInput(f"--{side} {given}: {found.missing}")
        return replace(found, name=side)
    return None


def _complete(side: str, given: str, folder: Path) -> None:
    shown = f"--{side} {escape.for_terminal(given)}"
    for name in ("ouro-work", "libouro-malloc.so"):
        if paths.program(name, folder) is None:
            raise BadInput(f"{shown}: no {name} in it: is it built?")
    several = paths.several_builds(folder)
    if several:
        raise BadInput(f"{shown}: several builds are in it, name one of them: "
                       f"{', '.join(str(p) for p in several[:3])}")


def _find(side: str, given: str, worker_build: Path | None) -> Side | None:
    """What --base or --cand names, revisions not built yet; None for a library as long as
    nobody knows the worker it is measured in."""
    shown = f"--{side} {escape.for_terminal(given)}"
    if Path(given).is_dir():
        folder = Path(given).resolve()
        _complete(side, given, folder)
        return Side(side, BUILD, given, folder)
    if Path(given).is_file() or given in allocators.load_table():
        if worker_build is None:
            return None
        return Side(side, LIBRARY, given, worker_build, _library(side, given, worker_build))
    commit = commit_of(given)
    if commit:
        return Side(side, BUILD, given, build_folder(commit), commit=commit)
    if given.startswith(("/", "./", "../")) or given.endswith(".so"):
        raise BadInput(f"{shown}: no such file or folder")
    raise BadInput(f"{shown}: neither a folder with built programs, a shared library, an "
                   "allocator of `ouro list`, nor a git revision")


def _built(side: Side) -> Side:
    """A side whose programs are there."""
    if side.commit:
        build_commit(side.commit, side.side)
        _complete(side.side, side.given, side.folder)
    return side


def open_side(side: str, given: str, worker_build: Path) -> Side:
    """What --base or --cand names, built."""
    found = _find(side, given, worker_build)
    assert found is not None
    return _built(found)


def open_pair(base: str, cand: str, worker_build: str | None) -> tuple[Side, Side]:
    """Both sides; a library runs in the other side's worker, or in --build's. What one of them
    cannot be is said before the other is built."""
    asked = dict(zip(SIDES, (base, cand)))
    found = {side: _find(side, given, None) for side, given in asked.items()}
    known = [found[side] for side in reversed(SIDES) if found[side]]
    if worker_build is None and known and known[0]:
        own = known[0].folder
    else:
        own = paths.build_dir(worker_build)
    for side, given in asked.items():
        found[side] = found[side] or _find(side, given, own)
    if not known:
        paths.need("ouro-work", own)
    base_side, cand_side = (_built(s) for s in found.values() if s)
    return base_side, cand_side


def compared(pair: tuple[Side, Side], force: bool) -> list[str]:
    """Whether both are built alike: refused or said when not. A library does not say."""
    return gate_worker.compare(pair, force) if all(s.kind == BUILD for s in pair) else []


def _served(side: Side, form: str) -> tuple[str, Allocator]:
    """Heap and malloc of a side's processes."""
    if side.allocator is not None:
        return ("process" if form == "raw" else "malloc"), side.allocator
    own = allocators.known(side.folder)
    return ("process", own["ouro"]) if form == "raw" else ("ouro", own["glibc"])


def make_arms(pair: tuple[Side, Side], form: str, timeout_s: float,
              inject: float = 0.0) -> list[GateArm]:
    """The two arms of a form. Raw blocks come from the allocator under test, so both run in
    one worker, the candidate's; the object form's runtime is inside the worker of its build."""
    common = next((s.folder for s in reversed(pair) if s.kind == BUILD), pair[1].folder)
    builds = [common if form == "raw" else side.folder for side in pair]
    turns = all(gate_worker.ask(b).knows(gate_worker.CAN_TURN) for b in builds)
    arms = []
    for side, build in zip(pair, builds):
        if not gate_worker.ask(build).knows(gate_worker.CAN_ITERATE):
            raise BadInput(f"--{side.side} {escape.for_terminal(side.given)}: its worker does "
                           "not know --iterations: it is older than what a gate can measure "
                           "(--form raw runs both allocators in the candidate's worker)")
        settings = worker.Settings(build, timeout_s, turns=turns,
                                   inject=inject if side.side == "cand" else 0.0)
        heap, served = _served(side, form)
        if served.path:
            gate_worker.prove(side.side, side.given, build, served)
        arms.append(GateArm(form, heap, served, side.side, settings))
    return arms
