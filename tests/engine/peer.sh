#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
#
# Another runtime does the work that ouro does: same operations, same checksum, in every workload
# of the object form but those that it refuses by name. Usage: peer.sh OURO-WORK PEER HEAP
# WORKLOADS-FOLDER REFUSED; REFUSED is a list of workloads, in order and with a blank after each.
work=$1
peer=$2
heap=$3
workloads=$4
refused=$5
. "$(dirname "$0")/prelude.sh"
compared=0

# run PROGRAM ARGS...: the record is in out.
run()
{
    program=$1
    shift
    timeout -k 5 120 "$program" "$@" --form object --out-fd 3 3>out 2>err
}

# agree MINE THEIRS ARGS...: ouro with file MINE, the peer with THEIRS, by checksum.
agree()
{
    mine=$1
    theirs=$2
    shift 2
    run "$work" "$mine" "$@" || return 1
    want=$(field checksum)
    run "$peer" "$theirs" "$@" --heap "$heap" || return 1
    [ -n "$want" ] && [ "$(field checksum)" = "$want" ]
}

lacking=
for file in $(grep -l 'form: object' "$workloads"/*.yaml); do
    w=$(basename "$file" .yaml)
    small "$file"
    run "$peer" w.yaml --scale 0.001
    if [ $? = 5 ]; then
        lacking="$lacking$w "
        grep -q "^w.yaml: phase '.*': op '.*' has no counterpart on $heap: ." err ||
            fail "$w: no reason"
        [ ! -s out ] || fail "$w: a record of what it cannot do"
        continue
    fi
    agree w.yaml w.yaml --scale 0.005 || fail "$w: '$want' and '$(field checksum)'"
    same "$w: heap" "$heap" "$(field heap)"
    compared=$((compared + 1))
done
[ "$lacking" = "$refused" ] || fail "refused '$lacking', not '$refused'"

# Every type of object, and threads that free each other's.
all='int:2,float:1,str:2,tuple:2,list:2,dict:1,instance:2'
phases "op: fill, window: 500, types: '$all', sizes: 'uniform 1..200', free: next phase" \
    "op: churn, ops: 20k, types: '$all', sizes: 'uniform 1..200', free: peer 30%"
for threads in 1 3; do
    agree w.yaml w.yaml --threads $threads || fail "all types, $threads threads"
done
cp w.yaml plain.yaml
run "$peer" plain.yaml && first=$(field checksum) && run "$peer" plain.yaml --seed 2 &&
    [ "$first" != "$(field checksum)" ] || fail 'another seed is other work'

# What must be noticed: other work, wrong contents.
echo '      - {op: fault, fault: drift}' >>w.yaml
! agree plain.yaml w.yaml || fail 'a wrong checksum was taken'
sed 's/drift/wrong/' w.yaml >wrong.yaml
run "$peer" wrong.yaml
[ $? = 3 ] && [ ! -s out ] || fail 'wrong contents were not noticed'

# A collector's stops: timeline and counters tell of the same.
phases 'op: graphs, ops: 3000, window: 20, cycle: 100, shape: chain, cyclic: 100%'
if run "$peer" w.yaml --pauses stops.csv && [ "$(field gc_stops)" -gt 0 ]; then
    stops=$(awk -F, 'NR > 1 && $2 > 0' stops.csv | wc -l)
    [ "$stops" -gt 0 ] && [ "$stops" -le "$(field gc_stops)" ] || fail "$stops stops written down"
fi

# What it has not got.
printf 'name: t\nforms:\n  - {form: raw, phases: [{op: drain}]}\n' >raw.yaml
"$peer" raw.yaml >out 2>err
[ $? = 2 ] || fail "raw blocks are not its business"
"$peer" plain.yaml --form object --heap ouro >out 2>err
[ $? = 2 ] || fail "it has no heap of ouro's"
"$work" plain.yaml --form object --heap "$heap" >out 2>err
[ $? = 2 ] || fail "ouro-work has no heap of $heap"

echo "$compared workloads compared, $failed wrong"
[ "$failed" = 0 ] && [ "$compared" -gt 1 ]
