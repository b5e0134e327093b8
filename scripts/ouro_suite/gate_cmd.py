# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""ouro gate: arguments, run directory and resume around gate_run.py."""
from __future__ import annotations

import argparse
import datetime
import hashlib
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Sequence

from . import (allocators, calibrate, child, context, doctor, escape, gate_build, gate_layout,
               gate_output, gate_worker, paths, profiles, store, terminal, verdict, workloads)
from . import gate_judge as judge
from .asked import thread_counts
from .errors import BadInput
from .gate_build import GateArm, GateCell, Side
from .gate_judge import Metric
from .gate_run import Gate, Order
from .gate_sampler import Sampler

EXIT_INTERRUPTED = 130
# What a resumed gate takes from its plan, and what holds where nothing is said.
PLANNED: dict[str, tuple[str, Any]] = {
    "base": ("--base", None), "cand": ("--cand", None), "build": ("--build", None),
    "workload": ("-w", None), "threads": ("-t", None), "form": ("--form", "both"),
    "metric": ("--metric", "time"), "tol": ("--tol", None), "budget": ("--budget", "5m"),
    "seed": ("--seed", 1), "store": ("--store", None), "layouts": ("--layouts", 0),
    "force": ("--force", False), "timeout_s": ("--timeout", 120.0), "output": ("-o", None)}


@dataclass
class Asked:
    """The arguments of a gate, as plan.json keeps them."""

    base: str
    cand: str
    build: str | None
    workload: list[str]
    threads: str | None
    form: str
    metric: str
    tol: str | None
    budget_s: float
    seed: int
    store: str | None
    layouts: int
    force: bool = False
    timeout_s: float = PLANNED["timeout_s"][1]
    identity: dict[str, str] = field(default_factory=dict)


def completed(args: argparse.Namespace) -> list[str]:
    """Fills in what was not said; the options that were."""
    said = [name for name in PLANNED if getattr(args, name) is not None]
    for name in set(PLANNED) - set(said):
        setattr(args, name, PLANNED[name][1])
    return [PLANNED[name][0] for name in said]


def _asked(args: argparse.Namespace) -> Asked:
    if not args.base or not args.cand:
        raise BadInput("gate: give --base BUILD and --cand BUILD")
    if not 0 <= args.seed < 1 << 31:
        raise BadInput("--seed: from 0 to 2147483647")
    if args.store and Path(args.store).exists() and not Path(args.store).is_dir():
        raise BadInput(f"--store {escape.for_terminal(args.store)}: is no folder")
    return Asked(args.base, args.cand, args.build, args.workload or [], args.threads, args.form,
                 args.metric, args.tol, profiles.seconds(args.budget), args.seed, args.store,
                 args.layouts, args.force, args.timeout_s)


def rows_of(pair: tuple[Side, Side], asked: Any, metrics: Sequence[Metric],
            inject: float = 0.0) -> list[tuple[GateCell, list[GateArm]]]:
    """Every cell with its two arms."""
    names = asked.workload or list(workloads.catalogue())
    loads = [workloads.from_argument(n) for n in names]
    if len({w.name for w in loads}) != len(loads):
        raise BadInput("-w: two workloads have the same name")
    modes = [False] * any(m.name != "p99" for m in metrics) + \
        [True] * any(m.name == "p99" for m in metrics)
    rows = []
    for load in loads:
        for form in load.forms:
            if asked.form not in ("both", form):
                continue
            arms = gate_build.make_arms(pair, form, asked.timeout_s, inject)
            for threads in thread_counts(asked.threads) or [None]:
                rows += [(GateCell(load, form, threads, latency), arms) for latency in modes]
    if not rows:
        raise BadInput("no workload is selected: there is nothing to judge")
    return rows


def _identity(pair: tuple[Side, Side], rows: Sequence[tuple[GateCell, Any]]) -> dict[str, str]:
    """Digests of all that must not change between the two halves of a gate."""
    found = {f"{s.side} {name}": digest for s in pair for name, digest in s.digests().items()}
    for cell, _ in rows:
        file = str(cell.workload.path)
        found[file] = allocators.file_sha256(file)
    used = [a.allocator for _, arms in rows for a in arms]
    found["environment"] = hashlib.sha256(
        repr(allocators.tuning_environment(used)).encode()).hexdigest()
    found["machine"] = calibrate.fingerprint()
    return found


def _stored(data: Any) -> Asked:
    """The arguments from plan.json, as checked as those of the command line."""
    def text(*values: Any) -> bool:
        return all(isinstance(v, str) for v in values)
    try:
        asked = Asked(**data)
    except TypeError as error:
        raise BadInput(f"--resume: plan.json is damaged: {error}") from None
    maybe = [v for v in (asked.build, asked.threads, asked.tol, asked.store) if v is not None]
    if not text(asked.base, asked.cand, asked.form, asked.metric, *maybe) \
            or not isinstance(asked.workload, list) or not text(*asked.workload) \
            or type(asked.seed) is not int or type(asked.layouts) is not int \
            or type(asked.force) is not bool \
            or any(type(s) not in (int, float) or not 0 < s < 1e9
                   for s in (asked.budget_s, asked.timeout_s)) \
            or not isinstance(asked.identity, dict) \
            or not text(*asked.identity.values()):
        raise BadInput("--resume: plan.json is damaged: a field has the wrong type")
    return asked


