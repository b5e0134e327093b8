# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""report.html: one page, no script, no request, light and dark, everything escaped."""
from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable

import jinja2
import matplotlib
import numpy as np
from markupsafe import Markup

from . import (collector, doctor, escape, figures, figures_gc, figures_run, paths, pauses, peers, table,
               terminal, views, worker)
from .result import Result

SERIES_CAP = 8 << 20
POINTS = 400


@dataclass(frozen=True)
class Field:
    """One cell of a heat map."""

    main: str
    note: str = ""
    style: str = ""
    best: bool = False
    failed: bool = False


def heat_style(ratio: float) -> str:
    """Background by how far the ratio is from 1, text that is readable on it."""
    position = 0.5 + max(-1.0, min(1.0, math.log2(ratio))) * 0.42
    red, green, blue, _ = matplotlib.colormaps["RdBu_r"](position)
    bright = 0.299 * red + 0.587 * green + 0.114 * blue
    ink = "#111" if bright > 0.52 else "#fff"
    return (f"background:rgb({red * 255:.0f},{green * 255:.0f},{blue * 255:.0f});color:{ink}")


def _field(one: table.Contender | None, comparison: table.Comparison, best: str,
           what: str) -> Field:
    if one is None:
        return Field("")
    if one.failure:
        return Field(one.failure, failed=True)
    if one.column == comparison.base:
        value = one.time_ns if what == "time" else one.peak_rss_bytes
        unit = terminal.nanoseconds if what == "time" else terminal.mebibytes
        return Field("1", unit(value) if value else "", "", best == one.column)
    ratio = one.time if what == "time" else one.memory
    if ratio is None:
        return Field("no pair")
    if ratio.low is None or ratio.high is None:
        return Field(f"{ratio.estimate:.2f}", "too few blocks", "", best == one.column)
    sure = not ratio.low <= 1.0 <= ratio.high
    return Field(f"{ratio.estimate:.2f}", f"{ratio.low:.2f} to {ratio.high:.2f}",
                 heat_style(ratio.estimate) if sure else "", best == one.column)


def _measured_well(rows: list[table.Row], column: str, what: str) -> bool:
    """True when the column has an interval in every row."""
    ratios = [getattr(row.contenders[column], what) for row in rows if column in row.contenders]
    return all(r is not None and r.low is not None for r in ratios)


def heat_map(comparison: table.Comparison, what: str) -> list[dict[str, Any]]:
    """Blocks of rows, one a form, each ending with its geometric mean."""
    means = comparison.geomean if what == "time" else comparison.memory_geomean
    blocks = []
    for form in dict.fromkeys(row.form for row in comparison.rows):
        rows = [row for row in comparison.rows if row.form == form]
        body = [(row.cell, [_field(row.contenders.get(c), comparison,
                                   row.best(what, comparison.base), what)
                            for c in comparison.columns]) for row in rows]
        mean = [Field(f"{means[form][c]:.2f}", "",
                      heat_style(means[form][c]) if _measured_well(rows, c, what) else "")
                if c in means.get(form, {}) else Field("") for c in comparison.columns]
        blocks.append({"form": form, "rows": body, "mean": mean})
    return blocks


def read_series(path: Path, column: str) -> figures.Series | None:
    """One arm's resident memory; None when the file is missing, damaged or empty."""
    try:
        if path.stat().st_size > SERIES_CAP:
            return None
        with path.open(newline="", encoding="ascii") as handle:
            rows = [[float(x) for x in row] for row in list(csv.reader(handle))[1:]]
        data = np.array([row for row in rows if len(row) == 3])
    except (OSError, ValueError):
        return None
    if len(data) < 2 or not np.all(np.isfinite(data)):
        return None
    data = data[np.unique(np.linspace(0, len(data) - 1, POINTS).astype(int))]
    return figures.Series(column, (data[:, 0] - data[0, 0]) / 1e6, data[:, 1] / 2**20,
                          data[:, 2] / 2**20)


