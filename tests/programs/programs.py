#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""Real programs must do the same under a preloaded malloc as without it.

Each file of workloads/programs is one program (docs/programs.md). It runs twice in a folder
of the same name: with the C library's malloc and with the library preloaded. Exit status,
standard output and standard error must be equal. Exit status 0: equal, 1: not, 77: a program
is not installed, 2: called wrongly.
"""
from __future__ import annotations

import argparse
import difflib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))
from ouro_suite import programs  # noqa: E402
from ouro_suite.errors import BadInput  # noqa: E402
from ouro_suite.programs import Program  # noqa: E402

SKIPPED = 77
TIMEOUT_S = 100.0  # some take two seconds, Python's own tests half a minute


@dataclass(frozen=True)
class Ending:
    """What a program did, as far as it must be equal."""

    status: int
    out: str
    err: str

    def lines(self) -> list[str]:
        return [f"exit {self.status}", *self.out.splitlines(),
                *(f"stderr: {line}" for line in self.err.splitlines())]


def call(argv: list[str], folder: Path, extra: dict[str, str]) -> Ending:
    """Runs argv in a session of its own, which is ended when the time is over."""
    env = {**programs.environment(folder), **extra}
    env.update({k: os.environ[k] for k in ("PYTHON",) if k in os.environ})
    process = subprocess.Popen(argv, cwd=folder, env=env, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               start_new_session=True)
    try:
        out, err = process.communicate(timeout=TIMEOUT_S)
        status = process.returncode
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        out, err = process.communicate()
        status = -signal.SIGKILL
        err += f"ended after {TIMEOUT_S:.0f} s\n".encode()
    return Ending(status, out.decode("utf-8", "replace"), err.decode("utf-8", "replace"))


def perform(case: Program, folder: Path, extra: dict[str, str]) -> Ending:
    """Prepares the case without, does its work with `extra` in the environment."""
    shutil.rmtree(folder, ignore_errors=True)
    why = programs.prepare(case, folder)
    if why:
        raise BadInput(f"{case.name}: {why}")
    return call(case.command("work"), folder, extra)


def loads(program: str, library: str, folder: Path) -> bool:
    """Would the dynamic linker put the library into this program? Not into a static one."""
    path = shutil.which(program, path=programs.PATH) or program
    with open(path, "rb") as handle:
        if handle.read(2) == b"#!":  # its interpreter decides
            return True
    said = call([path], folder, {"LD_PRELOAD": library, "LD_TRACE_LOADED_OBJECTS": "1"})
    return library in said.out


def judge(case: Program, folder: Path, preload: dict[str, str]) -> list[str]:
    """How the two runs differ; empty when they do not."""
    plain = perform(case, folder, {})
    if plain.status != 0 or not plain.out:
        return [f"without the library: {line}" for line in plain.lines()[:20]]
    for program in case.needs:
        if not loads(program, preload["LD_PRELOAD"], folder):
            return [f"{program} does not load {preload['LD_PRELOAD']}"]
    under = perform(case, folder, preload)
    return list(difflib.unified_diff(plain.lines(), under.lines(), "without", "with", n=1,
                                     lineterm=""))[:40]


def run(case: Program, preload: dict[str, str], differs: bool) -> int:
    """One case; `differs`: the library is wrong on purpose and must be noticed."""
    missing = case.missing()
    if missing:
        print(f"{case.name}: skipped: not installed: {missing}")
        return SKIPPED
    with tempfile.TemporaryDirectory(prefix="ouro-programs-") as parent:
        difference = judge(case, Path(parent) / "work", preload)
    if bool(difference) == differs:
        print(f"{case.name}: {'noticed' if differs else 'identical'}")
        return 0
    print(f"{case.name}: {'a wrong malloc was not noticed' if differs else 'NOT identical'}")
    print("\n".join(f"    {line}" for line in difference))
    return 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preload", required=True, metavar="LIB", help="the malloc under test")
    parser.add_argument("--env", action="append", default=[], metavar="NAME=VALUE",
                        help="also set while it is preloaded, e.g. OURO_CONF=...")
    parser.add_argument("--differs", action="store_true",
                        help="the library is wrong: succeed when every case notices")
    parser.add_argument("--at-least", type=int, default=0, metavar="N",
                        help="run nothing, fail when fewer than N of the cases could run")
    parser.add_argument("names", nargs="*", metavar="NAME", help="cases (default: all)")
    args = parser.parse_args()
    cases = programs.choose(args.names or list(programs.catalogue()))
    if args.at_least:
        able = [c.name for c in cases if not c.missing()]
        print(f"{len(able)} of {len(cases)} programs can run: {' '.join(able)}")
        return 0 if len(able) >= args.at_least else 1
    library = str(Path(args.preload).resolve(strict=True))
    preload = {"LD_PRELOAD": library, **dict(e.split("=", 1) for e in args.env)}
    results = [run(case, preload, args.differs) for case in cases]
    ran = [r for r in results if r != SKIPPED]
    if len(results) > 1:
        print(f"{len(ran)} programs, {ran.count(0)} {'noticed' if args.differs else 'identical'}")
    return max(ran) if ran else SKIPPED


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BadInput as error:
        print(f"programs.py: {error}", file=sys.stderr)
        sys.exit(2)
