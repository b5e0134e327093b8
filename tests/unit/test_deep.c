/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * test_deep.c - death and collection never recurse: structures 10^6 deep, of every container,
 * and chains, rings and combs of 10^7 objects, end on a thread with a 64 KiB stack (CPython's
 * "trashcan" tests ask the same). Told in the end: how much of the stack was used at most.
 */
#include "support/unit.h"

#include <stdio.h>

#include "support/expect.h"
#include "support/scale.h"
#include "support/team.h"

/* Instrumented frames are several times larger, and their runtimes use the stack as well:
 * ThreadSanitizer's thread-local data takes 900 KiB of it. */
#define DEEP_STACK ((size_t)(SCALE_TSAN ? 2048 : SCALE_ASAN ? 256 : 64) << 10)
#define DEEP_LEVELS scale_ops(1000000)
#define DEEP_MANY scale_ops(10000000)

static const ou_type *deep_class, *link_class;
static size_t deep_peak; /* bytes of stack */

static int deep_finalized;

static int deep_finalize(ou_object *self, void *arg)
{
    (void)self;
    (void)arg;
    deep_finalized++;
    return 0;
}

static void run_small(team_member fn, void *arg)
{
    size_t bytes = team_run_small(DEEP_STACK, fn, arg);
    deep_peak = bytes > deep_peak ? bytes : deep_peak;
}

/* One more level around `inner`, which is stolen. Kinds: list, tuple, dict, instance. */
static ou_object *wrap(ou_object *inner, unsigned kind)
{
    ou_object *outer = NULL;
    switch (kind) {
    case 0:
        outer = ou_list_of(&inner, 1);
        break;
    case 1:
        outer = ou_tuple_new(&inner, 1);
        break;
    case 2:
        outer = ou_dict_new(1);
        REQUIRE(outer && ou_dict_set(outer, ou_none(), inner) == OU_OK);
        break;
    default:
        outer = ou_instance_new(deep_class);
        REQUIRE(outer && ou_attr_set_at(outer, 0, inner) == OU_OK);
        break;
    }
    REQUIRE(outer != NULL);
    ou_decref(inner);
    return outer;
}

static ou_object *nest(size_t levels, unsigned kind)
{
    ou_object *o = ou_list_new(0);
    REQUIRE(o != NULL);
    for (size_t i = 0; i < levels; i++) {
        o = wrap(o, kind < 4 ? kind : (unsigned)(i % 4));
    }
    return o;
}

static void die_by_count(unsigned index, void *arg)
{
    (void)index;
    unsigned kind = *(unsigned *)arg;
    ou_decref(nest(DEEP_LEVELS, kind));
}

static void die_in_the_collector(unsigned index, void *arg)
{
    (void)index;
    int64_t *found = arg;
    ou_object *ring = ou_list_new(2);
    REQUIRE(ring && ou_list_append(ring, ring) == OU_OK);
    REQUIRE(ou_list_append_steal(ring, nest(DEEP_LEVELS, 4)) == OU_OK);
    ou_decref(ring);
    *found = ou_gc_collect();
}

static void live_through_the_collector(unsigned index, void *arg)
{
    (void)index;
    int64_t *found = arg;
    ou_object *o = nest(DEEP_LEVELS, 4);
    *found = ou_gc_collect();
    ou_decref(o);
}

static void check_kind(unsigned kind)
{
    run_small(die_by_count, &kind);
    assert_int_equal(ou_heap_check(), 0);
}

static void lists(void **state)
{
    (void)state;
    check_kind(0);
}

static void tuples(void **state)
{
    (void)state;
    check_kind(1);
}

static void dicts(void **state)
{
    (void)state;
    check_kind(2);
}

static void instances_with_finalizers(void **state)
{
    (void)state;
    deep_finalized = 0;
    check_kind(3);
    assert_int_equal(deep_finalized, DEEP_LEVELS);
}

