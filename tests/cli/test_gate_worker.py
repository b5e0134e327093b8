# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""What the gate asks its two workers before it measures: are they built alike, do they know how
to take turns, do they get the allocator that was named."""
from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import trees
from conftest import ROOT
from ouro_suite import gate_build, gate_worker, paths, verdict
from ouro_suite.errors import BadInput

RELEASE = {"build_type": "Release", "compiler": "GNU 12.2.0", "flags": "-O2",
           "OURO_CHECK": "OFF", "OURO_SANITIZE": ""}


@pytest.fixture
def tree(tmp_path: Path) -> trees.Tree:
    return trees.make(tmp_path)


def built(tree: trees.Tree, name: str, **changed: str) -> Path:
    """A build that says how it was built."""
    folder = tree.built(name)
    (folder / "built").write_text("".join(
        f"{k}={v}\n" for k, v in {**RELEASE, **changed}.items() if v is not None))
    return folder


def judged(tree: trees.Tree, *more: str, fake: str = "") -> subprocess.CompletedProcess[str]:
    folder = tree.suite.folder
    return tree.ouro("gate", "--base", str(folder / "base"), "--cand", str(folder / "cand"),
                     "-w", tree.suite.workload("load", fake, ("object",)), "--metric", "ops",
                     "-o", str(folder / "run"), *more)


DIFFERENT = {"build_type": "Debug", "compiler": "Clang 14.0.6", "flags": "-O3",
             "OURO_CHECK": "ON", "OURO_SANITIZE": "address"}


@pytest.mark.parametrize("name, value", DIFFERENT.items())
@pytest.mark.parametrize("where", ["base", "cand"])
def test_builds_that_differ_are_refused_unless_told(tree: trees.Tree, name: str, value: str,
                                                    where: str) -> None:
    for side in ("base", "cand"):
        built(tree, side, **({name: value} if side == where else {}))
    shown = [RELEASE[name] or "none", value][::-1 if where == "base" else 1]
    said = f"base and cand are built differently: {name} {shown[0]} and {shown[1]}"
    done = judged(tree)
    assert done.returncode == 2 and said in done.stderr and "--force" in done.stderr
    done = judged(tree, "--force")
    assert done.returncode == 0, done.stderr
    report = verdict.load(tree.suite.folder / "run")
    assert said in report.reasons
    assert {**RELEASE, name: value} == (report.base if where == "base" else report.cand)["built"]
    doctor = [f for f in report.machine["doctor"] if f["check"] == "build"]
    assert [f["level"] for f in doctor] == ["warn" if name == "build_type" else "ok"]


def test_equal_builds_and_options_that_one_does_not_have_are_compared(tree: trees.Tree) -> None:
    built(tree, "base")
    built(tree, "cand", OURO_NEW="ON")
    done = judged(tree)
    assert done.returncode == 0 and "built" not in done.stderr, done.stderr


def test_what_a_build_does_not_say_is_said_to_be_unknown(tree: trees.Tree) -> None:
    built(tree, "base")
    silent = tree.built("cand")
    done = judged(tree)
    assert done.returncode == 0 and "how cand was built cannot be seen" in done.stderr
    (silent / "CMakeCache.txt").write_text("CMAKE_BUILD_TYPE:STRING=Debug\n")
    shutil.rmtree(tree.suite.folder / "run")
    done = judged(tree)
    assert done.returncode == 2 and "build_type Release and Debug" in done.stderr


def test_revisions_may_be_built_differently(tree: trees.Tree) -> None:
    """Both are built by the gate, in the same way: their flags are part of the change."""
    revisions = []
    for flags in ("-O2", "-O3"):
        (tree.root / "built").write_text(f"build_type=Release\nflags={flags}\n")
        tree.git("add", "built")
        revisions.append(tree.commit(trees.COPIES + "configure_file(built built COPYONLY)\n"))
    done = tree.ouro("gate", "--base", revisions[0], "--cand", revisions[1], "-w",
                     tree.suite.workload("load", "", ("object",)), "--metric", "ops")
    assert done.returncode == 0, done.stderr
    assert "built differently: flags -O2 and -O3" in done.stderr
    done = tree.ouro("gate", "--base", revisions[0], "--cand", str(gate_build.cache_dir()))
    assert done.returncode == 2


def test_a_worker_that_cannot_take_turns_is_judged_one_after_the_other(
        tree: trees.Tree) -> None:
    for side in ("base", "cand"):
        built(tree, side)
    folder = tree.suite.folder
    (folder / "base" / "lacks").write_text("--turns")
    (folder / "cand" / "speed").write_text("1.1 0.005")
    (folder / "base" / "speed").write_text("1.0 0.005")
    done = judged(tree, "--metric", "time", "--budget", "1h", fake="turns")
    assert done.returncode == 1, done.stderr
    assert "too old to take turns" in done.stderr
    report = verdict.load(folder / "run")
    assert report.settings["turns"] == {"load/object": False}
    assert any("too old to take turns" in r for r in report.reasons)
    (row,) = report.rows
    assert row.verdict == "regression" and row.effect == pytest.approx(1.1, rel=0.01)
    assert not (folder / "load.yaml.turns").exists(), "both arms alike, none took turns"


def test_an_old_worker_that_is_asked_for_turns_fails(tree: trees.Tree) -> None:
    """The planted fault: an old worker taken for a new one is an error, not a pass."""
    for side in ("base", "cand"):
        built(tree, side)
    (tree.suite.folder / "base" / "lacks").write_text("--turns")
    (tree.suite.folder / "base" / "ouro-work").write_text(
        (tree.root / "worker.py").read_text().replace('set(beside("lacks").split())', "set()"))
    done = judged(tree, "--metric", "time")
    assert done.returncode == 2 and "bad option '--turns'" in done.stderr


def test_a_worker_without_iterations_is_refused(tree: trees.Tree) -> None:
    for side in ("base", "cand"):
        built(tree, side)
    (tree.suite.folder / "base" / "lacks").write_text("--turns --iterations")
    done = judged(tree)
    assert done.returncode == 2 and "base: its worker does not know --iterations" in done.stderr


def test_what_is_not_there_is_said_before_anything_is_built(tree: trees.Tree) -> None:
    slow = tree.commit(trees.FAILS)
    for cand, why in (("HEAD~999", "neither a folder"), ("./none.so", "no such file"),
                      (str(tree.suite.folder), "no ouro-work in it")):
        done = tree.ouro("gate", "--base", slow, "--cand", cand)
        assert done.returncode == 2 and why in done.stderr and "building" not in done.stderr


def test_a_folder_of_several_builds_is_no_build(tree: trees.Tree) -> None:
    tree.commit(trees.FAILS)
    for name in ("release", "asan"):
        tree.built(name)
    done = tree.ouro("gate", "--base", str(tree.suite.folder), "--cand", "HEAD")
    assert done.returncode == 2 and "several builds are in it" in done.stderr
    assert "release/ouro-work" in done.stderr and "asan/ouro-work" in done.stderr


REAL = ROOT / "build" / "release"


def _knows_its_build() -> bool:
    return paths.program("ouro-work", REAL) is not None \
        and "build_type" in gate_worker.ask(REAL).settings


@pytest.mark.skipif(not _knows_its_build(), reason="the release build is missing")
def test_the_real_worker_says_how_it_was_built_and_refuses_what_is_no_allocator(
        tmp_path: Path) -> None:
    told = gate_worker.ask(REAL)
    assert told.settings["build_type"] == "Release" and told.settings["OURO_SANITIZE"] == ""
    assert "-DNDEBUG" in told.settings["flags"] and told.knows("--turns")
    assert not told.knows("--no-such-option")
    source = tmp_path / "a.c"
    source.write_text("int ouro_test_nothing(void) { return 1; }\n")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", tmp_path / "none.so", source], check=True)
    (tmp_path / "text.so").write_text("text")
    shutil.copy(tmp_path / "none.so", tmp_path / "dead.so")
    source.write_text("#include <stdlib.h>\n__attribute__((constructor)) static void die(void)"
                      " { abort(); }\n")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", tmp_path / "dead.so", source], check=True)
    (tmp_path / "a b.so").write_bytes((tmp_path / "none.so").read_bytes())
    for name, why in (("none.so", "is it an allocator"), ("text.so", "cannot be preloaded"),
                      ("dead.so", "SIGABRT"), ("a b.so", "blanks")):
        with pytest.raises(BadInput, match=f"--cand .*{name}.*{why}|{why}"):
            pair = gate_build.open_pair("glibc", str(tmp_path / name), str(REAL))
            gate_build.make_arms(pair, "raw", 60.0)
    good = gate_build.open_pair("glibc", str(paths.need("libouro-malloc.so", REAL)), str(REAL))
    assert [a.name for a in gate_build.make_arms(good, "raw", 60.0)] == ["base", "cand"]
