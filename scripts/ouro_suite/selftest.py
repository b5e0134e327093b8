# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""ouro selftest-gate: the gate judged on itself, with the truth known.

Trials `aa` compare a build with itself: whatever is called a regression is a false alarm. In
trials `inject` one of the workloads, in turn, really does more operations in the candidate's
timed loops: it must be found, and in no other workload. Every trial is one line of a JSONL
file; a stopped test goes on after the last line. The summary stands beside it.
"""
from __future__ import annotations

import argparse
import contextlib
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any, Iterable, Iterator

from scipy import stats as scipy_stats

from . import (calibrate, child, context, doctor, escape, gate_build, gate_cmd, paths, profiles,
               store, terminal, verdict)
from . import gate_judge as judge
from .errors import BadInput
from .gate_run import Gate, Order
from .gate_sampler import Sampler

FORMAT = 1
WORKLOADS = ("churn", "list", "peer")
BURST_S = (0.05, 1.0)  # of load and of rest, at random in between
EXIT_WRONG = 1  # the gate was


def burst() -> None:
    """Loads one core in bursts until the process that started it is gone."""
    parent, chance = os.getppid(), random.Random(1)
    while os.getppid() == parent:
        end = time.monotonic() + chance.uniform(*BURST_S)
        while time.monotonic() < end:
            pass
        time.sleep(chance.uniform(*BURST_S))


class _Load:
    """The other process on the machine, for as long as the block lasts."""

    def __init__(self, kind: str) -> None:
        self.kind, self.process = kind, None

    def __enter__(self) -> "_Load":
        if self.kind == "bursts":
            code = f"import sys; sys.path.insert(0, {str(paths.PACKAGE.parent)!r}); " \
                "from ouro_suite.selftest import burst; burst()"
            self.process = subprocess.Popen([sys.executable, "-c", code],
                                            stdin=subprocess.DEVNULL)
        return self

    def __exit__(self, *_: object) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()


class Selftest:
    """All trials of one test, into one file."""

    def __init__(self, args: argparse.Namespace, file: Path, copy: Path | None = None) -> None:
        """`copy`: a folder for the candidate's files; None: both arms run the same ones."""
        self.args, self.file, self.copies = args, file, copy is not None
        self.build = paths.build_dir(args.build)
        self.inject = judge.percent(args.inject, "--inject") if args.inject else 0.0
        self.metrics = judge.parse_metrics(args.metric, args.tol)
        folder = paths.PACKAGE / "selftest_workloads"
        args.workload = args.workload or [str(folder / f"{w}.yaml") for w in WORKLOADS]
        self.budget_s = profiles.seconds(args.budget)
        self.noise = calibrate.load(args.store)
        self.pair = gate_build.open_pair(str(self.build), str(
            gate_build.copied(self.build, copy) if copy else self.build), None)
        self.clean = gate_cmd.rows_of(self.pair, args, self.metrics)
        self.dirty = gate_cmd.rows_of(self.pair, args, self.metrics, self.inject)
        self.done = self._resume()

    def _header(self) -> dict[str, Any]:
        """What must be the same for trials to belong together."""
        copies = {"copies": True} if self.copies else {}  # older files do not say
        return {"kind": "header", "ouro_selftest_format": FORMAT, **copies, "inject": self.inject,
                "load": self.args.load, "budget_s": self.budget_s, "seed": self.args.seed,
                "metrics": {m.name: m.tolerance for m in self.metrics},
                "cells": [c.name for c, _ in self.clean],
                "fingerprint": calibrate.fingerprint(), "digests": self.pair[0].digests()}

    def _resume(self) -> dict[str, dict[str, Any]]:
        """Trials done before; refuses a file of another test. A torn last line is cut off."""
        if not self.file.exists():
            self._append(self._header())
            return {}
        data = self.file.read_bytes()
        whole = data[:data.rfind(b"\n") + 1]
        if len(whole) < len(data):
            os.truncate(self.file, len(whole))
        shown = escape.for_terminal(str(self.file))
        try:
            lines = [store.loads(line) for line in whole.splitlines()]
            mine, theirs = store.loads(store.dumps(self._header())), lines[0] if lines else {}
            other = [k for k in mine if theirs.get(k) != mine[k]]
            if other or set(theirs) != set(mine):
                raise ValueError(f"belongs to another test: other {', '.join(other) or 'keys'}")
            return {line["trial"]: line for line in lines[1:]}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadInput(f"-o {shown}: {error}") from None

    def _append(self, line: dict[str, Any]) -> None:
        with open(self.file, "a", encoding="utf-8") as out:
            out.write(store.dumps(line) + "\n")
            out.flush()
            os.fsync(out.fileno())

    def trials(self) -> list[tuple[str, int]]:
        """Everything that was ordered, both kinds spread over the whole time."""
        counts = {"aa": self.args.aa, "inject": self.args.injected if self.inject else 0}
        ordered = [(kind, i) for kind, n in counts.items() for i in range(n)]
        return sorted(ordered, key=lambda t: (t[1] + 0.5) / counts[t[0]])

    def run(self) -> None:
        """The trials that are missing."""
        ordered = self.trials()
        with _Load(self.args.load), terminal.Meter("selftest") as meter:
            for number, (kind, index) in enumerate(ordered):
                name = f"{kind}-{index}"
                if name not in self.done:
                    meter.tell(f"{name}: {self.words()}", number / len(ordered))
                    self.done[name] = self._trial(kind, index)
                    self._append(self.done[name])

    def _trial(self, kind: str, index: int) -> dict[str, Any]:
        """One gate, judged like any other."""
        chosen = index % len(self.clean) if kind == "inject" else -1
        rows = [self.dirty[i] if i == chosen else row for i, row in enumerate(self.clean)]
        known = {c.name: self.noise[c.name] for c, _ in rows if c.name in self.noise}
        order = Order(rows, self.metrics, self.args.seed + 7919 * index + (kind == "inject"),
                      self.budget_s, {n: k.clock for n, k in known.items()},
                      {(n, "time"): k.floor[k.clock] for n, k in known.items()}, quiet=True,
                      opinion=False)
        begun = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="ouro-selftest-") as folder, \
                store.RunDir.open(Path(folder) / "run") as rundir:
            sampler = Sampler(rows, order.seed, self.budget_s, rundir, lambda *_: None)
            found = Gate(order, sampler).run()
        return {"kind": kind, "trial": f"{kind}-{index}",
                "injected": rows[chosen][0].name if chosen >= 0 else None,
                "exit": verdict.exit_code(found), "elapsed_s": round(
                    time.monotonic() - begun, 3), "load_avg": os.getloadavg()[0],
                "rows": [[r.workload, r.metric, r.verdict, r.effect, r.low, r.high, r.p,
                          r.blocks, r.note] for r in found]}

    def words(self) -> str:
        found = Counter(outcome(t) for t in self.done.values())
        return ", ".join(f"{n} {w}" for w, n in sorted(found.items())) or "first trial"


