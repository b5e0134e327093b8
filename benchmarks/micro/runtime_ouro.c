/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * runtime_ouro.c - ouro's runtime as ouro-micro drives it: start, stop, threads, context.
 *
 * The automatic and the background collector are off: rings.c collects when it means to, and a
 * benchmark's threads wait for each other inside Google Benchmark, where no safepoint is.
 */
#include "micro.h"

#include <stdio.h>
#include <string.h>

#include "ops_ouro.h"

const char *const micro_runtime_name = "ouro";
const char *const micro_name_prefix = "";
const ou_type *op_node_class;

void (*const micro_concerns[])(void) = {
    micro_limits,  micro_limits_objects, micro_limits_share, micro_alloc,
    micro_realloc, micro_handoff,        micro_counts,       micro_objects,
    micro_lists,   micro_dicts,          micro_intern,       micro_shared,
    micro_rings,   micro_live,           micro_chains,       NULL,
};

static __thread bool attached_here;

int micro_runtime_start(void)
{
    static const char *const slots[] = {"next", "value"};
    if (ou_start(NULL)) {
        fprintf(stderr, "%s:%d: the runtime does not start: %s\n", __FILE__, __LINE__,
                ou_error_message());
        return -1;
    }
    ou_gc_disable();
    ou_gc_background(false);
    ou_knob_set("gc_workers",
                "1"); /* rows say it if they want more: threads slow malloc down */
    op_node_class = ou_class_new("Node", slots, 2, true, NULL, NULL);
    if (!op_node_class) {
        fprintf(stderr, "%s:%d: no class: %s\n", __FILE__, __LINE__, ou_error_message());
        return -1;
    }
    return 0;
}

void micro_runtime_stop(void)
{
    ou_stop();
}

bool micro_thread_enter(void)
{
    if (ou_thread_attached()) {
        return true;
    }
    attached_here = ou_thread_attach() == 0;
    return attached_here;
}

void micro_thread_leave(void)
{
    if (attached_here) {
        ou_thread_detach();
        attached_here = false;
    }
}

typedef struct text {
    char bytes[2048];
    size_t used;
} text;

static void add_knob(const char *name, const char *type, int64_t value, const char *help,
                     void *arg)
{
    text *t = arg;
    (void)type;
    (void)help;
    int n = snprintf(t->bytes + t->used, sizeof t->bytes - t->used, "%s%s=%lld",
                     t->used ? "," : "", name, (long long)value);
    if (n > 0 && t->used + (size_t)n < sizeof t->bytes) {
        t->used += (size_t)n;
    }
}

void micro_runtime_context(void)
{
    text knobs = {.used = 0};
    ou_knob_each(add_knob, &knobs);
    knobs.bytes[knobs.used] = 0;
    gb_context("runtime_version", ou_version());
    gb_context("runtime_build", ou_build_info());
    gb_context("runtime_knobs", knobs.bytes);
}
