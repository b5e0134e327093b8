# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""Counters of collectors: which of them cannot all be true, and the table of a report."""
from __future__ import annotations

import json
from typing import Any

import pytest
from conftest import Suite
from ouro_suite import collector

GOOD: dict[str, Any] = {
    "cell": "gc/object", "column": "ouro", "real_time": 50.0, "peak_rss_bytes": 3 << 20,
    "gc_count": 4, "gc_unreachable": 900, "gc_garbage_peak": 500, "gc_candidates": 1000,
    "gc_false_suspects": 100, "gc_validation_ns": 40_000, "gc_stops": 10,
    "gc_pause_max_ns": 9_500, "gc_pause_total_ns": 60_000, "gc_reach_max_ns": 2_000,
    "gc_pauses": [{"up_to_ns": 5_000, "stops": 7}, {"up_to_ns": 10_000, "stops": 3}]}


@pytest.mark.parametrize(("wrong", "why"), [
    ({"gc_stops": 11}, "gc_pauses has 10 stops"), ({"gc_stops": -1}, "no count"),
    ({"gc_garbage_peak": 1.5}, "no count"), ({"gc_false_suspects": 1001}, "above"),
    ({"gc_validation_ns": 60_001}, "above"), ({"gc_reach_max_ns": 9_501}, "above"),
    ({"gc_pause_total_ns": 9_000, "gc_validation_ns": 0}, "above"),
    ({"gc_pause_max_ns": 10_001}, "last bucket"), ({"gc_pause_max_ns": 4_999}, "last bucket"),
    ({"gc_pauses": GOOD["gc_pauses"][::-1]}, "no histogram"), ({"gc_pauses": 7}, "no histogram"),
    ({"gc_pauses": [{"up_to_ns": 1}]}, "no histogram"),
    ({"gc_pauses": [{"up_to_ns": 10_000, "stops": 10.0}]}, "no histogram")])
def test_a_wrong_number_is_noticed(wrong: dict[str, Any], why: str) -> None:
    collector.check(GOOD)
    with pytest.raises(ValueError, match=why):
        collector.check({**GOOD, **wrong})


def test_quantiles_are_those_of_all_stops() -> None:
    merged = collector.histogram([GOOD, GOOD])
    assert merged == {5_000: 14, 10_000: 6}
    assert [collector.quantile(merged, q) for q in (0.5, 0.7, 0.71, 1.0)] == [
        5_000, 5_000, 10_000, 10_000]
    assert collector.quantile({}, 0.5) is None


def test_the_table_sets_time_memory_pauses_and_garbage_beside_each_other() -> None:
    worse = {**GOOD, "gc_garbage_peak": 700, "gc_pauses": [{"up_to_ns": 10_000, "stops": 10}]}
    other = {k: v for k, v in GOOD.items() if k not in ("gc_candidates", "gc_garbage_peak")}
    idle = {**GOOD, "cell": "list/object", "gc_stops": 0, "gc_pauses": [], "gc_garbage_peak": 0}
    many = [worse] * 25
    found = collector.table([*many, GOOD, {**other, "column": "boehm"}, idle])
    assert [row[:2] for row in found] == [["gc/object", "boehm"], ["gc/object", "ouro"]]
    ouro = dict(zip(collector.HEADER, found[1]))
    assert ouro["time"] == "50 ns" and ouro["peak RSS"] == "3.0 MiB"
    assert ouro["p50"] == "9.5 us"  # no longer than the longest
    assert ouro["p99"] == "" and ouro["longest"] == "9.5 us" and ouro["to stop"] == "2 us"
    assert ouro["garbage at most"] == "700" and ouro["candidates"] == "1,000"
    boehm = dict(zip(collector.HEADER, found[0]))
    assert boehm["garbage at most"] == boehm["candidates"] == boehm["p50"] == ""


def test_a_run_reports_them_and_a_damaged_one_is_refused(suite: Suite) -> None:
    file = suite.workload("rings", "collects", ("object",))
    done = suite.run("-w", file, "-a", "glibc")
    assert done.returncode == 0, done.stderr
    run = suite.folder / "run"
    assert "1,234" in done.stdout and "collectors: time" in done.stdout
    for report in ("report.md", "report.html"):
        text = (run / report).read_text()
        assert "1,234" in text and "garbage at most" in text
    data = json.loads((run / "result.json").read_text())
    data["benchmarks"][0]["gc_stops"] += 1
    (run / "result.json").write_text(json.dumps(data))
    done = suite.ouro("report", str(run))
    assert done.returncode == 2 and "gc_pauses has" in done.stderr


def test_a_worker_that_contradicts_itself_is_not_believed(suite: Suite) -> None:
    done = suite.run("-w", suite.workload("rings", "collects-wrong", ("object",)), "-a", "glibc")
    assert done.returncode == 1 and "bad record: gc_false_suspects is above" in done.stderr
