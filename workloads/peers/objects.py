# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""One Python object of each kind the workloads know: made from a tag, checked against it.

As the engine's object form: contents follow from the tag alone, containers hold 1 to 8 of the
shared integers 0..127, rings are instances with two slots in a circle.
"""
from __future__ import annotations

import random
from typing import Any, Sequence

import peer

KIND_BITS = 10  # a draw looks at so many random bits
MASK_32 = 0xFFFFFFFF
RING = "ring"


class Node:
    """Two slots, as the closed class of the engine."""

    __slots__ = ("next", "value")


def ring(n: int) -> Node:
    """A ring of n nodes with values 0..127 again and again."""
    first = last = Node()
    first.value = 0
    for i in range(1, n):
        node = Node()
        node.value = i & 127
        last.next = node
        last = node
    last.next = first
    return first


def walk(first: Node) -> tuple[int, int]:
    """Nodes and sum of the values, once around."""
    node, nodes, total = first, 0, 0
    while True:
        nodes += 1
        total += node.value
        node = node.next
        if node is first:
            return nodes, total


def ring_sum(n: int) -> int:
    """Sum of the values of a ring of n nodes."""
    whole, rest = divmod(n, 128)
    return whole * (127 * 128 // 2) + rest * (rest - 1) // 2


def spread(weights: Sequence[tuple[Any, int]]) -> list[Any]:
    """A table of 2^KIND_BITS entries in which each value has its share."""
    total = sum(weight for _, weight in weights)
    size = 1 << KIND_BITS
    table: list[Any] = []
    reached = 0
    for value, weight in weights:
        reached += weight
        table += [value] * (reached * size // total - len(table))
    return table


def make(kind: str, tag: int, length: int) -> Any:
    """A new object; `length` is that of a string."""
    if kind == "int":
        return tag + 1000
    if kind == "float":
        return tag * 0.5
    if kind == "str":
        return f"{tag:08x}".ljust(length, chr(ord("a") + tag % 26))
    if kind == "instance":
        node = Node()
        node.value = tag & 127
        return node
    n = 1 + (tag >> 8 & 7)
    if kind == "tuple":
        return tuple([tag + i & 127 for i in range(n)])
    if kind == "list":
        items = []
        for i in range(n):
            items.append(tag + i & 127)
        return items
    table = {}
    for i in range(n):
        table[i] = tag + i & 127
    return table


def intact(kind: str, thing: Any, tag: int, length: int) -> bool:
    """Is it still what `make` made?"""
    if kind == "int":
        return thing == tag + 1000
    if kind == "float":
        return thing == tag * 0.5
    if kind == "str":
        return (len(thing) == length and thing.startswith(f"{tag:08x}")
                and thing[-1] == chr(ord("a") + tag % 26))
    if kind == "instance":
        return thing.value == tag & 127
    if kind == RING:
        return walk(thing) == (length, ring_sum(length))
    last = tag >> 8 & 7
    return len(thing) == last + 1 and thing[last] == tag + last & 127


class Window:
    """Things that are alive, each with the kind, tag and length that it must still have."""

    def __init__(self, seed: int, kinds: Sequence[tuple[str, int]],
                 lengths: Sequence[tuple[int, int]] = ((24, 1),)) -> None:
        self.bits = random.Random(seed).getrandbits
        self.kinds = spread(kinds)
        self.lengths = spread(lengths)
        self.live: list[tuple[str, Any, int, int]] = []
        self.in_rings = 0  # nodes of rings that were let go

    def single(self) -> tuple[str, Any, int, int]:
        """One new thing drawn from the kinds."""
        draw = self.bits(64)
        kind = self.kinds[draw & (1 << KIND_BITS) - 1]
        length = self.lengths[draw >> KIND_BITS & (1 << KIND_BITS) - 1]
        tag = draw >> 32 & MASK_32
        return kind, make(kind, tag, length), tag, length

    def fill(self, n: int) -> int:
        """Until n things are alive; how many were made."""
        made = n - len(self.live)
        for _ in range(made):
            self.live.append(self.single())
        return made

    def release(self, slot: tuple[str, Any, int, int]) -> None:
        """Looks at a thing for the last time."""
        kind, thing, tag, length = slot
        if not intact(kind, thing, tag, length):
            peer.fail(f"an object ({kind}) lost its contents")
        if kind == RING:
            self.in_rings += length

    def churn(self, ops: int, ring_share: float, ring_length: int) -> None:
        """A random one dies, another is born, a share of them as rings."""
        live, bits, n = self.live, self.bits, len(self.live)
        share = int(ring_share * 2**32)
        for _ in range(ops):
            i = bits(32) * n >> 32
            self.release(live[i])
            if bits(32) < share:
                live[i] = (RING, ring(ring_length), 0, ring_length)
            else:
                live[i] = self.single()

    def drain(self) -> int:
        """Lets all go, oldest slot first; how many there were."""
        n = len(self.live)
        self.live.reverse()
        while self.live:
            self.release(self.live.pop())
        return n
