#!/usr/bin/python3 -ES
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""A worker that speaks docs/worker.md and does no work: its times are made up from the seed
and the allocator's name. The line `fake: MODE[@WHERE]` of the workload file makes it misbehave
under that allocator, in the build folder or the program of that name (or everywhere). A file `speed` beside
it holds what its times are multiplied with and the spread of their noise."""
import json
import os
import random
import re
import signal
import sys
import time

SPEED = {"glibc": 1.0, "jemalloc": 0.8, "mimalloc": 0.9, "tcmalloc": 1.25, "ouro": 0.7}


def options(argv):
    found = {"--form": "raw", "--heap": "ouro", "--threads": "1", "--seed": "1", "--scale": "1",
             "--expect": "glibc=", "--out-fd": "1", "--rss-series": "", "--iterations": "1",
             "--inject": "0%", "--turns": ""}
    rest = [a for a in argv[2:] if a != "--latency"]
    found.update(zip(rest[::2], rest[1::2]))
    return found


def where():
    """The name of the build folder this is in."""
    return os.path.basename(os.path.dirname(sys.argv[0]))


def program():
    return os.path.basename(sys.argv[0])


def beside(name):
    """What the file of that name in this build's folder says; empty when there is none."""
    try:
        with open(os.path.join(os.path.dirname(sys.argv[0]), name)) as handle:
            return handle.read()
    except FileNotFoundError:
        return ""


def answer(option):
    """--help, --version and --list. A file `lacks` names options that this build does not know,
    a file `built` holds how it was built."""
    if option == "--version":
        print(f"ouro-work 0\n{beside('built')}", end="")
    elif option == "--help":
        print(*(set(options([])) | {"--latency"}) - set(beside("lacks").split()), sep="\n")
    sys.exit(0)


def pace():
    """(factor, spread) of this build."""
    factor, spread = (beside("speed") or "1 0").split()
    return float(factor), float(spread)


def rounds(entry, opt, chance):
    """Times of the iterations, with this build's pace and noise."""
    factor, spread = pace()
    times = [max(int(entry["wall_ns"] * factor * chance.lognormvariate(0, spread)), 1)
             for _ in range(int(opt["--iterations"]))]
    entry["ops"] = entry["iterations"] = entry["ops"] * len(times)
    entry["wall_ns"] = entry["cpu_ns"] = sum(times)
    entry["real_time"] = entry["cpu_time"] = sum(times) / entry["ops"]
    if len(times) > 1:
        entry["rounds"] = [{"wall_ns": t, "cpu_ns": t} for t in times]


def take_turns(opt, file):
    """As docs/worker.md has it; `FILE.turns` tells who worked when, and where."""
    if opt["--turns"]:
        mine, other = (int(fd) for fd in opt["--turns"].split(","))
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        for _ in range(int(opt["--iterations"])):
            os.read(mine, 1)
            with open(file + ".turns", "a") as handle:
                handle.write(f"{os.getpid()} {sorted(os.sched_getaffinity(0))}\n")
            try:
                os.write(other, b"t")
            except BrokenPipeError:
                pass


def record(name, opt, allocator):
    chance = random.Random(f"{opt['--seed']}{name}")
    drift = chance.uniform(1, 3)
    jitter = random.Random(f"{opt['--seed']}{allocator}").uniform(0.98, 1.02)
    inject = float(opt["--inject"].rstrip("%")) / 100
    ops = max(int(1000 * float(opt["--scale"]) * (1 + inject)), 1)
    wall = int(1e5 * ops / 1000 * SPEED.get(allocator, 1.0) * drift * jitter)
    path = os.environ.get("LD_PRELOAD") or "/lib/libc.so.6"
    entry = {"name": f"{name}/{opt['--form']}/threads:1", "run_name": "r",
            "run_type": "iteration", "time_unit": "ns", "iterations": ops,
            "real_time": wall / ops, "cpu_time": wall / ops, "threads": int(opt["--threads"]),
            "seed": int(opt["--seed"]), "scale": float(opt["--scale"]), "workload": name,
            "form": opt["--form"], "heap": opt["--heap"], "wall_ns": wall, "cpu_ns": wall,
            "ops": ops, "items_per_second": ops / wall * 1e9, "peak_rss_bytes": 20000000,
            "end_rss_bytes": 5000000, "base_rss_bytes": 1000000, "live_peak_bytes": 10000000,
            "minflt": 10, "majflt": 0, "checksum": "0123456789abcdef", "verified": True,
            "timed_by": "ops", "phases": [{"name": "p", "wall_ns": wall, "ops": ops}],
            "allocator": {"name": allocator, "path": path, "build_id": "abcd"}}
    rounds(entry, opt, random.Random(f"{opt['--seed']}{where()}"))
    if inject:
        entry["injected"] = inject
    return entry


