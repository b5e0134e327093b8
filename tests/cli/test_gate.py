# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""ouro gate from end to end on workers whose times are made up, and on the real one where only
counts decide. Budgets are far larger than needed, so that no verdict hangs on this machine."""
from __future__ import annotations

import json
import math
import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from conftest import FAKE, ROOT, Suite
from ouro_suite import (calibrate, child, cli, gate_build, paths, store, verdict,
                        workloads)
from ouro_suite.errors import BadInput
from ouro_suite.gate_sampler import Sampler

Finished = subprocess.CompletedProcess


class Pair:
    """Two builds of the fake worker, `base` and `cand`, in one folder."""

    def __init__(self, folder: Path) -> None:
        self.suite = Suite(folder)
        for side in ("base", "cand"):
            (folder / side).mkdir()
            for name in ("ouro-work", "ouro-replay"):
                shutil.copy(FAKE, folder / side / name)
                (folder / side / name).chmod(0o755)
            (folder / side / "libouro-malloc.so").touch()
            self.speed(side, 1.0, 0.005)

    def speed(self, side: str, factor: float, spread: float) -> None:
        (self.suite.folder / side / "speed").write_text(f"{factor} {spread}\n")

    def workload(self, name: str, fake: str = "") -> str:
        return self.suite.workload(name, fake, ("object",))

    def arguments(self, *more: str, out: str = "gate") -> list[str]:
        folder = self.suite.folder
        return ["gate", "--base", str(folder / "base"), "--cand", str(folder / "cand"), "-o",
                str(folder / out), "--budget", "1h", "--store", str(folder), *more]

    def gate(self, *more: str, out: str = "gate") -> Finished[str]:
        return self.suite.ouro(*self.arguments(*more, out=out))

    def report(self, out: str = "gate") -> verdict.GateReport:
        return verdict.load(self.suite.folder / out)


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    return Pair(tmp_path)


@pytest.mark.parametrize(("factor", "code", "word"), [
    (1.0, 0, "ok"), (1.1, 1, "regression"), (0.9, 0, "improvement")])
def test_verdict_and_exit_status(pair: Pair, factor: float, code: int, word: str) -> None:
    pair.speed("cand", factor, 0.005)
    done = pair.gate("-w", pair.workload("load"), "--md", str(pair.suite.folder / "g.md"))
    assert done.returncode == code, done.stderr
    (row,) = pair.report().rows
    assert (row.verdict, row.workload, row.metric) == (word, "load/object", "time")
    assert row.effect == pytest.approx(factor, rel=0.01) and row.blocks >= 16
    assert row.low <= row.effect <= row.high
    assert (pair.suite.folder / "g.md").stat().st_size


def test_a_pairs_iterations_take_turns_on_one_core(pair: Pair) -> None:
    """Either process works, then the other, and both stay where the first one was."""
    load = pair.workload("load", "turns")
    assert pair.gate("-w", load).returncode == 0
    lines = [x.split(maxsplit=1) for x in Path(load + ".turns").read_text().splitlines()]
    pairs: dict[frozenset[str], list[tuple[str, str]]] = {}
    for (one, core), (two, _) in zip(lines[::2], lines[1::2]):
        pairs.setdefault(frozenset((one, two)), []).append((one, core))
    assert len(pairs) >= 16
    for both, turns in pairs.items():
        assert len(both) == 2 and len(turns) >= 4
        assert len(set(turns)) == 1 and len(json.loads(turns[0][1])) == 1


def test_noise_is_no_pass(pair: Pair) -> None:
    """Exit 3; 2 if this machine stood still for so long that there are not enough samples."""
    pair.speed("base", 1.0, 0.9)
    pair.speed("cand", 1.0, 0.9)
    done = pair.gate("-w", pair.workload("load"), "--budget", "6s")
    assert done.returncode in (2, 3), done.stderr


def test_a_short_budget_decides_nothing(pair: Pair) -> None:
    done = pair.gate("-w", pair.workload("a"), "-w", pair.workload("b"), "-w",
                     pair.workload("c"), "--budget", "1s")
    assert done.returncode in (2, 3), done.stderr
    assert all(r.verdict in ("error", "inconclusive") for r in pair.report().rows)


BAD = {"crash": "crashed SIGSEGV", "unverified-exit": "verification failed",
       "nan": "bad record", "two": "bad record", "other-work": "bad record",
       "no-rounds": "bad record", "injected": "bad record", "checksum": "other work",
       "same-time": "without any variance", "badinput": "bad input"}


def test_a_bad_arm_is_an_error_that_names_it(pair: Pair) -> None:
    files = [pair.workload(f"is-{mode}", f"{mode}@cand") for mode in BAD]
    chosen = [x for file in [*files, pair.workload("is-good")] for x in ("-w", file)]
    done = pair.gate(*chosen)
    assert done.returncode == 2, done.stderr
    rows = {r.workload: r for r in pair.report().rows}
    assert rows.pop("is-good/object").verdict == "ok"
    assert len(rows) == len(BAD)
    for mode, why in BAD.items():
        row = rows[f"is-{mode}/object"]
        assert row.verdict == "error" and why in row.note, mode
        if why not in ("without any variance", "other work"):
            assert row.note.startswith(f"cand: is-{mode}/object: ")
            log = Path(row.note.rpartition("(log: ")[2].rstrip(")"))
            assert "cand/ouro-work" in log.read_text()
        assert row.note in done.stderr


REFUSED = {
    "no such build": (["--cand", "nowhere"], "--cand nowhere: neither a folder"),
    "not built": (["--base", "empty"], "--base empty: no ouro-work in it"),
    "no library": (["--base", "base/speed"], "no shared library"),
    "no workload": (["--form", "raw"], "no workload is selected"),
    "metric": (["--metric", "speed"], "known are time"),
    "tolerance": (["--tol", "much"], "a percentage"),
    "budget": (["--budget", "0s"], "--budget"),
    "seed": (["--seed", "-1"], "--seed"),
    "threads": (["-t", "0"], "thread counts")}


@pytest.mark.parametrize(("more", "why"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_judged_is_refused(pair: Pair, more: list[str], why: str) -> None:
    (pair.suite.folder / "empty").mkdir()
    (pair.suite.folder / "load.yaml").write_text("name: load\nforms: [{form: object}]\n")
    arguments = pair.arguments("-w", "./load.yaml", *more)
    done = subprocess.run(pair.suite.command(*arguments), cwd=pair.suite.folder, check=False,
                          capture_output=True, text=True, timeout=300)
    assert done.returncode == 2 and why in done.stderr, done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_percentile_that_is_not_there_is_no_pass(pair: Pair) -> None:
    done = pair.gate("-w", pair.workload("load"), "--metric", "p99")
    assert done.returncode == 2 and "fewer than 10,000 operations" in done.stderr
    (row,) = pair.report().rows
    assert (row.workload, row.verdict) == ("load/object+latency", "error")


def test_a_block_ends_with_the_budget(pair: Pair) -> None:
    rows = [(gate_build.GateCell(workloads.open_file(Path(pair.workload(name))), "object", None),
             gate_build.make_arms(gate_build.open_pair(str(pair.suite.folder / "base"), str(
                 pair.suite.folder / "cand"), None), "object", 60.0)) for name in ("a", "b")]
    with store.RunDir.open(pair.suite.folder / "block") as rundir:
        sampler = Sampler(rows, 1, 3600.0, rundir, lambda *_: None)
        sampler.prepare()
        sampler.block(0, 0, rows)
        assert len(sampler.pairs("a/object", [0], lambda v: 1.0)) == 1
        sampler.budget_s = 0.0
        sampler.block(0, 1, rows)
        assert len(sampler.pairs("a/object", [0], lambda v: 1.0)) == 1
        sampler.budget_s = 3600.0
        sampler.block(0, 1, rows)
        assert len(sampler.pairs("b/object", [0], lambda v: 1.0)) == 2


def test_both_sides_are_needed(pair: Pair) -> None:
    done = pair.suite.ouro("gate", "--base", str(pair.suite.folder / "base"))
    assert done.returncode == 2 and "--cand" in done.stderr


def test_an_interrupted_gate_goes_on(pair: Pair) -> None:
    file = pair.workload("load", "tell")
    began = Path(file + ".began")
    job = subprocess.Popen(pair.suite.command(*pair.arguments("-w", file)), text=True,
                           stderr=subprocess.PIPE)
    while not began.exists() or began.stat().st_size < 5:
        assert job.poll() is None
        time.sleep(0.01)
    job.send_signal(signal.SIGINT)
    assert job.communicate(timeout=300)[1].count("ouro gate --resume") == 1
    assert job.returncode == 130
    before = (pair.suite.folder / "gate" / "samples.jsonl").read_text()
    folder = str(pair.suite.folder / "gate")
    again = pair.suite.ouro("gate", "--resume", folder, "-w", "x")
    assert again.returncode == 2
    done = pair.suite.ouro("gate", "--resume", folder)
    assert done.returncode == 0, done.stderr
    after = (pair.suite.folder / "gate" / "samples.jsonl").read_text()
    assert after.startswith(before)
    keys = [(d["block"], d["side"]) for d in map(json.loads, after.splitlines())
            if d["kind"] == "sample"]
    assert len(keys) == len(set(keys)) >= 32
    pair.speed("cand", 1.0, 0.01)
    (pair.suite.folder / "cand" / "ouro-work").write_text("#!/bin/sh\n")
    done = pair.suite.ouro("gate", "--resume", folder)
    assert done.returncode == 2 and "cand ouro-work has changed" in done.stderr


def test_a_damaged_log_is_refused(pair: Pair) -> None:
    file = pair.workload("load")
    assert pair.gate("-w", file).returncode == 0
    log = pair.suite.folder / "gate" / "samples.jsonl"
    log.write_text('{"kind": "sample"\n' + log.read_text())
    done = pair.suite.ouro("gate", "--resume", str(pair.suite.folder / "gate"))
    assert done.returncode == 2 and "samples.jsonl:1" in done.stderr


@pytest.mark.parametrize("what", ["machine", "environment", "base ouro-work"])
def test_what_is_foreign_does_not_go_on(pair: Pair, what: str) -> None:
    assert pair.gate("-w", pair.workload("load")).returncode == 0
    file = pair.suite.folder / "gate" / "plan.json"
    plan = json.loads(file.read_text())
    plan["identity"][what] = "another"
    file.write_text(json.dumps(plan))
    done = pair.suite.ouro("gate", "--resume", str(file.parent))
    assert done.returncode == 2 and f"{what} has changed since" in done.stderr


def test_calibration_is_kept_by_machine_and_checked(pair: Pair) -> None:
    known = calibrate.Noise("wall", {"wall": 0.2, "cpu": 0.1}, {"wall": 0.1, "cpu": 0.1}, 9,
                            0.01)
    file = calibrate.save(str(pair.suite.folder), {"load/object": known})
    assert calibrate.load(str(pair.suite.folder)) == {"load/object": known}
    pair.speed("cand", 1.1, 0.005)
    calm = pair.gate("-w", pair.workload("load"), "--budget", "6s", out="floor")
    assert calm.returncode in (2, 3), "an effect under twice the floor is no regression"
    good = file.read_text()
    for damage in (good[:40], good.replace("0.2", "NaN"), good.replace('"wall":', '"sun":'),
                   good.replace(calibrate.fingerprint(), "0" * 16), "[]"):
        file.write_text(damage)
        with pytest.raises(BadInput, match="calibrate again"):
            calibrate.load(str(pair.suite.folder))
    done = pair.gate("-w", pair.workload("load"), out="damaged")
    assert done.returncode == 2 and "calibrate again" in done.stderr


def test_a_calibration_without_time_says_what_is_missing(pair: Pair) -> None:
    """The budget is used before the first pair; planted faults gave a traceback here."""
    build = str(pair.suite.folder / "base")
    rows = [(gate_build.GateCell(workloads.open_file(Path(pair.workload("a"))), "object", None),
             gate_build.make_arms(gate_build.open_pair(build, build, None), "object", 60.0))]
    with store.RunDir.open(pair.suite.folder / "noise") as rundir:
        with pytest.raises(BadInput, match="a/object: 0 sessions of 24 pairs, 5 are needed"):
            calibrate.sample(rows, 1, 1e-9, rundir, lambda *_: None)


def hanging_soon(monkeypatch: pytest.MonkeyPatch, limits: list[float]) -> None:
    """Whoever takes turns, or is the candidate, is given a second; the others all they need, so
    that nothing hangs on this machine. `limits` gets what was asked for."""
    real = child.run

    def run(argv: Any, env: Any, timeout_s: float, *rest: Any, **more: Any) -> child.Outcome:
        if "--seed" not in argv:  # asks the program what it is
            return real(argv, env, 600.0, *rest, **more)
        limits.append(timeout_s)
        soon = more.get("hand_over") or "/cand/" in argv[0]
        return real(argv, env, 1.0 if soon else 600.0, *rest, **more)
    monkeypatch.setattr(child, "run", run)


def test_an_arm_that_hangs_is_named(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other one of the pair waits for its turn and runs into the same time: which of them
    hangs shows when each is run alone."""
    load, limits = pair.workload("load", "hang-later@cand"), []
    hanging_soon(monkeypatch, limits)
    command = pair.arguments("-w", load, "--timeout", "7s")
    assert cli.main(command) == 2
    (row,) = pair.report().rows
    assert row.verdict == "error" and row.note.startswith("cand: load/object: timed out after 7 s")
    assert set(limits) == {7.0} and len(limits) >= 4
    log = Path(row.note.rpartition("(log: ")[2].rstrip(")"))
    assert "cand/ouro-work" in log.read_text() and "timed out" in log.read_text()
    for pid in Path(load + ".pid").read_text().split():
        assert not Path(f"/proc/{pid}").exists()


