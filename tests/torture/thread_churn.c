/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * thread_churn.c - ten thousand threads, one after the other and a few at a time: memory and
 * the number of slots do not grow with the number of threads that ever were.
 *
 *      thread_churn [SEED [THREADS]]
 */
#include <pthread.h>

#include "torture/cells.h"

enum { CHURN_TOGETHER = 4, CHURN_SLACK = 24 << 20 };

static void *churn_main(void *arg)
{
    prng r = prng_from(*(uint64_t *)arg, 0);
    void *raw = ou_malloc(1 + prng_below(&r, 5000));
    REQUIRE(raw != NULL && ou_thread_attach() == OU_OK);
    ou_object *list = ou_list_new(0);
    REQUIRE(list != NULL);
    for (int i = 0; i < 20; i++) {
        REQUIRE(ou_list_append_steal(list, cookie_new(&r)) == OU_OK);
    }
    ou_frame *f = ou_frame_push("thread", 1);
    REQUIRE(f && ou_frame_bind_steal(f, "list", list) == OU_OK);
    ou_frame_pop();
    ou_free(raw);
    if (prng_chance(&r, 50)) { /* the other half detaches by ending */
        ou_thread_detach();
    }
    return NULL;
}

static void churn_round(uint64_t seed)
{
    pthread_t threads[CHURN_TOGETHER];
    uint64_t seeds[CHURN_TOGETHER];
    ou_blocking_begin();
    for (int i = 0; i < CHURN_TOGETHER; i++) {
        seeds[i] = seed + (uint64_t)i;
        REQUIRE(pthread_create(&threads[i], NULL, churn_main, &seeds[i]) == 0);
    }
    for (int i = 0; i < CHURN_TOGETHER; i++) {
        REQUIRE(pthread_join(threads[i], NULL) == 0);
    }
    ou_blocking_end();
}

int main(int argc, char **argv)
{
    seed_args args = seed_parse(argc, argv, "thread_churn", scale_ops(10000));
    cells_start(NULL);
    size_t rounds = args.ops / CHURN_TOGETHER;
    size_t rss = 0;
    size_t held = 0;
    uint64_t slots = 0;
    for (size_t i = 0; i < rounds; i++) {
        churn_round(args.seed + i * CHURN_TOGETHER);
        if (i == rounds / 10) {
            rss = proc_rss_bytes();
            held = ou_heap_held_bytes();
            slots = ou_stat("slots_created");
        }
    }
    bool bounded = EXPECT(ou_stat("slots_created") <= slots + CHURN_TOGETHER) &&
                   EXPECT(ou_heap_held_bytes() <= held + CHURN_SLACK);
    /* The sanitizers keep records of ended threads: their growth is not ouro's. */
    if (!SCALE_TSAN && !SCALE_ASAN) {
        bounded = EXPECT(proc_rss_bytes() <= rss + CHURN_SLACK) && bounded;
    }
    if (!bounded) {
        fprintf(stderr, "slots %d -> %d, held %zu -> %zu, resident %zu -> %zu\n", (int)slots,
                (int)ou_stat("slots_created"), held, ou_heap_held_bytes(), rss,
                proc_rss_bytes());
    }
    return cells_finish();
}
