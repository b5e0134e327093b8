# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""What a gate's report becomes for people and machines, with names that want to do harm."""
from __future__ import annotations

import argparse
import dataclasses
import re
import xml.etree.ElementTree as xml
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from ouro_suite import cli, escape, gate_output, verdict
from ouro_suite.errors import BadInput
from ouro_suite.verdict import GateReport, MetricVerdict

HOSTILE = ["@everyone fix #1", "a|b\n| c |", "``` `x` ```", "<script>alert(1)</script>",
           "::error::x\n::stop-commands::t", "%0A::set-output name=a::b", "\x1b[31mred\x07",
           "&lt;img src=x onerror=y>", "[click](javascript:1)", "\u202eevil", "\ud800", "a\x00b",
           "]]>", "\\", "$x$", "https://evil.example www.evil.example", ""]


def row(workload: str = "churn/raw", what: str = "ok", effect: float | None = 1.0,
        low: float | None = 0.99, high: float | None = 1.01, metric: str = "time",
        note: str = "", blocks: int = 24, tolerance: float = 0.025) -> MetricVerdict:
    return MetricVerdict(workload, metric, what, effect, low, high, 0.5, blocks, tolerance,
                         0.01, note)


def report(*rows: MetricVerdict, code: int | None = None, reasons: tuple[str, ...] = (),
           name: str = "base", doctor: tuple[dict, ...] = ()) -> GateReport:
    return GateReport({"name": name, "commit": "abc"}, {"name": "cand"}, rows,
                      verdict.exit_code(rows) if code is None else code, 7,
                      {"doctor": list(doctor)}, 12.0, reasons)


ALL = (row("a", "ok"), row("b", "regression", 1.052, 1.041, 1.063),
       row("c", "inconclusive", 1.03, 0.98, 1.08), row("d", "improvement", 0.9, 0.88, 0.92),
       row("e", "error", None, None, None, note="crashed SIGSEGV in the candidate, log x.log"))


def cells(line: str) -> list[str]:
    """The cells of a row, split as a reader of GitHub's tables does: before code is seen."""
    return re.split(r"(?<!\\)\|", line)[1:-1]


def body(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("| ")][1:]


def test_markdown_shows_the_worst_first_and_all_of_it() -> None:
    text = gate_output.markdown(report(*ALL))
    assert [re.search(r"(\w+) *$", cells(line)[0])[1] for line in body(text)] == [
        "regression", "error", "inconclusive", "improvement", "ok"]
    assert "**+5.20 %**" in text and "[+4.10 %, +6.30 %]" in text and "SIGSEGV" in text
    assert "1 regression, 1 error, 1 inconclusive, 1 improvement, 1 ok" in text
    assert text.startswith(gate_output.MARK) and "ouro gate: error" in text


def test_markdown_says_what_disturbs_the_machine() -> None:
    text = gate_output.markdown(report(row(), doctor=(
        {"check": "load", "level": "warn", "found": "3.1", "effect": "takes time"},
        {"check": "thp", "level": "ok", "found": "x", "effect": "y"})))
    assert "1 disturbance" in text and "`load: 3.1: takes time`" in text and "thp" not in text


@pytest.mark.parametrize("name", HOSTILE)
def test_markdown_keeps_hostile_text_inside_code(name: str) -> None:
    text = gate_output.markdown(report(
        row(name, "regression", 1.1, 1.05, 1.2, metric=name, note=name), name=name,
        reasons=(name,), doctor=({"check": name, "level": "warn", "found": "", "effect": ""},)))
    (line,) = body(text)
    assert len(cells(line)) == 9
    outside = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", text.replace(gate_output.MARK, ""))
    for bad in ("@", "<script", "<img", "::", "](", "http", "www", "\x1b", "\x07", "\u202e"):
        assert bad not in outside, (bad, outside)


def test_markdown_stays_under_the_size_of_a_comment() -> None:
    many = [row(f"w{i}", "regression", 1.1, 1.05, 1.2, note="n" * 200) for i in range(1000)]
    text = gate_output.markdown(report(*many, *[row(f"o{i}") for i in range(1000)]))
    assert len(text) <= gate_output.COMMENT_CAP + 1
    assert "more rows: see the report" in text and "1000 regression, 1000 ok" in text


def test_many_passed_rows_are_folded() -> None:
    text = gate_output.markdown(report(*[row(f"w{i}") for i in range(20)]))
    assert "<details><summary>20 ok</summary>" in text and len(body(text)) == 20


def test_plot_marks_estimate_interval_tolerance_and_what_is_outside() -> None:
    half = 0.1
    line = gate_output.plot(row(effect=1.05, low=1.03, high=1.08), half)
    assert len(line) == gate_output.PLOT_WIDTH and line[14] == "\u2502"
    assert line.index("\u25cf") == 21 and line.count("\u2501") == 7
    assert line.count("\u250a") == 2
    far = gate_output.plot(row(effect=3.0, low=0.2, high=5.0), half)
    assert far[0] == "\u25c0" and far[-1] == "\u25b6" and "\u25cf" not in far
    assert "\u25cf" not in gate_output.plot(row(effect=None, low=None, high=None), half)


def test_junit_tells_failures_errors_and_passes_apart() -> None:
    suite = xml.fromstring(gate_output.junit(report(*ALL)).encode())
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("5", "1", "2")
    tags = {case.get("classname"): [child.tag for child in case] for case in suite}
    assert tags == {"a": [], "b": ["failure"], "c": ["error"], "d": [], "e": ["error"]}


