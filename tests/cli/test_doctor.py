# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""The doctor on made-up machines: a quiet one, and one planted fault for every check."""
from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import Suite

from ouro_suite import between, doctor, look, report_files, report_html
from ouro_suite.look import Machine
from ouro_suite.result import Result

CPU = "sys/devices/system/cpu"
QUIET = {
    f"{CPU}/online": "0-3\n", f"{CPU}/smt/active": "0\n", f"{CPU}/isolated": "\n",
    f"{CPU}/cpu0/cpufreq/scaling_governor": "performance\n",
    f"{CPU}/cpu1/cpufreq/scaling_governor": "performance\n",
    f"{CPU}/cpu0/topology/thread_siblings_list": "0\n",
    f"{CPU}/cpu0/thermal_throttle/core_throttle_count": "0\n",
    f"{CPU}/cpufreq/boost": "0\n",
    "proc/stat": "cpu  100 0 100 1000 0 0 0 0 0 0\ncpu0 1 1 1 1 1 1 1 1\n",
    "proc/self/cgroup": "0::/box\n", "sys/fs/cgroup/box/cpu.max": "max 100000\n",
    "sys/fs/cgroup/box/memory.max": "max\n", "proc/meminfo": "MemAvailable:  8000000 kB\n",
    "sys/kernel/mm/transparent_hugepage/enabled": "always [madvise] never\n",
    "sys/kernel/mm/ksm/run": "0\n", "proc/sys/kernel/randomize_va_space": "2\n",
    "proc/self/personality": "00000000\n", "proc/loadavg": "0.10 0.20 0.30 1/200 4711\n",
    "proc/pressure/cpu": "some avg10=0.00 avg60=0.00 avg300=0.00 total=5\n",
    "sys/devices/system/clocksource/clocksource0/current_clocksource": "tsc\n",
    "proc/swaps": "Filename Type Size Used Priority\n/swap file 1000000 0 -2\n",
    "sys/class/thermal/thermal_zone0/temp": "42000\n",
    "sys/class/power_supply/BAT0/status": "Full\n",
    "proc/self/status": "Name:\tx\nCpus_allowed:\tf\nCpus_allowed_list:\t0-3\n",
    "sys/devices/system/node/online": "0\n", "proc/sys/kernel/perf_event_paranoid": "2\n",
    "sys/bus/event_source/devices/cpu/type": "4\n", "proc/cpuinfo": "flags\t: fpu vme\n",
    "proc/sys/vm/overcommit_memory": "0\n",
    "proc/self/limits": "Limit  Soft  Hard  Units\n"
                        "Max address space         unlimited   unlimited   bytes\n"}

