# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""Stops of the world from a worker's --pauses file: their lengths, and how much of any window of
time they leave to the program (minimum mutator utilisation).

Source: Cheng and Blelloch, A Parallel, Real-Time Garbage Collector, 2001 (the measure).
"""
from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

SIZE_CAP = 16 << 20
HEADER = ["start_ns", "length_ns"]


@dataclass(frozen=True)
class Pauses:
    """Stops in the order in which they ended, in ns since the first timed phase began."""

    column: str
    start: np.ndarray
    length: np.ndarray
    end_ns: float  # of the time that was watched

    @property
    def stops(self) -> int:
        return len(self.start)

    def merged(self) -> tuple[np.ndarray, np.ndarray]:
        """Beginnings and ends without overlap: a stop may be wished for during another."""
        order = np.argsort(self.start, kind="stable")
        start, end = self.start[order], (self.start + self.length)[order]
        latest = np.maximum.accumulate(end) if len(end) else end
        first = np.concatenate([[True], start[1:] > latest[:-1]]) if len(start) else \
            np.zeros(0, bool)
        edges = np.flatnonzero(first)
        return start[edges], np.maximum.reduceat(end, edges) if len(edges) else end


def read(path: Path, column: str) -> Pauses | None:
    """A --pauses file; None when it is missing, damaged or ends in nothing."""
    try:
        if path.stat().st_size > SIZE_CAP:
            return None
        with path.open(newline="", encoding="ascii") as handle:
            rows = list(csv.reader(handle))
        data = np.array([[float(x) for x in row] for row in rows[1:]])
    except (OSError, ValueError):
        return None
    if not rows or rows[0] != HEADER or data.ndim != 2 or data.shape[1] != 2:
        return None
    end = data[-1, 0]
    if not np.all(np.isfinite(data)) or np.any(data < 0) or data[-1, 1] != 0 or end <= 0:
        return None
    return Pauses(column, data[:-1, 0], data[:-1, 1], float(end))


def utilisation(pauses: Pauses, windows: np.ndarray) -> np.ndarray:
    """For each window length (ns, at most end_ns) the smallest share that any window of that
    length leaves to the program. The worst one begins with a stop or ends with one, since the
    time stopped inside it is linear between those places."""
    start, end = pauses.merged()
    edges = np.concatenate([[0.0], np.column_stack([start, end]).ravel(), [pauses.end_ns]])
    stood = np.cumsum(end - start)
    total = np.concatenate([[0.0], np.column_stack([np.concatenate([[0.0], stood[:-1]])
                                                    if len(stood) else stood, stood]).ravel(),
                            [stood[-1] if len(stood) else 0.0]])
    least = np.ones(len(windows))
    for i, window in enumerate(windows):
        at = np.clip(np.concatenate([[0.0], start, end - window]), 0.0,
                     max(pauses.end_ns - window, 0.0))
        inside = np.interp(at + window, edges, total) - np.interp(at, edges, total)
        least[i] = max(1.0 - float(inside.max()) / window, 0.0)
    return least
