# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""How much to measure: three sizes of a run, each a row."""
from __future__ import annotations

import re
from dataclasses import dataclass

from .errors import BadInput


@dataclass(frozen=True)
class Profile:
    """Blocks are repetitions: one fresh process per arm each. `budget_s` is measuring time,
    within which as many blocks as fit are run, at least `min_blocks` by lowering the scale."""

    name: str
    about: str
    min_blocks: int
    max_blocks: int
    scale: float
    budget_s: float
    timeout_s: float


PROFILES = {p.name: p for p in (
    Profile("quick", "a first answer within a minute, five blocks", 5, 8, 1.0, 60.0, 30.0),
    Profile("std", "twelve blocks at full size, for daily work", 12, 16, 1.0, 600.0, 120.0),
    Profile("publish", "thirty blocks at full size, for figures that others will quote",
            30, 40, 1.0, 7200.0, 600.0),
)}

PARTS = ("workloads", "replay", "micro", "whole")  # of a run, in this order
QUICK_WORKLOADS = ("circular", "churn", "large-list")
QUICK_OBJECT_MALLOC = ("glibc", "jemalloc")  # of the object form's malloc arms

UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}


def seconds(text: str, what: str = "--budget") -> float:
    """`90`, `90s`, `5m`, `1.5h` in seconds; `what` is the option that says so."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(s|m|min|h)?", text)
    value = float(match[1]) * UNITS[match[2] or ""] if match else 0.0
    if not 1.0 <= value <= 7 * 86400:
        raise BadInput(f"{what} {text!r}: write 90s, 5m or 1h, from 1s to 168h")
    return value
