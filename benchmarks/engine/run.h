/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * run.h - runs the phases of one form on N threads, and says what came out.
 */
#ifndef ENGINE_RUN_H
#define ENGINE_RUN_H

#include "engine/worker.h"

enum run_status { RUN_FINE, RUN_NO_RESOURCES, RUN_UNVERIFIED };

/* Runs everything; on trouble `why` holds one line. */
enum run_status run_all(struct run *run, char *why, size_t why_size);

/* Sums over the workers, for the record. */
struct run_totals {
    uint64_t wall_ns;
    uint64_t cpu_ns;
    uint64_t ops;
    uint64_t minflt;
    uint64_t majflt;
    uint64_t checksum;
    uint64_t live_peak;
    bool by_time;
    struct histogram *latency; /* NULL without --latency */
};

struct run_totals run_sum(const struct run *run);

#endif
