# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""The files for CI: what they call exists, nothing foreign reaches a shell as text, and what
trackers read has their form."""
from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, Iterator

import jsonschema
import pytest
import trees
import yaml
from conftest import ROOT, Suite

from ouro_suite import cli, gate_trackers, google, verdict
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
    used = str([s.get("env", {}) for s in steps(action)] + [s.get("with") for s in steps(action)])
    for name in action["inputs"]:
        assert f"${{{{ inputs.{name} }}}}" in used, name
    matrix = workflow["jobs"]["judge"]["strategy"]["matrix"]
    assert all(own["with"][name] != action["inputs"][name]["default"] and "matrix." in
               own["with"][name] for name in ("output", "artifact")), "jobs would share a name"
    assert set(matrix["mode"]) == {"gate", "icount"}


def test_what_the_action_is_made_of() -> None:
    """Each run step names its shell, as composite actions must, and finds ouro by the variable
    that is right in containers as well; steps and outputs that are referred to exist."""
    text = ACTION.read_text()
    action = yaml.safe_load(text)
    assert action["runs"]["using"] == "composite"
    ids = {s["id"] for s in steps(action) if "id" in s}
    assert set(re.findall(r"\$\{\{ steps\.(\w+)\.outputs", text)) == ids
    assert "{{ github.action_path" not in text
    for step in steps(action):
        if "run" in step:
            assert step["shell"] == "sh" and "$GITHUB_ACTION_PATH" in step["run"]
        else:
            assert re.fullmatch(r"actions/(cache|upload-artifact)@v\d+", step["uses"])
    (last,) = [s for s in steps(action) if "if" in s]
    assert last["if"].startswith("always()"), "the report of a gate that failed is wanted most"


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


class Job:
    """The action's steps run as GitHub's runner does, in a checkout that is not ouro's: every
    shell step with its variables and its own GITHUB_OUTPUT, expressions put in."""

    def __init__(self, tree: trees.Tree, workspace: Path) -> None:
        self.tree, self.workspace = tree, workspace
        self.outputs: dict[str, dict[str, str]] = {}
        self.uses: list[dict[str, Any]] = []
        self.said = ""

    def _filled(self, text: str, inputs: dict[str, str]) -> str:
        def value(match: re.Match[str]) -> str:
            kind, _, name = match[1].partition(".")
            if kind == "inputs":
                return inputs[name]
            if kind == "runner":
                return {"os": "Linux", "arch": "X64"}[name]
            step, _, output = name.partition(".outputs.")
            return self.outputs[step][output]
        return re.sub(r"\$\{\{ ([\w.]+) \}\}", value, text)

    def _env(self, out: Path) -> dict[str, str]:
        return self.tree.env(
            GITHUB_ACTION_PATH=str(self.tree.root / "scripts" / "ci"), GITHUB_OUTPUT=str(out),
            GITHUB_ACTIONS="true", GITHUB_STEP_SUMMARY=str(self.workspace.parent / "summary"))

    def run(self, **given: str) -> int:
        """The status of the first step that fails, 0 if none does."""
        action = yaml.safe_load(ACTION.read_text())
        inputs = {n: one.get("default", "") for n, one in action["inputs"].items()} | given
        failed = 0
        for number, step in enumerate(steps(action)):
            if "uses" in step:
                self.uses.append({k: self._filled(v, inputs) for k, v in step["with"].items()})
            elif not failed:
                out = self.workspace.parent / f"output{number}"
                out.write_text("")
                env = {k: self._filled(v, inputs) for k, v in step.get("env", {}).items()}
                done = subprocess.run(["sh", "-e", "-c", step["run"]], cwd=self.workspace,
                                      env=self._env(out) | env, check=False,
                                      capture_output=True, text=True)
                self.said += done.stdout + done.stderr
                failed = done.returncode
                self.outputs[step.get("id", "")] = dict(
                    line.split("=", 1) for line in out.read_text().splitlines())
        return failed


@pytest.fixture
def job(tmp_path: Path) -> Job:
    """A repository with an allocator in two versions, and ouro as an action is fetched: a
    folder elsewhere, without git."""
    tree = trees.make(tmp_path)
    tree.commit(trees.COPIES)
    shutil.rmtree(tree.root / ".git")
    (tree.root / "scripts" / "setup").write_text('#!/bin/sh\necho setup "$@"\n')
    workspace = tmp_path / "theirs"
    for side in ("old", "new"):
        (workspace / side).mkdir(parents=True)
        source = workspace / side / "x.c"
        source.write_text(f"int theirs_{side}(void) {{ return 1; }}\n")
        subprocess.run(["cc", "-shared", "-fPIC", "-o", source.with_name("libx.so"), source],
                       check=True)
    shutil.copy(tree.suite.workload("load"), workspace / "load.yaml")
    return Job(tree, workspace)


ORDER = {"base": "old/libx.so", "cand": "./new/libx.so", "workloads": "load.yaml",
         "metric": "ops"}


def test_the_action_judges_libraries_of_another_repository(job: Job) -> None:
    assert job.run(**ORDER) == 0, job.said
    out = job.workspace / "ouro-gate"
    report = verdict.load(out / "run")
    assert [r.verdict for r in report.rows] == ["ok"]
    assert (report.base["kind"], report.cand["name"]) == ("allocator", "./new/libx.so")
    assert report.base["digests"] != report.cand["digests"]
    assert (out / "report.md").read_text() == (job.workspace.parent / "summary").read_text()
    assert "<testsuite" in (out / "junit.xml").read_text()
    assert job.outputs["judge"] == {"status": "0"} and "setup test" in job.said
    cache, artifact = job.uses
    built = job.tree.root / "build" / "release"
    assert cache["path"] == str(built) and (built / "ouro-work").is_file()
    assert cache["key"].startswith("ouro-Linux-X64-")
    assert (artifact["name"], artifact["path"]) == ("ouro-gate", "ouro-gate")


def test_the_action_builds_ouro_once(job: Job) -> None:
    assert job.run(**ORDER) == 0, job.said
    key = job.uses[0]["key"]
    os.utime(job.tree.root / "worker.py")  # a fresh checkout is newer than the cache
    assert job.run(**ORDER) == 0 and job.said.count("building release") == 1, job.said
    worker = job.tree.root / "build" / "release" / "ouro-work"
    later = worker.stat().st_mtime + 10
    os.utime(worker, (later, later))  # somebody built by hand since
    assert job.run(**ORDER) == 0 and job.said.count("building release") == 2, job.said
    assert {one["key"] for one in job.uses if "key" in one} == {key}
    (job.tree.root / "runtime").mkdir()
    (job.tree.root / "runtime" / "new.c").write_text("another version\n")
    assert job.run(**ORDER) == 0 and job.said.count("building release") == 3, job.said
    assert job.uses[-2]["key"] != key


def test_the_action_reports_what_it_cannot_judge(job: Job) -> None:
    """The planted faults: a library that cannot be loaded, an ouro that cannot be built."""
    (job.workspace / "new" / "libx.so").write_text("no library")
    assert job.run(**ORDER) == 2
    for text in ((job.workspace / "ouro-gate" / "report.md").read_text(), job.said,
                 (job.workspace / "ouro-gate" / "junit.xml").read_text()):
        assert "--cand ./new/libx.so: cannot be preloaded" in text
    assert job.outputs["judge"] == {"status": "2"} and len(job.uses) == 2
    (job.tree.root / "CMakeLists.txt").write_text(trees.HEAD + trees.FAILS)
    assert job.run(**ORDER) == 2 and "no luck" in job.said


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


# What bencher's own documentation gives as the schema of its metric format, and the fields of
# github-action-benchmark's custom tools with the types it takes.
BENCHER = {"type": "object", "patternProperties": {".+": {
    "type": "object", "minProperties": 1, "patternProperties": {"^.{1,64}$": {
        "type": "object", "required": ["value"], "additionalProperties": False, "properties": {
            k: {"type": "number"} for k in ("value", "lower_value", "upper_value")}}},
    "additionalProperties": False}}}
CUSTOM = {"type": "array", "items": {
    "type": "object", "required": ["name", "unit", "value"], "additionalProperties": False,
    "properties": {"name": {"type": "string", "minLength": 1}, "unit": {"type": "string"},
                   "value": {"type": "number"}, "range": {"type": "string", "pattern":
                                                          "^\u00b1 [0-9.e+-]+$"},
                   "extra": {"type": "string"}}}}


def test_trackers_can_read_a_gate(tmp_path: Path) -> None:
    def row(name: str, metric: str, word: str, effect: float | None) -> verdict.MetricVerdict:
        low, high = (effect - 0.01, effect + 0.03) if effect else (None, None)
        return verdict.MetricVerdict(name, metric, word, effect, low, high, None, 24, 0.025, None)
    rows = (row("a/raw", "time", "ok", 1.01), row("a/raw", "rss", "regression", 1.2),
            row("b\x1b[1m/raw", "time", "error", None), row("c" * 2000, "time", "ok", 1.0))
    report = verdict.GateReport({}, {}, rows, 2, 1, {}, 1.0)
    files = tmp_path / "b.json", tmp_path / "t.json"
    (tmp_path / "gate.json").write_text(report.to_json())
    assert cli.main(["verdict", str(tmp_path), "--bencher", str(files[0]), "--tracker",
                     str(files[1])]) == 2
    mine, theirs = (json.loads(f.read_text()) for f in files)
    jsonschema.validate(mine, BENCHER)
    jsonschema.validate(theirs, CUSTOM)
    assert set(mine) == {"a/raw", "c" * gate_trackers.NAME_CAP}
    assert mine["a/raw"]["rss-ratio"] == {"value": 1.2, "lower_value": 1.19, "upper_value": 1.23}
    assert [(e["name"], e["value"]) for e in theirs[:2]] == [("a/raw time", 1.01),
                                                             ("a/raw rss", 1.2)]
    assert theirs[1]["range"] == "\u00b1 0.02" and "regression" in theirs[1]["extra"]
    with pytest.raises(jsonschema.ValidationError):  # the schema sees what it is there for
        jsonschema.validate({"a": {"time": {"value": None}}}, BENCHER)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate([{**theirs[0], "range": "0.1 to 0.2"}], CUSTOM)


def test_the_examples_of_the_documentation_can_be_read() -> None:
    text = (ROOT / "docs" / "ci.md").read_text()
    inputs = yaml.safe_load(ACTION.read_text())["inputs"]
    github, gitlab = (yaml.safe_load(x) for x in re.findall(r"```yaml\n(.*?)```", text, re.S))
    (own,) = [s for s in steps(github["jobs"]) if "/scripts/ci@" in s.get("uses", "")]
    assert set(own["with"]) <= set(inputs) and own["with"]["inconclusive"] == "warn"
    assert gitlab["allocator"]["allow_failure"] == {"exit_codes": verdict.EXIT_INCONCLUSIVE}
    assert gitlab["allocator"]["artifacts"]["reports"] == {"junit": "ouro-gate/junit.xml"}
    used = set(re.findall(r"OURO_[A-Z]+", str(gitlab) + text)) - {"OURO_URL"}
    assert used <= set(re.findall(r"OURO_[A-Z]+", JUDGE.read_text()))
    for script in re.findall(r"```sh\n(.*?)```", text, re.S):
        done = subprocess.run(["sh", "-n"], input=script, text=True, check=False,
                              capture_output=True)
        assert done.returncode == 0, done.stderr
