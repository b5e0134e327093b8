# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""The suite's Python side: starts measuring processes, judges samples, writes reports."""

VERSION = "0.1.0"
