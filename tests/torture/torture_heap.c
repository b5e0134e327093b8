/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * torture_heap.c - four threads allocate, fill, hand over, resize and free each other's raw
 * blocks of all sizes: contents stay whole, no block is given to two, none is left.
 *
 *      heap [SEED [OPERATIONS]]
 */
#include <string.h>

#include "torture/cells.h"

typedef struct parcel {
    uint64_t key;
    size_t size; /* bytes behind it, all (uint8_t)key */
    unsigned char bytes[];
} parcel;

typedef struct torture {
    uint64_t seed;
    size_t ops;
    struct {
        parcel *p; /* atomic */
        char pad[56];
    } cells[CELLS];
} torture;

static torture state;

static size_t torture_size(prng *r)
{
    unsigned kind = (unsigned)prng_below(r, 1000);
    return kind == 0   ? prng_below(r, 400000)
           : kind < 50 ? prng_below(r, 20000)
                       : prng_below(r, 400);
}

static parcel *torture_fill(parcel *p, size_t size, prng *r)
{
    REQUIRE(p != NULL && (uintptr_t)p % 16 == 0);
    p->key = prng_next(r);
    p->size = size;
    memset(p->bytes, (int)(uint8_t)p->key, size);
    return p;
}

static void torture_look(const parcel *p, size_t upto)
{
    for (size_t i = 0; i < upto; i += 1 + upto / 64) {
        REQUIRE(p->bytes[i] == (uint8_t)p->key);
    }
    REQUIRE(upto == 0 || upto < p->size || p->bytes[upto - 1] == (uint8_t)p->key);
}

static parcel *torture_work(parcel *p, prng *r)
{
    size_t size = torture_size(r);
    if (!p) {
        return torture_fill(prng_chance(r, 80) ? ou_malloc(sizeof(parcel) + size)
                                               : ou_memalign(64, sizeof(parcel) + size),
                            size, r);
    }
    torture_look(p, p->size);
    if (prng_chance(r, 25)) {
        size_t same = size < p->size ? size : p->size;
        p = ou_realloc(p, sizeof(parcel) + size);
        REQUIRE(p != NULL);
        torture_look(p, same);
        return torture_fill(p, size, r);
    }
    if (prng_chance(r, 50)) {
        ou_free(p);
        return NULL;
    }
    return p;
}

static void torture_member(unsigned index, void *arg)
{
    torture *t = arg;
    prng r = prng_from(t->seed, index);
    for (size_t i = 0; i < t->ops; i++) {
        parcel *p = ou_exchange_acq_rel(&t->cells[prng_below(&r, CELLS)].p, NULL);
        p = torture_work(p, &r);
        p = ou_exchange_acq_rel(&t->cells[prng_below(&r, CELLS)].p, p);
        if (p) {
            torture_look(p, p->size);
            ou_free(p);
        }
        ou_safepoint();
    }
}

int main(int argc, char **argv)
{
    seed_args args = seed_parse(argc, argv, "heap", scale_ops(300000));
    state.seed = args.seed;
    state.ops = args.ops;
    cells_start(NULL);
    size_t live = ou_heap_live_bytes();
    for (int round = 0; round < 3; round++) {
        team_run(CELL_THREADS, torture_member, &state);
        for (int i = 0; i < CELLS; i++) {
            ou_free(ou_exchange_acq_rel(&state.cells[i].p, NULL));
        }
        EXPECT_EQ(ou_heap_check(), 0);
    }
    /* Threads that ended may have left a stack or a slot behind, not blocks. */
    size_t now = ou_heap_live_bytes();
    if (!EXPECT(now <= live + 65536)) {
        fprintf(stderr, "%zu bytes live before, %zu after\n", live, now);
    }
    return cells_finish();
}
