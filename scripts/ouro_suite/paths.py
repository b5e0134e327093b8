# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""Where things are: the source tree or the installed prefix, and the built programs in it."""
from __future__ import annotations

import functools
import os
from pathlib import Path

from .errors import BadInput

PACKAGE = Path(__file__).resolve().parent
PROGRAMS = ("ouro-work", "ouro-work-cpython", "ouro-work-boehm", "ouro-work-shared_ptr",
            "ouro-replay", "ouro-micro", "ouro-peer-cpython", "ouro-peer-boehm",
            "ouro-peer-shared_ptr", "libouro.so", "libouro-malloc.so",
            "libouro-record.so")
SKIP = {"CMakeFiles", "Testing", "floors", ".git"}


def source_root() -> Path | None:
    """The source tree this package lives in, or None when it is installed."""
    root = PACKAGE.parent.parent
    return root if (root / "CMakeLists.txt").is_file() else None


def prefix() -> Path:
    """The installation prefix: PREFIX/lib/ouro/ouro_suite is this package."""
    return PACKAGE.parent.parent.parent


def build_dir(given: str | None = None) -> Path:
    """The folder the programs are looked for in; OURO_BUILD overrides the release preset's."""
    chosen = given or os.environ.get("OURO_BUILD")
    if chosen:
        if not Path(chosen).is_dir():
            raise BadInput(f"{chosen}: no such build folder")
        return Path(chosen).resolve()
    root = source_root()
    return root / "build" / "release" if root else prefix()


@functools.lru_cache(maxsize=8)
def _found(folder: Path) -> dict[str, list[Path]]:
    """All the programs: from one walk of a build folder, or from the places of a prefix."""
    found: dict[str, list[Path]] = {}
    if source_root() is None and folder == prefix():
        places = [folder / "bin", folder / "lib" / "ouro", *folder.glob("lib/*-linux-*"),
                  folder / "lib64", folder / "lib"]
        for name in PROGRAMS:
            for path in (place / name for place in places if (place / name).is_file()):
                found.setdefault(name, []).append(path)
        return found
    for where, folders, files in os.walk(folder):
        folders[:] = sorted(f for f in folders if f not in SKIP)
        for name in set(files).intersection(PROGRAMS):
            found.setdefault(name, []).append(Path(where) / name)
    return found


def program(name: str, folder: Path) -> Path | None:
    """The built program or library, or None when it was not built."""
    return next(iter(_found(folder).get(name, [])), None)


def several_builds(folder: Path) -> list[Path]:
    """Where a folder that is no build itself holds more than one, such as `build`."""
    found = _found(folder).get("ouro-work", [])
    return found if len(found) > 1 and not (folder / "CMakeCache.txt").is_file() else []


def need(name: str, folder: Path) -> Path:
    """As program(), but missing is an error that says what to do."""
    path = program(name, folder)
    if path is None:
        raise BadInput(f"{name}: not found under {folder}: build it first with scripts/bench")
    return path


def workload_dir() -> Path:
    """The catalogue of workload files."""
    root = source_root()
    return root / "workloads" if root else prefix() / "share" / "ouro" / "workloads"


def runs_dir() -> Path:
    """Where run directories go when -o is not given."""
    root = source_root()
    return root / "results" / "runs" if root else Path("ouro-results")
