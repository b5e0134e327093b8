#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
#
# Bad workload files and options: one line `FILE:LINE: reason` on stderr, nothing on stdout,
# exit status 2. Usage: bad_input.sh OURO-WORK. Run by ctest in a scratch folder.
work=$1
. "$(dirname "$0")/prelude.sh"
tests=0

# verdict NAME STATUS PREFIX TEXT: compares what the last run left in out and err.
verdict()
{
    tests=$((tests + 1))
    lines=$(wc -l <err)
    case "$2:$lines:$(cat err)" in
    2:1:"$3"*"$4"*) [ -s out ] || return ;;
    esac
    failed=$((failed + 1))
    echo "FAILED $1: exit $2, expected '$3...$4...', got:"
    cat err out
}

# bad LINE TEXT: the workload on stdin must be refused at LINE with TEXT.
bad()
{
    cat >w.yaml
    timeout 20 "$work" w.yaml >out 2>err
    verdict "line $1 '$2'" $? "w.yaml:$1: " "$2"
}

# phase LINE TEXT KEYS: the same for one raw phase; KEYS stand on line 5 and after.
phase()
{
    printf 'name: t\nforms:\n  - form: raw\n    phases:\n      - %s\n' "$3" >w.yaml
    timeout 20 "$work" w.yaml >out 2>err
    verdict "phase '$3'" $? "w.yaml:$1: " "$2"
}

# option TEXT ARGS...: refused with TEXT.
option()
{
    text=$1
    shift
    timeout 20 "$work" "$@" >out 2>err
    verdict "$*" $? "" "$text"
}

# Structure, as libcyaml sees it.
bad 1 'the file is empty' </dev/null
bad 1 'the file is empty' <<EOF
# only a comment
EOF
bad 2 'Unexpected key: frobs' <<EOF
name: t
frobs: 3
forms:
  - form: raw
    phases:
      - op: drain
EOF
bad 9 'Unexpected key: widow' <<EOF
name: t
forms:
  - form: raw
    phases:
      - op: drain
      - op: fill
        window: 3
        sizes: 16
        widow: 4
EOF
bad 3 'Expecting SEQUENCE' <<EOF
name: t

forms: 7
EOF
bad 1 'Missing required mapping field: forms' <<EOF
name: t
EOF
bad 1 'Expecting MAPPING' <<EOF
- a
- b
EOF
bad 2 'already seen' <<EOF
name: t
name: u
EOF
bad 3 'aliases' <<EOF
name: &a t
about: x
seed: *a
EOF
bad 1 'not YAML' <<EOF
name: t: u
EOF
bad 1 'nested deeper' <<EOF
name: [[[[[[[[[[[[[[[[[[[[x]]]]]]]]]]]]]]]]]]]]
EOF
bad 4 'second document' <<EOF
name: t
forms:
  - {form: raw, phases: [{op: drain}]}
---
name: u
EOF
bad 3 'is none of raw, object' <<EOF
name: t
forms:
  - form: boiled
    phases:
      - op: drain
EOF
bad 4 'is there twice' <<EOF
name: t
forms:
  - {form: raw, phases: [{op: drain}]}
  - {form: raw, phases: [{op: drain}]}
EOF
bad 1 "may hold letters" <<EOF
name: ../../etc/passwd
forms:
  - {form: raw, phases: [{op: drain}]}
EOF
bad 2 'must be 1..1024' <<EOF
name: t
threads: 100000
forms:
  - {form: raw, phases: [{op: drain}]}
EOF
bad 2 'is not a whole number' <<EOF
name: t
seed: -1
forms:
  - {form: raw, phases: [{op: drain}]}
EOF
bad 2 'must be 0..18446744073709551615' <<EOF
name: t
seed: 18446744073709551616
forms:
  - {form: raw, phases: [{op: drain}]}
EOF
bad 7 'must be 1..1562500000' <<EOF
name: t
threads: 64
forms:
  - form: raw
    phases:
      - op: churn
        ops: 1000000000000
        sizes: 16
EOF

