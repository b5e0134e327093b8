# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""The files for CI: what they call exists, nothing foreign reaches a shell as text, and what
trackers read has their form."""
from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any, Iterator

import jsonschema
import pytest
import yaml
from conftest import ROOT, Suite

from ouro_suite import cli, google
from ouro_suite.result import Result

ACTION = ROOT / "scripts" / "ci" / "action.yml"
WORKFLOW = ROOT / ".github" / "workflows" / "perf.yml"
JUDGE = ROOT / "scripts" / "ci" / "judge"


def steps(node: Any) -> Iterator[dict[str, Any]]:
    """All steps of a workflow or an action."""
    if isinstance(node, dict):
        if "run" in node or "uses" in node:
            yield node
        for value in node.values():
            yield from steps(value)
    elif isinstance(node, list):
        for value in node:
            yield from steps(value)


@pytest.mark.parametrize("file", [ACTION, WORKFLOW])
def test_no_expression_is_pasted_into_a_script(file: Path) -> None:
    found = list(steps(yaml.safe_load(file.read_text())))
    assert found
    for step in found:
        assert "${{" not in str(step.get("run", ""))


def test_the_workflow_passes_inputs_that_the_action_has_and_asks_for_no_rights() -> None:
    action, workflow = (yaml.safe_load(f.read_text()) for f in (ACTION, WORKFLOW))
    (own,) = [s for s in steps(workflow["jobs"]) if s.get("uses") == "./scripts/ci"]
    assert set(own["with"]) <= set(action["inputs"])
    needed = {name for name, one in action["inputs"].items() if one.get("required")}
    assert needed <= set(own["with"])
    assert workflow["permissions"] == {"contents": "read"}
    assert set(workflow[True]) == {"workflow_dispatch", "pull_request"}  # `on` is YAML's true
    used = {v for s in steps(action) for k, v in s.get("env", {}).items()}
    assert {f"${{{{ inputs.{name} }}}}" for name in action["inputs"]} == used


def judge(folder: Path, status: int = 0, **env: str) -> tuple[int, list[str]]:
    """scripts/ci/judge over a command that writes its arguments down and ends with status."""
    fake = folder / "ouro"
    fake.write_text('#!/bin/sh\nfor a in "$@"; do printf "%s\\n" "$a"; done >args\n'
                    f"exit {status}\n")
    fake.chmod(0o755)
    done = subprocess.run([str(JUDGE)], cwd=folder, check=False, capture_output=True, env={
        "PATH": os.environ["PATH"], "OURO_COMMAND": str(fake), **env})
    args = folder / "args"
    return done.returncode, args.read_text().splitlines() if args.is_file() else []


@pytest.mark.parametrize("status, policy, code", [
    (0, "fail", 0), (1, "warn", 1), (2, "warn", 2), (3, "fail", 3), (3, "warn", 0)])
def test_judge_exits_as_the_gate_did(tmp_path: Path, status: int, policy: str, code: int) -> None:
    found, _ = judge(tmp_path, status, OURO_BASE="a", OURO_INCONCLUSIVE=policy,
                     GITHUB_OUTPUT=str(tmp_path / "out"))
    assert found == code and (tmp_path / "out").read_text() == f"status={status}\n"


def test_judge_passes_hostile_names_as_single_arguments(tmp_path: Path) -> None:
    code, args = judge(tmp_path, OURO_BASE="$(touch pwned); -x", OURO_CAND="--help",
                       OURO_WORKLOADS="churn * `touch pwned`", OURO_MODE="icount")
    assert code == 0 and not (tmp_path / "pwned").exists()
    assert args[:3] == ["icount", "--base=$(touch pwned); -x", "--cand=--help"]
    assert args[-4:] == ["--workload=churn", "--workload=*", "--workload=`touch",
                         "--workload=pwned`"]


def test_judge_refuses_what_it_does_not_know(tmp_path: Path) -> None:
    assert judge(tmp_path, OURO_BASE="a", OURO_MODE="rm -rf") == (2, [])
    code, args = judge(tmp_path)
    assert code != 0 and args == []


@pytest.mark.parametrize("mode", ["icount", "gate"])
def test_the_command_line_knows_what_judge_passes(tmp_path: Path, mode: str) -> None:
    _, args = judge(tmp_path, OURO_BASE="a", OURO_MODE=mode, OURO_WORKLOADS="churn",
                    OURO_METRIC="ir:1%", GITHUB_ACTIONS="true")
    known = cli.parser().parse_args(args)
    assert known.base == "a" and known.cand == "HEAD" and known.github
    assert known.workload == ["churn"] and known.md.endswith("report.md")


# What bencher's cpp_google and github-action-benchmark's googlecpp read, and nothing more.
TRACKERS = {
    "type": "object", "required": ["context", "benchmarks"],
    "properties": {
        "context": {"type": "object", "required": ["caches"],
                    "properties": {"caches": {"type": "array", "items": {"type": "object"}}}},
        "benchmarks": {"type": "array", "minItems": 1, "items": {
            "type": "object",
            "required": ["name", "real_time", "cpu_time", "time_unit", "iterations", "threads"],
            "properties": {
                "name": {"type": "string", "minLength": 1, "maxLength": 1024},
                "real_time": {"type": "number", "exclusiveMinimum": 0},
                "cpu_time": {"type": "number", "minimum": 0},
                "time_unit": {"enum": ["ns", "us", "ms", "s"]},
                "iterations": {"type": "integer", "minimum": 0},
                "threads": {"type": "integer", "minimum": 1}}}}}}


def test_trackers_can_read_a_run(suite: Suite) -> None:
    done = suite.run("-w", suite.workload("calm"), "-w", suite.workload("bad", "crash@jemalloc"),
                     "-a", "glibc", "-a", "jemalloc")
    assert done.returncode == 1
    every = json.loads((suite.folder / "run" / "result.json").read_text())
    middle = json.loads((suite.folder / "run" / "benchmark.json").read_text())
    for data in (every, middle):
        jsonschema.validate(data, TRACKERS)
    names = [b["name"] for b in middle["benchmarks"]]
    assert sorted(names) == ["bad/raw/glibc/threads:1", "calm/raw/glibc/threads:1",
                             "calm/raw/jemalloc/threads:1"]
    assert {b["name"] for b in every["benchmarks"]} == set(names)


def test_one_value_a_name_is_the_median_and_failures_have_none() -> None:
    def entry(arm: str, block: int, time: float) -> dict[str, Any]:
        return {"name": f"w/{arm}", "cell": "w", "arm": arm, "block": block, "real_time": time,
                "cpu_time": time, "iterations": 7, "threads": 2}
    run = Result({"date": "d", "caches": []},
                 [entry("a", i, t) for i, t in enumerate((9.0, 1.0, 2.0))] + [entry("b", 0, 1.0)],
                 [{"cell": "w", "arm": "b"}])
    (only,) = google.medians(run)["benchmarks"]
    assert (only["name"], only["real_time"], only["repetitions"]) == ("w/a", 2.0, 3)
    assert only["threads"] == 2 and only["iterations"] == 7
