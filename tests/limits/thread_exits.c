/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * thread_exits.c - 10^5 threads, four at a time, each with blocks of its own, blocks of dead
 * threads to free, and blocks that outlive it: resident memory after a thousandth of them and
 * after all differs by no more than what a few threads have. Planted: 256 bytes a thread are lost.
 */
#include "plain.h"

#include <dlfcn.h>

enum { THREADS = 100000, TOGETHER = 4, KEPT = 64, SLACK_KIB = 8 << 10 };

static void *kept[KEPT]; /* atomic: blocks that outlive their threads */
static bool planted;

static void *thread_main(void *arg)
{
    uintptr_t me = (uintptr_t)arg;
    void *mine[16];
    for (unsigned i = 0; i < 16; i++) {
        size_t size = 16 + (me * 31 + i * 977) % 3000;
        mine[i] = malloc(size);
        LIMITS_REQUIRE(mine[i] != NULL);
        memset(mine[i], (int)i, size);
    }
    for (unsigned i = 0; i < 15; i++) {
        free(mine[i]);
    }
    (void)dlsym(RTLD_DEFAULT,
                "no_such_symbol"); /* its message is freed after all destructors */
    free(__atomic_exchange_n(&kept[me % KEPT], mine[15], __ATOMIC_ACQ_REL));
    if (planted) {
        void *volatile lost = calloc(1, 256);
        (void)lost;
    }
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t thread[TOGETHER];
    long early = 0;
    planted = limits_planted(argc, argv);
    for (uintptr_t i = 0; i < THREADS; i += TOGETHER) {
        for (uintptr_t k = 0; k < TOGETHER; k++) {
            LIMITS_REQUIRE(pthread_create(&thread[k], NULL, thread_main, (void *)(i + k)) == 0);
        }
        for (unsigned k = 0; k < TOGETHER; k++) {
            LIMITS_REQUIRE(pthread_join(thread[k], NULL) == 0);
        }
        early = i == THREADS / 1000 ? limits_rss_kib() : early;
    }
    long late = limits_rss_kib();
    printf("%d threads, resident after a thousandth %ld KiB, after all %ld KiB\n", THREADS, early,
           late);
    return late > early + SLACK_KIB;
}
