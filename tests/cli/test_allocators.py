# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""The allocator table, and allocators given by path."""
from __future__ import annotations

from pathlib import Path

import pytest
from ouro_suite import allocators
from ouro_suite.errors import BadInput


def test_every_row_is_complete() -> None:
    table = allocators.load_table()
    assert list(table)[:3] == ["ouro", "glibc", "jemalloc"]
    for name, row in table.items():
        assert row["about"], name
        assert "built" in row or row["package"], name


def test_a_missing_library_names_its_package(tmp_path: Path) -> None:
    row = {"library": ["libnowhere-to-be-found.so.9"], "package": "libnowhere9"}
    found = allocators.from_row("nowhere", row, tmp_path)
    assert found.missing == "install the Debian package libnowhere9" and not found.path


def test_an_unbuilt_library_says_so(tmp_path: Path) -> None:
    assert "not built" in allocators.known(tmp_path)["ouro"].missing


def test_unknown_keys_of_the_table_are_refused(tmp_path: Path) -> None:
    table = tmp_path / "t.yaml"
    table.write_text("x:\n  libary: [a.so]\n")
    with pytest.raises(BadInput, match="x: unknown key libary"):
        allocators.load_table(table)


@pytest.mark.parametrize("argument", ["nope", "../x=/lib/a.so", "a b=/x.so", "=",
                                      "x\x1b[31m=/y", "glibc=/lib/a.so", "-a", ""])
def test_bad_arguments_are_refused_in_one_printable_line(argument: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput) as caught:
        allocators.from_argument(argument, tmp_path)
    assert str(caught.value).isprintable()


def test_a_library_by_path(tmp_path: Path) -> None:
    library = tmp_path / "libmine.so"
    library.write_bytes(b"x")
    found = allocators.from_argument(f"mine={library}", tmp_path)
    assert found.expect == f"mine={library}" and not found.missing
    assert allocators.from_argument("mine=/no/such.so", tmp_path).missing


def test_tuning_variables_are_kept_and_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MALLOC_CONF", "narenas:1")
    monkeypatch.setenv("MIMALLOC_VERBOSE", "0")
    one = allocators.Allocator("jemalloc", tuning=("MALLOC_CONF",))
    assert allocators.identity(one).environment == {"MALLOC_CONF": "narenas:1"}


def test_a_runtime_is_a_program_of_its_own_on_the_c_librarys_malloc(tmp_path: Path) -> None:
    found = allocators.from_argument("cpython", tmp_path)
    assert found.missing == "ouro-work-cpython was not built (Debian: python3-dev)"
    assert allocators.from_argument("boehm", tmp_path).missing == \
        "ouro-work-boehm was not built (Debian: libgc-dev)"
    (tmp_path / "ouro-work-cpython").write_bytes(b"x")
    allocators.paths._found.cache_clear()
    found = allocators.from_argument("cpython", tmp_path)
    assert not found.missing and found.worker == "ouro-work-cpython"
    assert found.expect == "glibc=" and not found.path
    with pytest.raises(BadInput, match="choose another name"):
        allocators.from_argument("cpython=/lib/a.so", tmp_path)
