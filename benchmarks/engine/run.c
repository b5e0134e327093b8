/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * run.c - threads, barriers and clocks around the operations. Called by main.c.
 *
 * Every worker walks through the same phases: begin (untimed), barrier, steps and end (timed),
 * barrier. Worker 0 is the main thread and reads the clocks between the barriers. What must
 * stay true: nothing between the two clock readings allocates except the workload itself.
 */
#include "engine/run.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/objects.h"
#include "engine/operations.h"
#include "engine/stops.h"
#include "measure/arena.h"
#include "measure/rss.h"

/* All threads meet; in the object form others may collect meanwhile. */
static void run_meet(struct worker *w)
{
    if (w->run->options.threads == 1) {
        return;
    }
    if (objects_used(w)) {
        ou_blocking_begin();
    }
    pthread_barrier_wait(&w->run->barrier);
    if (objects_used(w)) {
        ou_blocking_end();
    }
}

/* Steps until the plan is done or the time is over. */
static __attribute__((noinline)) void run_steps(struct worker *w)
{
    const struct op_form *op = w->phase->row->form[w->run->options.form];
    uint64_t deadline = w->phase->time_ns ? clock_wall_ns() + w->phase->time_ns : 0;
    while (w->done < w->planned) {
        uint64_t n = op->step(w, w->planned - w->done);
        if (n == 0) {
            return;
        }
        w->done += n;
        if (deadline && clock_wall_ns() >= deadline) {
            w->planned = w->done;
        }
    }
    if (op->end(w) == 0 && w->phase->freeing == FREE_PEER && w->run->options.threads > 1) {
        exchange_finish(w);
    }
}

/* Instruction counters toggle on this name, and it is a frame of its own: only timed phases
 * pass through it. */
__attribute__((noinline)) void ouro_work_timed(struct worker *w);
void ouro_work_timed(struct worker *w)
{
    run_steps(w);
    __asm__ volatile("" : : : "memory"); /* no tail call */
}

static uint64_t run_scaled(const struct run *run, const struct phase *p)
{
    double ops = (double)p->ops * run->options.scale * (1 + run->options.inject) + 0.5;
    if (p->time_ns) {
        return UINT64_MAX;
    }
    return ops < 1 ? 1 : (uint64_t)ops;
}

static void run_begin(struct worker *w, unsigned index)
{
    const struct run *run = w->run;
    w->phase = &run->plan->phase[index];
    w->rng = rng_stream(run->options.seed, w->index, index);
    w->done = 0;
    w->planned = run_scaled(run, w->phase);
    w->phase_made = w->made;
    w->resized = 0;
    w->latency = w->phase->timed ? w->histogram : NULL;
    exchange_begin(w);
    const struct op_form *op = w->phase->row->form[run->options.form];
    if (op->begin(w) != 0) {
        worker_fail(w, WORKER_MISCOUNT, "could not begin");
    }
}

static void run_finish(struct worker *w)
{
    if (w->failure == WORKER_FINE && w->done != w->planned) {
        worker_fail(w, WORKER_MISCOUNT, "%llu operations done, %llu ordered",
                    (unsigned long long)w->done, (unsigned long long)w->planned);
    }
    arena_give(w->scratch, w->scratch_bytes);
    w->scratch = NULL;
    w->scratch_bytes = 0;
}

/* Worker 0 adds what a phase took, to the phase and to the iteration. */
static void run_account(struct run *run, unsigned index, struct iteration_result *iteration,
                        const struct phase_result *took)
{
    struct phase_result *sum = &run->result[index];
    sum->wall_ns += took->wall_ns;
    sum->cpu_ns += took->cpu_ns;
    sum->minflt += took->minflt;
    sum->majflt += took->majflt;
    if (run->plan->phase[index].timed) {
        iteration->wall_ns += took->wall_ns;
        iteration->cpu_ns += took->cpu_ns;
    }
}

/* One phase on one worker. False: some worker failed, stop. */
static bool run_phase(struct worker *w, unsigned index, struct iteration_result *iteration)
{
    struct run *run = w->run;
    struct phase_result took;
    if (w->index == 0 && objects_used(w)) {
        const struct phase *p = &run->plan->phase[index];
        objects_gc_mode(p->row->form[FORM_OBJECT]->collects ? GC_MANUAL : p->gc);
    }
    run_begin(w, index);
    run_meet(w);
    if (ou_load_acquire(&run->failed)) { /* pairs: worker_fail */
        return false;
    }
    struct rss_faults faults = {0, 0};
    uint64_t cpu = 0;
    uint64_t wall = 0;
    if (w->index == 0) {
        if (run->options.pauses && w->phase->timed && stops_begin() != 0) {
            worker_fail(w, WORKER_NO_MEMORY, "no memory for the log of stops");
        }
        faults = rss_faults_read();
        cpu = clock_cpu_ns();
        wall = clock_wall_ns();
    }
    run_meet(w);
    if (w->phase->timed) {
        ouro_work_timed(w);
    } else {
        run_steps(w);
    }
    run_meet(w);
    if (w->index == 0) {
        took.wall_ns = clock_wall_ns() - wall;
        took.cpu_ns = clock_cpu_ns() - cpu;
        if (run->options.pauses && w->phase->timed) {
            stops_end();
        }
        struct rss_faults after = rss_faults_read();
        took.minflt = after.minor - faults.minor;
        took.majflt = after.major - faults.major;
        run_account(run, index, iteration, &took);
    }
    run_finish(w);
    ou_fetch_add_relaxed(&run->result[index].ops, w->done); /* relaxed: read after the join */
    run_meet(w);
    return !ou_load_acquire(&run->failed); /* pairs: worker_fail */
}

