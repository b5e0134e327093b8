# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""The figures of a report, as inline SVG that follows the page's light or dark colours.

Text and lines are drawn in marker colours that become CSS variables; glyphs are outlines, so
no font is needed and no label moves. Series are told apart by colour (Okabe-Ito, safe for
colour-blind readers) and by marker or dash.
"""
from __future__ import annotations

import io
import re
from dataclasses import dataclass
from typing import Any, Sequence

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt  # noqa: E402
from matplotlib.axes import Axes  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter  # noqa: E402

from .escape import for_terminal  # noqa: E402
from .table import Comparison, Contender  # noqa: E402

INK, FAINT = "#012345", "#543210"  # replaced by the page's variables
STYLE = {
    "svg.fonttype": "path", "svg.hashsalt": "ouro", "text.parse_math": False,
    "font.size": 9, "font.family": "DejaVu Sans", "text.color": INK, "axes.labelcolor": INK,
    "axes.edgecolor": FAINT, "xtick.color": INK, "ytick.color": INK, "grid.color": FAINT,
    "grid.linewidth": 0.6, "axes.spines.top": False, "axes.spines.right": False,
    "axes.titlesize": 9.5, "axes.titleweight": "bold", "legend.frameon": False,
    "figure.facecolor": "none", "axes.facecolor": "none", "savefig.facecolor": "none",
}
LOOK = {"ouro": ("#D55E00", "D", "-"), "glibc": ("#808080", "s", (0, (4, 1.5))),
        "jemalloc": ("#0072B2", "o", "-"), "mimalloc": ("#009E73", "^", (0, (5, 1, 1, 1))),
        "tcmalloc": ("#CC79A7", "v", (0, (2, 1))), "python": ("#E69F00", "P", "-"),
        "cpython": ("#E69F00", "P", "-"), "boehm": ("#56B4E9", "X", "-"),
        "shared_ptr": ("#8A6FDF", "h", "-")}
SPARE = (("#56B4E9", "X", "-"), ("#B8A800", "p", (0, (3, 1))), ("#8A6FDF", "h", "-"))


@dataclass(frozen=True)
class Series:
    """Resident memory of one arm over time, in milliseconds and MiB."""

    column: str
    t_ms: Sequence[float]
    rss_mib: Sequence[float]
    live_mib: Sequence[float]


def look(column: str) -> tuple[str, str, Any]:
    """Colour, marker and dash of a contender; the same in every figure."""
    return LOOK.get(column) or SPARE[sum(column.encode()) % len(SPARE)]


def to_svg(figure: Figure, name: str, label: str) -> str:
    """The figure as an SVG element for an HTML page; ids carry the figure's name."""
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    plt.close(figure)
    text = out.getvalue()
    text = text[text.index("<svg"):]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.S)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.S)
    text = text.replace(INK, "var(--ink)").replace(FAINT, "var(--faint)")
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = re.sub(r'href="#', f'href="#{name}-', text)
    text = text.replace("url(#", f"url(#{name}-")
    safe = for_terminal(label).replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    return text.replace("<svg", f'<svg role="img" aria-label="{safe}"', 1)


def _plain(value: float, _: Any = None) -> str:
    return f"{value:g}"


def _ratio_axis(axes: Axes, low: float, high: float) -> None:
    """A logarithmic axis of ratios with 1 in view and readable ticks."""
    axes.set_xscale("log")
    axes.set_xlim(min(low, 0.9) / 1.06, max(high, 1.1) * 1.06)
    axes.xaxis.set_major_locator(LogLocator(base=10, subs=(1.0, 2.0, 5.0), numticks=12)
                                 if high / low > 6 else
                                 LogLocator(base=10, subs=(1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9)))
    axes.xaxis.set_major_formatter(FuncFormatter(_plain))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.axvline(1.0, color=INK, linewidth=1.0)
    axes.grid(axis="x", alpha=0.35)
    axes.set_axisbelow(True)


def _forest_rows(comparison: Comparison, form: str,
                 what: str) -> list[tuple[float, str, Contender | None]]:
    """(y, label, contender): a heading without contender, then its contenders."""
    rows: list[tuple[float, str, Contender | None]] = []
    y = 0.0
    for row in (r for r in comparison.rows if r.form == form):
        measured = [row.contenders[c] for c in comparison.columns if c in row.contenders
                    and getattr(row.contenders[c], what) is not None]
        if not measured:
            continue
        rows.append((y, row.cell, None))
        for one in measured:
            y -= 1.0
            rows.append((y, one.column, one))
        y -= 1.5
    return rows


