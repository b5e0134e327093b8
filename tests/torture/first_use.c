/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * first_use.c - what is made on first use is made once: in fresh processes, four threads do
 * everything for the first time at the same moment.
 *
 *      first_use [SEED [PROCESSES]]
 */
#include <sys/wait.h>
#include <unistd.h>

#include "torture/cells.h"

typedef struct first {
    uint64_t seed;
    ou_object *interned[CELL_THREADS];
} first;

static void first_intern(first *f, unsigned index)
{
    f->interned[index] = ou_str_intern("the first", 9);
    REQUIRE(f->interned[index] != NULL);
}

static void first_weakref(first *f, unsigned index)
{
    (void)f;
    (void)index;
    ou_object *list = ou_list_new(0);
    ou_object *ref = ou_weakref_new(list, NULL, NULL);
    REQUIRE(ref != NULL);
    ou_decref(list);
    REQUIRE(ou_weakref_get(ref) == NULL);
    ou_decref(ref);
}

static void first_collect(first *f, unsigned index)
{
    (void)f;
    (void)index;
    ou_object *ring = ou_list_new(1);
    REQUIRE(ring && ou_list_append(ring, ring) == OU_OK);
    ou_decref(ring);
    REQUIRE(ou_gc_collect() >= 0);
}

static void first_heap(first *f, unsigned index)
{
    (void)index;
    prng r = prng_from(f->seed, index);
    void *p = ou_malloc(1 + prng_below(&r, 100000));
    REQUIRE(p != NULL);
    ou_free(p);
    ou_frame *frame = ou_frame_push("first", 1);
    REQUIRE(frame != NULL && ou_frame_bind_steal(frame, "x", cookie_new(&r)) == OU_OK);
    ou_frame_pop();
}

static void torture_member(unsigned index, void *arg)
{
    static void (*const steps[])(first *, unsigned) = {first_collect, first_intern,
                                                       first_weakref, first_heap};
    first *f = arg;
    for (unsigned i = 0; i < 4; i++) { /* in an order that the seed chooses, the same for all */
        steps[(f->seed + i) % 4](f, index);
    }
}

static void first_child(uint64_t seed)
{
    static first f;
    f.seed = seed;
    cells_start("gc_auto=0");
    team_run(CELL_THREADS, torture_member, &f);
    for (int i = 0; i < CELL_THREADS; i++) {
        EXPECT(f.interned[i] == f.interned[0]);
        ou_decref(f.interned[i]);
    }
    _exit(cells_finish());
}

int main(int argc, char **argv)
{
    seed_args args = seed_parse(argc, argv, "first_use", SCALE_TSAN ? 40 : scale_ops(200));
    for (size_t i = 0; i < args.ops; i++) {
        pid_t child = fork();
        REQUIRE(child >= 0);
        if (child == 0) {
            first_child(args.seed + i);
        }
        int status = -1;
        REQUIRE(waitpid(child, &status, 0) == child);
        if (!EXPECT_EQ(status, 0)) {
            fprintf(stderr, "process %d of %d\n", (int)i, (int)args.ops);
            break;
        }
    }
    return expect_result();
}
