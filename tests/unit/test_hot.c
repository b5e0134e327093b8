/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * test_hot.c - objects that many threads count: when they become hot, what they count, and how
 * they end.
 *
 * A foreign thread looks at every 384th increment at least; after four looks that met the same
 * object it nominates it, and its next safepoint promotes: MANY increments are always enough.
 */
#include "support/team.h"
#include "support/unit.h"

#include <pthread.h>
#include <stdio.h>

enum { MANY = 4096, HOT_MAX = 32, OWNER_HOT = 0xFFFF };

static void count_much(ou_object *o)
{
    for (int i = 0; i < MANY; i++) {
        ou_incref(o);
        ou_decref(o);
    }
    ou_safepoint();
}

static ou_object *heat(ou_object *o)
{
    uint64_t before = ou_stat("hot_promoted");
    team_send(o, count_much);
    assert_int_equal(ou_stat("hot_promoted"), before + 1);
    assert_int_equal(o->owner, OWNER_HOT);
    return o;
}

static void counted_in_all_slots(ou_object *o)
{
    assert_int_equal(ou_refcount(o), 1);
    for (int i = 0; i < 5; i++) {
        ou_incref(o);
    }
    assert_int_equal(ou_refcount(o), 6);
    assert_int_equal(o->owner, OWNER_HOT);
}

static void count_is_the_sum(void **state)
{
    (void)state;
    uint64_t cooled = ou_stat("hot_cooled");
    ou_object *o = heat(ou_str("a hot string"));
    assert_int_equal(ou_refcount(o), 1);
    team_send(o,
              counted_in_all_slots); /* the five stay in the slot of a thread that has ended */
    assert_int_equal(ou_refcount(o), 6);
    for (int i = 0; i < 5; i++) {
        ou_decref(o); /* below zero here */
    }
    assert_int_equal(ou_refcount(o), 1);
    ou_gc_collect();
    assert_int_equal(ou_stat("hot_cooled"), cooled + 1);
    assert_int_equal(o->owner, 0);
    assert_int_equal(ou_refcount(o), 1);
    assert_string_equal(ou_str_bytes(o, NULL), "a hot string");
    heat(o); /* and again, from merged */
    ou_decref(o);
}

static void nomination_is_not_counted(ou_object *o)
{
    for (int i = 0; i < MANY; i++) {
        ou_incref(o);
        ou_decref(o);
    }
    assert_int_not_equal(o->owner, OWNER_HOT);
    assert_int_equal(ou_refcount(o), 1);
}

static void told_without_a_safepoint(void **state)
{
    (void)state;
    ou_object *o = ou_float_new(0.5);
    uint64_t before = ou_stat("hot_promoted");
    team_send(o, nomination_is_not_counted); /* its end promotes */
    assert_int_equal(ou_stat("hot_promoted"), before + 1);
    ou_decref(o);
}

static void is_kept_by(const char *most, size_t len, bool kept)
{
    static char text[512];
    static unsigned turn;
    memset(text, 'a', sizeof text);
    text[0] = (char)('0' + turn++); /* another one each time: kept is for good */
    uint64_t before = ou_stat("intern_kept");
    assert_int_equal(ou_knob_set("intern_keep", most), OU_OK);
    ou_object *s = ou_str_intern(text, len);
    team_send(s, count_much);
    assert_int_equal(ou_is_immortal(s), kept);
    assert_int_equal(ou_stat("intern_kept"), before + kept);
    assert_int_equal(s->owner == OWNER_HOT, !kept);
    if (!kept) {
        size_t interned = ou_intern_count();
        assert_int_equal(ou_refcount(s), 1);
        ou_decref(s);
        ou_gc_collect();
        assert_int_equal(ou_intern_count(), interned - 1);
    }
}

static void interned_is_kept(void **state)
{
    (void)state;
    char one_more[24];
    snprintf(one_more, sizeof one_more, "%u", (unsigned)ou_stat("intern_kept") + 1);
    is_kept_by("0", 20, false);
    is_kept_by(one_more, 257, false); /* too long for good */
    is_kept_by(one_more, 256, true);
    is_kept_by(one_more, 20, false); /* that was the last one */
    assert_int_equal(ou_knob_set("intern_keep", "4096"), OU_OK);
}

static ou_object *heat_name(const char *text)
{
    assert_int_equal(ou_knob_set("intern_keep", "0"), OU_OK);
    ou_object *name = heat(ou_str_intern(text, strlen(text)));
    assert_int_equal(ou_knob_set("intern_keep", "4096"), OU_OK);
    return name;
}

/* In turn, as a program's names are: no streak of one of them. */
static void look_up_many(ou_object *o)
{
    char text[32];
    for (int i = 0; i < 64 * MANY; i++) {
        int len = snprintf(text, sizeof text, "one of many names %d", i % 64);
        ou_decref(ou_str_intern(text, (size_t)len));
        ou_safepoint();
    }
    ou_decref(o);
}

