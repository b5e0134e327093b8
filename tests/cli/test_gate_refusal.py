# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""A gate that cannot judge says so wherever somebody looks, and one that is interrupted, at
whatever it was doing, goes on later and leaves nothing running."""
from __future__ import annotations

import json
import os
import signal
import subprocess
import time
import xml.etree.ElementTree as xml
from pathlib import Path

import pytest
import trees

from ouro_suite import (cli, gate_build, gate_cmd, gate_judge, icount_run, store, verdict,
                        workloads)
from ouro_suite.errors import BadInput
from ouro_suite.gate_sampler import STAGE, Sampler


@pytest.fixture
def tree(tmp_path: Path) -> trees.Tree:
    return trees.make(tmp_path)


@pytest.fixture
def signals() -> object:
    """The handlers as they were."""
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield kept
    for number, handler in kept.items():
        signal.signal(number, handler)


FILES = {"--md": "g.md", "--junit": "g.xml", "--figure": "g.svg", "--bencher": "b.json",
         "--tracker": "t.json"}


def asked(folder: Path) -> list[str]:
    """All the files a report can be written to."""
    return [x for option, name in FILES.items() for x in (option, str(folder / name))] + [
        "--github"]


def said_everywhere(folder: Path, printed: str, *words: str) -> None:
    """Markdown, JUnit, picture and annotation hold the words, the status is an error's."""
    suite = xml.fromstring((folder / "g.xml").read_text())
    assert suite.get("errors") == "1" and suite.get("failures") == "0"
    texts = ((folder / "g.md").read_text(), suite[0][0].get("message", ""),
             next(x for x in printed.splitlines() if x.startswith("::error")))
    assert "ouro gate: error" in texts[0]
    for text in texts:
        for word in words:
            assert word in text, (word, text)
    assert (folder / "g.svg").stat().st_size > 1000
    assert [json.loads((folder / x).read_text()) for x in ("b.json", "t.json")] == [{}, []]


@pytest.mark.parametrize("command", ["gate", "icount"])
def test_a_build_that_fails_is_told_in_every_report(tree: trees.Tree, command: str) -> None:
    folder = tree.suite.folder
    good, bad = tree.commit(trees.COPIES), tree.commit(trees.FAILS)
    load = tree.suite.workload("load")
    summary = folder / "summary"
    done = tree.ouro(command, "--base", good, "--cand", bad, "-w", load, "-o",
                     str(folder / "run"), *asked(folder), GITHUB_STEP_SUMMARY=str(summary))
    assert done.returncode == 2, done.stderr
    said_everywhere(folder, done.stdout, "--cand: building", "failed", "build.log")
    assert summary.read_text() == (folder / "g.md").read_text()
    report = verdict.load(folder / "run")
    assert (report.exit_code, report.rows, report.base["name"]) == (2, (), good)
    (why,) = report.reasons
    assert "no luck: log: " in why
    assert "no luck" in Path(why.rpartition("log: ")[2]).read_text()
    again = tree.ouro("verdict", str(folder / "run"))
    assert again.returncode == 2 and "building" in again.stderr
    done = tree.ouro(command, "--base", good, "--cand", good, "-w", "none", "-o",
                     str(folder / "run"), *asked(folder))
    assert done.returncode == 2
    said_everywhere(folder, done.stdout, "-w none: unknown workload")


