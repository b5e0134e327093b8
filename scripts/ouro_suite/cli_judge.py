# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""The part of the command line that judges without measuring time."""
from __future__ import annotations

import argparse
from typing import Callable

from . import gate_output

Add = Callable[..., argparse.ArgumentParser]
EPILOG = "exit status: 0 no regression, 1 regression, 2 error, 3 inconclusive"


def _verdict(args: argparse.Namespace) -> int:
    return gate_output.again(args)


def _icount(args: argparse.Namespace) -> int:
    from . import icount_run
    return icount_run.run(args)


def _add_icount(commands: object, command: Add) -> None:
    one = command(commands, "icount", "instructions of a workload's timed phases by callgrind, "
                  "exact: of one build, or the verdict over two", _icount)
    one.epilog = EPILOG
    add = one.add_argument
    add("-w", "--workload", action="append", metavar="NAME|FILE",
        help="a workload of the catalogue or a YAML file; may be repeated (default: all "
        "but thread-churn, whose threads wait as the scheduler likes)")
    add("--form", choices=("raw", "object", "both"), default="both",
        help="raw blocks or objects of the runtime (default: both)")
    add("-a", "--allocator", metavar="NAME|NAME=/lib.so",
        help="of one build: the allocator to count (default: ouro's own)")
    add("--base", metavar="BUILD", help="build folder, prefix or allocator's .so to compare to")
    add("--cand", metavar="BUILD", help="the candidate, named in the same ways")
    add("--metric", "--tol", dest="metric", metavar="ir:0.5%",
        help="more than this is a regression (default: 0.5%%)")
    add("--force", action="store_true",
        help="judge builds of different type, compiler or options all the same")
    add("--scale", type=float, metavar="X",
        help="share of the workload's operations (default: about 20 million instructions)")
    add("--seed", type=int, default=1, metavar="N", help="the first seed (default: 1)")
    add("--seeds", type=int, default=2, metavar="N",
        help="how many seeds must agree (default: 2)")
    add("-o", "--output", metavar="DIR", help="store the report there as gate.json (with "
        "--selftest: the file of the result)")
    add("--selftest", type=int, metavar="N",
        help="N trials of planted work over churn and large-list: is all of it found?")
    add("--inject", default="2%", metavar="2%", help="planted work of --selftest (default: 2%%)")
    gate_output.add_arguments(one)
    gate_output.catch_builds(one)


def _baseline(args: argparse.Namespace) -> int:
    from . import baseline
    return baseline.run(args)


def _add_baseline(commands: object, command: Add) -> None:
    one = command(commands, "baseline", "names for the builds that candidates are compared to; "
                  "they are measured again, their old numbers are not judged", _baseline)
    one.epilog = "exit status: 0 all well, 2 bad input"
    add = one.add_argument
    add("action", choices=("save", "show", "use"), help="use prints the build for --base")
    add("name", nargs="?", metavar="NAME")
    add("run", nargs="?", metavar="RUN", help="save: a run whose commit and numbers to keep")
    add("--base", metavar="BUILD", help="save: the build, a revision or a folder "
        "(default: the run's commit, or HEAD)")
    add("--branch", metavar="NAME", help="keep baselines on this branch")
    add("--store", metavar="DIR", help="keep them in this folder (default: results/baselines)")
    add("--numbers", metavar="DIR", help="use: write the stored run there, for ouro compare")


def add(commands: object, command: Add) -> None:
    """Adds the parsers; `command` is cli._add."""
    _add_icount(commands, command)
    _add_baseline(commands, command)
    again = command(commands, "verdict", "a stored report of the gate, shown again and turned "
                    "into what CI reads; exits as the gate did", _verdict)
    again.epilog = EPILOG
    again.add_argument("report", metavar="RUN|gate.json")
    gate_output.add_arguments(again)
