/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * test_shutdown.c - what ou_stop does, and in which order: frames, finalizers and callbacks of
 * what is garbage then, objects that those make, what lives on; and when it refuses.
 *
 * Each test starts the runtime itself. What CPython's tests pin down for its interpreter's end
 * (test_gc, test_weakref, test_threading) as far as it has a meaning without modules.
 */
#include "support/unit.h"

#include <pthread.h>
#include <sched.h>

#include "support/proc.h"

static const ou_type *ring_class, *maker_class, *saver_class;
static int finalized, called, generation, refused;
static pthread_t finalized_by;
static ou_object *saved;

static int note_finalizer(ou_object *self, void *arg)
{
    (void)self, (void)arg;
    finalized++;
    finalized_by = pthread_self();
    assert_true(ou_thread_attached());
    return 0;
}

/* Garbage that only a collection finds: an instance that refers to itself. */
static void drop_ring(const ou_type *cls)
{
    ou_object *o = ou_instance_new(cls);
    assert_non_null(o);
    assert_ok(ou_attr_set_at(o, 0, o));
    ou_decref(o);
}

static int make_another(ou_object *self, void *arg)
{
    const int *generations = arg;
    (void)self;
    finalized++;
    if (generation++ < *generations) {
        drop_ring(maker_class);
        ou_decref(ou_dict_new(0)); /* and some that counting ends */
    }
    return 0;
}

static int save(ou_object *self, void *arg)
{
    (void)arg;
    finalized++;
    saved = ou_incref(self);
    return 0;
}

static int generations;

static void start(const char *conf)
{
    static const char *const attrs[] = {"next"};
    assert_ok(ou_start(conf));
    if (!ring_class) { /* classes outlive ou_stop */
        ring_class = ou_class_new("Ring", attrs, 1, true, note_finalizer, NULL);
        maker_class = ou_class_new("Maker", attrs, 1, true, make_another, &generations);
        saver_class = ou_class_new("Saver", attrs, 1, true, save, NULL);
    }
    finalized = called = generation = refused = 0;
}

/* The next start finds nothing that this one left. */
static void assert_nothing_left(void)
{
    start("gc_auto=0");
    assert_int_equal(ou_leak_report(proc_null()), 0);
    assert_int_equal(ou_heap_check(), 0);
    assert_ok(ou_stop());
}

static void note_call(ou_object *ref, void *arg)
{
    (void)arg;
    called++;
    assert_null(ou_weakref_get(ref));
}

static void garbage_is_finalized_before_stop_returns(void **state)
{
    (void)state;
    start("gc_auto=0");
    ou_object *ring = ou_instance_new(ring_class);
    ou_object *weak = ou_weakref_new(ring, note_call, NULL);
    assert_ok(ou_attr_set_at(ring, 0, ring));
    ou_decref(ring);
    drop_ring(ring_class);
    assert_int_equal(finalized, 0);
    assert_ok(ou_stop());
    assert_int_equal(finalized, 2);
    assert_int_equal(called, 1);
    assert_true(pthread_equal(finalized_by, pthread_self()));
    start("gc_auto=0"); /* the weakref itself was alive, and is */
    assert_null(ou_weakref_get(weak));
    ou_decref(weak);
    assert_ok(ou_stop());
    assert_nothing_left();
}

static void frames_are_left_first(void **state)
{
    (void)state;
    start("gc_auto=0");
    ou_object *ring = ou_instance_new(ring_class);
    ou_object *plain = ou_instance_new(ring_class);
    assert_ok(ou_attr_set_at(ring, 0, ring));
    assert_ok(ou_frame_bind_steal(ou_frame_push("outer", 1), "ring", ring));
    assert_ok(ou_frame_bind_steal(ou_frame_push("inner", 1), "plain", plain));
    assert_ok(ou_stop()); /* the cycle is garbage only when its frame is gone */
    assert_int_equal(finalized, 2);
    assert_nothing_left();
}

static void what_finalizers_make_ends_as_well(void **state)
{
    (void)state;
    start("gc_auto=0");
    generations = 5;
    drop_ring(maker_class);
    assert_ok(ou_stop());
    assert_int_equal(finalized, 1 + generations);
    assert_nothing_left();
}

static void endless_finalizers_do_not_hold_it_up(void **state)
{
    (void)state;
    start("gc_auto=0");
    generations = 1000;
    drop_ring(maker_class);
    assert_ok(ou_stop());
    assert_in_range(finalized, 2, 17); /* that many collections, and no more */
    generations = 0;
    start("gc_auto=0");
    assert_ok(ou_stop()); /* the last of them ends with the next stop */
    assert_int_equal(finalized, 1);
    assert_nothing_left();
}

