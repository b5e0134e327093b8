# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""Hostile names and messages: nothing that is only text becomes code, anywhere."""
from __future__ import annotations

import csv
import html.parser
import io
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ouro_suite import escape, report_files, report_html
from ouro_suite.result import Result

HOSTILE = ['<script>alert(1)</script>', '"><img src=x onerror=alert(1)>', "=cmd|' /C calc'!A0",
           "\x1b]0;title\x07\x1b[31m", "{{ 7 * 7 }}", "$x$ | [a](javascript:b) `c`",
           "</style><svg onload=alert(1)>", "\u202ereversed", "+1", "@SUM(A1)", "\tx", "]]>",
           "--><script>alert(1)</script><!--"]


class Elements(html.parser.HTMLParser):
    """Collects elements, attributes and every URL of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]


def hostile_run(text: str) -> Result:
    """A result in which every text of a user's or worker's making is hostile."""
    entries = [{"name": text, "cell": text, "workload": text, "form": "raw", "column": column,
                "arm": text, "block": block, "real_time": 10.0 + block, "threads": 1,
                "peak_rss_bytes": 1000, "timed_by": "ops"}
               for column in ("glibc", text) for block in range(6)]
    failure = {"cell": text, "workload": text, "form": "raw", "threads": 1,
               "column": "x" + text, "arm": text, "block": 1, "failure": text, "detail": text}
    context = {"date": text, "host_name": text, "cpu": text, "num_cpus": 2, "kernel": text,
               "profile": text, "measuring_s": 1.0, "interrupted": True, "warnings": [text],
               "scales": {text: 1.0}, "argv": ["ouro", text],
               "doctor": [{"check": text, "level": "warn", "found": text, "effect": "e",
                           "remedy": "r"}],
               "allocators": {text: {"name": text, "path": text, "version": text,
                                     "build_id": text, "sha256": text}}}
    micro = {"rows": [{"name": text, "time_ns": 2.0, "limit": text, "limit_ns": 1.0,
                       "multiple": 2.0, "error": ""},
                      {"name": text, "time_ns": None, "limit": "", "limit_ns": None,
                       "multiple": None, "error": text}], "failure": text}
    whole = {"benchmarks": entries, "failures": [failure]}
    return Result(context, entries, [failure], [{"allocator": text, "reason": text}], micro,
                  whole, Path("run"))


@pytest.mark.parametrize("text", HOSTILE)
def test_html_report_has_no_active_element(text: str) -> None:
    page = report_html.render(hostile_run(text))
    seen = Elements()
    seen.feed(page)
    assert not seen.tags & {"script", "img", "iframe", "object", "embed", "link", "form"}
    assert not [name for name, _ in seen.attributes if name.startswith("on")]
    urls = [value for name, value in seen.attributes if name in ("href", "src", "xlink:href")]
    assert all(url.startswith("#") for url in urls)
    assert "url(http" not in page and "@import" not in page
    assert ("http-equiv", "Content-Security-Policy") in seen.attributes
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", page)
    assert "49" not in text and ("{{ 7" not in text or "{{ 7 * 7 }}" in page)


@pytest.mark.parametrize("text", HOSTILE)
def test_csv_has_no_formula(text: str) -> None:
    rows = list(csv.reader(io.StringIO(report_files.comma_separated(hostile_run(text)))))
    assert len(rows) == 4 and len({len(row) for row in rows}) == 1
    for field in (field for row in rows for field in row):
        assert not field.startswith(("=", "+", "-", "@", "\t", "\r"))


@pytest.mark.parametrize("text", HOSTILE)
def test_markdown_has_no_html_and_keeps_its_columns(text: str) -> None:
    page = report_files.markdown(hostile_run(text))
    assert "<script" not in page and "<img" not in page and "<svg" not in page
    assert "\x1b" not in page and not re.search(r"(?<!\\)\]\(javascript", page)
    table = [line for line in page.split("## ")[1].splitlines() if line.startswith("|")]
    assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table}) == 1


@given(st.text(max_size=60))
def test_terminal_text_has_no_control_character(text: str) -> None:
    assert escape.for_terminal(text).isprintable()


@given(st.text(max_size=80))
def test_names_are_safe_file_names(text: str) -> None:
    if escape.is_name(text):
        assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", text) and ".." not in text
        assert len(text) <= 64


def test_page_is_small_and_names_every_contender() -> None:
    page = report_html.render(hostile_run("plain"))
    assert len(page) < 2_000_000 and page.count("plain") > 10
