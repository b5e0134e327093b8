# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""Figures of stops: when they were, how long, and what they leave of every window of time."""
from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from .escape import for_terminal
from .figures import STYLE, look, to_svg
from .pauses import Pauses, utilisation

BINS = 300  # of the timeline: the longest stop of each is drawn
FEW = 3  # stops below which a cell has nothing to show
SHORTEST_MS = 1e-3


def _timeline(axes: Axes, one: Pauses) -> Any:
    colour, marker, _ = look(one.column)
    place = np.minimum(one.start / one.end_ns * BINS, BINS - 1).astype(int)
    longest: dict[int, int] = {}
    for i, b in enumerate(place):
        if b not in longest or one.length[i] > one.length[longest[b]]:
            longest[b] = i
    shown = sorted(longest.values())
    t, ms = one.start[shown] / 1e6, np.maximum(one.length[shown] / 1e6, SHORTEST_MS)
    axes.vlines(t, SHORTEST_MS, ms, color=colour, linewidth=0.7, alpha=0.45)
    return axes.plot(t, ms, linestyle="none", marker=marker, markersize=3, color=colour)[0]


def _percentiles(axes: Axes, one: Pauses) -> None:
    colour, _, dash = look(one.column)
    length = np.maximum(np.sort(one.length) / 1e6, SHORTEST_MS)
    rarer = len(length) / (len(length) - np.arange(len(length)))  # 1 stop in so many is as long
    axes.step(rarer, length, where="post", color=colour, linestyle=dash, linewidth=1.5)


def _utilisation(axes: Axes, one: Pauses) -> None:
    colour, _, dash = look(one.column)
    windows = np.geomspace(min(1e4, one.end_ns / 10), one.end_ns, 60)
    axes.plot(windows / 1e6, utilisation(one, windows) * 100, color=colour, linestyle=dash,
              linewidth=1.5)


def _milliseconds(value: float, _: Any = None) -> str:
    return f"{value:g}" if value >= 1e-3 else ""


def _label(axes: tuple[Axes, Axes, Axes], cell: str, last: bool) -> None:
    when, length, share = axes
    when.set_title(for_terminal(cell), loc="left")
    for one in (when, length):
        one.set_yscale("log")
        one.set_ylim(bottom=SHORTEST_MS)
        one.yaxis.set_major_formatter(FuncFormatter(_milliseconds))
    when.set_ylabel("ms stopped")
    when.set_xlim(left=0)
    length.set_xscale("log")
    length.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    share.set_xscale("log")
    share.xaxis.set_major_formatter(FuncFormatter(_milliseconds))
    share.set_ylim(-3, 103)
    share.set_ylabel("% left")
    for one in axes:
        one.grid(alpha=0.35)
        one.set_axisbelow(True)
    if last:
        when.set_xlabel("time, ms")
        length.set_xlabel("one stop in so many\nis at least as long")
        share.set_xlabel("window, ms")


def stops(cells: dict[str, list[Pauses]], name: str) -> str | None:
    """One row a cell: timeline, lengths by rarity, utilisation by window. None without stops."""
    cells = {cell: [p for p in found if p.stops >= FEW] for cell, found in cells.items()}
    cells = {cell: found for cell, found in cells.items() if found}
    if not cells:
        return None
    with plt.rc_context(STYLE):
        height = 0.75 + 1.9 * len(cells)
        figure, grid = plt.subplots(len(cells), 3, squeeze=False, layout="constrained",
                                    figsize=(9.6, height), width_ratios=(1.35, 1, 1))
        figure.get_layout_engine().set(rect=(0, 0, 1, 1 - 0.35 / height))
        handles: dict[str, Any] = {}
        for row, (cell, found) in enumerate(cells.items()):
            for one in found:
                handles.setdefault(one.column, _timeline(grid[row][0], one))
                _percentiles(grid[row][1], one)
                _utilisation(grid[row][2], one)
            _label(tuple(grid[row]), cell, row + 1 == len(cells))
        figure.legend(list(handles.values()), [for_terminal(h) for h in handles],
                      loc="upper left", ncols=len(handles), columnspacing=1.4)
        return to_svg(figure, name, "stops of the world: when, how long, what they leave")
