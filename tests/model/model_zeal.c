/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * model_zeal.c - collector zeal: a collection and an audit of the heap at every few allocations
 * of a program that makes rings of all containers, links, cuts and drops them. Each container
 * holds an int that says which one it is; whatever is held must be whole after each step, and
 * at the end nothing may be left. In check builds each collection in short stops is compared
 * with one in a single stop (runtime/gc/verify.c).
 *
 *      model_zeal [SEED [STEPS]]
 */
#include <stdio.h>

#include "ouro/ouro.h"
#include "support/expect.h"
#include "support/prng.h"
#include "support/proc.h"
#include "support/scale.h"
#include "support/seed.h"

#define HELD 48

static const ou_type *node_class;
static ou_object *held[HELD];
static int64_t mark_of[HELD];   /* the int in held[i] */
static int64_t marks = 1000000; /* none of them a small int */

/* The three references of a container: its mark, and where it leads to. */
static ou_object *zeal_get(ou_object *o, int i)
{
    ou_object *key = NULL, *value = NULL;
    if (ou_is_list(o)) {
        return ou_list_get(o, i);
    }
    if (ou_is_instance(o)) {
        return ou_attr_get_at(o, i);
    }
    key = ou_int_new(i);
    value = ou_dict_get(o, key);
    ou_decref(key);
    return value;
}

static void zeal_set(ou_object *o, int i, ou_object *value)
{
    if (ou_is_list(o)) {
        REQUIRE(ou_list_set(o, i, value) == OU_OK);
    } else if (ou_is_instance(o)) {
        REQUIRE(ou_attr_set_at(o, i, value) == OU_OK);
    } else {
        ou_object *key = ou_int_new(i);
        REQUIRE(ou_dict_set(o, key, value) == OU_OK);
        ou_decref(key);
    }
}

static ou_object *zeal_make(prng *r, int64_t mark)
{
    uint64_t kind = prng_below(r, 3);
    ou_object *number = ou_int_new(mark);
    ou_object *items[3] = {number, ou_none(), ou_none()};
    ou_object *o = kind == 0   ? ou_list_of(items, 3)
                   : kind == 1 ? ou_instance_new(node_class)
                               : ou_dict_new(0);
    REQUIRE(o && number);
    for (int i = 0; i < 3 && kind; i++) {
        zeal_set(o, i, items[i]);
    }
    ou_decref(number);
    return o;
}

/* A ring, some links through tuples; what is returned is marked `mark`. */
static ou_object *zeal_ring(prng *r, int64_t mark)
{
    ou_object *first = zeal_make(r, mark), *last = ou_incref(first);
    for (uint64_t n = prng_below(r, 7); n; n--) {
        ou_object *next = zeal_make(r, marks++);
        ou_object *link = prng_chance(r, 30) ? ou_tuple_new(&next, 1) : ou_incref(next);
        zeal_set(last, 1, link);
        ou_decref(link);
        ou_decref(last);
        last = next;
    }
    zeal_set(last, 1, first);
    ou_decref(last);
    return first;
}

static void zeal_check(int i)
{
    int64_t value = 0;
    ou_object *number = zeal_get(held[i], 0);
    REQUIRE(number && ou_int_value(number, &value) == OU_OK);
    EXPECT_EQ(value, mark_of[i]);
    ou_decref(number);
}

static void zeal_step(prng *r)
{
    int a = (int)prng_below(r, HELD), b = (int)prng_below(r, HELD);
    if (!held[a]) {
        mark_of[a] = marks++;
        held[a] = zeal_ring(r, mark_of[a]);
    } else if (held[b] && prng_chance(r, 40)) {
        zeal_set(held[a], 2, held[b]);
    } else {
        ou_decref(held[a]);
        held[a] = NULL;
    }
    for (int i = 0; i < HELD; i++) {
        if (held[i]) {
            zeal_check(i);
        }
    }
}

int main(int argc, char **argv)
{
    seed_args args = seed_parse(argc, argv, "model_zeal", scale_ops(4000));
    static const char *const attrs[] = {"mark", "next", "other"};
    prng r = prng_from(args.seed, 0);
    REQUIRE(ou_start("gc_zeal=11,gc_auto=0,gc_slice_us=5") == OU_OK);
    node_class = ou_class_new("ZealNode", attrs, 3, true, NULL, NULL);
    uint64_t before = ou_leak_report(proc_null());
    for (size_t i = 0; i < args.ops; i++) {
        zeal_step(&r);
    }
    for (int i = 0; i < HELD; i++) {
        ou_xdecref(held[i]);
    }
    EXPECT(ou_gc_collect() >= 0);
    EXPECT_EQ(ou_gc_collect(), 0); /* the second one agrees */
    EXPECT_EQ(ou_leak_report(proc_null()), before);
    uint64_t runs = ou_stat("gc_automatic"), compared = ou_stat("gc_compared");
    EXPECT(runs > args.ops / 11);
    EXPECT(ou_stat("gc_unreachable") > args.ops / 4);
    EXPECT(ou_stat("gc_sliced") > runs / 3);
    EXPECT(SCALE_CHECK == (compared > 0));
    printf("zeal: %llu collections, %llu compared, 0 mismatches\n", (unsigned long long)runs,
           (unsigned long long)compared);
    EXPECT_EQ(ou_heap_check(), 0);
    EXPECT_EQ(ou_stop(), OU_OK);
    return expect_result();
}