def test_junit_of_a_gate_that_judged_nothing_is_an_error() -> None:
    suite = xml.fromstring(gate_output.junit(report(code=2, reasons=("no workload",))).encode())
    assert suite.get("errors") == "1" and "no workload" in suite[0][0].get("message", "")
    suite = xml.fromstring(gate_output.junit(report(row(), code=2, reasons=("x",))).encode())
    assert suite.get("errors") == "1" and suite.get("tests") == "2"


@pytest.mark.parametrize("name", HOSTILE)
def test_junit_can_be_read_back_whatever_the_names(name: str) -> None:
    text = gate_output.junit(report(row(name, "regression", 1.1, 1.05, 1.2, note=name)))
    case = xml.fromstring(text.encode())[0]
    assert case.get("classname") == escape.for_terminal(name)


def test_github_annotations_are_worst_first_and_say_what_happened() -> None:
    lines = gate_output.github(report(*ALL))
    assert [line.split(" ")[0] for line in lines] == ["::error", "::error", "::error",
                                                      "::warning", "::notice"]
    assert lines[0] == "::error title=ouro gate%3A error::nothing was judged"
    assert lines[1].startswith("::error title=regression%3A b time::b time: regression: +5.20 %")


def test_github_drops_nothing_silently() -> None:
    lines = gate_output.github(report(*[row(f"w{i}", "regression", 1.1, 1.05, 1.2)
                                        for i in range(30)]))
    assert len(lines) == 10 and lines[-1].endswith("::21 more of this kind")


@pytest.mark.parametrize("name", HOSTILE)
def test_github_cannot_be_told_to_run_other_commands(name: str) -> None:
    lines = gate_output.github(report(row(name, "regression", 1.1, 1.05, 1.2, note=name,
                                          metric=name)))
    (line,) = "\n".join(lines).split("\n")
    assert "\r" not in line and line.startswith("::error title=regression")
    title = line[len("::error "):].split("::")[0]
    assert "," not in title and ":" not in title


@given(some.text(), some.text())
def test_escaping_never_lets_a_line_end_or_a_property_through(text: str, title: str) -> None:
    assert not set("\r\n") & set(escape.for_workflow(text))
    assert not set("\r\n:,") & set(escape.for_workflow(title, True))
    span = escape.for_code_span(text)
    assert "|" not in span and "\n" not in span
    if span:
        fence = re.match(r"`+", span)[0]
        inside = span[len(fence):-len(fence)]
        assert span.endswith(fence) and fence not in re.findall(r"`+", inside)
    xml.fromstring(xml.tostring(xml.Element("a", b=escape.for_xml(text))))


def arguments(*given: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    gate_output.add_arguments(parser)
    parser.set_defaults(json=False)
    return parser.parse_args(given)


def test_files_are_written_and_the_summary_is_added_to(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    summary = tmp_path / "summary"
    summary.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    args = arguments("--md", str(tmp_path / "a.md"), "--junit", str(tmp_path / "a.xml"),
                     "--figure", str(tmp_path / "a.svg"), "--github")
    gate_output.check_arguments(args)
    hostile = [dataclasses.replace(r, workload=n) for n in HOSTILE for r in ALL]
    gate_output.write(report(*hostile), args)
    assert (tmp_path / "a.md").read_text() == gate_output.markdown(report(*hostile))
    assert summary.read_text().startswith("before\n" + gate_output.MARK)
    assert "<script" not in (tmp_path / "a.svg").read_text()
    xml.parse(tmp_path / "a.svg")
    assert capsys.readouterr().out.startswith("::error")


@pytest.mark.parametrize("given", [("--md", "/nowhere/x.md"), ("--figure", "x.gif"),
                                   ("--junit", "/"), ("--md", "")])
def test_bad_places_are_refused_before_measuring(given: tuple[str, str]) -> None:
    with pytest.raises(BadInput):
        gate_output.check_arguments(arguments(*given))


def test_a_stored_report_is_shown_again_with_its_exit_status(
        tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    file, comment = tmp_path / "gate.json", tmp_path / "c.md"
    for code, rows in ((0, (row(),)), (1, ALL[:2]), (3, (ALL[2],)), (2, ALL)):
        file.write_text(report(*rows).to_json())
        assert cli.main(["verdict", str(tmp_path), "--md", str(comment)]) == code
        shown = capsys.readouterr().out
        assert all(r.workload in shown and r.verdict in shown for r in rows)
        assert comment.read_text() == gate_output.markdown(report(*rows))
    assert cli.main(["verdict", str(file), "--json"]) == 2
    assert verdict.from_json(capsys.readouterr().out) == report(*ALL)


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", "\x00", "[" * 10000, None])
def test_a_damaged_report_is_an_error_and_never_a_pass(
        tmp_path: Path, capsys: pytest.CaptureFixture, text: str | None) -> None:
    file, comment = tmp_path / "gate.json", tmp_path / "c.md"
    file.write_text(report(row()).to_json()[:-20] if text is None else text)
    assert cli.main(["verdict", str(file), "--md", str(comment)]) == 2
    said = capsys.readouterr().err
    assert "gate.json" in said and len(said.splitlines()) == 1 and not comment.exists()
