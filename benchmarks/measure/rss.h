/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * rss.h - resident memory of this process, now, at its peak and over time; page faults.
 *
 * The figures come from /proc/self/status (VmRSS, VmHWM). The kernel keeps them per CPU and
 * folds them in batches, so a value may be off by some 64 pages a CPU. The sampler is a thread
 * and therefore for runs of its own: a process with a second thread takes other paths in many
 * allocators.
 */
#ifndef MEASURE_RSS_H
#define MEASURE_RSS_H

#include <stdint.h>

struct rss_now {
    uint64_t rss_bytes;  /* VmRSS */
    uint64_t peak_bytes; /* VmHWM */
};

struct rss_faults {
    uint64_t minor;
    uint64_t major;
};

/* Reads both; 0, or -1 when /proc cannot be read (then the figures are 0). No malloc. */
int rss_read(struct rss_now *out);

/* Page faults of the process so far. */
struct rss_faults rss_faults_read(void);

/* What the sampler asks for the live bytes of a moment. Called by the sampler's thread. */
typedef uint64_t (*rss_live_fn)(void *arg);

struct rss_sampler;

/* Starts sampling about every millisecond. When the buffer is full every second sample is
 * dropped and the interval doubles, so any run fits. NULL: no memory or no thread. */
struct rss_sampler *rss_sampler_start(rss_live_fn live, void *arg);

/* Stops, takes a last sample, and writes `t_ns,rss_bytes,live_bytes` lines to `path`.
 * 0 or a negative errno. */
int rss_sampler_stop(struct rss_sampler *s, const char *path);

#endif
