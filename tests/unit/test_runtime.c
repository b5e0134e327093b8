/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * test_runtime.c - start and stop, knobs, counters, errors by thread, attaching, slots,
 * blocking. Each test starts and stops the runtime itself.
 */
#include "support/unit.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "support/team.h"

static void start_refuses_bad_conf(void **state)
{
    (void)state;
    static const char *const bad[] = {"no_such_knob=1", "gc_auto",
                                      "gc_auto=maybe",  "gc_percent=1001",
                                      "gc_percent=-1",  "gc_percent=ten",
                                      "heap=arena",     "=1",
                                      "gc_auto=1,,x=2", "gc_min_bytes=99999999999999999999"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_fails(ou_start(bad[i]), OU_EINVAL);
        assert_false(ou_thread_attached());
    }
    assert_fails(ou_start("no_such_knob=1"), OU_EINVAL);
    assert_non_null(strstr(ou_error_message(), "no_such_knob"));
}

static void start_and_stop_once(void **state)
{
    (void)state;
    assert_fails(ou_stop(), OU_ESTATE);
    assert_ok(ou_start(NULL));
    assert_true(ou_thread_attached());
    assert_true(ou_thread_slot() >= 1);
    assert_fails(ou_start(NULL), OU_ESTATE);
    assert_ok(ou_stop());
    assert_false(ou_thread_attached());
    assert_int_equal(ou_thread_slot(), 0);
    assert_fails(ou_stop(), OU_ESTATE);
}

static void starts_again_after_stop(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_ok(ou_start(NULL));
        ou_object *list = ou_list_new(0);
        assert_ok(ou_list_append(list, list));
        ou_decref(list);
        assert_int_equal(ou_gc_collect(), 1);
        assert_ok(ou_stop());
    }
}

static void conf_sets_knobs(void **state)
{
    (void)state;
    int64_t v = -1;
    assert_ok(ou_start("gc_auto=0,gc_percent=75,gc_min_bytes=2m"));
    assert_ok(ou_knob_get("gc_auto", &v));
    assert_int_equal(v, 0);
    assert_ok(ou_knob_get("gc_percent", &v));
    assert_int_equal(v, 75);
    assert_ok(ou_knob_get("gc_min_bytes", &v));
    assert_int_equal(v, 2 << 20);
    assert_false(ou_gc_is_enabled());
    assert_ok(ou_stop());
}

static void environment_first_argument_wins(void **state)
{
    (void)state;
    int64_t v = -1;
    char *old = getenv("OURO_CONF") ? strdup(getenv("OURO_CONF")) : NULL;
    setenv("OURO_CONF", "gc_percent=60,gc_auto=0", 1);
    assert_ok(ou_start("gc_percent=70"));
    assert_ok(ou_knob_get("gc_percent", &v));
    assert_int_equal(v, 70);
    assert_ok(ou_knob_get("gc_auto", &v));
    assert_int_equal(v, 0);
    assert_ok(ou_stop());
    setenv("OURO_CONF", "gc_percent=x", 1);
    assert_fails(ou_start(NULL), OU_EINVAL);
    if (old) {
        setenv("OURO_CONF", old, 1);
    } else {
        unsetenv("OURO_CONF");
    }
    free(old);
}

static void count_knob(const char *name, const char *type, int64_t value, const char *help,
                       void *arg)
{
    int64_t got = 0;
    assert_ok(ou_knob_get(name, &got));
    assert_int_equal(got, value);
    assert_string_not_equal(type, "");
    assert_string_not_equal(help, "");
    ++*(int *)arg;
}

