# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""A gate resumed from a folder that somebody damaged, and mistakes of ours: exit 2 and the
reason, never a pass and never the 1 of a regression."""
from __future__ import annotations

import copy
import json
import math
from pathlib import Path
from typing import Any

import pytest

from ouro_suite import (baseline, calibrate, cli, commands, gate_cmd, gate_sampler, result, store,
                        verdict, worker)
from ouro_suite.errors import BadInput

SAMPLE = {"kind": "sample", "cell": "c", "block": 0, "side": "base", "elapsed_s": 0.1,
          "values": {"ops": 5, "checksum": "x", "wall": [5, 6], "cpu": [5, 6], "minflt": 0}}
SETUP = {"kind": "setup", "cell": "c", "scale": 0.5, "iterations": 4, "one_core": True,
         "pair_s": 0.1}
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
    ("layouts", ("0", None)), ("timeout_s", ("1", 0, NAN)), ("extra", (1,))])
def test_a_damaged_plan_ends_a_resume(key: str, values: tuple[Any, ...]) -> None:
    assert gate_cmd._stored(json.loads(json.dumps(PLAN))).base == "a"
    for value in values:
        with pytest.raises(BadInput, match="plan.json"):
            gate_cmd._stored({**PLAN, key: value})
    for other in ([1, 2], None, "x", {}):
        with pytest.raises(BadInput, match="plan.json"):
            gate_cmd._stored(other)


@pytest.mark.parametrize("option, value", [
    ("--base", "a"), ("--cand", "b"), ("--build", "c"), ("-w", "w"), ("-t", "1"),
    ("--form", "both"), ("--metric", "time"), ("--tol", "3%"), ("--budget", "5m"), ("--seed", "1"),
    ("--store", "s"), ("--layouts", "0"), ("--timeout", "2m"), ("-o", "o"),
    ("--force", "")])
def test_a_resumed_gate_takes_nothing_but_its_plan(
        tmp_path: Path, capsys: pytest.CaptureFixture, option: str, value: str) -> None:
    """Also what equals the default: the plan may say otherwise. Planted: alone it goes on, to
    the plan that is not there."""
    assert cli.main(["gate", "--resume", str(tmp_path), option, *[value] * bool(value)]) == 2
    assert f"leave out {option}" in capsys.readouterr().err
    assert cli.main(["gate", "--resume", str(tmp_path)]) == 2
    assert "there is no run to resume" in capsys.readouterr().err


HUGE = "1" + "0" * 400  # fits into no float


def test_numbers_that_fit_nowhere_are_refused_where_they_are_read(tmp_path: Path) -> None:
    """json takes them, and math.isfinite() of them raises what nobody catches."""
    with pytest.raises(OverflowError):
        math.isfinite(json.loads(HUGE))
    assert store.loads(str((1 << 64) - 1)) == (1 << 64) - 1
    for text in (HUGE, f"-{HUGE}", str(1 << 64), "NaN", "-Infinity", "[" * 100_000):
        with pytest.raises(ValueError):
            store.loads(text)
    with pytest.raises(ValueError, match="64 bits"):
        worker.parse_record(f'{{"wall_ns": {HUGE}}}'.encode())
    with pytest.raises(BadInput, match="damaged.*64 bits"):
        verdict.from_json(f'{{"elapsed_s": {HUGE}}}')
    file = calibrate.file_of(str(tmp_path))
    file.write_text(f'{{"ouro_calibration_format": {HUGE}}}')
    with pytest.raises(BadInput, match="64 bits.*calibrate again"):
        calibrate.load(str(tmp_path))
    (tmp_path / "result.json").write_text(f'{{"ouro_format": {HUGE}}}')
    with pytest.raises(BadInput, match="result.json: .*64 bits"):
        result.load(tmp_path)
    with pytest.raises(BadInput, match="64 bits"):
        baseline.parse(f'{{"ouro_baseline_format": {HUGE}}}', "b")
    with store.RunDir.open(tmp_path / "run") as rundir:
        rundir.write("plan.json", f'{{"seed": {HUGE}}}')
        with pytest.raises(BadInput, match="plan.json: .*64 bits"):
            rundir.read_json("plan.json")
        rundir.append(SETUP)
        log = rundir.path / "samples.jsonl"
        log.write_text(log.read_text() + json.dumps(SAMPLE).replace("[5, 6]", f"[{HUGE}]") + "\n")
        with pytest.raises(BadInput, match="samples.jsonl:2: .*64 bits"):
            rundir.samples()


def test_a_mistake_of_ours_is_no_regression(monkeypatch: pytest.MonkeyPatch,
                                            capsys: pytest.CaptureFixture) -> None:
    monkeypatch.setattr(commands, "knobs", lambda args: 1 // 0)
    assert cli.main(["knobs"]) == 2
    error = capsys.readouterr().err
    assert "ZeroDivisionError" in error and "please report" in error
