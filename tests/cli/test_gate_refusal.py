# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""A gate that cannot judge says so wherever somebody looks, and one that is interrupted, at
whatever it was doing, goes on later and leaves nothing running."""
from __future__ import annotations

import json
import signal
import subprocess
import time
import xml.etree.ElementTree as xml
from pathlib import Path

import pytest
import trees

from ouro_suite import cli, gate_cmd, icount_run, verdict
from ouro_suite.errors import BadInput


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
