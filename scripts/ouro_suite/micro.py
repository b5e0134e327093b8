# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""Micro benchmarks, each as a multiple of the physical limit measured in the same process."""
from __future__ import annotations

import json
import math
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from . import child, escape, paths, worker
from .errors import BadInput

TO_NS = {"ns": 1.0, "us": 1e3, "ms": 1e6, "s": 1e9}
FILTER_CAP = 256


@dataclass(frozen=True)
class MicroRow:
    """One micro benchmark. `multiple` is its time over its limit's; None for limits."""

    name: str
    time_ns: float | None
    limit: str
    limit_ns: float | None
    multiple: float | None
    error: str = ""


class NoRows(BadInput):
    """The program has no benchmark of that name."""


def command(build: Path, pattern: str | None, min_time: float, quick: bool, out: Path,
            program: str = "ouro-micro") -> list[str]:
    """The program's arguments. A filter never filters the limits away."""
    argv = [str(paths.need(program, build))]
    if quick:
        argv.append("--quick")
    argv += [f"--benchmark_out={out}", "--benchmark_out_format=json",
             f"--benchmark_min_time={min_time:g}"]
    if pattern:
        if len(pattern) > FILTER_CAP:
            raise BadInput("--filter: longer than 256 characters")
        argv.append(f"--benchmark_filter=^limit/|{pattern}")
    return argv


def _finite(text: str) -> None:
    return None  # NaN and Infinity of Google Benchmark 1.7: no value


def parse(text: str) -> dict[str, Any]:
    """Google Benchmark's JSON without NaN and Infinity."""
    data = json.loads(text, parse_constant=_finite)
    if not isinstance(data, dict) or not isinstance(data.get("benchmarks"), list):
        raise ValueError("not Google Benchmark's JSON")
    return {"context": data.get("context", {}), "benchmarks": data["benchmarks"]}


def _time_ns(entry: dict[str, Any]) -> float | None:
    value = entry.get("real_time")
    if not isinstance(value, (int, float)) or not math.isfinite(value) or value <= 0:
        return None
    items = entry.get("items_per_second")
    if isinstance(items, (int, float)) and math.isfinite(items) and items > 0:
        return 1e9 / items
    return float(value) * TO_NS.get(str(entry.get("time_unit", "ns")), 1.0)


def _limit_name(entry: dict[str, Any]) -> str:
    label = str(entry.get("label", ""))
    return label.removeprefix("limit=") if label.startswith("limit=") else ""


def rows(data: dict[str, Any]) -> list[MicroRow]:
    """Pairs every benchmark with the limit that its label names, by name, never by order."""
    entries = [e for e in data["benchmarks"] if e.get("run_type") != "aggregate"]
    times = {str(e.get("name")): _time_ns(e) for e in entries}
    found = []
    for entry in entries:
        name, limit = str(entry.get("name")), _limit_name(entry)
        own, floor = times[name], times.get(limit)
        error = str(entry.get("error_message", "")) if entry.get("error_occurred") else ""
        multiple = own / floor if own and floor and not error else None
        found.append(MicroRow(name, None if error else own, limit, floor, multiple, error))
    return found


def run(build: Path, pattern: str | None, min_time: float, quick: bool,
        timeout_s: float, program: str = "ouro-micro") -> dict[str, Any]:
    """Runs ouro-micro or a peer; {context, benchmarks, rows, failure, elapsed_s}."""
    with tempfile.TemporaryDirectory(prefix="ouro-micro-") as folder:
        out = Path(folder) / "out.json"
        env = {k: os.environ[k] for k in worker.KEPT_ENVIRONMENT if k in os.environ}
        outcome = child.run(command(build, pattern, min_time, quick, out, program),
                            {**env, "LC_ALL": "C"}, timeout_s)
        failure = worker.ending(outcome, timeout_s)
        if outcome.status == 2:
            why = escape.for_terminal(outcome.stderr.decode("utf-8", "replace"))[-300:]
            raise (NoRows if "nothing was measured" in why else BadInput)(why)
        try:
            data = parse(out.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            data = {"context": {}, "benchmarks": []}
            failure = failure or f"bad record: {error}"
    listed = [asdict(r) for r in rows(data)]
    if not failure and any(r["error"] for r in listed):
        failure = "verification failed"
    return {**data, "rows": listed, "failure": failure, "elapsed_s": outcome.elapsed_s}
