# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""The `context` of a result: which code, built how, on which machine in which state."""
from __future__ import annotations

import datetime
import functools
import hashlib
import os
import platform
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from . import VERSION, escape, paths

CACHE_KEYS = {"CMAKE_BUILD_TYPE": "build_type", "CMAKE_C_COMPILER": "compiler_path",
              "OURO_SANITIZE": "sanitize", "OURO_CHECK": "check", "CMAKE_C_FLAGS": "c_flags"}


def read(path: str) -> str:
    """A small file of /proc or /sys, stripped; empty when it cannot be read."""
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").strip("\n\0 ")
    except OSError:
        return ""


def output(*argv: str) -> str:
    """First line that a tool prints; empty when it is missing or fails."""
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip().split("\n")[0] if done.returncode == 0 else ""


def commit() -> dict[str, Any]:
    """Commit and whether the tree differs from it; from git, never guessed."""
    root = paths.source_root()
    if root is None:
        return {"commit": "", "dirty": False}
    git = ("git", "-c", f"safe.directory={root}", "-C", str(root))
    return {"commit": output(*git, "rev-parse", "--verify", "HEAD"),
            "dirty": bool(output(*git, "status", "--porcelain"))}


def build(folder: Path) -> dict[str, Any]:
    """Compiler, flags and build type from CMake's cache."""
    found: dict[str, Any] = dict.fromkeys(CACHE_KEYS.values(), "")
    flags: dict[str, str] = {}
    for line in read(str(folder / "CMakeCache.txt")).splitlines():
        match = re.match(r"(\w+):\w+=(.*)", line)
        if match and match[1] in CACHE_KEYS:
            found[CACHE_KEYS[match[1]]] = match[2]
        elif match and match[1].startswith("CMAKE_C_FLAGS_"):
            flags[match[1]] = match[2]
    kind = found["build_type"]
    own = flags.get(f"CMAKE_C_FLAGS_{kind.upper()}", "")
    if kind == "Release":
        own = "-O2 -g -DNDEBUG"  # set by cmake/Options.cmake, not shown in the cache
    compiler = os.path.basename(found.pop("compiler_path"))
    version = output(compiler, "--version") if compiler else ""
    return {**found, "compiler": version,
            "flags": " ".join(f"{found['c_flags']} {own}".split())}


def _cpu() -> dict[str, Any]:
    info = read("/proc/cpuinfo")
    model = re.search(r"^(?:model name|CPU part)\s*:\s*(.*)$", info, re.M)
    speeds = [float(x) for x in re.findall(r"^cpu MHz\s*:\s*([\d.]+)", info, re.M)]
    return {"cpu": model[1] if model else platform.machine(),
            "mhz_per_cpu": round(max(speeds)) if speeds else 0,
            "hypervisor": " hypervisor" in info}


def cgroup_limits() -> dict[str, str]:
    """What the cgroup allows this process, v2 or v1; only what is limited."""
    files = {"cpu.max": "/sys/fs/cgroup/cpu.max", "memory.max": "/sys/fs/cgroup/memory.max",
             "cfs_quota_us": "/sys/fs/cgroup/cpu/cpu.cfs_quota_us",
             "limit_in_bytes": "/sys/fs/cgroup/memory/memory.limit_in_bytes"}
    found = {name: read(path) for name, path in files.items()}
    unlimited = ("", "max", "-1")
    return {name: value for name, value in found.items()
            if value.split(" ")[0] not in unlimited and not value.startswith("92233720")}


def steal_ticks() -> int:
    """Clock ticks that the host took from this machine since it started."""
    fields = read("/proc/stat").split("\n")[0].split()
    return int(fields[8]) if len(fields) > 8 else 0


def host_name(anonymous: bool) -> str:
    """The machine's name, or a digest of it that still tells machines apart."""
    name = platform.node()
    if not anonymous:
        return escape.for_terminal(name)
    return "host-" + hashlib.sha256(("ouro:" + name).encode()).hexdigest()[:10]


@functools.lru_cache(maxsize=1)
def libc() -> str:
    return " ".join(platform.libc_ver()) or "unknown"


def machine() -> dict[str, Any]:
    """State of the machine that moves measurements."""
    return {**_cpu(), "num_cpus": os.cpu_count() or 0,
            "usable_cpus": len(os.sched_getaffinity(0)), "kernel": platform.release(),
            "machine": platform.machine(), "libc": libc(),
            "governor": read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor") or "none",
            "thp": read("/sys/kernel/mm/transparent_hugepage/enabled"),
            "aslr": read("/proc/sys/kernel/randomize_va_space"),
            "cgroup_limits": cgroup_limits(), "load_avg": list(os.getloadavg()),
            "memory_bytes": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")}


def collect(build_folder: Path, seed: int, anonymous: bool) -> dict[str, Any]:
    """Everything but what the run itself adds (allocators, profile, doctor, times)."""
    now = datetime.datetime.now(datetime.timezone.utc)
    how = build(build_folder)
    return {"date": now.isoformat(timespec="seconds"), "host_name": host_name(anonymous),
            "executable": "ouro-work", "caches": [], "json_schema_version": 1,
            "library_build_type": {"Release": "release", "": "unknown"}.get(
                how["build_type"], "debug"),
            "cpu_scaling_enabled": bool(read(
                "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")),
            "ouro_version": VERSION, **commit(), **how, **machine(), "seed": seed,
            "argv": ["ouro", *map(escape.for_terminal, sys.argv[1:])],
            "python": platform.python_version()}
