/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * sweep.c - drives an operation through the failure of each of its allocations. Called by the
 * programs of this folder, single-threaded, with the collector's automatic runs off.
 */
#include "oom/sweep.h"

#include <stdio.h>

#include "support/expect.h"
#include "support/proc.h"

enum { SWEEP_QUIET = 4, SWEEP_MAX = 2000 };

void sweep_fail_after(int n, bool sticky)
{
    char text[16];
    snprintf(text, sizeof(text), "%d", n);
    REQUIRE(ou_knob_set("fail_alloc_sticky", sticky ? "1" : "0") == OU_OK);
    REQUIRE(ou_knob_set("fail_alloc_after", text) == OU_OK);
}

static void sweep_call(void (*step)(void))
{
    if (step) {
        step();
    }
}

/* Failure number n; true when `act` did not notice. */
static bool sweep_point(const sweep_case *c, int n, bool sticky)
{
    sweep_call(c->prepare);
    sweep_fail_after(n, sticky);
    bool worked = c->act();
    sweep_fail_after(0, false);
    if (!worked) {
        if (!EXPECT(ou_error() == OU_ENOMEM)) {
            fprintf(stderr, "%s: allocation %d: %s\n", c->name, n, ou_error_message());
        }
        sweep_call(c->unchanged);
        if (!EXPECT(c->act())) {
            fprintf(stderr, "%s: cannot be repeated after failure %d\n", c->name, n);
        }
    }
    sweep_call(c->done);
    sweep_call(c->clean);
    return worked;
}

static int sweep_way(const sweep_case *c, bool sticky)
{
    int failed = 0;
    int calm = 0;
    sweep_point(c, 0, false); /* warm up: tables that grow once and stay */
    uint64_t objects = ou_leak_report(proc_null());
    size_t bytes = ou_heap_live_bytes();
    for (int n = 1; calm < SWEEP_QUIET; n++) {
        REQUIRE(n < SWEEP_MAX);
        bool worked = sweep_point(c, n, sticky);
        failed += !worked;
        calm = worked ? calm + 1 : 0;
        bool clean = EXPECT_EQ(ou_leak_report(proc_null()), objects) &&
                     EXPECT_EQ(ou_heap_live_bytes(), bytes) && EXPECT_EQ(ou_heap_check(), 0);
        if (!clean) {
            fprintf(stderr, "%s: after failure %d%s\n", c->name, n, sticky ? " (sticky)" : "");
            expect_abandon(__FILE__, __LINE__, "nothing is lost by a failure");
        }
    }
    return failed;
}

void sweep_run(const sweep_case *c, sweep_kind kind)
{
    int once = sweep_way(c, false);
    int sticky = sweep_way(c, true);
    printf("%-28s %3d points failed once, %3d sticky\n", c->name, once, sticky);
    fflush(stdout);
    if (kind == SWEEP_CALM) {
        EXPECT_EQ(once + sticky, 0);
    } else if (kind == SWEEP_FAILS && !EXPECT(once > 0 && sticky > 0)) {
        fprintf(stderr, "%s: no allocation failed: the sweep proves nothing\n", c->name);
    }
}
