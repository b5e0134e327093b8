# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""ouro and the peer runtimes on the same object rows: interleaved rounds, medians, paired ratios.

One round runs every program once, each in a process of its own, starting one further along the
list than the round before. A row's ratio to a peer pairs the two figures of one round; its
limit is the median of what ouro-micro measured in the same processes.
"""
from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Callable, Mapping

from . import escape, micro, paths, stats

OURO = "ouro"
PEERS = {  # column: Debian package that its program needs
    "cpython": "python3-dev",
    "boehm": "libgc-dev",
    "shared_ptr": "g++",
}
DEFAULT_ROWS = "^(counts|objects|lists|dicts|intern|rings|chains)/"


@dataclass
class PeerRow:
    """One operation. Times are ns an operation; `ratios` are peer / ouro, above 1 is slower."""

    name: str
    times: dict[str, float] = field(default_factory=dict)
    ratios: dict[str, stats.Ratio] = field(default_factory=dict)
    limit: str = ""
    limit_ns: float | None = None
    multiple: float | None = None
    errors: dict[str, str] = field(default_factory=dict)


Samples = dict[str, dict[str, dict[int, float]]]  # row, column, round: ns


def program(column: str) -> str:
    return "ouro-micro" if column == OURO else f"ouro-peer-{column}"


def installed(build: Path) -> tuple[list[str], list[dict[str, str]]]:
    """Columns that can be measured, and what is skipped with its reason."""
    paths.need(program(OURO), build)
    there = [c for c in PEERS if paths.program(program(c), build)]
    skipped = [{"peer": c, "reason": f"{program(c)} was not built (Debian: {package})"}
               for c, package in PEERS.items() if c not in there]
    return [OURO, *there], skipped


def pattern_for(column: str, pattern: str) -> str:
    """A peer's rows carry its name in front, so an anchor moves behind it."""
    if column == OURO:
        return pattern
    return re.sub(r"(?<![\[\\])\^", f"^{column}/", pattern)


def order(columns: list[str], turn: int) -> list[str]:
    """Everyone is first as often as the others, so that a drift meets all of them."""
    first = turn % len(columns)
    return columns[first:] + columns[:first]


@dataclass
class Rounds:
    """What the rounds have brought so far."""

    samples: Samples = field(default_factory=lambda: defaultdict(lambda: defaultdict(dict)))
    limits: dict[str, str] = field(default_factory=dict)  # row: its limit's name
    errors: dict[str, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))
    versions: dict[str, str] = field(default_factory=dict)
    failures: list[dict[str, str]] = field(default_factory=list)
    elapsed_s: float = 0.0

    def add(self, column: str, turn: int, data: Mapping[str, Any]) -> None:
        """Takes one process's record in."""
        self.elapsed_s += data["elapsed_s"]
        self.versions[column] = str(data["context"].get("runtime_version", ""))
        for row in data["rows"]:
            name = row["name"].removeprefix(f"{column}/")
            if row["error"]:
                self.errors[name][column] = row["error"]
            elif row["time_ns"]:
                self.samples[name][column][turn] = row["time_ns"]
            if column == OURO and row["limit"]:
                self.limits[name] = row["limit"]
        if data["failure"]:
            self.failures.append({"peer": column, "round": str(turn),
                                  "failure": str(data["failure"])})


def _row(name: str, rounds: Rounds) -> PeerRow:
    row = PeerRow(name, limit=rounds.limits.get(name, ""), errors=dict(rounds.errors[name]))
    arms = {c: s for c, s in rounds.samples[name].items() if c not in row.errors}
    row.times = {c: stats.median(list(s.values())) or 0.0 for c, s in arms.items()}
    for column, samples in arms.items():
        ratio = stats.paired_ratio(samples, arms.get(OURO, {})) if column != OURO else None
        if ratio:
            row.ratios[column] = ratio
    limit = rounds.samples.get(row.limit, {}).get(OURO)
    if limit:
        row.limit_ns = stats.median(list(limit.values()))
        ratio = stats.paired_ratio(arms.get(OURO, {}), limit)
        row.multiple = ratio.estimate if ratio else None
    return row


