# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""ouro compare refuses runs that cannot stand beside each other, unless it is told to."""
from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any, Callable

import pytest

from ouro_suite import cli, comparable

CONTEXT = {"date": "2026-01-01T00:00:00+00:00", "host_name": "h", "cpu": "c", "num_cpus": 2,
           "usable_cpus": 2, "machine": "x86_64", "thp": "madvise", "aslr": "2",
           "cgroup_limits": {}, "library_build_type": "release", "build_type": "Release",
           "sanitize": "", "check": "", "json_schema_version": 1, "scales": {"w/raw": 1.0},
           "kernel": "6", "seed": 1, "doctor": []}


def run(folder: Path, change: Callable[[dict[str, Any]], Any] = lambda run: None) -> str:
    """A stored run of one workload under two contenders, changed."""
    entries = [{"name": f"w/raw/{column}/threads:1", "cell": "w/raw", "workload": "w",
                "form": "raw", "arm": f"raw@{column}", "column": column, "block": block,
                "seed": 100 + block, "scale": 1.0, "threads": 1, "checksum": f"{block:016x}",
                "real_time": 10.0 + block} for column in ("glibc", "ouro") for block in range(6)]
    data = {"ouro_format": 1, "context": copy.deepcopy(CONTEXT), "benchmarks": entries,
            "failures": [], "refused": [], "micro": {}, "whole": {}}
    change(data)
    folder.mkdir()
    (folder / "result.json").write_text(json.dumps(data))
    return str(folder)


def context(key: str, value: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda data: data["context"].update({key: value})


def entries(change: Callable[[dict[str, Any]], Any]) -> Callable[[dict[str, Any]], Any]:
    return lambda data: [change(e) for e in data["benchmarks"]]


DIFFERENT = [
    ("machine", context("host_name", "other"), "host_name is h and other"),
    ("machine", context("cpu", "\x1b[31mred"), "cpu is c and"),
    ("machine", context("num_cpus", 4), "num_cpus is 2 and 4"),
    ("machine", context("thp", "always"), "thp"),
    ("machine", context("aslr", "0"), "aslr"),
    ("machine", context("cgroup_limits", {"cpu.max": "5 10"}), "cgroup_limits"),
    ("mode", context("library_build_type", "debug"), "library_build_type"),
    ("mode", context("sanitize", "address"), "sanitize"),
    ("mode", context("check", "ON"), "check"),
    ("schema", context("json_schema_version", 2), "json_schema_version is 1 and 2"),
    ("work", entries(lambda e: e.update(checksum="f" * 16)), "other work under the name w/raw"),
    ("names", entries(lambda e: e.update(name=e["name"].replace("w/", "v/"), cell="v/raw")),
     "b does not have w/raw/glibc/threads:1"),
    ("names", lambda data: data["benchmarks"].__delitem__(slice(6, None)), "b does not have"),
]


@pytest.mark.parametrize("kind, change, said", DIFFERENT)
def test_a_difference_is_refused_unless_allowed(
        tmp_path: Path, capsys: pytest.CaptureFixture, kind: str,
        change: Callable[[dict[str, Any]], Any], said: str) -> None:
    pair = ["compare", run(tmp_path / "a"), run(tmp_path / "b", change)]
    assert cli.main(pair) == 2
    error = capsys.readouterr().err
    assert said in error and f"--allow {kind} compares" in error
    assert len(error.splitlines()) == 1 and "\x1b" not in error
    others = ",".join(k for k in comparable.KINDS if k != kind)
    assert cli.main([*pair, "--allow", others]) == 2
    capsys.readouterr()
    renamed = "v/" in str([e["name"] for e in json.loads(
        (tmp_path / "b" / "result.json").read_text())["benchmarks"]])
    for told in (("--allow", kind), ("--force",)):
        assert cli.main([*pair, *told]) == (2 if renamed else 0)
        shown = capsys.readouterr().err
        assert ("no benchmark in common" if renamed else f"{kind}: ") in shown


def test_equal_runs_are_compared(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    slower = entries(lambda e: e.update(real_time=2 * e["real_time"]))
    assert cli.main(["compare", run(tmp_path / "a"), run(tmp_path / "b", slower), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["ratios"][0]["estimate"] for row in rows] == pytest.approx([2.0, 2.0])


def test_other_scales_are_said(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    other = run(tmp_path / "b", context("scales", {"w/raw": 0.5}))
    assert cli.main(["compare", run(tmp_path / "a"), other]) == 0
    assert "different scales" in capsys.readouterr().err


def test_a_filter_takes_what_is_missing_out(tmp_path: Path) -> None:
    fewer = DIFFERENT[-1][1]
    pair = ["compare", run(tmp_path / "a"), run(tmp_path / "b", fewer)]
    assert cli.main(pair) == 2
    assert cli.main([*pair, "--filter", "/glibc/"]) == 0


@pytest.mark.parametrize("change", [
    lambda data: data.update(ouro_format=2), lambda data: data.pop("context"),
    lambda data: data["benchmarks"][0].update(real_time=0),
    lambda data: data["benchmarks"][0].pop("cell")])
def test_another_schema_and_damage_cannot_be_allowed(
        tmp_path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    pair = ["compare", run(tmp_path / "a"), run(tmp_path / "b", change)]
    assert cli.main([*pair, "--force"]) == 2


def test_an_unknown_kind_is_refused(tmp_path: Path) -> None:
    pair = ["compare", run(tmp_path / "a"), run(tmp_path / "b")]
    assert cli.main([*pair, "--allow", "machine,weather"]) == 2
