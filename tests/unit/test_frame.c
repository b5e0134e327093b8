/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * test_frame.c - frames: binding, dropping in order, limits, the memory table, threads.
 */
#include "support/unit.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "support/expect.h"
#include "support/proc.h"
#include "support/team.h"

static void bind_get_del(void **state)
{
    (void)state;
    ou_frame *f = ou_frame_push("f", 2);
    ou_object *o = ou_int_new(4711);
    assert_ok(ou_frame_bind(f, "a", o));
    assert_int_equal(ou_refcount(o), 2);
    assert_ptr_equal(ou_frame_get_borrow(f, "a"), o);
    char same[] = "a"; /* names are equal by their text */
    assert_ptr_equal(ou_frame_get_borrow(f, same), o);
    assert_ok(ou_frame_bind(f, same, o));
    assert_int_equal(ou_refcount(o), 2);
    assert_ok(ou_frame_bind(f, "a", ou_none())); /* rebinding drops the old one */
    assert_int_equal(ou_refcount(o), 1);
    assert_ok(ou_frame_bind_steal(f, "b", o));
    assert_int_equal(ou_refcount(o), 1);
    assert_null_with(ou_frame_get_borrow(f, "c"), OU_EKEY);
    assert_fails(ou_frame_del(f, "c"), OU_EKEY);
    assert_ok(ou_frame_del(f, "a"));
    assert_fails(ou_frame_del(f, "a"), OU_EKEY);
    assert_ok(ou_frame_bind(f, "c", ou_true())); /* the place of `a` is free again */
    ou_frame_pop();
}

static void full_frame(void **state)
{
    (void)state;
    ou_object *o = ou_int_new(4711);
    ou_frame *f = ou_frame_push("f", 2);
    assert_ok(ou_frame_bind(f, "a", o));
    assert_ok(ou_frame_bind(f, "b", o));
    assert_fails(ou_frame_bind(f, "c", o), OU_EINDEX);
    assert_int_equal(ou_refcount(o), 3);
    ou_incref(o);
    assert_fails(ou_frame_bind_steal(f, "c", o), OU_EINDEX);
    assert_int_equal(ou_refcount(o), 3);
    assert_ok(ou_frame_bind(f, "b", ou_none())); /* a bound name can still be rebound */
    ou_frame_pop();
    assert_int_equal(ou_refcount(o), 1);
    f = ou_frame_push("empty", 0);
    assert_fails(ou_frame_bind(f, "a", o), OU_EINDEX);
    ou_frame_pop();
    ou_decref(o);
}

static char order[8];
static size_t order_len;

static int note_order(ou_object *self, void *arg)
{
    (void)self;
    order[order_len++] = *(const char *)arg;
    return 0;
}

static void last_bound_goes_first(void **state)
{
    (void)state;
    static const char *const marks[] = {"1", "2", "3"};
    static const ou_type *cls[3];
    order_len = 0;
    ou_frame *f = ou_frame_push("f", 3);
    static const char *const names[] = {"a", "b", "c"};
    for (int i = 0; i < 3; i++) {
        cls[i] =
            ou_class_new("Marked", NULL, 0, false, note_order, (void *)(uintptr_t)marks[i]);
        assert_ok(ou_frame_bind_steal(f, names[i], ou_instance_new(cls[i])));
    }
    ou_frame_pop();
    assert_int_equal(order_len, 3);
    assert_memory_equal(order, "321", 3);
}

static void frames_nest(void **state)
{
    (void)state;
    size_t total = 0;
    size_t depth = 99;
    assert_null(ou_frame_current());
    size_t base = ou_frame_stack_used(&total, &depth);
    assert_int_equal(depth, 0);
    ou_frame *outer = ou_frame_push("outer", 1);
    ou_frame *inner = ou_frame_push("inner", 1);
    assert_ptr_equal(ou_frame_current(), inner);
    assert_ok(ou_frame_bind_steal(inner, "x", ou_int_new(1)));
    assert_ok(ou_frame_bind_steal(outer, "x", ou_int_new(2)));
    assert_int_equal(unit_int(ou_frame_get_borrow(inner, "x")), 1);
    assert_int_equal(unit_int(ou_frame_get_borrow(outer, "x")), 2);
    assert_true(ou_frame_stack_used(NULL, &depth) > base);
    assert_int_equal(depth, 2);
    ou_frame_pop();
    assert_ptr_equal(ou_frame_current(), outer);
    ou_frame_pop();
    assert_null(ou_frame_current());
    assert_int_equal(ou_frame_stack_used(NULL, NULL), base);
}

static void overflow_is_an_error(void **state)
{
    (void)state;
    size_t total = 0;
    size_t depth = 0;
    while (ou_frame_push("deep", 4)) {
    }
    assert_int_equal(ou_error(), OU_ESTACK);
    assert_true(ou_frame_stack_used(&total, &depth) <= total);
    assert_in_range(total, 1 << 20, (1 << 20) + 65536);
    assert_true(depth > 1000);
    assert_null_with(ou_frame_push("deep", 4), OU_ESTACK);
    ou_frame_pop();
    assert_non_null(ou_frame_push("deep", 4)); /* room for one again */
    while (ou_frame_current()) {
        ou_frame_pop();
    }
    assert_null_with(ou_frame_push("huge", SIZE_MAX), OU_ESTACK);
    assert_null_with(ou_frame_push("huge", SIZE_MAX / 16), OU_ESTACK);
    assert_null_with(ou_frame_push("huge", (size_t)1 << 20), OU_ESTACK);
}

