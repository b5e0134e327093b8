/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* lifecycle.c - start and stop: the only place that knows every floor, and wires the seams. */
#include "api/fork.h"
#include "conf/conf.h"
#include "gc/verify.h"
#include "heap/arena.h"
#include "heap/guard.h"
#include "object/hot.h"
#include "object/weakref.h"
#include "ouro/census.h"
#include "ouro/runtime.h"
#include "types/frame.h"
#include "types/types.h"

static bool started;
static bool ever_started;

static void on_detach(ou_slot *slot)
{
    (void)slot;
    ou_inbox_drain_mine();
    ou_frame_thread_exit();
}

static void wire_seams(void)
{
    ou_heap_on_thread_exit = ou_slot_detach;
    ou_slot_on_detach = on_detach;
    ou_safepoint_inbox = ou_inbox_drain_mine;
    ou_safepoint_hot = ou_hot_promote;
    ou_world_on_start = ou_inbox_tend;
    ou_side_wire();
    if (!ever_started) { /* types remember it */
        ou_have_membarrier = ou_os_membarrier_init();
    }
    ou_gc_pacing_start();
}

int ou_start(const char *conf)
{
    if (started) {
        return ou_fail(OU_ESTATE, "the runtime is started already");
    }
    ou_conf_values before = ou_conf;
    int failed = ou_conf_env(true);
    if (!failed && conf) {
        failed = ou_conf_parse(conf);
    }
    if (!failed) {
        failed = ou_guard_start();
    }
    if (failed) { /* all of it or nothing */
        ou_conf = before;
        return failed;
    }
    wire_seams();
    bool from_malloc = ou_conf.heap == OU_HEAP_MALLOC;
    if (ever_started && from_malloc != ou_blocks_from_malloc) {
        return ou_fail(OU_ESTATE, "objects of an earlier start live on the other heap");
    }
    ever_started = true;
    ou_blocks_from_malloc = from_malloc;
    ou_special_set(OU_SPECIAL_MALLOC, from_malloc);
    failed = ou_thread_attach();
    if (failed) {
        ou_conf = before;
        return ou_range ? failed : ou_fail(OU_ENOMEM, "no address space for the heap");
    }
    ou_fork_wire();
    ou_weakref_define();
    ou_types_init();
    ou_conf_seal(true);
    started = true;
    ou_gc_zeal_start();
    if (ou_conf.gc_background && ou_gc_background(true) != 0) {
        ou_stop();
        return ou_fail(OU_ENOMEM, "no thread for the background collector");
    }
    return 0;
}

/* Finalizers and callbacks make garbage of their own, which ends here as well; but one that
 * always makes another of its kind is not followed for ever. */
#define LAST_COLLECTIONS 16

static void collect_all(void)
{
    ou_gc_report report = {.unreachable = 1};
    for (int i = 0; i < LAST_COLLECTIONS && report.unreachable + report.finalized; i++) {
        ou_gc_collect_report(&report);
    }
}

/* Why the runtime cannot stop now, NULL when it can. */
static const char *why_not_stop(void)
{
    return !started                             ? "the runtime is not started"
           : !ou_thread_attached()              ? "this thread is not attached"
           : ou_self.dying || ou_gc_is_inside() ? "called by a finalizer or callback"
                                                : NULL;
}

int ou_stop(void)
{
    const char *why = why_not_stop();
    if (why) {
        return ou_fail(OU_ESTATE, "ou_stop: %s", why);
    }
    bool background = ou_gc_background_stop(); /* it attaches now and then */
    uint32_t others = ou_slots_inside() - 1;
    if (others) {
        if (background) {
            ou_gc_background(true);
        }
        return ou_fail(OU_ESTATE, "ou_stop: other threads are still attached (%u)", others);
    }
    ou_frame_thread_exit(); /* what only these frames refer to is garbage of the last
                               collections */
    collect_all();
    ou_gc_stop();
    if (OU_KNOB(leak_report)) {
        ou_leak_report(stderr);
    }
    ou_thread_detach();
    ou_conf_seal(false);
    started = false;
    return 0;
}

const char *ou_version(void)
{
    return OURO_VERSION;
}

const char *ou_build_info(void)
{
    return OURO_BUILD_INFO;
}
