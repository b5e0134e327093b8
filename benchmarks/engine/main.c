/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * main.c - ouro-work: one workload, one allocator, one record. The order is fixed: options,
 * workload file, proof of the allocator, run, verification, record.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/below.h"
#include "engine/objects.h"
#include "engine/ops.h"
#include "engine/options.h"
#include "engine/report.h"
#include "engine/run.h"

/* The runtime below, as --heap and the record name it: ouro-work-cpython is this program on
 * another one (benchmarks/peers). */
#ifndef OURO_WORK_HEAP
#define OURO_WORK_HEAP "ouro"
#endif

static int main_bad(const struct complaint *c)
{
    complaint_print(c, stderr);
    return c->lacks ? EXIT_LACKS : EXIT_BAD_INPUT;
}

static int main_list(void)
{
    const struct op_row *row;
    for (unsigned i = 0; (row = op_at(i)); i++) {
        printf("%-12s %s%s%s\n", row->name, row->help, row->form[FORM_RAW] ? " [raw]" : "",
               row->form[FORM_OBJECT] ? " [object]" : "");
    }
    return EXIT_MEASURED;
}

/* Raw blocks, and objects on the process's malloc, are ouro's own affair. */
static bool main_serves(enum form form, const char *heap)
{
    bool ouro = !strcmp(OURO_WORK_HEAP, "ouro");
    bool known = !heap || !strcmp(heap, OURO_WORK_HEAP) || (ouro && !strcmp(heap, "malloc"));
    return known && (ouro || form == FORM_OBJECT);
}

/* Names the first phase that means nothing on the runtime below. */
static int main_lacks(const struct workload *wl, const struct form_plan *plan,
                      struct complaint *c)
{
    for (unsigned i = 0; i < plan->n_phases; i++) {
        const struct phase *p = &plan->phase[i];
        const char *why = below_lacks(p);
        if (why) {
            c->lacks = true;
            return complain(c, wl->file, 0, "phase '%s': op '%s' has no counterpart on %s: %s",
                            p->name, p->row->name, OURO_WORK_HEAP, why);
        }
    }
    return 0;
}

/* Chooses form, threads and seed; refuses what the product of all makes absurd. */
static int main_choose(const struct options *o, const struct workload *wl, struct run *run,
                       struct complaint *c)
{
    struct run_options *r = &run->options;
    for (unsigned i = 0; i < wl->n_forms && !run->plan; i++) {
        if (!o->form || !strcmp(o->form, workload_form_name(wl->form[i].form))) {
            run->plan = &wl->form[i];
        }
    }
    if (!run->plan) {
        return complain(c, wl->file, 0, "has no form '%s'", o->form);
    }
    run->workload = wl;
    r->form = run->plan->form;
    r->heap_malloc = r->form == FORM_RAW || (o->heap && !strcmp(o->heap, "malloc"));
    if (!main_serves(r->form, o->heap)) {
        return complain(
            c, "ouro-work", 0, "--heap: form %s on '%.80s': this program is for '%s'",
            workload_form_name(r->form), o->heap ? o->heap : OURO_WORK_HEAP, OURO_WORK_HEAP);
    }
    r->threads = o->threads ? (unsigned)o->threads : wl->threads;
    r->seed = o->seed_set ? o->seed : wl->seed;
    r->scale = o->scale;
    r->iterations = (unsigned)o->iterations;
    r->turns = o->turns;
    r->turn_in = o->turn_in;
    r->turn_out = o->turn_out;
    r->inject = (double)o->inject / 0x1p32;
    r->latency = o->latency;
    r->rss_series = o->rss_series;
    r->pauses = o->pauses;
    if (o->pauses && r->form != FORM_OBJECT) {
        return complain(c, wl->file, 0, "--pauses: only objects have a collector that stops");
    }
    if (r->form == FORM_OBJECT && main_lacks(wl, run->plan, c) != 0) {
        return -1;
    }
    for (unsigned i = 0; i < run->plan->n_phases; i++) {
        const struct phase *p = &run->plan->phase[i];
        double ops = (double)p->ops * r->scale * (1 + r->inject) * r->iterations;
        if (ops * r->threads > (double)WORKLOAD_MAX_OPS) {
            return complain(c, wl->file, 0,
                            "phase '%s': ops x scale x iterations x threads above %llu",
                            p->name, (unsigned long long)WORKLOAD_MAX_OPS);
        }
        double need = workload_need(p, r->threads, r->scale * (1 + r->inject));
        if (need > workload_have()) {
            return complain(c, wl->file, 0,
                            "phase '%s': keeps %.1f GiB alive, the machine has %.1f", p->name,
                            need / 0x1p30, workload_have() / 0x1p30);
        }
    }
    return 0;
}