static void looked_up_is_kept(void **state)
{
    (void)state;
    ou_object *names[64];
    char text[32];
    for (int i = 0; i < 64; i++) {
        int len = snprintf(text, sizeof text, "one of many names %d", i);
        names[i] = ou_str_intern(text, (size_t)len);
    }
    uint64_t before = ou_stat("intern_kept");
    team_send(ou_incref(names[0]), look_up_many);
    for (int i = 0; i < 64; i++) {
        assert_true(ou_is_immortal(names[i]));
    }
    assert_int_equal(ou_stat("intern_kept"), before + 64);
}

static void drop(ou_object *o)
{
    ou_decref(o);
}

static void dies_at_the_next_stop(void **state)
{
    (void)state;
    ou_object *list = ou_list_new(0), *item = ou_list_new(0);
    ou_object *ref = ou_weakref_new(item, NULL, NULL);
    assert_int_equal(ou_list_append_steal(list, item), OU_OK);
    heat(list);
    team_send(list, drop);
    ou_object *still = ou_weakref_get(ref);
    assert_ptr_equal(still, item);
    ou_decref(still);
    ou_gc_collect();
    assert_null(ou_weakref_get(ref));
    ou_decref(ref);
}

static void hot_garbage_is_found(void **state)
{
    (void)state;
    ou_object *list = ou_list_new(0);
    assert_int_equal(ou_list_append(list, list), OU_OK);
    heat(list);
    ou_decref(list);
    assert_int_equal(ou_gc_collect(), 1);
}

static int finalize(ou_object *self, void *arg)
{
    (void)self;
    ++*(int *)arg;
    return 0;
}

static void never_with_finalizer_or_weakref(void **state)
{
    (void)state;
    int finalized = 0;
    uint64_t before = ou_stat("hot_promoted");
    ou_object *o = ou_instance_new(ou_class_new("Ends", NULL, 0, false, finalize, &finalized));
    team_send(o, count_much);
    ou_decref(o);
    assert_int_equal(finalized, 1);
    o = ou_list_new(0);
    ou_object *ref = ou_weakref_new(o, NULL, NULL);
    team_send(o, count_much);
    team_send(ref, count_much);
    assert_int_equal(ou_stat("hot_promoted"), before);
    ou_decref(o);
    assert_null(ou_weakref_get(ref));
    ou_decref(ref);
}

static void weakref_cools(void **state)
{
    (void)state;
    ou_object *o = heat(ou_list_new(0));
    ou_incref(o);
    ou_object *ref = ou_weakref_new(o, NULL, NULL);
    assert_int_equal(o->owner, 0);
    assert_int_equal(ou_refcount(o), 2);
    ou_decref(o);
    ou_decref(o);
    assert_null(ou_weakref_get(ref)); /* at once */
    ou_decref(ref);
}

static void nominate_then_weakref(ou_object *o)
{
    for (int i = 0; i < MANY; i++) {
        ou_incref(o);
        ou_decref(o);
    }
    ou_object *ref = ou_weakref_new(o, NULL, NULL); /* polls first */
    assert_int_not_equal(o->owner, OWNER_HOT);
    assert_int_equal(ou_refcount(o), 1);
    ou_decref(o);
    ou_safepoint();
    assert_null(ou_weakref_get(ref));
    ou_decref(ref);
}

static void weakref_ends_a_nomination(void **state)
{
    (void)state;
    team_send(ou_list_new(0), nominate_then_weakref);
}

static void interned_may_be_hot(void **state)
{
    (void)state;
    ou_object *name = heat_name("hot name");
    ou_object *same = ou_str_intern("hot name", 8);
    assert_ptr_equal(same, name);
    assert_int_equal(ou_refcount(name), 2);
    ou_decref(same);
    ou_decref(name);
    same = ou_str_intern("hot name", 8); /* not found dead yet: it lives on */
    assert_ptr_equal(same, name);
    assert_int_equal(ou_refcount(name), 1);
    ou_decref(same);
    ou_gc_collect();
}

static void immortalized_and_not_taken(void **state)
{
    (void)state;
    ou_object *o = heat(ou_float_new(1.25));
    assert_false(ou_give(o));
    assert_false(ou_take(o));
    ou_decref(o);
    o = heat_name("immortal and hot");
    ou_immortalize(o);
    assert_true(ou_is_immortal(o));
    for (int i = 0; i < 3; i++) {
        ou_decref(o);
    }
    ou_gc_collect();
    assert_true(ou_is_immortal(o));
}

static void more_than_the_table_holds(void **state)
{
    (void)state;
    ou_object *o[HOT_MAX + 8];
    uint64_t before = ou_stat("hot_cooled");
    ou_gc_collect();
    for (int i = 0; i < HOT_MAX + 8; i++) {
        o[i] = heat(ou_float_new(i));
    }
    assert_int_equal(ou_stat("hot_cooled"), before + HOT_MAX);
    assert_int_equal(o[0]->owner, 0);
    for (int i = 0; i < HOT_MAX + 8; i++) {
        double value = -1;
        assert_int_equal(ou_refcount(o[i]), 1);
        assert_int_equal(ou_float_value(o[i], &value), OU_OK);
        assert_true(value == i);
        ou_decref(o[i]);
    }
}

