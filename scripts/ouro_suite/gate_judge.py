# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""The judgement of a gate: pairs of samples in, verdicts out; no clock, no process, no file.

A pair is one block's base and candidate. The screen passes a row only when its interval lies
inside the tolerance on both sides (equivalence must be shown, not assumed). Everything else is
confirmed on fresh blocks, looked at up to LOOKS times: a regression needs an effect beyond the
tolerance and twice the noise floor, in the fresh pairs as well as in all, and a signed-rank p
of all, Holm-adjusted over all rows, below ALPHA / LOOKS. docs/gate.md has the reasons.

Sources: Hodges and Lehmann 1963; Wilcoxon 1945; Holm 1979; Schuirmann 1987 (equivalence by two
one-sided tests); Dunn 1961 (dividing the error over the looks).
"""
from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import Sequence

import numpy as np

from . import escape, stats
from .errors import BadInput
from .verdict import ERROR, IMPROVEMENT, OK, REGRESSION, MetricVerdict

ALPHA = 0.0002  # chance of any false alarm of one gate, over all rows and looks
OK_ALPHA = 0.01  # of the two-sided interval that an `ok` rests on
SCREEN_LOOKS = (16, 32, 64)  # blocks
CONFIRM_LOOKS = (24, 48, 96, 192, 384)  # fresh blocks
FLAG = 0.6  # of the tolerance: 1.5 % for 2.5 %
LOOKS = len(CONFIRM_LOOKS) + 1  # and one when the budget ends between two
MIN_PAIRS = 8  # under this no interval of 99 % exists (2^-7 on each side)


@dataclass(frozen=True)
class Metric:
    """What is compared: `key` of the record, `exact` when equal work must give equal values."""

    name: str
    tolerance: float
    about: str
    exact: bool = False


METRICS = {m.name: m for m in (
    Metric("time", 0.025, "lower quartile of the iterations' wall or CPU time"),
    Metric("rss", 0.05, "peak resident memory"),
    Metric("minflt", 0.05, "page faults in the timed phases"),
    Metric("p99", 0.10, "99th percentile of an operation's latency (runs of their own)"),
    Metric("pause", 0.25, "longest stop of the world (object form)"),
    Metric("ir", 0.005, "instructions of the timed function, by callgrind", exact=True),
    Metric("ops", 0.0, "operations and contents: exact", exact=True))}


def percent(text: str, what: str) -> float:
    """`2.5%` or `2.5` as a fraction."""
    match = re.fullmatch(r"(\d{1,3}(?:\.\d{1,4})?)%?", text.strip())
    if not match or float(match[1]) > 100:
        raise BadInput(f"{what} {escape.for_terminal(text)!r}: a percentage from 0 to 100")
    return float(match[1]) / 100.0


def parse_metrics(text: str | None, tolerance: str | None) -> list[Metric]:
    """`time:2.5%,rss,ops:0`; --tol is the tolerance of time where none is given."""
    chosen = []
    for part in (text or "time").split(","):
        name, colon, given = part.strip().partition(":")
        if name not in METRICS:
            raise BadInput(f"--metric {escape.for_terminal(name)!r}: known are "
                           f"{', '.join(METRICS)}")
        metric = METRICS[name]
        if colon:
            metric = replace(metric, tolerance=percent(given, f"--metric {name}"))
        elif name == "time" and tolerance is not None:
            metric = replace(metric, tolerance=percent(tolerance, "--tol"))
        if metric.tolerance == 0.0 and not metric.exact:
            raise BadInput(f"--metric {name}: a tolerance of 0 % can never be shown to hold; "
                           "only ir and ops are exact")
        chosen.append(metric)
    if len({m.name for m in chosen}) != len(chosen):
        raise BadInput("--metric: the same metric twice")
    return chosen


@dataclass(frozen=True)
class Estimate:
    """Effect of a row's pairs as a ratio, its 99 % interval, and p without a difference."""

    effect: float
    low: float
    high: float
    p: float
    pairs: int


class Undecidable(Exception):
    """These data decide nothing; the text says why."""


