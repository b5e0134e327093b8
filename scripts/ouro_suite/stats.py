# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""Ratios with intervals, from paired blocks or from two independent sets of samples.

Times are positive and their disturbances multiply, so everything is done on logarithms and
given back as ratios. Paired: Hodges-Lehmann estimate (median of the Walsh averages) with the
interval that inverts the exact Wilcoxon signed-rank test. Independent: median of all pairwise
differences with the interval that inverts the exact Mann-Whitney test. Both make no
assumption of a normal distribution and stand single wild samples. With few samples 95 % cannot
be reached; the confidence that was reached is stored with the interval.

Sources: Hodges and Lehmann 1963; Hollander, Wolfe and Chicken, Nonparametric Statistical
Methods, sections 3.1-3.3 and 4.1-4.3.
"""
from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Mapping, Sequence

import numpy as np
from scipy import stats

ALPHA = 0.05
MIN_PAIRS = 5  # below, no interval is worth printing


@dataclass(frozen=True)
class Ratio:
    """candidate / base. `low`, `high`, `confidence` are None when there are too few samples."""

    estimate: float
    low: float | None
    high: float | None
    confidence: float | None
    p_value: float | None
    samples: int


@functools.lru_cache(maxsize=64)
def _signed_rank_pmf(n: int) -> np.ndarray:
    """Null distribution of the signed-rank sum of n pairs without ties: each rank is in the
    sum or not, so the generating function is the product of (1 + x^k) / 2."""
    pmf = np.ones(1)
    for rank in range(1, n + 1):
        longer = np.zeros(len(pmf) + rank)
        longer[:len(pmf)] = pmf / 2
        longer[rank:] += pmf / 2
        pmf = longer
    return pmf


def _rank_sum_pmf(n: int, m: int) -> np.ndarray:
    """Null distribution of the Mann-Whitney statistic: Gaussian binomial coefficients."""
    counts = np.zeros((n + 1, n * m + 1))
    counts[0, 0] = 1.0
    for j in range(1, m + n + 1):  # rank j joins the first sample or not
        for k in range(min(j, n), 0, -1):
            shift = j - k  # how many of the second sample it exceeds
            if shift <= m:
                counts[k, shift:] += counts[k - 1, :n * m + 1 - shift]
            # rank j in the second sample adds nothing to U
    return counts[n] / counts[n].sum()


def _interval(ordered: np.ndarray, pmf: np.ndarray,
              alpha: float = ALPHA) -> tuple[float, float, float]:
    """Order statistics of `ordered` whose ranks cut at most alpha off the null distribution
    (one step more at each end when even the extremes cut more), and their confidence."""
    cumulative = np.cumsum(pmf)
    cut = max(int(np.searchsorted(cumulative, alpha / 2)), 1)
    confidence = 1.0 - 2.0 * float(cumulative[cut - 1])
    return float(ordered[cut - 1]), float(ordered[len(ordered) - cut]), confidence


def _logs(values: Sequence[float]) -> np.ndarray:
    logs = np.asarray(values, dtype=float)
    if logs.size == 0 or not np.all(np.isfinite(logs)) or np.any(logs <= 0):
        raise ValueError("samples must be positive finite numbers, at least one")
    return np.log(logs)


def hodges_lehmann(diff: np.ndarray, alpha: float = ALPHA) -> tuple[float, float, float]:
    """Location of paired differences and the signed-rank interval of confidence 1 - alpha (at
    least, from -log2(alpha) + 1 pairs on): (estimate, low, high)."""
    walsh = _walsh(diff)
    low, high, _ = _interval(walsh, _signed_rank_pmf(len(diff)), alpha)
    return float(np.median(walsh)), low, high


def signed_rank_p(diff: np.ndarray) -> float:
    """Two-sided p of the exact signed-rank test; zeros are left out, tied ranks averaged and
    their sum rounded towards no difference. 1 when nothing differs."""
    moved = diff[diff != 0.0]
    if not len(moved):
        return 1.0
    ranks = stats.rankdata(np.abs(moved))
    smaller = min(float(ranks[moved > 0].sum()), float(ranks[moved < 0].sum()))
    below = _signed_rank_pmf(len(moved))[:math.ceil(smaller) + 1].sum()
    return min(1.0, 2.0 * float(below))


def _walsh(diff: np.ndarray) -> np.ndarray:
    """The means of all pairs, in order."""
    rows, cols = np.triu_indices(len(diff))
    return np.sort((diff[rows] + diff[cols]) / 2.0)


def paired_ratio(candidate: Mapping[int, float], base: Mapping[int, float]) -> Ratio | None:
    """Ratio over the blocks both have; None when there is no such block."""
    blocks = sorted(set(candidate) & set(base))
    if not blocks:
        return None
    diff = _logs([candidate[b] for b in blocks]) - _logs([base[b] for b in blocks])
    walsh = _walsh(diff)
    estimate = math.exp(float(np.median(walsh)))
    if len(diff) < MIN_PAIRS:
        return Ratio(estimate, None, None, None, None, len(diff))
    low, high, confidence = _interval(walsh, _signed_rank_pmf(len(diff)))
    moved = diff[diff != 0.0]
    p_value = float(stats.wilcoxon(moved).pvalue) if len(moved) else 1.0
    return Ratio(estimate, math.exp(low), math.exp(high), confidence, p_value, len(diff))


def independent_ratio(candidate: Sequence[float], base: Sequence[float]) -> Ratio:
    """Ratio of two runs that were not interleaved."""
    ours, theirs = _logs(candidate), _logs(base)
    differences = np.sort((ours[:, None] - theirs[None, :]).ravel())
    estimate = math.exp(float(np.median(differences)))
    smaller = min(len(ours), len(theirs))
    if smaller < MIN_PAIRS - 1:
        return Ratio(estimate, None, None, None, None, smaller)
    low, high, confidence = _interval(differences, _rank_sum_pmf(len(ours), len(theirs)))
    p_value = float(stats.mannwhitneyu(ours, theirs, alternative="two-sided").pvalue)
    return Ratio(estimate, math.exp(low), math.exp(high), confidence, p_value, smaller)


def geomean(values: Sequence[float]) -> float | None:
    """Geometric mean of ratios; None of nothing."""
    return float(stats.gmean(values)) if len(values) else None


def median(values: Sequence[float]) -> float | None:
    return float(np.median(values)) if len(values) else None
