/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * gc_pause.c - how long the background collector stops a program: LIVE nodes that stay, beside
 * them rings of RING nodes that die at up to 10^6 objects a second.
 *
 *      ouro-gc-pause [LIVE [RING [SECONDS [CONF]]]]
 *
 * Prints, a line each: collections and stops by length; how long others took to stand; the time
 * taken to judge suspects, suspects and false ones; the most garbage that there was at a time;
 * what a thread loses that has other work beside its rings, and one that has none, with an idle
 * and a busy collector, in turns; how fast rings are made if nothing bounds that.
 * Only ouro can do this; the longest stop of others is their longest collection. Two threads
 * want two processors for themselves: else a stop also contains the turns that others take
 * (chrt -f helps).
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "ouro/ouro.h"

#define RATE 1000000.0 /* objects a second */

static const ou_type *node;
static struct {
    uint64_t collections, sliced, stops, longest_ns, stop_ns, judged_ns, suspects, wrong, freed;
    uint64_t growth;
} sum; /* written by the collecting thread, one at a time; read after the last */

static void on_collected(const ou_gc_report *report, void *arg)
{
    (void)arg;
    if (report) {
        sum.collections++;
        sum.sliced += report->sliced;
        sum.stops += report->stops;
        sum.stop_ns += report->stop_ns;
        sum.suspects += report->suspects;
        sum.wrong += report->false_suspects;
        sum.freed += report->unreachable;
        sum.judged_ns += report->judged_ns;
        if (report->growth_bytes > sum.growth) {
            sum.growth = report->growth_bytes;
        }
        if (report->longest_stop_ns > sum.longest_ns) {
            sum.longest_ns = report->longest_stop_ns;
        }
    }
}

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static ou_object *node_new(void)
{
    ou_object *o = ou_instance_new(node);
    if (!o) {
        fprintf(stderr, "gc-pause: %s\n", ou_error_message());
        exit(1);
    }
    return o;
}

/* A list that hangs on its last node: an owned reference to that. */
static ou_object *chain(size_t n, ou_object **first)
{
    ou_object *last = node_new();
    *first = last;
    for (size_t i = 1; i < n; i++) {
        ou_object *o = node_new();
        ou_attr_set_at_steal(o, 0, last);
        last = o;
    }
    return last;
}

/* At `rate` objects a second at most, 0 = no bound; how many. */
static uint64_t make_rings(size_t ring, double seconds, double rate)
{
    uint64_t made = 0;
    double begin = now_s(), now = begin;
    while (now < begin + seconds) {
        ou_object *first, *last = chain(ring, &first);
        ou_attr_set_at(first, 0, last);
        ou_decref(last);
        made += ring;
        now = now_s();
        while (rate > 0 && (double)made > (now - begin) * rate) { /* ahead of the rate */
            ou_safepoint();
            now = now_s();
        }
    }
    return made;
}

/* Something to do that needs no memory: so many steps in that time, beside `rate` objects a
 * second that die in rings. */
static double work(size_t ring, double seconds, double rate)
{
    uint64_t steps = 0, made = 0, x = 1;
    double begin = now_s(), now = begin;
    while (now < begin + seconds) {
        for (int i = 0; i < 2000; i++) {
            x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        }
        steps++;
        ou_safepoint();
        now = now_s();
        if (rate > 0 && (double)made < (now - begin) * rate) {
            ou_object *first, *last = chain(ring, &first);
            ou_attr_set_at(first, 0, last);
            ou_decref(last);
            made += ring;
        }
    }
    __asm__ volatile("" : : "r"(x)); /* it was computed */
    return (double)steps / seconds;
}

/* Per cent of its work that a thread loses to the collector. Both ways in turns, because
 * machines change their speed. */
static double lost(size_t ring, double seconds, double rate)
{
    enum { TURNS = 10 };
    double speed[2] = {0, 0};
    for (int turn = 0; turn < 2 * TURNS; turn++) {
        bool with = (turn + turn / 2) % 2; /* 0 1 1 0 */
        ou_gc_collect();
        if (with) {
            ou_gc_enable();
            ou_gc_background(true);
        }
        speed[with] += work(ring, seconds / TURNS, rate);
        ou_gc_background(false);
        ou_gc_disable();
    }
    return 100 - 100 * speed[1] / speed[0];
}

static void print_pauses(const ou_pauses *stops, double seconds)
{
    printf(
        "stops: %llu, longest %.3f ms, p99 %.3f, median %.3f, %.1f %% of the time; all stood "
        "within %.3f ms\n",
        (unsigned long long)sum.stops, (double)sum.longest_ns * 1e-6,
        (double)ou_pauses_quantile(stops, 0.99) * 1e-6,
        (double)ou_pauses_quantile(stops, 0.5) * 1e-6, (double)sum.stop_ns * 1e-7 / seconds,
        (double)stops->longest_reach_ns * 1e-6);
}

/* Objects a second when nothing holds the program back, in a tenth of the time. */
static double full_speed(size_t ring, double seconds)
{
    return (double)make_rings(ring, seconds / 10, 0) / (seconds / 10);
}

int main(int argc, char **argv)
{
    size_t live = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;
    size_t ring = argc > 2 ? strtoull(argv[2], NULL, 10) : 1000;
    double seconds = argc > 3 ? strtod(argv[3], NULL) : 5;
    static const char *const attrs[] = {"next", "other"};
    if (!live || !ring || !(seconds > 0) ||
        ou_start(argc > 4 ? argv[4] : "gc_auto=0") != OU_OK) {
        fprintf(stderr, "usage: ouro-gc-pause [LIVE [RING [SECONDS [CONF]]]]\n");
        return 2;
    }
    node = ou_class_new("Node", attrs, 2, true, NULL, NULL);
    ou_object *first, *keep = chain(live, &first);
    ou_gc_collect(); /* what is live is known */
    ou_gc_callback_add(on_collected, NULL);
    ou_gc_enable();
    ou_gc_background(true);
    static ou_pauses before, stops;
    ou_pauses_get(&before);
    uint64_t made = make_rings(ring, seconds, RATE);
    ou_pauses_get(&stops);
    ou_pauses_since(&stops, &before);
    printf("live %zu, rings of %zu, %.2f M objects/s: %llu collections, %llu in short stops; "
           "%.1f %% of the garbage freed\n",
           live, ring, (double)made / seconds * 1e-6, (unsigned long long)sum.collections,
           (unsigned long long)sum.sliced, (double)sum.freed * 100 / (double)made);
    print_pauses(&stops, seconds);
    printf("judging: %.2f %% of the time; %llu suspects, %llu false; most garbage %.1f MB of "
           "%.1f MB live\n",
           (double)sum.judged_ns * 1e-7 / seconds, (unsigned long long)sum.suspects,
           (unsigned long long)sum.wrong, (double)sum.growth * 1e-6, (double)live * 32e-6);
    double with = full_speed(ring, seconds);
    ou_gc_background(false);
    ou_gc_disable();
    double idle = lost(ring, seconds / 2, 0), busy = lost(ring, seconds / 2, RATE);
    printf("lost of other work: %.1f %% to an idle collector, %.1f %% at %.0f M objects/s\n",
           idle, busy, RATE * 1e-6);
    double without = full_speed(ring, seconds);
    printf("full speed: %.2f M objects/s, %.2f M without the collector\n", with * 1e-6,
           without * 1e-6);
    ou_decref(keep);
    return ou_stop() == OU_OK ? 0 : 1;
}
