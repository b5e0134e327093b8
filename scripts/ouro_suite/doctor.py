# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""What on this machine disturbs measurement: looked at, explained, never changed.

Each check says what it found, what that does to a measurement and what would help. In a
virtual machine or a container much cannot be seen or set; then the advice says so.
"""
from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from typing import Any, Callable

from . import context

OK, NOTE, WARN, UNKNOWN = "ok", "note", "warn", "unknown"
CPU0 = "/sys/devices/system/cpu/cpu0"


@dataclass(frozen=True)
class Finding:
    """One check's answer."""

    check: str
    level: str
    found: str
    effect: str
    remedy: str


def governor() -> Finding:
    effect = "a governor that follows load makes short samples start slow"
    value = context.read(f"{CPU0}/cpufreq/scaling_governor")
    if not value:
        return Finding("governor", UNKNOWN, "not visible", effect,
                       "virtual machines hide it: only the host could set it")
    level = OK if value == "performance" else WARN
    return Finding("governor", level, value, effect, "cpupower frequency-set -g performance")


def turbo() -> Finding:
    effect = "the clock depends on temperature and on what other cores do"
    intel = context.read("/sys/devices/system/cpu/intel_pstate/no_turbo")
    boost = context.read("/sys/devices/system/cpu/cpufreq/boost")
    if not intel and not boost:
        return Finding("turbo", UNKNOWN, "not visible", effect,
                       "interleaving spreads it over all arms; only the host could turn it off")
    on = intel == "0" or boost == "1"
    return Finding("turbo", NOTE if on else OK, "on" if on else "off", effect,
                   "write 1 to intel_pstate/no_turbo, or 0 to cpufreq/boost")


def smt() -> Finding:
    effect = "a sibling thread shares the core's caches and execution units"
    value = context.read("/sys/devices/system/cpu/smt/active")
    if not value:
        return Finding("smt", UNKNOWN, "not visible", effect, "ask the host")
    return Finding("smt", NOTE if value == "1" else OK, "on" if value == "1" else "off", effect,
                   "write off to /sys/devices/system/cpu/smt/control, or use one thread a core")


def steal() -> Finding:
    effect = "the host runs other machines on this processor: wall time grows, CPU time too"
    ticks, up_s = context.steal_ticks(), float(context.read("/proc/uptime").split()[0] or 0)
    share = ticks / max(up_s * os.sysconf("SC_CLK_TCK") * (os.cpu_count() or 1), 1.0)
    level = WARN if share > 0.01 else NOTE if ticks else OK
    return Finding("steal", level, f"{share:.2%} of the time since boot", effect,
                   "interleave (ouro always does), take more blocks, or move to a quiet host")


def quota() -> Finding:
    effect = "throttling stops the process for tens of milliseconds once its quota is used up"
    limits = context.cgroup_limits()
    if not limits:
        return Finding("cgroup", OK, "no limit", effect, "")
    cpu = any(name.startswith("c") for name in limits)
    return Finding("cgroup", WARN if cpu else NOTE,
                   ", ".join(f"{k}={v}" for k, v in limits.items()), effect,
                   "run outside the container, or give it whole processors")


def thp() -> Finding:
    effect = "huge pages trade page faults for resident memory, unequally by allocator"
    value = context.read("/sys/kernel/mm/transparent_hugepage/enabled")
    chosen = value.partition("[")[2].partition("]")[0]
    if not chosen:
        return Finding("thp", UNKNOWN, "not visible", effect, "")
    return Finding("thp", NOTE if chosen == "always" else OK, chosen, effect,
                   "write madvise to /sys/kernel/mm/transparent_hugepage/enabled")


def aslr() -> Finding:
    effect = ("off, one unlucky layout is measured again and again; on, it averages out over "
              "fresh processes")
    value = context.read("/proc/sys/kernel/randomize_va_space")
    if not value:
        return Finding("aslr", UNKNOWN, "not visible", effect, "")
    return Finding("aslr", OK if value == "2" else WARN, value, effect,
                   "sysctl kernel.randomize_va_space=2")


def load() -> Finding:
    effect = "other programs take processor time, cache and memory bandwidth"
    one, cpus = os.getloadavg()[0], len(os.sched_getaffinity(0))
    return Finding("load", WARN if one > 0.5 * cpus else OK, f"{one:.2f} on {cpus} processors",
                   effect, "stop what else runs")


def clock() -> Finding:
    effect = "a slow clock source costs a system call per reading"
    value = context.read("/sys/devices/system/clocksource/clocksource0/current_clocksource")
    fast = {"tsc", "kvm-clock", "arch_sys_counter", "hyperv_clocksource_tsc_page"}
    level = OK if value in fast else WARN if value else UNKNOWN
    return Finding("clock", level, value or "not visible", effect, "boot with clocksource=tsc")


def swap() -> Finding:
    effect = "pages that went to disk come back in milliseconds, inside someone's sample"
    used = 0
    for line in context.read("/proc/swaps").splitlines()[1:]:
        fields = line.split()
        used += int(fields[3]) if len(fields) > 3 else 0
    return Finding("swap", WARN if used else OK, f"{used // 1024} MiB in use", effect,
                   "swapoff -a, or free memory")


def build_type(kind: str) -> Finding:
    effect = "debug and sanitizer builds measure their checks"
    level = OK if kind == "Release" else WARN if kind else UNKNOWN
    return Finding("build", level, kind or "not visible", effect,
                   "scripts/bench builds the release preset")


CHECKS: tuple[Callable[[], Finding], ...] = (
    governor, turbo, smt, steal, quota, thp, aslr, load, clock, swap)


def examine(kind: str | None = None) -> list[Finding]:
    """All checks; `kind` is the CMake build type, when there is a build to look at."""
    findings = [check() for check in CHECKS]
    return findings + ([build_type(kind)] if kind is not None else [])


def summary(findings: list[Finding]) -> list[dict[str, Any]]:
    """What a run stores."""
    return [asdict(f) for f in findings]
