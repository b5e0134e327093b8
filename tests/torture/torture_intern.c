/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * torture_intern.c - interning against death: four threads intern the same few strings, hold
 * them for a moment and drop them. Two equal interned strings held at the same time are one
 * object, wherever they were made; in the end the table is as it was. One of the threads makes
 * tables grow and go back to small again and again. Once with all strings mortal, once with
 * those kept that were counted much.
 *
 *      intern [SEED [OPERATIONS]]
 */
#include <stdio.h>
#include <string.h>

#include "torture/cells.h"

/* A burst is more than the shards' own tables hold: 64 with room for 56 each. */
enum { INTERN_TEXTS = 24, BURST = 8192, BURST_EVERY = 8192 };

typedef struct torture {
    uint64_t seed;
    size_t ops;
    cell cells[CELLS];
} torture;

static torture state;

static ou_object *torture_intern(unsigned which, unsigned way)
{
    char text[32];
    size_t len = (size_t)snprintf(text, sizeof(text), "contended text %u", which);
    ou_object *s = way ? ou_str_intern(text, len) : ou_str_intern_steal(ou_str_new(text, len));
    REQUIRE(s != NULL);
    size_t got = 0;
    REQUIRE(memcmp(ou_str_bytes(s, &got), text, len) == 0 && got == len);
    REQUIRE(ou_str_is_interned(s));
    return s;
}

/* Interns the text of a string that is held: must be that string. */
static void torture_same(ou_object *held)
{
    size_t len = 0;
    const char *bytes = ou_str_bytes(held, &len);
    REQUIRE(bytes != NULL);
    ou_object *again = ou_str_intern(bytes, len);
    REQUIRE(again == held);
    ou_decref(again);
}

static void torture_burst(void)
{
    static ou_object *held[BURST]; /* of one thread */
    char text[32];
    for (int i = 0; i < BURST; i++) {
        int len = snprintf(text, sizeof text, "burst %d", i);
        held[i] = ou_str_intern(text, (size_t)len);
        REQUIRE(held[i] != NULL);
    }
    for (int i = 0; i < BURST; i++) {
        ou_decref(held[i]);
    }
}

static void torture_member(unsigned index, void *arg)
{
    torture *t = arg;
    prng r = prng_from(t->seed, index);
    for (size_t i = 0; i < t->ops; i++) {
        ou_object *s =
            torture_intern((unsigned)prng_below(&r, INTERN_TEXTS), (unsigned)prng_below(&r, 2));
        if (prng_chance(&r, 30)) {
            torture_same(s);
        }
        if (prng_chance(&r, 40)) {
            ou_object *other = cell_swap(&t->cells[prng_below(&r, CELLS)], ou_incref(s));
            if (other) {
                torture_same(other);
                ou_decref(other);
            }
        } else if (prng_chance(&r, 40)) {
            ou_xdecref(cell_swap(&t->cells[prng_below(&r, CELLS)], NULL));
        }
        ou_decref(s);
        if (index == 0 && i % BURST_EVERY == 0) {
            torture_burst();
        }
        ou_safepoint();
    }
}

static void torture_round(const char *keep)
{
    REQUIRE(ou_knob_set("intern_keep", keep) == OU_OK);
    uint64_t kept = ou_stat("intern_kept");
    size_t before = ou_intern_count();
    team_run(CELL_THREADS, torture_member, &state);
    cells_drain(state.cells, CELLS);
    ou_gc_collect();
    EXPECT_EQ(ou_intern_count(), before + (ou_stat("intern_kept") - kept));
}

int main(int argc, char **argv)
{
    seed_args args = seed_parse(argc, argv, "intern", scale_ops(200000));
    state.seed = args.seed;
    state.ops = args.ops;
    cells_start(NULL);
    torture_round("0");
    torture_round("1000000");
    return cells_finish();
}
