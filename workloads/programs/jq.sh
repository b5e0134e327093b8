#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
#
# about: jq groups, sorts and rewrites a JSON document of 30,000 records
# needs: jq awk cksum
# tier: fast
case $1 in
prepare)
    awk 'BEGIN { s = 5; printf "["; for (i = 0; i < 30000; i++) {
        s = (s * 69069 + 12345) % 4294967296
        printf "%s{\"id\":%d,\"group\":\"g%d\",\"tags\":[\"a%d\",\"b%d\",%d],\"in\":{\"x\":%d}}", \
            i ? "," : "", i, s % 97, s % 13, s % 17, s % 1000, int(s / 65536) } print "]" }' >data.json
    ;;
work)
    jq -c 'group_by(.group) | map({(.[0].group): (map(.in.x) | add)}) | add' data.json | cksum
    jq -c '[.[] | select(.tags | index("a3")) | .tags |= sort_by(tostring)] | length' data.json
    jq 'map(.in.y = (.in.x | tostring) + .group) | sort_by(.in.y)' data.json | cksum
    ;;
esac
