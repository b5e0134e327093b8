/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* policy.c - when and how automatic collections run, as a program chooses while it runs. */
#include "conf/conf.h"
#include "gc/gc.h"
#include "ouro/runtime.h"

void ou_gc_enable(void)
{
    ou_knob_set("gc_auto", "1");
}

void ou_gc_disable(void)
{
    ou_knob_set("gc_auto", "0");
}

bool ou_gc_is_enabled(void)
{
    return OU_KNOB(gc_auto);
}

int ou_gc_threshold_set(size_t min_bytes, unsigned percent)
{
    if (percent > 1000 || min_bytes > (size_t)1 << 40) {
        return ou_fail(OU_EINVAL, "gc threshold: at most 1000 percent and 1 TiB");
    }
    ou_store_relaxed(&ou_conf.gc_min_bytes, (int64_t)min_bytes);
    ou_store_relaxed(&ou_conf.gc_percent, (int64_t)percent);
    return 0;
}

static const struct {
    int64_t slice_us, min_bytes, percent;
} policies[] = {
    [OU_GC_PAUSE_FIRST] = {200, (int64_t)8 << 20, 33},
    [OU_GC_MEMORY_FIRST] = {0, (int64_t)4 << 20, 25},
};

int ou_gc_policy_set(ou_gc_policy policy)
{
    if ((unsigned)policy >= sizeof policies / sizeof policies[0]) {
        return ou_fail(OU_EINVAL, "gc policy: %d is none", (int)policy);
    }
    ou_store_relaxed(&ou_conf.gc_slice_us, policies[policy].slice_us);
    ou_store_relaxed(&ou_conf.gc_min_bytes, policies[policy].min_bytes);
    ou_store_relaxed(&ou_conf.gc_percent, policies[policy].percent);
    return 0;
}