def outcome(trial: dict[str, Any]) -> str:
    """What a trial proves about the gate: `found`, `passed`, `inconclusive`, and the wrong
    ones: `false alarm`, `missed` (called ok or improvement), `error`."""
    words = {(w, m): v for w, m, v, *_ in trial["rows"]}
    if verdict.ERROR in words.values() or not words:
        return "error"
    alarms = {w for (w, _), v in words.items() if v == verdict.REGRESSION}
    if alarms - {trial["injected"]}:
        return "false alarm"
    if trial["kind"] == "aa":
        return "inconclusive" if verdict.INCONCLUSIVE in words.values() else "passed"
    if alarms:
        return "found"
    own = {v for (w, _), v in words.items() if w == trial["injected"]}
    return "inconclusive" if verdict.INCONCLUSIVE in own else "missed"


def _bounds(count: int, of: int) -> tuple[float, float]:
    """95 % interval of a proportion (Clopper and Pearson 1934)."""
    low = float(scipy_stats.beta.ppf(0.025, count, of - count + 1)) if count else 0.0
    high = float(scipy_stats.beta.ppf(0.975, count + 1, of - count)) if count < of else 1.0
    return round(low, 4), round(high, 4)


def summary(test: Selftest) -> dict[str, Any]:
    """Counts, proportions with intervals, and where they were measured."""
    found: dict[str, Any] = {k: v for k, v in test._header().items() if k != "kind"}
    found["trials"] = {}
    for kind, right in (("aa", "false alarm"), ("inject", "found")):
        mine = [t for t in test.done.values() if t["kind"] == kind]
        if mine:
            counts = Counter(outcome(t) for t in mine)
            found["trials"][kind] = {"gates": len(mine), **counts, f"{right} 95%": _bounds(
                counts[right], len(mine)), "seconds a gate": round(sum(
                    t["elapsed_s"] for t in mine) / len(mine), 2)}
    machine = context.machine()
    found["machine"] = {k: machine[k] for k in ("cpu", "usable_cpus", "hypervisor", "kernel",
                                                "memory_bytes")}
    found["doctor"] = [f"{f['check']}: {f['found']}" for f in doctor.summary(doctor.examine())
                       if f["level"] == doctor.WARN]
    return {**found, "commit": context.commit()["commit"]}


@contextlib.contextmanager
def _candidate(copies: bool) -> Iterator[Path | None]:
    """A folder for the candidate's copy, where builds of revisions are kept, too."""
    if not copies:
        yield None
        return
    home = gate_build.cache_dir()
    home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="selftest-", dir=home) as folder:
        yield Path(folder)


def run(args: argparse.Namespace) -> int:
    """ouro selftest-gate"""
    if args.aa < 0 or args.injected < 0 or not (args.aa or args.inject):
        raise BadInput("selftest-gate: give --aa N or --inject P%, or both")
    child.stoppable()
    child.adopt_orphans()
    root = paths.source_root()
    folder = root / "results" / "selftest" if root else Path("ouro-results")
    name = f"{args.load}{'-copies' * args.copies}.jsonl"
    file = Path(args.output) if args.output else folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    stopped = False
    with _candidate(args.copies) as copy:
        test = Selftest(args, file, copy)
        try:
            test.run()
        except KeyboardInterrupt:
            stopped = True
        about = summary(test)
    store.write_atomic(file.with_suffix(".json"), store.dumps(about, indent=1) + "\n")
    if args.json:
        print(store.dumps(about, indent=1))
    else:
        for kind, counts in about["trials"].items():
            print(f"{kind}: " + ", ".join(f"{v} {k}" for k, v in counts.items()))
    terminal.say(f"{'stopped, the same command goes on; ' if stopped else ''}trials in {file}, "
                 f"summary in {file.with_suffix('.json')}")
    if stopped:
        return gate_cmd.EXIT_INTERRUPTED
    return status(test.done.values())


def status(trials: Iterable[dict[str, Any]]) -> int:
    """1 if the gate was wrong once, 3 if no trial of a kind decided anything, else 0."""
    found = {(trial["kind"], outcome(trial)) for trial in trials}
    if {word for _, word in found} & {"false alarm", "missed", "error"}:
        return EXIT_WRONG
    decided = {kind for kind, word in found if word != "inconclusive"}
    return verdict.EXIT_INCONCLUSIVE if {kind for kind, _ in found} - decided else 0
