/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * test_refs.c - many references dropped at once: neighbours in one page, which end in one go,
 * and all that keeps them from it. After each test as many objects are alive as before, the
 * heap is sound, and blocks that were freed serve again, each once.
 */
#include "support/prng.h"
#include "support/team.h"
#include "support/unit.h"

enum { MANY = 20000, FIRST = 1000000 };

static ou_object *items[MANY];

static void make_ints(void)
{
    for (size_t i = 0; i < MANY; i++) {
        items[i] = ou_int_new(FIRST + (int64_t)i);
        assert_non_null(items[i]);
    }
}

/* A list of `n` of the items, which are given to it. */
static ou_object *list_of_items(size_t n)
{
    ou_object *list = ou_list_new(0);
    assert_non_null(list);
    for (size_t i = 0; i < n; i++) {
        assert_ok(ou_list_append_steal(list, items[i]));
    }
    return list;
}

static void drop(ou_object *list)
{
    assert_ok(ou_list_clear(list));
    assert_int_equal(ou_list_len(list), 0);
    ou_decref(list);
    assert_int_equal(ou_heap_check(), 0);
}

/* New ints in the blocks that became free: none has its place twice. */
static void blocks_serve_again(void)
{
    make_ints();
    for (size_t i = 0; i < MANY; i++) {
        assert_int_equal(unit_int(items[i]), FIRST + (int64_t)i);
    }
    drop(list_of_items(MANY));
}

static void in_order(void **state)
{
    (void)state;
    for (size_t n = 1; n <= MANY; n = n * 3 + 1) {
        make_ints();
        for (size_t i = n; i < MANY; i++) {
            ou_decref(items[i]);
        }
        drop(list_of_items(n));
        blocks_serve_again();
    }
}

static void backwards_and_in_any_order(void **state)
{
    (void)state;
    prng r = prng_from(7, 7);
    for (int shuffled = 0; shuffled < 2; shuffled++) {
        make_ints();
        for (size_t i = MANY - 1; i > 0; i--) {
            size_t k = shuffled ? prng_below(&r, i + 1) : (MANY - 1 - i < i ? MANY - 1 - i : i);
            ou_object *other = items[k];
            items[k] = items[i];
            items[i] = other;
        }
        drop(list_of_items(MANY));
        blocks_serve_again();
    }
}

static void what_others_hold_stays(void **state)
{
    (void)state;
    static const size_t apart[] = {2, 97, 5000};
    for (size_t k = 0; k < sizeof apart / sizeof apart[0]; k++) {
        make_ints();
        for (size_t i = 0; i < MANY; i += apart[k]) {
            ou_incref(items[i]);
        }
        drop(list_of_items(MANY));
        for (size_t i = 0; i < MANY; i += apart[k]) {
            assert_int_equal(ou_refcount(items[i]), 1);
            assert_int_equal(unit_int(items[i]), FIRST + (int64_t)i);
            ou_decref(items[i]);
        }
        blocks_serve_again();
    }
}

static void the_same_twice(void **state)
{
    (void)state;
    ou_object *list = ou_list_new(0);
    make_ints();
    for (size_t i = 0; i < MANY; i++) {
        assert_ok(ou_list_append(list, items[i]));
        assert_ok(ou_list_append_steal(list, items[i]));
    }
    drop(list);
    blocks_serve_again();
}

static void all_kinds_mixed(void **state)
{
    (void)state;
    for (size_t i = 0; i < MANY; i++) {
        ou_object *of[] = {ou_int_new(FIRST + (int64_t)i),
                           ou_float_new((double)i),
                           ou_incref(ou_none()),
                           ou_int_new(1),
                           ou_str("neighbour"),
                           ou_list_new(0)};
        size_t kind = i / 500 % 2 ? i % 2 : i % 6;
        for (size_t k = 0; k < 6; k++) {
            assert_non_null(of[k]);
            if (k != kind) {
                ou_decref(of[k]);
            }
        }
        items[i] = of[kind];
    }
    drop(list_of_items(MANY));
    blocks_serve_again();
}

static void make_ints_for(ou_object *list)
{
    for (size_t i = 0; i < MANY; i++) {
        (void)ou_list_append_steal(list, ou_int_new(FIRST + (int64_t)i));
    }
}

/* Made by another thread, which sleeps or has ended: not this one's to end. */
static void of_another_thread(void **state)
{
    (void)state;
    ou_object *list = ou_list_new(0);
    team_send(list, make_ints_for);
    assert_int_equal(ou_list_len(list), MANY);
    uint64_t merged = ou_stat("objects_merged");
    for (size_t i = 0; i < MANY; i++) {
        assert_ok(ou_list_append_steal(list, ou_int_new(FIRST + (int64_t)i)));
    }
    drop(list);
    assert_true(ou_stat("objects_merged") >= merged + MANY);
    blocks_serve_again();
}

static void hold_each_seventh(ou_object *list)
{
    for (size_t i = 0; i < MANY; i += 7) {
        ou_object *item = ou_list_get(list, i); /* kept: by a foreign count */
        (void)item;
    }
}

static void what_another_thread_holds_stays(void **state)
{
    (void)state;
    make_ints();
    ou_object *list = list_of_items(MANY);
    team_send(list, hold_each_seventh);
    drop(list);
    for (size_t i = 0; i < MANY; i += 7) {
        assert_int_equal(ou_refcount(items[i]), 1);
        assert_int_equal(unit_int(items[i]), FIRST + (int64_t)i);
        ou_decref(items[i]);
    }
    blocks_serve_again();
}

/* A short list made and dropped again and again lives from the thread's magazine. */
static void short_lists_ask_no_span(void **state)
{
    (void)state;
    uint64_t before = 0;
    for (int round = 0; round < 400; round++) {
        if (round == 200) {
            before = ou_stat("heap_refills");
        }
        ou_object *list = ou_list_new(100);
        for (int64_t i = 0; i < 100; i++) {
            assert_ok(ou_list_append_steal(list, ou_int_new(FIRST + i)));
        }
        ou_decref(list);
    }
    assert_int_equal(ou_stat("heap_refills"), before);
}

static void count_deaths(const ou_event *event, void *arg)
{
    *(size_t *)arg += event->kind == OU_EV_DEALLOC && strcmp(event->type, "int") == 0;
}

/* Who listens is told of each. */
static void a_listener_hears_of_all(void **state)
{
    (void)state;
    size_t deaths = 0;
    make_ints();
    ou_object *list = list_of_items(MANY);
    assert_ok(ou_event_listen(count_deaths, &deaths));
    assert_ok(ou_list_clear(list));
    assert_ok(ou_event_listen(NULL, NULL));
    assert_int_equal(deaths, MANY);
    drop(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(in_order),
        UNIT_TEST(backwards_and_in_any_order),
        UNIT_TEST(what_others_hold_stays),
        UNIT_TEST(the_same_twice),
        UNIT_TEST(all_kinds_mixed),
        UNIT_TEST(of_another_thread),
        UNIT_TEST(what_another_thread_holds_stays),
        UNIT_TEST(short_lists_ask_no_span),
        UNIT_TEST(a_listener_hears_of_all),
    };
    return UNIT_MAIN(tests);
}
