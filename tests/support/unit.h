/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * unit.h - what every cmocka test file of the runtime includes: cmocka with the headers it
 * needs, ouro, and short spellings for assertions about errors and references.
 *
 * UNIT_MAIN runs a group between ou_start and ou_stop and checks after each test that no object
 * was leaked and, after the group, that the heap is sound.
 */
#ifndef TESTS_UNIT_H
#define TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ouro/ouro.h"

/* Group and test fixtures. */
int unit_start(void **state);
int unit_stop(void **state);
int unit_before(void **state); /* collects, counts the mortal live objects */
int unit_after(void **state);  /* the same number must be alive again */

#define UNIT_TEST(f) cmocka_unit_test_setup_teardown(f, unit_before, unit_after)
#define UNIT_MAIN(tests) cmocka_run_group_tests((tests), unit_start, unit_stop)

/* repr of `o` in one of a few static buffers. */
const char *unit_repr(ou_object *o);

/* A finalizer and a weakref callback that count in the int at `arg`; the second asserts that
 * the weakref reads as nothing. */
int unit_count_end(ou_object *self, void *arg);
void unit_count_call(ou_object *ref, void *arg);

/* Value of an int object; fails the test when it is none. */
int64_t unit_int(ou_object *o);

/* The call must give NULL or a negative code, and the thread's error must be `code`. */
#define assert_fails(expr, code)                                                               \
    do {                                                                                       \
        assert_int_equal((int)(expr), (code));                                                 \
        assert_int_equal(ou_error(), (code));                                                  \
        assert_string_not_equal(ou_error_message(), "");                                       \
    } while (0)
#define assert_null_with(expr, code)                                                           \
    do {                                                                                       \
        assert_null(expr);                                                                     \
        assert_int_equal(ou_error(), (code));                                                  \
        assert_string_not_equal(ou_error_message(), "");                                       \
    } while (0)
#define assert_ok(expr) assert_int_equal((expr), OU_OK)

/* Checks an owned object's repr and drops the reference. */
#define assert_repr_drop(expr, text)                                                           \
    do {                                                                                       \
        ou_object *unit_o_ = (expr);                                                           \
        assert_non_null(unit_o_);                                                              \
        assert_string_equal(unit_repr(unit_o_), (text));                                       \
        ou_decref(unit_o_);                                                                    \
    } while (0)
#define assert_repr(o, text) assert_string_equal(unit_repr(o), (text))

#endif
