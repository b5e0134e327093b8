# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""May these stored runs stand beside each other? Every obstacle has a kind, and a kind can be
allowed: machine, mode (of the builds), schema, work (a workload that changed under its name),
names (what one run has and another has not)."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Iterable, Sequence

from . import escape
from .errors import BadInput
from .result import Result

KINDS = ("machine", "mode", "schema", "work", "names")
CONTEXT = {"machine": ("host_name", "cpu", "num_cpus", "usable_cpus", "machine", "thp", "aslr",
                       "cgroup_limits"),
           "mode": ("library_build_type", "build_type", "sanitize", "check"),
           "schema": ("json_schema_version",)}
SHOWN = 3  # names of a list in a message


@dataclass(frozen=True)
class Obstacle:
    """Why runs are not comparable."""

    kind: str
    reason: str


def _short(value: Any) -> str:
    text = escape.for_terminal(str("" if value is None else value))
    return text if len(text) <= 40 else text[:37] + "..."


def _context(first: Result, other: Result) -> list[Obstacle]:
    return [Obstacle(kind, f"{key} is {_short(first.context.get(key))} and "
                     f"{_short(other.context.get(key))}")
            for kind, keys in CONTEXT.items() for key in keys
            if first.context.get(key) != other.context.get(key)]


def _list(names: Iterable[str]) -> str:
    every = sorted(names)
    more = f" and {len(every) - SHOWN} more" if len(every) > SHOWN else ""
    return ", ".join(_short(n) for n in every[:SHOWN]) + more


def _names(first: Result, other: Result, wanted: Callable[[str], Any]) -> list[Obstacle]:
    mine, theirs = ({str(e["name"]) for e in run.benchmarks if wanted(str(e["name"]))}
                    for run in (first, other))
    found = []
    for missing, run in ((mine - theirs, other), (theirs - mine, first)):
        if missing:
            found.append(Obstacle("names", f"{_short(run.name)} does not have {_list(missing)}"))
    return found


def _sums(run: Result, wanted: Callable[[str], Any]) -> dict[tuple[Any, ...], Any]:
    """Checksums by what must determine them."""
    return {(e["cell"], e.get("seed"), e.get("scale"), e.get("threads")): e.get("checksum")
            for e in run.benchmarks if wanted(str(e["name"]))}


def _work(first: Result, other: Result, wanted: Callable[[str], Any]) -> list[Obstacle]:
    """Equal orders that gave different work: a workload has changed under its name."""
    mine, theirs = _sums(first, wanted), _sums(other, wanted)
    changed = {str(key[0]) for key in set(mine) & set(theirs) if mine[key] != theirs[key]}
    return [Obstacle("work", f"other work under the name {_list(changed)}")] if changed else []


def obstacles(runs: Sequence[Result], wanted: Callable[[str], Any]) -> list[Obstacle]:
    """What stands between the first run and each other one; `wanted` chooses benchmarks."""
    found = []
    for other in runs[1:]:
        found += [*_context(runs[0], other), *_work(runs[0], other, wanted),
                  *_names(runs[0], other, wanted)]
    return list(dict.fromkeys(found))


def kinds(text: str | None) -> set[str]:
    """`machine,names` as a set."""
    chosen = set(filter(None, (text or "").split(",")))
    unknown = chosen - set(KINDS)
    if unknown:
        raise BadInput(f"--allow {escape.for_terminal(sorted(unknown)[0])}: known: "
                       f"{', '.join(KINDS)}")
    return chosen


def check(runs: Sequence[Result], allowed: set[str], wanted: Callable[[str], Any]) -> list[str]:
    """The allowed differences, to be said; BadInput when there is one that is not allowed."""
    found = obstacles(runs, wanted)
    left = [o for o in found if o.kind not in allowed]
    if left:
        needed = [k for k in KINDS if any(o.kind == k for o in left)]
        said = "; ".join(o.reason for o in left[:6]) + ("; ..." if len(left) > 6 else "")
        raise BadInput(f"compare: {said} (--allow {','.join(needed)} compares all the same)")
    return [f"{o.kind}: {o.reason}" for o in found]
