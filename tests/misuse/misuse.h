/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * misuse.h - what the death programs share. Each does one wrong thing that must end it by
 * SIGABRT with the line that its first line expects (an extended regular expression), or, for
 * `// expect: clean`, does nothing wrong and must end with status 0 and no such line.
 */
#ifndef TESTS_MISUSE_H
#define TESTS_MISUSE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ouro/ouro.h"

/* Starts with further knobs. */
static inline void misuse_start_as(const char *knobs)
{
    char conf[200];
    snprintf(conf, sizeof conf, "gc_auto=0,%s", knobs);
    if (ou_start(conf) != OU_OK) {
        fprintf(stderr, "misuse: cannot start: %s\n", ou_error_message());
        exit(3);
    }
}

static inline void misuse_start(void)
{
    misuse_start_as("");
}

/* `n`, which the compiler does not know. */
static inline size_t misuse_hidden(size_t n)
{
    volatile size_t hidden = n;
    return hidden;
}

/* Reached only when nothing was noticed. */
static inline int misuse_survived(void)
{
    fprintf(stderr, "misuse: survived\n");
    return 4;
}

typedef struct misuse_call {
    void (*fn)(void *);
    void *arg;
} misuse_call;

static inline void *misuse_thread(void *arg)
{
    misuse_call *call = arg;
    if (ou_thread_attach() == OU_OK) {
        call->fn(call->arg);
        ou_thread_detach();
    }
    return NULL;
}

/* Calls fn(arg) in another attached thread and waits for its end. */
static inline void misuse_in_thread(void (*fn)(void *), void *arg)
{
    misuse_call call = {fn, arg};
    pthread_t t;
    ou_blocking_begin();
    if (pthread_create(&t, NULL, misuse_thread, &call) != 0 || pthread_join(t, NULL) != 0) {
        exit(3);
    }
    ou_blocking_end();
}

/* Takes and frees many blocks of a size, so that the heap meets what was freed before. */
static inline void misuse_reuse(size_t size)
{
    static void *taken[20000];
    for (int i = 0; i < 20000; i++) {
        taken[i] = ou_malloc(size);
    }
    for (int i = 0; i < 20000; i++) {
        ou_free(taken[i]);
    }
    ou_gc_collect();
    ou_heap_trim();
}

/* Frees here or, rarely, in another thread. */
static inline void misuse_free_somewhere(void *p, bool elsewhere)
{
    if (elsewhere) {
        misuse_in_thread(ou_free, p);
    } else {
        ou_free(p);
    }
}

#endif