static void all_kinds_mixed(void **state)
{
    (void)state;
    check_kind(4);
}

static void collector_on_a_small_stack(void **state)
{
    (void)state;
    int64_t found = -1;
    run_small(die_in_the_collector, &found);
    assert_int_equal(found, DEEP_LEVELS + 2);
    run_small(live_through_the_collector, &found);
    assert_int_equal(found, 0);
}

/* A chain of the smallest nodes, or a ring: `first` then refers to the last one made. */
static ou_object *chain(size_t n, bool closed)
{
    ou_object *first = ou_instance_new(link_class), *o = first;
    REQUIRE(first != NULL);
    for (size_t i = 1; i < n; i++) {
        o = ou_instance_of_steal(link_class, (ou_object *[]){o}, 1);
        REQUIRE(o != NULL);
    }
    if (closed) {
        REQUIRE(ou_attr_set_at(first, 0, o) == OU_OK);
    }
    return o;
}

static void chain_dies_by_count(unsigned index, void *arg)
{
    (void)index, (void)arg;
    ou_decref(chain(DEEP_MANY, false));
}

static void ring_dies_in_the_collector(unsigned index, void *arg)
{
    int64_t *found = arg;
    (void)index;
    ou_decref(chain(DEEP_MANY, true));
    found[0] = ou_gc_collect();
    ou_decref(chain(DEEP_MANY, true));
    found[1] = ou_gc_collect_sliced(NULL);
}

static void chain_lives_through_it(unsigned index, void *arg)
{
    int64_t *found = arg;
    (void)index;
    ou_object *o = chain(DEEP_MANY, false);
    found[0] = ou_gc_collect();
    found[1] = ou_gc_collect_sliced(NULL);
    ou_decref(o);
}

static void chains_and_rings(void **state)
{
    (void)state;
    int64_t found[2] = {-1, -1};
    run_small(chain_dies_by_count, NULL);
    run_small(ring_dies_in_the_collector, found);
    assert_int_equal(found[0], DEEP_MANY);
    assert_int_equal(found[1], DEEP_MANY);
    run_small(chain_lives_through_it, found);
    assert_int_equal(found[0], 0);
    assert_int_equal(found[1], 0);
    assert_int_equal(ou_heap_check(), 0);
}

/* A comb: a spine of lists, each with a side list of leaves; deep and wide. */
static void die_as_comb(unsigned index, void *arg)
{
    (void)index;
    (void)arg;
    ou_object *o = ou_list_new(0);
    for (size_t i = 0; i < DEEP_MANY / 4; i++) {
        ou_object *tooth = ou_list_repeat(ou_none(), 3);
        ou_object *pair[2] = {o, tooth};
        ou_object *outer = ou_list_of(pair, 2);
        REQUIRE(outer != NULL);
        ou_decref(o);
        ou_decref(tooth);
        o = outer;
    }
    ou_decref(o);
}

static void combs(void **state)
{
    (void)state;
    run_small(die_as_comb, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(lists),
        UNIT_TEST(tuples),
        UNIT_TEST(dicts),
        UNIT_TEST(instances_with_finalizers),
        UNIT_TEST(all_kinds_mixed),
        UNIT_TEST(collector_on_a_small_stack),
        UNIT_TEST(chains_and_rings),
        UNIT_TEST(combs),
    };
    if (unit_start(NULL) != 0) {
        return 1;
    }
    static const char *const attrs[] = {"inner"};
    deep_class = ou_class_new("Deep", attrs, 1, true, deep_finalize, NULL);
    link_class = ou_class_new("Link", attrs, 1, true, NULL, NULL);
    REQUIRE(deep_class != NULL && link_class != NULL);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    printf("peak stack %zu of %zu bytes, %zu levels\n", deep_peak, DEEP_STACK, DEEP_MANY);
    return unit_stop(NULL) != 0 || failed ? 1 : 0;
}
