/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * replay.c - ouro-replay: a recorded program's allocations on the malloc of this process.
 *
 * Records are decoded in batches outside the clock and done inside it, in recorded order, on
 * one thread. What the program left alive is freed at the end of a pass, as a phase of its own.
 * --scale below 1 replays that part of the records, from 2 on it repeats the trace.
 *
 * What must stay true: the contents written into a block are compared when it is freed or
 * resized; bytes alive return to zero; the engine's tables come from mmap.
 */
#include <errno.h>
#include <malloc.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/options.h"
#include "engine/report.h"
#include "engine/rng.h"
#include "measure/arena.h"
#include "measure/clock.h"
#include "measure/rss.h"
#include "ouro/atomic.h"
#include "trace/survey.h"

#define REPLAY_BATCH 16384u /* records decoded ahead: 256 KiB */
#define REPLAY_LINES 4096u  /* up to here every cache line is touched, beyond every page */

struct replay_block {
    unsigned char *p;
    uint64_t size;
    uint64_t stamp;
};

struct replay {
    struct reader reader;
    struct survey survey;
    struct replay_block *block;
    struct trace_record *batch;
    struct histogram *latency; /* NULL: not timed */
    uint64_t passes;
    uint64_t most; /* records of a pass */
    uint64_t seq;  /* stamps */
    uint64_t ops;
    uint64_t checksum;
    uint64_t live; /* atomic: the sampler reads it */
    uint64_t live_peak;
    uint64_t wall_ns;
    uint64_t cpu_ns;
    uint64_t drain_ns;
    uint64_t drained;
    struct rss_faults faults;
    char failed[160]; /* "" while all is well */
};

static void replay_fail(struct replay *r, const char *what, uint64_t size)
{
    if (!r->failed[0]) {
        snprintf(r->failed, sizeof r->failed, "record %llu: %s (%llu bytes)",
                 (unsigned long long)r->ops, what, (unsigned long long)size);
    }
}

/* Writes as a program would: a stamp in front, then one byte a line or a page, and the last. */
static void replay_touch(struct replay_block *b)
{
    uint64_t step = b->size <= REPLAY_LINES ? 64 : 4096;
    for (uint64_t at = step; at < b->size; at += step) {
        b->p[at] = (unsigned char)b->stamp;
    }
    if (b->size > 8) {
        b->p[b->size - 1] = (unsigned char)b->stamp;
    }
    memcpy(b->p, &b->stamp, b->size < 8 ? b->size : 8);
}

static void replay_check(struct replay *r, const struct replay_block *b, uint64_t kept)
{
    uint64_t word = 0;
    uint64_t want = 0;
    size_t n = kept < 8 ? kept : 8;
    memcpy(&word, b->p, n);
    memcpy(&want, &b->stamp, n);
    bool fine = word == want;
    if (kept == b->size && b->size > 8) {
        fine &= b->p[b->size - 1] == (unsigned char)b->stamp;
    }
    if (!fine) {
        replay_fail(r, "a block lost its contents", b->size);
    }
    r->checksum += (word ^ (word >> 29)) * 0x9e3779b97f4a7c15u;
}

static void replay_live(struct replay *r, uint64_t plus, uint64_t minus)
{
    uint64_t live = ou_load_relaxed(&r->live) + plus - minus; /* relaxed: a figure */
    ou_store_relaxed(&r->live, live);
    r->live_peak = live > r->live_peak ? live : r->live_peak;
}

static void *replay_allocate(const struct trace_record *rec)
{
    void *p = NULL;
    size_t align = (size_t)1 << rec->align_log2;
    switch (rec->kind) {
    case TRACE_CALLOC:
        return calloc(1, rec->size);
    case TRACE_MEMALIGN:
        align = align < sizeof(void *) ? sizeof(void *) : align;
        return posix_memalign(&p, align, rec->size) == 0 ? p : NULL;
    default:
        return malloc(rec->size);
    }
}

