/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * Row 9 - the collector also runs by itself, and in the background.
 *
 * A program that only makes garbage rings and never asks for a collection runs in bounded
 * memory, once with automatic collections and once with the background thread; with both off
 * the same rings pile up, and one explicit collection finds exactly all of them.
 */
#include <pthread.h>
#include <time.h>

#include "ouro/atomic.h"
#include "ouro/ouro.h"
#include "support/expect.h"
#include "support/scale.h"
#include "support/transcript.h"

#define ROW09_RINGS scale_ops(200000)
#define ROW09_MIN_BYTES ((size_t)1 << 20)
#define ROW09_BOUND ((size_t)8 << 20)

static const char *const row09_expected[] = {
    "all off: every ring stays: True",
    "gc.collect() finds them all: True",
    "automatic: gc.isenabled(): True",
    "automatic: collections ran without being asked: True",
    "automatic: memory stayed bounded: True",
    "background: memory stayed bounded: True",
    "background: collects while the program only waits: True",
    "gc.disable(): gc.isenabled(): False",
};

typedef struct row09_seen {
    pthread_t main;
    size_t automatic;               /* atomic: automatic collections */
    uint64_t unreachable_elsewhere; /* atomic: found by the last one not on main */
} row09_seen;

static const ou_type *row09_node;

static void row09_ring(void)
{
    ou_object *x = ou_instance_new(row09_node);
    ou_object *y = ou_instance_new(row09_node);
    REQUIRE(x && y);
    EXPECT_EQ(ou_attr_set(x, "ref", y), OU_OK);
    EXPECT_EQ(ou_attr_set(y, "ref", x), OU_OK);
    ou_decref(x);
    ou_decref(y);
}

/* Makes rings; returns the most memory held above `base` seen on the way. */
static size_t row09_make(size_t rings, size_t base)
{
    size_t peak = 0;
    for (size_t i = 0; i < rings; i++) {
        row09_ring();
        ou_safepoint();
        if (i % 256 == 0) {
            size_t held = ou_heap_held_bytes();
            peak = held > base && held - base > peak ? held - base : peak;
        }
    }
    return peak;
}

/* After every collection, on the thread that collected. */
static void row09_count(const ou_gc_report *report, void *arg)
{
    row09_seen *seen = arg;
    if (!report || !report->automatic) {
        return;
    }
    ou_fetch_add_relaxed(&seen->automatic, (size_t)1);
    if (!pthread_equal(pthread_self(), seen->main)) {
        ou_store_relaxed(&seen->unreachable_elsewhere, report->unreachable);
    }
}

static void row09_off(void)
{
    size_t rings = scale_ops(50000);
    ou_gc_collect();
    size_t base = ou_heap_held_bytes();
    size_t peak = row09_make(rings, base);
    say("all off: every ring stays: %s", peak >= rings / 2 * 64 ? "True" : "False");
    say("gc.collect() finds them all: %s",
        ou_gc_collect() == (int64_t)rings * 2 ? "True" : "False");
}

static void row09_automatic(row09_seen *seen)
{
    ou_gc_enable();
    say("automatic: gc.isenabled(): %s", ou_gc_is_enabled() ? "True" : "False");
    size_t peak = row09_make(ROW09_RINGS, ou_heap_held_bytes());
    say("automatic: collections ran without being asked: %s",
        ou_load_relaxed(&seen->automatic) > 0 ? "True" : "False");
    say("automatic: memory stayed bounded: %s", peak < ROW09_BOUND ? "True" : "False");
    if (peak >= ROW09_BOUND) {
        fprintf(stderr, "automatic: peak %zu bytes, %zu collections\n", peak,
                ou_load_relaxed(&seen->automatic));
    }
}

/* Rings pile up while all is off; then the switch is turned and this thread does nothing but
 * wait. Only the background thread is left to collect. */
static bool row09_idle_collects(row09_seen *seen)
{
    const struct timespec millisecond = {.tv_nsec = 1000000};
    ou_gc_disable();
    ou_gc_collect();
    row09_make(40000, 0);
    ou_store_relaxed(&seen->unreachable_elsewhere, (uint64_t)0);
    ou_gc_enable();
    ou_blocking_begin();
    bool found = false;
    for (int i = 0; i < 10000 && !found; i++) {
        nanosleep(&millisecond, NULL);
        found = ou_load_relaxed(&seen->unreachable_elsewhere) >= 80000;
    }
    ou_blocking_end();
    return found;
}

static void row09_background(row09_seen *seen)
{
    EXPECT_EQ(ou_gc_background(true), OU_OK);
    size_t peak = row09_make(ROW09_RINGS, ou_heap_held_bytes());
    say("background: memory stayed bounded: %s", peak < 4 * ROW09_BOUND ? "True" : "False");
    if (peak >= 4 * ROW09_BOUND) {
        fprintf(stderr, "background: peak %zu bytes\n", peak);
    }
    say("background: collects while the program only waits: %s",
        row09_idle_collects(seen) ? "True" : "False");
    EXPECT_EQ(ou_gc_background(false), OU_OK);
}

int main(void)
{
    row09_seen seen = {.main = pthread_self()};
    REQUIRE(ou_start("gc_auto=0,gc_background=0,gc_period_ms=5") == OU_OK);
    row09_node = ou_class_new("Node", NULL, 0, false, NULL, NULL);
    REQUIRE(row09_node != NULL);
    EXPECT_EQ(ou_gc_threshold_set(ROW09_MIN_BYTES, 50), OU_OK);
    EXPECT_EQ(ou_gc_callback_add(row09_count, &seen), OU_OK);
    row09_off();
    row09_automatic(&seen);
    row09_background(&seen);
    ou_gc_disable();
    say("gc.disable(): gc.isenabled(): %s", ou_gc_is_enabled() ? "True" : "False");
    TRANSCRIPT_CHECK(row09_expected);
    EXPECT_EQ(ou_stop(), OU_OK);
    return expect_result();
}
