# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""What a person sees while and after measuring: progress on stderr, tables on stdout."""
from __future__ import annotations

import os
import sys
import time
from types import TracebackType
from typing import Any, Callable, Sequence

from rich.console import Console, Group
from rich.progress import (BarColumn, Progress, TextColumn, TimeElapsedColumn,
                           TimeRemainingColumn)
from rich.table import Table
from rich.text import Text

from . import escape, stats
from .doctor import Finding
from .table import Comparison, Contender

LEVEL_STYLE = {"ok": "green", "note": "cyan", "warn": "yellow", "unknown": "dim"}
PLAIN_WIDTH = 132
EVERY_S = 10.0  # between two lines of progress where nobody watches a bar


def console() -> Console:
    """Standard output; wide enough for a table when it is a file or a pipe."""
    return Console(width=None if sys.stdout.isatty() else PLAIN_WIDTH, highlight=False)


def say(message: str) -> None:
    """One line on stderr, harmless whatever is in it."""
    print(f"ouro: {escape.for_terminal(message)}", file=sys.stderr, flush=True)


def text(content: object, style: str = "") -> Text:
    """Text that is never markup and holds no control byte."""
    return Text(escape.for_terminal(str(content)), style=style)


class Lines:
    """Progress for a log file: a line now and then, never two within EVERY_S. The variable
    OURO_PROGRESS_S sets other seconds; 0 means no line at all."""

    def __init__(self, title: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._title, self._clock = title, clock
        try:
            self._every_s = float(os.environ.get("OURO_PROGRESS_S", EVERY_S))
        except ValueError:
            self._every_s = EVERY_S
        self._begun = self._latest = clock()

    def tell(self, what: str, share: float) -> None:
        now = self._clock()
        if not self._every_s > 0.0 or now - self._latest < self._every_s:
            return
        self._latest = now
        left = f", about {(now - self._begun) * (1.0 - share) / share:.0f} s left" \
            if 0.0 < share < 1.0 else ""
        say(f"{self._title}: {min(share, 1.0):.0%}{left}: {what}")


class Meter:
    """A progress bar with the time left; lines when stderr is not a terminal."""

    def __init__(self, title: str) -> None:
        self._progress: Progress | None = None
        self._lines = Lines(title)
        if sys.stderr.isatty():
            self._progress = Progress(
                TextColumn("{task.fields[title]}"), BarColumn(bar_width=24),
                TextColumn("{task.percentage:>3.0f}%"), TimeElapsedColumn(), TextColumn("left"),
                TimeRemainingColumn(), TextColumn("{task.description}", markup=False),
                console=Console(stderr=True), transient=True)
            self._task = self._progress.add_task("", total=1.0, title=title)

    def tell(self, what: str, share: float) -> None:
        if self._progress:
            self._progress.update(self._task, completed=min(share, 1.0),
                                  description=escape.for_terminal(what))
        else:
            self._lines.tell(what, share)

    def __enter__(self) -> "Meter":
        if self._progress:
            self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        if self._progress:
            self._progress.stop()


def nanoseconds(value: float) -> str:
    """A time with three figures and its unit."""
    for limit, divisor, unit in ((1e3, 1, "ns"), (1e6, 1e3, "us"), (1e9, 1e6, "ms")):
        if value < limit:
            return f"{value / divisor:.3g} {unit}"
    return f"{value / 1e9:.3g} s"


def mebibytes(value: float) -> str:
    return f"{value / 2**20:.1f} MiB" if value < 100 * 2**20 else f"{value / 2**20:.0f} MiB"


def ratio(value: stats.Ratio | None) -> str:
    """`0.83 [0.81, 0.86]`: estimate and interval."""
    if value is None:
        return ""
    if value.low is None or value.high is None:
        return f"{value.estimate:.2f}"
    return f"{value.estimate:.2f} [{value.low:.2f}, {value.high:.2f}]"


def _field(one: Contender | None, base: bool, best: bool, what: str) -> Text:
    if one is None:
        return text("")
    if one.failure:
        return text(one.failure, "red")
    style = "bold" if best else ""
    if base:
        shown = one.time_ns if what == "time" else one.peak_rss_bytes
        unit = nanoseconds if what == "time" else mebibytes
        return text((unit(shown) if shown else "") + (" *" if best else ""), style)
    value = one.time if what == "time" else one.memory
    return text((ratio(value) or "no pair") + (" *" if best else ""), style)


def comparison_table(comparison: Comparison, what: str, title: str) -> Group:
    """Ratios to the base with intervals; the base column shows the absolute figure."""
    table = Table()
    table.add_column("workload / form")
    for column in comparison.columns:
        table.add_column(text(column), justify="right")
    means = comparison.geomean if what == "time" else comparison.memory_geomean
    for index, row in enumerate(comparison.rows):
        best = row.best(what, comparison.base)
        table.add_row(text(row.cell), *(
            _field(row.contenders.get(c), c == comparison.base, c == best, what)
            for c in comparison.columns))
        last = index + 1 == len(comparison.rows) or comparison.rows[index + 1].form != row.form
        if last and len([r for r in comparison.rows if r.form == row.form]) > 1:
            mean = means.get(row.form, {})
            table.add_row(text(f"geomean {row.form}", "italic"), *(
                text(f"{mean[c]:.2f}" if c in mean else "", "italic")
                for c in comparison.columns), end_section=True)
    headline = f"{title}, ratio to {comparison.base} (smaller is better)"
    return Group(text(headline, "bold"), table)


def footnote(comparison: Comparison) -> str:
    """What the numbers in brackets are."""
    ratios = [c.time for r in comparison.rows for c in r.contenders.values() if c.time]
    sure = sorted({round(r.confidence * 100, 1) for r in ratios if r.confidence})
    pairs = sorted({r.samples for r in ratios})
    if not ratios:
        return "no pair of samples to compare"
    span = f"{pairs[0]}" if len(pairs) == 1 else f"{pairs[0]} to {pairs[-1]}"
    if not sure:
        return f"{span} blocks: too few for intervals (5 are needed)"
    percent = f"{sure[0]:g}" if len(sure) == 1 else f"{sure[0]:g} to {sure[-1]:g}"
    return (f"[low, high]: {percent} % interval of the paired ratio (signed rank, "
            f"Hodges-Lehmann) over {span} blocks")


def grid(title: str, header: Sequence[str], rows: Sequence[Sequence[Any]],
         right: Sequence[int] = ()) -> Group:
    """A plain table of texts under its title."""
    table = Table()
    for index, name in enumerate(header):
        table.add_column(name, justify="right" if index in right else "left")
    for row in rows:
        table.add_row(*(x if isinstance(x, Text) else text(x) for x in row))
    return Group(text(title, "bold"), table)


def findings_table(findings: Sequence[Finding]) -> Group:
    """The doctor's answer."""
    return grid("what disturbs measurement on this machine",
                ("check", "", "found", "what it does", "what would help"),
                [(f.check, text(f.level, LEVEL_STYLE[f.level]), f.found, f.effect,
                  f.remedy if f.level != "ok" else "") for f in findings])