def _open(args: argparse.Namespace) -> tuple[Asked, store.RunDir]:
    if args.resume:
        rundir = store.RunDir.open(Path(args.resume), resume=True)
        return _stored(rundir.read_json("plan.json")), rundir
    asked = _asked(args)
    stamp = datetime.datetime.now().strftime("gate-%Y%m%d-%H%M%S")
    folder = Path(args.output) if args.output else paths.runs_dir() / stamp
    return asked, store.RunDir.open(folder)


def _order(asked: Asked, rows: Any, metrics: list[Metric]) -> Order:
    """The order with what calibration knows of this machine."""
    noise = calibrate.load(asked.store)
    clocks = {c.name: noise[c.name].clock for c, _ in rows if c.name in noise}
    floors = {(name, "time"): noise[name].floor[clock] for name, clock in clocks.items()}
    return Order(rows, metrics, asked.seed, asked.budget_s, clocks, floors)


def _machine(findings: list[doctor.Finding]) -> dict[str, Any]:
    """Where it was measured and what disturbed it."""
    return {**context.machine(), "fingerprint": calibrate.fingerprint(),
            "host_name": context.host_name(False), "doctor": doctor.summary(findings)}


def run(args: argparse.Namespace) -> int:
    """ouro gate"""
    gate_output.check_arguments(args)
    child.stoppable()
    child.adopt_orphans()
    said = completed(args)
    with gate_output.explained(args):
        if args.resume and said:
            raise BadInput(f"--resume: the gate's own plan decides: leave out {', '.join(said)}")
        asked, rundir = _open(args)
        args.base, args.cand, args.seed = asked.base, asked.cand, asked.seed
        with rundir:
            try:
                return _gate(asked, rundir, args)
            except KeyboardInterrupt:
                terminal.say("interrupted; kept, continue with: "
                             f"ouro gate --resume {rundir.path}")
                return EXIT_INTERRUPTED
            except BadInput as error:
                _refused(rundir, args, str(error))
                raise


def _refused(rundir: store.RunDir, args: argparse.Namespace, why: str) -> None:
    """What is left of a gate that cannot judge: the reason in a folder that somebody chose or
    that holds samples; the verdict that a resumed one has had stays."""
    file = rundir.path / "gate.json"
    if not args.resume and not (rundir.path / "samples.jsonl").exists():
        rundir.discard()
        if not args.output:
            return
        rundir.path.mkdir(parents=True, exist_ok=True)
    if not (args.resume and file.exists()):
        store.write_atomic(file, gate_output.refusal(args, why).to_json())


def _gate(asked: Asked, rundir: store.RunDir, args: argparse.Namespace) -> int:
    metrics = judge.parse_metrics(asked.metric, asked.tol)
    rundir.write_json("plan.json", asdict(asked))  # building may take long and be interrupted
    pair = gate_build.open_pair(asked.base, asked.cand, asked.build)
    gate_layout.check(asked.layouts, pair)
    alike = gate_build.compared(pair, asked.force)
    rows = rows_of(pair, asked, metrics)
    now = _identity(pair, rows)
    if not asked.identity and (rundir.path / "samples.jsonl").exists():
        raise BadInput("--resume: plan.json is damaged: it does not say what was measured")
    for name in sorted(set(now) | set(asked.identity)):
        if asked.identity and now.get(name) != asked.identity.get(name):
            raise BadInput(f"--resume: {escape.for_terminal(name)} has changed since")
    asked.identity = now
    rundir.write_json("plan.json", asdict(asked))
    order = _order(asked, rows, metrics)
    order.layouts = asked.layouts
    order.replica = lambda number: rows_of(gate_layout.rebuilt(pair, number), asked, metrics)
    findings = doctor.examine(gate_worker.build_type([s.folder for s in pair]))
    before = doctor.pulse()
    with terminal.Meter("gate") as meter:
        sampler = Sampler(rows, asked.seed, asked.budget_s, rundir, meter.tell)
        gate = Gate(order, sampler)
        found = gate.run()
    findings += doctor.meanwhile(before, doctor.pulse())
    report = verdict.GateReport(
        pair[0].describe(), pair[1].describe(), tuple(found), verdict.exit_code(found),
        asked.seed, _machine(findings), round(sampler.elapsed(), 3),
        tuple(gate.reasons + alike + _remarks(order, pair) + rundir.warnings),
        {"budget_s": asked.budget_s, "clocks": order.clocks,
         "work": {n: vars(s) for n, s in sampler.setups.items()},
         "turns": {c.name: all(a.settings.turns for a in arms) for c, arms in rows},
         "metrics": {m.name: m.tolerance for m in metrics}})
    rundir.write("gate.json", report.to_json())
    code = gate_output.show(report, args)
    terminal.say(f"measured {sampler.elapsed():.1f} s, wrote {rundir.path / 'gate.json'}")
    return code


def _remarks(order: Order, pair: tuple[Side, Side]) -> list[str]:
    """What a reader should know besides the rows."""
    found = []
    unknown = [c.name for c, _ in order.rows if c.name not in order.clocks]
    if unknown and any(m.name == "time" for m in order.metrics):
        found.append(f"no noise floor of this machine for {len(unknown)} workload(s): run "
                     "ouro calibrate")
    late = [c.name for c, arms in order.rows if not all(a.settings.turns for a in arms)]
    if late:
        found.append(f"{', '.join(late[:3])}{' and more' if len(late) > 3 else ''}: a worker is "
                     "too old to take turns (--turns): the processes of a pair follow each "
                     "other, which takes more pairs")
    if pair[0].digests() == pair[1].digests():
        found.append("base and cand are the same files")
    return found
