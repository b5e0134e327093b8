# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""The allocators under test: the table, where their libraries are, what identifies them."""
from __future__ import annotations

import functools
import hashlib
import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Mapping

import yaml

from . import escape, paths
from .errors import BadInput

BASELINE = "glibc"
LIBRARY_FOLDERS = ("/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64",
                   "/usr/lib", "/usr/local/lib")

# Other runtimes that do the object form in a program of their own, on the C library's malloc:
# column: worker, Debian package that it needs.
RUNTIMES = {"cpython": ("ouro-work-cpython", "python3-dev"),
            "boehm": ("ouro-work-boehm", "libgc-dev"),
            "shared_ptr": ("ouro-work-shared_ptr", "g++")}


@dataclass(frozen=True)
class Allocator:
    """One allocator: `path` is what gets preloaded, empty for the C library's own. `worker` is
    the program of another runtime, which has the object form only."""

    name: str
    path: str = ""
    package: str = ""
    about: str = ""
    tuning: tuple[str, ...] = ()
    missing: str = ""
    worker: str = ""

    @property
    def expect(self) -> str:
        """The worker's --expect argument."""
        return f"{BASELINE}=" if self.worker else f"{self.name}={self.path}"


def load_table(file: Path | None = None) -> dict[str, dict[str, Any]]:
    """The rows of the allocator table, by name."""
    text = (file or paths.PACKAGE / "allocators.yaml").read_text(encoding="utf-8")
    table = yaml.safe_load(text)
    for name, row in table.items():
        if not escape.is_name(name):
            raise BadInput(f"allocators.yaml: {name!r} is not a usable name")
        unknown = set(row) - {"built", "library", "package", "tuning", "about"}
        if unknown:
            raise BadInput(f"allocators.yaml: {name}: unknown key {sorted(unknown)[0]}")
    return table


@functools.lru_cache(maxsize=1)
def _loader_cache() -> dict[str, str]:
    """File name to path, from the loader's own cache."""
    tool = shutil.which("ldconfig", path=os.environ.get("PATH", "") + ":/sbin:/usr/sbin")
    if tool is None:
        return {}
    done = subprocess.run([tool, "-p"], capture_output=True, text=True, check=False)
    found: dict[str, str] = {}
    for line in done.stdout.splitlines():
        name, arrow, path = line.strip().partition(" => ")
        if arrow:
            found.setdefault(name.split(" ")[0], path)
    return found


def _find_library(names: list[str]) -> str:
    for name in names:
        candidates = [_loader_cache().get(name, "")]
        candidates += [os.path.join(folder, name) for folder in LIBRARY_FOLDERS]
        for path in candidates:
            if path and os.path.isfile(path):
                return path
    return ""


def c_library() -> str:
    """The C library's own file, for programs that are linked with another malloc."""
    return _find_library(["libc.so.6"])


def from_row(name: str, row: Mapping[str, Any], build: Path) -> Allocator:
    """Looks the row's library up; a missing one is noted in `missing`, not raised."""
    path, missing = "", ""
    if "built" in row:
        built = paths.program(row["built"], build)
        path = str(built) if built else ""
        missing = "" if built else f"{row['built']} is not built: run scripts/bench"
    elif "library" in row:
        path = _find_library(list(row["library"]))
        missing = "" if path else f"install the Debian package {row['package']}"
    return Allocator(name=name, path=path, package=row.get("package", ""),
                     about=row.get("about", ""), tuning=tuple(row.get("tuning", ())),
                     missing=missing)


def known(build: Path) -> dict[str, Allocator]:
    """Every allocator of the table, found or missing."""
    return {name: from_row(name, row, build) for name, row in load_table().items()}


def runtime(name: str, build: Path) -> Allocator:
    """Another runtime as a contender; one that was not built is noted in `missing`."""
    worker, package = RUNTIMES[name]
    missing = "" if paths.program(worker, build) else \
        f"{worker} was not built (Debian: {package})"
    return Allocator(name=name, package=package, about=f"objects of {name}, by {worker}",
                     missing=missing, worker=worker)


def from_argument(argument: str, build: Path) -> Allocator:
    """`NAME` of the table, the name of a runtime, or `NAME=/path/lib.so`."""
    name, equals, path = argument.partition("=")
    if not escape.is_name(name):
        raise BadInput(f"-a {escape.for_terminal(argument)}: allocator names are letters, "
                       "digits, '.', '_' and '-'")
    if not equals and name in RUNTIMES:
        return runtime(name, build)
    if not equals:
        table = known(build)
        if name not in table:
            raise BadInput(f"-a {name}: unknown allocator; known: "
                           f"{', '.join([*table, *RUNTIMES])}, "
                           "or NAME=/path/lib.so")
        return table[name]
    if name in load_table() or name in RUNTIMES:
        raise BadInput(f"-a {name}=...: {name} is a name of the table; choose another name")
    file = Path(path)
    if not file.is_file():
        return Allocator(name=name, path=path,
                         missing=f"{escape.for_terminal(path)} is not a file")
    if any(c in path for c in " :\n\t"):
        raise BadInput(f"-a {name}=...: LD_PRELOAD cannot name a path with blanks or colons")
    return Allocator(name=name, path=str(file.resolve()), about="given on the command line")


@functools.lru_cache(maxsize=64)
def file_sha256(path: str) -> str:
    """Digest of a file; empty when it cannot be read."""
    try:
        with open(path, "rb") as handle:
            return hashlib.file_digest(handle, "sha256").hexdigest()
    except OSError:
        return ""


@functools.lru_cache(maxsize=64)
def package_version(package: str) -> str:
    """Installed version of a Debian package; empty when there is none."""
    if not package or shutil.which("dpkg-query") is None:
        return ""
    done = subprocess.run(["dpkg-query", "-W", "-f", "${Version}\n", package],
                          capture_output=True, text=True, check=False)
    return done.stdout.split("\n")[0] if done.returncode == 0 else ""


@dataclass
class Identity:
    """What a run stores about an allocator."""

    name: str
    path: str
    package: str
    version: str
    sha256: str
    build_id: str = ""
    environment: dict[str, str] = field(default_factory=dict)


def tuning_environment(allocators: list[Allocator]) -> dict[str, str]:
    """The variables of the caller's environment that steer any of these allocators."""
    prefixes = tuple(p for a in allocators for p in a.tuning)
    return {k: v for k, v in sorted(os.environ.items()) if prefixes and k.startswith(prefixes)}


def identity(allocator: Allocator) -> Identity:
    """Digest, package and environment of one allocator."""
    return Identity(name=allocator.name, path=allocator.path, package=allocator.package,
                    version=package_version(allocator.package),
                    sha256=file_sha256(allocator.path) if allocator.path else "",
                    environment=tuning_environment([allocator]))
