#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
#
# about: stress-ng with malloc, heapsort of allocations and threads, its own verification on
# needs: stress-ng
# tier: nightly
# measured: no
case $1 in
work)
    for threads in 0 2; do
        stress-ng --quiet --verify --seed 1 --malloc 2 --malloc-bytes 64K --malloc-max 4096 \
            --malloc-ops 30000 --malloc-touch --malloc-pthreads $threads --temp-path .
        echo "malloc with $threads more threads: $?"
    done
    stress-ng --quiet --verify --seed 1 --bigheap 1 --bigheap-growth 1M --bigheap-ops 200 \
        --temp-path .
    echo "bigheap: $?"
    stress-ng --quiet --verify --seed 1 --tree 1 --tree-size 20000 --tree-ops 8 --list 1 \
        --list-ops 200 --hash 1 --hash-ops 200 --temp-path .
    echo "tree, list, hash: $?"
    ;;
esac
