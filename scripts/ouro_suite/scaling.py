# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""How much work fits a budget: the scale of each cell, as a power of two.

A cell's process costs a fixed part (start, live heap, the largest thing it must build once)
and a part that grows with the scale. While a pass over all cells is too long, the cell whose
growing part is the largest is halved; never below the point where start-up and set-up would be
most of what is measured: then fewer blocks are the lesser evil.
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import Mapping, Sequence

MIN_SCALE = 0.001
LEAST_S = 0.03  # of growing work in each process
TRIALS = (0.01, 0.1)  # of full size: two points give the fixed and the growing part


@dataclass(frozen=True)
class Cost:
    """Seconds of one pass over a cell's arms: fixed_s + slope_s x scale."""

    fixed_s: float
    slope_s: float
    arms: int = 1

    def at(self, scale: float) -> float:
        return self.fixed_s + self.slope_s * scale

    def times(self, factor: float) -> "Cost":
        return Cost(self.fixed_s * factor, self.slope_s * factor, self.arms)

    def may_halve(self, scale: float) -> bool:
        """True when half of it is still enough work to measure."""
        return scale / 2 >= MIN_SCALE and \
            self.slope_s * scale / 2 >= max(self.fixed_s / 2, LEAST_S * self.arms)


def cost(trials: Sequence[tuple[float, float]], arms: int) -> Cost:
    """From (scale, seconds) of the smallest and the largest trial of one arm."""
    (small, quick), (large, slow) = min(trials), max(trials)
    slope = max(slow - quick, 0.0) / (large - small) if large > small else 0.0
    return Cost(max(quick - slope * small, 0.0) * arms, slope * arms, arms)


def choose(costs: Mapping[str, Cost], pass_s: float,
           start: Mapping[str, float]) -> dict[str, float]:
    """Scales at which one pass over all cells takes at most pass_s, as far as that is wise."""
    scales = dict(start)
    while sum(c.at(scales[name]) for name, c in costs.items()) > pass_s:
        growing = {name: c.slope_s * scales[name] for name, c in costs.items()
                   if c.may_halve(scales[name])}
        if not growing:
            break
        scales[max(growing, key=lambda name: growing[name])] /= 2
    return scales
