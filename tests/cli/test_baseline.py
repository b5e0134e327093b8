# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""Baselines in a folder and on a branch: what is saved comes back, or is refused."""
from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
import trees
from conftest import ROOT, Suite

from ouro_suite import allocators, baseline, cli, paths
from ouro_suite.errors import BadInput


def git(root: Path, *argv: str) -> str:
    return subprocess.run(["git", "-C", str(root), "-c", "user.name=t", "-c", "user.email=t@t",
                           *argv], check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A source tree with two commits."""
    root = tmp_path / "repo"
    root.mkdir()
    git(root, "init", "-q", "-b", "main")
    for text in ("one", "two"):
        (root / "file").write_text(text)
        git(root, "add", "file")
        git(root, "commit", "-q", "-m", text)
    monkeypatch.setattr(paths, "source_root", lambda: root)
    monkeypatch.chdir(tmp_path)
    for name in ("GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME", "GIT_DIR"):
        monkeypatch.delenv(name, raising=False)
    return root


@pytest.fixture(params=["folder", "branch"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> list[str]:
    return ["--store", str(tmp_path / "kept")] if request.param == "folder" else \
        ["--branch", "ouro/baselines"]


def stored_run(folder: Path, commit: str, dirty: bool = False) -> str:
    folder.mkdir()
    (folder / "result.json").write_text(json.dumps({
        "ouro_format": 1, "context": {"commit": commit, "dirty": dirty, "cpu": "c"},
        "benchmarks": [], "failures": [], "refused": [], "micro": {}, "whole": {}}))
    return str(folder)


def test_a_revision_comes_back_as_its_commit(repo: Path, place: list[str],
                                             capsys: pytest.CaptureFixture) -> None:
    first, tip = git(repo, "rev-parse", "HEAD~1"), git(repo, "rev-parse", "HEAD")
    before = git(repo, "status", "--porcelain"), git(repo, "rev-parse", "HEAD")
    for name, base, commit in (("old", ["--base", "HEAD~1"], first), ("new", [], tip),
                               ("old", [], tip), ("old", ["--base", "main~1"], first)):
        assert cli.main(["baseline", "save", name, *base, *place]) == 0
        capsys.readouterr()
        assert cli.main(["baseline", "use", name, *place]) == 0
        assert capsys.readouterr().out == commit + "\n"
    assert cli.main(["baseline", "show", "--json", *place]) == 0
    assert [b["name"] for b in json.loads(capsys.readouterr().out)] == ["new", "old"]
    assert (git(repo, "status", "--porcelain"), git(repo, "rev-parse", "HEAD")) == before


def test_numbers_come_back_only_when_asked_for(repo: Path, place: list[str], tmp_path: Path,
                                               capsys: pytest.CaptureFixture) -> None:
    commit = git(repo, "rev-parse", "HEAD")
    run = stored_run(tmp_path / "run", commit)
    assert cli.main(["baseline", "save", "b", run, *place]) == 0
    capsys.readouterr()
    assert cli.main(["baseline", "use", "b", *place]) == 0
    assert capsys.readouterr().out == commit + "\n"
    assert cli.main(["baseline", "use", "b", "--numbers", "again", *place]) == 0
    assert json.loads(Path("again/result.json").read_text())["context"]["commit"] == commit
    assert cli.main(["baseline", "save", "b", *place]) == 0
    assert cli.main(["baseline", "use", "b", "--numbers", "more", *place]) == 2


def test_a_prefix_that_was_built_again_is_refused(repo: Path, place: list[str], tmp_path: Path,
                                                  capsys: pytest.CaptureFixture) -> None:
    prefix = tmp_path / "prefix"
    prefix.mkdir()
    (prefix / "ouro-work").write_text("program")
    assert cli.main(["baseline", "save", "p", "--base", str(prefix), *place]) == 0
    assert cli.main(["baseline", "use", "p", *place]) == 0
    assert capsys.readouterr().out == str(prefix) + "\n"
    (prefix / "ouro-work").write_text("another")
    allocators.file_sha256.cache_clear()  # a process looks at a file once
    assert cli.main(["baseline", "use", "p", *place]) == 2
    assert "built again" in capsys.readouterr().err


@pytest.mark.parametrize("arguments, said", [
    (["use", "none"], "there is none"), (["save", "../x"], "names are"), (["save"], "give a name"),
    (["use", "x", "--base", "HEAD"], "takes no run"), (["save", "x", "--base", "gone"], "nor a revision"),
    (["save", "x", "--base", "--upload-pack=x"], "baseline"), (["save", "x", "nowhere"], ""),
    (["show", "none"], "there is none"), (["save", "x", "--numbers", "d"], "--numbers")])
def test_bad_input(repo: Path, place: list[str], arguments: list[str], said: str,
                   capsys: pytest.CaptureFixture) -> None:
    assert cli.main(["baseline", *arguments, *place]) == 2
    error = capsys.readouterr().err
    assert said in error and len(error.splitlines()) == 1


def test_a_changed_tree_gives_no_baseline(repo: Path, place: list[str], tmp_path: Path,
                                          capsys: pytest.CaptureFixture) -> None:
    run = stored_run(tmp_path / "run", git(repo, "rev-parse", "HEAD"), dirty=True)
    assert cli.main(["baseline", "save", "b", run, *place]) == 2
    assert "changed tree" in capsys.readouterr().err
    unnamed = stored_run(tmp_path / "unnamed", "")
    assert cli.main(["baseline", "save", "b", unnamed, *place]) == 2


@pytest.mark.parametrize("branch", ["main", "-x", "a b", "../x", "x..y"])
def test_bad_branches(repo: Path, branch: str, capsys: pytest.CaptureFixture) -> None:
    assert cli.main(["baseline", "save", "b", f"--branch={branch}"]) == 2


def test_a_branch_that_exists_on_origin_only_is_read_and_built_upon(
        repo: Path, tmp_path: Path, capsys: pytest.CaptureFixture,
        monkeypatch: pytest.MonkeyPatch) -> None:
    assert cli.main(["baseline", "save", "one", "--branch", "kept"]) == 0
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", str(repo), str(clone))
    monkeypatch.setattr(paths, "source_root", lambda: clone)
    assert cli.main(["baseline", "use", "one", "--branch", "kept"]) == 0
    assert cli.main(["baseline", "save", "two", "--branch", "kept"]) == 0
    assert git(clone, "ls-tree", "-r", "--name-only", "kept").split() == [
        "one/baseline.json", "two/baseline.json"]
    assert git(clone, "rev-parse", "kept~1") == git(repo, "rev-parse", "kept")


def test_jobs_share_baselines_over_a_remote(tmp_path: Path) -> None:
    """As docs/ci.md has it: one job saves and pushes, one that was slower is refused and tries
    again, a third one, a fresh clone, judges against what it finds."""
    tree = trees.make(tmp_path)
    first = tree.commit(trees.COPIES)
    tree.git("add", "scripts")
    tree.git("commit", "-qm", "scripts")
    tree.git("branch", "-M", "main")
    git(tmp_path, "clone", "-q", "--bare", str(tree.root), "remote")

    def job(name: str) -> trees.Tree:
        git(tmp_path, "clone", "-q", str(tmp_path / "remote"), f"{name}/src")
        return trees.Tree(Suite(tmp_path / name))

    def save(where: trees.Tree, name: str, revision: str) -> None:
        done = where.ouro("baseline", "save", name, "--base", revision, "--branch", "kept")
        assert done.returncode == 0, done.stderr
    one, other = job("one"), job("other")
    save(one, "main", first)
    save(other, "release", "HEAD")
    one.git("push", "-q", "origin", "kept")
    with pytest.raises(subprocess.CalledProcessError):
        other.git("push", "-q", "origin", "kept")
    other.git("fetch", "-q", "origin", "+kept:kept")
    save(other, "release", "HEAD")
    other.git("push", "-q", "origin", "kept")
    last = job("last")
    shown = last.ouro("baseline", "show", "--json", "--branch", "kept")
    assert [b["name"] for b in json.loads(shown.stdout)] == ["main", "release"]
    used = last.ouro("baseline", "use", "main", "--branch", "kept")
    assert used.stdout == first + "\n", used.stderr
    done = last.ouro("gate", "--base", used.stdout.strip(), "--cand", "HEAD", "--metric", "ops",
                     "-w", last.suite.workload("load", "", ("object",)))
    assert done.returncode == 0, done.stderr
    git(tmp_path, "clone", "-q", "--depth", "1", f"file://{tmp_path}/remote", "shallow/src")
    shallow = trees.Tree(Suite(tmp_path / "shallow"))
    shallow.git("fetch", "-q", "--depth", "1", "origin", "kept:kept")
    lost = shallow.ouro("baseline", "use", "main", "--branch", "kept")
    assert lost.returncode == 2 and "fetch-depth: 0" in lost.stderr and lost.stdout == ""


GOOD = {"ouro_baseline_format": 1, "name": "b", "date": "d", "commit": "a" * 40, "prefix": "",
        "digests": {}, "machine": "", "note": ""}


@pytest.mark.parametrize("change", [
    {"ouro_baseline_format": 2}, {"commit": "--upload-pack=evil"}, {"commit": ""},
    {"name": "../b"},
    {"commit": "", "prefix": "relative"}, {"commit": "", "prefix": "/a\nb"}, {"prefix": "/both"},
    {"date": 3}, {"digests": []}, {"extra": 1}])
def test_damaged_and_hostile_baselines_are_refused(change: dict) -> None:
    assert baseline.parse(json.dumps(GOOD), "b").commit == "a" * 40
    with pytest.raises(BadInput):
        baseline.parse(json.dumps({**GOOD, **change}), "b")


def test_a_commit_that_is_not_here_says_how_to_get_it(repo: Path, tmp_path: Path,
                                                      capsys: pytest.CaptureFixture) -> None:
    folder = tmp_path / "kept" / "b"
    folder.mkdir(parents=True)
    (folder / "baseline.json").write_text(json.dumps(GOOD))
    assert cli.main(["baseline", "use", "b", "--store", str(tmp_path / "kept")]) == 2
    assert "fetch-depth" in capsys.readouterr().err


def test_the_source_tree_is_this_one() -> None:
    assert paths.source_root() == ROOT
