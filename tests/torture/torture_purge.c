/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * torture_purge.c - three threads take, grow, shrink and free blocks of whole pages, and small
 * ones some spans at a time, while a fourth gives every free page to the system again and
 * again, and forks. Contents stay whole, what calloc gives is zero, and a child can take and
 * free as if nothing had been on its way.
 *
 *      purge [SEED [OPERATIONS]]
 */
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "torture/cells.h"

enum { HELD = 16, STEP = 4096, FORKS = SCALE_TSAN ? 3 : 20 };

typedef struct torture {
    uint64_t seed;
    size_t ops;
    uint32_t working; /* atomic: threads that still allocate */
} torture;

static torture state;

typedef struct large {
    unsigned char *bytes;
    size_t size;
    unsigned char key;
} large;

static void fill(large *l, size_t from)
{
    for (size_t i = from; i < l->size; i += STEP) {
        l->bytes[i] = l->key;
    }
}

static void look(const large *l, size_t upto, unsigned char key)
{
    for (size_t i = 0; i < upto; i += STEP) {
        REQUIRE(l->bytes[i] == key);
    }
}

enum { CRATES = 4, CRATE = 320, SMALL = 1000 };

/* As many small blocks as fill some spans, or none. */
typedef struct crate {
    unsigned char *blocks[CRATE];
} crate;

static void crate_turn(crate *c, unsigned char key)
{
    for (int i = 0; i < CRATE; i++) {
        unsigned char *p = c->blocks[i];
        if (p) {
            REQUIRE(p[0] == p[SMALL - 1]);
            ou_free(p);
            c->blocks[i] = NULL;
        } else {
            c->blocks[i] = ou_malloc(SMALL);
            REQUIRE(c->blocks[i] != NULL);
            memset(c->blocks[i], key + i, SMALL);
        }
    }
}

static void crate_empty(crate *c)
{
    if (c->blocks[0]) {
        crate_turn(c, 0);
    }
}

static size_t size_of(prng *r)
{
    return (1 + prng_below(r, 100)) * STEP * 4 + 40960; /* multiples of STEP */
}

static void take(large *l, prng *r)
{
    l->size = size_of(r);
    l->key = (unsigned char)(1 + prng_below(r, 255));
    l->bytes = ou_calloc(1, l->size);
    REQUIRE(l->bytes != NULL);
    look(l, l->size, 0);
    fill(l, 0);
}

static void resize(large *l, prng *r)
{
    size_t size = size_of(r), same = size < l->size ? size : l->size;
    l->bytes = ou_realloc(l->bytes, size);
    REQUIRE(l->bytes != NULL);
    l->size = size;
    look(l, same, l->key);
    fill(l, same);
}

static void allocate(torture *t, prng *r)
{
    large held[HELD] = {{0}};
    crate crates[CRATES] = {{{0}}};
    for (size_t i = 0; i < t->ops; i++) {
        large *l = &held[prng_below(r, HELD)];
        if (prng_chance(r, 15)) {
            crate_turn(&crates[prng_below(r, CRATES)], (unsigned char)i);
        }
        if (!l->bytes) {
            take(l, r);
        } else if (prng_chance(r, 40)) {
            look(l, l->size, l->key);
            resize(l, r);
        } else {
            look(l, l->size, l->key);
            ou_free(l->bytes);
            l->bytes = NULL;
        }
        ou_safepoint();
    }
    for (int i = 0; i < HELD; i++) {
        ou_free(held[i].bytes);
    }
    for (int i = 0; i < CRATES; i++) {
        crate_empty(&crates[i]);
    }
    ou_fetch_sub_acq_rel(&t->working, 1u);
}

static void fork_once(torture *t)
{
    pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        prng r = prng_from(t->seed, 99);
        for (int i = 0; i < 50; i++) {
            large l;
            take(&l, &r);
            look(&l, l.size, l.key);
            ou_free(l.bytes);
        }
        ou_heap_trim();
        _exit(0);
    }
    int status = -1;
    REQUIRE(waitpid(child, &status, 0) == child);
    EXPECT_EQ(status, 0);
}

static void torture_member(unsigned index, void *arg)
{
    torture *t = arg;
    prng r = prng_from(t->seed, index);
    if (index) {
        allocate(t, &r);
        return;
    }
    for (int forks = 0; ou_load_acquire(&t->working); ou_safepoint()) {
        ou_heap_trim();
        if (forks < FORKS && prng_chance(&r, 5)) {
            fork_once(t);
            forks++;
        }
    }
}

int main(int argc, char **argv)
{
    seed_args args = seed_parse(argc, argv, "purge", scale_ops(4000));
    state.seed = args.seed;
    state.ops = args.ops;
    cells_start(NULL);
    size_t live = ou_heap_live_bytes();
    state.working = CELL_THREADS - 1;
    team_run(CELL_THREADS, torture_member, &state);
    EXPECT(ou_stat("heap_purged_bytes") > 0);
    ou_heap_trim();
    EXPECT_EQ(ou_heap_check(), 0);
    EXPECT(ou_heap_live_bytes() <= live + 65536);
    return cells_finish();
}
