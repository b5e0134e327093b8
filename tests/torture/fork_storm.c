/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * fork_storm.c - fork in the middle of everything: while three threads allocate, count and
 * collect, the main thread forks again and again. Each child works with objects and the heap,
 * collects, and ends; the parent is not disturbed.
 *
 *      fork_storm [SEED [FORKS]]
 */
#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

#include "torture/cells.h"

enum { STORM_THREADS = 3 };

typedef struct torture {
    uint64_t seed;
    size_t forks;
    unsigned stop; /* atomic */
    cell cells[CELLS];
} torture;

static torture state;

static void storm_work(torture *t, prng *r)
{
    ou_object *o = cookie_new(r);
    ou_object *old = cell_swap(&t->cells[prng_below(r, CELLS)], o);
    if (old) {
        cookie_check(old);
        ou_decref(old);
    }
    ou_object *ring = ou_list_new(1);
    REQUIRE(ring && ou_list_append(ring, ring) == OU_OK);
    ou_decref(ring);
    ou_object *s = ou_str_intern("stormy", 6);
    REQUIRE(s != NULL);
    ou_decref(s);
    void *raw = ou_malloc(prng_below(r, 3000));
    REQUIRE(raw != NULL);
    ou_free(raw);
}

/* The only thread of the child: the others are gone, their objects are still there. */
static void storm_child(torture *t, size_t i)
{
    prng r = prng_from(t->seed, 1000 + i);
    for (int k = 0; k < 200; k++) {
        storm_work(t, &r);
    }
    REQUIRE(ou_gc_collect() >= 0);
    REQUIRE(ou_heap_check() == 0);
    _exit(expect_result());
}

static void storm_fork(torture *t)
{
    for (size_t i = 0; i < t->forks; i++) {
        pid_t child = fork();
        REQUIRE(child >= 0);
        if (child == 0) {
            storm_child(t, i);
        }
        int status = -1;
        ou_blocking_begin();
        while (waitpid(child, &status, 0) < 0) {
            REQUIRE(errno == EINTR);
        }
        ou_blocking_end();
        if (!EXPECT_EQ(status, 0)) {
            fprintf(stderr, "child %d of %d\n", (int)i, (int)t->forks);
            break;
        }
    }
    ou_store_relaxed(&t->stop, 1u);
}

static void torture_member(unsigned index, void *arg)
{
    torture *t = arg;
    if (index == 0) {
        storm_fork(t);
        return;
    }
    prng r = prng_from(t->seed, index);
    for (size_t i = 0; !ou_load_relaxed(&t->stop); i++) {
        storm_work(t, &r);
        if (i % 500 == 0) {
            ou_gc_collect();
        }
        ou_safepoint();
    }
}

int main(int argc, char **argv)
{
    seed_args args = seed_parse(argc, argv, "fork_storm", SCALE_TSAN ? 10 : scale_ops(150));
    state.seed = args.seed;
    state.forks = args.ops;
    /* ThreadSanitizer forbids threads in the child of a process that had several. */
    cells_start(SCALE_TSAN ? "gc_workers=1" : NULL);
    team_run(1 + STORM_THREADS, torture_member, &state);
    cells_drain(state.cells, CELLS);
    return cells_finish();
}
