/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * hard_limit.c - four threads allocate 1 MiB blocks under heap_limit_bytes=64m until each has
 * been refused: NULL and ENOMEM, the next small request is met, no contents are lost, memory in
 * use is never above the limit. They give back and begin again, at different times. Planted:
 * one block's contents change.
 */
#include "plain.h"

enum { THREADS = 4, ROUNDS = 200, MOST = 64, BIG = 1 << 20, SMALL = 100 };

static unsigned taken;    /* atomic: blocks of 1 MiB that are out */
static unsigned refusals; /* atomic */
static bool planted;

static unsigned take_all(unsigned char **at, unsigned mark)
{
    unsigned n = 0;
    while (n < MOST && (at[n] = malloc(BIG))) {
        LIMITS_REQUIRE(__atomic_add_fetch(&taken, 1, __ATOMIC_SEQ_CST) <= MOST);
        at[n][0] = at[n][BIG - 1] = (unsigned char)(mark + n);
        n++;
    }
    LIMITS_REQUIRE(n < MOST && errno == ENOMEM);
    __atomic_add_fetch(&refusals, 1, __ATOMIC_RELAXED);
    return n;
}

static void give_all(unsigned char **at, unsigned n, unsigned mark)
{
    for (unsigned i = 0; i < n; i++) {
        LIMITS_REQUIRE(at[i][0] == (unsigned char)(mark + i));
        LIMITS_REQUIRE(at[i][BIG - 1] == (unsigned char)(mark + i));
        __atomic_sub_fetch(&taken, 1, __ATOMIC_SEQ_CST);
        free(at[i]);
    }
}

static void *thread_main(void *arg)
{
    unsigned char *at[MOST];
    unsigned me = (unsigned)(uintptr_t)arg;
    free(malloc(SMALL)); /* a page for what is small */
    for (unsigned round = 0; round < ROUNDS; round++) {
        unsigned n = take_all(at, me + round);
        void *small = malloc(SMALL);
        LIMITS_REQUIRE(small != NULL);
        memset(small, 1, SMALL);
        if (planted && n) {
            at[n - 1][BIG - 1]++;
        }
        errno = 0;
        LIMITS_REQUIRE(!realloc(small, (size_t)128 << 20) && errno == ENOMEM);
        LIMITS_REQUIRE(((char *)small)[SMALL - 1] == 1);
        free(small);
        give_all(at, n, me + round);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t thread[THREADS];
    planted = limits_planted(argc, argv);
    for (uintptr_t i = 0; i < THREADS; i++) {
        LIMITS_REQUIRE(pthread_create(&thread[i], NULL, thread_main, (void *)i) == 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        LIMITS_REQUIRE(pthread_join(thread[i], NULL) == 0);
    }
    unsigned char *at[MOST];
    unsigned n = take_all(at, 0);
    printf("%u refusals in %d threads, then %u blocks of %d\n", refusals, THREADS, n, MOST);
    LIMITS_REQUIRE(n >= MOST - 4);
    give_all(at, n, 0);
    return 0;
}
