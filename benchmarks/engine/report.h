/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * report.h - the record of docs/worker.md, from what was measured. Shared with ouro-replay.
 */
#ifndef ENGINE_REPORT_H
#define ENGINE_REPORT_H

#include "measure/histogram.h"
#include "measure/proof.h"
#include "measure/record.h"

/* Everything that every measuring program reports. */
struct report {
    const char *workload;
    const char *form; /* "raw", "object" */
    const char *heap; /* "malloc", "ouro" or a peer's name */
    unsigned threads;
    uint64_t seed;
    double scale;
    uint64_t wall_ns;
    uint64_t cpu_ns;
    uint64_t ops;
    uint64_t base_rss_bytes;
    uint64_t peak_rss_bytes;
    uint64_t end_rss_bytes;
    uint64_t live_peak_bytes;
    uint64_t minflt;
    uint64_t majflt;
    uint64_t checksum;
    bool by_time;
    const struct histogram *latency; /* NULL: not timed */
    const struct proof *proof;
};

/* Starts a record with all of it; callers add phases and what is their own. */
void report_fill(struct record *r, const struct report *from);

#endif
