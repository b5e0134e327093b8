# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""Writes a run's report.md, .csv, .html and benchmark.json, and prints a run to the terminal."""
from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any, Iterable

from . import collector, doctor, google, peers, report_html, stats, store, table, terminal, views
from .escape import for_csv, for_markdown
from .result import Result


def write(run: Result, folder: Path) -> list[Path]:
    """The reports, atomically; the paths written."""
    written = []
    for name, text in (("report.md", markdown(run)), ("report.csv", comma_separated(run)),
                       ("report.html", report_html.render(run)),
                       ("benchmark.json", store.dumps(google.medians(run), indent=1) + "\n")):
        store.write_atomic(folder / name, text)
        written.append(folder / name)
    return written


def whole_comparison(run: Result) -> table.Comparison | None:
    """The whole-process part as a comparison; None when it was not measured."""
    part = run.whole
    if not part.get("benchmarks") and not part.get("failures"):
        return None
    return table.compare(part["benchmarks"], part["failures"])


def has_memory(part: dict[str, Any]) -> bool:
    """Older runs have no peak memory of whole processes."""
    return any(table.MEMORY in entry for entry in part.get("benchmarks", []))


def print_run(run: Result) -> None:
    """Tables on stdout."""
    out = terminal.console()
    comparison = run.comparison
    if comparison.rows:
        out.print(terminal.comparison_table(comparison, "time", "time per operation"))
        out.print(terminal.comparison_table(comparison, "memory", "peak resident memory"))
        out.print(terminal.text(f"*: best of the row. {terminal.footnote(comparison)}", "dim"))
    stopped = collector.table(run.benchmarks)
    if stopped:
        out.print(terminal.grid("collectors: time per operation, memory, stops and garbage",
                                [collector.HEADER[i] for i in collector.BRIEF],
                                [[row[i] for i in collector.BRIEF] for row in stopped],
                                range(2, len(collector.BRIEF))))
    whole = whole_comparison(run)
    if whole:
        out.print(terminal.comparison_table(whole, "time", "whole processes (hyperfine), time"))
        if has_memory(run.whole):
            out.print(terminal.comparison_table(whole, "memory", "whole processes, peak memory"))
        out.print(terminal.text(f"*: best of the row. {terminal.footnote(whole)}", "dim"))
    if run.micro.get("rows"):
        out.print(views.micro_table(run.micro))
    if run.micro.get("peers"):
        out.print(views.peers_table(run.micro["peers"]))
    mark = doctor.mark(run.context.get("doctor", []))
    if mark:
        out.print(terminal.text(f"! {mark}", "yellow"))


def _line(fields: Iterable[object]) -> str:
    return "| " + " | ".join(str(f) for f in fields) + " |"


def _table(header: list[str], body: list[list[str]]) -> str:
    rule = ["---"] + ["---:"] * (len(header) - 1)
    return "\n".join(_line(row) for row in [header, rule, *body]) + "\n"


def _field(one: table.Contender | None, comparison: table.Comparison, best: bool,
           what: str) -> str:
    if one is None:
        return ""
    if one.failure:
        return for_markdown(one.failure)
    if one.column == comparison.base:
        value = one.time_ns if what == "time" else one.peak_rss_bytes
        unit = terminal.nanoseconds if what == "time" else terminal.mebibytes
        shown = unit(value) if value is not None else ""
    else:
        found = one.time if what == "time" else one.memory
        shown = for_markdown(terminal.ratio(found)) if found else "no pair"
    return f"**{shown}**" if best and shown else shown


def _comparison(comparison: table.Comparison, what: str) -> str:
    body = []
    means = comparison.geomean if what == "time" else comparison.memory_geomean
    for index, row in enumerate(comparison.rows):
        best = row.best(what, comparison.base)
        body.append([for_markdown(row.cell)] + [
            _field(row.contenders.get(c), comparison, c == best, what)
            for c in comparison.columns])
        if index + 1 == len(comparison.rows) or comparison.rows[index + 1].form != row.form:
            mean = means.get(row.form, {})
            body.append([f"*geomean {row.form}*"] + [
                f"{mean[c]:.2f}" if c in mean else "" for c in comparison.columns])
    return _table(["workload / form", *map(for_markdown, comparison.columns)], body)


