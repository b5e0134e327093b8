# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""Micro benchmarks beside their limits, whole processes, recording, setup."""
from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from conftest import ROOT, Suite
from ouro_suite import micro, terminal, whole

GOOGLE = {"context": {"date": "x"}, "benchmarks": [
    {"name": "alloc/a", "run_type": "iteration", "real_time": 30.0, "time_unit": "ns",
     "label": "limit=limit/x"},
    {"name": "alloc/batch", "run_type": "iteration", "real_time": 640.0, "time_unit": "ns",
     "items_per_second": 1e8, "label": "limit=limit/x"},
    {"name": "alloc/lost", "run_type": "iteration", "real_time": 3.0, "time_unit": "us",
     "label": "limit=limit/none"},
    {"name": "alloc/bad", "run_type": "iteration", "real_time": 1.0, "time_unit": "ns",
     "label": "limit=limit/x", "error_occurred": True, "error_message": "wrong sum"},
    {"name": "alloc/a_mean", "run_type": "aggregate", "real_time": 1.0, "time_unit": "ns"},
    {"name": "limit/x", "run_type": "iteration", "real_time": 2.0, "time_unit": "ns"}]}


def test_micro_rows_are_paired_with_their_limit_by_name() -> None:
    rows = {row.name: row for row in micro.rows(GOOGLE)}
    assert rows["alloc/a"].multiple == pytest.approx(15.0)
    assert rows["alloc/batch"].time_ns == pytest.approx(10.0)
    assert rows["alloc/batch"].multiple == pytest.approx(5.0)
    assert rows["alloc/lost"].multiple is None and rows["alloc/lost"].time_ns == 3000.0
    assert rows["alloc/bad"].time_ns is None and rows["alloc/bad"].error == "wrong sum"
    assert rows["limit/x"].limit == "" and "alloc/a_mean" not in rows


def test_nan_of_google_benchmark_becomes_no_value() -> None:
    text = '{"context": {}, "benchmarks": [{"name": "n", "real_time": NaN, "x": -Infinity}]}'
    (row,) = micro.rows(micro.parse(text))
    assert row.time_ns is None
    json.dumps(micro.parse(text), allow_nan=False)


@pytest.mark.parametrize("text", ["[]", "{}", '{"benchmarks": 3}', "no"])
def test_what_is_not_google_benchmarks_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        micro.parse(text)


def test_a_filter_keeps_the_limits(suite: Suite) -> None:
    (suite.build / "ouro-micro").touch()
    argv = micro.command(suite.build, "lists", 0.1, True, Path("out"))
    assert "--benchmark_filter=^limit/|lists" in argv and "--quick" in argv


def test_a_micro_program_that_crashes_fails_the_command(suite: Suite) -> None:
    program = suite.build / "ouro-micro"
    program.write_text("#!/bin/sh\nkill -SEGV $$\n")
    program.chmod(0o755)
    done = suite.ouro("micro")
    assert done.returncode == 1 and "crashed SIGSEGV" in done.stderr


def test_hyperfine_json() -> None:
    one = {"results": [{"times": [0.5], "user": 0.25, "system": 0.125}]}
    assert whole.parse(json.dumps(one)) == {"wall_s": 0.5, "user_s": 0.25, "system_s": 0.125}
    for bad in ({}, {"results": []}, {"results": [{"times": []}]},
                {"results": [{"times": [0], "user": 0, "system": 0}]}):
        with pytest.raises(ValueError):
            whole.parse(json.dumps(bad))


@pytest.mark.skipif(not shutil.which("hyperfine"), reason="hyperfine is not installed")
def test_whole_processes_are_interleaved_and_one_that_fails_is_named(suite: Suite) -> None:
    file = suite.workload("calm", "crash@jemalloc")
    done = suite.ouro("whole", "-w", file, "-a", "glibc", "-a", "jemalloc", "-a", "mimalloc",
                      "--budget", "20s", "-o", "run")
    assert done.returncode == 1, done.stderr
    part = json.loads((suite.folder / "run" / "result.json").read_text())["whole"]
    assert {f["column"] for f in part["failures"]} == {"jemalloc"}
    blocks: dict[str, set[int]] = {}
    for entry in part["benchmarks"]:
        blocks.setdefault(entry["column"], set()).add(entry["block"])
    assert blocks["glibc"] == blocks["mimalloc"] and len(blocks["glibc"]) >= 5
    assert "whole processes" in done.stdout