def test_the_floor_is_what_more_pairs_would_not_remove() -> None:
    chance = random.Random(1)

    def sessions(shift: float) -> list[list[tuple[float, float]]]:
        return [[(100.0, 100.0 * math.exp(chance.gauss(shift * (-1) ** s, 0.02)))
                 for _ in range(24)] for s in range(40)]
    floor, spread = calibrate.noise_of(sessions(0.0))
    assert floor < 0.01 and 0.015 < spread < 0.025
    high, _ = calibrate.noise_of(sessions(0.05))
    assert high > 0.08, "sessions that differ are a floor, however steady each is"
    noise = calibrate.Noise("wall", {"wall": floor, "cpu": floor},
                            {"wall": spread, "cpu": spread}, 5, 0.02)
    assert noise.detectable(300, 3) >= 2 * floor
    assert noise.detectable(10, 20) > noise.detectable(300, 20)


def _repository(folder: Path, cmake: str) -> str:
    folder.mkdir()
    (folder / "CMakeLists.txt").write_text(cmake)
    git = ["git", "-C", str(folder), "-c", "user.name=t", "-c", "user.email=t@example.org"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "one"]):
        subprocess.run(git + command, check=True, capture_output=True)
    return subprocess.run(git + ["rev-parse", "HEAD"], check=True, capture_output=True,
                          text=True).stdout.strip()


