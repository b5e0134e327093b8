# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""Counting instructions: the parser on made-up files, the rest over a worker written in C
whose instructions are known and which does wrong on order."""
from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from conftest import Suite

from ouro_suite import (allocators, cli, icount, icount_judge, icount_run, paths, plan, verdict,
                        workloads)
from ouro_suite.errors import BadInput

SOURCE = Path(__file__).with_name("counted_worker.c")
needs_valgrind = pytest.mark.skipif(shutil.which("valgrind") is None or
                                    shutil.which("gcc") is None,
                                    reason="valgrind or gcc is missing")
GLIBC = plan.Arm("raw", "process", allocators.Allocator("glibc"))
OUT = """# callgrind format
version: 1
positions: line
events: Ir

ob=/x/ouro-work
fl=a.c
fn=alpha
3 10
+2 5
cfn=beta
calls=2 9
* 700
fe=b.h
4 1
fn=beta.constprop.0
9 700
-1 20

totals: 736
"""


def counted(folder: Path, plant: str = "") -> Path:
    """A build folder with the counted worker, with a fault in it."""
    build = folder / (plant or "sound")
    build.mkdir(exist_ok=True)
    subprocess.run(["gcc", "-O1", f'-DPLANT="{plant}"', "-o", str(build / "ouro-work"),
                    str(SOURCE)], check=True)
    shutil.copy("/bin/true", build / "libouro-malloc.so")  # never loaded: the form is object
    return build


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("icount")


@pytest.fixture(scope="module")
def build(folder: Path) -> Path:
    return counted(folder)


def count(build: Path, suite: Suite, fake: str = "", scale: float = 1.0,
          threads: int | None = None) -> icount.IrCount:
    load = workloads.open_file(Path(suite.workload("known", fake)))
    return icount.measure(build, plan.Cell(load, "raw", threads), scale=scale, seed=1,
                          arm=GLIBC)


def test_parser_counts_each_function_without_its_callees() -> None:
    found = icount.parse(OUT)
    assert found.by_function == {"alpha": 16, "beta": 720} and found.total == 736


@pytest.mark.parametrize("text", [
    "", "hello", OUT.replace("736", "735"), OUT.replace("totals: 736\n", ""),
    OUT.replace("events: Ir", "events: Dr Ir"), OUT.replace("* 700", ""), OUT[:150]])
def test_parser_refuses_what_does_not_add_up(text: str) -> None:
    with pytest.raises(ValueError):
        icount.parse(text)


def test_movers_come_largest_first_and_hold_what_vanished() -> None:
    assert icount.movers({"a": 5, "b": 100, "c": 7}, {"a": 5, "b": 90, "d": 8}) == [
        ("b", 100, 90), ("d", 0, 8), ("c", 7, 0)]


def test_a_repeat_that_differs_names_the_function() -> None:
    one, two = icount.IrCount(12, {"f": 5, "g": 7}), icount.IrCount(12, {"f": 6, "g": 6})
    icount.check_repeat(one, one, "x")
    with pytest.raises(icount.NotRepeatable, match="f: 5 and 6"):
        icount.check_repeat(one, two, "x")


def test_without_valgrind_it_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    icount.launcher.cache_clear()
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(icount.Unavailable, match="valgrind"):
        icount.launcher()
    icount.launcher.cache_clear()


@needs_valgrind
def test_counts_repeat_and_follow_the_work(build: Path, suite: Suite) -> None:
    first, again = count(build, suite), count(build, suite)
    icount.check_repeat(first, again, "known")
    more = count(build, suite, scale=1.01)
    assert more.total > first.total
    moved = icount.movers(first.by_function, more.by_function)
    assert [m[0] for m in moved] == ["spin_here"]
    per_turn = (moved[0][2] - moved[0][1]) / 10
    assert moved[0][1] / 1000 == pytest.approx(per_turn, rel=0.01)


@needs_valgrind
def test_only_the_timed_function_is_counted(build: Path, suite: Suite) -> None:
    inside, both = count(build, suite), count(build, suite, "outside")
    assert inside.by_function == both.by_function


@needs_valgrind
def test_more_threads_are_counted_with_one_and_say_so(build: Path, suite: Suite) -> None:
    one, four = count(build, suite), count(build, suite, threads=4)
    assert one.total == four.total
    assert not one.notes and four.notes == ("counted with 1 thread instead of 4",)


@needs_valgrind
@pytest.mark.parametrize("fake, reason", [("crash", "exit status 7"), ("clock", "for a time")])
def test_what_cannot_be_counted_is_bad_input(build: Path, suite: Suite, fake: str,
                                             reason: str) -> None:
    with pytest.raises(BadInput, match=reason):
        count(build, suite, fake)


@needs_valgrind
def test_a_stripped_worker_is_refused(build: Path, suite: Suite, tmp_path: Path) -> None:
    stripped = tmp_path / "stripped"
    shutil.copytree(build, stripped)
    subprocess.run(["strip", str(stripped / "ouro-work")], check=True)
    with pytest.raises(BadInput, match="no instruction counted"):
        count(stripped, suite)


@needs_valgrind
def test_a_wobbling_worker_is_caught(build: Path, suite: Suite) -> None:
    with pytest.raises(icount.NotRepeatable, match="spin_here"):
        icount.check_repeat(count(build, suite, "wobble"), count(build, suite, "wobble"), "w")


@needs_valgrind
@pytest.mark.skipif(paths.program("ouro-work", paths.build_dir()) is None,
                    reason="the release preset is not built")
def test_the_engine_counts_timed_phases_only(tmp_path: Path) -> None:
    text = """name: half
