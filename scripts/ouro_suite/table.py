# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""The comparison: from samples to ratios against the C library, row by row.

One row is a cell (workload, form, threads), one column a contender. A contender that failed
once has no ratio in that row: an allocator that crashes one time in five is not 3 % faster.
"""
from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict, dataclass, field
from typing import Any, Iterable, Mapping

from . import allocators, stats

TIME = "real_time"
MEMORY = "peak_rss_bytes"


@dataclass
class Contender:
    """One field of the table."""

    column: str
    arm: str
    samples: int = 0
    time_ns: float | None = None
    peak_rss_bytes: float | None = None
    time: stats.Ratio | None = None
    memory: stats.Ratio | None = None
    failure: str = ""


@dataclass
class Row:
    """One cell's contenders, by column."""

    cell: str
    workload: str
    form: str
    threads: int
    comparable_memory: bool
    contenders: dict[str, Contender] = field(default_factory=dict)

    def best(self, what: str, base: str) -> str:
        """The column with the smallest ratio (`what`: time or memory); empty without ratios."""
        ratios = {c.column: getattr(c, what).estimate for c in self.contenders.values()
                  if getattr(c, what) is not None}
        if ratios and base in self.contenders:
            ratios[base] = 1.0
        return min(ratios, key=lambda name: ratios[name]) if ratios else ""


@dataclass
class Comparison:
    """All rows, and the geometric mean of every column over the rows of one form."""

    base: str
    columns: list[str]
    rows: list[Row]
    geomean: dict[str, dict[str, float]]
    memory_geomean: dict[str, dict[str, float]]

    @property
    def failed(self) -> bool:
        return any(c.failure for row in self.rows for c in row.contenders.values())

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def _by_block(entries: Iterable[Mapping[str, Any]], key: str) -> dict[int, float]:
    return {int(e["block"]): float(e[key]) for e in entries if float(e.get(key, 0)) > 0}


def _order(columns: Iterable[str]) -> list[str]:
    known = list(allocators.load_table())
    return sorted(set(columns), key=lambda c: (known.index(c) if c in known else len(known), c))


def _row(cell: str, entries: list[Mapping[str, Any]], failures: list[Mapping[str, Any]],
         base: str) -> Row:
    first: Mapping[str, Any] = (entries or failures)[0]
    row = Row(cell, str(first["workload"]), str(first["form"]), int(first.get("threads") or 0),
              all(e.get("timed_by", "ops") == "ops" for e in entries))
    arms: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for entry in entries:
        arms[entry["column"]].append(entry)
    base_time = _by_block(arms.get(base, []), TIME)
    base_memory = _by_block(arms.get(base, []), MEMORY)
    for column, samples in arms.items():
        one = Contender(column, str(samples[0]["arm"]), len(samples))
        one.time_ns = stats.median([float(e[TIME]) for e in samples])
        one.peak_rss_bytes = stats.median([float(e[MEMORY]) for e in samples if MEMORY in e])
        if column != base:
            one.time = stats.paired_ratio(_by_block(samples, TIME), base_time)
            if row.comparable_memory:
                one.memory = stats.paired_ratio(_by_block(samples, MEMORY), base_memory)
        row.contenders[column] = one
    for failure in failures:
        column = str(failure["column"])
        one = row.contenders.setdefault(column, Contender(column, str(failure["arm"])))
        one.failure, one.time, one.memory = str(failure["failure"]), None, None
    if row.contenders.get(base) and row.contenders[base].failure:
        for one in row.contenders.values():
            one.time = one.memory = None
    return row


def _geomean(rows: list[Row], columns: list[str], base: str, what: str) -> dict[str, Any]:
    """Per form and column, over those rows where every column that ran has a ratio."""
    means: dict[str, dict[str, float]] = {}
    for form in dict.fromkeys(row.form for row in rows):
        of_form = [row for row in rows if row.form == form]
        means[form] = {}
        for column in columns:
            ratios = [getattr(row.contenders[column], what) for row in of_form
                      if column in row.contenders]
            complete = len(ratios) == len(of_form) and all(ratios)
            mean = stats.geomean([r.estimate for r in ratios]) if complete else None
            if column == base and any(column in row.contenders for row in of_form):
                mean = 1.0
            if mean is not None:
                means[form][column] = mean
    return means


def compare(entries: list[Mapping[str, Any]], failures: list[Mapping[str, Any]],
            base: str | None = None) -> Comparison:
    """Builds the table from entries of benchmarks[] and the list of failures. The base is the
    C library's malloc, or the first contender where that was not measured."""
    cells: dict[str, tuple[list[Any], list[Any]]] = {}
    for entry in entries:
        cells.setdefault(entry["cell"], ([], []))[0].append(entry)
    for failure in failures:
        cells.setdefault(failure["cell"], ([], []))[1].append(failure)
    columns = _order(x["column"] for x in [*entries, *failures])
    if base is None:
        first = columns[0] if columns else allocators.BASELINE
        base = allocators.BASELINE if allocators.BASELINE in columns else first
    rows = [_row(cell, good, bad, base) for cell, (good, bad) in cells.items()]
    rows.sort(key=lambda r: (r.form != "raw", r.workload.startswith("replay-"), r.workload,
                             r.threads))
    return Comparison(base, columns, rows, _geomean(rows, columns, base, "time"),
                      _geomean(rows, columns, base, "memory"))
