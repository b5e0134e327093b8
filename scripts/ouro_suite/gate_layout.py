# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""Is it the code or where the linker put it? Both revisions built again with other layouts.

The same source with another alignment and another order of functions is the same program to a
reader and another one to a cache. A slow-down that belongs to the change is there in most
layouts; one that belongs to the layout is not (Curtsinger and Berger 2013). Only revisions can
be built again, so `--layouts` wants them on both sides.
"""
from __future__ import annotations

from dataclasses import replace
from typing import Any, Callable

import numpy as np

from . import gate_build
from . import gate_judge as judge
from .errors import BadInput
from .gate_build import Side
from .gate_sampler import Rows, Sampler
from .verdict import INCONCLUSIVE, OK, MetricVerdict

FIRST_STAGE = 2  # after screen and confirmation
BLOCKS = 24  # of one layout
MOST = 8
ALIGNMENT = (32, 64, 16, 128)  # bytes of a function's start
ORDER = (("-ffunction-sections", "-Wl,--sort-section=name"),
         ("-ffunction-sections", "-Wl,--sort-section=alignment"), ())


def flags(number: int) -> tuple[str, ...]:
    """Compiler and linker flags of a layout; each of the first twelve is another one."""
    return (f"-falign-functions={ALIGNMENT[number % len(ALIGNMENT)]}",
            *ORDER[number % len(ORDER)])


def check(layouts: int, pair: tuple[Side, Side]) -> None:
    """Refuses what cannot be built again, before anything is measured."""
    if not 0 <= layouts <= MOST:
        raise BadInput(f"--layouts: from 0 to {MOST}")
    if layouts and not all(side.commit for side in pair):
        raise BadInput("--layouts: builds both sides again, so both must be git revisions")


def rebuilt(pair: tuple[Side, Side], number: int) -> tuple[Side, Side]:
    """Both sides in another layout."""
    chosen = flags(number)
    base, cand = (replace(s, folder=gate_build.build_commit(s.commit, s.side, chosen),
                          flags=chosen) for s in pair)
    return base, cand


def judged(row: MetricVerdict, effects: list[float], pooled: judge.Estimate) -> MetricVerdict:
    """The suspected row after its layouts. It stays a regression if the median layout is one;
    it passes if all pairs of the other layouts together leave no room for one."""
    middle = float(np.median([row.effect or 1.0, *effects]))
    note = (f"{row.note}; over {len(effects) + 1} layouts median {middle - 1:+.1%}, from "
            f"{min(effects) - 1:+.1%} to {max(effects) - 1:+.1%}")
    if middle >= 1.0 + row.tolerance:
        return replace(row, note=note, layout_suspect=False)
    word = OK if judge.harmless(pooled, row.tolerance) else INCONCLUSIVE
    return replace(row, verdict=word, note=note, effect=pooled.effect, low=pooled.low,
                   high=pooled.high, p=pooled.p, blocks=pooled.pairs)


def again(sampler: Sampler, row: MetricVerdict, layouts: int, replica: Callable[[int], Rows],
          read: Callable[[dict[str, Any]], float],
          estimate: Callable[[Any], judge.Estimate]) -> MetricVerdict:
    """Measures a suspected row in other layouts; builds do not count into the budget.
    `estimate` makes the interval that an `ok` must show in this gate."""
    effects: list[float] = []
    for number in range(layouts):
        with sampler.paused():
            rows = [(c, a) for c, a in replica(number) if c.name == row.workload]
        for block in range(BLOCKS):
            if not sampler.affordable(rows, sampler.budget_s):
                break
            sampler.tell(f"layout {number + 1}/{layouts}, block {block + 1}", sampler.share())
            sampler.block(FIRST_STAGE + number, block, rows)
        if row.workload in sampler.failures:
            raise BadInput(sampler.failures[row.workload])
        try:
            effects.append(judge.estimate(sampler.pairs(
                row.workload, [FIRST_STAGE + number], read)).effect)
        except judge.Undecidable as error:
            return replace(row, note=f"{row.note}; layout {number + 1} not judged: {error}")
    pooled = estimate(sampler.pairs(row.workload, range(FIRST_STAGE, FIRST_STAGE + layouts),
                                    read))
    return judged(row, effects, pooled)
