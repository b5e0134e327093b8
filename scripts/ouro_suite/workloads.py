# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""Workload files and traces: finding them by name, and the little that is read from them here.

The worker is the judge of a workload file and says FILE:LINE: reason. Here only its name, its
forms and what it says about itself are looked at.
"""
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from . import escape, paths
from .errors import BadInput

SIZE_CAP = 1 << 20
TRACE = "trace"
FILE = "file"


@dataclass(frozen=True)
class Workload:
    """A workload file, or a recorded trace."""

    name: str
    path: Path
    kind: str = FILE
    forms: tuple[str, ...] = ("raw", "object")
    about: str = ""

    @property
    def program(self) -> str:
        return "ouro-replay" if self.kind == TRACE else "ouro-work"


BOTH = ("raw", "object")


def _content(path: Path) -> dict[str, Any]:
    """The file's keys; none when it is no YAML mapping (the worker gives line and reason)."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def settings(load: Workload) -> dict[str, Any]:
    """The top-level keys of a workload file; none of a trace."""
    return _content(load.path) if load.kind == FILE else {}


def _forms(content: dict[str, Any]) -> tuple[str, ...]:
    """The forms a file offers; both when it does not say."""
    listed = content.get("forms")
    offered = [f.get("form") for f in listed if isinstance(f, dict)] \
        if isinstance(listed, list) else []
    return tuple(f for f in BOTH if f in offered) or BOTH


def open_file(path: Path) -> Workload:
    """A workload from a file given by path; its name is the one the file gives itself."""
    shown = escape.for_terminal(str(path))
    if not path.is_file():
        raise BadInput(f"{shown}: no such workload file")
    if path.stat().st_size > SIZE_CAP:
        raise BadInput(f"{shown}: larger than {SIZE_CAP} bytes, not a workload file")
    content = _content(path)
    name = content.get("name")
    name = name if isinstance(name, str) and escape.is_name(name) else path.stem
    if not escape.is_name(name):
        raise BadInput(f"{shown}: file names of workloads are letters, digits, '.', '_', '-'")
    about = " ".join(str(content.get("about", "")).split())
    return Workload(name, path.resolve(), FILE, _forms(content), escape.for_terminal(about))


def open_trace(path: Path) -> Workload:
    """A recorded trace, replayed in its raw form only."""
    shown = escape.for_terminal(str(path))
    if not path.is_file():
        raise BadInput(f"{shown}: no such trace")
    name = f"replay-{path.stem}"
    if not escape.is_name(name):
        raise BadInput(f"{shown}: file names of traces are letters, digits, '.', '_', '-'")
    return Workload(name, path.resolve(), TRACE, ("raw",))


def catalogue() -> dict[str, Workload]:
    """The workloads that come with ouro."""
    folder = paths.workload_dir()
    return {p.stem: open_file(p) for p in sorted(folder.glob("*.yaml"))}


def from_argument(argument: str) -> Workload:
    """NAME of the catalogue or FILE."""
    if "/" in argument or argument.endswith((".yaml", ".yml")):
        return open_file(Path(argument))
    if escape.is_name(argument):
        path = paths.workload_dir() / f"{argument}.yaml"
        if path.is_file():
            return open_file(path)
    names = sorted(p.stem for p in paths.workload_dir().glob("*.yaml"))
    raise BadInput(f"-w {escape.for_terminal(argument)}: unknown workload; "
                   f"known: {', '.join(names) or 'none'}, or a FILE.yaml")