def forest(comparison: Comparison, form: str, what: str, name: str) -> str | None:
    """Ratio to the base with its interval, one line a contender; None without ratios."""
    rows = _forest_rows(comparison, form, what)
    ratios = [getattr(one, what) for _, _, one in rows if one]
    if not ratios:
        return None
    low = min(r.low or r.estimate for r in ratios)
    high = max(r.high or r.estimate for r in ratios)
    with plt.rc_context(STYLE):
        height = 0.9 + 0.2 * (len(rows) + 0.5 * sum(one is None for _, _, one in rows))
        figure, axes = plt.subplots(figsize=(7.6, height), layout="constrained")
        for y, _label, one in rows:
            if one is None:
                continue
            ratio, (colour, marker, _) = getattr(one, what), look(one.column)
            if ratio.low is not None:
                axes.plot([ratio.low, ratio.high], [y, y], color=colour, linewidth=2.2,
                          solid_capstyle="butt")
            axes.plot(ratio.estimate, y, marker=marker, color=colour, markersize=6)
            interval = f"{ratio.estimate:.2f}"
            if ratio.low is not None:
                interval += f"  [{ratio.low:.2f}, {ratio.high:.2f}]"
            axes.annotate(interval, (1.01, y), xycoords=("axes fraction", "data"), va="center",
                          fontsize=8.5, annotation_clip=False)
        axes.set_yticks([y for y, _, _ in rows], [for_terminal(label) for _, label, _ in rows])
        for tick, (_, _, one) in zip(axes.get_yticklabels(), rows):
            tick.set_fontweight("normal" if one else "bold")
        axes.tick_params(axis="y", length=0)
        axes.set_ylim(rows[-1][0] - 0.8, 0.8)
        axes.spines["left"].set_visible(False)
        _ratio_axis(axes, low, high)
        side = "less" if what == "memory" else "faster"
        axes.set_xlabel(f"ratio to {comparison.base} (left of 1: {side})")
        return to_svg(figure, name, f"ratios to {comparison.base}, form {form}")


def memory_over_time(cells: dict[str, list[Series]], name: str) -> str | None:
    """One panel a cell: resident memory of every arm, and what the workload kept alive."""
    cells = {cell: found for cell, found in cells.items() if found}
    if not cells:
        return None
    across = min(len(cells), 2)
    down = -(-len(cells) // across)
    with plt.rc_context(STYLE):
        height = 0.4 + 2.3 * down
        figure, grid = plt.subplots(down, across, squeeze=False, layout="constrained",
                                    figsize=(4.2 * across, height))
        figure.get_layout_engine().set(rect=(0, 0, 1, 1 - 0.35 / height))
        handles: dict[str, Any] = {}
        for axes, (cell, found) in zip(grid.flat, cells.items()):
            reference = next((s for s in found if s.column == "glibc"), found[0])
            handles["live"] = axes.fill_between(reference.t_ms, reference.live_mib, step="post",
                                                color=FAINT, alpha=0.25, linewidth=0)
            for one in found:
                colour, _, dash = look(one.column)
                (handles[one.column],) = axes.plot(one.t_ms, one.rss_mib, color=colour,
                                                   linestyle=dash, linewidth=1.5)
            axes.set_title(for_terminal(cell), loc="left")
            axes.set_ylim(bottom=0)
            axes.set_xlim(left=0)
            axes.grid(alpha=0.35)
            axes.set_xlabel("ms")
            axes.set_ylabel("MiB")
        for axes in list(grid.flat)[len(cells):]:
            axes.set_visible(False)
        handles["live (requested bytes)"] = handles.pop("live")
        figure.legend(list(handles.values()), [for_terminal(h) for h in handles],
                      loc="upper left", ncols=len(handles), columnspacing=1.4, handlelength=2.6)
        return to_svg(figure, name, "resident memory over time")


def multiples(rows: Sequence[dict[str, Any]], name: str) -> str | None:
    """Every micro benchmark as a multiple of its physical limit; None without any."""
    shown = [r for r in rows if r["multiple"]]
    if not shown:
        return None
    values = [float(r["multiple"]) for r in shown]
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(7.6, 0.9 + 0.2 * len(shown)), layout="constrained")
        for y, (row, value) in enumerate(zip(shown, values)):
            column = next((c for c in LOOK if c in row["name"]), "")
            colour = look(column)[0] if column else "#0072B2"
            if "/malloc" in row["name"]:
                colour = look("glibc")[0]
            axes.plot([1.0, value], [-y, -y], color=colour, linewidth=1.6, alpha=0.6)
            axes.plot(value, -y, marker="o", color=colour, markersize=5)
            axes.annotate(f"{value:.2f}x" if value < 10 else f"{value:.0f}x", (1.01, -y),
                          xycoords=("axes fraction", "data"), va="center", fontsize=8.5,
                          annotation_clip=False)
        axes.set_yticks([-y for y in range(len(shown))],
                        [for_terminal(r["name"]) for r in shown])
        axes.tick_params(axis="y", length=0)
        axes.set_ylim(-len(shown) + 0.4, 0.6)
        axes.spines["left"].set_visible(False)
        _ratio_axis(axes, min(values), max(values))
        axes.set_xlabel("multiple of the limit measured in the same process")
        return to_svg(figure, name, "micro benchmarks as multiples of their limits")
