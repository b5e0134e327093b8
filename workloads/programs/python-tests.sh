#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
#
# about: Python's own tests of its collector, JSON, SQLite, threads and dictionaries
# needs: python3
# files: /usr/lib/python3.11/test/test_gc.py
# tier: nightly
# measured: no
# PYTHON chooses another interpreter. Debian's libpython3.11-testsuite has no test_sqlite3, others
# have.
: "${PYTHON:=/usr/bin/python3}"
case $1 in
work)
    tests='test_gc test_json test_threading test_dict'
    if "$PYTHON" -c 'import test.test_sqlite3' 2>/dev/null; then
        tests="$tests test_sqlite3"
    fi
    # What is left of the log has neither time nor load in it.
    # shellcheck disable=SC2086
    "$PYTHON" -m test $tests 2>&1 |
        sed -n 's/^.*\] test_/ran test_/; s/ in [0-9.]* .*//; s/ -- [a-z0-9_]* passed.*//; /^ran \|^[0-9]* test\|^All /p'
    ;;
esac
