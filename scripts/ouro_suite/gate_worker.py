# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""What a build's worker says before it measures: how it was built, which options it knows,
whether it gets the allocator it should have.

Two builds that differ in more than their source give a difference that belongs to no change,
so the gate asks both sides. A worker too old to answer is told by CMake's cache, or not at all.
"""
from __future__ import annotations

import functools
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Sequence

from . import child, context, escape, paths, worker
from .allocators import Allocator
from .errors import BadInput

ANSWER_S = 20.0  # a worker that does not say its version in this time says nothing
CAN_TURN, CAN_ITERATE = "--turns", "--iterations"


@dataclass(frozen=True)
class Told:
    """`settings` of the build by name, empty when it does not say; `options` it knows, None
    when that cannot be seen: then the first sample will tell."""

    settings: dict[str, str]
    options: frozenset[str] | None

    def knows(self, option: str) -> bool:
        return self.options is None or option in self.options


def _answer(program: Path, option: str) -> str:
    try:
        done = child.run([str(program), option], {"LC_ALL": "C"}, ANSWER_S)
    except OSError:
        return ""
    return done.stdout.decode("utf-8", "replace") if done.ok else ""


@functools.lru_cache(maxsize=16)
def ask(folder: Path) -> Told:
    """What the worker of a build says."""
    program = paths.program("ouro-work", folder)
    if program is None:
        return Told({}, None)
    lines = [line.partition("=") for line in _answer(program, "--version").splitlines()[1:]]
    settings = {name: " ".join(value.split()) for name, equals, value in lines if equals}
    if not settings:
        cached = context.build(folder)
        settings = {"build_type": cached["build_type"], "OURO_CHECK": cached["check"],
                    "OURO_SANITIZE": cached["sanitize"]} if cached["build_type"] else {}
    usage = _answer(program, "--help")
    return Told(settings, frozenset(re.findall(r"--[a-z][a-z-]*", usage)) if usage else None)


def build_type(folders: Sequence[Path]) -> str:
    """The build type of all; of several one that is not Release, for that is what disturbs."""
    kinds = [ask(f).settings.get("build_type", "") for f in folders]
    return next((k for k in kinds if k != "Release"), "Release")


def compare(sides: Sequence[Any], force: bool) -> list[str]:
    """What a reader should know of two builds (gate_build.Side). Refused is what is not built
    alike, unless told or both are revisions: those the gate builds itself, in the same way, so
    that other flags are what the change is about."""
    base, cand = sides
    mine, theirs = (ask(s.folder).settings for s in sides)
    silent = [s.side for s, said in zip(sides, (mine, theirs)) if not said]
    if silent:
        return [f"how {' and '.join(silent)} {'were' if len(silent) > 1 else 'was'} built cannot be seen, and is not compared"]
    differ = [f"{name} {mine[name] or 'none'} and {theirs[name] or 'none'}"
              for name in mine if name in theirs and mine[name] != theirs[name]]
    if not differ:
        return []
    said = escape.for_terminal(f"base and cand are built differently: {'; '.join(differ)}")
    if force or base.commit and cand.commit:
        return [said]
    raise BadInput(f"{said}: what they differ in would be judged as the change (--force judges "
                   "all the same)")


@functools.lru_cache(maxsize=64)
def prove(side: str, given: str, folder: Path, allocator: Allocator) -> None:
    """Refuses an allocator that does not get into the worker, before every workload says so."""
    shown = f"--{side} {escape.for_terminal(given)}"
    program = paths.need("ouro-work", folder)
    if any(c in allocator.path for c in " :\n\t"):
        raise BadInput(f"{shown}: LD_PRELOAD cannot name a path with blanks or colons: "
                       f"{escape.for_terminal(allocator.path)}")
    env = {k: os.environ[k] for k in worker.KEPT_ENVIRONMENT if k in os.environ}
    env.update(LC_ALL="C", LD_PRELOAD=allocator.path)
    try:
        done = child.run([str(program), "--list", "--expect", allocator.expect], env, ANSWER_S)
    except OSError as error:
        raise BadInput(f"{shown}: {program}: {error.strerror}") from None
    said = escape.for_terminal(done.stderr.decode("utf-8", "replace").replace("\n", " "))
    loader = re.search(r"cannot be preloaded \(([^)]*)\)", said)
    if loader:
        raise BadInput(f"{shown}: cannot be preloaded: {loader[1]}")
    if done.signal is not None or done.timed_out:
        raise BadInput(f"{shown}: the worker does not start with it: "
                       f"{worker.ending(done, ANSWER_S)}")
    if done.status == 4:
        raise BadInput(f"{shown}: is it an allocator? {said.strip()}")
