#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
#
# The collector's workloads: every shape, with and without cycles, finalizers, sleeping owners,
# visitors, weakrefs. Usage: collector.sh OURO-WORK WORKLOADS-FOLDER.
work=$1
workloads=$2
. "$(dirname "$0")/prelude.sh"

# expect STATUS NAME ARGS...: runs, keeps the record in out.
expect()
{
    want=$1
    name=$2
    shift 2
    timeout -k 5 120 "$work" "$@" >out 2>err
    got=$?
    [ $got = "$want" ] || fail "$name: exit $got, expected $want"
}

# The files that come with ouro, windows and rings of a fiftieth.
for file in "$workloads"/gc-*.yaml "$workloads/thread-churn.yaml" "$workloads/hot-object.yaml" \
    "$workloads/weak-cache.yaml"; do
    w=$(basename "$file" .yaml)
    small "$file"
    expect 0 "$w" w.yaml --scale 0.01
    same "$w verified" true "$(field verified)"
    sum=$(field checksum)
    expect 0 "$w on malloc" w.yaml --scale 0.01 --heap malloc
    same "$w on malloc" "$sum" "$(field checksum)"
done

# Every shape frees by counting what is not cyclic and by the collector what is.
for shape in chain tree graph hub; do
    for threads in 1 3; do
        for gc in auto background; do
            phases "op: graphs, ops: 200, window: 20, cycle: 30, shape: $shape, gc: $gc"
            expect 0 "$shape, $threads, $gc" w.yaml --threads $threads
            same "$shape: no garbage" 0 "$(field gc_garbage_peak)"
            phases "op: graphs, ops: 200, window: 20, cycle: 30, shape: $shape, gc: $gc,
                cyclic: 100%, sizes: 'uniform 1..90', finalizer: yes, lifetime: fifo"
            expect 0 "cyclic $shape, $threads, $gc" w.yaml --threads $threads
            # All 200 components of each thread were dropped; a collection may have been earlier.
            [ "$(field gc_garbage_peak)" -gt 0 ] || fail "$shape: garbage was not noticed"
            [ "$(field gc_garbage_peak)" -le $((200 * 30 * threads)) ] ||
                fail "$shape: more garbage than was dropped"
        done
    done
done
phases "op: graphs, ops: 100, window: 20, cycle: 30, shape: chain, cyclic: 50%, gc: manual"
expect 0 'half cyclic' w.yaml
garbage=$(field gc_garbage_peak)
[ $((garbage % 30)) = 0 ] && [ "$garbage" -gt 0 ] && [ "$garbage" -lt 3000 ] ||
    fail "half cyclic: $garbage of 3000"
same 'nothing collected by itself' 0 "$(field gc_count)"

# The timeline of stops: each ends after the one before
# (who wishes to stop while another stops has begun to wait), and no more than there were.
phases 'op: graphs, ops: 3000, window: 20, cycle: 100, shape: chain, cyclic: 100%, gc: background'
expect 0 'pauses' w.yaml --pauses stops.csv
same 'pauses header' start_ns,length_ns "$(head -1 stops.csv)"
awk -F, 'NR > 1 { if ($1 + $2 < end) exit 1; end = $1 + $2 } END { if ($2 != 0) exit 1 }' stops.csv ||
    fail 'stops out of order or without an end'
[ "$(wc -l <stops.csv)" -ge 3 ] && [ "$(wc -l <stops.csv)" -le $(($(field gc_stops) + 2)) ] ||
    fail "$(wc -l <stops.csv) lines for $(field gc_stops) stops"
# The counters agree: what was judged was named before, stops add up.
[ "$(field gc_false_suspects)" -le "$(field gc_candidates)" ] && [ "$(field gc_candidates)" -gt 0 ] ||
    fail "$(field gc_false_suspects) of $(field gc_candidates) candidates false"
[ "$(field gc_validation_ns)" -le "$(field gc_pause_total_ns)" ] || fail 'validation outside of stops'
same 'histogram' "$(field gc_stops)" "$(tr '{' '\n' <out | awk -F'[:,}]' '/up_to_ns/ { n += $4 } END { print n }')"
expect 2 'pauses nowhere' w.yaml --pauses no/such/folder
printf 'name: t\nforms:\n  - form: raw\n    phases: [{op: fill, window: 9, sizes: 16}]\n' >raw.yaml
expect 2 'pauses of raw blocks' raw.yaml --pauses stops.csv

# A sleeping owner's window stays; with nobody awake there is nothing to do.
phases "op: graphs, ops: 300, window: 50, cycle: 10, shape: tree, cyclic: 50%, asleep: 1"
expect 0 'asleep' w.yaml --threads 2
same 'asleep: its window and no more' 350 "$(field ops)"
expect 3 'all asleep' w.yaml --threads 1

# The checksum of a cache counts hits: the same every time, other with another seed.
phases "op: weak-cache, ops: 5000, window: 100"
expect 0 'cache' w.yaml
sum=$(field checksum)
expect 0 'cache again' w.yaml
same 'cache twice' "$sum" "$(field checksum)"
expect 0 'cache, other seed' w.yaml --seed 7
[ "$sum" != "$(field checksum)" ] || fail 'cache: seed 7 does the same as seed 1'

phases "op: visitors, ops: 950, window: 100, types: 'int:1,str:1,dict:1', cyclic: 10%, cycle: 5"
expect 0 'visitors' w.yaml --threads 2
same 'visitors: whole windows' 2000 "$(field ops)"

phases 'op: graphs, ops: 1, window: 1, cycle: 5, shape: knot'
expect 2 'unknown shape' w.yaml
grep -q "w.yaml:5: shape: 'knot' is none of chain, tree, graph, hub" err || fail 'shape: reason'
phases 'op: graphs, ops: 1, window: 1, cycle: 5'
expect 2 'no shape' w.yaml

# What must be noticed.
phases 'op: graphs, ops: 10, window: 2, cycle: 5, shape: chain, finalizer: yes' \
    'op: fault, fault: unfinalized'
expect 3 'a finalizer that never ran' w.yaml
grep -q '51 objects with finalizers were made, 50 finalizers ran' err || fail 'its reason'
phases 'op: graphs, ops: 10, window: 2, cycle: 5, shape: chain, cyclic: 100%' \
    'op: fault, fault: stray'
expect 3 'garbage that nobody counted' w.yaml
[ ! -s out ] || fail 'a wrong run wrote a record'

echo "$failed failures"
[ "$failed" = 0 ]
