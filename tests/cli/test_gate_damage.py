# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""A gate resumed from a folder that somebody damaged, and mistakes of ours: exit 2 and the
reason, never a pass and never the 1 of a regression."""
from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from ouro_suite import cli, commands, gate_cmd, gate_sampler
from ouro_suite.errors import BadInput

SAMPLE = {"kind": "sample", "cell": "c", "block": 0, "side": "base", "elapsed_s": 0.1,
          "values": {"ops": 5, "checksum": "x", "wall": [5, 6], "cpu": [5, 6], "minflt": 0}}
SETUP = {"kind": "setup", "cell": "c", "scale": 0.5, "iterations": 4, "one_core": True}
CLOCK = {"kind": "clock", "elapsed_s": 1.5}
END = {"kind": "end", "of": "screen", "block": 20}
COUNT = {"kind": "count", "cell": "c", "base": 1000, "cand": 1001}
PLAN = {"base": "a", "cand": "b", "build": None, "workload": ["w"], "threads": None,
        "form": "raw", "metric": "time", "tol": None, "budget_s": 5.0, "seed": 1,
        "store": None, "layouts": 0, "identity": {"x": "y"}}
NAN = float("nan")


def changed(base: dict[str, Any], path: tuple[str, ...], value: Any) -> dict[str, Any]:
    made = copy.deepcopy(base)
    at = made
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return made


@pytest.mark.parametrize("line", [SAMPLE, SETUP, CLOCK, END, COUNT])
def test_good_lines_are_good(line: dict[str, Any]) -> None:
    assert gate_sampler.damaged(line) == ""


@pytest.mark.parametrize("base, path, values", [
    (SAMPLE, ("values", "wall"), ([], [NAN], "x", None, [-1], [True], [1.5], 7)),
    (SAMPLE, ("values", "cpu"), ([], None)),
    (SAMPLE, ("values", "ops"), (NAN, "5", None, -1, True)),
    (SAMPLE, ("values",), (None, [], "x")), (SAMPLE, ("side",), ("other", None, 3)),
    (SAMPLE, ("block",), (-1, "0", None, 0.5)), (SAMPLE, ("cell",), (3, None)),
    (SAMPLE, ("kind",), ("other", None)), (CLOCK, ("elapsed_s",), (NAN, -1.0, "1", None)),
    (END, ("of",), (None, 3)), (END, ("block",), (-1, None, "1", 0.5)),
    (COUNT, ("base",), (0, None, NAN, 1.5)), (COUNT, ("cand",), (-1, "x")),
    (COUNT, ("cell",), (None,)),
    (SETUP, ("scale",), (0, NAN, float("inf"), "1")), (SETUP, ("iterations",), (0, 1.5, None))])
def test_damaged_lines_are_named(base: dict[str, Any], path: tuple[str, ...],
                                 values: tuple[Any, ...]) -> None:
    for value in values:
        assert gate_sampler.damaged(changed(base, path, value))


def test_a_damaged_log_ends_a_resume(tmp_path: Any) -> None:
    class Log:
        path = tmp_path

        def samples(self) -> list[dict[str, Any]]:
            return [SETUP, changed(SAMPLE, ("values", "wall"), [])]
    with pytest.raises(BadInput, match="samples.jsonl:2: damaged: c: a sample without wall"):
        gate_sampler.Sampler([], 1, 5.0, Log(), lambda *_: None)  # type: ignore[arg-type]


@pytest.mark.parametrize("key, values", [
    ("base", (7, None)), ("workload", (5, [5], "w", None)), ("budget_s", ("x", NAN, 0, -1, 1e12)),
    ("seed", ("1", 1.5, True)), ("identity", (5, None, {"x": 3})), ("threads", (3,)),
    ("layouts", ("0", None)), ("extra", (1,))])
def test_a_damaged_plan_ends_a_resume(key: str, values: tuple[Any, ...]) -> None:
    assert gate_cmd._stored(json.loads(json.dumps(PLAN))).base == "a"
    for value in values:
        with pytest.raises(BadInput, match="plan.json"):
            gate_cmd._stored({**PLAN, key: value})
    for other in ([1, 2], None, "x", {}):
        with pytest.raises(BadInput, match="plan.json"):
            gate_cmd._stored(other)


def test_a_mistake_of_ours_is_no_regression(monkeypatch: pytest.MonkeyPatch,
                                            capsys: pytest.CaptureFixture) -> None:
    monkeypatch.setattr(commands, "knobs", lambda args: 1 // 0)
    assert cli.main(["knobs"]) == 2
    error = capsys.readouterr().err
    assert "ZeroDivisionError" in error and "please report" in error
