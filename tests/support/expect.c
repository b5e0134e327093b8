/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * expect.c - counts and prints failed checks. Called by every test program that is not
 * cmocka's. The counter is atomic: checks come from any thread.
 */
#include "support/expect.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "ouro/atomic.h"

static unsigned expect_failed; /* atomic */

bool expect_that(bool ok, const char *file, int line, const char *text)
{
    if (!ok) {
        ou_fetch_add_relaxed(&expect_failed, 1u);
        fprintf(stderr, "%s:%d: not true: %s\n", file, line, text);
    }
    return ok;
}

bool expect_equal(int64_t got, int64_t want, const char *file, int line, const char *text)
{
    if (got != want) {
        ou_fetch_add_relaxed(&expect_failed, 1u);
        fprintf(stderr, "%s:%d: %s: got %" PRId64 ", want %" PRId64 "\n", file, line, text, got,
                want);
    }
    return got == want;
}

_Noreturn void expect_abandon(const char *file, int line, const char *text)
{
    fprintf(stderr, "%s:%d: required: %s\n", file, line, text);
    fflush(NULL);
    _exit(1);
}

unsigned expect_failures(void)
{
    return ou_load_relaxed(&expect_failed);
}

int expect_result(void)
{
    return expect_failures() ? 1 : 0;
}
