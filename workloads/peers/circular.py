#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""circular.yaml, object form, in Python: rings of 2, 100 and 10^6 nodes beside a live heap."""
from __future__ import annotations

import gc

import objects
import peer

LIVE = 200_000
KINDS = (("list", 30), ("tuple", 30), ("instance", 40))
# nodes in all, rings alive at once, nodes a ring
PHASES = ((1_000_000, 100_000, 2), (1_000_000, 2_000, 100), (1_000_000, 1, 1_000_000))


def drop(heads: list[objects.Node], cycle: int) -> None:
    """Walks each ring once around, then forgets them all."""
    whole = (cycle, objects.ring_sum(cycle))
    for head in heads:
        peer.expect(objects.walk(head), whole, "nodes and sum of a ring")
    heads.clear()


def rings(nodes: int, window: int, cycle: int, collected: peer.Collected) -> None:
    """Rounds of building, walking, dropping and collecting."""
    gc.collect()
    left = nodes
    while left > 0:
        count = min(window, left // cycle)
        before = collected.found
        heads = [objects.ring(cycle) for _ in range(count)]
        drop(heads, cycle)
        gc.collect()
        peer.expect(collected.found - before, count * cycle, "objects that the collector found")
        left -= count * cycle


def main() -> None:
    given = peer.options(__doc__)
    gc.collect()
    collected = peer.Collected()
    window = objects.Window(given.seed, KINDS)
    window.fill(LIVE)
    ops = 0  # as the engine counts: what lives beside the rings is not among them
    for nodes, alive, cycle in PHASES:
        planned = peer.scaled(nodes, given.scale, cycle)
        rings(planned, alive, cycle, collected)
        ops += planned
    peer.expect(window.drain(), LIVE, "live objects")
    peer.done("circular", ops, collected=collected.found)


if __name__ == "__main__":
    main()
