#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
#
# about: redis-server filled by a pipe, driven by redis-benchmark, its data digested
# needs: redis-server redis-cli redis-benchmark perl cksum
# tier: fast
cli() { redis-cli -h 127.0.0.1 -p "$port" "$@"; }

# Starts the server on a free port; it is this one when it answers with the right process id.
start() {
    port=$((20000 + $$ % 20000))
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        redis-server --bind 127.0.0.1 --port "$port" --save '' --appendonly no --dir "$PWD" \
            --enable-debug-command local --daemonize no >server.log 2>&1 &
        server=$!
        while kill -0 "$server" 2>/dev/null; do
            cli info server 2>/dev/null | tr -d '\r' | grep -qx "process_id:$server" && return 0
            sleep 0.02
        done
        wait "$server"
        port=$((port + 1))
    done
    cat server.log
    return 1
}

case $1 in
prepare)
    perl -e '
        my $s = 17;
        sub draw { $s = ($s * 1103515245 + 12345) % 2147483648; return ($s >> 8) % $_[0] }
        for my $i (1 .. 60000) {
            my $v = chr(97 + draw(26)) x (1 + draw(300));
            print "SET key:", draw(20000), " $v\n" if $i % 3;
            print "HSET hash:", draw(300), " field", draw(200), " $v\n";
            print "DEL key:", draw(20000), "\n" if $i % 5 == 0;
            print "ZADD board ", draw(1000), " member", draw(5000), "\n";
            print "APPEND log:", draw(50), " $v\n" if $i % 7 == 0;
        }' >commands
    ;;
work)
    start || exit 1
    trap 'kill "$server" 2>/dev/null; wait "$server"' EXIT
    cli --pipe <commands | tail -1
    redis-benchmark -h 127.0.0.1 -p "$port" -c 20 -n 40000 -P 8 -d 100 -q \
        -t set,get,incr,lpush,lpop,sadd,hset >/dev/null
    echo "benchmark $?"
    cli dbsize
    cli debug digest
    cli zrange board 0 -1 withscores | cksum
    cli flushall
    cli shutdown nosave
    ;;
esac
