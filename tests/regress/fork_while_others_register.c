/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * fork_while_others_register.c - threads that are not attached, so that no stop holds them up,
 * register callbacks of the collector and give the log of pauses to one array after the other,
 * while this thread collects and forks. A child inherited the callbacks' lock as taken and
 * waited for it for ever; a stop wrote to the log before, as if it had the length of the next.
 *
 * Nothing is written behind the end of a log, and the child collects.
 */
#include "regress/regress.h"

enum { FWR_LONG = 64 };

static int fwr_stop, fwr_calls; /* atomic */

static void fwr_ignore(const ou_gc_report *report, void *arg)
{
    (void)report;
    (void)arg;
}

static void *fwr_register(void *arg)
{
    (void)arg;
    while (!ou_load_relaxed(&fwr_stop)) {
        EXPECT_EQ(ou_gc_callback_add(fwr_ignore, &fwr_stop), OU_OK);
        EXPECT_EQ(ou_gc_callback_remove(fwr_ignore, &fwr_stop), OU_OK);
        ou_fetch_add_relaxed(&fwr_calls, 1);
    }
    return NULL;
}

/* The short log ends in an entry that is not its own. */
static void *fwr_log(void *arg)
{
    ou_pause brief[2] = {{0}}, lengthy[FWR_LONG] = {{0}};
    (void)arg;
    while (!ou_load_relaxed(&fwr_stop)) {
        ou_pauses_log(brief, 1);
        ou_pauses_log(lengthy, FWR_LONG);
    }
    ou_pauses_log(NULL, 0);
    EXPECT(brief[1].ns == 0);
    return NULL;
}

static int fwr_child(void *arg)
{
    (void)arg;
    ou_decref(regress_ring());
    EXPECT_EQ(ou_gc_collect(), 1);
    return expect_result();
}

int main(void)
{
    regress_start();
    pthread_t registers = regress_thread(fwr_register, NULL);
    pthread_t logs = regress_thread(fwr_log, NULL);
    regress_await(&fwr_calls, 1);
    for (size_t i = 0, n = scale_ops(200); i < n; i++) {
        ou_decref(regress_ring());
        EXPECT_EQ(ou_gc_collect(), 1);
        EXPECT_EQ(regress_child(fwr_child, NULL), 0);
    }
    ou_store_relaxed(&fwr_stop, 1);
    regress_join(registers);
    regress_join(logs);
    return regress_end(0);
}