static void off_by_knob(void **state)
{
    (void)state;
    uint64_t before = ou_stat("hot_promoted");
    assert_int_equal(ou_knob_set("hot_objects", "0"), OU_OK);
    ou_object *o = ou_float_new(0.75);
    team_send(o, count_much);
    assert_int_equal(ou_stat("hot_promoted"), before);
    assert_int_equal(ou_knob_set("hot_objects", "1"), OU_OK);
    heat(o);
    ou_decref(o);
}

static bool computing, done; /* atomic */

/* Attached, and at no safepoint until told. */
static void *compute(void *arg)
{
    (void)arg;
    assert_int_equal(ou_thread_attach(), OU_OK);
    ou_store_release(&computing, true);
    while (!ou_load_acquire(&done)) {
    }
    ou_thread_detach();
    return NULL;
}

/* The object of queued_then_promoted, and how far its two threads are. */
static ou_object *queued;
static unsigned step; /* atomic */

static void step_is(unsigned n)
{
    while (ou_load_acquire(&step) < n) {
    }
}

static void *queue_and_count(void *arg)
{
    (void)arg;
    assert_int_equal(ou_thread_attach(), OU_OK);
    ou_decref(queued); /* at count 0: into the owner's inbox */
    for (int i = 0; i < 4; i++) {
        ou_incref(queued);
    }
    ou_store_release(&step, 1u);
    step_is(2);
    count_much(queued);
    ou_store_release(&step, 3u);
    ou_thread_detach();
    return NULL;
}

/* Promoted after its owner's count ended and before the owner looked into its inbox. (Whether
 * it is promoted hangs on time; the sum must be right in any case.) */
static void queued_then_promoted(void **state)
{
    (void)state;
    pthread_t thread;
    ou_object *first = heat(ou_float_new(2)); /* so that the other's place is not 0 */
    queued = ou_float_new(3);
    ou_incref(queued);
    ou_incref(queued);
    assert_int_equal(pthread_create(&thread, NULL, queue_and_count, NULL), 0);
    step_is(1);
    for (int i = 0; i < 3; i++) {
        ou_decref(queued);
    }
    ou_store_release(&step, 2u);
    while (ou_load_acquire(&step) < 3) {
        ou_safepoint();
    }
    ou_blocking_begin();
    pthread_join(thread, NULL);
    ou_blocking_end();
    ou_safepoint();
    assert_int_equal(ou_refcount(queued), 3);
    ou_gc_collect();
    assert_int_equal(ou_refcount(queued), 3);
    assert_int_equal(ou_refcount(first), 1);
    for (int i = 0; i < 3; i++) {
        ou_decref(queued);
    }
    ou_decref(first);
}

static void found_by_table_counts_where_it_is_dropped(void **state)
{
    (void)state;
    ou_object *name = heat_name("hot and looked up");
    uint32_t shared = name->rc_shared;
    for (int i = 0; i < 100; i++) {
        ou_decref(ou_str_intern("hot and looked up", 17));
    }
    assert_int_equal(name->rc_shared, shared);
    assert_int_equal(ou_refcount(name), 1);
    ou_decref(name);
}

/* Comes last: the slot of the counting thread looks much more rarely afterwards. */
static void who_computes_is_not_waited_for(void **state)
{
    (void)state;
    pthread_t thread;
    uint64_t before = ou_stat("hot_promoted");
    assert_int_equal(pthread_create(&thread, NULL, compute, NULL), 0);
    while (!ou_load_acquire(&computing)) {
    }
    ou_object *o = ou_float_new(0.25);
    team_send(o, count_much); /* returns: a collection would wait */
    assert_int_equal(ou_stat("hot_promoted"), before);
    assert_int_not_equal(o->owner, OWNER_HOT);
    ou_store_release(&done, true);
    ou_blocking_begin();
    pthread_join(thread, NULL);
    ou_blocking_end();
    ou_safepoint();
    assert_int_equal(ou_refcount(o), 1);
    ou_decref(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(count_is_the_sum),
        UNIT_TEST(told_without_a_safepoint),
        UNIT_TEST(interned_is_kept),
        UNIT_TEST(looked_up_is_kept),
        UNIT_TEST(dies_at_the_next_stop),
        UNIT_TEST(hot_garbage_is_found),
        UNIT_TEST(never_with_finalizer_or_weakref),
        UNIT_TEST(weakref_cools),
        UNIT_TEST(weakref_ends_a_nomination),
        UNIT_TEST(interned_may_be_hot),
        UNIT_TEST(immortalized_and_not_taken),
        UNIT_TEST(more_than_the_table_holds),
        UNIT_TEST(off_by_knob),
        UNIT_TEST(found_by_table_counts_where_it_is_dropped),
        UNIT_TEST(queued_then_promoted),
        UNIT_TEST(who_computes_is_not_waited_for),
    };
    return UNIT_MAIN(tests);
}
