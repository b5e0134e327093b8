# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""Stops of the world: reading them, what they leave of any window, and the figures of a run."""
from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Suite
from hypothesis import given, settings
from hypothesis import strategies as st
from ouro_suite import figures_gc, figures_run, pauses, table, worker
from ouro_suite.pauses import Pauses


def of(*stops: tuple[float, float], end: float) -> Pauses:
    start, length = (np.array([s[i] for s in stops], dtype=float) for i in (0, 1))
    return Pauses("ouro", start, length, end)


def test_a_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "a.pauses.csv"
    file.write_text("start_ns,length_ns\n10,5\n12,9\n100,0\n")
    one = pauses.read(file, "ouro")
    assert one and one.stops == 2 and one.end_ns == 100
    start, end = one.merged()
    assert list(start) == [10] and list(end) == [21]  # the second was wished for in the first


@pytest.mark.parametrize("text", [
    "", "start_ns,length_ns\n", "start_ns,length_ns\n0,0\n", "t,l\n1,1\n5,0\n",
    "start_ns,length_ns\n1,nan\n5,0\n", "start_ns,length_ns\n1,2,3\n5,0,0\n",
    "start_ns,length_ns\n1,2\n5,1\n", "start_ns,length_ns\n-1,2\n5,0\n",
    "start_ns,length_ns\nx,2\n5,0\n", "start_ns,length_ns\n1,2\n5\n"])
def test_a_damaged_file_is_no_figure(tmp_path: Path, text: str) -> None:
    file = tmp_path / "a.pauses.csv"
    file.write_text(text)
    assert pauses.read(file, "ouro") is None
    assert pauses.read(tmp_path / "missing", "ouro") is None


def test_utilisation_of_known_stops() -> None:
    windows = np.array([5.0, 10.0, 20.0, 100.0])
    assert list(pauses.utilisation(of((40, 10), end=100), windows)) == \
        pytest.approx([0, 0, 0.5, 0.9])
    assert list(pauses.utilisation(of((40, 5), (50, 5), end=100), windows)) == \
        pytest.approx([0, 0.5, 0.5, 0.9])
    assert list(pauses.utilisation(of(end=100), windows)) == [1, 1, 1, 1]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 90), st.integers(0, 30)), max_size=8),
       st.integers(1, 120))
def test_utilisation_is_that_of_the_worst_window(stops: list[tuple[int, int]],
                                                 window: int) -> None:
    stopped = np.zeros(120)
    for start, length in stops:
        stopped[start:start + length] = 1
    worst = max(stopped[at:at + window].sum() for at in range(120 - window + 1))
    one = of(*stops, end=120)
    assert pauses.utilisation(one, np.array([float(window)]))[0] == \
        pytest.approx(1 - worst / window)


def test_figures_of_stops_follow_the_page_and_need_stops() -> None:
    many = of(*((i * 1000.0, 10.0 + i) for i in range(5000)), end=5e6)
    svg = figures_gc.stops({"a<b/object": [many]}, "stops")
    assert svg and "var(--ink)" in svg and "<script" not in svg and "http://" not in \
        re.sub(r'xmlns(:\w+)?="[^"]*"', "", svg)
    assert len(svg) < 400_000  # thousands of stops are not thousands of marks
    assert figures_gc.stops({"a": [of((1, 1), end=9)]}, "stops") is None


def entries(**times: list[float]) -> list[dict[str, Any]]:
    return [{"cell": "w/raw", "workload": "w", "form": "raw", "arm": column, "column": column,
             "block": block, "order_pos": place, "real_time": time, "threads": 1,
             "peak_rss_bytes": 1000 * (place + 1), "timed_by": "ops"}
            for place, (column, values) in enumerate(times.items())
            for block, time in enumerate(values)]


def test_nobody_beats_the_front() -> None:
    points = {"fast": (0.5, 2.0), "small": (1.0, 0.5), "middle": (0.7, 1.0), "bad": (0.8, 1.0)}
    assert figures_run.front(points) == ["fast", "middle", "small"]


def test_means_are_of_the_same_rows() -> None:
    means = figures_run.whole_means({"all": [(0.5, 1.0), (2.0, 4.0)], "one": [(0.1, 0.1)],
                                     "none": []})
    assert means == {"all": pytest.approx((1.0, 2.0))}


def test_pareto_needs_two_with_memory() -> None:
    both = table.compare(entries(glibc=[10.0] * 6, ouro=[5.0] * 6), [])
    assert "var(--ink)" in (figures_run.pareto(both, "p") or "")
    assert figures_run.pareto(table.compare(entries(glibc=[10.0] * 6), []), "p") is None


def test_order_shows_a_drift_and_needs_three_blocks() -> None:
    steady = entries(glibc=[10.0] * 6)
    drifting = entries(glibc=[10.0, 11.0, 12.0, 13.0, 14.0, 15.0])
    assert [r for _, _, r in figures_run._relative(steady)] == [1.0] * 6
    assert [r for _, _, r in figures_run._relative(drifting)] == \
        sorted(r for _, _, r in figures_run._relative(drifting))
    assert figures_run.run_order(steady, ["glibc"], "o")
    assert figures_run.run_order(entries(glibc=[1.0, 2.0]), ["glibc"], "o") is None


def test_the_report_shows_the_stops_beside_a_run(suite: Suite) -> None:
    load = suite.workload("w", forms=("object",))
    assert suite.run("-w", load, "-a", "glibc").returncode == 0
    run = suite.folder / "run"
    (run / "series").mkdir(exist_ok=True)
    file = worker.pauses_file(run / "series" / "w-object-glibc.csv")
    assert "How long does the program stand" not in (run / "report.html").read_text()
    file.write_text("start_ns,length_ns\n" + "".join(f"{i}000,9\n" for i in range(9)) +
                    "9000,0\n")
    assert suite.ouro("report", str(run)).returncode == 0
    assert "How long does the program stand" in (run / "report.html").read_text()