static void knobs_while_running(void **state)
{
    (void)state;
    int64_t v = 0;
    int n = 0;
    assert_ok(ou_start(NULL));
    assert_ok(ou_knob_set("gc_percent", "33"));
    assert_ok(ou_knob_get("gc_percent", &v));
    assert_int_equal(v, 33);
    assert_fails(ou_knob_set("no_such_knob", "1"), OU_EINVAL);
    assert_fails(ou_knob_get("no_such_knob", &v), OU_EINVAL);
    assert_fails(ou_knob_set("gc_percent", "1001"), OU_EINVAL);
    assert_fails(ou_knob_set("gc_percent", ""), OU_EINVAL);
    assert_fails(ou_knob_set("gc_percent", "12x"), OU_EINVAL);
    assert_fails(ou_knob_set("heap", "malloc"), OU_EINVAL); /* only at start */
    assert_ok(ou_knob_get("gc_percent", &v));
    assert_int_equal(v, 33);
    ou_knob_each(count_knob, &n);
    assert_true(n >= 8);
    assert_ok(ou_stop());
}

static void count_stat(const char *name, uint64_t value, const char *help, void *arg)
{
    assert_int_equal(ou_stat(name), value);
    assert_string_not_equal(help, "");
    ++*(int *)arg;
}

static void counters_by_name(void **state)
{
    (void)state;
    int n = 0;
    assert_ok(ou_start(NULL));
    ou_stats_each(count_stat, &n);
    assert_true(n >= 8);
    assert_int_equal(ou_stat("no_such_counter"), 0);
    uint64_t before = ou_stat("gc_collections");
    ou_gc_collect();
    assert_int_equal(ou_stat("gc_collections"), before + 1);
    assert_ok(ou_stop());
}

static void error_names(void **state)
{
    (void)state;
    static const struct {
        ou_err code;
        const char *name;
    } all[] = {{OU_OK, "OU_OK"},
               {OU_ENOMEM, "OU_ENOMEM"},
               {OU_ETYPE, "OU_ETYPE"},
               {OU_EINDEX, "OU_EINDEX"},
               {OU_EKEY, "OU_EKEY"},
               {OU_EATTR, "OU_EATTR"},
               {OU_EHASH, "OU_EHASH"},
               {OU_ESTACK, "OU_ESTACK"},
               {OU_EOVERFLOW, "OU_EOVERFLOW"},
               {OU_ESTATE, "OU_ESTATE"},
               {OU_EINVAL, "OU_EINVAL"},
               {OU_ELIMIT, "OU_ELIMIT"},
               {OU_ECHANGED, "OU_ECHANGED"}};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        assert_string_equal(ou_error_name(all[i].code), all[i].name);
    }
    assert_non_null(ou_error_name((ou_err)-99));
    int major = -1;
    int minor = -1;
    int patch = -1;
    assert_int_equal(sscanf(ou_version(), "%d.%d.%d", &major, &minor, &patch), 3);
    assert_string_not_equal(ou_build_info(), "");
}

static void fresh_thread_has_no_error(unsigned index, void *arg)
{
    (void)index;
    bool *ok = arg;
    ok[0] = ou_error() == OU_OK && ou_error_message()[0] == 0;
    ok[0] = ok[0] && ou_list_len(ou_none()) == OU_ETYPE && ou_error() == OU_ETYPE;
}

static void errors_are_per_thread(void **state)
{
    (void)state;
    bool ok = false;
    assert_ok(ou_start(NULL));
    ou_object *list = ou_list_new(0);
    assert_null_with(ou_list_pop(list), OU_EINDEX);
    team_run(1, fresh_thread_has_no_error, &ok);
    assert_true(ok);
    assert_int_equal(ou_error(), OU_EINDEX);
    ou_decref(list);
    assert_ok(ou_stop());
}

static void attach_again_is_fine(unsigned index, void *arg)
{
    (void)index;
    bool *ok = arg;
    unsigned slot = ou_thread_slot();
    *ok = slot >= 1 && ou_thread_attach() == OU_OK && ou_thread_slot() == slot;
    ou_thread_detach();
    *ok = *ok && !ou_thread_attached() && ou_thread_slot() == 0;
    ou_thread_detach(); /* no-op */
    *ok = *ok && ou_frame_push("f", 1) == NULL && ou_error() == OU_ESTATE;
    *ok = *ok && ou_list_new(0) == NULL && ou_error() == OU_ESTATE;
    *ok = *ok && ou_thread_attach() == OU_OK;
    ou_object *list = ou_list_new(0);
    *ok = *ok && list != NULL;
    ou_xdecref(list);
}

