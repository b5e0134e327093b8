# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""ouro micro --peers: rounds, ratios, limits, and peers that are missing, wrong or dead."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from conftest import Suite
from ouro_suite import peers

FAKE = """#!/usr/bin/python3
import json, os, sys
from pathlib import Path
me = Path(sys.argv[0])
column = me.name.removeprefix("ouro-peer-").replace("ouro-micro", "ouro")
options = dict(a.removeprefix("--benchmark_").split("=", 1) for a in sys.argv[1:] if "=" in a)
with open(me.parent / "order", "a") as order:
    order.write(column + "\\n")
turn = (me.parent / "order").read_text().split().count(column)
%(body)s
prefix = "" if column == "ouro" else column + "/"
rows = [{"name": prefix + n, "run_type": "iteration", "real_time": t, "time_unit": "ns",
         "label": "limit=limit/x"} for n, t in times.items()]
if column == "ouro":
    rows.append({"name": "limit/x", "run_type": "iteration", "real_time": 2.0 * turn,
                 "time_unit": "ns"})
if wrong:
    rows[0].update(error_occurred=True, error_message="a reference was not counted")
Path(options["out"]).write_text(json.dumps(
    {"context": {"runtime_version": "1.2"}, "benchmarks": rows}))
sys.exit(3 if wrong else 0)
"""


def plant(suite: Suite, column: str, body: str) -> None:
    """A program in the build that answers as one of the real ones does."""
    path = suite.build / peers.program(column)
    path.write_text(FAKE % {"body": body})
    path.chmod(0o755)


def measured(suite: Suite, *arguments: str, status: int = 0) -> dict[str, Any]:
    done = suite.ouro("micro", "--peers", "--json", *arguments)
    assert done.returncode == status, done.stderr
    return json.loads(done.stdout)


def test_ratios_pair_the_rounds_and_the_limit(suite: Suite) -> None:
    plant(suite, "ouro", "times, wrong = {'lists/a': 10.0 * turn, 'alloc/b': 1.0}, False")
    plant(suite, "cpython", "times, wrong = {'lists/a': 30.0 * turn}, False")
    data = measured(suite, "--rounds", "5")
    (row,) = data["rows"]  # alloc/b: no peer does it
    assert row["name"] == "lists/a"
    assert row["times"] == {"ouro": 30.0, "cpython": 90.0}
    ratio = row["ratios"]["cpython"]
    assert ratio["estimate"] == pytest.approx(3) and ratio["low"] == pytest.approx(3)
    assert row["limit_ns"] == 6.0 and row["multiple"] == pytest.approx(5)
    assert {s["peer"] for s in data["skipped"]} == {"boehm", "shared_ptr"}


def test_everybody_is_first_in_turn(suite: Suite) -> None:
    for column in ("ouro", "cpython", "boehm"):
        plant(suite, column, "times, wrong = {'lists/a': 1.0}, False")
    measured(suite, "--rounds", "3")
    order = (suite.build / "order").read_text().split()
    assert [order[0], order[3], order[6]] == ["ouro", "cpython", "boehm"]
    assert all(sorted(order[i:i + 3]) == ["boehm", "cpython", "ouro"] for i in (0, 3, 6))


def test_a_peer_whose_work_is_wrong_has_no_figure(suite: Suite) -> None:
    plant(suite, "ouro", "times, wrong = {'lists/a': 1.0}, False")
    plant(suite, "boehm", "times, wrong = {'lists/a': 1.0}, turn == 2")
    data = measured(suite, "--rounds", "3", status=1)
    (row,) = data["rows"]
    assert row["errors"] == {"boehm": "a reference was not counted"}
    assert "boehm" not in row["times"] and not row["ratios"]
    assert data["failures"][0]["peer"] == "boehm"


def test_a_peer_that_crashes_is_a_failure(suite: Suite) -> None:
    plant(suite, "ouro", "times, wrong = {'lists/a': 1.0}, False")
    plant(suite, "cpython", "os.kill(os.getpid(), 11)")
    data = measured(suite, "--rounds", "1", status=1)
    assert "SIGSEGV" in data["failures"][0]["failure"] and not data["rows"]


def test_a_peer_without_such_rows_is_no_failure(suite: Suite) -> None:
    plant(suite, "ouro", "times, wrong = {'intern/a': 1.0}, False")
    plant(suite, "cpython", "times, wrong = {'intern/a': 4.0}, False")
    plant(suite, "boehm", "print('ouro-peer-boehm: nothing was measured', file=sys.stderr);"
          " sys.exit(2)")
    data = measured(suite, "--rounds", "1", "--filter", "intern")
    assert not data["failures"] and data["rows"][0]["times"]["cpython"] == 4.0


def test_a_bad_filter_is_bad_input(suite: Suite) -> None:
    plant(suite, "ouro", "print('nothing was measured', file=sys.stderr); sys.exit(2)")
    assert suite.ouro("micro", "--peers", "--filter", "nosuch").returncode == 2


@pytest.mark.parametrize("options", [("--peers", "--rounds", "0"), ("--markdown", "x")])
def test_bad_options_are_one_line(suite: Suite, options: tuple[str, ...]) -> None:
    done = suite.ouro("micro", *options)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1


def test_anchors_move_behind_the_peers_name() -> None:
    assert peers.pattern_for("ouro", "^(a|b)/") == "^(a|b)/"
    assert peers.pattern_for("cpython", "^a|^b|[^c]") == "^cpython/a|^cpython/b|[^c]"


def test_markdown_is_a_table_whatever_the_names(suite: Suite, tmp_path: Path) -> None:
    plant(suite, "ouro", "times, wrong = {'lists/<b>|x': 1.0}, False")
    plant(suite, "cpython", "times, wrong = {'lists/<b>|x': 2.0}, False")
    out = tmp_path / "table.md"
    measured(suite, "--rounds", "2", "--markdown", str(out))
    lines = out.read_text().splitlines()
    assert lines[2] == "| lists/&lt;b&gt;\\|x | 1.00 | 2.00 2.00x | 3.00 | 0.35x |"
    assert "too few for intervals" in lines[-1]
