/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * test_count.c - counts at their ends: each way to a ceiling makes an object immortal for good,
 * and nothing wraps; and the last reference is the last, whether its owner is awake or not.
 *
 * Counting to the ceilings takes seconds or minutes, so the header's words, whose layout
 * ouro/object.h documents, are written directly; from there on everything is counted as usual.
 */
#include "support/unit.h"

#include <pthread.h>
#include <sched.h>

#include "support/expect.h"
#include "support/team.h"

enum { MORE = 8, HIGH = 1 << 28 };

static void *drop_one(void *o)
{
    assert_int_equal(ou_thread_attach(), OU_OK);
    ou_decref(o);
    ou_thread_detach();
    return NULL;
}

static void drop_elsewhere(ou_object *o)
{
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, drop_one, o), 0);
    ou_blocking_begin();
    pthread_join(thread, NULL);
    ou_blocking_end();
    ou_safepoint();
}

static void assert_stays_immortal(ou_object *o)
{
    uint32_t local = o->rc_local, shared = o->rc_shared;
    assert_true(ou_is_immortal(o));
    for (int i = 0; i < MORE; i++) {
        ou_incref(o);
    }
    for (int i = 0; i < 3 * MORE; i++) {
        ou_decref(o);
    }
    drop_elsewhere(o);
    assert_false(ou_give(o));
    ou_gc_collect();
    assert_int_equal(o->rc_local, local);
    assert_int_equal(o->rc_shared, shared);
    assert_true(ou_is_immortal(o));
    assert_true(ou_refcount(o) == INT64_MAX);
}

static void local_count_saturates(void **state)
{
    (void)state;
    ou_object *o = ou_float_new(1.5);
    ou_store_relaxed(&o->rc_local, OU_IMMORTAL - 2);
    ou_incref(o);
    assert_false(ou_is_immortal(o));
    assert_true(ou_refcount(o) == OU_IMMORTAL - 1);
    ou_incref(o);
    assert_stays_immortal(o);
}

static void many_at_once_saturate(void **state)
{
    (void)state;
    ou_object *o = ou_float_new(2.5);
    ou_store_relaxed(&o->rc_local, OU_IMMORTAL - MORE);
    ou_object *list = ou_list_repeat(o, 2 * MORE);
    assert_non_null(list);
    ou_decref(list);
    assert_stays_immortal(o);
}

static void merge_saturates(void **state)
{
    (void)state;
    ou_object *o = ou_float_new(3.5);
    ou_store_relaxed(&o->rc_local, HIGH + MORE);
    assert_false(ou_is_immortal(o));
    drop_elsewhere(o); /* posted to us, merged by us */
    assert_int_equal(o->owner, 0);
    assert_stays_immortal(o);
}

static void below_the_ceiling_is_counted(void **state)
{
    (void)state;
    ou_object *o = ou_float_new(4.5);
    ou_store_relaxed(&o->rc_local, HIGH);
    drop_elsewhere(o);
    assert_int_equal(o->owner, 0);
    assert_false(ou_is_immortal(o));
    assert_int_equal(ou_refcount(o), HIGH - 1);
    ou_store_relaxed(&o->rc_shared, o->rc_shared - (uint32_t)(HIGH - 2) * 4);
    assert_int_equal(ou_refcount(o), 1);
    ou_decref(o);
}

static void owner_gone_is_counted_down(void **state)
{
    (void)state;
    ou_object *o = ou_list_new(0);
    for (int i = 0; i < MORE; i++) {
        ou_incref(o);
    }
    for (int i = 0; i < MORE; i++) {
        drop_elsewhere(o);
        assert_int_equal(ou_refcount(o), MORE - i);
    }
    ou_decref(o);
}

static int ends; /* atomic */

static int note_end(ou_object *self, void *arg)
{
    (void)self, (void)arg;
    ou_fetch_add_relaxed(&ends, 1);
    return 0;
}

static ou_object *ender(void)
{
    static const ou_type *cls;
    cls = cls ? cls : ou_class_new("Ender", NULL, 0, true, note_end, NULL);
    ou_object *o = ou_instance_new(cls);
    assert_non_null(o);
    return o;
}

static void drop_and_look(ou_object *o)
{
    ou_decref(o);
    REQUIRE(ou_load_relaxed(&ends) == 1);
}

/* Nobody has to come back for a last reference: whoever drops it acts for an owner that sleeps.
 */
static void owner_asleep_is_not_waited_for(void **state)
{
    (void)state;
    ends = 0;
    team_send(ender(), drop_and_look); /* inside a blocking region */
    assert_int_equal(ends, 1);
}

static int dropped; /* atomic */

static void *drop_and_tell(void *o)
{
    REQUIRE(ou_thread_attach() == OU_OK);
    ou_decref(o);
    ou_store_release(&dropped, 1);
    ou_thread_detach();
    return NULL;
}

/* Nor has it to wait for the owner's next safepoint, if that goes to sleep before. */
static void owner_works_off_its_inbox_before_it_sleeps(void **state)
{
    (void)state;
    pthread_t thread;
    ends = dropped = 0;
    assert_int_equal(pthread_create(&thread, NULL, drop_and_tell, ender()), 0);
    while (!ou_load_acquire(&dropped)) { /* no safepoint */
        sched_yield();
    }
    assert_int_equal(ou_load_relaxed(&ends), 0); /* in the inbox: the owner is awake */
    ou_blocking_begin();
    REQUIRE(ou_load_relaxed(&ends) == 1);
    pthread_join(thread, NULL);
    ou_blocking_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(local_count_saturates),
        UNIT_TEST(many_at_once_saturate),
        UNIT_TEST(merge_saturates),
        UNIT_TEST(below_the_ceiling_is_counted),
        UNIT_TEST(owner_gone_is_counted_down),
        UNIT_TEST(owner_asleep_is_not_waited_for),
        UNIT_TEST(owner_works_off_its_inbox_before_it_sleeps),
    };
    return UNIT_MAIN(tests);
}
