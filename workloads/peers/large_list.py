#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""large-list.yaml, object form, in Python: append 2,000,000 new ints, sum, copy, clear."""
from __future__ import annotations

import peer

APPENDS = 2_000_000
SCANS = 3
COPIES = 2
FIRST = 1000  # above the integers that every runtime shares


def expected_sum(n: int) -> int:
    """Sum of FIRST .. FIRST + n - 1."""
    return n * FIRST + n * (n - 1) // 2


def append(n: int) -> list[int]:
    """A list that grows one by one."""
    items: list[int] = []
    for i in range(n):
        items.append(FIRST + i)
    return items


def main() -> None:
    given = peer.options(__doc__)
    n = peer.scaled(APPENDS, given.scale)
    items = append(n)
    ops = n
    for _ in range(SCANS):
        peer.expect(sum(items), expected_sum(n), "sum of the list")
        ops += n
    for _ in range(COPIES):
        copy = items[:]
        peer.expect(sum(copy), expected_sum(n), "sum of the copy")
        del copy
        ops += n
    items.clear()
    peer.expect(len(items), 0, "length after clear")
    peer.done("large-list", ops + n)


if __name__ == "__main__":
    main()
