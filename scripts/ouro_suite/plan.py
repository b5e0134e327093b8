# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""What is measured, in which order: cells, arms, blocks.

A cell is one workload in one form at one thread count; an arm is one way to serve its memory.
A block runs every arm of every cell once, all with one seed and one environment size. Block 2k
uses a random order of arms, block 2k+1 the reverse of it (ABBA over the pair), cells take
turns in the same way; so drift of the machine falls on all arms alike and leaves the paired
ratios.
"""
from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass
from typing import Iterator, Sequence

from .allocators import Allocator
from .workloads import Workload

FORMS = ("raw", "object")


@dataclass(frozen=True)
class Arm:
    """One way to serve a cell's memory."""

    form: str
    heap: str
    allocator: Allocator

    @property
    def column(self) -> str:
        """The name of the contender in tables: object@ouro and raw@ouro are both `ouro`."""
        return "ouro" if self.heap == "ouro" else self.allocator.name

    @property
    def name(self) -> str:
        if self.form == "raw":
            return f"raw@{self.allocator.name}"
        if self.allocator.worker:
            return f"object@{self.allocator.name}"
        return "object@ouro" if self.heap == "ouro" else f"object@malloc+{self.allocator.name}"


@dataclass(frozen=True)
class Cell:
    """One row of the comparison."""

    workload: Workload
    form: str
    threads: int | None  # None: as the file says

    @property
    def name(self) -> str:
        threads = "" if self.threads is None else f"/threads:{self.threads}"
        return f"{self.workload.name}/{self.form}{threads}"


@dataclass(frozen=True)
class Job:
    """One process to run."""

    block: int
    order_pos: int
    cell: Cell
    arm: Arm
    seed: int
    padding: int

    @property
    def key(self) -> tuple[int, str, str]:
        return (self.block, self.cell.name, self.arm.name)


def make_arms(allocators: Sequence[Allocator], form: str, table: dict[str, Allocator],
              object_malloc: Sequence[str] | None) -> list[Arm]:
    """The arms of one form. The object form runs on ouro's arenas (under the C library's
    malloc), on the malloc of each allocator, which `object_malloc` limits by name, and on
    other runtimes, which have no other form."""
    if form == "raw":
        return [Arm("raw", "process", a) for a in allocators if not a.worker]
    arms = []
    for allocator in allocators:
        if allocator.name == "ouro":
            arms.append(Arm("object", "ouro", table["glibc"]))
        elif allocator.worker:
            arms.append(Arm("object", allocator.name, allocator))
        elif object_malloc is None or allocator.name in object_malloc:
            arms.append(Arm("object", "malloc", allocator))
    return arms


def derived(seed: int, *parts: object) -> random.Random:
    """A random stream that depends on the run's seed and on a name, on nothing else."""
    text = "/".join(str(p) for p in (seed, *parts))
    return random.Random(hashlib.sha256(text.encode()).digest())


def block_jobs(block: int, rows: Sequence[tuple[Cell, Sequence[Arm]]],
               seed: int) -> Iterator[Job]:
    """The jobs of one block, in order; the same for every call with equal arguments."""
    chance = derived(seed, "block", block)
    work_seed, padding = chance.randrange(1, 1 << 31), chance.randrange(0, 4096)
    queues = []
    for cell, arms in rows:
        order = list(arms)
        derived(seed, "order", block // 2, cell.name).shuffle(order)
        queues.append((cell, order[::-1] if block % 2 else order))
    derived(seed, "cells", block // 2).shuffle(queues)
    if block % 2:
        queues.reverse()
    position = 0
    for cell, order in queues:
        for arm in order:
            yield Job(block, position, cell, arm, work_seed, padding)
            position += 1
