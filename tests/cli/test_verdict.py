# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""A stored gate report comes back as it was, and a damaged one is refused."""
from __future__ import annotations

import json
from typing import Any

import pytest

from ouro_suite import verdict
from ouro_suite.errors import BadInput
from ouro_suite.verdict import GateReport, MetricVerdict


def row(**change: Any) -> MetricVerdict:
    return MetricVerdict(**{**dict(
        workload="churn/raw", metric="time", verdict="ok", effect=1.001, low=0.99, high=1.01,
        p=0.5, blocks=24, tolerance=0.025, noise_floor=0.004), **change})


def report(*rows: MetricVerdict) -> GateReport:
    return GateReport({"name": "a"}, {"name": "b"}, rows, verdict.exit_code(rows), 1,
                      {"cpu": "x"}, 12.5, ("why",))


@pytest.mark.parametrize("verdicts,code", [
    ((), 2), (("ok",), 0), (("ok", "improvement"), 0), (("ok", "inconclusive"), 3),
    (("inconclusive", "regression"), 1), (("regression", "error"), 2)])
def test_the_worst_row_decides(verdicts: tuple[str, ...], code: int) -> None:
    assert verdict.exit_code([row(verdict=v) for v in verdicts]) == code


def test_a_report_comes_back() -> None:
    one = report(row(), row(metric="rss", verdict="regression", layout_suspect=True))
    assert verdict.from_json(one.to_json()) == one


@pytest.mark.parametrize("damage", [
    {"rows": [{}]}, {"rows": None}, {"exit_code": 3}, {"exit_code": True}, {"elapsed_s": -1.0},
    {"ouro_gate_format": 99}, {"reasons": [1]}, {"base": None}, {"more": 1}])
def test_a_damaged_report_is_refused(damage: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match="damaged"):
        verdict.from_json(json.dumps({**report(row()).as_dict(), **damage}))


@pytest.mark.parametrize("damage", [
    {"effect": None}, {"blocks": 0}, {"blocks": True}, {"verdict": "fine"}, {"p": "0.1"},
    {"low": -1.0}, {"tolerance": None}, {"layout_suspect": 1}, {"note": None}, {"metric": 3}])
def test_a_damaged_row_is_refused(damage: dict[str, Any]) -> None:
    data = report(row()).as_dict()
    data["rows"][0].update(damage)
    with pytest.raises(BadInput, match="damaged"):
        verdict.from_json(json.dumps(data))


def test_infinity_is_neither_written_nor_read() -> None:
    with pytest.raises(ValueError):
        report(row(effect=float("inf"))).to_json()
    text = report(row()).to_json().replace("1.001", "Infinity")
    with pytest.raises(BadInput, match="not a finite number"):
        verdict.from_json(text)
