/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * work_stops.c - ouro/pause.h for a peer runtime: histogram and log of its stops. They are read
 * when nobody collects any more: the engine asks after its threads have met.
 */
#include "work_stops.h"

#include <math.h>
#include <stddef.h>
#include <time.h>

#include "ouro/pause.h"

static struct {
    ou_pauses seen;
    ou_pause *log; /* the caller's; NULL: none */
    size_t room;
    uint64_t logged;
} stops;

uint64_t work_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* A bucket is a sixteenth of a power of two, as ouro's; the upper edge is what is told. */
static unsigned bucket_of(uint64_t ns)
{
    double at = ns > 1 ? log2((double)ns) * OU_PAUSE_SUB : 0;
    return at < OU_PAUSE_BUCKETS - 1 ? (unsigned)at : OU_PAUSE_BUCKETS - 1;
}

static uint64_t edge_of(unsigned bucket)
{
    return (uint64_t)ceil(exp2((double)(bucket + 1) / OU_PAUSE_SUB));
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

void work_stop_add(uint64_t began_ns, uint64_t reach_ns, uint64_t ns)
{
    stops.seen.stops++;
    stops.seen.stopped_ns += ns;
    stops.seen.longest_ns = larger(stops.seen.longest_ns, ns);
    stops.seen.longest_reach_ns = larger(stops.seen.longest_reach_ns, reach_ns);
    stops.seen.bucket[bucket_of(ns)]++;
    if (stops.log) {
        stops.log[stops.logged++ % stops.room] = (ou_pause){began_ns, ns};
    }
}

void ou_pauses_get(ou_pauses *out)
{
    *out = stops.seen;
}

uint64_t ou_pauses_quantile(const ou_pauses *pauses, double q)
{
    uint64_t seen = 0;
    for (unsigned i = 0; i < OU_PAUSE_BUCKETS; i++) {
        seen += pauses->bucket[i];
        if (seen && (double)seen >= q * (double)pauses->stops) {
            return edge_of(i) < pauses->longest_ns ? edge_of(i) : pauses->longest_ns;
        }
    }
    return 0;
}

void ou_pauses_log(ou_pause *log, size_t n)
{
    stops.log = log;
    stops.room = n;
    stops.logged = 0;
}

uint64_t ou_pauses_logged(void)
{
    return stops.logged;
}
