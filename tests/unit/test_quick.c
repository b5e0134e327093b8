/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * test_quick.c - births and deaths in a straight line (object/quick.h), and out of it: holders
 * of every kind and length around the limits, whose items are shared, immortal, last
 * references, the same object twice, another thread's, or containers that die in turn. After
 * each holder's death every item that somebody else holds must have its old count; that the
 * others are gone is checked by the fixture, which counts live objects.
 */
#include "support/prng.h"
#include "support/seed.h"
#include "support/team.h"
#include "support/unit.h"

#define ITEMS_MAX 20
#define KEPT 4
#define KINDS 6 /* tuple, list, instance: open, closed; the same made with what they hold */

static seed_args arguments;
static ou_object *kept[KEPT];    /* ours, one reference each */
static ou_object *foreign[KEPT]; /* made by a thread that is gone: its slot is nobody's */

static void make_foreign(unsigned index, void *arg)
{
    (void)index;
    (void)arg;
    for (int i = 0; i < KEPT; i++) {
        foreign[i] = i & 1 ? ou_list_new(0) : ou_int_new(5000 + i);
    }
}

/* An item with one reference for the holder's maker to give away. */
static ou_object *some_item(prng *x)
{
    uint64_t r = prng_next(x);
    switch (r % 6) {
    case 0:
        return ou_incref(kept[(r >> 8) % KEPT]);
    case 1:
        return ou_int_new(1000000);
    case 2:
        return ou_int_new(1);
    case 3:
        return ou_incref(foreign[(r >> 8) % KEPT]);
    case 4:
        return ou_list_of(kept, (r >> 8) % KEPT);
    default:
        return ou_tuple_new(kept, (r >> 8) % KEPT);
    }
}

/* Takes references of its own. */
static ou_object *holder_of(int kind, ou_object **items, size_t n)
{
    static const ou_type *classes[2][ITEMS_MAX + 1]; /* open, closed; by attributes */
    static const char *const names[ITEMS_MAX] = {"a", "b", "c", "d", "e", "f", "g",
                                                 "h", "i", "j", "k", "l", "m", "n",
                                                 "o", "p", "q", "r", "s", "t"};
    if (kind < 2) {
        return kind ? ou_list_of(items, n) : ou_tuple_new(items, n);
    }
    bool closed = kind & 1;
    if (!classes[closed][n]) {
        /* An open class knows half of the names at its first instance: the rest is apart. */
        classes[closed][n] =
            ou_class_new("Holder", names, closed ? n : n / 2, closed, NULL, NULL);
    }
    if (kind >= 4) { /* now and then without the first attribute, or without the last */
        ou_object *given[ITEMS_MAX] = {NULL};
        size_t m = n && n % 7 == 0 ? n - 1 : n;
        for (size_t i = 0; i < m; i++) {
            assert_int_equal(ou_class_attr(classes[closed][n], names[i]), i);
            given[i] = !i && n % 5 == 0 ? NULL : ou_incref(items[i]);
        }
        return ou_instance_of_steal(classes[closed][n], given, m);
    }
    ou_object *o = ou_instance_new(classes[closed][n]);
    assert_non_null(o);
    for (size_t i = 0; i < n; i++) {
        assert_ok(ou_attr_set(o, names[i], items[i]));
    }
    return o;
}

static void check_counts(void)
{
    for (int i = 0; i < KEPT; i++) {
        assert_int_equal(ou_refcount(kept[i]), 1);
        assert_int_equal(ou_refcount(foreign[i]), 1);
    }
}

/* Holders may hold holders: the last ones made go into the next. */
static void holders_die_with_what_is_theirs(void **state)
{
    (void)state;
    prng x = prng_from(arguments.seed, 0);
    team_run(1, make_foreign, NULL);
    for (int i = 0; i < KEPT; i++) {
        kept[i] = i & 1 ? ou_str("kept") : ou_int_new(7000 + i);
    }
    for (int round = 0; round < (int)arguments.ops; round++) {
        int kind = (int)(prng_next(&x) % KINDS);
        size_t n = prng_next(&x) % (ITEMS_MAX + 1);
        ou_object *items[ITEMS_MAX] = {NULL};
        ou_object *inner = NULL;
        for (int depth = 0; depth < 3; depth++) {
            for (size_t i = 0; i < n; i++) {
                items[i] = i == n / 2 && inner ? inner : some_item(&x);
            }
            if (inner && !n) {
                ou_decref(inner);
            }
            inner = holder_of(kind, items, n);
            assert_non_null(inner);
            for (size_t i = 0; i < n; i++) {
                ou_decref(items[i]);
            }
        }
        ou_decref(inner);
        ou_safepoint(); /* foreign counts that came home */
        check_counts();
    }
    for (int i = 0; i < KEPT; i++) {
        ou_decref(kept[i]);
        ou_decref(foreign[i]);
    }
}

/* A death knows the bin of its block from the kind and the number of references: the magazines
 * are looked at before the next birth takes from them. Lists also with fewer items than they
 * were born with, and with more. */
