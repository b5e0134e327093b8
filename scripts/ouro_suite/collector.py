# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""What collectors did in a run: the counters of a record, whether they agree with each other, and
the table of wall time, memory, pauses and garbage beside each other (docs/worker.md)."""
from __future__ import annotations

import math
from typing import Any, Mapping, Sequence

from . import stats, terminal

COUNTERS = ("gc_count", "gc_unreachable", "gc_garbage_peak", "gc_candidates",
            "gc_false_suspects", "gc_validation_ns", "gc_stops", "gc_pause_max_ns",
            "gc_pause_total_ns", "gc_reach_max_ns", "gc_pause_p50_ns", "gc_pause_p99_ns")
NOT_ABOVE = (("gc_false_suspects", "gc_candidates"), ("gc_validation_ns", "gc_pause_total_ns"),
             ("gc_reach_max_ns", "gc_pause_max_ns"), ("gc_pause_max_ns", "gc_pause_total_ns"),
             ("gc_pause_p50_ns", "gc_pause_p99_ns"), ("gc_pause_p99_ns", "gc_pause_max_ns"))
SHARES = ((0.5, 200), (0.99, 10_000))  # a quantile, and the stops it takes
HEADER = ("workload", "contender", "time", "peak RSS", "stops", "p50", "p99", "longest",
          "to stop", "validation", "candidates", "false", "garbage at most")
BRIEF = (0, 1, 2, 3, 4, 5, 6, 7, 8, 12)  # of these, what a terminal has room for


def _whole(value: Any) -> bool:
    return type(value) is int and value >= 0


def check(record: Mapping[str, Any]) -> None:
    """ValueError when a counter is none or when two of them cannot both be true."""
    for key in COUNTERS:
        if key in record and not _whole(record[key]):
            raise ValueError(f"{key} is no count")
    for low, high in NOT_ABOVE:
        if low in record and high in record and record[low] > record[high]:
            raise ValueError(f"{low} is above {high}")
    if "gc_pauses" not in record:  # older records
        return
    edges, counts = _buckets(record)
    if not all(map(_whole, edges + counts)) or edges != sorted(set(edges)):
        raise ValueError("gc_pauses is no histogram")
    if sum(counts) != record.get("gc_stops"):
        raise ValueError(f"gc_pauses has {sum(counts)} stops, gc_stops says "
                         f"{record.get('gc_stops')}")
    longest = record.get("gc_pause_max_ns", 0)
    if edges and not (edges[-2] if len(edges) > 1 else 0) <= longest <= edges[-1]:
        raise ValueError("gc_pause_max_ns is not in the last bucket of gc_pauses")


def _buckets(record: Mapping[str, Any]) -> tuple[list[Any], list[Any]]:
    found = record["gc_pauses"]
    if not isinstance(found, list) or not all(
            isinstance(b, dict) and set(b) == {"up_to_ns", "stops"} for b in found):
        raise ValueError("gc_pauses is no histogram")
    return [b["up_to_ns"] for b in found], [b["stops"] for b in found]


def histogram(entries: Sequence[Mapping[str, Any]]) -> dict[int, int]:
    """Stops of all of them by the upper edge of their length, in ns, shortest first."""
    merged: dict[int, int] = {}
    for entry in entries:
        for edge, count in zip(*_buckets(entry)):
            merged[edge] = merged.get(edge, 0) + count
    return dict(sorted(merged.items()))


def quantile(stops: Mapping[int, int], share: float) -> int | None:
    """Length that at least this share of the stops did not exceed; None without any."""
    want, seen = math.ceil(share * sum(stops.values())), 0
    for edge, count in stops.items():
        seen += count
        if seen >= want > 0:
            return edge
    return None


def _median(entries: Sequence[Mapping[str, Any]], key: str) -> float | None:
    return stats.median([float(e[key]) for e in entries if key in e])


def _count(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}"


def _time(value: float | None) -> str:
    return "" if value is None else terminal.nanoseconds(value)


def _row(cell: str, column: str, mine: Sequence[Mapping[str, Any]]) -> list[str]:
    stops = histogram(mine)
    longest = max(int(e["gc_pause_max_ns"]) for e in mine)
    told = []
    for share, least in SHARES:
        found = quantile(stops, share) if sum(stops.values()) >= least else None
        told.append(_time(None if found is None else min(found, longest)))
    garbage = [int(e["gc_garbage_peak"]) for e in mine if "gc_garbage_peak" in e]
    memory = _median(mine, "peak_rss_bytes")
    return [cell, column, _time(_median(mine, "real_time")),
            "" if memory is None else terminal.mebibytes(memory), _count(_median(mine, "gc_stops")),
            *told, _time(longest) if stops else "",
            _time(max(int(e["gc_reach_max_ns"]) for e in mine)) if stops else "",
            _time(_median(mine, "gc_validation_ns")), _count(_median(mine, "gc_candidates")),
            _count(_median(mine, "gc_false_suspects")),
            _count(max(garbage)) if garbage else ""]


def table(entries: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """One row a cell and contender whose collector stopped the world or found garbage: medians
    over the processes; pauses of all of them together; of what is a maximum, the largest."""
    arms: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for entry in entries:
        if "gc_pauses" in entry:
            arms.setdefault((str(entry["cell"]), str(entry["column"])), []).append(entry)
    return [_row(cell, column, mine) for (cell, column), mine in sorted(arms.items())
            if any(e["gc_stops"] or e.get("gc_garbage_peak") for e in mine)]
