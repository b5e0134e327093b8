# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""The judgement of a gate: pairs of samples in, verdicts out; no clock, no process, no file.

A pair is one block's base and candidate. The screen passes a row only when its interval lies
inside the tolerance on both sides (equivalence must be shown, not assumed). Everything else is
confirmed on fresh blocks, looked at up to LOOKS times: a regression needs an effect beyond the
tolerance and twice the noise floor, in the fresh pairs as well as in all, and a signed-rank p
of all, Holm-adjusted over all rows, below ALPHA / LOOKS. An `ok` shares OK_ALPHA with all looks
and all rows that are not ok yet, and its interval is widened by the noise floor. Looks are at
fixed numbers of a row's pairs, whatever stage they came from; docs/gate.md has the reasons.

Sources: Hodges and Lehmann 1963; Wilcoxon 1945; Holm 1979; Schuirmann 1987 (equivalence by two
one-sided tests); Dunn 1961 (dividing the error over the looks); Maurer and Bretz 2013 (Holm
with looks).
"""
from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import Sequence

import numpy as np
from scipy import stats as scipy_stats

from . import escape, stats
from .errors import BadInput
from .verdict import ERROR, IMPROVEMENT, INCONCLUSIVE, OK, REGRESSION, MetricVerdict

ALPHA = 0.0002  # chance of any false alarm of one gate, over all rows and looks
OK_ALPHA = 0.01  # chance that a gate calls any row ok that costs the tolerance or more
SCREEN_LOOKS = (16, 32, 64)  # pairs; the last is earlier when the screen's time ends
CONFIRM_LOOKS = (40, 88, 160, 272, 448)  # pairs with the screen's; likewise
FLAG = 0.6  # of the tolerance: 1.5 % for 2.5 %
CLEAR = 0.01  # p of a difference that ends a row's screening
LOOKS = len(CONFIRM_LOOKS)
OK_LOOKS = len(SCREEN_LOOKS) + LOOKS + 1  # and one at the pairs of other layouts
MIN_PAIRS = 8  # under this nothing is said
FLOOR_SIGMAS = 1.96  # a noise floor is 95 % of what sessions scatter


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
    """Effect of a row's pairs as a ratio, the interval that an `ok` needs, and p without a
    difference. `closed`: there are enough pairs for an interval of that confidence."""

    effect: float
    low: float
    high: float
    p: float
    pairs: int
    closed: bool = True


class Undecidable(Exception):
    """These data decide nothing; the text says why."""


class TooFew(Undecidable):
    """Good pairs, but not enough of them to say anything: more of them might."""

    def __init__(self, pairs: int) -> None:
        super().__init__(f"{pairs} pairs of samples, {MIN_PAIRS} are needed: raise --budget")
        self.pairs = pairs


def ok_error(rows: int) -> float:
    """One-sided error of an `ok` at one look while `rows` rows are not ok: Dunn over the
    looks, Holm over the rows."""
    return OK_ALPHA / (OK_LOOKS * max(rows, 1))


def estimate(pairs: Sequence[tuple[float, float]], clock: bool = True, rows: int = 1,
             floor: float | None = None) -> Estimate:
    """What the pairs (base, candidate) say while `rows` rows are not ok. Raises Undecidable for
    less than two, for values that are no measurements, and, of a clock, for values without any
    variance; TooFew for good ones that are under MIN_PAIRS."""
    if len(pairs) < 2:
        raise Undecidable(f"{len(pairs) or 'no'} pair{'' if pairs else 's'} of samples, "
                          f"{MIN_PAIRS} are needed: raise --budget")
    values = np.asarray(pairs, dtype=float)
    if not np.all(np.isfinite(values)) or np.any(values <= 0):
        raise Undecidable("a sample that is not a positive finite number")
    if clock and (np.ptp(values[:, 0]) == 0 or np.ptp(values[:, 1]) == 0):
        raise Undecidable("samples without any variance: that was no clock")
    if len(pairs) < MIN_PAIRS:
        raise TooFew(len(pairs))
    diff = np.log(values[:, 1]) - np.log(values[:, 0])
    error = ok_error(rows)
    effect, low, high = stats.hodges_lehmann(diff, 2.0 * error)
    session = float(scipy_stats.norm.isf(error)) * math.log1p(floor or 0.0) / FLOOR_SIGMAS
    low, high = (effect - math.hypot(effect - low, session),
                 effect + math.hypot(high - effect, session))
    return Estimate(math.exp(effect), math.exp(low), math.exp(high),
                    stats.signed_rank_p(diff), len(diff), 0.5 ** len(diff) <= error)


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
    return harmless(found, tolerance) and found.low > 1.0 / (1.0 + tolerance)


def clear(found: Estimate, tolerance: float) -> bool:
    """More screening is wasted: the row will have to be confirmed."""
    return found.effect > 1.0 and found.p <= CLEAR and suspect(found, tolerance)


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
    """Whether all pairs, the screen's too, leave no room for a regression."""
    return pooled.closed and pooled.high < 1.0 + tolerance


def undecided_note(found: Estimate, tolerance: float, floor: float | None) -> str:
    """Why the budget was not enough."""
    slower = found.effect > 1.0 and found.p <= CLEAR
    if slower and found.effect >= 1.0 + tolerance and floor and \
            found.effect < 1.0 + 2 * floor:
        return (f"beyond the tolerance, but this machine's noise floor is {floor:.1%}: "
                "use ir, a quieter machine, or a larger tolerance")
    if slower and found.effect < 1.0 + tolerance:
        return "slower, but not shown to be within or beyond the tolerance: more budget"
    if not found.closed:
        return f"{found.pairs} pairs are too few to show anything: more budget"
    if floor and floor >= tolerance * FLOOR_SIGMAS / float(
            scipy_stats.norm.isf(ok_error(1))):
        return (f"this machine's noise floor of {floor:.1%} hides a change of the tolerance: "
                "use ir, a quieter machine, or a larger tolerance")
    return (f"may be {found.high - 1.0:+.1%}: more budget, a quieter "
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


def uncounted(cell: str, metric: Metric, why: str) -> MetricVerdict:
    """A row for which there was no time."""
    return replace(failed(cell, metric, why), verdict=INCONCLUSIVE)


def too_few(cell: str, metric: Metric, why: TooFew) -> MetricVerdict:
    """A row whose time ended before there was enough of it."""
    return replace(uncounted(cell, metric, str(why)), blocks=why.pairs)


def row(cell: str, metric: Metric, word: str, found: Estimate, p: float | None,
        floor: float | None, note: str = "") -> MetricVerdict:
    """A judged row."""
    return MetricVerdict(cell, metric.name, word, found.effect, found.low, found.high,
                         found.p if p is None else p, found.pairs, metric.tolerance, floor,
                         note)