/* The largest window is taken before resident memory is first looked at: it is the engine's. */
static void run_window(struct worker *w)
{
    const struct form_plan *plan = w->run->plan;
    uint64_t most = 0;
    for (unsigned i = 0; i < plan->n_phases; i++) {
        const struct op_form *op = plan->phase[i].row->form[plan->form];
        bool fills = op == &raw_fill || op == &object_fill;
        most = fills && plan->phase[i].window > most ? plan->phase[i].window : most;
    }
    worker_window_room(w, most);
}

/* Each iteration does the same work, so each must read the same contents. */
static bool run_same_work(struct worker *w, unsigned index)
{
    struct run *run = w->run;
    struct iteration_result *it = run->iteration;
    for (unsigned i = 0; i < run->options.threads; i++) {
        it[index].checksum += run->worker[i].checksum;
    }
    uint64_t before = index ? it[index - 1].checksum : 0;
    if (it[index].checksum - before != it[0].checksum) {
        worker_fail(w, WORKER_MISCOUNT, "iteration %u did other work than the first",
                    index + 1);
        return false;
    }
    return true;
}

/* Waits for this process's turn. A peer that has ended does not answer any more: then there is
 * nobody to take turns with, and the iterations go on. */
static void run_turn_take(struct worker *w)
{
    char token;
    if (objects_used(w)) {
        ou_blocking_begin();
    }
    while (read(w->run->options.turn_in, &token, 1) < 0 && errno == EINTR) {
    }
    if (objects_used(w)) {
        ou_blocking_end();
    }
}

static void run_turn_give(const struct run *run)
{
    while (write(run->options.turn_out, "t", 1) < 0 && errno == EINTR) {
    }
}

/* All phases once. False: some worker failed, stop. */
static bool run_iteration(struct worker *w, unsigned index)
{
    if (w->index == 0 && w->run->options.turns) {
        run_turn_take(w);
    }
    for (unsigned i = 0; i < w->run->plan->n_phases; i++) {
        if (!run_phase(w, i, &w->run->iteration[index])) {
            return false;
        }
    }
    if (w->index == 0 && !w->run->by_time) {
        run_same_work(w, index);
    }
    if (w->index == 0 && w->run->options.turns) {
        run_turn_give(w->run);
    }
    run_meet(w);                              /* nobody goes on while worker 0 sums */
    return !ou_load_acquire(&w->run->failed); /* pairs: worker_fail */
}

static void run_phases(struct worker *w)
{
    struct rss_now rss;
    run_window(w);
    run_meet(w);
    if (w->index == 0 && rss_read(&rss) == 0) {
        w->run->base_rss_bytes = rss.rss_bytes;
    }
    run_meet(w);
    if (w->run->options.turns) {
        signal(SIGPIPE, SIG_IGN);
    }
    for (unsigned i = 0; i < w->run->options.iterations; i++) {
        if (!run_iteration(w, i)) {
            return;
        }
    }
    if (w->index == 0 && rss_read(&rss) == 0) {
        w->run->end_rss_bytes = rss.rss_bytes;
        w->run->peak_rss_bytes = rss.peak_bytes;
    }
    run_meet(w);
}

static void *run_thread(void *arg)
{
    struct worker *w = arg;
    if (objects_used(w) && ou_thread_attach() != 0) {
        fprintf(stderr, "ouro-work: cannot attach a thread: %s\n", ou_error_message());
        _Exit(2); /* the others would wait for it for ever */
    }
    run_phases(w);
    if (objects_used(w)) {
        ou_thread_detach();
    }
    return NULL;
}

static uint64_t run_live(void *arg)
{
    const struct run *run = arg;
    int64_t live = 0;
    for (unsigned i = 0; i < run->options.threads; i++) {
        live += (int64_t)ou_load_relaxed(&run->worker[i].live); /* relaxed: a figure */
    }
    return live > 0 ? (uint64_t)live : 0;
}

