# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""ouro run and ouro replay: from arguments to an order, to samples, to a stored run.

What was ordered is written to plan.json before the first sample. A resume reads it back and
refuses when a program, workload, library or the machine is not the same any more.
"""
from __future__ import annotations

import argparse
import datetime
import signal
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from . import (allocators, child, context, doctor, escape, micro, paths, peers, profiles, recording,
               result, runner, store, terminal, whole, worker, workloads)
from .asked import Wanted, choose_allocators, identity, rows, wanted
from .errors import EXIT_OK, EXIT_ROW_FAILED, BadInput

PEER_ROUNDS = 5
SHARE = {"workloads": 0.44, "replay": 0.12, "micro": 0.12, "whole": 0.32}
EXIT_INTERRUPTED = 130
RECORDED_BYTES = 1_200_000  # of source text: about two million allocations


class Measurement:
    """One `ouro run` from an open run directory to a stored result."""

    def __init__(self, want: Wanted, rundir: store.RunDir) -> None:
        self.want, self.rundir = want, rundir
        self.profile = profiles.PROFILES[want.profile]
        self.build = Path(want.build)
        self.usable, self.refused = choose_allocators(want)
        self.used = list({a.name: a for a in
                          [*self.usable, allocators.known(self.build)["glibc"]]}.values())
        self.tally = runner.Tally()
        self.micro: dict[str, Any] = {}
        self.whole: dict[str, Any] = {}
        self.measuring_s = 0.0
        self.interrupted = False

    def _share(self, part: str) -> float:
        """Seconds of the budget that a part may use."""
        total = sum(SHARE[p] for p in self.want.parts)
        return self.want.budget_s * SHARE[part] / total

    def check_identity(self) -> None:
        """Stores what the run is made of, or refuses to go on with something else."""
        now = identity(self.want, self.used)
        for name in sorted(set(now) | set(self.want.identity)):
            if self.want.identity and now.get(name) != self.want.identity.get(name):
                raise BadInput(f"--resume: {escape.for_terminal(name)} has changed since")
        self.want.identity = now
        self.rundir.write_json("plan.json", asdict(self.want))

    def _loads(self, meter: terminal.Meter) -> list[workloads.Workload]:
        loads = []
        if "workloads" in self.want.parts:
            loads += [workloads.open_file(Path(p)) for p in self.want.workloads]
        loads += [workloads.open_trace(Path(p)) for p in self.want.traces]
        if "replay" in self.want.parts:
            trace = self.rundir.path / "python-ast.trace"
            if not trace.is_file():
                meter.tell("recording python3 parsing its standard library", 0.0)
                why, seconds = recording.record_syntax_trees(trace, self.build, RECORDED_BYTES,
                                                             self.profile.timeout_s)
                self.measuring_s += seconds
                if why:
                    terminal.say(f"recording a real program failed: {why}")
                    self.tally.failures.append(_whole_failure("replay-python-ast", why))
                    return loads
            loads.append(workloads.open_trace(trace))
        return loads

    def _blocks(self) -> None:
        budget = sum(self._share(p) for p in self.want.parts if p in ("workloads", "replay"))
        with terminal.Meter("workloads") as meter:
            loads = self._loads(meter)
            early = self.tally.failures
            order = runner.Order(rows(self.want, self.usable, loads), self.want.seed,
                                 self.profile.min_blocks, self.profile.max_blocks,
                                 self.profile.scale, budget - self.measuring_s,
                                 worker.Settings(self.build, self.profile.timeout_s))
            self.tally = runner.Runner(order, self.rundir, meter.tell).run()
            self.tally.failures += early
        for one in self.tally.skipped.values():
            terminal.say(f"{one['allocator']}: skipped: {one['reason']}")
        self.refused += self.tally.skipped.values()
        self.measuring_s += self.tally.spent_s
        if self.tally.interrupted:
            raise KeyboardInterrupt

    def _peers(self) -> None:
        """The object rows on other runtimes, too; in the quick profile there is no time."""
        with terminal.Meter("peer runtimes") as meter:
            found = peers.run(self.build, None, 0.02, True, PEER_ROUNDS, 3600.0, meter.tell)
        self.micro["peers"] = found
        self.measuring_s += found["elapsed_s"]
        for skipped in found["skipped"]:
            terminal.say(f"{skipped['peer']} skipped: {skipped['reason']}")

    def measure(self) -> None:
        """All parts in order; an interrupt ends them and keeps what there is."""
        try:
            if {"workloads", "replay"} & set(self.want.parts) or self.want.traces:
                self._blocks()
            if "micro" in self.want.parts:
                with terminal.Meter("micro benchmarks") as meter:
                    meter.tell("ouro-micro", 0.0)
                    quick = self.want.profile == "quick"
                    self.micro = micro.run(self.build, None, 0.02 if quick else 0.5, quick,
                                           120.0 if quick else 3600.0)
                self.measuring_s += self.micro["elapsed_s"]
                if not quick:
                    self._peers()
            if "whole" in self.want.parts:
                left = max(self.want.budget_s - self.measuring_s, 0.0)
                with terminal.Meter("whole processes") as meter:
                    self.whole = whole.Whole(
                        self.build, self.usable, [Path(p) for p in self.want.workloads],
                        self.want.seed, self.profile, left).run(meter.tell)
                self.measuring_s += self.whole["elapsed_s"]
                if self.whole["interrupted"]:
                    raise KeyboardInterrupt
        except KeyboardInterrupt:
            self.interrupted = True

    def stored(self, findings: list[doctor.Finding], steal: int,
               before: doctor.Pulse) -> result.Result:
        """The run as result.json keeps it; `findings` and `before` are from its start."""
        findings = findings + doctor.meanwhile(before, doctor.pulse())
        about = context.collect(self.build, self.want.seed, self.want.anonymous)
        about.update(allocators=result.identities(self.used, self.tally.entries),
                     profile=self.want.profile, budget_s=self.want.budget_s,
                     measuring_s=round(self.measuring_s, 3), scales=self.tally.scales,
                     steal_ticks=context.steal_ticks() - steal, interrupted=self.interrupted,
                     doctor=doctor.summary(findings), warnings=self.rundir.warnings)
        return result.Result(about, self.tally.entries, self.tally.failures, self.refused,
                             self.micro, self.whole, self.rundir.path)


def _whole_failure(name: str, why: str) -> dict[str, Any]:
    return {"block": runner.PILOT, "cell": f"{name}/raw", "arm": "record", "column": "glibc",
            "workload": name, "form": "raw", "threads": 1, "failure": why, "detail": ""}


def _open(args: argparse.Namespace) -> tuple[Wanted, store.RunDir]:
    if args.resume:
        if args.workload or args.allocator or args.threads or args.output:
            raise BadInput("--resume: the run's own plan decides; give no -w, -a, -t or -o")
        rundir = store.RunDir.open(Path(args.resume), resume=True)
        try:
            return Wanted(**rundir.read_json("plan.json")), rundir
        except TypeError as error:
            raise BadInput(f"--resume: plan.json is damaged: {error}") from None
    want = wanted(args)
    stamp = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    folder = Path(args.output) if args.output else paths.runs_dir() / stamp
    return want, store.RunDir.open(folder)


def _on_term(number: int, frame: Any) -> None:
    raise KeyboardInterrupt


def run(args: argparse.Namespace) -> int:
    """ouro run, ouro replay"""
    signal.signal(signal.SIGTERM, _on_term)
    child.adopt_orphans()
    want, rundir = _open(args)
    with rundir:
        try:
            return _measure(want, rundir, args)
        except BadInput:
            if not args.resume:
                rundir.discard()
            raise


def _measure(want: Wanted, rundir: store.RunDir, args: argparse.Namespace) -> int:
    job = Measurement(want, rundir)
    job.check_identity()
    findings = doctor.examine(context.build(job.build)["build_type"])
    steal, before, start = context.steal_ticks(), doctor.pulse(), time.monotonic()
    job.measure()
    done = job.stored(findings, steal, before)
    rundir.write_json("result.json", done.as_dict())
    return finish(done, args, job.interrupted, time.monotonic() - start)


def finish(done: result.Result, args: argparse.Namespace, interrupted: bool,
           elapsed_s: float) -> int:
    """Reports, tables, exit status."""
    from . import report_files
    for warning in done.context["warnings"]:
        terminal.say(warning)
    for finding in done.context["doctor"]:
        if finding["level"] == doctor.WARN:
            terminal.say(f"{finding['check']}: {finding['found']}: {finding['effect']}")
    for failure in done.failures:
        terminal.say(f"{failure['cell']} on {failure['column']}: {failure['failure']}"
                     + (f": {failure['detail']}" if failure["detail"] else ""))
    written = report_files.write(done, done.folder or Path("."))
    comparison = done.comparison
    if args.json:
        print(store.dumps({"run": str(done.folder), "comparison": comparison.as_dict(),
                           "refused": done.refused, "failures": done.failures}, indent=1))
    else:
        report_files.print_run(done)
    if interrupted:
        terminal.say(f"interrupted; kept, continue with: ouro run --resume {done.folder}")
    terminal.say(f"measured {done.context['measuring_s']:.1f} s ({elapsed_s:.0f} s in all), "
                 f"wrote {written[0].parent}")
    if interrupted:
        return EXIT_INTERRUPTED
    failed = comparison.failed or done.failures or done.micro.get("failure") \
        or done.micro.get("peers", {}).get("failures") \
        or done.whole.get("failures")
    return EXIT_ROW_FAILED if failed else EXIT_OK
