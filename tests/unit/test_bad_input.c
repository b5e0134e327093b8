/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * test_bad_input.c - every accessor on every wrong type, out of range, and without what it asks
 * for: the error that its header names, with a sentence, and nothing changed. Threads that are
 * not attached: test_detached.c.
 */
#include <stdio.h>

#include "subjects.h"

static int64_t number;
static double fraction;
static uint64_t hash, position;
static unsigned wrong;

static int owned(ou_object *o)
{
    ou_xdecref(o);
    return o ? 0 : ou_error();
}

static int borrowed(const void *p)
{
    return p ? 0 : ou_error();
}

/* A call that takes over a reference of `value`, also when it fails. */
#define STEAL(value, call) (ou_incref(value), (call))

/* One of these words must be in the sentence, so that it is about this error. */
static bool says(int code)
{
    static const struct {
        int code;
        const char *words[4];
    } about[] = {{OU_ETYPE, {"expected", "class", "weak"}},
                 {OU_EINDEX, {"index", "empty", "attribute", "locals"}},
                 {OU_EHASH, {"unhashable type '"}},
                 {OU_EKEY, {"key", "not bound in '"}},
                 {OU_EATTR, {"has no attribute '"}},
                 {OU_ESTACK, {"frame stack overflow"}},
                 {OU_ECHANGED, {"chang", "iteration"}},
                 {OU_ENOMEM, {"memory", "more than"}},
                 {OU_EOVERFLOW, {"more than", "overflow", "64"}},
                 {OU_EINVAL, {"missing (NULL)", "needs a name", "gc ", "knob"}},
                 {OU_ELIMIT, {"limit"}},
                 {OU_ESTATE, {"already"}}};
    for (size_t i = 0; i < sizeof about / sizeof *about; i++) {
        for (int w = 0; about[i].code == code && w < 4 && about[i].words[w]; w++) {
            if (strstr(ou_error_message(), about[i].words[w])) {
                return true;
            }
        }
    }
    return code == OU_OK;
}

/* The thread's error must be what the call returned, and be told in words. */
static void expect(const char *call, const char *on, int got, int want)
{
    if (got != want || ou_error() != want || !says(want)) {
        fprintf(stderr, "%s on %s: wanted %s, got %s, the thread's error is %s (%s)\n", call,
                on, ou_error_name((ou_err)want), ou_error_name((ou_err)got),
                ou_error_name(ou_error()), ou_error_message());
        wrong++;
    }
}

/* Some other error, so that one that is not set is noticed. */
static void set_other_error(void)
{
    ou_knob_set("no such knob", "");
}

/* ---- wrong types ---------------------------------------------------------------------------
 */

enum {
    NONE = 1,
    BOOL = 2,
    INT = 4,
    FLOAT = 8,
    STR = 16,
    TUPLE = 32,
    LIST = 64,
    DICT = 128,
    INSTANCE = 256,
    WEAKREF = 512
};