def test_a_mistake_of_ours_is_told_in_every_report(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture,
        signals: object) -> None:
    monkeypatch.setattr(gate_cmd, "_open", lambda args: 1 // 0)
    assert cli.main(["gate", "--base", "a", "--cand", "b", *asked(tmp_path)]) == 2
    said_everywhere(tmp_path, capsys.readouterr().out, "a mistake in ouro", "ZeroDivisionError")


def test_icount_shows_verdicts_only(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="give --base and --cand"):
        icount_run.run(cli.parser().parse_args(["icount", "--md", str(tmp_path / "g.md")]))


@pytest.mark.parametrize("option", ["--md", "--junit", "--figure"])
def test_a_report_that_cannot_be_written_is_an_error(tree: trees.Tree, option: str) -> None:
    folder = tree.suite.folder / "full"
    folder.mkdir()
    name = folder / ("x" * 250 + ".svg")  # the temporary file beside it has a longer name
    build = tree.built()
    done = tree.ouro("gate", "--base", str(build), "--cand", str(build), "-w",
                     tree.suite.workload("load", "", ("object",)), "--metric", "ops", option,
                     str(name) if option != "--figure" else str(folder / ("x" * 252 + ".svg")))
    assert done.returncode == 2 and f"{option} " in done.stderr, done.stderr
    assert "File name too long" in done.stderr and "Traceback" not in done.stderr


WRONG = {
    "no build": ([], "give --base BUILD and --cand BUILD"),
    "one build": (["--base", "BUILD"], "give --base BUILD and --cand BUILD"),
    "builds without options": (["main", "HEAD"], "main HEAD: say which is which: --base"),
    "missing": (["--base", "nowhere", "--cand", "BUILD"], "--base nowhere: neither a folder"),
    "missing file": (["--base", "BUILD", "--cand", "./no.so"], "./no.so: no such file or folder"),
    "empty folder": (["--base", "empty", "--cand", "BUILD"], "no ouro-work in it: is it built"),
    "a file": (["--base", "BUILD", "--cand", "file"], "is a file, but no shared library"),
    "not an option": (["--base", "BUILD", "--cand=-x"], "--cand -x: neither a folder"),
    "workload": (["PAIR", "-w", "nope"], "-w nope: unknown workload"),
    "workload file": (["PAIR", "-w", "empty/x.yaml"], "no such workload file"),
    "same twice": (["PAIR", "-w", "load.yaml", "-w", "load.yaml"], "have the same name"),
    "budget 0": (["PAIR", "--budget", "0"], "write 90s, 5m or 1h"),
    "budget": (["PAIR", "--budget", "soon"], "write 90s, 5m or 1h"),
    "tol 0": (["PAIR", "--tol", "0"], "0 % can never be shown"),
    "tol": (["PAIR", "--tol", "x"], "a percentage from 0 to 100"),
    "tol nan": (["PAIR", "--tol=nan"], "a percentage from 0 to 100"),
    "seed": (["PAIR", "--seed", "x"], "invalid int value"),
    "form": (["PAIR", "--form", "blue"], "choose from"),
    "layouts": (["PAIR", "--layouts", "2"], "both must be git revisions"),
    "layouts < 0": (["PAIR", "--layouts", "-1"], "from 0 to 8"),
    "md in no folder": (["PAIR", "--md", "none/x.md"], "no such folder"),
    "md is a folder": (["PAIR", "--md", "empty"], "give a file, empty is a folder"),
    "figure": (["PAIR", "--figure", "x.gif"], "must end in .svg"),
    "store": (["PAIR", "--store", "file"], "--store file: is no folder"),
    "output": (["PAIR", "-o", "file"], "-o file: "),
    "resume": (["--resume", "empty"], "there is no run to resume")}


def test_what_is_wrong_with_an_argument_is_one_line(tree: trees.Tree,
                                                   capsys: pytest.CaptureFixture,
                                                   monkeypatch: pytest.MonkeyPatch,
                                                   signals: object) -> None:
    """No traceback, nothing measured, nothing left behind, never the 1 of a regression."""
    build, folder = str(tree.built()), tree.suite.folder
    (folder / "empty").mkdir()
    (folder / "file").touch()
    tree.suite.workload("load", "", ("object",))
    monkeypatch.chdir(folder)
    monkeypatch.setenv("XDG_STATE_HOME", str(folder / "state"))
    before = sorted(p.name for p in folder.iterdir())
    for name, (given, why) in WRONG.items():
        words = [build if x == "BUILD" else x for x in given]
        if words[:1] == ["PAIR"]:
            words = ["--base", build, "--cand", build, *words[1:]]
            words += [] if "-w" in words else ["-w", "load.yaml"]
            words += [] if "-o" in words else ["-o", "run"]
        assert cli.main(["gate", *words]) == 2, name
        said = capsys.readouterr()
        assert why in said.err and len(said.err.splitlines()) == 1, (name, said.err)
        assert said.out == "", name
        if (folder / "run").exists():
            assert [p.name for p in (folder / "run").iterdir()] == ["gate.json"], name
            (folder / "run" / "gate.json").unlink()
            (folder / "run").rmdir()
        assert sorted(p.name for p in folder.iterdir()) == before, name


def test_a_budget_that_ends_while_sizing_is_kept(tree: trees.Tree) -> None:
    """What was not sized in time is an error with its remedy; the others still have rows."""
    build = tree.built()
    cells = [gate_build.GateCell(workloads.open_file(Path(
        tree.suite.workload(name, "", ("object",)))), "object", None) for name in "ab"]
    pair = gate_build.open_pair(str(build), str(build), None)
    rows = [(cell, gate_build.make_arms(pair, "object", 60.0)) for cell in cells]
    with store.RunDir.open(tree.suite.folder / "run") as rundir:
        sampler = Sampler(rows, 1, 3600.0, rundir, lambda *_: None)

        def tell(what: str, share: float) -> None:
            sampler.budget_s = 0.0  # it ends while the first is sized
        sampler.tell = tell
        sampler.prepare()
    assert set(sampler.setups) == {"a/object"}
    assert set(sampler.failures) == {"b/object"}
    assert "more --budget, or fewer workloads" in sampler.failures["b/object"]


def interrupt(command: list[str], env: dict[str, str], began: Path, number: int,
              size: int = 1) -> tuple[int, str]:
    """Sends a signal when the file `began` has `size` bytes; how it ended, and what it said."""
    job = subprocess.Popen(command, env=env, text=True, stderr=subprocess.PIPE,
                           stdout=subprocess.DEVNULL)
    while not began.exists() or began.stat().st_size < size:
        assert job.poll() is None, job.communicate()
        time.sleep(0.01)
    job.send_signal(number)
    said = job.communicate(timeout=100)[1]  # less than what a worker that hangs may take
    return job.returncode, said


def running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("command", ["gate", "icount"])
def test_an_interrupted_build_leaves_nothing_and_goes_on(tree: trees.Tree, number: int,
                                                         command: str) -> None:
    """The compiler of this revision waits for a file; it must not survive."""
    folder = tree.suite.folder
    (folder / "compile").write_text(f"#!/bin/sh\necho $$ >>{folder}/began\n"
                                    f"while [ ! -e {folder}/go ]; do sleep 0.05; done\n")
    (folder / "compile").chmod(0o755)
    slow = tree.commit(trees.COPIES + f"add_custom_target(slow COMMAND {folder}/compile)\n"
                       "add_dependencies(ouro-work slow)\n")
    arguments = ["--base", slow, "--cand", slow, "-w",
                 tree.suite.workload("load", "", ("object",)), "-o", str(folder / "run")]
    code, said = interrupt(tree.command(command, *arguments), tree.env(), folder / "began",
                           number)
    assert code == 130, said
    assert not running(int((folder / "began").read_text()))
    assert not list((folder / "cache" / "ouro" / "builds").glob("*/complete"))
    if command == "gate":
        assert f"ouro gate --resume {folder}/run" in said
        (folder / "go").touch()
        done = tree.ouro("gate", "--resume", str(folder / "run"), "--junit",
                         str(folder / "g.xml"))
        assert done.returncode == 0, done.stderr
        assert verdict.load(folder / "run").base["name"] == slow


def test_a_worker_that_hangs_does_not_keep_an_interrupt_waiting(tree: trees.Tree) -> None:
    folder = tree.suite.folder
    build = tree.built()
    load = tree.suite.workload("load", "hang-later", ("object",))
    code, said = interrupt(
        tree.command("gate", "--base", str(build), "--cand", str(build), "-w", load, "-o",
                     str(folder / "run")), tree.env(), Path(load + ".pid"), signal.SIGINT, 2)
    assert code == 130 and "--resume" in said
    for pid in Path(load + ".pid").read_text().split():
        assert not running(int(pid))
    Path(load).write_text(Path(load).read_text().replace("fake: hang-later", ""))
    done = tree.ouro("gate", "--resume", str(folder / "run"))
    assert done.returncode == 2 and "load.yaml has changed since" in done.stderr


def test_an_interrupt_while_confirming_or_counting_goes_on(tree: trees.Tree) -> None:
    """The candidate is slower, so its row is confirmed, and then its instructions are counted,
    by a tool that waits."""
    folder = tree.suite.folder
    for side, speed in (("base", "1.0 0.005"), ("cand", "1.1 0.005")):
        (tree.built(side) / "speed").write_text(speed)
    tools = folder / "tools"
    tools.mkdir()
    (tools / "valgrind").write_text(f"#!/bin/sh\n[ -e {folder}/go ] && exit 9\n"
                                    f"echo $$ >{folder}/counting\nexec sleep 600\n")
    (tools / "valgrind").chmod(0o755)
    load = tree.suite.workload("load", "tell", ("object",))
    command = tree.command("gate", "--base", str(folder / "base"), "--cand",
                           str(folder / "cand"), "-w", load, "-o", str(folder / "run"),
                           "--budget", "1h")
    env = tree.env(PATH=f"{tools}:{os.environ['PATH']}")
    log = folder / "run" / "samples.jsonl"

    def stages() -> list[int]:
        return [line["block"] // STAGE for line in map(json.loads, log.read_text().splitlines())
                if line["kind"] == "sample"]
    screened = 2 * gate_judge.SCREEN_LOOKS[0]  # processes
    code, said = interrupt(command, env, Path(load + ".began"), signal.SIGINT, screened + 5)
    assert code == 130 and "--resume" in said and set(stages()) == {0, 1}, said
    again = tree.command("gate", "--resume", str(folder / "run"))
    code, said = interrupt(again, env, folder / "counting", signal.SIGTERM)
    assert code == 130 and "--resume" in said
    assert not running(int((folder / "counting").read_text()))
    before = log.read_text()
    (folder / "go").touch()
    done = subprocess.run(again, env=env, capture_output=True, text=True, timeout=300,
                          check=False)
    assert done.returncode == 1, done.stderr
    (row,) = verdict.load(folder / "run").rows
    assert row.verdict == "regression" and "instructions not counted" in row.note
    assert log.read_text().startswith(before), "nothing is measured twice"


def test_a_plan_without_files_but_with_samples_is_damaged(tree: trees.Tree) -> None:
    folder = tree.suite.folder / "run"
    good = tree.commit(trees.COPIES)
    done = tree.ouro("gate", "--base", good, "--cand", good, "-w",
                     tree.suite.workload("load", "", ("object",)), "-o", str(folder))
    assert done.returncode == 0, done.stderr
    plan = folder / "plan.json"
    before = (folder / "gate.json").read_text()
    plan.write_text(plan.read_text().partition('"identity"')[0] + '"identity": {}}\n')
    done = tree.ouro("gate", "--resume", str(folder))
    assert done.returncode == 2 and "does not say what was measured" in done.stderr
    assert (folder / "gate.json").read_text() == before, "its verdict stays"
