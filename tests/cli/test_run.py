# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""ouro run from the outside, over a fake worker: what is measured, kept, refused, reported."""
from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import jsonschema
import pytest
from conftest import PYTHON, ROOT, Suite, make_suite

COMPARE = Path("/usr/share/benchmark/compare.py")
Finished = subprocess.CompletedProcess[str]
TWO = ("-a", "glibc", "-a", "jemalloc")


def load(suite: Suite, out: str = "run") -> dict:
    return json.loads((suite.folder / out / "result.json").read_text())


def gone(pid: int) -> bool:
    """True when the process has ended (a zombie counts: it runs no more)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_a_run_compares_reports_and_matches_the_schema(suite: Suite) -> None:
    done = suite.run("-w", suite.workload("calm", forms=("raw", "object")), *TWO)
    assert done.returncode == 0, done.stderr
    assert re.search(r"calm/raw .* 0\.(79|80|81) \[", done.stdout)
    data = load(suite)
    jsonschema.validate(data, json.loads((ROOT / "results" / "schema.json").read_text()))
    by_arm: dict[str, set[int]] = {}
    for entry in data["benchmarks"]:
        by_arm.setdefault(entry["arm"], set()).add(entry["block"])
    assert set(by_arm) == {"raw@glibc", "raw@jemalloc", "object@malloc+glibc",
                           "object@malloc+jemalloc"}
    assert all(len(blocks) >= 5 for blocks in by_arm.values())
    assert data["context"]["allocators"]["jemalloc"]["sha256"]
    names = set(os.listdir(suite.folder / "run"))
    assert {"result.json", "report.md", "report.html", "report.csv", "samples.jsonl"} <= names
    assert not [name for name in names if name.startswith(".")]


def test_pairs_share_their_seed_and_padding(suite: Suite) -> None:
    suite.run("-w", suite.workload("calm"), *TWO)
    seen: dict[int, set[tuple[int, int]]] = {}
    for entry in load(suite)["benchmarks"]:
        seen.setdefault(entry["block"], set()).add((entry["seed"], entry["padding"]))
    assert len(seen) >= 5 and all(len(pair) == 1 for pair in seen.values())


def test_json_output_is_the_comparison(suite: Suite) -> None:
    done = suite.run("-w", suite.workload("calm"), *TWO, "--json")
    shown = json.loads(done.stdout)["comparison"]
    (row,) = shown["rows"]
    assert row["contenders"]["jemalloc"]["time"]["estimate"] == pytest.approx(0.8, rel=0.05)
    assert shown["base"] == "glibc"


BAD = {
    "crash": "crashed SIGSEGV", "unverified-exit": "verification failed",
    "refuse": "wrong allocator", "forge": "bad record", "nan": "bad record",
    "two": "bad record", "flood": "flooded its stdout", "flood-record": "flooded its result",
    "other-work": "bad record", "other-seed": "bad record", "unverified": "bad record",
    "zero": "bad record", "injected": "bad record", "elsewhere": "bad record",
    "escape": "exit status 1"}


@pytest.fixture(scope="module")
def bad_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict, Finished]:
    """One run in which each workload misbehaves in its own way under jemalloc, but one."""
    suite = make_suite(tmp_path_factory.mktemp("bad"))
    files = [suite.workload(f"is-{mode}", f"{mode}@jemalloc") for mode in BAD]
    arguments = [x for file in [*files, suite.workload("is-good")] for x in ("-w", file)]
    done = suite.run(*arguments, *TWO)
    return load(suite), done


@pytest.mark.parametrize(("mode", "failure"), BAD.items())
def test_a_bad_worker_fails_its_row_and_no_other(bad_run: tuple[dict, Finished], mode: str,
                                                 failure: str) -> None:
    data, done = bad_run
    assert done.returncode == 1, done.stderr
    cell = f"is-{mode}/raw"
    assert {(f["column"], f["failure"]) for f in data["failures"] if f["cell"] == cell} == {
        ("jemalloc", failure)}
    blocks = {e["block"] for e in data["benchmarks"] if e["cell"] == cell}
    assert {e["column"] for e in data["benchmarks"] if e["cell"] == cell} == {"glibc"}
    assert len(blocks) >= 5
    assert re.search(rf"{cell} .*{failure}", done.stdout)


def test_the_row_beside_bad_ones_is_measured(bad_run: tuple[dict, Finished]) -> None:
    data, done = bad_run
    good = {e["column"] for e in data["benchmarks"] if e["cell"] == "is-good/raw"}
    assert good == {"glibc", "jemalloc"} and len(data["failures"]) == len(BAD)
    assert "\x1b" not in done.stdout + done.stderr


def test_a_hung_worker_that_ignores_term_is_killed(suite: Suite, monkeypatch) -> None:
    from ouro_suite import child
    monkeypatch.setattr(child, "GRACE_S", 0.2)
    file = suite.workload("bad", "hang")
    argv = [str(suite.build / "ouro-work"), file, "--seed", "1"]
    outcome = child.run(argv, {"PATH": "/usr/bin:/bin"}, 1.0, "--out-fd")
    assert outcome.timed_out and outcome.signal == signal.SIGKILL
    assert gone(int(Path(file + ".pid").read_text()))


def test_a_daemon_left_behind_is_killed_and_holds_nothing_up(suite: Suite) -> None:
    file = suite.workload("bad", "orphan")
    script = ("import sys; sys.path.insert(0, sys.argv[1]); from ouro_suite import child; "
              "child.adopt_orphans(); o = child.run(sys.argv[2:], {}, 30.0, '--out-fd'); "
              "print(o.status, len(o.result) > 100)")
    done = subprocess.run([PYTHON, "-c", script, str(ROOT / "scripts"),
                           str(suite.build / "ouro-work"), file], capture_output=True,
                          text=True, timeout=60, check=True)
    assert done.stdout.split() == ["0", "True"]
    assert gone(int(Path(file + ".pid").read_text()))


def test_different_work_under_one_allocator_fails_it(suite: Suite) -> None:
    done = suite.run("-w", suite.workload("odd", "checksum@mimalloc"), *TWO, "-a", "mimalloc")
    assert done.returncode == 1
    assert {(f["column"], f["failure"]) for f in load(suite)["failures"]} == {
        ("mimalloc", "checksum differs")}


def test_another_runtime_is_a_column_of_the_object_form(suite: Suite) -> None:
    worker = suite.build / "ouro-work-cpython"
    shutil.copy(suite.build / "ouro-work", worker)
    file = suite.workload("both", forms=("raw", "object"))
    done = suite.run("-w", file, "-a", "glibc", "-a", "cpython")
    assert done.returncode == 0, done.stderr
    found = {(e["form"], e["column"], e["heap"]) for e in load(suite)["benchmarks"]}
    assert found == {("raw", "glibc", "process"), ("object", "glibc", "malloc"),
                     ("object", "cpython", "cpython")}
    worker.unlink()
    done = suite.run("-w", file, "-a", "glibc", "-a", "cpython", out="without")
    assert done.returncode == 0
    assert "cpython: refused: ouro-work-cpython was not built" in done.stderr + done.stdout


def with_runtimes(suite: Suite, *names: str) -> list[str]:
    """Builds those workers, and names them for the command line."""
    for name in names:
        shutil.copy(suite.build / "ouro-work", suite.build / f"ouro-work-{name}")
    return [x for name in names for x in ("-a", name)]


def test_what_has_no_counterpart_is_skipped_by_name_and_is_no_failure(suite: Suite) -> None:
    runtimes = with_runtimes(suite, "boehm", "shared_ptr")
    rings = suite.workload("rings", "lacks@ouro-work-shared_ptr", forms=("object",))
    lists = suite.workload("lists", forms=("object",))
    done = suite.run("-w", rings, "-w", lists, *runtimes, "-a", "glibc")
    assert done.returncode == 0, done.stderr
    data = load(suite)
    assert {(e["workload"], e["column"]) for e in data["benchmarks"]} == {
        ("rings", "boehm"), ("rings", "glibc"), ("lists", "boehm"), ("lists", "shared_ptr"),
        ("lists", "glibc")}
    (one,) = data["refused"]
    assert one["allocator"] == "rings/object on shared_ptr"
    assert "has no counterpart here: reasons" in one["reason"] and not data["failures"]
    assert "rings.yaml" in one["reason"] and str(suite.folder) not in one["reason"]
    assert "rings/object on shared_ptr: skipped" in done.stderr
    for report in ("report.md", "report.html"):
        assert "no counterpart here: reasons" in (suite.folder / "run" / report).read_text()
    jsonschema.validate(data, json.loads((ROOT / "results" / "schema.json").read_text()))


def test_a_cell_is_sized_by_an_arm_that_does_it(suite: Suite) -> None:
    runtimes = with_runtimes(suite, "boehm")
    file = suite.workload("rings", "lacks@ouro-work-boehm", forms=("object",))
    done = suite.run("-w", file, *runtimes, "-a", "glibc")  # boehm's arm is the first
    assert done.returncode == 0, done.stderr
    assert {e["column"] for e in load(suite)["benchmarks"]} == {"glibc"}
    done = suite.run("-w", file, *runtimes, out="alone")
    assert done.returncode == 0 and not load(suite, "alone")["benchmarks"]


def test_other_work_on_another_runtime_fails_it(suite: Suite) -> None:
    runtimes = with_runtimes(suite, "boehm", "cpython")
    file = suite.workload("odd", "checksum@ouro-work-boehm", forms=("object",))
    assert suite.run("-w", file, *runtimes, "-a", "glibc").returncode == 1
    assert {(f["column"], f["failure"]) for f in load(suite)["failures"]} == {
        ("boehm", "checksum differs")}


def test_a_missing_allocator_is_refused_by_name_and_others_go_on(suite: Suite) -> None:
    done = suite.run("-w", suite.workload("calm"), *TWO, "-a", "mine=/nowhere/libmine.so",
                     "-a", "ouro")
    assert done.returncode == 0
    assert "mine: refused: /nowhere/libmine.so is not a file" in done.stderr
    refused = {r["allocator"] for r in load(suite)["refused"]}
    assert refused == {"mine", "ouro"}
    assert {e["column"] for e in load(suite)["benchmarks"]} == {"glibc", "jemalloc"}


@pytest.mark.parametrize("arguments", [
    ("-w", "nonsense"), ("-w", "/no/such.yaml"), ("-w", "../../etc/passwd"), ("-a", "nope"),
    ("-t", "0"), ("-t", "1,x"), ("--budget", "soon"), ("--profile", "huge"), ("--seed", "-1"),
    ("--resume", "nowhere"), ("--bogus",), ("-a", "x\x1b[31my")])
def test_bad_input_is_one_line_and_exit_2(suite: Suite, arguments: tuple[str, ...]) -> None:
    done = suite.ouro("run", *arguments)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1 and done.stderr.startswith("ouro: ")
    assert done.stdout == "" and "\x1b" not in done.stderr


def test_a_bad_workload_file_ends_the_run_with_the_workers_line(suite: Suite) -> None:
    file = suite.workload("bad", "badinput")
    done = suite.run("-w", suite.workload("good"), "-w", file, *TWO)
    assert done.returncode == 2
    assert done.stderr == f"ouro: {file}:3: unknown key 'fake'\n"
    assert not (suite.folder / "run").exists()


def test_resume_goes_on_where_the_run_was_and_ends_the_same(suite: Suite) -> None:
    files = ["-w", suite.workload("one"), "-w", suite.workload("two")]
    suite.run(*files, *TWO, out="whole")
    log = (suite.folder / "whole" / "samples.jsonl").read_bytes().splitlines(keepends=True)
    half = suite.folder / "half"
    half.mkdir()
    (half / "plan.json").write_bytes((suite.folder / "whole" / "plan.json").read_bytes())
    (half / "samples.jsonl").write_bytes(b"".join(log[:len(log) // 2]) + log[-1][:40])
    done = suite.ouro("run", "--resume", str(half))
    assert done.returncode == 0, done.stderr
    assert "torn last line" in done.stderr

    def made(name: str) -> list[tuple]:
        return sorted((e["name"], e["block"], e["seed"], e["real_time"])
                      for e in load(suite, name)["benchmarks"])
    assert made("half") == made("whole")


def test_resume_refuses_another_workload_file(suite: Suite) -> None:
    file = suite.workload("one")
    suite.run("-w", file, *TWO)
    Path(file).write_text(Path(file).read_text() + "# changed\n")
    done = suite.ouro("run", "--resume", str(suite.folder / "run"))
    assert done.returncode == 2 and f"{file} has changed since" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupt_keeps_what_was_measured(suite: Suite, number: int) -> None:
    file = suite.workload("long", "tell")
    process = subprocess.Popen(
        suite.command("run", "-w", file, *TWO, "--profile", "publish", "-o",
                      str(suite.folder / "run")),
        env=suite.env(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        # a test run in the background may have been told to ignore it
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    began = Path(file + ".began")
    limit = time.monotonic() + 60
    while (not began.exists() or began.stat().st_size < 15) and time.monotonic() < limit:
        time.sleep(0.02)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "--resume" in err and "long/raw" in out
    data = load(suite)
    assert data["context"]["interrupted"] and 6 <= len(data["benchmarks"]) < 80
    assert "was interrupted" in (suite.folder / "run" / "report.html").read_text()


def test_a_second_run_in_the_same_folder_is_refused_with_the_pid(suite: Suite) -> None:
    from ouro_suite import store
    with store.RunDir.open(suite.folder / "run"):
        done = suite.run("-w", suite.workload("calm"), *TWO)
    assert done.returncode == 2 and f"in use by process {os.getpid()}" in done.stderr


@pytest.mark.skipif(not COMPARE.is_file(), reason="libbenchmark-tools is not installed")
def test_google_benchmarks_own_tool_reads_two_runs(suite: Suite) -> None:
    for out in ("a", "b"):
        suite.run("-w", suite.workload("calm", forms=("raw", "object")), *TWO, out=out)
    files = [str(suite.folder / out / "result.json") for out in ("a", "b")]
    done = subprocess.run([PYTHON, str(COMPARE), "--no-color", "benchmarks", *files],
                          capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "calm/raw/jemalloc/threads:1" in done.stdout
    assert "calm/object/glibc/threads:1_pvalue" in done.stdout
    assert "+0.0000" in done.stdout


def test_compare_two_runs(suite: Suite) -> None:
    for out in ("a", "b"):
        suite.run("-w", suite.workload("calm"), *TWO, out=out)
    done = suite.ouro("compare", "a", "b", "--json")
    rows = json.loads(done.stdout)
    assert {r["name"] for r in rows} == {"calm/raw/glibc/threads:1",
                                         "calm/raw/jemalloc/threads:1"}
    assert all(r["ratios"][0]["estimate"] == pytest.approx(1.0) for r in rows)
    assert suite.ouro("compare", "a").returncode == 2
    assert "not interleaved" in suite.ouro("compare", "a", "b").stderr


def test_replay_measures_a_trace_in_its_raw_form(suite: Suite) -> None:
    (suite.folder / "program.trace").write_text("trace\n")
    done = suite.ouro("replay", "program.trace", *TWO, "-o", "run")
    assert done.returncode == 0, done.stderr
    assert {e["cell"] for e in load(suite)["benchmarks"]} == {"replay-program/raw"}


def test_every_command_explains_itself(suite: Suite) -> None:
    for command in ("run", "micro", "compare", "whole", "record", "replay", "report", "doctor",
                    "list", "knobs"):
        done = suite.ouro(command, "--help")
        assert done.returncode == 0 and "exit status" in done.stdout


def test_doctor_and_list_speak_json(suite: Suite) -> None:
    checks = {f["check"] for f in json.loads(suite.ouro("doctor", "--json").stdout)}
    assert {"governor", "turbo", "smt", "steal", "quota", "thp", "aslr", "load", "clock",
            "swap"} <= checks
    listed = json.loads(suite.ouro("list", "--json").stdout)
    assert {a["name"] for a in listed["allocators"]} >= {"ouro", "glibc", "jemalloc"}


@pytest.mark.parametrize("damage", [
    "[]", "{}", "{", '{"ouro_format": 1}',
    '{"ouro_format": 1, "context": {}, "benchmarks": [{}], "failures": [], "refused": [], '
    '"micro": {}, "whole": {}}'])
def test_a_damaged_result_is_refused_in_one_line(suite: Suite, damage: str) -> None:
    (suite.folder / "result.json").write_text(damage)
    done = suite.ouro("report", "result.json")
    assert done.returncode == 2 and done.stderr.count("\n") == 1


def test_without_glibc_the_first_contender_is_the_base(suite: Suite) -> None:
    done = suite.run("-w", suite.workload("calm"), "-a", "jemalloc", "-a", "mimalloc", "--json")
    shown = json.loads(done.stdout)["comparison"]
    assert shown["base"] == "jemalloc" and shown["rows"][0]["contenders"]["mimalloc"]["time"]
