/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * test_detached.c - every public call on a thread that is not attached: a typed error with a
 * sentence and nothing changed, or the answer that an attached thread has.
 *
 * calls.def has a line for each function of the headers; the test reads the headers and fails
 * when one of them is missing.
 */
#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "subjects.h"
#include "support/proc.h"
#include "support/team.h"

static uint64_t position, hash;
static int64_t number;
static double fraction;
static size_t size;
static ou_pauses pauses;
static char buffer[64];

/* What a call gave, as one number: 0 or more, or its error. */
static int owned(ou_object *o)
{
    ou_xdecref(o);
    return o ? 0 : ou_error();
}

static int borrowed(const void *p)
{
    return p ? 0 : ou_error();
}

static int counted(size_t n)
{
    return n ? 0 : ou_error();
}

/* A call that gives nothing. */
#define RUN(call) ((call), 0)

/* A call that takes over a reference of `o`, which a refusal leaves with the caller. */
#define STEAL(call) (ou_thread_attached() ? (ou_incref(integer), (call)) : (call))

static ou_object *steal_text(void)
{
    return ou_str_intern_steal(ou_thread_attached() ? ou_str("stolen text") : text);
}

static int give(void)
{
    ou_object *fresh = ou_thread_attached() ? ou_float_new(1.5) : real;
    bool given = ou_give(fresh);
    if (fresh != real) {
        ou_decref(fresh);
    }
    return given ? 0 : ou_error();
}

static int take(void)
{
    return ou_take(real) ? 0 : ou_error(); /* its owner may always */
}

static int next(void)
{
    position = 0;
    return ou_dict_next(dict, &position, NULL, NULL);
}

static void no_collection(const ou_gc_report *report, void *arg)
{
    (void)report, (void)arg;
}

static void no_knob(const char *name, const char *type, int64_t value, const char *help,
                    void *arg)
{
    (void)name, (void)type, (void)value, (void)help, (void)arg;
}

static void no_counter(const char *name, uint64_t value, const char *help, void *arg)
{
    (void)name, (void)value, (void)help, (void)arg;
}

static int push(void)
{
    ou_frame *f = ou_frame_push("f", 0);
    if (f) {
        ou_frame_pop();
    }
    return borrowed(f);
}

static int bind_steal(void)
{
    int err = STEAL(ou_frame_bind_steal(frame, "b", integer));
    return err ? err : ou_frame_del(frame, "b");
}

static int bind(void)
{
    int err = ou_frame_bind(frame, "b", integer);
    return err ? err : ou_frame_del(frame, "b");
}

static int delete_local(void)
{
    int err = ou_frame_del(frame, "a");
    return err ? err : ou_frame_bind(frame, "a", integer);
}

static int callbacks(void)
{
    int err = ou_gc_callback_add(no_collection, NULL);
    return err ? err : ou_gc_callback_remove(no_collection, NULL);
}

typedef enum manner { REFUSED, SAME, APART } manner;

#define CALL(manner, function, call)                                                           \
    static int call_##function(void)                                                           \
    {                                                                                          \
        return call;                                                                           \
    }
#include "calls.def"
#undef CALL

static const struct call {
    manner manner;
    const char *name;
    int (*call)(void);
} calls[] = {
#define CALL(manner, function, call) {manner, #function, call_##function},
#include "calls.def"
#undef CALL
};
#define CALL_COUNT (sizeof calls / sizeof *calls)

static int results[CALL_COUNT];
static unsigned wrong;

static void complain(const char *name, const char *what, int got)
{
    fprintf(stderr, "%s: %s, got %s (%s)\n", name, what, ou_error_name((ou_err)got),
            ou_error_message());
    wrong++;
}

/* Some other error, so that one that is not set is noticed. */
static void set_other_error(void)
{
    ou_knob_set("no such knob", "");
}