def _sidecars(run: Result, comparison: table.Comparison,
              read: Callable[[Path, str], Any]) -> dict[str, list[Any]]:
    """What `read` finds of each arm beside the run, by cell."""
    found: dict[str, list[Any]] = {}
    if run.folder is None:
        return found
    for row in comparison.rows:
        for column in comparison.columns:
            name = f"{row.cell}-{column}".replace("/", "-").replace(":", "") + ".csv"
            one = read(run.folder / "series" / name, column)
            if one and column in row.contenders:
                found.setdefault(row.cell, []).append(one)
    return found


def _stops(series: Path, column: str) -> pauses.Pauses | None:
    return pauses.read(worker.pauses_file(series), column)


def _svg(text: str | None) -> Markup | None:
    """Our own figures are the only markup that is not escaped."""
    return Markup(text) if text else None


def _facts(context: dict[str, Any]) -> list[tuple[str, str]]:
    skip = {"doctor", "allocators", "caches", "argv", "warnings", "scales"}
    facts = [(k, str(v)) for k, v in context.items() if k not in skip and v not in ("", None)]
    facts.append(("command", " ".join(map(str, context.get("argv", [])))))
    facts += [(f"scale of {cell}", f"{scale:g}")
              for cell, scale in context.get("scales", {}).items()]
    return facts


def _harmless(value: Any) -> Any:
    """Every text that the template prints passes here: no control characters."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return escape.for_terminal(value)
    return value


def headline(comparison: table.Comparison) -> list[str]:
    """One sentence a form on the runtime under test, with the interval's verdict left out."""
    said = []
    for form, means in comparison.geomean.items():
        others = [f"{c} {means[c]:.2f}" for c in comparison.columns
                  if c in means and c != comparison.base]
        if others:
            rows = sum(row.form == form for row in comparison.rows)
            said.append(f"{form} form, geometric mean of {rows} workload"
                        f"{'s' if rows != 1 else ''}, time relative to {comparison.base}: "
                        + ", ".join(others))
    return said


def render(run: Result) -> str:
    """The page."""
    comparison = run.comparison
    whole = None
    if run.whole.get("benchmarks") or run.whole.get("failures"):
        whole = table.compare(run.whole["benchmarks"], run.whole["failures"])
    forms = list(dict.fromkeys(row.form for row in comparison.rows))
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(paths.PACKAGE / "templates"), autoescape=True,
        undefined=jinja2.StrictUndefined, finalize=_harmless, trim_blocks=True,
        lstrip_blocks=True)
    return environment.get_template("report.html").render(
        run=run, comparison=comparison, whole=whole, headline=headline(comparison),
        heat_time=heat_map(comparison, "time"), heat_memory=heat_map(comparison, "memory"),
        heat_whole=heat_map(whole, "time") if whole else [],
        heat_whole_memory=heat_map(whole, "memory") if whole and any(
            table.MEMORY in entry for entry in run.whole["benchmarks"]) else [],
        forests=[(form, _svg(figures.forest(comparison, form, "time", f"forest-{form}")))
                 for form in forms],
        series=_svg(figures.memory_over_time(_sidecars(run, comparison, read_series), "rss")),
        pareto=_svg(figures_run.pareto(comparison, "pareto")),
        order=_svg(figures_run.run_order(run.benchmarks, comparison.columns, "order")),
        stops=_svg(figures_gc.stops(_sidecars(run, comparison, _stops), "stops")),
        collected=collector.table(run.benchmarks), collected_header=collector.HEADER,
        peers=run.micro.get("peers"), peer_cells=peers.cells, peer_header=peers.header,
        peer_note=peers.confidence,
        multiples=_svg(figures.multiples(run.micro.get("rows", []), "micro")),
        micro_rows=run.micro.get("rows", []), ns=terminal.nanoseconds, times=views.multiple,
        footnote=terminal.footnote(comparison), facts=_facts(run.context),
        mark=doctor.mark(run.context.get("doctor", [])))
