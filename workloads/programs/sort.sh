#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
#
# about: sort with two threads, uniq and join over 200,000 lines
# needs: sort awk join cksum
# tier: fast
export LC_ALL=C
case $1 in
prepare)
    awk 'BEGIN { s = 7; for (i = 0; i < 200000; i++) {
        s = (s * 69069 + 12345) % 4294967296
        printf "%d field%d %d\n", int(s / 8192), s % 1000, i } }' >lines
    ;;
work)
    sort --parallel=2 -S 16M -n lines | cksum
    sort --parallel=2 -S 2M -T . -k2,2 -k3n lines >sorted
    cksum <sorted
    awk '{ print $2 }' lines | sort --parallel=2 | uniq -c | sort -rn -k1,1 -k2,2 | head -5
    sort -k2,2 -u lines >unique
    join -1 2 -2 2 unique sorted | cksum
    ;;
esac
