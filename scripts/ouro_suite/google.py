# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""benchmark.json: a run as Google Benchmark's JSON with one entry a name, the median.

result.json has the same form, but one entry a process. What follows series over time (bencher
as cpp_google, github-action-benchmark as googlecpp) keeps one value a name and takes whichever
comes last; so it gets the medians. Whoever failed is in neither.
"""
from __future__ import annotations

from collections import defaultdict
from typing import Any

from . import stats
from .result import Result

CONTEXT = ("date", "host_name", "executable", "num_cpus", "mhz_per_cpu", "cpu_scaling_enabled",
           "caches", "library_build_type", "json_schema_version")


def _entry(name: str, samples: list[dict[str, Any]]) -> dict[str, Any]:
    def middle(key: str) -> float:
        return stats.median([float(s[key]) for s in samples if key in s]) or 0.0
    return {"name": name, "run_name": name, "run_type": "iteration",
            "repetitions": len(samples), "repetition_index": 0,
            "threads": int(samples[0].get("threads") or 1),
            "iterations": int(middle("iterations")), "real_time": middle("real_time"),
            "cpu_time": middle("cpu_time"), "time_unit": "ns"}


def medians(run: Result) -> dict[str, Any]:
    """`context` and one entry of `benchmarks` a name, of rows that did not fail."""
    failed = {(f["cell"], f["arm"]) for f in
              [*run.failures, *run.whole.get("failures", [])]}
    by_name: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for entry in [*run.benchmarks, *run.whole.get("benchmarks", [])]:
        if (entry["cell"], entry["arm"]) not in failed:
            by_name[str(entry["name"])].append(entry)
    context = {key: run.context[key] for key in CONTEXT if key in run.context}
    return {"context": {"caches": [], **context},
            "benchmarks": [_entry(name, samples) for name, samples in by_name.items()]}