def _machine(context: dict[str, Any]) -> str:
    keys = ("date", "commit", "dirty", "compiler", "flags", "library_build_type", "cpu",
            "num_cpus", "kernel", "libc", "governor", "thp", "aslr", "steal_ticks", "profile",
            "budget_s", "measuring_s", "seed")
    return _table(["what", "value"], [[k, for_markdown(str(context.get(k, "")))] for k in keys])


def markdown(run: Result) -> str:
    """The run as Markdown."""
    parts = [f"# ouro run {for_markdown(run.name)}\n"]
    if run.context.get("interrupted"):
        parts.append("**Interrupted: these are the samples until then.**\n")
    mark = doctor.mark(run.context.get("doctor", []))
    if mark:
        parts.append(f"**{for_markdown(mark[:1].upper() + mark[1:])}.**\n")
    comparison = run.comparison
    if comparison.rows:
        base = for_markdown(comparison.base)
        parts += [f"## Time per operation, ratio to {base} (smaller is better)\n",
                  _comparison(comparison, "time"),
                  for_markdown(terminal.footnote(comparison)) + "\n",
                  f"## Peak resident memory, ratio to {base}\n",
                  _comparison(comparison, "memory")]
    stopped = collector.table(run.benchmarks)
    if stopped:
        parts += ["## Collectors: time per operation, memory, stops and garbage\n", _table(
            list(collector.HEADER), [[for_markdown(x) for x in row] for row in stopped])]
    whole = whole_comparison(run)
    if whole:
        parts += ["## Whole processes (hyperfine), wall time, ratio to "
                  f"{for_markdown(whole.base)}\n",
                  _comparison(whole, "time")]
        if has_memory(run.whole):
            parts += ["## Whole processes, peak resident memory of the largest process, ratio to "
                      f"{for_markdown(whole.base)}\n", _comparison(whole, "memory")]
    if run.micro.get("rows"):
        parts += ["## Micro benchmarks against their limits\n", _table(
            ["benchmark", "time", "multiple", "limit", "its time"],
            [[for_markdown(r["name"]), for_markdown(r["error"]) or _ns(r["time_ns"]),
              views.multiple(r["multiple"]), for_markdown(r["limit"]), _ns(r["limit_ns"])]
             for r in run.micro["rows"]])]
    if run.micro.get("peers"):
        parts += ["## Object rows on other runtimes\n", peers.markdown(run.micro["peers"])]
    if run.failures or run.refused:
        parts += ["## Failed or refused\n", _table(["what", "why"], [
            [for_markdown(f"{f['cell']} on {f['column']}"),
             for_markdown(f"{f['failure']} {f['detail']}")] for f in run.failures] + [
            [for_markdown(r["allocator"]), for_markdown(r["reason"])] for r in run.refused])]
    parts += ["## Machine and build\n", _machine(run.context)]
    return "\n".join(parts)


def _ns(value: float | None) -> str:
    return terminal.nanoseconds(value) if value else ""


CSV_HEADER = ("cell", "contender", "samples", "time_ns", "time_ratio", "time_low", "time_high",
              "peak_rss_bytes", "rss_ratio", "rss_low", "rss_high", "failure")


def _csv_ratio(ratio: stats.Ratio | None) -> list[str]:
    if ratio is None:
        return ["", "", ""]
    return ["" if v is None else f"{v:.6g}" for v in (ratio.estimate, ratio.low, ratio.high)]


def comma_separated(run: Result) -> str:
    """One line a contender of every row; no field can become a formula."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(CSV_HEADER)
    for row in run.comparison.rows:
        for one in row.contenders.values():
            writer.writerow([
                for_csv(row.cell), for_csv(one.column), one.samples,
                "" if one.time_ns is None else f"{one.time_ns:.6g}", *_csv_ratio(one.time),
                "" if one.peak_rss_bytes is None else f"{one.peak_rss_bytes:.0f}",
                *_csv_ratio(one.memory), for_csv(one.failure)])
    return out.getvalue()
