/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * chains.c - nodes that each hold the one before: built, then dropped by their last reference.
 *
 *      chains/build/N   ns a node to make N nodes, each holding the one made before it
 *      chains/drop/N    ns a node from dropping the last one until all are free
 *
 * A death that recurses needs a stack as deep as the chain. That every node died is seen from
 * the count of a value that all of them hold.
 */
#include "micro.h"

#include MICRO_OPS

/* The last node of a new chain; NULL: out of memory. */
static op_ref chain_new(size_t n, op_ref value)
{
    op_ref last = NULL;
    for (size_t i = 0; i < n; i++) {
        op_incref(value);
        last = op_node_of_steal(last, value);
        if (!last) {
            return NULL;
        }
    }
    return last;
}

static bool counted(op_ref o, size_t count)
{
    return !OP_COUNTED || op_refcount(o) == (int64_t)count;
}

static const char *rounds(gb_state *s, size_t n, op_ref value, bool time_drop)
{
    for (bool warm = false; !warm || gb_next_batch(s, (int64_t)n); warm = true) {
        uint64_t begin = micro_now_ns();
        op_ref last = chain_new(n, value);
        uint64_t built = micro_now_ns();
        if (!last) {
            return "out of memory";
        }
        if (!counted(value, n + 1)) {
            return "a node does not hold the value";
        }
        uint64_t whole = micro_now_ns();
        op_decref(last);
        last = NULL;
        op_reclaim();
        uint64_t end = micro_now_ns();
        if (!counted(value, 1)) {
            return "a dropped node still holds the value";
        }
        if (warm) {
            gb_manual_time(s, (double)(time_drop ? end - whole : built - begin) * 1e-9);
        }
    }
    return NULL;
}

static const char *run(gb_state *s, size_t n, bool time_drop)
{
    op_ref value = op_int(1000000);
    op_automatic(false);
    const char *wrong = value ? rounds(s, n, value, time_drop) : "out of memory";
    op_automatic(true);
    if (value) {
        op_decref(value);
    }
    return wrong;
}

static const char *run_build(gb_state *s, const micro_row *row)
{
    return run(s, row->size, false);
}

static const char *run_drop(gb_state *s, const micro_row *row)
{
    return run(s, row->size, true);
}

void micro_chains(void)
{
    enum { million = 1000000, many = 10000000 };
    static const micro_row table[] = {
        {"chains/build/1M", run_build, "limit/chain_build", million, 0,
         MICRO_MANUAL | MICRO_QUICK},
        {"chains/drop/1M", run_drop, "limit/chain_drop", million, 0,
         MICRO_MANUAL | MICRO_QUICK},
        {"chains/build/10M", run_build, "limit/chain_build", many, 0, MICRO_MANUAL},
        {"chains/drop/10M", run_drop, "limit/chain_drop", many, 0, MICRO_MANUAL},
    };
    micro_add_all(table, sizeof table / sizeof table[0]);
}
