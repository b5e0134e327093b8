# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""The part of the command line that judges without measuring time."""
from __future__ import annotations

import argparse
from typing import Callable

Add = Callable[..., argparse.ArgumentParser]
EPILOG = "exit status: 0 no regression, 1 regression, 2 error, 3 inconclusive"


def _verdict(args: argparse.Namespace) -> int:
    from . import gate_output
    return gate_output.again(args)


def add(commands: object, command: Add) -> None:
    """Adds the parsers; `command` is cli._add."""
    from . import gate_output
    again = command(commands, "verdict", "a stored report of the gate, shown again and turned "
                    "into what CI reads; exits as the gate did", _verdict)
    again.epilog = EPILOG
    again.add_argument("report", metavar="RUN|gate.json")
    gate_output.add_arguments(again)
