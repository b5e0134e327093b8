/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * fork_states.c - fork at any moment of a program that allocates in three threads. The child
 * frees and resizes what the parent's threads made, allocates every kind of block, starts a
 * thread of its own that does so, too, forks once more, and ends by exit(). A hang is ended by
 * ctest. Planted: the child finds other contents than the parent wrote.
 */
#include "plain.h"

enum { FORKS = 40, WORKERS = 3, SHELF = 256 };

struct box {
    size_t size;
    unsigned char mark; /* in the first and the last byte */
    unsigned char text[];
};

static struct box *shelf[SHELF]; /* atomic: taken and put by exchange, so never half of one */
static unsigned stop;            /* atomic */

static uint64_t draw(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 33;
}

static size_t any_size(uint64_t *state)
{
    static const size_t most[] = {40, 40, 300, 300, 5000, 40000, 300000};
    return 32 + draw(state) % most[draw(state) % 7];
}

static struct box *box_new(uint64_t *state)
{
    size_t size = any_size(state);
    struct box *b = malloc(size);
    LIMITS_REQUIRE(b != NULL);
    b->size = size;
    b->mark = (unsigned char)draw(state);
    ((unsigned char *)b)[size - 1] = b->mark;
    return b;
}

static void box_check(const struct box *b)
{
    LIMITS_REQUIRE(((const unsigned char *)b)[b->size - 1] == b->mark);
}

static void work(uint64_t *state)
{
    struct box **place = &shelf[draw(state) % SHELF];
    struct box *b = __atomic_exchange_n(place, box_new(state), __ATOMIC_ACQ_REL);
    if (!b) {
        return;
    }
    box_check(b);
    if (draw(state) % 4) {
        free(b);
        return;
    }
    size_t size = any_size(state);
    struct box *bigger = realloc(b, size);
    LIMITS_REQUIRE(bigger != NULL);
    free(bigger);
}

static void *worker(void *arg)
{
    uint64_t state = (uintptr_t)arg;
    while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
        work(&state);
    }
    return NULL;
}

static void *child_thread(void *arg)
{
    for (int i = 0; i < 100; i++) {
        work(arg);
    }
    return NULL;
}

static void child(uint64_t state, bool planted)
{
    pthread_t thread;
    for (int i = 0; i < 200; i++) {
        work(&state);
    }
    LIMITS_REQUIRE(pthread_create(&thread, NULL, child_thread, &state) == 0);
    LIMITS_REQUIRE(pthread_join(thread, NULL) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        child_thread(&state);
        exit(0);
    }
    int status = -1;
    LIMITS_REQUIRE(waitpid(pid, &status, 0) == pid && status == 0);
    for (unsigned i = 0; i < SHELF; i++) {
        struct box *b = __atomic_exchange_n(&shelf[i], NULL, __ATOMIC_ACQ_REL);
        if (b) {
            ((unsigned char *)b)[b->size - 1] ^= planted;
            box_check(b);
        }
        free(b);
    }
    exit(0);
}

int main(int argc, char **argv)
{
    bool planted = limits_planted(argc, argv);
    pthread_t thread[WORKERS];
    uint64_t state = 12345;
    for (uintptr_t i = 0; i < WORKERS; i++) {
        LIMITS_REQUIRE(pthread_create(&thread[i], NULL, worker, (void *)(i + 1)) == 0);
    }
    for (int i = 0; i < FORKS; i++) {
        pid_t pid = fork();
        LIMITS_REQUIRE(pid >= 0);
        if (pid == 0) {
            child((uint64_t)i, planted);
        }
        int status = -1;
        LIMITS_REQUIRE(waitpid(pid, &status, 0) == pid);
        LIMITS_REQUIRE(status == 0);
        work(&state);
    }
    __atomic_store_n(&stop, 1u, __ATOMIC_RELAXED);
    for (unsigned i = 0; i < WORKERS; i++) {
        LIMITS_REQUIRE(pthread_join(thread[i], NULL) == 0);
    }
    printf("%d forks, %d children that forked, 0 hangs\n", FORKS, FORKS);
    return 0;
}
