# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""ouro icount: the counts of one build, or the verdict over two."""
from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

from . import (allocators, calibrate, child, context, escape, gate_build, gate_judge, gate_output,
               icount, icount_judge, icount_selftest, paths, plan, store, terminal, verdict,
               workloads)
from .errors import EXIT_BAD_INPUT, EXIT_OK, BadInput
from .gate_build import Side
from .icount_judge import Judged, Subject
from .verdict import GateReport

STARTS_THREADS = ("thread-churn",)  # in its timed work: how they wait is the scheduler's choice
TOP = 8  # functions shown of a row that moved


def subjects(args: argparse.Namespace) -> tuple[tuple[Side, Side], Subject, Subject]:
    """What --base and --cand name, as for ouro gate: a revision is built. Both sides of a raw
    form run in one worker, the candidate's."""
    pair = gate_build.open_pair(args.base, args.cand, args.build)
    base, cand = (Subject(side.folder, lambda cell, at=at: gate_build.make_arms(
        pair, cell.form, icount.TIMEOUT_S)[at]) for at, side in enumerate(pair))
    return pair, base, cand


def tolerance(text: str | None) -> float:
    """`ir:0.5%` or `0.5%`, also without the sign."""
    if text is None:
        return icount_judge.TOLERANCE
    metric, colon, given = text.rpartition(":")
    if colon and metric != icount_judge.METRIC:
        raise BadInput(f"--metric {escape.for_terminal(text)}: icount has the metric ir only")
    value = gate_judge.percent(given, "--metric ir")
    if value == 0.0:
        raise BadInput("--metric ir: a tolerance above 0 %, such as ir:0.5%")
    return value


def cells(args: argparse.Namespace) -> list[plan.Cell]:
    """What is counted: the named workloads in the wanted forms."""
    countable = [n for n in workloads.catalogue() if n not in STARTS_THREADS]
    names = args.workload or list(icount_selftest.WORKLOADS if args.selftest is not None
                                  else countable)
    loads = [workloads.from_argument(n) for n in names]
    found = [plan.Cell(load, form, None) for load in loads for form in load.forms
             if args.form in ("both", form)]
    if not found:
        raise BadInput("no workload selected")
    if len({c.name for c in found}) != len(found):
        raise BadInput("-w: two workloads have the same name")
    return found


def _check(args: argparse.Namespace) -> None:
    if bool(args.base) != bool(args.cand):
        raise BadInput("icount: give both --base and --cand, or neither")
    if args.base and args.allocator:
        raise BadInput("icount: -a is for the counts of one build; --base and --cand take a .so")
    if args.scale is not None and not 0.001 <= args.scale <= 1000:
        raise BadInput("--scale: from 0.001 to 1000")
    if not 1 <= args.seeds <= 100:
        raise BadInput("--seeds: from 1 to 100")
    if not 0 <= args.seed < (1 << 31) - 200:
        raise BadInput("--seed: from 0 to 2147483447")
    if args.selftest is not None and (args.base or args.allocator):
        raise BadInput("icount: --selftest plants its own work: give no --base, --cand or -a")
    if not args.base and any(getattr(args, name) for name in (*gate_output.FILES, "github")):
        raise BadInput("icount: --md, --junit and the like show the verdict over two builds: "
                       "give --base and --cand")
    try:
        icount.launcher()
    except icount.Unavailable as error:
        raise BadInput(str(error)) from None


def _movers_table(judged: Judged) -> Any:
    """Where the difference of a row comes from."""
    total = judged.base[0].total
    body = [(name, before, after, f"{after - before:+d}",
             f"{100 * (after - before) / total:+.3f} %")
            for name, before, after in judged.movers[:TOP]]
    left = len(judged.movers) - len(body)
    title = (f"{judged.row.workload}: what moved, in instructions for seed "
             f"{judged.base[0].seed}" + (f" ({left} more functions)" if left > 0 else ""))
    return terminal.grid(title, ("function", "base", "candidate", "change", "of the total"),
                         body, (1, 2, 3, 4))


