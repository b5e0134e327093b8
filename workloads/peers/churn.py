#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""churn.yaml, object form, in Python: 10,000 mixed objects alive, replaced at random."""
from __future__ import annotations

import gc

import objects
import peer

WINDOW = 10_000
OPS = 2_000_000
KINDS = (("int", 30), ("float", 10), ("str", 25), ("tuple", 15), ("list", 10),
         ("instance", 8), ("dict", 2))
LENGTHS = ((16, 40), (32, 30), (64, 20), (200, 10))
RING_SHARE = 0.005
RING_LENGTH = 4


def main() -> None:
    given = peer.options(__doc__)
    gc.collect()
    collected = peer.Collected()
    window = objects.Window(given.seed, KINDS, LENGTHS)
    ops = window.fill(WINDOW)
    replaced = peer.scaled(OPS, given.scale)
    window.churn(replaced, RING_SHARE, RING_LENGTH)
    drained = window.drain()
    peer.expect(drained, WINDOW, "objects alive at the end")
    gc.collect()
    peer.expect(collected.found, window.in_rings, "objects that the collector found")
    peer.done("churn", ops + replaced + drained, collected=collected.found)


if __name__ == "__main__":
    main()