/* TAKES(function, types that are right, call on `o`) */
#define ACCESSORS(TAKES)                                                                       \
    TAKES(ou_int_value, BOOL | INT, ou_int_value(o, &number))                                  \
    TAKES(ou_int_add, BOOL | INT, owned(ou_int_add(o, integer)))                               \
    TAKES(ou_int_add_second, BOOL | INT, owned(ou_int_add(integer, o)))                        \
    TAKES(ou_float_value, BOOL | INT | FLOAT, ou_float_value(o, &fraction))                    \
    TAKES(ou_str_bytes, STR, borrowed(ou_str_bytes(o, NULL)))                                  \
    TAKES(ou_str_concat, STR, owned(ou_str_concat(o, text)))                                   \
    TAKES(ou_str_concat_second, STR, owned(ou_str_concat(text, o)))                            \
    TAKES(ou_str_intern_steal, STR, owned(ou_str_intern_steal(o)))                             \
    TAKES(ou_tuple_len, TUPLE, (int)ou_tuple_len(o))                                           \
    TAKES(ou_tuple_get_borrow, TUPLE, borrowed(ou_tuple_get_borrow(o, 0)))                     \
    TAKES(ou_list_len, LIST, (int)ou_list_len(o))                                              \
    TAKES(ou_list_get, LIST, owned(ou_list_get(o, 0)))                                         \
    TAKES(ou_list_set, LIST, ou_list_set(o, 0, real))                                          \
    TAKES(ou_list_append, LIST, ou_list_append(o, real))                                       \
    TAKES(ou_list_append_steal, LIST, STEAL(real, ou_list_append_steal(o, real)))              \
    TAKES(ou_list_extend, LIST, ou_list_extend(o, tuple))                                      \
    TAKES(ou_list_extend_second, LIST | TUPLE, ou_list_extend(list, o))                        \
    TAKES(ou_list_insert, LIST, ou_list_insert(o, 0, real))                                    \
    TAKES(ou_list_pop, LIST, owned(ou_list_pop(o)))                                            \
    TAKES(ou_list_del, LIST, ou_list_del(o, 0))                                                \
    TAKES(ou_list_clear, LIST, ou_list_clear(o))                                               \
    TAKES(ou_list_copy, LIST, owned(ou_list_copy(o)))                                          \
    TAKES(ou_list_sum, LIST, ou_list_sum(o, &number, NULL))                                    \
    TAKES(ou_dict_len, DICT, (int)ou_dict_len(o))                                              \
    TAKES(ou_dict_set, DICT, ou_dict_set(o, text, real))                                       \
    TAKES(ou_dict_get, DICT, owned(ou_dict_get(o, text)))                                      \
    TAKES(ou_dict_contains, DICT, ou_dict_contains(o, text))                                   \
    TAKES(ou_dict_del, DICT, ou_dict_del(o, text))                                             \
    TAKES(ou_dict_clear, DICT, ou_dict_clear(o))                                               \
    TAKES(ou_dict_copy, DICT, owned(ou_dict_copy(o)))                                          \
    TAKES(ou_dict_next, DICT, (position = 0, ou_dict_next(o, &position, NULL, NULL)))          \
    TAKES(ou_attr_get, INSTANCE, owned(ou_attr_get(o, "x")))                                   \
    TAKES(ou_attr_set, INSTANCE, ou_attr_set(o, "x", real))                                    \
    TAKES(ou_attr_get_at, INSTANCE, owned(ou_attr_get_at(o, 0)))                               \
    TAKES(ou_attr_set_at, INSTANCE, ou_attr_set_at(o, 0, real))                                \
    TAKES(ou_attr_set_at_steal, INSTANCE, STEAL(real, ou_attr_set_at_steal(o, 0, real)))       \
    TAKES(ou_weakref_new, TUPLE | LIST | DICT | INSTANCE,                                      \
          owned(ou_weakref_new(o, NULL, NULL)))                                                \
    TAKES(ou_weakref_get, WEAKREF, owned(ou_weakref_get(o)))

#define DEFINE(name, types, call)                                                              \
    static int on_##name(ou_object *o)                                                         \
    {                                                                                          \
        return call;                                                                           \
    }
ACCESSORS(DEFINE)

#define ROW(name, types, call) {#name, types, on_##name},
static const struct accessor {
    const char *name;
    unsigned types;
    int (*call)(ou_object *o);
} accessors[] = {ACCESSORS(ROW)};

static void wrong_types_are_refused(void **state)
{
    (void)state;
    subjects_make();
    ou_object *of[] = {ou_none(), ou_true(), integer, real,  text,
                       tuple,     list,      dict,    point, weak}; /* by bit */
    state_of_all before = take_state();
    for (size_t a = 0; a < sizeof accessors / sizeof *accessors; a++) {
        for (unsigned i = 0; i < sizeof of / sizeof *of; i++) {
            if (!(accessors[a].types >> i & 1)) {
                set_other_error();
                int got = accessors[a].call(of[i]);
                expect(accessors[a].name, ou_type_name(of[i]), got, OU_ETYPE);
                wrong += !strstr(ou_error_message(), ou_type_name(of[i]));
            }
        }
    }
    assert_int_equal(wrong, 0);
    assert_unchanged(&before);
    subjects_drop();
}

/* The types said to be right are: what was refused above is the type. */
static void right_types_are_not(void **state)
{
    (void)state;
    for (size_t a = 0; a < sizeof accessors / sizeof *accessors; a++) {
        subjects_make();
        ou_object *of[] = {ou_none(), ou_true(), integer, real,  ou_incref(text),
                           tuple,     list,      dict,    point, weak};
        for (unsigned i = 0; i < sizeof of / sizeof *of; i++) {
            if (accessors[a].types >> i & 1 && accessors[a].call(of[i]) < 0) {
                expect(accessors[a].name, ou_type_name(of[i]), ou_error(), OU_OK);
            }
        }
        if (accessors[a].call != on_ou_str_intern_steal) { /* which took it */
            ou_decref(text);
        }
        subjects_drop();
    }
    assert_int_equal(wrong, 0);
}

/* ---- out of range, and absent --------------------------------------------------------------
 */