forms:
  - form: raw
    phases:
      - {name: a, op: fill, window: 1k, sizes: 32, free: next phase, timed: TIMED}
      - {name: b, op: drain, lifetime: fifo}
"""
    found = {}
    for timed in ("yes", "no"):
        file = tmp_path / f"{timed}.yaml"
        file.write_text(text.replace("TIMED", timed))
        found[timed] = icount.measure(paths.build_dir(), plan.Cell(
            workloads.open_file(file), "raw", None), scale=1.0, seed=1, arm=GLIBC)
    assert "raw_fill_step" in found["yes"].by_function
    assert "raw_fill_step" not in found["no"].by_function
    assert "raw_drain_step" in found["no"].by_function


@pytest.mark.parametrize("ratios, found", [
    ((1.0,), "ok"), ((1.004, 0.996), "ok"), ((1.005,), "regression"),
    ((0.99, 0.98), "improvement"),
    ((1.02, 1.0), "inconclusive"), ((1.02, 0.98), "inconclusive"), ((0.99, 1.0), "inconclusive")])
def test_a_verdict_holds_for_every_seed(ratios: tuple[float, ...], found: str) -> None:
    assert icount_judge.decide(ratios, 0.005) == found


def test_by_default_everything_that_repeats_is_counted() -> None:
    args = cli.parser().parse_args(["icount"])
    names = {cell.workload.name for cell in icount_run.cells(args)}
    assert names == set(workloads.catalogue()) - {"thread-churn"} != set()


@pytest.mark.parametrize("text, value", [(None, 0.005), ("ir:1%", 0.01), ("2", 0.02)])
def test_tolerances(text: str | None, value: float) -> None:
    assert icount_run.tolerance(text) == pytest.approx(value)


@pytest.mark.parametrize("text", ["time:1%", "ir:", "ir:-1%", "ir:0", "0%", "nan", "inf%",
                                  "ir:1%%", "ir:200%", ""])
def test_bad_tolerances_are_refused(text: str) -> None:
    with pytest.raises(BadInput, match="--metric"):
        icount_run.tolerance(text)


def gate(suite: Suite, base: Path, cand: Path, *more: str) -> int:
    """ouro icount over two builds, in the object form, which preloads nothing."""
    file = suite.workload("known", forms=("object",))
    return cli.main(["icount", "-w", file, "--base", str(base), "--cand", str(cand), "--scale",
                     "1", "-o", str(suite.folder / "out"), *more])


@needs_valgrind
@pytest.mark.parametrize("plant, code, found, said", [
    ("", 0, "ok", ""), ("slow", 1, "regression", "most in spin_here"),
    ("wobble", 2, "error", "candidate: two runs"), ("crash", 2, "error", "exit status 7"),
    ("uneven", 3, "inconclusive", "5 seeds do not agree"), ("other", 2, "error", "same work")])
def test_verdicts_over_two_builds(suite: Suite, folder: Path, build: Path, plant: str,
                                  code: int, found: str, said: str) -> None:
    assert gate(suite, build, counted(folder, plant)) == code
    report = verdict.load(suite.folder / "out")
    (row,) = report.rows
    assert (row.verdict, row.metric, report.exit_code) == (found, "ir", code)
    assert said in row.note


@needs_valgrind
def test_more_than_the_tolerance_is_asked_for(suite: Suite, folder: Path, build: Path) -> None:
    slow = counted(folder, "slow")
    assert gate(suite, build, slow, "--metric", "ir:5%") == 0
    assert gate(suite, slow, build, "--metric", "ir:1%") == 0
    (row,) = verdict.load(suite.folder / "out").rows
    assert row.verdict == "improvement" and row.effect == pytest.approx(1 / 1.02, abs=0.001)


@needs_valgrind
@pytest.mark.parametrize("arguments", [
    ("--base", "/nowhere", "--cand", "."), ("--base", "."), ("--cand", "."),
    ("--base", ".", "--cand", "."), ("--scale", "0"), ("--scale", "nan"), ("--seeds", "0"),
    ("--seed", "-1"), ("-w", "/nowhere.yaml"), ("--md", "/nowhere/x.md"),
    ("-a", "glibc", "--base", ".", "--cand", "."), ("--selftest", "0"),
    ("--selftest", "1", "--inject", "-2%"), ("--selftest", "1", "-a", "glibc")])
def test_bad_input_is_one_line_and_exit_2(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture,
        arguments: tuple[str, ...]) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["icount", *arguments]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def selftest(suite: Suite, build: Path, *more: str) -> tuple[int, dict]:
    file, out = suite.workload("known", forms=("object",)), suite.folder / "self.json"
    code = cli.main(["icount", "--build", str(build), "-w", file, "--scale", "1", "--selftest",
                     "2", "-o", str(out), *more])
    return code, json.loads(out.read_text())["summary"]["known/object"]


@needs_valgrind
@pytest.mark.parametrize("inject, code, found", [("2%", 0, 2), ("1%", 0, 2), ("0.1%", 1, 0)])
def test_planted_work_is_found_or_the_selftest_fails(
        suite: Suite, build: Path, inject: str, code: int, found: int) -> None:
    status, summary = selftest(suite, build, "--inject", inject)
    assert status == code
    assert (summary["trials"], summary["found"], summary["repeated"]) == (2, found, 2)


@needs_valgrind
def test_a_selftest_whose_counts_do_not_repeat_fails(suite: Suite, folder: Path,
                                                    capsys: pytest.CaptureFixture) -> None:
    status, summary = selftest(suite, counted(folder, "wobble"))
    assert status == 1 and summary["repeated"] == 0 and summary["found"] == 0
    assert "spin_here" in capsys.readouterr().err
