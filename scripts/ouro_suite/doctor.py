# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""What on this machine disturbs measurement: looked at, explained, never changed.

Each check says what it found, what that does to a measurement and what would help. In a
virtual machine or a container much cannot be seen or set; then the advice says so. Levels: ok;
note (know it); warn (figures of this machine are marked); unknown (not visible). Nothing needs
root. docs/doctor.md lists the checks.
"""
from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Callable, Iterable, Sequence

from .look import Machine, cpus, number

OK, NOTE, WARN, UNKNOWN = "ok", "note", "warn", "unknown"
CPU = "/sys/devices/system/cpu"
HOT_C = 85.0  # most processors lower their clock from 90 to 100 degrees on
FAST_CLOCKS = {"tsc", "kvm-clock", "arch_sys_counter", "hyperv_clocksource_tsc_page"}
NO_RANDOM = 0x0040000  # ADDR_NO_RANDOMIZE of personality(2)


@dataclass(frozen=True)
class Finding:
    """One check's answer."""

    check: str
    level: str
    found: str
    effect: str
    remedy: str


def governor(m: Machine) -> Finding:
    effect = "a governor that follows load makes short samples start slow"
    values = sorted(set(m.all(f"{CPU}/cpu[0-9]*/cpufreq/scaling_governor")))
    if not values:
        return Finding("governor", UNKNOWN, "not visible", effect,
                       "virtual machines hide it: only the host could set it")
    return Finding("governor", OK if values == ["performance"] else WARN, ", ".join(values),
                   effect, "cpupower frequency-set -g performance")


def turbo(m: Machine) -> Finding:
    effect = "the clock depends on temperature and on what other cores do"
    intel = m.read(f"{CPU}/intel_pstate/no_turbo")
    boost = m.read(f"{CPU}/cpufreq/boost")
    if not intel and not boost:
        return Finding("turbo", UNKNOWN, "not visible", effect,
                       "interleaving spreads it over all arms; only the host could turn it off")
    on = intel == "0" or boost == "1"
    return Finding("turbo", NOTE if on else OK, "on" if on else "off", effect,
                   "write 1 to intel_pstate/no_turbo, or 0 to cpufreq/boost")


def smt(m: Machine) -> Finding:
    effect = "a sibling thread shares the core's caches and execution units"
    remedy = f"write off to {CPU}/smt/control, or use one thread a core"
    active = m.read(f"{CPU}/smt/active")
    pairs = [s for s in m.all(f"{CPU}/cpu[0-9]*/topology/thread_siblings_list")
             if len(cpus(s)) > 1]
    if active == "1" or pairs:
        return Finding("smt", NOTE, f"on ({len(pairs)} processors have a sibling)", effect,
                       remedy)
    if not active:
        return Finding("smt", UNKNOWN, "not visible", effect, "ask the host")
    return Finding("smt", OK, "off, or not shown by the host", effect, remedy)


def steal(m: Machine) -> Finding:
    effect = "the host runs other machines on this processor: wall time grows, CPU time too"
    ticks = [number(x) for x in m.field("/proc/stat", "cpu ").split()]
    if len(ticks) < 8 or sum(ticks[:8]) <= 0:
        return Finding("steal", UNKNOWN, "not visible", effect, "")
    share = ticks[7] / sum(ticks[:8])
    level = WARN if share > 0.01 else NOTE if ticks[7] else OK
    return Finding("steal", level, f"{share:.2%} of the time since boot", effect,
                   "interleave (ouro always does), take more blocks, or move to a quiet host")


def quota(m: Machine) -> Finding:
    effect = "throttling stops the process for tens of milliseconds once its quota is used up"
    limits, throttled = [], 0.0
    for folder in m.cgroups("cpu"):
        most, _, period = m.read(f"{folder}/cpu.max").partition(" ")
        old = number(m.read(f"{folder}/cpu.cfs_quota_us"), -1.0)
        if most not in ("", "max"):
            limits.append(number(most) / max(number(period, 100000.0), 1.0))
        elif old > 0:
            limits.append(old / max(number(m.read(f"{folder}/cpu.cfs_period_us"), 1e5), 1.0))
        throttled += number(m.field(f"{folder}/cpu.stat", "nr_throttled "))
    if not limits:
        return Finding("quota", OK, "no limit of processor time", effect, "")
    said = f", throttled {throttled:.0f} times so far" if throttled else ""
    return Finding("quota", WARN, f"{min(limits):.2g} processors' time{said}", effect,
                   "run outside the container, or give it whole processors (a cpuset)")


