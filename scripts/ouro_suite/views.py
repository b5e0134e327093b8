# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""Terminal tables of micro benchmarks, whole processes and runs beside each other."""
from __future__ import annotations

from typing import Any, Sequence

from rich.console import Group

from . import peers, terminal
from .between import Between
from .result import Result


def multiple(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}x" if value < 10 else f"{value:.1f}x"


def micro_table(data: dict[str, Any]) -> Group:
    """Benchmarks beside their limits, then the limits."""
    body = []
    for row in sorted(data["rows"], key=lambda r: not r["limit"]):
        shown = row["error"] or (terminal.nanoseconds(row["time_ns"]) if row["time_ns"] else "")
        limit = terminal.nanoseconds(row["limit_ns"]) if row["limit_ns"] else ""
        body.append((row["name"], shown, multiple(row["multiple"]), row["limit"], limit))
    return terminal.grid("micro benchmarks, per operation, and the limit measured beside them",
                         ("benchmark", "time", "multiple", "limit", "its time"), body,
                         (1, 2, 4))


def peers_table(data: dict[str, Any]) -> Group:
    """The object rows on every runtime, ratios to ouro, the limit."""
    head = peers.header(data)
    body = [peers.cells(row, data["columns"], False) for row in data["rows"]]
    return Group(terminal.grid("object rows on ouro and on its peers", head, body,
                               range(1, len(head))),
                 terminal.text("Nx: time / ouro's time; intervals: --markdown or --json"))


def between_table(rows: Sequence[Between], runs: Sequence[Result]) -> Group:
    """Median of the first run, then each other run's ratio to it."""
    header = ["benchmark", runs[0].name] + [f"{r.name} / {runs[0].name}" for r in runs[1:]]
    body = [[row.name, terminal.nanoseconds(row.times_ns[0])]
            + [terminal.ratio(r) for r in row.ratios] for row in rows]
    return terminal.grid("time per operation, ratio to the first run (smaller is better)",
                         header, body, range(1, len(header)))