/* Stops of the world; a quantile only where there are enough of them (as for latencies). */
static void main_pauses(struct record *r, const ou_pauses *p)
{
    record_u64(r, "gc_stops", p->stops);
    record_u64(r, "gc_pause_max_ns", p->longest_ns);
    record_u64(r, "gc_pause_total_ns", p->stopped_ns);
    record_u64(r, "gc_reach_max_ns", p->longest_reach_ns);
    if (p->stops >= 200) {
        record_u64(r, "gc_pause_p50_ns", ou_pauses_quantile(p, 0.5));
    }
    if (p->stops >= 10000) {
        record_u64(r, "gc_pause_p99_ns", ou_pauses_quantile(p, 0.99));
    }
}

/* Upper edge of a bucket: what a quantile answers when it is the only one. */
static uint64_t main_edge(unsigned bucket)
{
    ou_pauses one = {.stops = 1, .longest_ns = UINT64_MAX};
    one.bucket[bucket] = 1;
    return ou_pauses_quantile(&one, 1);
}

static void main_histogram(struct record *r, const ou_pauses *p)
{
    struct record list = record_list(r, "gc_pauses");
    for (unsigned i = 0; i < OU_PAUSE_BUCKETS; i++) {
        if (p->bucket[i]) {
            struct record item = record_list_item(&list);
            record_u64(&item, "up_to_ns", main_edge(i));
            record_u64(&item, "stops", p->bucket[i]);
            record_join(&list, &item);
        }
    }
    record_join(r, &list);
}

static void main_objects(struct record *r)
{
    const struct objects_gc *gc = objects_gc_read();
    char runtime[512];
    snprintf(runtime, sizeof runtime, "%s %s", ou_version(), ou_build_info());
    record_u64(r, "gc_count", gc->count);
    if (below_counts) {
        record_u64(r, "gc_unreachable", gc->unreachable);
        record_u64(r, "gc_garbage_peak", gc->garbage_peak);
    }
    if (!strcmp(OURO_WORK_HEAP, "ouro")) {
        record_u64(r, "gc_candidates", gc->candidates);
        record_u64(r, "gc_false_suspects", gc->false_suspects);
        record_u64(r, "gc_validation_ns", gc->validation_ns);
    }
    main_pauses(r, &gc->pauses);
    main_histogram(r, &gc->pauses);
    record_str(r, "runtime", runtime);
}

static void main_phases(struct record *r, const struct run *run)
{
    struct record list = record_list(r, "phases");
    for (unsigned i = 0; i < run->plan->n_phases; i++) {
        struct record item = record_list_item(&list);
        record_str(&item, "name", run->plan->phase[i].name);
        record_u64(&item, "wall_ns", run->result[i].wall_ns);
        record_u64(&item, "ops", run->result[i].ops);
        record_join(&list, &item);
    }
    record_join(r, &list);
}