static void what_a_finalizer_saves_lives_on(void **state)
{
    (void)state;
    start("gc_auto=0");
    drop_ring(saver_class);
    assert_ok(ou_stop());
    assert_int_equal(finalized, 1);
    assert_non_null(saved);
    start("gc_auto=0");
    ou_object *next = ou_attr_get_at(saved, 0);
    assert_ptr_equal(next, saved); /* whole, not cleared */
    ou_decref(next);
    ou_decref(saved);
    assert_ok(ou_stop());
    assert_int_equal(finalized, 0); /* once in a life */
    assert_nothing_left();
}

static int make_and_save(ou_object *self, void *arg)
{
    (void)arg;
    saved = ou_incref(self);
    drop_ring(ring_class);
    return 0;
}

/* Nothing was freed, but a finalizer ran: what it left as garbage ends all the same. */
static void what_a_saved_one_leaves_ends(void **state)
{
    (void)state;
    static const char *const attrs[] = {"next"};
    start("gc_auto=0");
    const ou_type *cls = ou_class_new("MakerAndSaver", attrs, 1, true, make_and_save, NULL);
    drop_ring(cls);
    assert_ok(ou_stop());
    assert_int_equal(finalized, 1);
    start("gc_auto=0");
    ou_decref(saved);
    assert_ok(ou_stop());
    assert_nothing_left();
}

static void what_is_referred_to_is_not_finalized(void **state)
{
    (void)state;
    start("gc_auto=0,leak_report=0");
    ou_object *kept = ou_instance_new(ring_class);
    assert_ok(ou_stop());
    assert_int_equal(finalized, 0);
    start("gc_auto=0");
    assert_int_equal(ou_refcount(kept), 1);
    ou_decref(kept);
    assert_int_equal(finalized, 1);
    assert_ok(ou_stop());
    assert_nothing_left();
}

static void make_weak_garbage(ou_object *ref, void *arg)
{
    note_call(ref, NULL);
    if (arg) { /* a cycle whose death calls once more */
        ou_object *ring = ou_instance_new(ring_class);
        ou_object **weak = arg;
        assert_ok(ou_attr_set_at(ring, 0, ring));
        *weak = ou_weakref_new(ring, make_weak_garbage, NULL);
        ou_decref(ring);
    }
}

static void callbacks_may_use_everything(void **state)
{
    (void)state;
    start("gc_auto=0");
    ou_object *second = NULL;
    ou_object *ring = ou_instance_new(ring_class);
    ou_object *first = ou_weakref_new(ring, make_weak_garbage, &second);
    assert_ok(ou_attr_set_at(ring, 0, ring));
    ou_decref(ring);
    assert_ok(ou_stop());
    assert_int_equal(called, 2);
    assert_int_equal(finalized, 2);
    start("gc_auto=0");
    ou_decref(first);
    ou_decref(second);
    assert_ok(ou_stop());
    assert_nothing_left();
}

/* ---- when it refuses -----------------------------------------------------------------------
 */

static void expect_refusal(void)
{
    refused += ou_stop() == OU_ESTATE && ou_error() == OU_ESTATE && ou_thread_attached();
}

static int stop_in_finalizer(ou_object *self, void *arg)
{
    (void)self, (void)arg;
    expect_refusal();
    return 0;
}

static void stop_in_callback(ou_object *ref, void *arg)
{
    (void)ref, (void)arg;
    expect_refusal();
}

static void stop_in_collection(const ou_gc_report *report, void *arg)
{
    (void)report, (void)arg;
    expect_refusal();
}

static void finalizers_and_callbacks_cannot_stop(void **state)
{
    (void)state;
    static const char *const attrs[] = {"next"};
    start("gc_auto=0");
    const ou_type *cls = ou_class_new("Stopper", attrs, 1, true, stop_in_finalizer, NULL);
    ou_decref(ou_instance_new(cls)); /* by counting */
    assert_int_equal(refused, 1);
    drop_ring(cls); /* by a collection */
    assert_int_equal(ou_gc_collect(), 1);
    assert_int_equal(refused, 2);
    ou_object *list = ou_list_new(0);
    ou_object *weak = ou_weakref_new(list, stop_in_callback, NULL);
    ou_decref(list);
    assert_int_equal(refused, 3);
    ou_decref(weak);
    assert_ok(ou_gc_callback_add(stop_in_collection, NULL));
    ou_gc_collect();
    assert_int_equal(refused, 5); /* before and after */
    assert_ok(ou_gc_callback_remove(stop_in_collection, NULL));
    drop_ring(cls); /* by ou_stop itself */
    assert_ok(ou_stop());
    assert_int_equal(refused, 6);
    assert_nothing_left();
}

