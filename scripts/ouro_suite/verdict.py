# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""What a gate decided: one row a workload and metric, and the report that holds them.

gate_judge.py makes rows, gate_run.py the report, the renderers and the baseline store read
them. A report on disk is a JSON object of the schema below; whatever is not finite, missing,
unknown or inconsistent with its exit status is refused (BadInput), never repaired.
"""
from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Sequence

from . import escape, store
from .errors import BadInput

FORMAT = 1  # of the stored report; another number is another schema
REGRESSION, OK, IMPROVEMENT = "regression", "ok", "improvement"
INCONCLUSIVE, ERROR = "inconclusive", "error"
VERDICTS = (REGRESSION, OK, IMPROVEMENT, INCONCLUSIVE, ERROR)
EXIT_OK, EXIT_REGRESSION, EXIT_ERROR, EXIT_INCONCLUSIVE = 0, 1, 2, 3
SIZE_CAP = 1 << 26


@dataclass(frozen=True)
class MetricVerdict:
    """One metric of one workload.

    `effect`, `low`, `high` are ratios candidate / base (1.05: five per cent more of what costs);
    `low` and `high` bound the interval the verdict rests on, equal to `effect` for exact
    counts. They are None where nothing could be measured (verdict `error`). `p` is the
    Holm-adjusted probability of such data without a difference, None where no test applies.
    `blocks` are pairs of fresh processes; `tolerance` and `noise_floor` are fractions (0.025).
    """

    workload: str  # cell name, e.g. churn/raw/threads:2
    metric: str  # time, rss, minflt, p99, pause, ir, ops
    verdict: str
    effect: float | None
    low: float | None
    high: float | None
    p: float | None
    blocks: int
    tolerance: float
    noise_floor: float | None
    note: str = ""
    layout_suspect: bool = False

    @property
    def name(self) -> str:
        return f"{self.workload} {self.metric}"


@dataclass(frozen=True)
class GateReport:
    """A whole gate. `base` and `cand` describe the arms (name, kind, path, commit, digests);
    `machine` is what context.machine() says plus `fingerprint` and the doctor's `doctor` list;
    `reasons` are lines for a person: why it failed, what is missing, what to distrust."""

    base: dict[str, Any]
    cand: dict[str, Any]
    rows: tuple[MetricVerdict, ...]
    exit_code: int
    seed: int
    machine: dict[str, Any]
    elapsed_s: float
    reasons: tuple[str, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)  # budget_s, clocks, scales, injected

    def as_dict(self) -> dict[str, Any]:
        return {"ouro_gate_format": FORMAT, **asdict(self),
                "rows": [asdict(r) for r in self.rows], "reasons": list(self.reasons)}

    def to_json(self) -> str:
        """One JSON text; NaN and Infinity are errors."""
        return json.dumps(self.as_dict(), allow_nan=False, indent=1) + "\n"


def exit_code(rows: Sequence[MetricVerdict]) -> int:
    """The worst of the rows: no data at all and an error are 2, a regression 1, an
    inconclusive row 3. A regression that is sure stays one beside an inconclusive row."""
    verdicts = {row.verdict for row in rows}
    if not rows or ERROR in verdicts:
        return EXIT_ERROR
    if REGRESSION in verdicts:
        return EXIT_REGRESSION
    return EXIT_INCONCLUSIVE if INCONCLUSIVE in verdicts else EXIT_OK


def _number(row: dict[str, Any], key: str, none: bool) -> None:
    value = row[key]
    if value is None and none:
        return
    if isinstance(value, bool) or not isinstance(value, (int, float)) \
            or not math.isfinite(value) or value < 0:
        raise ValueError(f"{key} is {value!r}")


def _row(data: Any) -> MetricVerdict:
    """A row from JSON, every field checked."""
    known = {f.name for f in fields(MetricVerdict)}
    if not isinstance(data, dict) or set(data) != known:
        raise ValueError("a row has other keys than it should")
    for key in ("workload", "metric", "verdict", "note"):
        if not isinstance(data[key], str):
            raise ValueError(f"{key} is not a text")
    if data["verdict"] not in VERDICTS:
        raise ValueError(f"unknown verdict {data['verdict']!r}")
    for key in ("effect", "low", "high", "p", "noise_floor"):
        _number(data, key, none=True)
    _number(data, "tolerance", none=False)
    if isinstance(data["blocks"], bool) or not isinstance(data["blocks"], int) \
            or data["blocks"] < 0:
        raise ValueError(f"blocks is {data['blocks']!r}")
    if not isinstance(data["layout_suspect"], bool):
        raise ValueError("layout_suspect is no truth value")
    decided = data["verdict"] in (REGRESSION, OK, IMPROVEMENT)
    if decided and (data["blocks"] == 0 or None in (data["effect"], data["low"], data["high"])):
        raise ValueError(f"{data['workload']}: a verdict without data")
    return MetricVerdict(**data)


def from_json(text: str, shown: str = "report") -> GateReport:
    """The report of to_json(); BadInput when it is damaged, foreign or contradicts itself."""
    try:
        data = store.loads(text)
        if not isinstance(data, dict) or data.pop("ouro_gate_format", None) != FORMAT:
            raise ValueError(f"not a report of ouro gate (ouro_gate_format {FORMAT})")
        if set(data) != {f.name for f in fields(GateReport)}:
            raise ValueError("other keys than a report should have")
        rows = tuple(_row(r) for r in data["rows"])
        _number(data, "elapsed_s", none=False)
        for key in ("base", "cand", "machine", "settings"):
            if not isinstance(data[key], dict):
                raise ValueError(f"{key} is not an object")
        for key in ("seed", "exit_code"):
            if isinstance(data[key], bool) or not isinstance(data[key], int):
                raise ValueError(f"{key} is not a whole number")
        reasons = tuple(data["reasons"])
        if not all(isinstance(r, str) for r in reasons):
            raise ValueError("a reason is not a text")
        if data["exit_code"] not in (exit_code(rows), EXIT_ERROR):
            raise ValueError(f"exit_code {data['exit_code']} is not what the rows say")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadInput(f"{shown}: damaged: {escape.for_terminal(str(error))}") from None
    return GateReport(**{**data, "rows": rows, "reasons": reasons})


def load(path: Path) -> GateReport:
    """A stored report: a folder with gate.json, or the file."""
    file = path / "gate.json" if path.is_dir() else path
    shown = escape.for_terminal(str(file))
    try:
        if file.stat().st_size > SIZE_CAP:
            raise BadInput(f"{shown}: larger than {SIZE_CAP} bytes")
        return from_json(file.read_text(encoding="utf-8"), shown)
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{shown}: {error}") from None
