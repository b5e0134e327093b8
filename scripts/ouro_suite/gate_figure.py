# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""The gate's forest plot as a picture of its own: every row with interval and tolerance band."""
from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

from . import figures, gate_output
from .escape import for_terminal
from .figures import plt
from .verdict import ERROR, IMPROVEMENT, INCONCLUSIVE, OK, REGRESSION, GateReport

# Okabe-Ito, as in the other figures; the marker tells the same as the colour.
LOOK = {REGRESSION: ("#D55E00", "D"), ERROR: ("#000000", "x"), INCONCLUSIVE: ("#B8A800", "o"),
        IMPROVEMENT: ("#0072B2", "^"), OK: ("#009E73", "s")}
STYLE = {**figures.STYLE, "text.color": "#222222", "axes.labelcolor": "#222222",
         "xtick.color": "#222222", "ytick.color": "#222222", "axes.edgecolor": "#888888",
         "grid.color": "#888888", "figure.facecolor": "white", "savefig.facecolor": "white"}


def write(report: GateReport, file: Path) -> None:
    """Draws into `file`; its suffix is the format. Rows without data are listed without mark;
    of a report without rows the reasons are written."""
    rows = gate_output.ordered(report.rows)
    if not rows:
        _reasons(report, file)
        return
    half = 100.0 * max(abs(x - 1.0) for r in rows for x in
                       (r.low or 1.0, r.high or 1.0, 1.0 + 1.5 * r.tolerance, 1.02))
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(8.2, 1.1 + 0.24 * len(rows)), layout="constrained")
        for index, row in enumerate(rows):
            band = 100.0 * row.tolerance
            axes.fill_betweenx([-index - 0.45, -index + 0.45], -band, band, color="#888888",
                               alpha=0.15, linewidth=0)
            shown = f"{row.verdict}  {gate_output.percent(row.effect)}"
            if row.effect is not None and row.low is not None and row.high is not None:
                colour, marker = LOOK[row.verdict]
                axes.plot([100 * (row.low - 1), 100 * (row.high - 1)], [-index, -index],
                          color=colour, linewidth=2.2, solid_capstyle="butt")
                axes.plot(100 * (row.effect - 1), -index, marker=marker, color=colour)
            axes.annotate(shown, (1.01, -index), xycoords=("axes fraction", "data"),
                          va="center", fontsize=8.5, annotation_clip=False)
        axes.set_yticks([-i for i in range(len(rows))],
                        [f"{for_terminal(r.workload)[:60]}  {for_terminal(r.metric)[:12]}"
                         for r in rows])
        axes.tick_params(axis="y", length=0)
        axes.set_ylim(-len(rows) + 0.4, 0.6)
        axes.set_xlim(-1.05 * half, 1.05 * half)
        axes.axvline(0.0, color="#222222", linewidth=1.0)
        axes.grid(axis="x", alpha=0.35)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel("change of the candidate in per cent (right: costs more); "
                        "grey: tolerance")
        _save(figure, file)


def _reasons(report: GateReport, file: Path) -> None:
    said = "\n".join(textwrap.fill(for_terminal(r).replace("$", r"\$"), 100)
                     for r in report.reasons[:5]) or "nothing was judged"
    with plt.rc_context(STYLE):
        figure = plt.figure(figsize=(8.2, 0.7 + 0.2 * said.count("\n")))
        figure.text(0.02, 0.5, f"{gate_output.outcome(report)}: {said}", va="center", fontsize=9)
        _save(figure, file)


def _save(figure: Any, file: Path) -> None:
    figure.savefig(file, dpi=150, metadata={"Date": None} if file.suffix == ".svg" else None)
    plt.close(figure)