def memory(m: Machine) -> Finding:
    effect = "near the limit the kernel reclaims pages inside someone's sample, or kills"
    limits = [number(m.read(f"{f}/memory.max"), -1.0) for f in m.cgroups("memory")]
    limits += [number(m.read(f"{f}/memory.limit_in_bytes"), -1.0) for f in m.cgroups("memory")]
    limits = [x for x in limits if 0 < x < 2**62]
    free = number(m.field("/proc/meminfo", "MemAvailable:")) * 1024
    if not free:
        return Finding("memory", UNKNOWN, "not visible", effect, "")
    said = f", limit {min(limits) / 2**20:.0f} MiB" if limits else ""
    least = min([free, *limits])
    level = WARN if least < 2**30 else NOTE if limits else OK
    return Finding("memory", level, f"{free / 2**20:.0f} MiB available{said}", effect,
                   "stop what holds memory, or raise the container's limit")


def thp(m: Machine) -> Finding:
    effect = "huge pages trade page faults for resident memory, unequally by allocator"
    value = m.read("/sys/kernel/mm/transparent_hugepage/enabled")
    chosen = value.partition("[")[2].partition("]")[0]
    if not chosen:
        return Finding("thp", UNKNOWN, "not visible", effect, "")
    return Finding("thp", NOTE if chosen == "always" else OK, chosen, effect,
                   "write madvise to /sys/kernel/mm/transparent_hugepage/enabled")


def ksm(m: Machine) -> Finding:
    effect = "the kernel compares and merges pages: background work, and copies on writing"
    value = m.read("/sys/kernel/mm/ksm/run")
    if not value:
        return Finding("ksm", UNKNOWN, "not visible", effect, "")
    return Finding("ksm", NOTE if value == "1" else OK, "on" if value == "1" else "off", effect,
                   "write 0 to /sys/kernel/mm/ksm/run")


def aslr(m: Machine) -> Finding:
    effect = ("off, one unlucky layout is measured again and again; on, it averages out over "
              "fresh processes")
    value = m.read("/proc/sys/kernel/randomize_va_space")
    own = m.read("/proc/self/personality")
    try:
        off = bool(int(own or "0", 16) & NO_RANDOM)
    except ValueError:
        off = False
    if off:
        return Finding("aslr", WARN, "off for this process (setarch -R, a debugger)", effect,
                       "start ouro from a shell without it")
    if not value:
        return Finding("aslr", UNKNOWN, "not visible", effect, "")
    return Finding("aslr", OK if value == "2" else WARN, value, effect,
                   "sysctl kernel.randomize_va_space=2")


def load(m: Machine) -> Finding:
    effect = "other programs take processor time, cache and memory bandwidth"
    words, many = m.read("/proc/loadavg").split(), len(m.allowed())
    if len(words) < 4:
        return Finding("load", UNKNOWN, "not visible", effect, "")
    waiting = m.field("/proc/pressure/cpu", "some avg10=").split(" ")[0]
    others = max(int(number(words[3].partition("/")[0])) - 1, 0)  # the reader itself runs, too
    found = f"{words[0]} in the last minute on {many} processors, {others} others run now"
    if waiting:
        found += f", somebody waits {waiting} % of the time"
    bad = number(words[0]) > 0.5 * many or number(waiting) > 10.0
    return Finding("load", WARN if bad else NOTE if others else OK, found, effect,
                   "stop what else runs, then wait a minute")


def clock(m: Machine) -> Finding:
    effect = "a slow clock source costs a system call per reading"
    value = m.read("/sys/devices/system/clocksource/clocksource0/current_clocksource")
    level = OK if value in FAST_CLOCKS else WARN if value else UNKNOWN
    return Finding("clock", level, value or "not visible", effect, "boot with clocksource=tsc")


