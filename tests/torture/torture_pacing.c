/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * torture_pacing.c - four threads make nothing but rings, small ones and large ones, beside the
 * background collector. Whoever makes a ring looks at once how much there is above what lives:
 * never more than a third of that and 8 MiB. Bytes are compared, never times: a thread that is
 * ahead waits or collects, however slow the collector is.
 *
 *      pacing [SEED [OPERATIONS]]
 */
#include "gc/gc.h"
#include "torture/cells.h"

#define LIVE ((size_t)800000) /* nodes: a third of them is 8 MiB, so the bound is two steps */

typedef struct torture {
    uint64_t seed;
    size_t ops;
    uint64_t bound;
    uint64_t worst[CELL_THREADS], made[CELL_THREADS]; /* by thread */
} torture;

static torture state;
static uint64_t freed; /* one collection at a time; read after the last */
static const ou_type *node;

static ou_object *node_to(ou_object *next)
{
    ou_object *o = ou_instance_new(node);
    REQUIRE(o && (!next || ou_attr_set_at_steal(o, 0, next) == OU_OK));
    return o;
}

static void ring(size_t n)
{
    ou_object *first = node_to(NULL), *last = ou_incref(first);
    for (size_t i = 1; i < n; i++) {
        last = node_to(last);
    }
    REQUIRE(ou_attr_set_at_steal(first, 0, last) == OU_OK);
    ou_decref(first);
}

static void torture_member(unsigned index, void *arg)
{
    torture *t = arg;
    prng r = prng_from(t->seed, index);
    while (t->made[index] < t->ops) {
        size_t n = prng_chance(&r, 1) ? 2000 : 2 + prng_below(&r, 100);
        ring(n);
        t->made[index] += n;
        uint64_t now = ou_gc_pacing_growth();
        t->worst[index] = now > t->worst[index] ? now : t->worst[index];
    }
}

static void note_freed(const ou_gc_report *report, void *arg)
{
    (void)arg;
    freed += report ? report->unreachable : 0;
}

int main(int argc, char **argv)
{
    seed_args args = seed_parse(argc, argv, "pacing", scale_ops(4000000));
    static const char *const attrs[] = {"next", "other"};
    state.seed = args.seed;
    state.ops = args.ops;
    REQUIRE(ou_start("gc_auto=0") == OU_OK);
    node = ou_class_new("Node", attrs, 2, true, NULL, NULL);
    ou_object *live = NULL;
    for (size_t i = 0; i < LIVE; i++) {
        live = node_to(live);
    }
    REQUIRE(ou_gc_collect() == 0);
    state.bound = LIVE * 32 / 3 + ((uint64_t)8 << 20);
    EXPECT_EQ(ou_gc_callback_add(note_freed, NULL), OU_OK);
    ou_gc_enable();
    EXPECT_EQ(ou_gc_background(true), OU_OK);
    team_run(CELL_THREADS, torture_member, &state);
    EXPECT_EQ(ou_gc_background(false), OU_OK);
    EXPECT(ou_gc_collect() >= 0);
    uint64_t made = 0, worst = 0;
    for (unsigned i = 0; i < CELL_THREADS; i++) {
        made += state.made[i];
        worst = state.worst[i] > worst ? state.worst[i] : worst;
    }
    EXPECT_EQ(freed, made);
    EXPECT(worst <= state.bound);
    printf("%llu nodes in rings, at most %llu KiB of garbage, bound %llu KiB, %llu assists\n",
           (unsigned long long)made, (unsigned long long)worst >> 10,
           (unsigned long long)state.bound >> 10, (unsigned long long)ou_stat("gc_assists"));
    ou_decref(live);
    EXPECT_EQ(ou_heap_check(), 0);
    EXPECT_EQ(ou_stop(), OU_OK);
    return expect_result();
}
