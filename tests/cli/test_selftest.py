# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""The gate's test of itself: what a trial proves, and the load beside it."""
from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from conftest import Suite
from ouro_suite import allocators, gate_build, selftest


def trial(kind: str, injected: str | None, **words: str) -> dict[str, Any]:
    return {"kind": kind, "injected": injected,
            "rows": [[w, "time", v] for w, v in words.items()]}


@pytest.mark.parametrize(("one", "proves"), [
    (trial("aa", None, a="ok", b="ok"), "passed"),
    (trial("aa", None, a="ok", b="inconclusive"), "inconclusive"),
    (trial("aa", None, a="ok", b="improvement"), "passed"),
    (trial("aa", None, a="regression", b="ok"), "false alarm"),
    (trial("aa", None, a="error", b="ok"), "error"),
    (trial("aa", None), "error"),
    (trial("inject", "a", a="regression", b="ok"), "found"),
    (trial("inject", "a", a="regression", b="inconclusive"), "found"),
    (trial("inject", "a", a="inconclusive", b="ok"), "inconclusive"),
    (trial("inject", "a", a="ok", b="ok"), "missed"),
    (trial("inject", "a", a="improvement", b="ok"), "missed"),
    (trial("inject", "a", a="ok", b="regression"), "false alarm"),
    (trial("inject", "a", a="regression", b="regression"), "false alarm")])
def test_what_a_trial_proves(one: dict[str, Any], proves: str) -> None:
    assert selftest.outcome(one) == proves


GOOD, OPEN = trial("aa", None, a="ok"), trial("aa", None, a="inconclusive")
FOUND, UNSEEN = trial("inject", "a", a="regression"), trial("inject", "a", a="inconclusive")


@pytest.mark.parametrize(("trials", "status"), [
    ([GOOD, FOUND], 0), ([GOOD, OPEN, FOUND, UNSEEN], 0), ([GOOD], 0), ([OPEN, OPEN], 3),
    ([GOOD, UNSEEN], 3), ([OPEN, FOUND], 3), ([OPEN, UNSEEN, trial("aa", None, a="error")], 1),
    ([GOOD, trial("inject", "a", a="ok")], 1), ([OPEN, trial("aa", None, a="regression")], 1)])
def test_a_test_that_decided_nothing_has_not_passed(trials: list[dict[str, Any]],
                                                    status: int) -> None:
    assert selftest.status(trials) == status


def test_a_copy_is_the_same_bytes_in_another_place(tmp_path: Path) -> None:
    """Planted: one byte more is another build."""
    build = tmp_path / "build"
    (build / "bin").mkdir(parents=True)
    (build / "bin" / "ouro-work").write_bytes(b"work")
    (build / "bin" / "ouro-work").chmod(0o755)
    (build / "libouro-malloc.so").write_bytes(b"heap")
    copy = gate_build.copied(build, tmp_path / "copy")
    base, cand = (gate_build.Side(s, gate_build.BUILD, s, f)
                  for s, f in (("base", build), ("cand", copy)))
    assert set(base.digests()) == {"ouro-work", "libouro-malloc.so"}
    assert base.digests() == cand.digests()
    assert os.access(copy / "bin" / "ouro-work", os.X_OK)
    assert not os.path.samefile(copy / "bin" / "ouro-work", build / "bin" / "ouro-work")
    (copy / "libouro-malloc.so").write_bytes(b"heap ")
    allocators.file_sha256.cache_clear()
    assert base.digests() != cand.digests()


def test_a_test_over_copies_is_another_test(suite: Suite,
                                            monkeypatch: pytest.MonkeyPatch) -> None:
    """Two files of the same build, or the same file twice: trials of both do not mix."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(suite.folder / "cache"))
    (suite.build / "libouro-malloc.so").touch()
    word = ("selftest-gate", "--aa", "0", "--inject", "5%", "--injected", "0", "-o", "t.jsonl",
            "-w", suite.workload("a", forms=("object",)), "--store", str(suite.folder))
    done = suite.ouro(*word, "--copies", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["copies"] is True
    assert suite.ouro(*word, "--copies").returncode == 0
    done = suite.ouro(*word)
    assert done.returncode == 2 and "belongs to another test" in done.stderr
    assert not list(gate_build.cache_dir().glob("selftest-*"))


def test_bounds_of_a_proportion() -> None:
    """Clopper and Pearson's table: none of 300, all of 100, half of 10."""
    assert selftest._bounds(0, 300) == (0.0, 0.0122)
    assert selftest._bounds(100, 100) == (0.9638, 1.0)
    assert selftest._bounds(5, 10) == (0.1871, 0.8129)


def _ended(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_the_load_ends_with_its_block() -> None:
    with selftest._Load("bursts") as load:
        assert load.process is not None
        pid = load.process.pid
        deadline = time.monotonic() + 600
        while True:  # it uses processor time
            with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
                if int(stat.read().rpartition(")")[2].split()[11]) > 10:
                    break
            assert time.monotonic() < deadline
            time.sleep(0.05)
    assert _ended(pid)
    with selftest._Load("none") as load:
        assert load.process is None