def swap(m: Machine) -> Finding:
    effect = "pages that went to disk come back in milliseconds, inside someone's sample"
    used = sum(number((line.split() + ["0"] * 4)[3])
               for line in m.read("/proc/swaps").splitlines()[1:])
    return Finding("swap", WARN if used else OK, f"{used // 1024:.0f} MiB in use", effect,
                   "swapoff -a, or free memory")


def heat(m: Machine) -> Finding:
    effect = "a hot processor lowers its clock, the later arm of a long run most"
    throttled = sum(number(x) for x in
                    m.all(f"{CPU}/cpu[0-9]*/thermal_throttle/core_throttle_count"))
    degrees = [number(x) / 1000.0 for pattern in
               ("/sys/class/thermal/thermal_zone*/temp", "/sys/class/hwmon/hwmon*/temp*_input")
               for x in m.all(pattern)]
    remedy = "cool it, turn turbo off, or leave pauses"
    if throttled:
        return Finding("heat", WARN, f"throttled {throttled:.0f} times since boot", effect,
                       remedy)
    if not degrees:
        return Finding("heat", UNKNOWN, "not visible", effect, "only the host knows")
    return Finding("heat", WARN if max(degrees) >= HOT_C else OK,
                   f"{max(degrees):.0f} degrees at most", effect, remedy)


def power(m: Machine) -> Finding:
    effect = "on battery the firmware holds the clock down"
    empty = "Discharging" in m.all("/sys/class/power_supply/*/status")
    return Finding("power", WARN if empty else OK, "battery" if empty else "mains, or no battery",
                   effect, "plug it in")


def affinity(m: Machine) -> Finding:
    effect = "threads beyond the processors allowed take turns; processors differ in cache"
    allowed, online = m.allowed(), m.online()
    isolated = cpus(m.read(f"{CPU}/isolated"))
    found = f"{len(allowed)} of {len(online)} processors"
    if isolated:
        found += f", {len(isolated)} isolated from the scheduler"
    level = OK if allowed == online else NOTE
    if allowed <= isolated and len(allowed) > 1:
        return Finding("affinity", WARN, found + ": all of ours", effect,
                       "the scheduler does not spread threads there: pin to one, or use others")
    return Finding("affinity", level, found, effect,
                   "taskset or the container's cpuset decides; the same for all runs compared")


def numa(m: Machine) -> Finding:
    effect = "memory of another node is slower, and pages may be moved while one measures"
    nodes = cpus(m.read("/sys/devices/system/node/online"))
    if len(nodes) < 2:
        return Finding("numa", OK if nodes else UNKNOWN, "one node" if nodes else "not visible",
                       effect, "")
    moving = m.read("/proc/sys/kernel/numa_balancing") not in ("", "0")
    return Finding("numa", WARN if moving else NOTE, f"{len(nodes)} nodes" +
                   (", the kernel moves pages between them" if moving else ""), effect,
                   "numactl --cpunodebind=0 --membind=0, sysctl kernel.numa_balancing=0")


def counters(m: Machine) -> Finding:
    effect = "without hardware counters a change in cache misses shows in time only"
    units = any(m.exists(f"/sys/bus/event_source/devices/{name}") for name in
                ("cpu", "cpu_core", "armv8_pmuv3", "armv8_pmuv3_0"))
    paranoid = m.read("/proc/sys/kernel/perf_event_paranoid")
    if not units:
        return Finding("counters", NOTE, "none", effect,
                       "ouro icount counts instructions by callgrind instead")
    if number(paranoid, 2.0) > 2:
        return Finding("counters", NOTE, f"forbidden (perf_event_paranoid {paranoid})", effect,
                       "sysctl kernel.perf_event_paranoid=2")
    return Finding("counters", OK, "there", effect, "")


def virtual(m: Machine) -> Finding:
    effect = "neighbours share caches, memory bandwidth and the clock, and are not visible"
    kind = m.read("/sys/hypervisor/type") or m.read("/sys/class/dmi/id/sys_vendor")
    machine = " hypervisor" in m.read("/proc/cpuinfo")
    inside = m.exists("/.dockerenv") or m.exists("/run/.containerenv") or \
        "container=" in m.read("/proc/1/environ")
    found = [f"virtual machine ({kind})" if kind else "virtual machine"] * machine + \
        ["container"] * inside
    return Finding("virtual", NOTE if found else OK, ", ".join(found) or "bare metal, it seems",
                   effect, "gate by instruction counts, or take more blocks")


