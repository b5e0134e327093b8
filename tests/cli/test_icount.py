# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""Counting instructions: the parser on made-up files, the rest over a worker written in C
whose instructions are known and which does wrong on order."""
from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from conftest import Suite

from ouro_suite import allocators, icount, paths, plan, workloads
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


def counted(folder: Path) -> Path:
    """A build folder with the counted worker."""
    build = folder / "counted"
    build.mkdir(exist_ok=True)
    subprocess.run(["gcc", "-O1", "-o", str(build / "ouro-work"), str(SOURCE)], check=True)
    return build


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return counted(tmp_path_factory.mktemp("icount"))


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
@pytest.mark.parametrize("fake, reason", [("crash", "SIGABRT"), ("clock", "for a time")])
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
