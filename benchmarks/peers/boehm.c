/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * boehm.c - the Boehm-Demers-Weiser collector as ouro-peer-boehm drives it.
 *
 * One marker thread at most, so that a collection is the work of one core as it is in the other
 * runtimes' rows. How many nodes a collection found is counted outside the clock from the marks
 * that it left; a word that looks like a node's address may keep it, which rings.c allows for.
 * Source: Boehm and Weiser, Garbage Collection in an Uncooperative Environment, 1988.
 */
#include "micro.h"

#include <stdio.h>

#include "ops_boehm.h"

#include <gc/gc_mark.h>

const char *const micro_runtime_name = "boehm";
const char *const micro_name_prefix = "boehm/";

uint64_t op_made;
static uint64_t nodes_before; /* alive at the last count */
static uint64_t nodes_now;

void (*const micro_concerns[])(void) = {
    micro_objects, micro_lists, micro_rings, micro_live, micro_chains, NULL,
};

static void GC_CALLBACK count_node(void *object, size_t bytes, void *arg)
{
    (void)bytes;
    (void)arg;
    nodes_now += ((const op_object *)object)->kind == OP_NODE;
}

static void *count_nodes(void *arg)
{
    nodes_now = 0;
    GC_enumerate_reachable_objects_inner(count_node, NULL);
    return arg;
}

int64_t op_found(int64_t collected)
{
    (void)collected;
    GC_call_with_alloc_lock(count_nodes, NULL);
    int64_t died = (int64_t)(nodes_before + op_made) - (int64_t)nodes_now;
    nodes_before = nodes_now;
    op_made = 0;
    return died;
}

/* GC_disable counts how often it was called. */
void op_automatic(bool on)
{
    if (on && GC_is_disabled()) {
        GC_enable();
    } else if (!on && !GC_is_disabled()) {
        GC_disable();
    }
}

int micro_runtime_start(void)
{
    GC_set_markers_count(1);
    GC_set_warn_proc(GC_ignore_warn_proc); /* of large blocks: they are what is asked for */
    GC_INIT();
    return 0;
}

void micro_runtime_stop(void)
{
}

/* All rows run on the thread that called GC_INIT. */
bool micro_thread_enter(void)
{
    return true;
}

void micro_thread_leave(void)
{
}

void micro_runtime_context(void)
{
    char version[32];
    unsigned v = GC_get_version();
    snprintf(version, sizeof version, "%u.%u.%u", v >> 16, (v >> 8) & 255, v & 255);
    gb_context("runtime_version", version);
    gb_context("runtime_build", GC_get_parallel() ? "parallel marking" : "one marker");
}
