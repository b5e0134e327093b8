# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""Figures of a whole run: time against memory, and every sample in the order it was taken."""
from __future__ import annotations

from typing import Any, Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from .escape import for_terminal
from .figures import FAINT, INK, STYLE, look, to_svg
from .table import Comparison, Row

WIDE = 1.6  # samples further from their median are drawn at the edge


def _points(rows: Sequence[Row], column: str, base: str) -> list[tuple[float, float]]:
    """(time, memory) ratios of a column in every row that has both."""
    found = []
    for row in rows:
        one = row.contenders.get(column)
        if one and column == base and not one.failure and row.comparable_memory:
            found.append((1.0, 1.0))
        elif one and one.time and one.memory:
            found.append((one.time.estimate, one.memory.estimate))
    return found


def front(points: Mapping[str, tuple[float, float]]) -> list[str]:
    """Who is not beaten in both by another, fastest first."""
    return sorted((c for c, p in points.items()
                   if not any(q[0] <= p[0] and q[1] <= p[1] and q != p
                              for q in points.values())),
                  key=lambda c: points[c])


def whole_means(points: Mapping[str, Sequence[tuple[float, float]]]
                ) -> dict[str, tuple[float, float]]:
    """Geometric mean (time, memory) of every column that has as many rows as any: means over
    different workloads do not compare."""
    most = max((len(p) for p in points.values()), default=0)
    return {c: tuple(np.exp(np.mean(np.log(p), axis=0)))  # type: ignore
            for c, p in points.items() if p and len(p) == most}


def _ratio_axes(axes: Axes) -> None:
    for axis, scale in ((axes.xaxis, axes.set_xscale), (axes.yaxis, axes.set_yscale)):
        scale("log")
        axis.set_major_locator(LogLocator(base=10, subs=(1, 1.5, 2, 3, 5, 7)))
        axis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
        axis.set_minor_formatter(NullFormatter())
    axes.margins(0.16)
    axes.axvline(1.0, color=INK, linewidth=0.8)
    axes.axhline(1.0, color=INK, linewidth=0.8)
    axes.grid(alpha=0.35)
    axes.set_axisbelow(True)


def _pareto_panel(axes: Axes, comparison: Comparison, form: str) -> bool:
    rows = [r for r in comparison.rows if r.form == form]
    points = {c: _points(rows, c, comparison.base) for c in comparison.columns}
    means = whole_means(points)
    for column, ratios in points.items():
        if ratios and column != comparison.base:
            colour, marker, _ = look(column)
            axes.plot(*zip(*ratios), linestyle="none", marker=marker, color=colour,
                      markersize=3.5, alpha=0.45)
            if column not in means:
                axes.annotate(f"{for_terminal(column)} ({len(ratios)} of {len(rows)})", ratios[0],
                              xytext=(5, -11), textcoords="offset points", fontsize=7.5,
                              color=FAINT)
    best = front(means)
    if len(best) > 1:
        axes.step([means[c][0] for c in best], [means[c][1] for c in best], where="post",
                  color=FAINT, linewidth=1.2, linestyle=(0, (3, 2)))
    for column, (time, memory) in means.items():
        colour, marker, _ = look(column)
        axes.plot(time, memory, marker=marker, color=colour, markersize=9)
        axes.annotate(for_terminal(column), (time, memory), xytext=(7, 5),
                      textcoords="offset points", fontsize=8.5,
                      fontweight="bold" if column in best else "normal")
    _ratio_axes(axes)
    axes.set_title(f"{for_terminal(form)} form", loc="left")
    axes.set_xlabel(f"time, ratio to {for_terminal(comparison.base)}")
    axes.set_ylabel("peak RSS, ratio")
    return sum(map(bool, points.values())) > 1


def pareto(comparison: Comparison, name: str) -> str | None:
    """Time against memory: geometric means large, workloads small; None with nothing to
    compare."""
    forms = [f for f in dict.fromkeys(r.form for r in comparison.rows)
             if sum(bool(_points([r for r in comparison.rows if r.form == f], c,
                                 comparison.base)) for c in comparison.columns) > 1]
    if not forms:
        return None
    with plt.rc_context(STYLE):
        figure, grid = plt.subplots(1, len(forms), squeeze=False, layout="constrained",
                                    figsize=(4.4 * len(forms), 3.6))
        for axes, form in zip(grid.flat, forms):
            _pareto_panel(axes, comparison, form)
        return to_svg(figure, name, "time against memory")


def _relative(entries: Sequence[Mapping[str, Any]]) -> list[tuple[int, str, float]]:
    """(place in the run, column, time / median of its arm), in order."""
    arms: dict[tuple[str, str], list[float]] = {}
    for e in entries:
        arms.setdefault((e["cell"], e["arm"]), []).append(float(e["real_time"]))
    medians = {key: float(np.median(times)) for key, times in arms.items()}
    ordered = sorted(entries, key=lambda e: (e["block"], e.get("order_pos", 0)))
    return [(i, str(e["column"]), float(e["real_time"]) / medians[e["cell"], e["arm"]])
            for i, e in enumerate(ordered)]


def run_order(entries: Sequence[Mapping[str, Any]], columns: Sequence[str],
              name: str) -> str | None:
    """Every sample as a multiple of its arm's median, in the order of the run: a machine that
    drifts or stumbles shows here. None with fewer than three blocks."""
    blocks = sorted({int(e["block"]) for e in entries})
    if len(blocks) < 3:
        return None
    placed = _relative(entries)
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(8.8, 2.5), layout="constrained")
        for column in columns:
            colour, marker, _ = look(column)
            mine = [(i, min(max(r, 1 / WIDE), WIDE)) for i, c, r in placed if c == column]
            if mine:
                axes.plot(*zip(*mine), linestyle="none", marker=marker, markersize=3.5,
                          color=colour, alpha=0.8, label=for_terminal(column))
        counts = np.cumsum([sum(int(e["block"]) == b for e in entries) for b in blocks])
        for edge in counts[:-1]:
            axes.axvline(edge - 0.5, color=FAINT, linewidth=0.6, alpha=0.6)
        axes.set_yscale("log")
        axes.set_ylim(1 / WIDE / 1.03, WIDE * 1.03)
        axes.yaxis.set_major_locator(LogLocator(base=10, subs=(1, 1.2, 1.5, 7, 8, 9)))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.axhline(1.0, color=INK, linewidth=0.8)
        axes.grid(axis="y", alpha=0.35)
        axes.set_xlim(-1, len(placed))
        axes.set_xlabel("samples in the order of the run; a line between blocks")
        axes.set_ylabel("time / median")
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=len(columns),
                    columnspacing=1.2, handletextpad=0.2)
        return to_svg(figure, name, "samples in the order of the run")
