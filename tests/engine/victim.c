/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * victim.c - a program for the recorder to watch: threads, every function of the family, blocks
 * freed by other threads, a fork in the middle. It prints how many calls must be in its trace;
 * trace.sh compares. With "kill" as argument it ends by SIGKILL, with "_exit" by _exit().
 */
#define _GNU_SOURCE
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define THREADS 4
#define ROUNDS 5000

static void *volatile exchange[THREADS]; /* a block on its way to another thread */

static void *work(void *arg)
{
    size_t me = (size_t)arg;
    for (size_t i = 0; i < ROUNDS; i++) {
        char *p = malloc(16 + i % 200);
        p[0] = 1;
        p = realloc(p, 64 + i % 500);
        char *q = calloc(3, 1 + i % 40);
        void *r = NULL;
        if (posix_memalign(&r, 64, 100) != 0) {
            abort();
        }
        free(__atomic_exchange_n(&exchange[(me + i) % THREADS], (void *)p, __ATOMIC_ACQ_REL));
        free(q);
        free(r);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t thread[THREADS];
    for (size_t i = 0; i < THREADS; i++) {
        pthread_create(&thread[i], NULL, work, (void *)i);
    }
    pid_t child = fork();
    if (child == 0) {
        for (int i = 0; i < 1000; i++) { /* must not appear in the parent's trace */
            free(malloc(7777777));
        }
        exit(0);
    }
    waitpid(child, NULL, 0);
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(thread[i], NULL);
    }
    for (size_t i = 0; i < THREADS; i++) {
        free(exchange[i]);
    }
    free(aligned_alloc(128, 256));
    free(memalign(256, 100));
    free(valloc(100));
    free(pvalloc(100));
    free(reallocarray(NULL, 10, 10));
    char line[32];
    int n = snprintf(line, sizeof line, "%d\n", THREADS * ROUNDS);
    if (write(1, line, (size_t)n) != n) {
        return 1;
    }
    if (argc > 1 && !strcmp(argv[1], "kill")) {
        raise(SIGKILL);
    }
    if (argc > 1 && !strcmp(argv[1], "_exit")) {
        _exit(0);
    }
    return 0;
}