# check, planted files (None: removed), level, words of the answer
FAULTS = [
    ("governor", {f"{CPU}/cpu1/cpufreq/scaling_governor": "powersave"}, "warn", "powersave"),
    ("governor", {f"{CPU}/cpu0/cpufreq/scaling_governor": None,
                  f"{CPU}/cpu1/cpufreq/scaling_governor": None}, "unknown", "not visible"),
    ("turbo", {f"{CPU}/cpufreq/boost": "1"}, "note", "on"),
    ("turbo", {f"{CPU}/intel_pstate/no_turbo": "0", f"{CPU}/cpufreq/boost": None}, "note", "on"),
    ("turbo", {f"{CPU}/cpufreq/boost": None}, "unknown", "not visible"),
    ("smt", {f"{CPU}/smt/active": "1"}, "note", "on"),
    ("smt", {f"{CPU}/cpu0/topology/thread_siblings_list": "0,4"}, "note", "1 processors"),
    ("steal", {"proc/stat": "cpu  100 0 100 1000 0 0 0 60 0 0"}, "warn", "4.76%"),
    ("steal", {"proc/stat": "cpu  100 0 100 10000 0 0 0 1 0 0"}, "note", "0.01%"),
    ("steal", {"proc/stat": "cpu 1"}, "unknown", "not visible"),
    ("quota", {"sys/fs/cgroup/box/cpu.max": "150000 100000",
               "sys/fs/cgroup/box/cpu.stat": "nr_periods 9\nnr_throttled 7\n"}, "warn",
     "1.5 processors' time, throttled 7 times"),
    ("quota", {"proc/self/cgroup": "0::/box/in", "sys/fs/cgroup/box/in/cpu.max": "max 100000",
               "sys/fs/cgroup/box/cpu.max": "50000 100000"}, "warn", "0.5 processors"),
    ("quota", {"proc/self/cgroup": "4:cpu,cpuacct:/v1",
               "sys/fs/cgroup/cpu/v1/cpu.cfs_quota_us": "200000",
               "sys/fs/cgroup/cpu/v1/cpu.cfs_period_us": "100000"}, "warn", "2 processors"),
    ("quota", {"proc/self/cgroup": "0::/elsewhere", "sys/fs/cgroup/cpu.max": "70000 100000"},
     "warn", "0.7 processors"),
    ("memory", {"proc/meminfo": "MemAvailable:  100000 kB"}, "warn", "98 MiB"),
    ("memory", {"sys/fs/cgroup/box/memory.max": "536870912"}, "warn", "limit 512 MiB"),
    ("memory", {"sys/fs/cgroup/box/memory.max": "4294967296"}, "note", "limit 4096 MiB"),
    ("thp", {"sys/kernel/mm/transparent_hugepage/enabled": "[always] madvise never"}, "note",
     "always"),
    ("ksm", {"sys/kernel/mm/ksm/run": "1"}, "note", "on"),
    ("aslr", {"proc/sys/kernel/randomize_va_space": "0"}, "warn", "0"),
    ("aslr", {"proc/self/personality": "00040000"}, "warn", "this process"),
    ("load", {"proc/loadavg": "2.50 1 1 3/200 1"}, "warn", "2 others run now"),
    ("load", {"proc/pressure/cpu": "some avg10=31.00 avg60=1 avg300=1 total=5"}, "warn",
     "31.00 %"),
    ("load", {"proc/loadavg": "0.10 0.1 0.1 2/200 1"}, "note", "1 others"),
    ("clock", {"sys/devices/system/clocksource/clocksource0/current_clocksource": "hpet"},
     "warn", "hpet"),
    ("swap", {"proc/swaps": "Filename Type Size Used Priority\n/swap file 1000000 204800 -2"},
     "warn", "200 MiB"),
    ("heat", {"sys/class/thermal/thermal_zone0/temp": "91000"}, "warn", "91 degrees"),
    ("heat", {"sys/class/hwmon/hwmon0/temp1_input": "88000"}, "warn", "88 degrees"),
    ("heat", {f"{CPU}/cpu0/thermal_throttle/core_throttle_count": "12"}, "warn", "12 times"),
    ("heat", {"sys/class/thermal/thermal_zone0/temp": None}, "unknown", "not visible"),
    ("power", {"sys/class/power_supply/BAT0/status": "Discharging"}, "warn", "battery"),
    ("affinity", {"proc/self/status": "Cpus_allowed_list:\t2"}, "note", "1 of 4"),
    ("affinity", {f"{CPU}/isolated": "2-3", "proc/self/status": "Cpus_allowed_list:\t2-3"},
     "warn", "all of ours"),
    ("numa", {"sys/devices/system/node/online": "0-1"}, "note", "2 nodes"),
    ("numa", {"sys/devices/system/node/online": "0-1",
              "proc/sys/kernel/numa_balancing": "1"}, "warn", "moves pages"),
    ("counters", {"sys/bus/event_source/devices/cpu/type": None}, "note", "none"),
    ("counters", {"proc/sys/kernel/perf_event_paranoid": "4"}, "note", "forbidden"),
    ("virtual", {"proc/cpuinfo": "flags\t: fpu hypervisor vme",
                 "sys/class/dmi/id/sys_vendor": "ACME"}, "note", "virtual machine (ACME)"),
    ("virtual", {"run/.containerenv": "x"}, "note", "container"),
    ("reserve", {"proc/sys/vm/overcommit_memory": "2"}, "warn", "overcommit"),
    ("reserve", {"proc/self/limits": "Max address space  4000000 4000000 bytes"}, "warn",
     "4000000"),
]


