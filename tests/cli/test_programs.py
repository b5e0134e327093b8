# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""Real programs: their scripts, what is refused, and that another output is a failure."""
from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from conftest import Suite

from ouro_suite import programs, whole
from ouro_suite.errors import BadInput

TOOLS = ("hyperfine", "time", "gcc", "bash")


def script(folder: Path, text: str, name: str = "one.sh") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_a_script_says_what_it_needs(tmp_path: Path) -> None:
    path = script(tmp_path, "# about: x\n# needs: sh no-such-program\n# files: /no/such/file\n"
                  "# tier: nightly\n# measured: no\n")
    found = programs.read(path)
    assert found.missing() == "no-such-program /no/such/file"
    assert not found.fast and not found.measured
    assert found.command("work") == ["/bin/sh", str(path), "work"]


@pytest.mark.parametrize("text, name", [
    ("# about: x\n# needs: sh\n", "one.sh"), ("", "one.sh"),
    ("# about: x\n# needs: sh\n# tier: fast\n", "-x.sh")])
def test_a_script_that_does_not_say_it_is_refused(tmp_path: Path, text: str, name: str) -> None:
    with pytest.raises(BadInput, match=name):
        programs.read(script(tmp_path, text, name))


def test_an_input_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    path = script(tmp_path, "# about: x\n# needs: sh\n# tier: fast\necho why >&2; exit 3\n")
    assert "exit 3: ['why']" in programs.prepare(programs.read(path), tmp_path / "work")


def test_every_program_of_the_catalogue_can_be_read() -> None:
    found = programs.catalogue()
    assert {"bash", "git", "python", "redis", "sqlite"} <= set(found)
    assert {p.name for p in programs.choose([])} < set(found)


@pytest.mark.parametrize("text", ["", "\n", "x\n", "0\n", "-4\n", "99999999999999999\n"])
def test_a_peak_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        whole.parse_peak(text)


def test_the_peak_is_the_last_line() -> None:
    assert whole.parse_peak("Command exited with non-zero status 1\n12\n") == 12 * 1024


def test_programs_refuses_what_it_does_not_know(suite: Suite) -> None:
    assert "unknown program; known: bash" in suite.ouro("whole", "--programs", "nope").stderr
    done = suite.ouro("whole", "-w", suite.workload("calm"), "--programs")
    assert done.returncode == 2 and "give no -w" in done.stderr


def library(folder: Path, name: str, body: str) -> str:
    """A library that does `body` when it is loaded into the shell that runs the program."""
    source = folder / f"{name}.c"
    source.write_text("#include <string.h>\n#include <unistd.h>\n"
                      "extern char *program_invocation_short_name;\n"
                      "__attribute__((constructor)) static void f(void) {\n"
                      f"if (!strcmp(program_invocation_short_name, \"bash\")) {{ {body} }} }}\n")
    out = folder / f"{name}.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", out, source], check=True)
    return f"{name}={out}"


@pytest.mark.skipif(any(not shutil.which(t) for t in TOOLS), reason="a tool is not installed")
def test_a_program_that_prints_something_else_has_no_time(suite: Suite) -> None:
    calm = library(suite.folder, "calm", "")
    loud = library(suite.folder, "loud", "if (write(1, \"x\", 1) < 0) _exit(9);")
    dead = library(suite.folder, "dead", "_exit(3);")
    done = suite.ouro("whole", "--programs", "bash", "-a", "glibc", "-a", calm, "-a", loud, "-a",
                      dead, "--budget", "4s", "-o", "run")
    assert done.returncode == 1, done.stderr
    part = json.loads((suite.folder / "run" / "result.json").read_text())["whole"]
    assert {e["column"] for e in part["benchmarks"]} == {"glibc", "calm"}
    assert all(e["peak_rss_bytes"] > 1 << 20 for e in part["benchmarks"])
    failed = {f["column"]: f["failure"] for f in part["failures"]}
    assert set(failed) == {"loud", "dead"} and "printed something else" in failed["loud"]
    assert "peak memory" in done.stdout
