#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
#
# about: gcc -O2 compiles 150 generated functions, the object's bytes are compared
# needs: gcc awk cksum
# tier: fast
: "${COMPILER:=gcc}"
case $1 in
prepare)
    awk 'BEGIN {
        print "#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>"
        print "struct node { struct node *next; long key; double weight; char name[24]; };"
        for (i = 0; i < 150; i++) {
            printf "long work_%d(struct node *n, long k)\n{\n", i
            printf "    long sum = k * %d;\n    char text[64];\n", i * 7919 % 1013
            print "    for (struct node *at = n; at; at = at->next) {"
            printf "        switch (at->key %% %d) {\n", i % 9 + 3
            for (c = 0; c < i % 9 + 3; c++)
                printf "        case %d: sum += at->key * %d ^ (sum >> %d); break;\n", c, c + i, c + 1
            print "        }\n        at->weight = at->weight * 1.5 + (double)sum;"
            print "        snprintf(text, sizeof text, \"%s %ld\", at->name, sum);"
            print "        sum += (long)strlen(text);\n    }"
            if (i > 1) printf "    return sum + work_%d(n ? n->next : NULL, k - 1);\n}\n", i - 1
            else print "    return sum;\n}"
        } }' >unit.c
    ;;
work)
    "$COMPILER" -O2 -g -Wall -c unit.c -o unit.o && cksum <unit.o
    "$COMPILER" -E -dM unit.c | cksum
    ;;
esac
