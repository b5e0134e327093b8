/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * thread_exit_while_blocked.c - a thread ends inside a blocking region, as pthread_exit or a
 * cancellation in a blocking call brings about. Its frames were unwound, their locals dropped,
 * by a thread that was not in the world: the process was ended for it.
 *
 * The end of a thread takes it out of the region first; nothing of its frames is left.
 */
#include "regress/regress.h"

enum { TEB_THREADS = 20 };

static void *teb_exit(void *arg)
{
    (void)arg;
    REQUIRE(ou_thread_attach() == OU_OK);
    ou_frame *frame = ou_frame_push("work", 2);
    REQUIRE(frame != NULL);
    REQUIRE(ou_frame_bind_steal(frame, "list", ou_list_new(0)) == OU_OK);
    REQUIRE(ou_frame_bind_steal(frame, "number", ou_int_new(1234567)) == OU_OK);
    ou_blocking_begin();
    pthread_exit(NULL);
}

int main(void)
{
    regress_start();
    for (int i = 0; i < TEB_THREADS; i++) {
        pthread_t t = regress_thread(teb_exit, NULL);
        EXPECT_EQ(ou_gc_collect(), 0);
        regress_join(t);
    }
    return regress_end(0);
}
