/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * report.c - the keys of the record that all measuring programs share, in the order of
 * docs/worker.md. What must stay true: it is only called when the work was verified.
 */
#include "engine/report.h"

#include <stdio.h>
#include <string.h>

static void report_latency(struct record *r, const struct histogram *h)
{
    static const struct {
        const char *key;
        double q;
    } rows[] = {
        {"p50_ns", 0.5},    {"p90_ns", 0.9},      {"p99_ns", 0.99},
        {"p999_ns", 0.999}, {"p9999_ns", 0.9999},
    };
    if (!h || h->total == 0) {
        return;
    }
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (hist_supports(h, rows[i].q)) {
            record_u64(r, rows[i].key, hist_quantile(h, rows[i].q));
        }
    }
    record_u64(r, "max_ns", h->max);
}

static void report_allocator(struct record *r, const struct proof *proof)
{
    struct record inner = record_object(r, "allocator");
    record_str(&inner, "name", proof->name);
    record_str(&inner, "path", proof->path);
    record_str(&inner, "build_id", proof->build_id);
    record_join(r, &inner);
}

static void report_memory(struct record *r, const struct report *from)
{
    record_u64(r, "peak_rss_bytes", from->peak_rss_bytes);
    record_u64(r, "end_rss_bytes", from->end_rss_bytes);
    record_u64(r, "base_rss_bytes", from->base_rss_bytes);
    record_u64(r, "live_peak_bytes", from->live_peak_bytes);
    record_u64(r, "minflt", from->minflt);
    record_u64(r, "majflt", from->majflt);
}

void report_fill(struct record *r, const struct report *from)
{
    char name[256];
    char sum[17];
    bool on_other = !strcmp(from->form, "object") && strcmp(from->heap, "ouro");
    double ops = (double)from->ops;
    record_init(r);
    snprintf(name, sizeof name, "%s/%s%s%s/threads:%u", from->workload, from->form,
             on_other ? "-" : "", on_other ? from->heap : "", from->threads);
    snprintf(sum, sizeof sum, "%016llx", (unsigned long long)from->checksum);
    record_str(r, "name", name);
    record_str(r, "run_name", name);
    record_str(r, "run_type", "iteration");
    record_u64(r, "iterations", from->ops);
    record_f64(r, "real_time", (double)from->wall_ns / ops);
    record_f64(r, "cpu_time", (double)from->cpu_ns / ops);
    record_str(r, "time_unit", "ns");
    record_u64(r, "threads", from->threads);
    record_u64(r, "seed", from->seed);
    record_f64(r, "scale", from->scale);
    record_str(r, "workload", from->workload);
    record_str(r, "form", from->form);
    record_str(r, "heap", from->heap);
    record_u64(r, "wall_ns", from->wall_ns);
    record_u64(r, "cpu_ns", from->cpu_ns);
    record_u64(r, "ops", from->ops);
    record_f64(r, "items_per_second", ops / ((double)from->wall_ns / 1e9));
    report_memory(r, from);
    record_str(r, "checksum", sum);
    record_bool(r, "verified", true);
    record_str(r, "timed_by", from->by_time ? "time" : "ops");
    report_latency(r, from->latency);
    report_allocator(r, from->proof);
}