static void replay_make(struct replay *r, const struct trace_record *rec)
{
    struct replay_block *b = &r->block[rec->id];
    b->p = replay_allocate(rec);
    if (!b->p && rec->size) {
        replay_fail(r, "the allocator returned NULL", rec->size);
        return;
    }
    b->size = b->p ? rec->size : 0;
    b->stamp = rng_mix(++r->seq);
    if (rec->kind == TRACE_CALLOC && b->size && (b->p[0] | b->p[b->size - 1])) {
        replay_fail(r, "calloc gave memory that is not zero", b->size);
    }
    replay_touch(b);
    replay_live(r, b->size, 0);
}

static void replay_free(struct replay *r, struct replay_block *b)
{
    replay_check(r, b, b->size);
    free(b->p);
    replay_live(r, 0, b->size);
    *b = (struct replay_block){0};
}

static void replay_resize(struct replay *r, const struct trace_record *rec)
{
    struct replay_block *b = &r->block[rec->id];
    uint64_t old = b->size;
    unsigned char *p = realloc(b->p, rec->size);
    if (!p) {
        replay_fail(r, "realloc returned NULL", rec->size);
        return;
    }
    b->p = p;
    replay_check(r, b, old < rec->size ? old : rec->size);
    b->size = rec->size;
    b->stamp = rng_mix(++r->seq);
    replay_touch(b);
    replay_live(r, b->size, old);
}

static void replay_one(struct replay *r, const struct trace_record *rec)
{
    if (rec->kind == TRACE_FREE) {
        replay_free(r, &r->block[rec->id]);
    } else if (rec->kind == TRACE_REALLOC) {
        replay_resize(r, rec);
    } else {
        replay_make(r, rec);
    }
    r->ops++;
}

/* The timed part; instruction counters toggle on its name. */
__attribute__((noinline)) void ouro_replay_timed(struct replay *r, size_t n);
void ouro_replay_timed(struct replay *r, size_t n)
{
    uint64_t mark = r->latency ? clock_wall_ns() : 0;
    for (size_t i = 0; i < n && !r->failed[0]; i++) {
        replay_one(r, &r->batch[i]);
        if (r->latency) {
            uint64_t now = clock_wall_ns();
            hist_add(r->latency, now - mark);
            mark = now;
        }
    }
}

static void replay_drain(struct replay *r)
{
    for (uint32_t id = 0; id < r->survey.ids && !r->failed[0]; id++) {
        if (r->block[id].size || r->block[id].p) {
            replay_free(r, &r->block[id]);
            r->drained++;
            r->ops++;
        }
    }
}

/* Clocks around one part; n records, or the drain when n is 0. */
static void replay_clocked(struct replay *r, size_t n)
{
    struct rss_faults before = rss_faults_read();
    uint64_t cpu = clock_cpu_ns();
    uint64_t wall = clock_wall_ns();
    if (n) {
        ouro_replay_timed(r, n);
    } else {
        replay_drain(r);
    }
    wall = clock_wall_ns() - wall;
    r->wall_ns += wall;
    r->drain_ns += n ? 0 : wall;
    r->cpu_ns += clock_cpu_ns() - cpu;
    struct rss_faults after = rss_faults_read();
    r->faults.minor += after.minor - before.minor;
    r->faults.major += after.major - before.major;
}

static int replay_pass(struct replay *r, struct complaint *c)
{
    uint64_t left = r->most;
    reader_rewind(&r->reader);
    while (left && !r->failed[0]) {
        size_t n = 0;
        int more = 1;
        while (n < REPLAY_BATCH && n < left &&
               (more = reader_next(&r->reader, &r->batch[n], c)) > 0) {
            n++;
        }
        if (more < 0 || n == 0) {
            return more < 0 ? -1 : complain(c, r->reader.file, 0, "changed while it was read");
        }
        left -= n;
        replay_clocked(r, n);
    }
    replay_clocked(r, 0);
    return 0;
}

