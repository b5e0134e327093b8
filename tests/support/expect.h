/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * expect.h - checks for test programs that are not cmocka's: they count failures, print one
 * line each, and the program's exit status is expect_result().
 *
 * EXPECT goes on after a failure, REQUIRE ends the program at once (exit status 1). Both may be
 * used by any thread.
 */
#ifndef TESTS_EXPECT_H
#define TESTS_EXPECT_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>

/* Prints `file:line: text` when `ok` is false and counts it. Returns `ok`. */
bool expect_that(bool ok, const char *file, int line, const char *text);

/* As expect_that for got == want, printing both. */
bool expect_equal(int64_t got, int64_t want, const char *file, int line, const char *text);

/* Ends the program with status 1 after printing. */
_Noreturn void expect_abandon(const char *file, int line, const char *text);

/* Failures so far, and the exit status they mean: 0 or 1. */
unsigned expect_failures(void);
int expect_result(void);

#define EXPECT(cond) expect_that((cond), __FILE__, __LINE__, #cond)
#define EXPECT_EQ(got, want)                                                                   \
    expect_equal((int64_t)(got), (int64_t)(want), __FILE__, __LINE__, #got " == " #want)
#define REQUIRE(cond)                                                                          \
    do {                                                                                       \
        if (!(cond)) {                                                                         \
            expect_abandon(__FILE__, __LINE__, #cond);                                         \
        }                                                                                      \
    } while (0)

#endif