# Values of a phase.
phase 5 "is no operation" 'op: explode'
phase 5 "needs the key 'sizes'" '{op: fill, window: 10}'
phase 5 "has no meaning" '{op: drain, window: 10}'
phase 5 "needs 'ops' or 'time'" '{op: churn, sizes: 16}'
phase 5 "not both" '{op: churn, sizes: 16, ops: 1, time: 1s}'
phase 5 "ops: 'NaN' is not" '{op: churn, sizes: 16, ops: NaN}'
phase 5 "ops: '-1' is not" '{op: churn, sizes: 16, ops: -1}'
phase 5 "ops: '18446744073709551616' must" '{op: churn, sizes: 16, ops: 18446744073709551616}'
phase 5 "ops: '1000000000000' must" '{op: churn, sizes: 16, ops: 1000000000000}'
phase 5 "time: '-3s' is not" '{op: churn, sizes: 16, time: -3s}'
phase 5 "sizes: '2Gi' must" '{op: churn, ops: 1, sizes: 2Gi}'
phase 5 "sizes: '0' must" '{op: churn, ops: 1, sizes: 0}'
phase 5 "sizes: weight 'nan'" '{op: churn, ops: 1, sizes: "16:nan"}'
phase 5 "No such file" '{op: churn, ops: 1, sizes: csv nothing.csv}'
phase 5 "window: '0' must" '{op: fill, sizes: 16, window: 0}'
phase 5 "GiB alive" '{op: fill, sizes: 1Gi, window: 1M}'
phase 5 "free: 'mother' is none" '{op: fill, sizes: 16, window: 1, free: mother}'
phase 5 "free: 'peer 200%' must" '{op: fill, sizes: 16, window: 1, free: peer 200%}'
phase 5 "no next phase" '{op: fill, sizes: 16, window: 1, free: next phase}'
phase 5 "lifetime: 'eternal' is none" '{op: churn, ops: 1, sizes: 16, lifetime: eternal}'
phase 5 "fault: 'melt' is none" '{op: fault, fault: melt}'
phase 5 "name: 'a/b' may" '{op: drain, name: a/b}'
phase 5 "timed: 'maybe' is none" '{op: drain, timed: maybe}'

# Files of the wrong kind.
option 'No such file' nothing.yaml
mkdir d.yaml
option 'is a directory' d.yaml
mkfifo f.yaml
option 'not a regular file' f.yaml
option 'not a regular file' /dev/zero
head -c 1048577 /dev/zero | tr '\0' '#' >big.yaml
option 'larger than' big.yaml
head -c 1000000 /dev/zero | tr '\0' '[' >deep.yaml
option 'nested deeper' deep.yaml
head -c 4096 /dev/urandom >noise.yaml
option 'noise.yaml' noise.yaml
printf 'name: t\0x\n' >zero.yaml
option 'zero.yaml' zero.yaml

# Options.
printf 'name: t\nforms:\n  - {form: raw, phases: [{op: drain}]}\n' >ok.yaml
option 'which file' --latency
option 'one file' ok.yaml ok.yaml
option 'bad option' --frob ok.yaml
option 'threads' --threads 0 ok.yaml
option 'threads' --threads 4000000000 ok.yaml
option 'seed' --seed -1 ok.yaml
option 'scale' --scale nan ok.yaml
option 'scale' --scale 0 ok.yaml
option 'iterations' --iterations 0 ok.yaml
option 'turns' --turns 1 ok.yaml
option 'turns' --turns 1,99 ok.yaml
option 'inject' --inject 5 ok.yaml
option 'form' --form boiled ok.yaml
option "no form 'object'" --form object ok.yaml
option 'No such file' --rss-series no/such/folder.csv ok.yaml
option 'heap' --heap tcmalloc ok.yaml
option 'not an open descriptor' --out-fd 77 ok.yaml
option 'NAME=PATH' --expect nonsense ok.yaml

echo "$tests bad inputs, $failed wrong answers"
[ "$failed" = 0 ] && [ "$tests" -gt 60 ]
