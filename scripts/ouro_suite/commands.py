# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""The small commands: list, doctor, knobs, micro, compare, report, record."""
from __future__ import annotations

import argparse
import ctypes
import os
from dataclasses import asdict
from pathlib import Path

from . import (allocators, context, doctor, micro, paths, profiles, store,
               workloads)
from .errors import EXIT_BAD_INPUT, EXIT_OK, EXIT_ROW_FAILED, BadInput


def list_all(args: argparse.Namespace) -> int:
    """ouro list"""
    build = paths.build_dir(args.build)
    known = {**allocators.known(build),
             **{n: allocators.runtime(n, build) for n in allocators.RUNTIMES}}
    catalogue = workloads.catalogue()
    if args.json:
        print(store.dumps({
            "workloads": [{"name": w.name, "path": str(w.path), "forms": w.forms,
                           "about": w.about} for w in catalogue.values()],
            "allocators": [asdict(a) for a in known.values()],
            "profiles": [asdict(p) for p in profiles.PROFILES.values()]}, indent=1))
        return EXIT_OK
    from . import terminal
    out = terminal.console()
    out.print(terminal.grid("workloads (-w)", ("name", "forms", "what it does"), [
        (w.name, ", ".join(w.forms), w.about) for w in catalogue.values()]))
    out.print(terminal.grid("allocators (-a)", ("name", "state", "package", "what it is"), [
        (a.name, terminal.text(a.missing or a.worker or a.path or "in libc", "yellow" if a.missing else ""),
         a.package, a.about) for a in known.values()]))
    out.print(terminal.grid("profiles (--profile)", ("name", "blocks", "budget", "what for"), [
        (p.name, f"{p.min_blocks} to {p.max_blocks}", f"{p.budget_s:g} s", p.about)
        for p in profiles.PROFILES.values()]))
    return EXIT_OK


def examine(args: argparse.Namespace) -> int:
    """ouro doctor"""
    kind = context.build(paths.build_dir(args.build))["build_type"] or None
    findings = doctor.examine(kind)
    if args.json:
        print(store.dumps(doctor.summary(findings), indent=1))
        return EXIT_OK
    from . import terminal
    terminal.console().print(terminal.findings_table(findings))
    return EXIT_OK


def knobs(args: argparse.Namespace) -> int:
    """ouro knobs: what the runtime can be told, asked of the built library itself"""
    library = paths.need("libouro.so", paths.build_dir(args.build))
    rows: list[dict[str, object]] = []
    visit = ctypes.CFUNCTYPE(None, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_int64,
                             ctypes.c_char_p, ctypes.c_void_p)

    def take(name: bytes, kind: bytes, value: int, about: bytes, _: object) -> None:
        rows.append({"name": name.decode(), "type": kind.decode(), "value": value,
                     "about": about.decode()})
    try:
        ctypes.CDLL(str(library)).ou_knob_each(visit(take), None)
    except (OSError, AttributeError) as error:
        raise BadInput(f"{library}: {error}") from None
    if args.json:
        print(store.dumps(rows, indent=1))
        return EXIT_OK
    from . import terminal
    terminal.console().print(terminal.grid(
        "knobs: OURO_CONF=name=value,name=value", ("name", "type", "value", "what it does"),
        [tuple(row.values()) for row in rows], (2,)))
    return EXIT_OK


def run_micro(args: argparse.Namespace) -> int:
    """ouro micro"""
    build = paths.build_dir(args.build)
    if not 0.001 <= args.min_time <= 60:
        raise BadInput("--min-time: from 0.001 to 60 seconds")
    if args.peers:
        return _run_peers(args, build)
    if args.markdown:
        raise BadInput("--markdown: only with --peers")
    data = micro.run(build, args.filter, args.min_time, args.quick, 3600.0)
    if args.out:
        store.write_atomic(Path(args.out), store.dumps(data, indent=1) + "\n")
    if args.json:
        print(store.dumps(data, indent=1))
    else:
        from . import terminal, views
        terminal.console().print(views.micro_table(data))
        if data["failure"]:
            terminal.say(f"ouro-micro: {data['failure']}")
    return EXIT_ROW_FAILED if data["failure"] else EXIT_OK


def _run_peers(args: argparse.Namespace, build: Path) -> int:
    """ouro micro --peers"""
    from . import peers, terminal, views
    if not 1 <= args.rounds <= 1000:
        raise BadInput("--rounds: from 1 to 1000")
    with terminal.Meter("peers") as meter:
        data = peers.run(build, args.filter, args.min_time, args.quick, args.rounds, 3600.0,
                         meter.tell)
    if args.out:
        store.write_atomic(Path(args.out), store.dumps(data, indent=1) + "\n")
    if args.markdown:
        store.write_atomic(Path(args.markdown), peers.markdown(data))
    for skipped in data["skipped"]:
        terminal.say(f"{skipped['peer']} skipped: {skipped['reason']}")
    if args.json:
        print(store.dumps(data, indent=1))
    else:
        terminal.console().print(views.peers_table(data))
    for failure in data["failures"]:
        terminal.say(f"{failure['peer']}, round {failure['round']}: {failure['failure']}")
    return EXIT_ROW_FAILED if data["failures"] else EXIT_OK


def compare(args: argparse.Namespace) -> int:
    """ouro compare A B...: the other runs against the first"""
    from . import between, comparable, result
    wanted = between.selection(args.filter)
    allowed = set(comparable.KINDS) if args.force else comparable.kinds(args.allow)
    runs = [result.load(Path(p)) for p in args.runs]
    differences = comparable.check(runs, allowed, wanted)
    rows = between.compare(runs, wanted)
    if not rows:
        raise BadInput("the runs have no benchmark in common")
    if args.json:
        print(store.dumps([asdict(r) for r in rows], indent=1))
        return EXIT_OK
    from . import terminal, views
    for warning in differences + between.warnings(runs):
        terminal.say(warning)
    terminal.console().print(views.between_table(rows, runs))
    return EXIT_OK


def report(args: argparse.Namespace) -> int:
    """ouro report RUN...: writes report.md, report.csv and report.html again"""
    from . import report_files, result, terminal
    for path in args.runs:
        run = result.load(Path(path))
        assert run.folder is not None
        for written in report_files.write(run, run.folder):
            terminal.say(f"wrote {written}")
    return EXIT_OK


def record(args: argparse.Namespace) -> int:
    """ouro record -- CMD: the program's own exit status, or 2"""
    from . import recording, terminal
    command = args.command[1:] if args.command[:1] == ["--"] else args.command
    if not command:
        raise BadInput("record: give the command after --")
    out = Path(args.output)
    status = recording.record(command, out, paths.build_dir(args.build), dict(os.environ))
    if not out.is_file():
        raise BadInput("no trace was written: is the program static or setuid?")
    terminal.say(f"wrote {out} ({out.stat().st_size} bytes)")
    return status if 0 <= status < 126 else EXIT_BAD_INPUT
