#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
#
# Records programs and replays them. Usage: trace.sh LIBOURO-RECORD OURO-REPLAY VICTIM.
lib=$1
replay=$2
victim=$3
. "$(dirname "$0")/prelude.sh"

count()
{
    "$replay" --info "$1" | sed -n "s/^ *$2 *\([0-9]*\).*/\1/p" | head -1
}

# record FILE CMD...: only CMD gets the recorder.
record()
{
    file=$1
    shift
    env OURO_TRACE_OUT="$file" LD_PRELOAD="$lib" "$@"
}

for how in exit _exit kill; do
    record "$how.ouro" "$victim" "$how" >rounds 2>/dev/null
    n=$(cat rounds)
    [ "${n:-0}" -gt 0 ] || fail "$how: the program did not run"
    seen=$(count $how.ouro realloc)
    [ "$seen" = "$n" ] || fail "$how: $seen of $n reallocs"
    [ "$(count $how.ouro memalign)" = $((n + 4)) ] || fail "$how: memaligns"
    [ "$(count $how.ouro malloc)" -ge "$n" ] || fail "$how: mallocs"
    [ "$(count $how.ouro free)" -ge $((3 * n)) ] || fail "$how: frees"
    [ "$(count $how.ouro threads)" -ge 4 ] || fail "$how: threads"
    if "$replay" --info "$how.ouro" | grep -q '< 8388608'; then
        fail "$how: the child's blocks are in it"
    fi
    "$replay" "$how.ouro" >out 2>err || fail "$how: replay ends with $?: $(cat err)"
    grep -q "\"name\":\"$how/raw/threads:1\"" out || fail "$how: name of the record"
    grep -q '"verified":true' out || fail "$how: not verified"
done
"$replay" --info exit.ouro | grep -q '^complete *yes' || fail 'exit left an open file'
"$replay" --info kill.ouro | grep -q '^complete *no' || fail 'kill left a closed file'

# A program that executes another: two files, neither overwrites the other.
record sh.ouro sh -c "ls / >/dev/null; echo done" >/dev/null
[ "$(ls sh.ouro* | wc -l)" = 2 ] || fail "files of sh and ls: $(ls sh.ouro*)"
for f in sh.ouro*; do
    "$replay" "$f" >out 2>err || fail "$f: $(cat err)"
done

# The recorded program's own output and status stay what they were.
record seq.ouro seq 1 1000 >with
seq 1 1000 >without
cmp -s with without || fail 'the recorder changed an output'
record false.ouro false && fail 'the recorder changed an exit status'

# Parts, repetitions, options.
"$replay" exit.ouro --scale 0.25 >out || fail 'scale 0.25'
"$replay" exit.ouro --scale 3 --latency --rss-series s.csv >out || fail 'scale 3'
[ "$(head -1 s.csv)" = t_ns,rss_bytes,live_bytes ] || fail 'no series'
grep -q '"p50_ns"' out || fail 'no percentiles'
"$replay" exit.ouro | sed 's/.*"checksum":"\([^"]*\)".*/\1/' >a
"$replay" exit.ouro | sed 's/.*"checksum":"\([^"]*\)".*/\1/' >b
cmp -s a b || fail 'two replays differ'

# refused TEXT STATUS ARGS...
refused()
{
    text=$1
    status=$2
    shift 2
    "$replay" "$@" >out 2>err
    got=$?
    [ $got = "$status" ] && [ ! -s out ] && [ "$(wc -l <err)" = 1 ] && grep -q "$text" err ||
        fail "$*: exit $got: $(cat err out)"
}
printf 'no trace at all' >junk
refused 'is no ouro trace' 2 junk
refused 'No such file' 2 nothing
refused 'directory' 2 .
refused 'one thread' 2 exit.ouro --threads 2
refused 'raw' 2 exit.ouro --form object
refused 'expected allocator' 4 exit.ouro --expect x=/bin/sh
cp exit.ouro cut.ouro
dd if=/dev/zero of=cut.ouro bs=1 seek=5000 count=8 conv=notrunc 2>/dev/null
refused 'corrupt at offset 4096' 2 cut.ouro
head -c 100000 exit.ouro >short.ouro
refused 'corrupt at offset' 2 short.ouro
head -c 100000 kill.ouro >short.ouro
"$replay" short.ouro >out 2>err || fail 'a truncated tail is no error'
grep -q 'warning: truncated' err || fail 'a truncated tail is not mentioned'
env OURO_TRACE_OUT=no/such/folder/x LD_PRELOAD="$lib" true 2>err || fail 'no folder: status'
grep -q 'ouro-record: no/such/folder/x' err || fail 'no folder: nothing said'
env OURO_TRACE_OUT=small.ouro OURO_TRACE_MAX=100000 LD_PRELOAD="$lib" true 2>err
grep -q 'size limit' err || fail 'the limit is not mentioned'

echo "$failed failures"
[ "$failed" = 0 ]
