# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""What the Python peers share: options, scaling, the one line at the end.

A peer does the object form of the workload of its name under the interpreter that runs it: the
same phases, operation counts and sizes as the YAML file beside this folder, standard library
only. The comparison is of whole processes (`ouro whole`): the interpreter's byte code is part
of what is measured, and its start-up as well.
"""
from __future__ import annotations

import argparse
import gc
import sys
from typing import Any, NoReturn


def options(about: str) -> argparse.Namespace:
    """--scale and --seed as ouro-work takes them; anything else is exit status 2."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--scale", type=float, default=1.0, metavar="X",
                        help="multiplies the operations of every phase (0.001..1000)")
    parser.add_argument("--seed", type=int, default=1, metavar="N",
                        help="seed of every random choice")
    given = parser.parse_args()
    if not 0.001 <= given.scale <= 1000:
        parser.error(f"--scale {given.scale}: not from 0.001 to 1000")
    if not 0 <= given.seed < 2**64:
        parser.error(f"--seed {given.seed}: not from 0 to 2^64-1")
    return given


def scaled(ops: int, scale: float, multiple: int = 1) -> int:
    """Operations of a phase, at least one, rounded up to whole things of `multiple`."""
    wanted = max(1, int(ops * scale + 0.5))
    return -(-wanted // multiple) * multiple


def fail(reason: str) -> NoReturn:
    """The work done is not the work ordered."""
    print(f"{sys.argv[0]}: {reason}", file=sys.stderr)
    sys.exit(3)


def expect(found: object, wanted: object, what: str) -> None:
    """Ends the process with status 3 when they differ."""
    if found != wanted:
        fail(f"{what}: {found}, not {wanted}")


class Collected:
    """Counts what the collector finds, by itself or when asked."""

    def __init__(self) -> None:
        self.found = 0
        gc.callbacks.append(self)

    def __call__(self, phase: str, info: dict[str, Any]) -> None:
        if phase == "stop":
            self.found += info["collected"]


def done(workload: str, ops: int, **more: int) -> None:
    """The line that says that the work was done and verified."""
    rest = "".join(f" {key}={value}" for key, value in more.items())
    print(f"{workload}: python {sys.version.split()[0]} ops={ops}{rest} verified")
