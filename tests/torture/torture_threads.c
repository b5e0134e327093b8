/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * torture_threads.c - threads come and go all the time and leave survivors behind: objects
 * outlive their thread, are used, counted and ended by others, whose slots they may share by
 * then. The number of slots stays small.
 *
 *      threads [SEED [ROUNDS]]
 */
#include "torture/cells.h"

enum { THREADS_OPS = 200 };

typedef struct torture {
    uint64_t seed;
    size_t round;
    cell cells[CELLS];
} torture;

static torture state;

static void torture_member(unsigned index, void *arg)
{
    torture *t = arg;
    prng r = prng_from(t->seed + t->round, index);
    ou_object *kept[8] = {0};
    for (size_t i = 0; i < THREADS_OPS; i++) {
        ou_object *old = cell_swap(&t->cells[prng_below(&r, CELLS)],
                                   prng_chance(&r, 80) ? cookie_new(&r) : NULL);
        if (old) {
            cookie_check(old);
            ou_xdecref(kept[i % 8]);
            kept[i % 8] = old;
        }
        if (prng_chance(&r, 2)) { /* the thread's slot may be another one afterwards */
            ou_thread_detach();
            REQUIRE(ou_thread_attach() == OU_OK);
        }
    }
    for (size_t i = 0; i < 8; i++) {
        ou_xdecref(kept[i]);
    }
}

int main(int argc, char **argv)
{
    seed_args args = seed_parse(argc, argv, "threads", scale_ops(1500));
    torture *t = &state;
    cells_start(NULL);
    uint64_t slots = ou_stat("slots_created");
    t->seed = args.seed;
    for (t->round = 0; t->round < args.ops; t->round++) {
        team_run(CELL_THREADS, torture_member, t);
    }
    slots = ou_stat("slots_created") - slots;
    if (!EXPECT(slots <= 2 * CELL_THREADS)) {
        fprintf(stderr, "%d slots made for %d threads at a time\n", (int)slots, CELL_THREADS);
    }
    cells_drain(t->cells, CELLS);
    return cells_finish();
}
