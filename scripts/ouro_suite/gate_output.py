# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""A gate's report for the places where people and machines read it: Markdown for a
pull request, JUnit XML for a CI server, annotations for GitHub, the forest plot as text.

A report may come from a file that somebody else wrote, so every text in it is foreign here:
what goes out is escaped for where it goes (escape.py), and nothing is left out silently.
"""
from __future__ import annotations

import argparse
import contextlib
import math
import os
import sys
import xml.etree.ElementTree as xml
from collections import Counter
from pathlib import Path
from typing import Any, Iterator, Sequence

from . import escape, gate_trackers, store, verdict
from .errors import BadInput
from .verdict import ERROR, IMPROVEMENT, INCONCLUSIVE, OK, REGRESSION, GateReport, MetricVerdict

ORDER = (REGRESSION, ERROR, INCONCLUSIVE, IMPROVEMENT, OK)  # what a reader must see first
SIGN = {REGRESSION: "\u274c", ERROR: "\U0001f4a5", INCONCLUSIVE: "\u2754",
        IMPROVEMENT: "\U0001f680", OK: "\u2705"}
STYLE = {REGRESSION: "red", ERROR: "red", INCONCLUSIVE: "yellow", IMPROVEMENT: "cyan",
         OK: "green"}
LEVEL = {REGRESSION: "error", ERROR: "error", INCONCLUSIVE: "warning", IMPROVEMENT: "notice"}
MARK = "<!-- ouro gate -->"  # by which a CI step finds the comment to replace
PLOT_WIDTH = 29  # characters, odd: one is the line of equality
COMMENT_CAP = 60_000  # characters; GitHub takes 65536
SHOWN_OK = 12  # rows that passed are folded away when there are more
FILES = ("md", "junit", "figure", "bencher", "tracker")  # options that name one
ANNOTATIONS = 10  # of one level and step; GitHub drops what is more


def percent(ratio: float | None) -> str:
    """A ratio as a signed change: 1.052 is +5.2 %."""
    if ratio is None:
        return ""
    change = 100.0 * (ratio - 1.0)
    return f"{change:+.2f} %" if abs(change) < 10 else f"{change:+.1f} %"


def interval(row: MetricVerdict) -> str:
    """The interval the verdict rests on; `exact` for counts."""
    if row.low is None or row.high is None:
        return ""
    if row.low == row.high:
        return "exact"
    return f"[{percent(row.low)}, {percent(row.high)}]"


def remark(row: MetricVerdict) -> str:
    """What is said beside a row, still foreign text."""
    return "; ".join(n for n in (row.note, "layout-suspect" if row.layout_suspect else "") if n)


def brief(row: MetricVerdict) -> str:
    """The same where there is little room: of an undecided row without what would help, which
    is said once below the table."""
    return remark(row).partition(": ")[0] if row.verdict == INCONCLUSIVE else remark(row)


def span(rows: Sequence[MetricVerdict]) -> float:
    """Half width of the plot as a logarithm: holds all intervals and tolerances, within 2 % to
    a factor of two (what is outside is shown by an arrow)."""
    ends = [abs(math.log(x)) for r in rows for x in (r.low, r.high, r.effect) if x]
    ends += [math.log1p(r.tolerance) * 1.5 for r in rows]
    return min(max([*ends, math.log(1.02)]), math.log(2.0))


def _place(ratio: float, half: float) -> int:
    """The character a ratio falls on; one before or behind the plot when it is outside."""
    log = math.log(ratio) if ratio > 0 else -math.inf
    if abs(log) > half * (1 + 1e-9):
        return -1 if log < 0 else PLOT_WIDTH
    middle = PLOT_WIDTH // 2
    return middle + round(log / half * middle)


def plot(row: MetricVerdict, half: float) -> str:
    """One line of the forest plot: tolerance marks, interval, estimate."""
    marks: dict[int, str] = {}
    for bound in (1.0 / (1.0 + row.tolerance), 1.0 + row.tolerance):
        marks[_place(bound, half)] = "\u250a"
    marks[PLOT_WIDTH // 2] = "\u2502"
    if row.effect is not None and row.low is not None and row.high is not None:
        low, high = _place(row.low, half), _place(row.high, half)
        marks.update(dict.fromkeys(range(low, high + 1), "\u2501"))
        if low < 0:
            marks[0] = "\u25c0"
        if high >= PLOT_WIDTH:
            marks[PLOT_WIDTH - 1] = "\u25b6"
        marks[_place(row.effect, half)] = "\u25cf"
    return "".join(marks.get(at, " ") for at in range(PLOT_WIDTH))


def ordered(rows: Sequence[MetricVerdict]) -> list[MetricVerdict]:
    """Worst first, otherwise as they were."""
    return sorted(rows, key=lambda r: ORDER.index(r.verdict))


def counted(report: GateReport) -> str:
    """`1 regression, 2 inconclusive, 9 ok`."""
    tally = Counter(r.verdict for r in report.rows)
    return ", ".join(f"{tally[v]} {v}" for v in ORDER if tally[v]) or "nothing was judged"


def outcome(report: GateReport) -> str:
    """The verdict of the whole gate, from its exit status."""
    return {verdict.EXIT_OK: "no regression", verdict.EXIT_REGRESSION: "regression",
            verdict.EXIT_INCONCLUSIVE: "inconclusive"}.get(report.exit_code, "error")


def _arm(arm: dict[str, Any]) -> str:
    name = escape.for_code_span(str(arm.get("name", "")))
    commit = escape.for_code_span(str(arm.get("commit", ""))[:12])
    return f"{name} ({commit})" if commit and commit != name else name


def disturbed(report: GateReport) -> list[str]:
    """What the doctor found wrong with the machine, as plain foreign text."""
    found = report.machine.get("doctor", [])
    return [f"{f.get('check', '')}: {f.get('found', '')}: {f.get('effect', '')}" for f in found
            if isinstance(f, dict) and f.get("level") == "warn"] \
        if isinstance(found, list) else []


def _table(rows: Sequence[MetricVerdict], half: float) -> list[str]:
    lines = ["| | workload | metric | effect | interval | forest | p | pairs | note |",
             "|---|---|---|--:|---|---|--:|--:|---|"]
    for row in rows:
        lines.append("| " + " | ".join((
            f"{SIGN[row.verdict]} {row.verdict}", escape.for_code_span(row.workload),
            escape.for_code_span(row.metric),
            "" if row.effect is None else f"**{percent(row.effect)}**", interval(row),
            f"`{plot(row, half)}`", "" if row.p is None else f"{row.p:.3g}", str(row.blocks),
            escape.for_code_span(remark(row)))) + " |")
    return lines


def _folded(title: str, lines: list[str]) -> list[str]:
    return [f"<details><summary>{title}</summary>", "", *lines, "", "</details>"]


def markdown(report: GateReport) -> str:
    """The comment for a pull request, at most COMMENT_CAP characters."""
    rows, half = ordered(report.rows), span(report.rows)
    passed = [r for r in rows if r.verdict == OK]
    fold = passed if len(passed) > SHOWN_OK else []
    shown = [r for r in rows if r not in fold]
    head = [MARK, f"### ouro gate: {outcome(report)}", "",
            f"{counted(report)}. Base {_arm(report.base)}, candidate {_arm(report.cand)}, "
            f"seed {report.seed}, {report.elapsed_s:.0f} s.", ""]
    head += [f"- {escape.for_code_span(reason)}" for reason in report.reasons]
    tail = []
    if disturbed(report):
        tail = ["", f"\u26a0\ufe0f **Measured on a machine with {len(disturbed(report))} "
                "disturbance(s).**", *(f"- {escape.for_code_span(w)}" for w in
                                       disturbed(report))]
    tail += ["", f"Forest: \u25cf estimate, \u2501 interval, \u250a tolerance, \u2502 no change; "
             f"the ends are {percent(math.exp(-half))} and {percent(math.exp(half))}."]
    budget = COMMENT_CAP - sum(len(line) + 1 for line in [*head, *tail]) - 500
    body = _fitting(shown, half, budget)
    budget -= sum(len(line) + 1 for line in body)
    if fold:
        body += ["", *_folded(f"{len(fold)} ok", _fitting(fold, half, budget))]
    return "\n".join([*head, "", *body, *tail])[:COMMENT_CAP] + "\n"


def _fitting(rows: Sequence[MetricVerdict], half: float, budget: int) -> list[str]:
    """The table, or as many of its first rows as fit, with the number of the others."""
    if not rows:
        return []
    lines = _table(rows, half)
    keep, used = 2, sum(len(line) + 1 for line in lines[:2])
    while keep < len(lines) and used + len(lines[keep]) + 1 <= budget:
        used += len(lines[keep]) + 1
        keep += 1
    left = len(lines) - keep
    return lines[:keep] + ([f"\n{left} more rows: see the report"] if left else [])


def sentence(row: MetricVerdict) -> str:
    """A row as one line of plain text, still foreign."""
    found = " ".join(x for x in (percent(row.effect), interval(row)) if x) or "no data"
    bound = f"tolerance {100 * row.tolerance:g} %"
    said = f": {remark(row)}" if remark(row) else ""
    return f"{row.workload} {row.metric}: {row.verdict}: {found}, {bound}{said}"


def junit(report: GateReport) -> str:
    """JUnit XML: a regression is a failure, an error and an undecided row are errors, so that
    nothing undecided looks passed."""
    suite = xml.Element("testsuite", name="ouro gate", time=f"{report.elapsed_s:.3f}")
    tally: Counter[str] = Counter()

    def case(group: str, name: str, tag: str, kind: str, text: str) -> None:
        one = xml.SubElement(suite, "testcase", classname=escape.for_xml(group),
                             name=escape.for_xml(name), time="0")
        tally[tag] += 1
        if tag:
            xml.SubElement(one, tag, type=kind, message=escape.for_xml(text))
    for row in report.rows:
        tag = {OK: "", IMPROVEMENT: "", REGRESSION: "failure"}.get(row.verdict, "error")
        case(row.workload, row.metric, tag, row.verdict, sentence(row))
    if report.exit_code != verdict.exit_code(report.rows) or not report.rows:
        case("gate", "whole", "error", ERROR, "; ".join(report.reasons) or "nothing was judged")
    suite.set("tests", str(tally.total()))
    suite.set("failures", str(tally["failure"]))
    suite.set("errors", str(tally["error"]))
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + xml.tostring(suite, "unicode") + "\n"


def _annotation(level: str, title: str, text: str) -> str:
    return (f"::{level} title={escape.for_workflow(escape.for_terminal(title), True)}::"
            f"{escape.for_workflow(escape.for_terminal(text))}")


def github(report: GateReport) -> list[str]:
    """Workflow commands, worst first; the last one of a level counts what does not fit."""
    wanted = [(LEVEL[r.verdict], f"{r.verdict}: {r.workload} {r.metric}", sentence(r))
              for r in ordered(report.rows) if r.verdict in LEVEL]
    if report.exit_code == verdict.EXIT_ERROR:
        wanted[:0] = [("error", "ouro gate: error", reason) for reason in
                      report.reasons or ("nothing was judged",)]
    if disturbed(report):
        wanted.append(("warning", "ouro gate: disturbed machine", "; ".join(disturbed(report))))
    lines = []
    for level in ("error", "warning", "notice"):
        mine = [w for w in wanted if w[0] == level]
        keep = mine if len(mine) <= ANNOTATIONS else mine[:ANNOTATIONS - 1]
        lines += [_annotation(*w) for w in keep]
        if len(mine) > len(keep):
            lines.append(_annotation(level, "ouro gate",
                                     f"{len(mine) - len(keep)} more of this kind"))
    return lines


def table(report: GateReport) -> Any:
    """The same table for the terminal."""
    from . import terminal
    half, body = span(report.rows), []
    for row in ordered(report.rows):
        body.append((row.workload, row.metric, terminal.text(row.verdict, STYLE[row.verdict]),
                     percent(row.effect), interval(row), plot(row, half),
                     "" if row.p is None else f"{row.p:.3g}", row.blocks, brief(row)))
    title = (f"{outcome(report)}: {counted(report)} (plot from {percent(math.exp(-half))} to "
             f"{percent(math.exp(half))}, \u250a tolerance)")
    return terminal.grid(title, ("workload", "metric", "verdict", "effect", "interval",
                                 "forest", "p", "pairs", "note"), body, (3, 6, 7))


def show(report: GateReport, args: argparse.Namespace) -> int:
    """Prints and writes the report as the options ask; the gate's exit status."""
    from . import terminal
    if args.json:
        print(report.to_json(), end="")
    else:
        terminal.console().print(table(report))
        if any(r.verdict == INCONCLUSIVE for r in report.rows):
            terminal.say("inconclusive rows want more budget, a quieter machine, a larger "
                         "tolerance, or --metric ir")
    for reason in report.reasons:
        terminal.say(reason)
    for warning in disturbed(report):
        terminal.say(f"disturbed machine: {warning}")
    write(report, args)
    return report.exit_code


