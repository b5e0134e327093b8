# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""Recording the allocations of a real program, and the program the quick profile records."""
from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Mapping, Sequence

from . import child, escape, paths, worker
from .errors import BadInput

PYTHON = "/usr/bin/python3"
# Python parsing its own standard library into syntax trees: real input that every machine has.
# PYTHONMALLOC=malloc sends every object to malloc instead of Python's own arenas.
SYNTAX_TREES = """
import ast, os, sys
left, kept = int(sys.argv[1]), []
folder = os.path.dirname(ast.__file__)
for name in sorted(os.listdir(folder)):
    if not name.endswith('.py'):
        continue
    with open(os.path.join(folder, name), 'rb') as handle:
        source = handle.read()
    if len(source) > left:
        continue
    left -= len(source)
    kept.append(ast.parse(source))
    if len(kept) > 8:
        kept.pop(0)
"""


def environment(base: Mapping[str, str], trace: Path, build: Path) -> dict[str, str]:
    """The recorder preloaded before anything the caller preloads."""
    library = str(paths.need("libouro-record.so", build))
    already = base.get("LD_PRELOAD", "")
    return {**base, "LD_PRELOAD": f"{library}:{already}" if already else library,
            "OURO_TRACE_OUT": str(trace.resolve())}


def record(command: Sequence[str], trace: Path, build: Path, env: Mapping[str, str]) -> int:
    """Runs a command in the foreground under the recorder; its exit status."""
    if not trace.parent.is_dir():
        raise BadInput(f"-o {escape.for_terminal(str(trace))}: no such folder")
    try:
        return subprocess.run(list(command), env=environment(env, trace, build),
                              check=False).returncode
    except OSError as error:
        raise BadInput(f"{escape.for_terminal(command[0])}: {error.strerror}") from None


def record_syntax_trees(trace: Path, build: Path, source_bytes: int,
                        timeout_s: float) -> tuple[str, float]:
    """Records the quick profile's program; what went wrong (or nothing) and the seconds."""
    env = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "PYTHONMALLOC": "malloc",
           "PYTHONHASHSEED": "0"}
    outcome = child.run([PYTHON, "-S", "-c", SYNTAX_TREES, str(source_bytes)],
                        environment(env, trace, build), timeout_s)
    why = worker.ending(outcome, timeout_s)
    if not why and not trace.is_file():
        why = "no trace was written"
    if why:
        trace.unlink(missing_ok=True)
    return why, outcome.elapsed_s