static int replay_fits(const struct replay *r, struct complaint *c)
{
    double need = (double)r->survey.live_peak_bytes;
    double have = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
    if (r->survey.records == 0) {
        return complain(c, r->reader.file, 0, "holds no record");
    }
    if (need > have) {
        return complain(c, r->reader.file, 0, "keeps %.1f GiB alive, the machine has %.1f GiB",
                        need / 0x1p30, have / 0x1p30);
    }
    return 0;
}

/* Opens, checks, makes the tables. 0 or -1 with a complaint. */
static int replay_prepare(struct replay *r, const struct options *o, struct complaint *c)
{
    if ((o->form && strcmp(o->form, "raw") != 0) || o->threads > 1) {
        return complain(c, "ouro-replay", 0, "a trace is replayed raw and on one thread");
    }
    if (o->iterations > 1 || o->inject > 0 || o->turns) {
        return complain(c, "ouro-replay", 0,
                        "takes neither --iterations, --turns nor --inject");
    }
    if (reader_open(&r->reader, o->input, c) != 0 ||
        survey_trace(&r->reader, UINT64_MAX, &r->survey, c) != 0) {
        return -1;
    }
    r->passes = o->scale < 2 ? 1 : (uint64_t)lround(o->scale);
    r->most = r->survey.records;
    if (o->scale < 1) {
        r->most = (uint64_t)((double)r->most * o->scale);
        r->most = r->most ? r->most : 1;
        if (survey_trace(&r->reader, r->most, &r->survey, c) != 0) {
            return -1;
        }
    }
    if (r->reader.tail_dropped && r->survey.records) {
        fprintf(stderr, "%s: warning: truncated at the end, %llu records are whole\n", o->input,
                (unsigned long long)r->survey.records);
    }
    r->block = arena_take((r->survey.ids + 1) * sizeof *r->block);
    r->batch = arena_take(REPLAY_BATCH * sizeof *r->batch);
    r->latency = o->latency ? hist_new() : NULL;
    if (!r->block || !r->batch || (o->latency && !r->latency)) {
        return complain(c, o->input, 0, "no memory for the table of blocks");
    }
    return replay_fits(r, c);
}

static uint64_t replay_live_now(void *arg)
{
    const struct replay *r = arg;
    return ou_load_relaxed(&r->live); /* relaxed: a figure */
}

/* The file's name without its folder and without an ending, in the letters a name may have. */
static void replay_name(const char *file, char *name, size_t size)
{
    const char *slash = strrchr(file, '/');
    snprintf(name, size, "%s", slash ? slash + 1 : file);
    char *dot = strrchr(name, '.');
    if (dot && dot != name) {
        *dot = 0;
    }
    for (char *at = name; *at; at++) {
        bool fine = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') ||
                    (*at >= '0' && *at <= '9') || *at == '-' || *at == '_' || *at == '.';
        *at = fine ? *at : '_';
    }
}

static void replay_phase(struct record *list, const char *name, uint64_t ns, uint64_t ops)
{
    struct record item = record_list_item(list);
    record_str(&item, "name", name);
    record_u64(&item, "wall_ns", ns);
    record_u64(&item, "ops", ops);
    record_join(list, &item);
}

static int replay_record(const struct replay *r, const struct options *o,
                         const struct proof *proof, uint64_t base_rss)
{
    char name[128];
    struct rss_now rss;
    struct record record;
    rss_read(&rss);
    replay_name(o->input, name, sizeof name);
    struct report report = {
        .workload = name,
        .form = "raw",
        .heap = "malloc",
        .threads = 1,
        .seed = o->seed,
        .scale = o->scale,
        .wall_ns = r->wall_ns,
        .cpu_ns = r->cpu_ns,
        .ops = r->ops,
        .base_rss_bytes = base_rss,
        .peak_rss_bytes = rss.peak_bytes,
        .end_rss_bytes = rss.rss_bytes,
        .live_peak_bytes = r->live_peak,
        .minflt = r->faults.minor,
        .majflt = r->faults.major,
        .checksum = r->checksum,
        .latency = r->latency,
        .proof = proof,
    };
    report_fill(&record, &report);
    struct record list = record_list(&record, "phases");
    replay_phase(&list, "replay", r->wall_ns - r->drain_ns, r->ops - r->drained);
    replay_phase(&list, "drain", r->drain_ns, r->drained);
    record_join(&record, &list);
    int err = record_write(&record, o->out_fd);
    if (err != 0) {
        fprintf(stderr, "ouro-replay: record not written: %s\n",
                err == -2 ? (record.bad ? record.bad : "out of memory") : strerror(errno));
        return err == -2 ? EXIT_UNVERIFIED : EXIT_BAD_INPUT;
    }
    return EXIT_MEASURED;
}

