/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* pauses.c - the histogram of stops: written by world.c under its lock, read by anyone. */
#include "ouro/pause.h"

#include "base/base.h"
#include "os/lock.h"
#include "thread/world.h"
#include "thread/world_internal.h"

#define SUB_BITS 4u

static_assert(1u << SUB_BITS == OU_PAUSE_SUB, "buckets a power of two");

static ou_pauses all; /* lock: world_lock; each word atomic relaxed: readers do not lock */

static struct {
    ou_lock lock;
    ou_pause *entry; /* lock, and atomic: NULL is seen without it; nobody wants it */
    size_t room;     /* lock */
    uint64_t count;  /* lock, and atomic: see ou_pauses_logged */
} pause_log;

/* Below 16 the value itself; above, the power of two and the four bits behind its first. */
static unsigned bucket_of(uint64_t ns)
{
    if (ns < OU_PAUSE_SUB) {
        return (unsigned)ns;
    }
    unsigned shift = ou_log2(ns) - SUB_BITS;
    uint64_t bucket = (uint64_t)(shift + 1) * OU_PAUSE_SUB + (ns >> shift) - OU_PAUSE_SUB;
    return (unsigned)ou_min(bucket, OU_PAUSE_BUCKETS - 1);
}

static uint64_t upper_edge(unsigned bucket)
{
    if (bucket < OU_PAUSE_SUB) {
        return bucket;
    }
    unsigned shift = bucket / OU_PAUSE_SUB - 1;
    return (((uint64_t)(bucket % OU_PAUSE_SUB) + OU_PAUSE_SUB + 1) << shift) - 1;
}

static void add(uint64_t *word, uint64_t n)
{
    ou_store_relaxed(word, *word + n);
}

static void log_add(uint64_t ns)
{
    ou_lock_take(&pause_log.lock);
    ou_pause *entry = ou_load_relaxed(&pause_log.entry);
    if (entry) {
        uint64_t count = ou_load_relaxed(&pause_log.count);
        entry[count % pause_log.room] = (ou_pause){ou_os_now_ns() - ns, ns};
        ou_store_release(&pause_log.count, count + 1); /* pairs: ou_pauses_logged */
    }
    ou_lock_give(&pause_log.lock);
}

void ou_pauses_note(uint64_t reach_ns, uint64_t ns)
{
    add(&all.stops, 1);
    add(&all.stopped_ns, ns);
    add(&all.bucket[bucket_of(ns)], 1);
    ou_store_relaxed(&all.longest_ns, ou_max(all.longest_ns, ns));
    ou_store_relaxed(&all.longest_reach_ns, ou_max(all.longest_reach_ns, reach_ns));
    if (ou_load_relaxed(&pause_log.entry)) {
        log_add(ns);
    }
}

void ou_pauses_log(ou_pause *log, size_t n)
{
    ou_lock_take(&pause_log.lock);
    ou_store_relaxed(&pause_log.entry, n > 0 ? log : NULL);
    if (log && n > 0) {
        pause_log.room = n;
        ou_store_relaxed(&pause_log.count, 0u); /* relaxed: the lock orders it */
    }
    ou_lock_give(&pause_log.lock);
}

void ou_pauses_fork(bool done)
{
    if (done) {
        ou_lock_give(&pause_log.lock);
    } else {
        ou_lock_take(&pause_log.lock);
    }
}

uint64_t ou_pauses_logged(void)
{
    return ou_load_acquire(&pause_log.count); /* pairs: log_add */
}

uint64_t ou_pauses_total_ns(void)
{
    return ou_load_relaxed(&all.stopped_ns);
}

void ou_pauses_get(ou_pauses *out)
{
    const uint64_t *from = (const uint64_t *)&all;
    uint64_t *to = (uint64_t *)out;
    for (size_t i = 0; i < sizeof all / sizeof *from; i++) {
        to[i] = ou_load_relaxed(&from[i]);
    }
}

void ou_pauses_since(ou_pauses *now, const ou_pauses *before)
{
    now->stops -= before->stops;
    now->stopped_ns -= before->stopped_ns;
    for (unsigned i = 0; i < OU_PAUSE_BUCKETS; i++) {
        now->bucket[i] -= before->bucket[i];
    }
}

uint64_t ou_pauses_quantile(const ou_pauses *pauses, double q)
{
    uint64_t total = 0, seen = 0;
    for (unsigned i = 0; i < OU_PAUSE_BUCKETS; i++) {
        total += pauses->bucket[i];
    }
    if (!total) {
        return 0;
    }
    double wanted = q * (double)total;
    for (unsigned i = 0; i + 1 < OU_PAUSE_BUCKETS; i++) {
        seen += pauses->bucket[i];
        if (seen && (double)seen >= wanted) {
            return ou_min(upper_edge(i), pauses->longest_ns);
        }
    }
    return pauses->longest_ns;
}