def estimate(pairs: Sequence[tuple[float, float]], clock: bool = True) -> Estimate:
    """What the pairs (base, candidate) say. Raises Undecidable for too few, for values that
    are no measurements, and, of a clock, for values without any variance."""
    if len(pairs) < MIN_PAIRS:
        raise Undecidable(f"{len(pairs)} pairs of samples, {MIN_PAIRS} are needed")
    values = np.asarray(pairs, dtype=float)
    if not np.all(np.isfinite(values)) or np.any(values <= 0):
        raise Undecidable("a sample that is not a positive finite number")
    if clock and (np.ptp(values[:, 0]) == 0 or np.ptp(values[:, 1]) == 0):
        raise Undecidable("samples without any variance: that was no clock")
    diff = np.log(values[:, 1]) - np.log(values[:, 0])
    effect, low, high = stats.hodges_lehmann(diff, OK_ALPHA)
    return Estimate(math.exp(effect), math.exp(low), math.exp(high),
                    stats.signed_rank_p(diff), len(diff))


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p values: reject those under alpha, and no more than alpha is any mistake."""
    order = np.argsort(p_values)
    adjusted, worst = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(order):
        worst = max(worst, min(1.0, p_values[index] * (len(p_values) - rank)))
        adjusted[index] = worst
    return adjusted


def screened(found: Estimate, tolerance: float) -> bool:
    """The row passes at once: no regression and no improvement of the tolerance is left."""
    return found.high < 1.0 + tolerance and found.low > 1.0 / (1.0 + tolerance)


def clear(found: Estimate, tolerance: float) -> bool:
    """More screening is wasted: the row will have to be confirmed."""
    return found.low > 1.0 and suspect(found, tolerance)


def suspect(found: Estimate, tolerance: float) -> bool:
    """The screen saw a change of nearly the tolerance: confirmed before what is only wide."""
    flag = 1.0 + FLAG * tolerance
    return found.effect >= flag or found.effect <= 1.0 / flag


def confirmed(fresh: Estimate, pooled: Estimate, adjusted: float, tolerance: float,
              floor: float | None) -> str | None:
    """Whether the pairs show a change: all of them that there is one, and the fresh ones, which
    nothing selected, that it is as large. None: they do not."""
    bar = 1.0 + max(tolerance, 2.0 * (floor or 0.0))
    sure = adjusted <= ALPHA / LOOKS
    if sure and min(fresh.effect, pooled.effect) >= bar:
        return REGRESSION
    if sure and max(fresh.effect, pooled.effect) <= 1.0 / bar:
        return IMPROVEMENT
    return None


def harmless(pooled: Estimate, tolerance: float) -> bool:
    """Whether all pairs, the screen's too, leave no room for a regression. The screen flags
    what looked slow by chance, so it can only make this harder."""
    return pooled.high < 1.0 + tolerance


def undecided_note(found: Estimate, tolerance: float, floor: float | None) -> str:
    """Why the budget was not enough."""
    if found.low > 1.0 and found.effect >= 1.0 + tolerance and floor and \
            found.effect < 1.0 + 2 * floor:
        return (f"beyond the tolerance, but this machine's noise floor is {floor:.1%}: "
                "use ir, a quieter machine, or a larger tolerance")
    if found.low > 1.0 and found.effect < 1.0 + tolerance:
        return "slower, but not shown to be within or beyond the tolerance: more budget"
    return (f"the interval still reaches {found.high - 1.0:+.1%}: more budget, a quieter "
            "machine, or ir")


def exact(metric: Metric, cell: str, base: Sequence[float], cand: Sequence[float]) -> \
        MetricVerdict:
    """Counts: no statistics, the worst pair decides. That fewer operations were done is no
    improvement but other work."""
    if not base or len(base) != len(cand) or min(*base, *cand) <= 0 \
            or not all(map(math.isfinite, (*base, *cand))):
        raise Undecidable("counts are missing or not positive")
    ratios = [c / b for b, c in zip(base, cand)]
    high, low = max(ratios), min(ratios)
    worst = high if high > 1.0 + metric.tolerance else low if low < 1.0 else high
    if metric.name == "ops" and low < 1.0 - metric.tolerance:
        raise Undecidable(f"the candidate did {1.0 - low:.2%} fewer operations than ordered")
    word = REGRESSION if high > 1.0 + metric.tolerance else \
        IMPROVEMENT if high < 1.0 - metric.tolerance else OK
    return MetricVerdict(cell, metric.name, word, worst, low, high, None, len(ratios),
                         metric.tolerance, None)


def failed(cell: str, metric: Metric, why: str) -> MetricVerdict:
    """A row that could not be measured."""
    return MetricVerdict(cell, metric.name, ERROR, None, None, None, None, 0,
                         metric.tolerance, None, why)


def row(cell: str, metric: Metric, word: str, found: Estimate, p: float | None,
        floor: float | None, note: str = "") -> MetricVerdict:
    """A judged row."""
    return MetricVerdict(cell, metric.name, word, found.effect, found.low, found.high,
                         found.p if p is None else p, found.pairs, metric.tolerance, floor,
                         note)


