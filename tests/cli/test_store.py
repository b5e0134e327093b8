# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""The run directory: atomic files, a torn log, one writer."""
from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from ouro_suite import store
from ouro_suite.errors import BadInput


def filled(folder: Path, lines: int = 3) -> Path:
    with store.RunDir.open(folder) as run:
        run.write_json("plan.json", {})
        for number in range(lines):
            run.append({"kind": "scale", "n": number})
    return folder / "samples.jsonl"


def test_a_torn_last_line_is_dropped_with_a_warning(tmp_path: Path) -> None:
    log = filled(tmp_path / "r")
    whole = log.read_bytes()
    for cut in range(1, len(whole.splitlines()[-1])):
        log.write_bytes(whole[:-cut - 1] if cut else whole)
        with store.RunDir.open(tmp_path / "r", resume=True) as run:
            assert [line["n"] for line in run.samples()] == [0, 1]
            assert "torn last line" in run.warnings[0]
            run.append({"kind": "scale", "n": 2})
            assert [line["n"] for line in run.samples()] == [0, 1, 2]


def test_a_bad_line_elsewhere_is_an_error_with_its_number(tmp_path: Path) -> None:
    log = filled(tmp_path / "r")
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(lines[0] + b"{not json}\n" + lines[2])
    with store.RunDir.open(tmp_path / "r", resume=True) as run:
        with pytest.raises(BadInput, match=r"samples\.jsonl:2: "):
            run.samples()


def test_the_second_writer_is_refused_and_told_who_has_it(tmp_path: Path) -> None:
    with store.RunDir.open(tmp_path / "r"):
        with pytest.raises(BadInput, match=f"in use by process {os.getpid()}"):
            store.RunDir.open(tmp_path / "r")
    store.RunDir.open(tmp_path / "r").close()


def test_a_folder_with_a_run_is_not_overwritten(tmp_path: Path) -> None:
    filled(tmp_path / "r")
    with pytest.raises(BadInput, match="already holds a run"):
        store.RunDir.open(tmp_path / "r")
    with pytest.raises(BadInput, match="no run to resume"):
        store.RunDir.open(tmp_path / "other", resume=True)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    with store.RunDir.open(tmp_path / "r") as run:
        run.write_json("result.json", {"old": 1})
        with pytest.raises(ValueError):
            run.write_json("result.json", {"new": float("nan")})
        with pytest.raises(UnicodeEncodeError):
            run.write("result.json", "\ud800")
        assert json.loads((run.path / "result.json").read_text()) == {"old": 1}
        assert sorted(os.listdir(run.path)) == ["lock", "result.json"]


def test_a_planted_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "r").mkdir()
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / "r" / "lock").symlink_to(victim)
    with pytest.raises(OSError):
        store.RunDir.open(tmp_path / "r")
    assert victim.read_text() == "precious"
