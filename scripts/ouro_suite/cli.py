# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""The command line: one subcommand each, exit 0 well, 1 a row failed, 2 bad input."""
from __future__ import annotations

import argparse
import sys
import traceback
from typing import Callable, Sequence

from . import VERSION, cli_gate, cli_judge, escape, profiles
from .errors import EXIT_BAD_INPUT, BadInput

EPILOG = "exit status: 0 all well, 1 a row failed, 2 bad input, 130 interrupted"


def _measure(args: argparse.Namespace) -> int:
    from . import measure_run
    return measure_run.run(args)


def _command(name: str) -> Callable[[argparse.Namespace], int]:
    def call(args: argparse.Namespace) -> int:
        from . import commands
        return int(getattr(commands, name)(args))
    return call


class _Parser(argparse.ArgumentParser):
    """argparse, but what it quotes back is made harmless first."""

    def error(self, message: str) -> None:  # type: ignore[override]
        raise BadInput(f"{escape.for_terminal(message)} (see {self.prog} --help)")


Commands = argparse._SubParsersAction  # of _Parser; argparse has no public name for it


def _add(commands: Commands, name: str, about: str, call: Callable[[argparse.Namespace], int],
         json: bool = True) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=about, description=about, epilog=EPILOG)
    parser.set_defaults(call=call)
    parser.add_argument("--build", metavar="DIR",
                        help="folder with the built programs (default: build/release)")
    if json:
        parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    return parser


def _measuring(parser: argparse.ArgumentParser) -> None:
    """Options of the commands that measure blocks."""
    add = parser.add_argument
    add("-a", "--allocator", action="append", metavar="NAME|NAME=/lib.so",
        help="an allocator of the table, a library to preload, or another runtime for the object "
             "form (cpython, boehm, shared_ptr); may be repeated")
    add("-t", "--threads", metavar="1,2,4", help="thread counts (default: as the file says)")
    add("--profile", choices=list(profiles.PROFILES), default="quick",
        help="how much to measure (default: quick; see ouro list)")
    add("--budget", metavar="5m", help="measuring time, e.g. 90s, 5m, 1h")
    add("--seed", type=int, default=1, metavar="N", help="seed of order, work and padding")
    add("-o", "--output", metavar="DIR", help="run directory (default: results/runs/TIME)")
    add("--anonymous", action="store_true", help="store a digest instead of the host's name")
    parser.set_defaults(resume=None, parts=None, form="both", workload=None, traces=[])


def _run_parser(commands: Commands) -> None:
    run = _add(commands, "run", "measure workloads on allocators, interleaved, and compare",
               _measure)
    _measuring(run)
    add = run.add_argument
    add("-w", "--workload", action="append", metavar="NAME|FILE",
        help="a workload of the catalogue or a YAML file; may be repeated (default: all, and "
        "replay, micro and whole besides)")
    add("--form", choices=("raw", "object", "both"), default="both",
        help="raw blocks or objects of the runtime (default: both)")
    add("--parts", nargs="+", choices=profiles.PARTS, metavar="PART",
        help=f"only these of: {', '.join(profiles.PARTS)}")
    add("--resume", metavar="DIR", help="continue the interrupted run in DIR")
    replay = _add(commands, "replay", "replay recorded traces on allocators and compare",
                  _measure)
    _measuring(replay)
    replay.add_argument("traces", nargs="+", metavar="TRACE")
    whole = _add(commands, "whole", "whole processes by hyperfine, Python peers included",
                 _measure)
    _measuring(whole)
    whole.add_argument("-w", "--workload", action="append", metavar="NAME|FILE")
    whole.add_argument("--programs", nargs="*", metavar="NAME", help="real programs instead "
                       "(git, python3, gcc, ...): all that are installed, or these")
    whole.set_defaults(parts=["whole"])


def _other_parsers(commands: Commands) -> None:
    micro = _add(commands, "micro", "micro benchmarks, each beside its physical limit",
                 _command("run_micro"))
    micro.add_argument("--filter", metavar="RE",
                       help="only benchmarks that match (limits stay)")
    micro.add_argument("--min-time", type=float, default=0.2, metavar="S",
                       help="seconds per benchmark (default: 0.2)")
    micro.add_argument("--quick", action="store_true", help="the short selection")
    micro.add_argument("--peers", action="store_true",
                       help="the object rows on other runtimes, too (CPython's C API, Boehm's "
                       "collector, std::shared_ptr), in interleaved rounds")
    micro.add_argument("--rounds", type=int, default=5, metavar="N",
                       help="rounds with --peers (default: 5)")
    micro.add_argument("--markdown", metavar="FILE",
                       help="with --peers: also write the table here")
    micro.add_argument("--out", metavar="FILE", help="also write the JSON here")
    compare = _add(commands, "compare", "stored runs beside each other, the first is the base",
                   _command("compare"))
    compare.add_argument("runs", nargs="+", metavar="RUN")
    compare.add_argument("--filter", metavar="RE", help="only benchmarks that match")
    compare.add_argument("--allow", metavar="KIND,KIND",
                         help="compare in spite of a difference in: machine, mode (of the "
                         "builds), schema, work (a workload that changed under its "
                         "name), names")
    compare.add_argument("--force", action="store_true", help="in spite of all of them")
    report = _add(commands, "report", "write a run's report.md and report.html again",
                  _command("report"), json=False)
    report.add_argument("runs", nargs="+", metavar="RUN")
    record = _add(commands, "record", "write the allocation trace of any program",
                  _command("record"), json=False)
    record.add_argument("-o", "--output", default="ouro.trace", metavar="FILE",
                        help="the trace (default: ouro.trace)")
    record.add_argument("command", nargs=argparse.REMAINDER, metavar="-- CMD ...")
    _add(commands, "doctor", "what on this machine disturbs measurement", _command("examine"))
    _add(commands, "list", "workloads, allocators, profiles", _command("list_all"))
    _add(commands, "knobs", "what the runtime can be told", _command("knobs"))


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = _Parser(prog="ouro", epilog=EPILOG, description="measure memory: workloads x "
                  "allocators, interleaved, with intervals")
    top.add_argument("--version", action="version", version=f"ouro {VERSION}")
    commands = top.add_subparsers(metavar="COMMAND", required=True, parser_class=_Parser)
    _run_parser(commands)
    _other_parsers(commands)
    cli_judge.add(commands, _add)
    cli_gate.add(commands, _add)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; every expected error is one line on stderr."""
    try:
        args = parser().parse_args(argv)
        return int(args.call(args))
    except BadInput as error:
        print(f"ouro: {escape.for_terminal(str(error))}", file=sys.stderr)
        return EXIT_BAD_INPUT
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return EXIT_BAD_INPUT  # nobody read the verdict
    except Exception:  # 1 would read as a regression: a mistake of ours decides nothing
        traceback.print_exc()
        print("ouro: a mistake in ouro itself, please report it", file=sys.stderr)
        return EXIT_BAD_INPUT