/* One item an iteration; what was injected is marked, so that nobody takes it for a figure. */
static void main_iterations(struct record *r, const struct run *run)
{
    const struct run_options *o = &run->options;
    if (o->inject > 0) {
        record_f64(r, "injected", o->inject);
    }
    if (o->iterations == 1) {
        return;
    }
    struct record list = record_list(r, "rounds");
    for (unsigned i = 0; i < o->iterations; i++) {
        struct record item = record_list_item(&list);
        record_u64(&item, "wall_ns", run->iteration[i].wall_ns);
        record_u64(&item, "cpu_ns", run->iteration[i].cpu_ns);
        record_join(&list, &item);
    }
    record_join(r, &list);
}

static int main_record(const struct run *run, const struct proof *proof, int fd)
{
    struct run_totals t = run_sum(run);
    const struct run_options *o = &run->options;
    struct record r;
    struct report report = {
        .workload = run->workload->name,
        .form = workload_form_name(o->form),
        .heap = o->heap_malloc ? "malloc" : OURO_WORK_HEAP,
        .threads = o->threads,
        .seed = o->seed,
        .scale = o->scale,
        .wall_ns = t.wall_ns,
        .cpu_ns = t.cpu_ns,
        .ops = t.ops,
        .base_rss_bytes = run->base_rss_bytes,
        .peak_rss_bytes = run->peak_rss_bytes,
        .end_rss_bytes = run->end_rss_bytes,
        .live_peak_bytes = t.live_peak,
        .minflt = t.minflt,
        .majflt = t.majflt,
        .checksum = t.checksum,
        .by_time = t.by_time,
        .latency = t.latency,
        .proof = proof,
    };
    report_fill(&r, &report);
    main_phases(&r, run);
    main_iterations(&r, run);
    if (o->form == FORM_OBJECT) {
        main_objects(&r);
    }
    int err = record_write(&r, fd);
    if (err != 0) {
        fprintf(stderr, "ouro-work: record not written: %s\n",
                err == -2 ? (r.bad ? r.bad : "out of memory") : strerror(errno));
        return err == -2 ? EXIT_UNVERIFIED : EXIT_BAD_INPUT;
    }
    return EXIT_MEASURED;
}

static int main_run(struct run *run, const struct proof *proof, int fd)
{
    char why[512] = "";
    enum run_status status = run_all(run, why, sizeof why);
    if (status == RUN_FINE) {
        return main_record(run, proof, fd);
    }
    fprintf(stderr, "%s: %s\n", run->workload->file, why);
    return status == RUN_UNVERIFIED ? EXIT_UNVERIFIED : EXIT_BAD_INPUT;
}

/* Which file malloc comes from, and whether that is the expected one. 0, or an exit status. */
static int main_proof(const struct options *o, struct proof *proof)
{
    char why[2 * PROOF_PATH];
    int err = proof_read(proof, why, sizeof why);
    if (err == 0 && o->expect) {
        err = proof_expect(proof, o->expect, why, sizeof why);
    }
    if (err != 0) {
        fprintf(stderr, "ouro-work: %s\n", why);
        return err == -2 ? EXIT_BAD_INPUT : EXIT_ALLOCATOR;
    }
    return 0;
}

int main(int argc, char **argv)
{
    static struct workload workload;
    static struct proof proof;
    struct complaint c = {0};
    struct options o;
    struct run run = {0};
    if (options_parse(argc, argv, "ouro-work", "FILE.yaml [options]", &o, &c) != 0) {
        return main_bad(&c);
    }
    if (o.list) {
        return o.expect ? main_proof(&o, &proof) : main_list();
    }
    if (workload_load(o.input, &workload, &c) != 0 ||
        main_choose(&o, &workload, &run, &c) != 0) {
        return main_bad(&c);
    }
    int code = main_proof(&o, &proof);
    if (code != 0) {
        return code;
    }
    code = main_run(&run, &proof, o.out_fd);
    if (code != EXIT_MEASURED) {
        fflush(NULL);
        _Exit(code); /* worker threads of a failed run may still wait at a barrier */
    }
    return code;
}