static void call_all_detached(void)
{
    for (size_t i = 0; i < CALL_COUNT; i++) {
        const struct call *c = &calls[i];
        if (c->manner == APART) {
            continue;
        }
        set_other_error();
        int got = c->call();
        if (c->manner == SAME && got != results[i]) {
            complain(c->name, "not the answer that an attached thread has", got);
        } else if (c->manner == REFUSED && (got != OU_ESTATE || ou_error() != OU_ESTATE ||
                                            !strstr(ou_error_message(), "not attached"))) {
            complain(c->name, "not refused", got);
        }
    }
}

static void ask_attached(void)
{
    for (size_t i = 0; i < CALL_COUNT; i++) {
        if (calls[i].manner == SAME) {
            results[i] = calls[i].call();
        }
    }
}

static void *never_attached(void *arg)
{
    call_all_detached();
    return arg;
}

/* Often enough that the containers are looked at without their lock. */
static void look_often(ou_object *unused)
{
    (void)unused;
    for (int i = 0; i < 1000; i++) {
        ou_decref(ou_list_get(list, 0));
        ou_decref(ou_dict_get(dict, text));
        ou_decref(ou_attr_get(point, "x"));
    }
}

static void detached_threads_are_refused(void **state)
{
    (void)state;
    subjects_make();
    team_send(integer, look_often);
    ask_attached();
    state_of_all before = take_state();
    ou_blocking_begin();
    call_all_detached();
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, never_attached, NULL), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    char in_block[8];
    ou_repr(list, in_block, sizeof in_block);
    ou_blocking_end();
    assert_string_equal(in_block, "[...]");
    assert_int_equal(wrong, 0);
    assert_unchanged(&before);
    subjects_drop();
}

/* The rows are calls that work: what refused them above was the thread. */
static void attached_threads_are_not(void **state)
{
    (void)state;
    subjects_make();
    for (size_t i = 0; i < CALL_COUNT; i++) {
        if (calls[i].manner == REFUSED) {
            set_other_error();
            int got = calls[i].call();
            if (got < 0) {
                complain(calls[i].name, "refused", got);
            }
        }
    }
    assert_int_equal(wrong, 0);
    subjects_drop();
}

static bool has_row(const char *name, size_t len)
{
    for (size_t i = 0; i < CALL_COUNT; i++) {
        if (strlen(calls[i].name) == len && memcmp(calls[i].name, name, len) == 0) {
            return true;
        }
    }
    return false;
}

/* A declaration begins its line with OU_API or OU_INLINE; its name stands before the first
 * parenthesis. */
static size_t check_line(const char *line)
{
    const char *end = strchr(line, '(');
    bool declares = strncmp(line, "OU_API ", 7) == 0 || strncmp(line, "OU_INLINE ", 10) == 0;
    if (!declares || !end) {
        return 0;
    }
    const char *name = end;
    while (name[-1] == '_' || (name[-1] >= 'a' && name[-1] <= 'z')) {
        name--;
    }
    if (!has_row(name, (size_t)(end - name))) {
        complain("calls.def", line, 0);
    }
    return 1;
}

static void every_function_of_the_headers_has_a_row(void **state)
{
    (void)state;
    DIR *headers = opendir(OURO_HEADERS);
    assert_non_null(headers);
    size_t found = 0;
    char path[4096], line[512];
    for (struct dirent *e; (e = readdir(headers));) {
        snprintf(path, sizeof path, "%s/%s", OURO_HEADERS, e->d_name);
        FILE *f = strcmp(e->d_name, "atomic.h") ? fopen(path, "r") : NULL;
        while (f && fgets(line, sizeof line, f)) {
            found += check_line(line);
        }
        if (f) {
            fclose(f);
        }
    }
    closedir(headers);
    assert_int_equal(wrong, 0);
    assert_int_equal(found, CALL_COUNT); /* and no row without a function */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(every_function_of_the_headers_has_a_row),
        UNIT_TEST(attached_threads_are_not),
        UNIT_TEST(detached_threads_are_refused),
    };
    return UNIT_MAIN(tests);
}