def _report(judged: list[Judged], pair: tuple[Side, Side], args: argparse.Namespace,
            start: float, remarks: tuple[str, ...]) -> GateReport:
    """The report. The doctor is not asked: what disturbs times does not change counts."""
    rows = tuple(j.row for j in judged)
    machine = {**context.machine(), "fingerprint": calibrate.fingerprint()}
    settings = {"tool": icount.version(), "seeds": args.seeds,
                "scales": {j.row.workload: j.scale for j in judged},
                "instructions": {j.row.workload: [[b.total, c.total] for b, c in
                                                  zip(j.base, j.cand)] for j in judged},
                "movers": {j.row.workload: j.movers[:TOP] for j in judged}}
    return GateReport(pair[0].describe(), pair[1].describe(), rows,
                      verdict.exit_code(rows), args.seed, machine,
                      round(time.monotonic() - start, 3), remarks, settings)


def _store(args: argparse.Namespace, report: GateReport) -> None:
    if args.output:
        try:
            Path(args.output).mkdir(parents=True, exist_ok=True)
            store.write_atomic(Path(args.output) / "gate.json", report.to_json())
        except OSError as error:
            raise BadInput(f"-o {args.output}: {error.strerror}") from None


def _two(args: argparse.Namespace, start: float) -> int:
    bound = tolerance(args.metric)
    pair, base, cand = subjects(args)
    alike = tuple(gate_build.compared(pair, args.force))
    wanted, judged = cells(args), []
    with terminal.Meter("counting") as meter:
        for index, cell in enumerate(wanted):
            meter.tell(cell.name, index / len(wanted))
            judged.append(icount_judge.judge(cell, base, cand, tolerance=bound, scale=args.scale,
                                             seed=args.seed, seeds=args.seeds))
    report = _report(judged, pair, args, start, alike)
    _store(args, report)
    status = gate_output.show(report, args)
    if not args.json:
        for one in judged:
            if one.movers and one.row.verdict not in (verdict.OK, verdict.ERROR):
                terminal.console().print(_movers_table(one))
    return status


def _one(args: argparse.Namespace, build: Path) -> int:
    """The counts of one build, each taken twice."""
    wanted, rows, failed = cells(args), [], False
    arm = Subject(build)
    if args.allocator:
        arm = _named(args.allocator, build)
    with terminal.Meter("counting") as meter:
        for index, cell in enumerate(wanted):
            meter.tell(cell.name, index / len(wanted))
            try:
                scale = args.scale or icount_judge.choose_scale(arm, cell, args.seed)
                count = arm.count(cell, scale, args.seed)
                icount.check_repeat(count, arm.count(cell, scale, args.seed), cell.name)
            except BadInput as error:
                terminal.say(str(error))
                failed = True
                continue
            rows.append((cell, scale, count))
    if args.json:
        print(store.dumps([{"workload": cell.name, "scale": scale, "seed": c.seed, "ops": c.ops,
                            "checksum": c.checksum, "instructions": c.total,
                            "by_function": c.by_function, "notes": list(c.notes)}
                           for cell, scale, c in rows], indent=1))
    else:
        terminal.console().print(terminal.grid(
            "instructions of the timed phases, each counted twice and equal",
            ("workload", "scale", "operations", "instructions", "each", "most in"),
            [(cell.name, f"{scale:g}", c.ops, c.total, f"{c.total / c.ops:.1f}",
              ", ".join(f"{n} {v / c.total:.0%}" for n, v in sorted(
                  c.by_function.items(), key=lambda x: -x[1])[:3])) for cell, scale, c in rows],
            (1, 2, 3, 4)))
    return EXIT_BAD_INPUT if failed else EXIT_OK


def _named(argument: str, build: Path) -> Subject:
    """-a: an allocator of the table, or NAME=/lib.so."""
    allocator = allocators.from_argument(argument, build)
    table = allocators.known(build)
    return Subject(build, lambda cell: plan.make_arms([allocator], cell.form, table, None)[0])


def run(args: argparse.Namespace) -> int:
    """ouro icount"""
    start = time.monotonic()
    gate_output.check_arguments(args)
    child.stoppable()
    if not (args.base or args.cand):
        _check(args)
        if args.selftest is not None:
            return icount_selftest.run(args, cells(args), tolerance(args.metric))
        return _one(args, paths.build_dir(args.build))
    with gate_output.explained(args):
        try:
            _check(args)
            return _two(args, start)
        except BadInput as error:
            _store(args, gate_output.refusal(args, str(error)))
            raise
