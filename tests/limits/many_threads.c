/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * many_threads.c - more threads at once than there are heaps for (8191): those beyond get their
 * blocks all the same, and all can be freed by another thread. Planted: one thread's block
 * has lost its contents.
 */
#include <limits.h>
#include <semaphore.h>

#include "plain.h"

enum { THREADS = 8300, BLOCKS = 4 };

static unsigned char *made[THREADS][BLOCKS];
static sem_t ready;
static pthread_mutex_t door = PTHREAD_MUTEX_INITIALIZER; /* held until all are there */

static void *thread_main(void *arg)
{
    uintptr_t me = (uintptr_t)arg;
    for (unsigned i = 0; i < BLOCKS; i++) {
        size_t size = 24 + me % 100 * (i + 1);
        made[me][i] = malloc(size);
        LIMITS_REQUIRE(made[me][i] != NULL);
        memset(made[me][i], (int)(me % 251), 24);
    }
    sem_post(&ready);
    pthread_mutex_lock(&door);
    pthread_mutex_unlock(&door);
    return NULL;
}

int main(int argc, char **argv)
{
    static pthread_t thread[THREADS];
    bool planted = limits_planted(argc, argv);
    pthread_attr_t attr;
    uintptr_t n = 0;
    sem_init(&ready, 0, 0);
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, PTHREAD_STACK_MIN + (16 << 10));
    pthread_mutex_lock(&door);
    while (n < THREADS && pthread_create(&thread[n], &attr, thread_main, (void *)n) == 0) {
        n++;
    }
    for (uintptr_t i = 0; i < n; i++) {
        sem_wait(&ready);
    }
    long rss = limits_rss_kib();
    made[n - 1][0][23] ^= planted;
    for (uintptr_t i = 0; i < n; i++) {
        for (unsigned k = 0; k < BLOCKS; k++) {
            LIMITS_REQUIRE(made[i][k][0] == i % 251 && made[i][k][23] == i % 251);
            free(made[i][k]);
        }
    }
    pthread_mutex_unlock(&door);
    for (uintptr_t i = 0; i < n; i++) {
        LIMITS_REQUIRE(pthread_join(thread[i], NULL) == 0);
    }
    printf("%d threads at once, resident %ld KiB\n", (int)n, rss);
    if (n < THREADS && !planted) {
        fprintf(stderr, "skipped: this machine allows %d threads only\n", (int)n);
        return LIMITS_SKIPPED;
    }
    return 0;
}