static int run_prepare(struct run *run)
{
    unsigned n = run->options.threads;
    run->release = run->options.form == FORM_RAW ? raw_release : object_release;
    run->worker = arena_take(n * sizeof *run->worker);
    run->result = arena_take(run->plan->n_phases * sizeof *run->result);
    run->iteration = arena_take(run->options.iterations * sizeof *run->iteration);
    for (unsigned i = 0; i < run->plan->n_phases; i++) {
        run->by_time |= run->plan->phase[i].time_ns != 0;
    }
    if (!run->worker || !run->result || !run->iteration ||
        pthread_barrier_init(&run->barrier, NULL, n) != 0) {
        return -1;
    }
    for (unsigned i = 0; i < n; i++) {
        struct worker *w = &run->worker[i];
        w->index = i;
        w->run = run;
        w->histogram = run->options.latency ? hist_new() : NULL;
        if (exchange_init(w) != 0 || (run->options.latency && !w->histogram)) {
            return -1;
        }
    }
    return 0;
}

/* Nothing may be left, and as much must have been given back as was made. */
static int run_verify(const struct run *run, char *why, size_t why_size)
{
    uint64_t made = 0;
    uint64_t released = 0;
    uint64_t made_bytes = 0;
    uint64_t released_bytes = 0;
    for (unsigned i = 0; i < run->options.threads; i++) {
        const struct worker *w = &run->worker[i];
        if (w->failure != WORKER_FINE) {
            snprintf(why, why_size, "phase '%s', thread %u: %s", w->phase->name, i, w->detail);
            return -1;
        }
        made += w->made;
        released += w->released;
        made_bytes += w->made_bytes;
        released_bytes += w->released_bytes;
    }
    if (made == 0 || made != released || made_bytes != released_bytes) {
        snprintf(why, why_size, "%llu things (%llu bytes) were made, %llu (%llu bytes) freed",
                 (unsigned long long)made, (unsigned long long)made_bytes,
                 (unsigned long long)released, (unsigned long long)released_bytes);
        return -1;
    }
    return 0;
}

static enum run_status run_threads(struct run *run, char *why, size_t why_size)
{
    for (unsigned i = 1; i < run->options.threads; i++) {
        struct worker *w = &run->worker[i];
        if (pthread_create(&w->thread, NULL, run_thread, w) != 0) {
            snprintf(why, why_size, "cannot create thread %u of %u", i, run->options.threads);
            return RUN_NO_RESOURCES; /* the process ends; the others wait at the barrier */
        }
    }
    run_phases(&run->worker[0]);
    if (run->options.form == FORM_OBJECT) {
        ou_blocking_begin();
    }
    for (unsigned i = 1; i < run->options.threads; i++) {
        pthread_join(run->worker[i].thread, NULL);
    }
    if (run->options.form == FORM_OBJECT) {
        ou_blocking_end();
    }
    return RUN_FINE;
}

enum run_status run_all(struct run *run, char *why, size_t why_size)
{
    struct rss_sampler *sampler = NULL;
    if (run_prepare(run) != 0) {
        snprintf(why, why_size, "no memory for the engine's own arrays");
        return RUN_NO_RESOURCES;
    }
    if (run->options.form == FORM_OBJECT && objects_start(run, why, why_size) != 0) {
        return RUN_NO_RESOURCES;
    }
    if (run->options.rss_series) {
        sampler = rss_sampler_start(run_live, run);
        if (!sampler) {
            snprintf(why, why_size, "cannot start the sampling thread");
            return RUN_NO_RESOURCES;
        }
    }
    enum run_status status = run_threads(run, why, why_size);
    if (status != RUN_FINE) {
        return status;
    }
    int err = sampler ? rss_sampler_stop(sampler, run->options.rss_series) : 0;
    if (err != 0) {
        snprintf(why, why_size, "%s: %s", run->options.rss_series, strerror(-err));
        return RUN_NO_RESOURCES;
    }
    err = run->options.pauses ? stops_write(run->options.pauses) : 0;
    if (err != 0) {
        snprintf(why, why_size, "%s: %s", run->options.pauses, strerror(-err));
        return RUN_NO_RESOURCES;
    }
    if (run_verify(run, why, why_size) != 0) {
        return RUN_UNVERIFIED;
    }
    if (run->options.form == FORM_OBJECT && objects_verify(run, why, why_size) != 0) {
        return RUN_UNVERIFIED;
    }
    return RUN_FINE;
}

struct run_totals run_sum(const struct run *run)
{
    struct run_totals t = {.by_time = run->by_time};
    for (unsigned i = 0; i < run->plan->n_phases; i++) {
        const struct phase *p = &run->plan->phase[i];
        const struct phase_result *r = &run->result[i];
        if (p->timed) {
            t.wall_ns += r->wall_ns;
            t.cpu_ns += r->cpu_ns;
            t.ops += r->ops;
            t.minflt += r->minflt;
            t.majflt += r->majflt;
        }
    }
    for (unsigned i = 0; i < run->options.threads; i++) {
        const struct worker *w = &run->worker[i];
        t.checksum += w->checksum;
        t.live_peak += w->live_peak;
        if (w->histogram && i > 0) {
            hist_merge(run->worker[0].histogram, w->histogram);
        }
    }
    t.latency = run->worker[0].histogram;
    return t;
}
