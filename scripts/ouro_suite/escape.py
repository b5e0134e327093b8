# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""Names and display text: what may be a file name, and how any text is made harmless.

Every name that reaches a report may come from a user's file or command line. HTML is escaped
by jinja2's autoescape; this module covers the other places where text can turn into code.
"""
from __future__ import annotations

import re

SPAN_CAP = 500  # characters of a name or reason in a comment
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")


def is_name(text: str) -> bool:
    """True when text may be used as a file name and in a benchmark name."""
    return bool(NAME.match(text)) and ".." not in text


def for_terminal(text: str) -> str:
    """Replaces control characters, also C1 and bidirectional marks: text stays text."""
    return "".join(c if c.isprintable() else "\ufffd" for c in text)


def for_csv(text: str) -> str:
    """Quotes text that a spreadsheet would take for a formula."""
    harmless = for_terminal(text)
    return "'" + harmless if text.startswith(("=", "+", "-", "@", "\t", "\r")) else harmless


def for_markdown(text: str) -> str:
    """Makes text safe in a Markdown table cell, also where raw HTML is rendered."""
    text = for_terminal(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_\[\]|#!$])", r"\\\1", text)


def for_code_span(text: str) -> str:
    """Text as Markdown code, also inside a table of a pull request's comment: there no name can
    mention people, refer to issues, make links, or end the cell. A pipe becomes a broken bar,
    because cells are split before code is looked for. Cut at SPAN_CAP characters: whoever cut a
    longer whole would cut off the end of the span."""
    text = for_terminal(text[:SPAN_CAP]).replace("|", "\u00a6").strip()
    if not text:
        return ""
    fence = "`" * (1 + max((len(run) for run in re.findall(r"`+", text)), default=0))
    gap = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{gap}{text}{gap}{fence}"


def for_xml(text: str) -> str:
    """Text that an XML 1.0 writer may take: it escapes the markup itself, but lets control
    characters and half surrogates through, which no reader accepts."""
    return for_terminal(text)


def for_workflow(text: str, value: bool = False) -> str:
    """Text of a GitHub workflow command; `value`: of one of its properties. The rules are those
    of the toolkit's command.ts: per cent and line ends, in properties colon and comma, too."""
    text = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return text.replace(":", "%3A").replace(",", "%2C") if value else text
