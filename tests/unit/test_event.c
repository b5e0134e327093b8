/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * test_event.c - the event listener: which events in which order, and silence after it is taken
 * away.
 */
#include "support/unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "support/proc.h"

enum { EVENTS = 1024 };

typedef struct log {
    ou_event events[EVENTS];
    size_t n;
} event_log;

static event_log seen;

static void keep(const ou_event *event, void *arg)
{
    event_log *l = arg;
    if (l->n < EVENTS) {
        l->events[l->n++] = *event;
    }
}

/* Whether a block was used before is not what every test is about. */
static void keep_no_reuse(const ou_event *event, void *arg)
{
    if (event->kind != OU_EV_REUSE) {
        keep(event, arg);
    }
}

static void listen(void)
{
    seen.n = 0;
    assert_ok(ou_event_listen(keep, &seen));
}

/* Number of events of one kind, of one object or (NULL) of any. */
static size_t count_of(ou_event_kind kind, const ou_object *o)
{
    size_t n = 0;
    for (size_t i = 0; i < seen.n; i++) {
        n += seen.events[i].kind == kind && (!o || seen.events[i].object == o);
    }
    return n;
}

static size_t births(const ou_object *o)
{
    return count_of(OU_EV_CREATE, o);
}

static void birth_counts_death(void **state)
{
    (void)state;
    seen.n = 0;
    assert_ok(ou_event_listen(keep_no_reuse, &seen));
    ou_object *o = ou_int_new(808080);
    ou_incref(o);
    ou_decref(o);
    ou_decref(o);
    assert_ok(ou_event_listen(NULL, NULL));
    static const int64_t values[] = {0, 2, 1, 0};
    assert_int_equal(seen.n, 5);
    assert_int_equal(births(o), 1);
    for (size_t i = 0; i < 5; i++) {
        assert_ptr_equal(seen.events[i].object, o);
        assert_string_equal(seen.events[i].type, "int");
        assert_int_equal(seen.events[i].slot, ou_thread_slot());
        if (i > 0 && i < 4) {
            assert_int_equal(seen.events[i].value, values[i]);
        }
    }
    assert_true(seen.events[0].value >= 24); /* block size: header and 64 bits */
    assert_int_equal(seen.events[4].kind, OU_EV_DEALLOC);
}

static void block_used_again_is_reuse(void **state)
{
    (void)state;
    ou_object *o = ou_float_new(2.0);
    ou_decref(o);
    listen();
    ou_object *again = ou_float_new(3.0);
    assert_ok(ou_event_listen(NULL, NULL));
    assert_ptr_equal(again, o);
    assert_int_equal(count_of(OU_EV_REUSE, o), 1);
    ou_decref(again);
}

static void older_objects_only_tell_their_death(void **state)
{
    (void)state;
    ou_object *o = ou_list_new(0);
    listen();
    ou_incref(o);
    ou_decref(o);
    ou_decref(o);
    assert_ok(ou_event_listen(NULL, NULL));
    assert_int_equal(seen.n, 1);
    assert_int_equal(seen.events[0].kind, OU_EV_DEALLOC);
    assert_ptr_equal(seen.events[0].object, o);
}

static int finalize_nothing(ou_object *self, void *arg)
{
    (void)self;
    (void)arg;
    return 0;
}

static void collection_is_told(void **state)
{
    (void)state;
    const ou_type *cls = ou_class_new("Told", NULL, 0, false, finalize_nothing, NULL);
    int self_at = ou_class_attr(cls, "self");
    listen();
    ou_object *o = ou_instance_new(cls);
    assert_ok(ou_attr_set_at(o, self_at, o));
    ou_decref(o);
    assert_int_equal(ou_gc_collect(), 1);
    assert_ok(ou_event_listen(NULL, NULL));
    assert_int_equal(count_of(OU_EV_GC_BEGIN, NULL), 1);
    assert_int_equal(count_of(OU_EV_GC_END, NULL), 1);
    assert_int_equal(count_of(OU_EV_UNREACHABLE, o), 1);
    assert_int_equal(count_of(OU_EV_FINALIZE, o), 1);
    assert_int_equal(count_of(OU_EV_DEALLOC, o), 1);
    for (size_t i = 0; i < seen.n; i++) {
        if (seen.events[i].kind == OU_EV_GC_END || seen.events[i].kind == OU_EV_UNREACHABLE) {
            assert_int_equal(seen.events[i].value, 1);
        }
        if (seen.events[i].kind == OU_EV_GC_BEGIN || seen.events[i].kind == OU_EV_GC_END) {
            assert_null(seen.events[i].object);
        }
    }
}

static void silence_after(void **state)
{
    (void)state;
    listen();
    ou_object *o = ou_list_new(0);
    assert_ok(ou_event_listen(NULL, NULL));
    size_t n = seen.n;
    assert_true(n >= 1);
    ou_incref(o);
    ou_decref(o);
    ou_decref(o); /* born under a listener, dies without: fine and silent */
    ou_decref(ou_list_new(0));
    ou_gc_collect();
    assert_int_equal(seen.n, n);
}

static void printed_one_line_an_event(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_ok(ou_event_listen(ou_event_print, out));
    ou_object *o = ou_list_new(0);
    ou_incref(o);
    ou_decref(o);
    ou_decref(o);
    assert_ok(ou_event_listen(NULL, NULL));
    fclose(out);
    /* create, incref, decref, decref, deallocate; one more when the block is used again */
    size_t lines = proc_lines_with(text, "");
    assert_in_range(lines, 5, 6);
    assert_int_equal(proc_lines_with(text, "list"), lines);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(birth_counts_death),
        UNIT_TEST(block_used_again_is_reuse),
        UNIT_TEST(older_objects_only_tell_their_death),
        UNIT_TEST(collection_is_told),
        UNIT_TEST(silence_after),
        UNIT_TEST(printed_one_line_an_event),
    };
    return UNIT_MAIN(tests);
}
