# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""A gate's effects for services that draw a line over time.

What is kept is the ratio candidate / base of each row, with its interval. Both were measured in
the same blocks, so drift of the machine is not in it, and with one baseline for a while the line
shows the change since then. Rows without data are left out: no value is better than a wrong one.

Formats: Bencher Metric Format (bencher.dev/docs/reference/bencher-metric-format), adapter
`json`; github-action-benchmark, tool `customSmallerIsBetter`.
"""
from __future__ import annotations

from typing import Any

from . import escape, store
from .verdict import GateReport, MetricVerdict

NAME_CAP = 1024  # characters of a benchmark's name that bencher takes
MEASURE_CAP = 64


def _measured(report: GateReport) -> list[tuple[MetricVerdict, float, float, float]]:
    return [(r, r.effect, r.low, r.high) for r in report.rows
            if r.effect is not None and r.low is not None and r.high is not None]


def bencher(report: GateReport) -> str:
    """One benchmark a workload, one measure a metric."""
    found: dict[str, dict[str, Any]] = {}
    for row, effect, low, high in _measured(report):
        name = escape.for_terminal(row.workload)[:NAME_CAP]
        measure = f"{escape.for_terminal(row.metric)[:MEASURE_CAP - 6]}-ratio"
        found.setdefault(name, {})[measure] = {"value": effect, "lower_value": low,
                                               "upper_value": high}
    return store.dumps(found, indent=1) + "\n"


def smaller_is_better(report: GateReport) -> str:
    """One entry a row; more of what costs is worse."""
    return store.dumps([
        {"name": escape.for_terminal(row.name)[:NAME_CAP], "unit": "ratio to base",
         "value": effect, "range": f"\u00b1 {(high - low) / 2:.4g}",
         "extra": f"{row.verdict}\ninterval: {low:.4f} to {high:.4f}\npairs: {row.blocks}\n"
                  f"tolerance: {100 * row.tolerance:g} %"}
        for row, effect, low, high in _measured(report)], indent=1) + "\n"
