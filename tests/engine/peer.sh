#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
#
# Another runtime does the work that ouro does: same operations, same checksum, in every workload
# of the object form. Usage: peer.sh OURO-WORK PEER HEAP WORKLOADS-FOLDER.
work=$1
peer=$2
heap=$3
workloads=$4
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
failed=0
compared=0

fail()
{
    failed=$((failed + 1))
    echo "FAILED $*"
    cat err
}

# told PROGRAM KEY ARGS...: a field of the record.
told()
{
    program=$1
    key=$2
    shift 2
    timeout -k 5 120 "$program" "$@" --form object --out-fd 3 3>out 2>err || return 1
    sed -n "s/.*\"$key\":\"\{0,1\}\([^,\"}]*\).*/\1/p" out
}

for file in $(grep -l 'form: object' "$workloads"/*.yaml); do
    w=$(basename "$file" .yaml)
    sed 's/cycle: 1M/cycle: 20k/; s/window: 10M/window: 200k/; s/window: 1M/window: 20k/' \
        "$file" >w.yaml
    want=$(told "$work" checksum w.yaml --scale 0.005) || fail "$w: ouro"
    got=$(told "$peer" checksum w.yaml --scale 0.005 --heap "$heap") || fail "$w: $heap"
    [ -n "$want" ] && [ "$got" = "$want" ] || fail "$w: checksums '$want' and '$got'"
    grep -q "\"heap\":\"$heap\"" out || fail "$w: the record names another runtime"
    compared=$((compared + 1))
done
[ "$(told "$peer" checksum w.yaml --seed 2)" != "$got" ] || fail "another seed is other work"

# What it has not got.
printf 'name: t\nforms:\n  - {form: raw, phases: [{op: drain}]}\n' >raw.yaml
"$peer" raw.yaml >out 2>err
[ $? = 2 ] || fail "raw blocks are not its business"
"$peer" w.yaml --form object --heap ouro >out 2>err
[ $? = 2 ] || fail "it has no heap of ouro's"
"$work" w.yaml --form object --heap "$heap" >out 2>err
[ $? = 2 ] || fail "ouro-work has no heap of $heap"

echo "$compared workloads compared, $failed wrong"
[ "$failed" = 0 ] && [ "$compared" -gt 10 ]