def test_a_revision_is_built_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    targets = "".join(f"add_custom_target({t} COMMAND ${{CMAKE_COMMAND}} -E touch {f})\n"
                      for t, f in zip(gate_build.TARGETS, ("ouro-work", "ouro-replay",
                                                           "libouro-malloc.so")))
    commit = _repository(tmp_path / "src",
                         f"cmake_minimum_required(VERSION 3.20)\nproject(t NONE)\n{targets}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(paths, "source_root", lambda: tmp_path / "src")
    side = gate_build.open_side("base", "HEAD", tmp_path)
    assert side.commit == commit and paths.program("ouro-work", side.folder)
    complete = side.folder.parent / "complete"
    assert complete.is_file()
    before = os.stat(side.folder.parent / "build.log").st_mtime_ns
    assert gate_build.open_side("cand", "HEAD", tmp_path).folder == side.folder
    assert os.stat(side.folder.parent / "build.log").st_mtime_ns == before


def test_a_build_that_fails_names_arm_and_log(tmp_path: Path,
                                              monkeypatch: pytest.MonkeyPatch) -> None:
    _repository(tmp_path / "src", 'cmake_minimum_required(VERSION 3.20)\nproject(t NONE)\n'
                'message(FATAL_ERROR "no luck")\n')
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(paths, "source_root", lambda: tmp_path / "src")
    with pytest.raises(BadInput, match="--cand: building .* failed: CMake Error .* no luck: log") as error:
        gate_build.open_side("cand", "HEAD", tmp_path)
    log = Path(str(error.value).rpartition("log: ")[2])
    assert "no luck" in log.read_text()


def _built() -> bool:
    found = paths.program("ouro-work", ROOT / "build" / "release")
    return found is not None and "--iterations" in subprocess.run(
        [found, "--help"], capture_output=True, text=True, check=False).stdout


@pytest.mark.skipif(not _built(), reason="the release build is missing")
def test_the_real_worker_judged_by_counts(tmp_path: Path) -> None:
    """Short and live: counts decide, no clock. Planted work must be found, nothing else."""
    file = tmp_path / "trials.jsonl"
    command = [str(ROOT / "scripts" / "ouro"), "selftest-gate", "--aa", "1", "--inject", "5%",
               "--injected", "3", "--metric", "ops", "--budget", "1h", "-o", str(file),
               "--build", str(ROOT / "build" / "release"), "--store", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    about = json.loads(file.with_suffix(".json").read_text())["trials"]
    assert about["aa"]["passed"] == 1 and about["inject"]["found"] == 3
    lines = file.read_text()
    file.write_text(lines[:-20])  # torn: the last trial is done again
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0 and len(file.read_text().splitlines()) == 5
    file.write_text(lines.replace('"seed": 1', '"seed": 2', 1))
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 2 and "another test: other seed" in done.stderr