static void locals_keep_cycles_alive(void **state)
{
    (void)state;
    ou_frame *f = ou_frame_push("f", 1);
    ou_object *list = ou_list_new(0);
    assert_ok(ou_list_append(list, list));
    assert_ok(ou_frame_bind_steal(f, "a", list));
    assert_int_equal(ou_gc_collect(), 0);
    ou_frame_pop();
    assert_int_equal(ou_gc_collect(), 1);
}

static void memory_table_has_one_line_an_object(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size = 0;
    ou_frame *f = ou_frame_push("f", 4);
    assert_ok(ou_frame_bind_steal(f, "first", ou_int_new(123456)));
    assert_ok(ou_frame_bind(f, "second", ou_frame_get_borrow(f, "first")));
    ou_frame *g = ou_frame_push("g", 1);
    assert_ok(ou_frame_bind(g, "third", ou_frame_get_borrow(f, "first")));
    assert_ok(ou_frame_bind_steal(f, "other", ou_str("text")));
    FILE *out = open_memstream(&text, &size);
    ou_memory_table(out);
    fclose(out);
    assert_int_equal(proc_lines_with(text, "123456"), 1);
    assert_int_equal(proc_lines_with(text, "'text'"), 1);
    const char *line = strstr(text, "123456");
    char copy[256] = {0};
    memcpy(copy, line, strcspn(line, "\n") < 255 ? strcspn(line, "\n") : 255);
    assert_non_null(strstr(copy, "first"));
    assert_non_null(strstr(copy, "second"));
    assert_non_null(strstr(copy, "third"));
    assert_non_null(strstr(copy, "3"));
    free(text);
    ou_frame_pop();
    ou_frame_pop();
}

static void frames_of_another_thread(unsigned index, void *arg)
{
    (void)index;
    bool *ok = arg;
    *ok = ou_frame_current() == NULL;
    ou_frame *f = ou_frame_push("other", 1);
    *ok = *ok && f && ou_frame_bind_steal(f, "x", ou_list_new(0)) == OU_OK;
    ou_frame_pop();
}

static void each_thread_has_its_stack(void **state)
{
    (void)state;
    bool ok = false;
    ou_frame *f = ou_frame_push("mine", 1);
    team_run(1, frames_of_another_thread, &ok);
    assert_true(ok);
    assert_ptr_equal(ou_frame_current(), f);
    ou_frame_pop();
}

/* Three frames that nobody leaves, with a local each that tells when it dies. */
static void enter_and_forget(void)
{
    static const char *const marks[] = {"1", "2", "3"};
    for (int i = 0; i < 3; i++) {
        const ou_type *cls =
            ou_class_new("Marked", NULL, 0, false, note_order, (void *)(uintptr_t)marks[i]);
        ou_frame *f = ou_frame_push("forgotten", 1);
        REQUIRE(f && ou_frame_bind_steal(f, "local", ou_instance_new(cls)) == OU_OK);
    }
}

static void *end_without_leaving(void *arg)
{
    (void)arg;
    REQUIRE(ou_thread_attach() == OU_OK);
    enter_and_forget();
    return NULL;
}

static void detach_without_leaving(unsigned index, void *arg)
{
    size_t depth = 99;
    (void)index, (void)arg;
    enter_and_forget();
    ou_thread_detach();
    REQUIRE(ou_frame_current() == NULL && order_len == 3);
    REQUIRE(ou_thread_attach() == OU_OK);
    REQUIRE(ou_frame_stack_used(NULL, &depth) == 0 && depth == 0);
    REQUIRE(ou_frame_push("again", 1) != NULL); /* left by the next detach */
}

/* Detaching and the end of the thread leave all frames, innermost first. */
static void left_with_the_thread(void **state)
{
    (void)state;
    pthread_t thread;
    order_len = 0;
    team_run(1, detach_without_leaving, NULL);
    assert_memory_equal(order, "321", 3);
    order_len = 0;
    assert_int_equal(pthread_create(&thread, NULL, end_without_leaving, NULL), 0);
    ou_blocking_begin();
    pthread_join(thread, NULL);
    ou_blocking_end();
    assert_int_equal(order_len, 3);
    assert_memory_equal(order, "321", 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(bind_get_del),
        UNIT_TEST(full_frame),
        UNIT_TEST(last_bound_goes_first),
        UNIT_TEST(frames_nest),
        UNIT_TEST(overflow_is_an_error),
        UNIT_TEST(locals_keep_cycles_alive),
        UNIT_TEST(memory_table_has_one_line_an_object),
        UNIT_TEST(each_thread_has_its_stack),
        UNIT_TEST(left_with_the_thread),
    };
    return UNIT_MAIN(tests);
}