def table(rounds: Rounds) -> list[PeerRow]:
    """Rows that a peer did, too (or failed to do), in ouro-micro's order."""
    named = [n for n in rounds.samples if not n.startswith("limit/")]
    named += [n for n in rounds.errors if n not in rounds.samples]
    rows = [_row(name, rounds) for name in named]
    return [r for r in rows if (set(r.times) | set(r.errors)) - {OURO} or r.errors]


def run(build: Path, pattern: str | None, min_time: float, quick: bool, count: int,
        timeout_s: float, tell: Callable[[str, float], None]) -> dict[str, Any]:
    """Measures `count` rounds; the table as plain data."""
    columns, skipped = installed(build)
    rounds = Rounds()
    steps = count * len(columns)
    for turn in range(count):
        for at, column in enumerate(order(columns, turn)):
            tell(f"round {turn + 1} of {count}: {program(column)}",
                 (turn * len(columns) + at) / steps)
            wanted = pattern_for(column, pattern or DEFAULT_ROWS)
            try:
                rounds.add(column, turn, micro.run(build, wanted, min_time, quick, timeout_s,
                                                   program(column)))
            except micro.NoRows:
                if column == OURO:
                    raise
    rows = table(rounds)
    return {"columns": columns, "skipped": skipped, "rounds": count,
            "versions": rounds.versions, "rows": [asdict(r) for r in rows],
            "failures": rounds.failures, "elapsed_s": rounds.elapsed_s}


def confidence(data: Mapping[str, Any]) -> str:
    """What the brackets mean."""
    sure = {round(r["confidence"] * 100, 1) for row in data["rows"]
            for r in row["ratios"].values() if r["confidence"]}
    if not sure:
        return f"{data['rounds']} rounds: too few for intervals (5 are needed)"
    return (f"[low, high]: {min(sure):g} % interval of the paired ratio over {data['rounds']} "
            "interleaved rounds (signed rank, Hodges-Lehmann)")


def number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}" if value < 10 else f"{value:.1f}" \
        if value < 100 else f"{value:.0f}"


def _factor(ratio: Mapping[str, Any] | None) -> str:
    return f"{number(ratio['estimate'])}x" if ratio else ""


def _spread(ratio: Mapping[str, Any] | None) -> str:
    if not ratio or ratio["low"] is None:
        return ""
    return f"[{number(ratio['low'])}, {number(ratio['high'])}]"


def cells(row: Mapping[str, Any], columns: list[str], spread: bool) -> list[str]:
    """Operation; ouro; each peer's time and its ratio to ouro; limit and its multiple."""
    out = [row["name"], row["errors"].get(OURO) or number(row["times"].get(OURO))]
    for column in columns[1:]:
        ratio = row["ratios"].get(column)
        shown = [number(row["times"].get(column)), _factor(ratio),
                 _spread(ratio) if spread else ""]
        out.append(row["errors"].get(column) or " ".join(x for x in shown if x))
    multiple = f"{number(row['multiple'])}x" if row["multiple"] else ""
    return [*out, number(row["limit_ns"]), multiple]


def header(data: Mapping[str, Any]) -> list[str]:
    return ["ns per operation", *data["columns"], "limit", "ouro / limit"]


def markdown(data: Mapping[str, Any]) -> str:
    """The table for a document."""
    head = header(data)
    lines = ["| " + " | ".join(head) + " |", "|---|" + "---:|" * (len(head) - 1)]
    lines += ["| " + " | ".join(escape.for_markdown(c) for c in cells(row, data["columns"], True))
              + " |" for row in data["rows"]]
    versions = ", ".join(f"{c} {v.split()[0] if c != 'shared_ptr' else v}"
                         for c, v in data["versions"].items() if v)
    return "\n".join([*lines, "", f"{versions}. Nx: time / ouro's time. {confidence(data)}.", ""])