static const char *too_many[1];  /* nobody reads them */
static ou_object *list_in_tuple; /* a key that cannot be hashed, one level down */

static int next_after_change(void)
{
    uint64_t at = 0;
    ou_object *key = ou_int_new(4712);
    int first = ou_dict_next(scratch_dict, &at, NULL, NULL);
    int set = ou_dict_set(scratch_dict, key, key);
    int got = ou_dict_next(scratch_dict, &at, NULL, NULL);
    int gone = ou_dict_del(scratch_dict, key);
    ou_decref(key);
    set_other_error();
    return first == 1 && !set && !gone ? ou_dict_next(scratch_dict, &at, NULL, NULL) : got;
}

static int bind_too_many(void)
{
    ou_frame *full = ou_frame_push("full", 0);
    int got = ou_frame_bind(full, "a", integer);
    ou_frame_pop();
    return got;
}

#define BAD(X)                                                                                 \
    X(OU_EINDEX, ou_list_get(list, 2), owned)                                                  \
    X(OU_EINDEX, ou_list_get(list, SIZE_MAX), owned)                                           \
    X(OU_EINDEX, ou_list_set(list, 2, real), )                                                 \
    X(OU_EINDEX, ou_list_set(list, SIZE_MAX, real), )                                          \
    X(OU_EINDEX, ou_list_insert(list, 3, real), )                                              \
    X(OU_EINDEX, ou_list_insert(list, SIZE_MAX, real), )                                       \
    X(OU_EINDEX, ou_list_del(list, 2), )                                                       \
    X(OU_EINDEX, ou_list_del(list, SIZE_MAX), )                                                \
    X(OU_EINDEX, ou_list_pop(empty_list), owned)                                               \
    X(OU_EINDEX, ou_tuple_get_borrow(tuple, 1), borrowed)                                      \
    X(OU_EINDEX, ou_tuple_get_borrow(tuple, SIZE_MAX), borrowed)                               \
    X(OU_EINDEX, ou_attr_get_at(point, 2), owned)                                              \
    X(OU_EINDEX, ou_attr_get_at(point, -1), owned)                                             \
    X(OU_EINDEX, ou_attr_set_at(point, 2, real), )                                             \
    X(OU_EINDEX, ou_attr_set_at(point, -1, real), )                                            \
    X(OU_EINDEX, STEAL(real, ou_attr_set_at_steal(point, 2, real)), )                          \
    X(OU_EINDEX, STEAL(real, ou_attr_set_at_steal(point, -1, real)), )                         \
    X(OU_EINDEX, STEAL(real, ou_instance_of_steal(point_class, three, 3)), owned)              \
    X(OU_ETYPE, STEAL(real, ou_instance_of_steal(ou_type_of(list), three, 1)), owned)          \
    X(OU_ETYPE, STEAL(real, ou_instance_of_steal(NULL, three, 1)), owned)                      \
    X(OU_EINDEX, bind_too_many(), )                                                            \
    X(OU_EHASH, ou_hash(list, &hash), )                                                        \
    X(OU_EHASH, ou_hash(dict, &hash), )                                                        \
    X(OU_EHASH, ou_hash(list_in_tuple, &hash), )                                               \
    X(OU_EHASH, ou_dict_set(dict, list, real), )                                               \
    X(OU_EHASH, ou_dict_set(dict, dict, real), )                                               \
    X(OU_EHASH, ou_dict_set(dict, list_in_tuple, real), )                                      \
    X(OU_EHASH, ou_dict_get(dict, list), owned)                                                \
    X(OU_EHASH, ou_dict_contains(dict, list), )                                                \
    X(OU_EHASH, ou_dict_del(dict, list_in_tuple), )                                            \
    X(OU_EKEY, ou_dict_get(dict, real), owned)                                                 \
    X(OU_EKEY, ou_dict_get(dict, ou_none()), owned)                                            \
    X(OU_EKEY, ou_dict_del(dict, real), )                                                      \
    X(OU_EKEY, ou_frame_del(frame, "nobody"), )                                                \
    X(OU_EKEY, ou_frame_get_borrow(frame, "nobody"), borrowed)                                 \
    X(OU_EATTR, ou_attr_get(point, "y"), owned)                                                \
    X(OU_EATTR, ou_attr_get(point, "z"), owned)                                                \
    X(OU_EATTR, ou_attr_get_at(point, 1), owned)                                               \
    X(OU_EATTR, ou_attr_set(point, "z", real), )                                               \
    X(OU_EATTR, ou_attr_set(point, "y", NULL), )                                               \
    X(OU_EATTR, ou_attr_set_at(point, 1, NULL), )                                              \
    X(OU_EATTR, ou_class_attr(point_class, "z"), )                                             \
    X(OU_ETYPE, ou_class_attr(ou_type_of(list), "x"), )                                        \
    X(OU_ETYPE, ou_class_attr(NULL, "x"), )                                                    \
    X(OU_ETYPE, ou_instance_new(ou_type_of(list)), owned)                                      \
    X(OU_ETYPE, ou_instance_new(NULL), owned)                                                  \
    X(OU_ESTACK, ou_frame_push("huge", 1u << 20), borrowed)                                    \
    X(OU_ESTACK, ou_frame_push("absurd", SIZE_MAX), borrowed)                                  \
    X(OU_EOVERFLOW, ou_int_add(largest, integer), owned)                                       \
    X(OU_EOVERFLOW, ou_str_new("", SIZE_MAX), owned)                                           \
    X(OU_EOVERFLOW, ou_str_intern("", SIZE_MAX), owned)                                        \
    X(OU_ENOMEM, ou_list_new(SIZE_MAX), owned)                                                 \
    X(OU_ENOMEM, ou_list_repeat(integer, SIZE_MAX), owned)                                     \
    X(OU_ENOMEM, ou_tuple_new(&integer, SIZE_MAX), owned)                                      \
    X(OU_ECHANGED, next_after_change(), )                                                      \
    X(OU_EINVAL, ou_list_append(list, NULL), )                                                 \
    X(OU_EINVAL, ou_list_append_steal(list, NULL), )                                           \
    X(OU_EINVAL, ou_list_set(list, 0, NULL), )                                                 \
    X(OU_EINVAL, ou_list_insert(list, 0, NULL), )                                              \
    X(OU_EINVAL, ou_list_extend(list, NULL), )                                                 \
    X(OU_EINVAL, ou_list_repeat(NULL, 1), owned)                                               \
    X(OU_EINVAL, ou_dict_set(dict, NULL, real), )                                              \
    X(OU_EINVAL, ou_dict_set(dict, text, NULL), )                                              \
    X(OU_EINVAL, ou_dict_get(dict, NULL), owned)                                               \
    X(OU_EINVAL, ou_dict_contains(dict, NULL), )                                               \
    X(OU_EINVAL, ou_dict_del(dict, NULL), )                                                    \
    X(OU_EINVAL, ou_attr_set_at_steal(point, 0, NULL), )                                       \
    X(OU_EINVAL, ou_frame_bind(frame, "a", NULL), )                                            \
    X(OU_EINVAL, ou_frame_bind_steal(frame, "a", NULL), )                                      \
    X(OU_EINVAL, ou_class_new(NULL, NULL, 0, true, NULL, NULL), borrowed)                      \
    X(OU_EINVAL, ou_class_new("", NULL, 0, true, NULL, NULL), borrowed)                        \
    X(OU_EINVAL, ou_gc_threshold_set(0, 1001), )                                               \
    X(OU_EINVAL, ou_gc_policy_set((ou_gc_policy)9), )                                          \
    X(OU_EINVAL, ou_gc_callback_add(NULL, NULL), )                                             \
    X(OU_EINVAL, ou_gc_callback_remove(NULL, NULL), )                                          \
    X(OU_EINVAL, ou_knob_set("no such knob", "1"), )                                           \
    X(OU_EINVAL, ou_knob_get("no such knob", &number), )                                       \
    X(OU_ELIMIT, ou_class_new("Wide", too_many, 5000, true, NULL, NULL), borrowed)             \
    X(OU_ESTATE, ou_start(NULL), )

static ou_object *largest, *empty_list, *three[3]; /* the last: one value and two gaps */

static void bad_arguments_change_nothing(void **state)
{
    (void)state;
    subjects_make();
    largest = ou_int_new(INT64_MAX);
    empty_list = ou_list_new(0);
    three[0] = real;
    list_in_tuple = ou_tuple_new(&empty_list, 1);
    state_of_all before = take_state();
#define CHECK(want, call, read)                                                                \
    set_other_error();                                                                         \
    expect(#call, "these arguments", read(call), want);
    BAD(CHECK)
    assert_int_equal(wrong, 0);
    assert_unchanged(&before);
    ou_decref(list_in_tuple);
    ou_decref(empty_list);
    ou_decref(largest);
    subjects_drop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(wrong_types_are_refused),
        UNIT_TEST(right_types_are_not),
        UNIT_TEST(bad_arguments_change_nothing),
    };
    return UNIT_MAIN(tests);
}