def reserve(m: Machine) -> Finding:
    effect = "allocators that reserve address space in advance fail, or take other paths"
    strict = m.read("/proc/sys/vm/overcommit_memory") == "2"
    space = m.field("/proc/self/limits", "Max address space").split()
    bound = space[0] if space and space[0] != "unlimited" else ""
    found = ["overcommit_memory=2"] * strict + [f"ulimit -v {bound} bytes"] * bool(bound)
    return Finding("reserve", WARN if found else OK, ", ".join(found) or "no limit", effect,
                   "sysctl vm.overcommit_memory=0, ulimit -v unlimited")


def build_type(kind: str) -> Finding:
    effect = "debug and sanitizer builds measure their checks"
    level = OK if kind == "Release" else WARN if kind else UNKNOWN
    return Finding("build", level, kind or "not visible", effect,
                   "scripts/bench builds the release preset")


CHECKS: tuple[Callable[[Machine], Finding], ...] = (
    governor, turbo, smt, steal, quota, memory, thp, ksm, aslr, load, clock, swap, heat, power,
    affinity, numa, counters, virtual, reserve)


def examine(kind: str | None = None, machine: Machine = Machine()) -> list[Finding]:
    """All checks; `kind` is the CMake build type, when there is a build to look at."""
    findings = [check(machine) for check in CHECKS]
    return findings + ([build_type(kind)] if kind is not None else [])


@dataclass(frozen=True)
class Pulse:
    """Counters that only grow, read before and after measuring."""

    steal: float
    ticks: float
    throttled: float
    swapped: float
    overheated: float


def pulse(m: Machine = Machine()) -> Pulse:
    ticks = [number(x) for x in m.field("/proc/stat", "cpu ").split()][:8]
    throttled = sum(number(m.field(f"{f}/cpu.stat", "nr_throttled ")) for f in m.cgroups("cpu"))
    swapped = sum(number(m.field("/proc/vmstat", n)) for n in ("pswpin ", "pswpout "))
    heated = sum(number(x) for x in
                 m.all(f"{CPU}/cpu[0-9]*/thermal_throttle/core_throttle_count"))
    return Pulse(ticks[7] if len(ticks) > 7 else 0.0, sum(ticks), throttled, swapped, heated)


def meanwhile(before: Pulse, after: Pulse) -> list[Finding]:
    """What happened to the machine while it measured; only what did."""
    share = (after.steal - before.steal) / max(after.ticks - before.ticks, 1.0)
    rows = (("steal-meanwhile", share > 0.01, f"{share:.2%} of the time while measuring",
             "the host took the processor away from some samples", "take more blocks"),
            ("quota-meanwhile", after.throttled > before.throttled,
             f"throttled {after.throttled - before.throttled:.0f} times while measuring",
             "some samples stood still for tens of milliseconds", "give it whole processors"),
            ("swap-meanwhile", after.swapped > before.swapped,
             f"{after.swapped - before.swapped:.0f} pages while measuring",
             "some samples waited for the disk", "free memory, measure again"),
            ("heat-meanwhile", after.overheated > before.overheated,
             f"throttled {after.overheated - before.overheated:.0f} times while measuring",
             "the clock was lowered during some samples", "cool it, measure again"))
    return [Finding(name, WARN, found, effect, remedy)
            for name, bad, found, effect, remedy in rows if bad]


def summary(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """What a run stores."""
    return [asdict(f) for f in findings]


def marks(stored: Iterable[Any]) -> list[str]:
    """The names of the checks for which a stored run is marked as disturbed."""
    return [str(f.get("check", "")) for f in stored
            if isinstance(f, dict) and f.get("level") == WARN]


def mark(stored: Iterable[Any]) -> str:
    """The sentence under every table of a disturbed run; empty for a quiet one."""
    found = marks(stored)
    return f"measured on a disturbed machine: {', '.join(found)} (see ouro doctor)" \
        if found else ""