/* Did the replay do what the trace says, and give everything back? */
static int replay_verify(struct replay *r)
{
    uint64_t want = r->passes * (r->most + r->survey.left_blocks);
    if (!r->failed[0] && (r->ops != want || r->live != 0)) {
        snprintf(r->failed, sizeof r->failed, "%llu operations of %llu, %llu bytes left",
                 (unsigned long long)r->ops, (unsigned long long)want,
                 (unsigned long long)r->live);
    }
    if (!r->failed[0] && r->live_peak != r->survey.live_peak_bytes) {
        snprintf(r->failed, sizeof r->failed, "peak of %llu bytes, the trace has %llu",
                 (unsigned long long)r->live_peak,
                 (unsigned long long)r->survey.live_peak_bytes);
    }
    return r->failed[0] ? -1 : 0;
}

static int replay_run(struct replay *r, const struct options *o, const struct proof *proof,
                      struct complaint *c)
{
    struct rss_now rss;
    struct rss_sampler *sampler = NULL;
    rss_read(&rss);
    if (o->rss_series && !(sampler = rss_sampler_start(replay_live_now, r))) {
        complain(c, o->rss_series, 0, "cannot start the sampling thread");
        return EXIT_BAD_INPUT;
    }
    for (uint64_t i = 0; i < r->passes && !r->failed[0]; i++) {
        if (replay_pass(r, c) != 0) {
            return EXIT_BAD_INPUT;
        }
    }
    int err = sampler ? rss_sampler_stop(sampler, o->rss_series) : 0;
    if (err != 0) {
        complain(c, o->rss_series, 0, "%s", strerror(-err));
        return EXIT_BAD_INPUT;
    }
    if (replay_verify(r) != 0) {
        complain(c, o->input, 0, "%s", r->failed);
        return EXIT_UNVERIFIED;
    }
    return replay_record(r, o, proof, rss.rss_bytes);
}

static int replay_main(const struct options *o, struct complaint *c)
{
    static struct replay replay;
    static struct proof proof;
    char why[2 * PROOF_PATH] = "";
    if (replay_prepare(&replay, o, c) != 0) {
        return EXIT_BAD_INPUT;
    }
    if (o->info || o->list) {
        survey_print(&replay.reader, &replay.survey);
        return EXIT_MEASURED;
    }
    int err = proof_read(&proof, why, sizeof why);
    err = err == 0 && o->expect ? proof_expect(&proof, o->expect, why, sizeof why) : err;
    if (err != 0) {
        complain(c, "ouro-replay", 0, "%s", why);
        return err == -2 ? EXIT_BAD_INPUT : EXIT_ALLOCATOR;
    }
    return replay_run(&replay, o, &proof, c);
}

int main(int argc, char **argv)
{
    struct complaint c = {0};
    struct options o;
    int code = EXIT_BAD_INPUT;
    if (options_parse(argc, argv, "ouro-replay", "TRACE [options]; --info: what is in it", &o,
                      &c) == 0) {
        if (!o.input) {
            complain(&c, "ouro-replay", 0, "which trace? (see --help)");
        } else {
            code = replay_main(&o, &c);
        }
    }
    if (c.set) {
        complaint_print(&c, stderr);
    }
    return code;
}
