#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
#
# Wrong allocators must not get a record. Usage: verify.sh OURO-WORK OURO-REPLAY
# LIBOURO-RECORD BAD-MALLOC VICTIM.
work=$1
replay=$2
recorder=$3
bad=$4
victim=$5
. "$(dirname "$0")/prelude.sh"
cat >w.yaml <<EOF
name: w
forms:
  - form: raw
    phases:
      - {op: fill, window: 5k, sizes: "uniform 1..300", free: next phase}
      - {op: churn, ops: 100k, sizes: "uniform 1..300", realloc: 30%}
EOF
sed 's/realloc: 30%/lifetime: fifo/' w.yaml >plain.yaml
env OURO_TRACE_OUT=t.ouro LD_PRELOAD="$recorder" "$victim" >/dev/null

# wrong STATUS BAD PROGRAM ARGS...: the program under a wrong allocator.
wrong()
{
    want=$1
    how=$2
    shift 2
    env BAD_MALLOC="$how" LD_PRELOAD="$bad" "$@" >out 2>err
    got=$?
    if [ $got != "$want" ] || { [ "$want" != 0 ] && [ -s out ]; }; then
        failed=$((failed + 1))
        echo "FAILED $how under $*: exit $got: $(cat err out)"
    fi
}

wrong 0 not "$work" w.yaml
wrong 0 not "$work" plain.yaml
wrong 0 not "$replay" t.ouro
wrong 3 overlap "$work" plain.yaml
wrong 3 short "$work" plain.yaml
wrong 3 null "$work" plain.yaml
wrong 3 realloc "$work" w.yaml
# Each operation on raw blocks notices for itself.
filled='{op: fill, window: 2k, sizes: "uniform 24..300", free: next phase}'
op()
{
    printf 'name: w\nforms:\n  - form: raw\n    phases: [%s]\n' "$2" >"$1.yaml"
    wrong 0 not "$work" "$1.yaml"
    for how in $3; do
        wrong 3 $how "$work" "$1.yaml"
    done
}
sizes='sizes: "uniform 24..300"'
op generations "$filled, {op: generations, ops: 60k, cycle: 9k, $sizes}" 'overlap short null'
op pipe "{op: pipe, ops: 60k, $sizes}" 'overlap short null'
op chain "{op: chain, ops: 60k, window: 2k, $sizes, lifetime: fifo}" 'short null'
op serve "$filled, {op: serve, ops: 60k, cycle: 30, $sizes}" 'overlap short null realloc'
op thin "{op: fill, window: 40k, $sizes, free: next phase},
    {op: thin, cycle: 9, free: next phase}, {op: drain}" 'overlap short null'
op thrash "{op: thrash, ops: 60k, $sizes}" null
op scratch "{op: scratch, ops: 60k, $sizes}" null

wrong 3 null "$replay" t.ouro
wrong 3 realloc "$replay" t.ouro
wrong 3 calloc "$replay" t.ouro

echo "$failed failures"
[ "$failed" = 0 ]