def misbehave(mode, entry, fd, file):
    """Modes that end the process here; the others change `entry`."""
    if mode == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    elif mode == "hang-later" and int(entry["seed"]) == 1:  # sizing goes well
        return
    elif mode in ("hang", "hang-later"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        with open(file + ".pid", "a") as handle:
            handle.write(f"{os.getpid()}\n")
        while True:
            time.sleep(60)
    elif mode == "forge":  # the record where it does not belong, and a good exit status
        print(json.dumps(entry))
        sys.exit(0)
    elif mode == "flood":
        while True:
            os.write(1, b"x" * 65536)
    elif mode == "flood-record":
        while True:
            os.write(fd, b"x" * 65536)
    elif mode == "badinput":
        print(f"{file}:3: unknown key 'fake'", file=sys.stderr)
        sys.exit(2)
    elif mode == "unverified-exit":
        sys.exit(3)
    elif mode == "lacks":
        print(f"{file}: phase 'p': op 'q' has no counterpart here: reasons", file=sys.stderr)
        sys.exit(5)
    elif mode == "refuse":
        print("malloc is not the expected one", file=sys.stderr)
        sys.exit(4)
    elif mode == "orphan":  # a daemon that keeps every pipe open
        if os.fork() == 0:
            os.setsid()
            with open(file + ".pid", "w") as handle:
                handle.write(str(os.getpid()))
            time.sleep(600)
            os._exit(0)
        while not os.path.exists(file + ".pid"):
            time.sleep(0.01)
    elif mode == "nan":
        os.write(fd, json.dumps({**entry, "wall_ns": float("nan")}).encode() + b"\n")
        sys.exit(0)
    elif mode == "two":
        os.write(fd, (json.dumps(entry) + "\n" + json.dumps(entry) + "\n").encode())
        sys.exit(0)
    elif mode == "tell":  # says that it began, then waits to be interrupted
        if int(entry["seed"]) > 1:
            with open(file + ".began", "a") as handle:
                handle.write("x")
            time.sleep(0.05)
    elif mode == "escape":
        print("\x1b[31mred\x07 <script>alert(1)</script>", file=sys.stderr)
        sys.exit(1)
    if mode.startswith("collects"):
        entry.update(gc_count=1, gc_stops=2, gc_pause_max_ns=9, gc_pause_total_ns=12,
                     gc_reach_max_ns=1, gc_garbage_peak=1234, gc_candidates=5,
                     gc_false_suspects=6 if mode == "collects-wrong" else 2,
                     gc_validation_ns=8, gc_pauses=[{"up_to_ns": 9, "stops": 2}])
    entry.update({"other-work": {"workload": "something"}, "other-seed": {"seed": 99},
                  "unverified": {"verified": False}, "no-rounds": {"rounds": []},
                  "injected": {"injected": 0.05}, "same-time": {
                      "rounds": [{"wall_ns": 1000, "cpu_ns": 1000}] * len(
                          entry.get("rounds", []))}, "zero": {"wall_ns": 0},
                  "elsewhere": {"allocator": {"path": "/elsewhere/other.so"}},
                  "checksum": {"checksum": "ffffffffffffffff"}}.get(mode, {}))


def main():
    if sys.argv[1] in ("--help", "--version", "--list"):
        answer(sys.argv[1])
    for option in beside("lacks").split():
        if option in sys.argv:
            print(f"ouro-work: bad option '{option}' (see --help)", file=sys.stderr)
            sys.exit(2)
    file, opt = sys.argv[1], options(sys.argv)
    with open(file, errors="replace") as handle:
        text = handle.read()
    name = (re.search(r"^name: (.*)$", text, re.M) or [0, "trace"])[1]
    mode, _, only = (re.search(r"^fake: (.*)$", text, re.M) or [0, ""])[1].partition("@")
    allocator = opt["--expect"].partition("=")[0]
    entry, fd = record(name, opt, allocator), int(opt["--out-fd"])
    if opt["--rss-series"]:
        with open(opt["--rss-series"], "w") as handle:
            handle.write("t_ns,rss_bytes,live_bytes\n")
            handle.writelines(f"{i * 1000000},{i * 500000},{i * 400000}\n" for i in range(20))
    if mode == "turns":
        take_turns(opt, file)
    if mode and only in ("", allocator, where(), program()):
        misbehave(mode, entry, fd, file)
    os.write(fd, json.dumps(entry).encode() + b"\n")


main()