def refusal(args: argparse.Namespace, why: str) -> GateReport:
    """The report of a command that could not judge: an error, and its reason."""
    arms = ({"name": escape.for_terminal(str(given or ""))} for given in (args.base, args.cand))
    return GateReport(*arms, (), verdict.EXIT_ERROR, args.seed, {}, 0.0, (why,))


@contextlib.contextmanager
def explained(args: argparse.Namespace) -> Iterator[None]:
    """Whatever ends the command inside, the files that were asked for say so: a CI job shows
    them, and would show nothing, or those of another run. An interrupt is no result: it can be
    resumed."""
    try:
        yield
    except Exception as error:
        known = isinstance(error, BadInput)
        report = refusal(args, str(error) if known else
                         f"a mistake in ouro itself: {type(error).__name__}: {error}")
        if args.json:
            print(report.to_json(), end="")
        try:
            write(report, args)
        except BadInput as second:
            from . import terminal
            terminal.say(str(second))
        raise


def again(args: argparse.Namespace) -> int:
    """ouro verdict REPORT: a stored report, shown and written again"""
    check_arguments(args)
    return show(verdict.load(Path(args.report)), args)


def catch_builds(parser: argparse.ArgumentParser) -> None:
    """Takes builds that were named without --base and --cand, so that check_arguments can say
    what to do: which of two is the base must not be guessed."""
    parser.add_argument("builds", nargs="*", help=argparse.SUPPRESS)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of every command that ends with a report."""
    add = parser.add_argument
    add("--md", metavar="FILE", help="write the comment for a pull request")
    add("--junit", metavar="FILE", help="write JUnit XML")
    add("--figure", metavar="FILE", help="write the forest plot as .svg, .png or .pdf")
    add("--bencher", metavar="FILE", help="write the ratios for bencher (adapter json)")
    add("--tracker", metavar="FILE",
        help="write them for github-action-benchmark (tool customSmallerIsBetter)")
    add("--github", action="store_true",
        help="print GitHub annotations, add to the job's summary when there is one")


def check_arguments(args: argparse.Namespace) -> None:
    """What can be wrong with them is said before anything is measured."""
    if getattr(args, "builds", None):
        raise BadInput(f"{escape.for_terminal(' '.join(args.builds))}: say which is which: "
                       "--base BUILD --cand BUILD")
    for name in FILES:
        given = getattr(args, name)
        if given is not None and not os.path.isdir(Path(given).parent):
            raise BadInput(f"--{name} {escape.for_terminal(given)}: no such folder")
        if given is not None and (os.path.isdir(given) or not given):
            raise BadInput(f"--{name}: give a file"
                           + (f", {escape.for_terminal(given)} is a folder" if given else ""))
    if args.figure and Path(args.figure).suffix not in (".svg", ".png", ".pdf"):
        raise BadInput("--figure: the name must end in .svg, .png or .pdf")


def write(report: GateReport, args: argparse.Namespace) -> None:
    """Writes what the options ask for; BadInput names the file that cannot be written."""
    texts = {"md": markdown, "junit": junit, "bencher": gate_trackers.bencher,
             "tracker": gate_trackers.smaller_is_better}
    for name, text in texts.items():
        given = getattr(args, name)
        if given:
            with _named(f"--{name} {given}"):
                store.write_atomic(Path(given), text(report))
    if args.figure:
        from . import gate_figure
        with _named(f"--figure {args.figure}"):
            gate_figure.write(report, Path(args.figure))
    if args.github:
        where = sys.stderr if args.json else sys.stdout  # GitHub reads both
        print("\n".join(github(report)), file=where, flush=True)
        summary = os.environ.get("GITHUB_STEP_SUMMARY")
        if summary:
            with _named("--github: GITHUB_STEP_SUMMARY"), \
                    open(summary, "a", encoding="utf-8") as handle:
                handle.write(markdown(report))


@contextlib.contextmanager
def _named(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BadInput(f"{what}: {error.strerror or error}") from None
