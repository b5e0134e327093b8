/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * torture_moving.c - the only reference to a ring goes into a list and out of it all the time,
 * without a count (ou_list_append_steal, ou_list_pop), while another thread collects in short
 * stops. A hint that met the list with it, and later without it, has explained the reference
 * and found nobody who keeps the ring: a suspect that lives, by one reference. The judgement
 * must see that. Rings of three sizes: judged with others, alone, and by shared sums.
 *
 *      moving [SEED [COLLECTIONS]]
 */
#include <stdio.h>

#include "torture/cells.h"

enum { MOVERS = 3, CHECK_EVERY = 4096 };

static const size_t sizes[MOVERS] = {3, 2500, 70000};

typedef struct torture {
    size_t collections;
    int done; /* atomic */
    uint64_t moves[MOVERS];
    const ou_type *node;
} torture;

static torture state;

static ou_object *ring(size_t n)
{
    ou_object *first = ou_instance_new(state.node), *last = first;
    REQUIRE(first != NULL);
    for (size_t i = 1; i < n; i++) {
        last = ou_instance_of_steal(state.node, (ou_object *[]){last}, 1);
        REQUIRE(last != NULL);
    }
    REQUIRE(ou_attr_set_at(first, 0, last) == OU_OK);
    return last;
}

static void ring_check(ou_object *o, size_t n)
{
    ou_object *at = ou_incref(o);
    for (size_t i = 0; i < n; i++) {
        ou_object *next = ou_attr_get_at(at, 0);
        REQUIRE(next && ou_type_of(next) == state.node && (next == o) == (i + 1 == n));
        ou_decref(at);
        at = next;
    }
    ou_decref(at);
}

/* Lists on either side of the ring's pages: which one the hint reads first is not ours to say.
 */
static void mover(torture *t, unsigned index)
{
    ou_object *before = ou_list_new(1), *o = ring(sizes[index]), *after = ou_list_new(100);
    REQUIRE(before && after);
    uint64_t moves = 0;
    while (!ou_load_acquire(&t->done)) {
        ou_object *list = moves % 2 ? before : after;
        REQUIRE(ou_list_append_steal(list, o) == OU_OK);
        ou_safepoint();
        o = ou_list_pop(list);
        REQUIRE(o != NULL);
        ou_safepoint();
        if (++moves % CHECK_EVERY == 0) {
            ring_check(o, sizes[index]);
        }
    }
    ring_check(o, sizes[index]);
    t->moves[index] = moves;
    ou_decref(o);
    ou_decref(before);
    ou_decref(after);
}

static void torture_member(unsigned index, void *arg)
{
    torture *t = arg;
    if (index < MOVERS) {
        mover(t, index);
        return;
    }
    for (size_t i = 0; i < t->collections; i++) {
        REQUIRE(ou_gc_collect_sliced(NULL) >= 0);
    }
    ou_store_release(&t->done, 1); /* pairs: mover */
}

int main(int argc, char **argv)
{
    seed_args args = seed_parse(argc, argv, "moving", scale_ops(100));
    static const char *const attrs[] = {"next"};
    state.collections = args.ops;
    cells_start("gc_auto=0,gc_concurrent=2,gc_slice_us=20");
    state.node = ou_class_new("Node", attrs, 1, true, NULL, NULL);
    uint64_t suspects = ou_stat("gc_false_suspects");
    team_run(MOVERS + 1, torture_member, &state);
    printf("%zu collections, %llu false suspects, %llu moves\n", state.collections,
           (unsigned long long)(ou_stat("gc_false_suspects") - suspects),
           (unsigned long long)(state.moves[0] + state.moves[1] + state.moves[2]));
    return cells_finish();
}