def machine(folder: Path, planted: dict[str, str | None] | None = None) -> Machine:
    """The quiet machine with files replaced, added or left out."""
    for name, text in {**QUIET, **(planted or {})}.items():
        if text is not None:
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
    return Machine(folder)


def test_a_quiet_machine_is_quiet(tmp_path: Path) -> None:
    found = doctor.examine("Release", machine(tmp_path))
    assert {f.check: (f.level, f.found) for f in found if f.level != "ok"} == {}
    assert len({f.check for f in found}) == len(found) == len(doctor.CHECKS) + 1


@pytest.mark.parametrize("check, planted, level, said", FAULTS)
def test_every_fault_is_found_and_explained(tmp_path: Path, check: str, level: str, said: str,
                                            planted: dict[str, str | None]) -> None:
    found = doctor.examine(None, machine(tmp_path, planted))
    (one,) = [f for f in found if f.check == check]
    assert one.level == level and said in one.found
    assert one.effect and (one.remedy or level == "unknown")
    assert [f.check for f in found if f.level != "ok"] == [check]


def test_every_check_has_a_planted_fault() -> None:
    assert {name for name, *_ in FAULTS} == {check.__name__ for check in doctor.CHECKS}


def test_nothing_visible_is_unknown_and_no_crash(tmp_path: Path) -> None:
    found = {f.check: f.level for f in doctor.examine("", Machine(tmp_path))}
    assert found["governor"] == found["load"] == found["steal"] == found["build"] == "unknown"
    assert "warn" not in found.values()


@pytest.mark.parametrize("text", ["", "\x00\xff", "nan", "-", "9" * 400,
                                  "nan inf nan inf/inf nan nan nan nan nan", "a b c d e f g h i j"])
def test_garbage_in_every_file_is_no_crash(tmp_path: Path, text: str) -> None:
    names = {**QUIET, "proc/sys/kernel/numa_balancing": ""}
    doctor.examine(None, machine(tmp_path, {name: text for name in names}))


def test_what_happened_while_measuring(tmp_path: Path) -> None:
    before = doctor.pulse(machine(tmp_path, {"proc/vmstat": "pswpin 1\npswpout 1\n"}))
    assert doctor.meanwhile(before, before) == []
    after = doctor.pulse(machine(tmp_path, {
        "proc/vmstat": "pswpin 4\npswpout 1\n",
        "proc/stat": "cpu  200 0 100 1000 0 0 0 50 0 0",
        "sys/fs/cgroup/box/cpu.stat": "nr_throttled 3",
        f"{CPU}/cpu0/thermal_throttle/core_throttle_count": "2"}))
    found = {f.check: f.found for f in doctor.meanwhile(before, after)}
    assert list(found) == ["steal-meanwhile", "quota-meanwhile", "swap-meanwhile",
                           "heat-meanwhile"]
    assert found["steal-meanwhile"].startswith("33.33%") and "3 times" in found["quota-meanwhile"]


@pytest.mark.parametrize("text, found", [("0-2,5", {0, 1, 2, 5}), ("3", {3}), ("", set()),
                                         ("a-b", set()), ("1-", {1})])
def test_lists_of_processors(text: str, found: set[int]) -> None:
    assert look.cpus(text) == found


def test_a_disturbed_run_is_marked_everywhere(suite: Suite, capsys: pytest.CaptureFixture,
                                              monkeypatch: pytest.MonkeyPatch) -> None:
    assert suite.run("-w", suite.workload("calm"), "-a", "glibc", "-a", "jemalloc").returncode == 0
    data = json.loads((suite.folder / "run" / "result.json").read_text())
    run = Result(data["context"], data["benchmarks"], folder=suite.folder / "run")
    for level, marked in (("ok", False), ("warn", True)):
        run.context["doctor"] = [{"check": "steal", "level": level, "found": "9%",
                                  "effect": "e", "remedy": "r"}]
        report_files.print_run(run)
        shown = [capsys.readouterr().out, report_files.markdown(run), report_html.render(run),
                 "\n".join(between.warnings([run, run]))]
        assert [("disturbed machine: steal" in " ".join(text.split())) for text in shown] == \
            [marked] * 4