static void attach_and_detach(void **state)
{
    (void)state;
    bool ok = false;
    assert_ok(ou_start(NULL));
    team_run(1, attach_again_is_fine, &ok);
    assert_true(ok);
    assert_ok(ou_stop());
}

static void *never_attached(void *arg)
{
    bool *ok = arg;
    void *p = ou_malloc(100); /* the heap needs no attaching */
    *ok = p != NULL && !ou_thread_attached() && ou_thread_slot() == 0;
    ou_free(p);
    return NULL;
}

static void heap_needs_no_attaching(void **state)
{
    (void)state;
    bool ok = false;
    pthread_t t;
    assert_ok(ou_start(NULL));
    ou_blocking_begin();
    assert_int_equal(pthread_create(&t, NULL, never_attached, &ok), 0);
    assert_int_equal(pthread_join(t, NULL), 0);
    ou_blocking_end();
    assert_true(ok);
    assert_ok(ou_stop());
}

static void leave_a_list(unsigned index, void *arg)
{
    (void)index;
    ou_object **out = arg;
    *out = ou_list_new(0);
    for (int64_t i = 0; i < 1000; i++) {
        ou_list_append_steal(*out, ou_int_new(1000000 + i));
    }
}

static void objects_outlive_their_thread(void **state)
{
    (void)state;
    assert_ok(ou_start(NULL));
    uint64_t created = ou_stat("slots_created");
    for (int round = 0; round < 20; round++) {
        ou_object *list = NULL;
        team_run(1, leave_a_list, &list);
        assert_int_equal(ou_list_len(list), 1000);
        assert_int_equal(ou_refcount(list), 1);
        int64_t sum = 0;
        assert_ok(ou_list_sum(list, &sum, NULL));
        assert_int_equal(sum, 1000000000 + 499500);
        ou_object *ref = ou_weakref_new(list, NULL, NULL);
        ou_decref(list);
        ou_safepoint();
        assert_null(ou_weakref_get(ref)); /* its owner is gone: dies here, at once */
        ou_decref(ref);
    }
    assert_true(ou_stat("slots_created") - created <= 2); /* slots are used again */
    assert_int_equal(ou_gc_collect(), 0);
    assert_int_equal(ou_heap_check(), 0);
    assert_ok(ou_stop());
}

static void collect_many(unsigned index, void *arg)
{
    (void)index;
    int64_t *found = arg;
    for (int i = 0; i < 100; i++) {
        ou_object *list = ou_list_new(1);
        ou_list_append(list, list);
        ou_decref(list);
        *found += ou_gc_collect();
    }
}

/* team_run waits inside a blocking region: a hundred collections must not wait for it. */
static void blocked_thread_does_not_hold_up(void **state)
{
    (void)state;
    int64_t found = 0;
    assert_ok(ou_start("gc_auto=0"));
    team_run(1, collect_many, &found);
    assert_int_equal(found, 100);
    assert_ok(ou_stop());
}

static void live_objects_stay_valid_after_stop(void **state)
{
    (void)state;
    assert_ok(ou_start("leak_report=0"));
    ou_object *left = ou_list_new(0);
    assert_non_null(left);
    assert_ok(ou_stop()); /* memory of what is alive stays valid */
    assert_int_equal(ou_load_relaxed(&left->type) != 0, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(start_refuses_bad_conf),
        cmocka_unit_test(start_and_stop_once),
        cmocka_unit_test(starts_again_after_stop),
        cmocka_unit_test(conf_sets_knobs),
        cmocka_unit_test(environment_first_argument_wins),
        cmocka_unit_test(knobs_while_running),
        cmocka_unit_test(counters_by_name),
        cmocka_unit_test(error_names),
        cmocka_unit_test(errors_are_per_thread),
        cmocka_unit_test(attach_and_detach),
        cmocka_unit_test(heap_needs_no_attaching),
        cmocka_unit_test(objects_outlive_their_thread),
        cmocka_unit_test(blocked_thread_does_not_hold_up),
        cmocka_unit_test(live_objects_stay_valid_after_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
