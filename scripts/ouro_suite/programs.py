# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""Real programs: the scripts of workloads/programs, what they need, their prepared folders.

docs/programs.md says what such a script is. Used by `ouro whole --programs`, which times them,
and by tests/programs, which compares what they print; standard library only.
"""
from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Sequence

from . import escape, paths
from .errors import BadInput

FORM = "program"
SUFFIX = ".sh"
# Debian's programs and no others: a pyenv or conda on PATH must not lend theirs.
PATH = "/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin"
PREPARE_S = 100.0
KEY = re.compile(r"^# (about|needs|files|tier|measured): (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Program:
    """One real program: its script, and without which programs and files it cannot run."""

    name: str
    path: Path
    about: str
    needs: tuple[str, ...]
    files: tuple[str, ...]
    fast: bool
    measured: bool

    def missing(self) -> str:
        """What is not there; empty when it can run."""
        absent = [p for p in self.needs if not shutil.which(p, path=PATH)]
        return " ".join(absent + [f for f in self.files if not Path(f).exists()])

    def command(self, what: str) -> list[str]:
        """`prepare` or `work`, in the folder that is current then."""
        return ["/bin/sh", str(self.path), what]


def read(path: Path) -> Program:
    """The program that a script describes in its first lines."""
    shown = escape.for_terminal(str(path))
    try:
        keys = dict(KEY.findall(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{shown}: {error}") from None
    absent = {"about", "needs", "tier"} - set(keys)
    if absent or not escape.is_name(path.stem):
        what = f"has no line '# {sorted(absent)[0]}: ...'" if absent else "is no usable name"
        raise BadInput(f"{shown}: {what}")
    return Program(path.stem, path.resolve(), keys["about"], tuple(keys["needs"].split()),
                   tuple(keys.get("files", "").split()), keys["tier"] == "fast",
                   keys.get("measured", "yes") == "yes")


def catalogue() -> dict[str, Program]:
    """The programs that come with ouro."""
    folder = paths.workload_dir() / "programs"
    return {p.stem: read(p) for p in sorted(folder.glob(f"*{SUFFIX}"))}


def choose(names: Sequence[str]) -> list[Program]:
    """Programs by name; without names all that are meant to be measured."""
    known = catalogue()
    for name in names:
        if name not in known:
            raise BadInput(f"--programs {escape.for_terminal(name)}: unknown program; known: "
                           f"{', '.join(known) or 'none'}")
    return [known[n] for n in names] if names else [p for p in known.values() if p.measured]


def environment(folder: Path) -> dict[str, str]:
    """What a program sees, the same on every machine but for the folder."""
    return {"PATH": PATH, "HOME": str(folder), "LC_ALL": "C", "TZ": "UTC"}


def prepare(program: Program, folder: Path) -> str:
    """Makes the program's input in an empty folder; what went wrong, or nothing."""
    folder.mkdir(parents=True)
    try:
        done = subprocess.run(program.command("prepare"), cwd=folder, timeout=PREPARE_S,
                              env=environment(folder), stdin=subprocess.DEVNULL,
                              capture_output=True, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"prepare: {error}"
    said = done.stderr.decode("utf-8", "replace").strip().splitlines()
    return "" if done.returncode == 0 else f"prepare: exit {done.returncode}: {said[:1]}"