static void blocks_go_back_where_they_came_from(void **state)
{
    (void)state;
    ou_object *items[ITEMS_MAX + 1];
    for (size_t i = 0; i <= ITEMS_MAX; i++) {
        items[i] = ou_none();
    }
    for (size_t n = 0; n <= ITEMS_MAX; n++) {
        for (int kind = 0; kind < KINDS; kind++) {
            ou_decref(holder_of(kind, items, n));
            assert_int_equal(ou_heap_check(), 0);
        }
        for (size_t left = 0; left <= n; left++) {
            ou_object *list = ou_list_of(items, n);
            while ((size_t)ou_list_len(list) > left) {
                ou_decref(ou_list_pop(list));
            }
            ou_decref(list);
            assert_int_equal(ou_heap_check(), 0);
        }
        ou_object *grown = ou_list_of(items, n);
        assert_ok(ou_list_append(grown, ou_none()));
        ou_decref(grown);
        assert_int_equal(ou_heap_check(), 0);
    }
}

/* What is made in a straight line is seen by the collector: in a ring, by nothing else. */
static void rings_of_every_kind_are_found(void **state)
{
    (void)state;
    for (int kind = 0; kind < KINDS; kind++) {
        for (size_t n = 1; n <= ITEMS_MAX; n++) {
            ou_object *items[ITEMS_MAX] = {ou_list_new(1)};
            for (size_t i = 1; i < n; i++) {
                items[i] = ou_none();
            }
            ou_object *holder = holder_of(kind, items, n);
            assert_ok(ou_list_append_steal(items[0], holder));
            ou_decref(items[0]);
            bool closed = kind < 4 || n % 5 != 0; /* see holder_of */
            assert_int_equal(ou_gc_collect(), closed ? 2 : 0);
        }
    }
}

/* Deep nesting of small holders uses no stack, whichever way each of them dies. */
static void towers_of_every_kind(void **state)
{
    (void)state;
    for (int kind = 0; kind < KINDS; kind++) {
        ou_object *tower = ou_int_new(12345);
        for (int i = 0; i < 200000; i++) {
            ou_object *items[2] = {ou_none(), tower};
            ou_object *next = holder_of(kind, items, 2);
            ou_decref(tower);
            tower = next;
        }
        ou_decref(tower);
    }
}

static void strings_of_every_length(void **state)
{
    (void)state;
    char text[200];
    for (size_t n = 0; n <= sizeof text; n++) {
        for (size_t i = 0; i < n; i++) {
            text[i] = (char)('a' + (i * 7 + n) % 26);
        }
        ou_object *s = ou_str_new(text, n), *next = ou_str_new(text, n);
        size_t len = 0;
        const char *bytes = ou_str_bytes(s, &len);
        assert_int_equal(len, n);
        assert_memory_equal(bytes, text, n);
        assert_int_equal(bytes[n], 0);
        assert_int_equal(ou_equal(s, next), 1);
        ou_decref(s);
        ou_decref(next);
    }
}

/* What a finalizer of an item does to the list that just dropped it. */
static ou_object *only_list;

static int drop_the_list(ou_object *self, void *arg)
{
    (void)self;
    (void)arg;
    ou_object *list = only_list;
    only_list = NULL;
    ou_xdecref(list);
    for (int i = 0; i < 8; i++) { /* its block is used again */
        ou_decref(ou_list_of(&(ou_object *){ou_none()}, 1));
    }
    return 0;
}

static void clear_whose_item_drops_the_list(void **state)
{
    (void)state;
    const ou_type *cls = ou_class_new("Dropper", NULL, 0, true, drop_the_list, NULL);
    for (size_t n = 1; n <= 10; n++) {
        ou_object *items[10] = {NULL};
        for (size_t i = 0; i < n; i++) {
            items[i] = i ? ou_int_new(3000) : ou_instance_new(cls);
        }
        only_list = ou_list_of(items, n);
        for (size_t i = 0; i < n; i++) {
            ou_decref(items[i]);
        }
        assert_ok(ou_list_clear(only_list));
        assert_null(only_list);
    }
}

static void lists_outgrow_the_room_they_were_made_with(void **state)
{
    (void)state;
    for (size_t n = 0; n <= 10; n++) {
        ou_object *items[10] = {NULL};
        for (size_t i = 0; i < n; i++) {
            items[i] = ou_int_new(2000 + (int64_t)i);
        }
        ou_object *list = ou_list_of(items, n);
        for (size_t i = 0; i < n; i++) {
            ou_decref(items[i]);
        }
        for (size_t i = n; i < 200; i++) {
            assert_ok(ou_list_append_steal(list, ou_int_new(2000 + (int64_t)i)));
        }
        int64_t sum = 0;
        assert_ok(ou_list_sum(list, &sum, NULL));
        assert_int_equal(sum, 200 * 2000 + 199 * 100);
        ou_object *copy = ou_list_copy(list);
        for (size_t i = 200; i; i--) {
            ou_object *last = ou_list_pop(list);
            assert_int_equal(unit_int(last), 1999 + (int64_t)i);
            ou_decref(last);
        }
        assert_ok(ou_list_clear(list));
        assert_ok(ou_list_extend(list, copy));
        assert_int_equal(ou_equal(list, copy), 1);
        ou_decref(list);
        ou_decref(copy);
    }
}

int main(int argc, char **argv)
{
    arguments = seed_parse(argc, argv, "test_quick", 400);
    const struct CMUnitTest tests[] = {
        UNIT_TEST(holders_die_with_what_is_theirs),
        UNIT_TEST(blocks_go_back_where_they_came_from),
        UNIT_TEST(rings_of_every_kind_are_found),
        UNIT_TEST(towers_of_every_kind),
        UNIT_TEST(strings_of_every_length),
        UNIT_TEST(clear_whose_item_drops_the_list),
        UNIT_TEST(lists_outgrow_the_room_they_were_made_with),
    };
    return UNIT_MAIN(tests);
}
