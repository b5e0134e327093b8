# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""result.json: put together from a run's parts, and read back.

The file is a superset of Google Benchmark's JSON: its `context` and `benchmarks` are what
compare.py, bencher and github-action-benchmark read; what failed stands beside them in
`failures`, so that no tool takes a failure for a measurement.
"""
from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from . import allocators, collector, escape, store, table
from .errors import BadInput

FORMAT = 1
SIZE_CAP = 512 << 20
TEXTS = ("cell", "workload", "form", "arm", "column")


@dataclass
class Result:
    """One run, as stored."""

    context: dict[str, Any]
    benchmarks: list[dict[str, Any]] = field(default_factory=list)
    failures: list[dict[str, Any]] = field(default_factory=list)
    refused: list[dict[str, str]] = field(default_factory=list)
    micro: dict[str, Any] = field(default_factory=dict)
    whole: dict[str, Any] = field(default_factory=dict)
    folder: Path | None = None

    @property
    def comparison(self) -> table.Comparison:
        return table.compare(self.benchmarks, self.failures)

    @property
    def name(self) -> str:
        return self.folder.name if self.folder else str(self.context.get("date", ""))

    def as_dict(self) -> dict[str, Any]:
        return {"ouro_format": FORMAT, "context": self.context, "benchmarks": self.benchmarks,
                "failures": self.failures, "refused": self.refused, "micro": self.micro,
                "whole": self.whole}


def identities(used: list[allocators.Allocator],
               entries: list[dict[str, Any]]) -> dict[str, Any]:
    """What is known of each allocator; the path and build id are what the children reported."""
    found: dict[str, Any] = {}
    for allocator in used:
        one = allocators.identity(allocator)
        for entry in entries:
            if entry["allocator"]["name"] == allocator.name:
                one.path = str(entry["allocator"].get("path", one.path))
                one.build_id = str(entry["allocator"].get("build_id", ""))
                one.sha256 = allocators.file_sha256(one.path) or one.sha256
                break
        found[allocator.name] = asdict(one)
    return found


def load(path: Path) -> Result:
    """A stored run, by its folder or its result.json."""
    file = path / "result.json" if path.is_dir() else path
    shown = escape.for_terminal(str(file))
    try:
        if file.stat().st_size > SIZE_CAP:
            raise BadInput(f"{shown}: larger than {SIZE_CAP} bytes")
        data = store.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(f"{shown}: {error.strerror}") from None
    except ValueError as error:
        raise BadInput(f"{shown}: not JSON: {error}") from None
    if not isinstance(data, dict) or data.get("ouro_format") != FORMAT:
        raise BadInput(f"{shown}: not a result of ouro run (ouro_format {FORMAT})")
    try:
        run = Result(context=dict(data["context"]), benchmarks=list(data["benchmarks"]),
                     failures=list(data["failures"]), refused=list(data["refused"]),
                     micro=dict(data["micro"]), whole=dict(data["whole"]),
                     folder=file.resolve().parent)
        for entry in [*run.benchmarks, *run.whole.get("benchmarks", [])]:
            _check(entry, (*TEXTS, "name"))
            collector.check(entry)
            if not math.isfinite(entry["real_time"]) or entry["real_time"] <= 0:
                raise ValueError(f"{entry['name']}: a time of {entry['real_time']}")
        for failure in [*run.failures, *run.whole.get("failures", [])]:
            _check(failure, (*TEXTS, "failure", "detail"))
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput(f"{shown}: damaged: {escape.for_terminal(str(error))}") from None
    return run


def _check(entry: dict[str, Any], texts: tuple[str, ...]) -> None:
    """What the tables rely on is there and has its type."""
    for key in texts:
        if not isinstance(entry[key], str):
            raise ValueError(f"{key} is not a text")
    if not isinstance(entry["block"], int):
        raise ValueError("block is not a number")
