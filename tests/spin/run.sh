#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
#
# run.sh - searches every model here completely, and shows that every planted fault is found.
#
#   run.sh [-v] [-d] [MODEL]...     -v: one line a search   -d: larger bounds (nightly)
#
# A model is a *.pml; its faults are the lines " * mutant NAME: what is wrong" in its head,
# each tried with -DMUTANT_NAME. Passed when the search of every model is complete and finds
# nothing, and the search of every mutant ends in a failed assertion or a deadlock. Exit status:
# 0 passed, 1 not, 2 bad usage, 77 spin or a C compiler is not installed.
set -u

here=$(cd "$(dirname "$0")" && pwd)
cc=${CC:-cc}
verbose=0
deep=
models=0 states=0 violations=0 mutants=0 caught=0 broken=0

usage() {
    echo "usage: run.sh [-v] [-d] [MODEL]..." >&2
    exit 2
}

note() {
    if [ "$verbose" = 1 ]; then
        echo "$@"
    fi
}

fail() {
    broken=$((broken + 1))
    echo "run.sh: $*" >&2
}

# search NAME OPTIMISE [DEFINE]...: leaves the output of the search in $work/out
search() {
    name=$1
    optimise=$2
    shift 2
    rm -f pan pan.* "$name.pml.trail"
    spin -a "$@" "$name.pml" > out 2>&1 && [ -f pan.c ] || return 1
    $cc "$optimise" -w -DSAFETY -DMEMLIM=8192 -o pan pan.c > out 2>&1 || return 1
    timeout 600 ./pan -m1000000 -w22 > out 2>&1
    grep -q 'errors: ' out
}

check_model() {
    models=$((models + 1))
    if ! search "$1" -O2 $deep; then
        fail "$1.pml: no search: $(head -n 1 out)"
        return
    fi
    found=$(sed -n 's/.*errors: \([0-9]*\).*/\1/p' out)
    stored=$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' out | head -n 1)
    stored=$(printf '%.0f' "${stored:-0}") # pan writes large numbers as 1.2e+08
    states=$((states + stored))
    note "$1: $stored states, $found violations"
    if [ "$found" != 0 ]; then
        violations=$((violations + found))
        echo "run.sh: $1.pml: $(grep -m 1 '^pan:1:' out)" >&2
    elif grep -q -e 'not completed' -e 'depth too small' out; then
        fail "$1.pml: the search is not complete"
    fi
}

check_mutant() {
    mutants=$((mutants + 1))
    if ! search "$1" -O0 "-DMUTANT_$2"; then
        fail "$1.pml: mutant $2: no search: $(head -n 1 out)"
    elif grep -q -e '^pan:1: assertion violated' -e '^pan:1: invalid end state' out; then
        caught=$((caught + 1))
        note "$1: mutant $2: $(grep -m 1 '^pan:1:' out | cut -c 8-80)"
    else
        echo "run.sh: $1.pml: mutant $2 is not caught" >&2
    fi
}

# A fault that no head names is never tried.
check_named() {
    for fault in $(cat "$here"/*.pml "$here"/*.inc | grep -o 'MUTANT_[A-Z_]*' | sort -u); do
        if ! grep -q "^ \* mutant ${fault#MUTANT_}:" "$here"/*.pml; then
            fail "$fault is used, but named in the head of no model"
        fi
    done
}

while getopts vd option; do
    case $option in
    v) verbose=1 ;;
    d) deep=-DDEEP ;;
    *) usage ;;
    esac
done
shift $((OPTIND - 1))

for tool in spin "$cc" timeout; do
    if ! command -v "$tool" > /dev/null; then
        echo "run.sh: skipped: $tool is not installed"
        exit 77
    fi
done
if [ $# = 0 ]; then
    for file in "$here"/*.pml; do
        set -- "$@" "$(basename "$file" .pml)"
    done
fi
for model in "$@"; do
    [ -f "$here/$model.pml" ] || { echo "run.sh: $model: no such model" >&2; exit 2; }
done

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
cp "$here"/*.pml "$here"/*.inc "$work" && cd "$work" || exit 1

check_named
for model in "$@"; do
    check_model "$model"
    for fault in $(sed -n 's/^ \* mutant \([A-Z_]*\):.*/\1/p' "$model.pml"); do
        check_mutant "$model" "$fault"
    done
done

echo "$models models, $states states, $violations violations, $caught/$mutants mutants caught"
[ "$violations" = 0 ] && [ "$broken" = 0 ] && [ "$caught" = "$mutants" ] && [ "$mutants" -gt 0 ]
