# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""The two ways a command ends early: bad input (exit 2), and a row that failed (exit 1)."""

EXIT_OK = 0
EXIT_ROW_FAILED = 1
EXIT_BAD_INPUT = 2


class BadInput(Exception):
    """What the user gave cannot be used; the text is one line that says what and why."""
