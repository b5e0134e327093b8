# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""The part of the command line that judges by samples: gate, calibrate, selftest-gate."""
from __future__ import annotations

import argparse
from typing import Any, Callable

from . import gate_output, profiles

METRICS = "time 2.5%, rss 5%, minflt 5%, p99 10%, pause 25%, ir 0.5%, ops exact"
EPILOG = ("exit status: 0 ok, 1 regression, 2 error or data that decide nothing, "
          "3 inconclusive, 130 interrupted. BUILD: a folder with built programs, an "
          "allocator's .so, an allocator of ouro list, or a git revision (built once, kept "
          "by commit)")


def _lazy(module: str) -> Callable[[argparse.Namespace], int]:
    """numpy and scipy are only loaded by the commands that judge."""
    def call(args: argparse.Namespace) -> int:
        from importlib import import_module
        return int(import_module(f".{module}", __package__).run(args))
    return call


def add(commands: Any, command: Callable[..., argparse.ArgumentParser]) -> None:
    """Adds the parsers; `command` is cli._add."""
    gate = command(commands, "gate", "is the candidate slower than the base? a verdict",
                   _lazy("gate_cmd"))
    gate.epilog = EPILOG
    option = gate.add_argument
    option("--base", metavar="BUILD", help="what it was")
    option("--cand", metavar="BUILD", help="what it becomes")
    _selecting(gate, "5m", "the catalogue")
    _metrics(gate)
    option("--layouts", type=int, default=0, metavar="K",
           help="judge a time suspected of layout again in K other layouts of both revisions")
    option("--force", action="store_true",
           help="judge builds of different type, compiler or options all the same")
    option("-o", "--output", metavar="DIR", help="run directory (default: results/runs/gate-*)")
    option("--resume", metavar="DIR", help="continue the interrupted gate in DIR")
    gate_output.add_arguments(gate)
    gate_output.catch_builds(gate)
    gate.set_defaults(form=None, metric=None, budget=None, seed=None, layouts=None,
                      force=None, timeout_s=None)  # gate_cmd.PLANNED has them: a resume refuses what is said
    noise = command(commands, "calibrate", "the noise floor of this machine, by the same build "
                    "against itself", _lazy("calibrate"))
    _selecting(noise, "5m", "the catalogue")
    test = command(commands, "selftest-gate", "the gate judged on itself, with planted work",
                   _lazy("selftest"))
    test.epilog = ("exit status: 0 the gate was right, 1 it was wrong, 2 error, 3 all gates of a "
                   "kind were inconclusive, 130 interrupted")
    _selecting(test, "8s", "its own three")
    _metrics(test)
    option = test.add_argument
    option("--aa", type=int, default=0, metavar="N", help="gates of a build against itself")
    option("--inject", metavar="5%", help="planted work of one workload, in turn")
    option("--injected", type=int, default=100, metavar="N",
           help="gates with planted work (default: 100)")
    option("--copies", action="store_true",
           help="the candidate is a byte copy of the build in another folder, as the two builds "
           "of a real gate are two sets of files")
    option("--load", choices=("none", "bursts"), default="none",
           help="another process that loads one core in bursts")
    option("-o", "--output", metavar="FILE",
           help="trials, one a line; goes on when it exists (default: "
           "results/selftest/LOAD[-copies].jsonl)")


def _metrics(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--metric", default="time", metavar="NAME:TOL,..",
                        help=f"default: time; there are {METRICS}".replace("%", "%%"))
    parser.add_argument("--tol", metavar="2.5%", help="tolerance of time")


def _selecting(parser: argparse.ArgumentParser, budget: str, catalogue: str) -> None:
    """Options of all commands that sample pairs."""
    option = parser.add_argument
    option("-w", "--workload", action="append", metavar="NAME|FILE",
           help=f"may be repeated (default: {catalogue})")
    option("-t", "--threads", metavar="1,2,4", help="thread counts (default: as the file says)")
    option("--form", choices=("raw", "object", "both"), default="both")
    option("--budget", default=budget, metavar=budget,
           help=f"measuring time at most (default: {budget})")
    option("--seed", type=int, default=1, metavar="N", help="seed of order, work and padding")
    option("--timeout", dest="timeout_s", type=lambda text: profiles.seconds(
        text, "--timeout"), default="2m", metavar="2m",
        help="a process that takes longer hangs (default: 2m)")
    option("--store", metavar="DIR",
           help="where calibrations are kept (default: $XDG_STATE_HOME/ouro)")