def test_record_gives_the_programs_status_and_needs_a_trace(suite: Suite) -> None:
    (suite.build / "libouro-record.so").write_bytes(b"not a library")
    script = 'echo x >"$OURO_TRACE_OUT"; exit 3'
    done = suite.ouro("record", "-o", "t.trace", "--", "/bin/sh", "-c", script)
    assert done.returncode == 3, done.stderr
    done = suite.ouro("record", "-o", "u.trace", "--", "/bin/true")
    assert done.returncode == 2 and "no trace was written" in done.stderr
    assert suite.ouro("record", "--").returncode == 2
    assert suite.ouro("record", "--", "/no/such/program").returncode == 2


def run_setup(path: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(ROOT / "scripts" / "setup"), *arguments], text=True,
                          capture_output=True, env={**os.environ, "PATH": path}, check=False)


def tools(folder: Path, **scripts: str) -> str:
    """A PATH with the ordinary tools, and these in place of (or instead of) the real ones."""
    for name in ("sh", "awk", "grep", "tr", "dirname", "mktemp", "rm", "tail", "env"):
        (folder / name).symlink_to(shutil.which(name) or name)
    for name, text in scripts.items():
        file = folder / name.replace("_", "-")
        file.write_text("#!/bin/sh\n" + text)
        file.chmod(0o755)
    return str(folder)


EVERYTHING = f"awk '/^[^#]/ {{ print \"installed\", $1 }}' {ROOT / 'scripts' / 'packages.txt'}"


def test_setup_is_silent_when_everything_is_there(tmp_path: Path) -> None:
    done = run_setup(tools(tmp_path, dpkg_query=EVERYTHING, apt_get="exit 9"), "test")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_setup_without_rights_names_the_packages(tmp_path: Path) -> None:
    path = tools(tmp_path, dpkg_query=EVERYTHING + " | grep -v -e hyperfine -e spin",
                 id="echo 1000", apt_get="exit 9")
    done = run_setup(path, "test")
    assert done.returncode == 2 and "hyperfine spin\n" in done.stderr
    assert "no sudo" in done.stderr
    assert "spin" not in run_setup(path, "bench").stderr


def test_setup_without_apt_names_the_packages(tmp_path: Path) -> None:
    done = run_setup(tools(tmp_path, id="echo 0"), "bench")
    assert done.returncode == 2 and "apt-get install" in done.stderr and "cmake" in done.stderr


def test_setup_updates_empty_lists_and_installs(tmp_path: Path) -> None:
    log = tmp_path / "log"
    path = tools(tmp_path, dpkg_query=EVERYTHING + " | grep -v ninja", id="echo 0",
                 apt_get=f'echo "$@" >>{log}', apt_cache="exit 100")
    assert run_setup(path, "bench").returncode == 0
    assert log.read_text().splitlines() == [
        "-q -y update", "-q -y install --no-install-recommends ninja-build"]


def test_setup_reports_a_failed_install(tmp_path: Path) -> None:
    path = tools(tmp_path, dpkg_query=EVERYTHING + " | grep -v ninja", id="echo 0",
                 apt_get="echo E: no network; exit 100", apt_cache="exit 0")
    done = run_setup(path, "bench")
    assert done.returncode == 2 and "no network" in done.stderr and "ninja-build" in done.stderr


def test_setup_refuses_an_unknown_word() -> None:
    assert run_setup(os.environ["PATH"], "everything").returncode == 2


def test_every_package_has_a_reason() -> None:
    lines = (ROOT / "scripts" / "packages.txt").read_text().splitlines()
    rows = [line.split(None, 2) for line in lines if line and not line.startswith("#")]
    assert all(len(row) == 3 and row[1] in ("all", "bench", "test") for row in rows)
    assert len({row[0] for row in rows}) == len(rows) > 20


def test_progress_without_a_terminal_is_sparse(capsys: pytest.CaptureFixture[str],
                                               monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: a telling every second for a minute."""
    monkeypatch.delenv("OURO_PROGRESS_S", raising=False)
    now = 100.0
    lines = terminal.Lines("gate", lambda: now)
    for second in range(1, 61):
        now = 100.0 + second
        lines.tell(f"confirm {second}/60: 2 ok\x1b", second / 60)
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 6
    assert said[0] == "ouro: gate: 17%, about 50 s left: confirm 10/60: 2 ok\ufffd"
    assert "left" not in said[-1]
    for value, count in (("0", 0), ("30", 2), ("nonsense", 6)):
        monkeypatch.setenv("OURO_PROGRESS_S", value)
        now = 0.0
        lines = terminal.Lines("gate", lambda: now)
        for second in range(1, 61):
            now = float(second)
            lines.tell("x", 0.0)
        assert len(capsys.readouterr().err.splitlines()) == count