/* A thread at its post until it is told to go on. */
typedef struct post {
    pthread_barrier_t here, go;
    ou_object *list;
} post;

static void *stay_attached(void *arg)
{
    post *p = arg;
    ou_thread_attach();
    pthread_barrier_wait(&p->here);
    pthread_barrier_wait(&p->go);
    ou_thread_detach();
    return NULL;
}

static void *stay_blocked(void *arg)
{
    post *p = arg;
    ou_thread_attach();
    p->list = ou_list_of((ou_object *[]){ou_none()}, 1);
    ou_blocking_begin();
    pthread_barrier_wait(&p->here);
    pthread_barrier_wait(&p->go);
    ou_blocking_end(); /* after the stop: its objects are as they were */
    bool whole = ou_list_append(p->list, ou_true()) == OU_OK && ou_list_len(p->list) == 2;
    ou_decref(p->list);
    ou_thread_detach();
    return whole ? p : NULL;
}

static void post_man(post *p, pthread_t *thread, void *(*man)(void *))
{
    assert_int_equal(pthread_barrier_init(&p->here, NULL, 2), 0);
    assert_int_equal(pthread_barrier_init(&p->go, NULL, 2), 0);
    assert_int_equal(pthread_create(thread, NULL, man, p), 0);
    pthread_barrier_wait(&p->here);
}

static void *relieve(post *p, pthread_t thread)
{
    void *result = NULL;
    pthread_barrier_wait(&p->go);
    assert_int_equal(pthread_join(thread, &result), 0);
    pthread_barrier_destroy(&p->here);
    pthread_barrier_destroy(&p->go);
    return result;
}

/* Garbage that nobody but the background thread can find: this one sleeps. */
static void assert_background_works(void)
{
    ou_gc_disable();
    for (int i = 0; i < 10000; i++) {
        drop_ring(ring_class);
    }
    ou_blocking_begin();
    uint64_t before = ou_stat("gc_automatic");
    ou_gc_enable();
    while (ou_stat("gc_automatic") == before) {
        sched_yield();
    }
    ou_blocking_end();
}

static void attached_threads_are_waited_for_by_nobody(void **state)
{
    (void)state;
    start("gc_background=1,gc_min_bytes=64k,gc_period_ms=1");
    post p;
    pthread_t thread;
    ou_object *list = ou_list_new(0);
    ou_frame *f = ou_frame_push("f", 1);
    assert_ok(ou_frame_bind(f, "list", list));
    post_man(&p, &thread, stay_attached);
    assert_fails(ou_stop(), OU_ESTATE);
    assert_ptr_equal(ou_frame_current(), f); /* nothing has changed */
    assert_ptr_equal(ou_frame_get_borrow(f, "list"), list);
    assert_ok(ou_list_append(list, ou_none()));
    relieve(&p, thread);
    assert_background_works();
    ou_decref(list);
    assert_ok(ou_stop());
    assert_nothing_left();
}

static void blocked_threads_may_come_back(void **state)
{
    (void)state;
    start("gc_auto=0");
    post p;
    pthread_t thread;
    post_man(&p, &thread, stay_blocked);
    assert_ok(ou_stop());
    assert_ptr_equal(relieve(&p, thread), &p);
    assert_nothing_left();
}

static void *stop_without_attaching(void *arg)
{
    *(int *)arg = ou_stop();
    return NULL;
}

static void only_an_attached_thread_stops(void **state)
{
    (void)state;
    assert_fails(ou_stop(), OU_ESTATE); /* not started */
    start("gc_auto=0");
    int got = 0;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, stop_without_attaching, &got), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(got, OU_ESTATE);
    ou_blocking_begin();
    assert_fails(ou_stop(), OU_ESTATE);
    ou_blocking_end();
    assert_ok(ou_stop());
    assert_fails(ou_stop(), OU_ESTATE); /* once */
    assert_nothing_left();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(garbage_is_finalized_before_stop_returns),
        cmocka_unit_test(frames_are_left_first),
        cmocka_unit_test(what_finalizers_make_ends_as_well),
        cmocka_unit_test(endless_finalizers_do_not_hold_it_up),
        cmocka_unit_test(what_a_finalizer_saves_lives_on),
        cmocka_unit_test(what_a_saved_one_leaves_ends),
        cmocka_unit_test(what_is_referred_to_is_not_finalized),
        cmocka_unit_test(callbacks_may_use_everything),
        cmocka_unit_test(finalizers_and_callbacks_cannot_stop),
        cmocka_unit_test(attached_threads_are_waited_for_by_nobody),
        cmocka_unit_test(blocked_threads_may_come_back),
        cmocka_unit_test(only_an_attached_thread_stops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
