/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * oom_system.c - the system refuses memory, protection or a thread at every point of a whole
 * life: start, work, collections, threads, stop. Each point is a child of its own, with one
 * call refused and with all later ones refused as well.
 *
 * While calls are refused everything may fail, but only as OU_ENOMEM. When they are not any
 * more, the same work must succeed, no more objects and bytes may be alive than in a child that
 * was refused nothing, and the heap must be sound. (A start may stay refused: a heap without a
 * range of addresses is not tried again.)
 *
 * Points are walked until a child was refused nothing. Threads of the runtime make their calls
 * when they like, so what a number hits can differ from run to run, the verdict not.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "api/purge_thread.h"
#include "oom/faults.h"
#include "ouro/ouro.h"
#include "support/expect.h"
#include "support/proc.h"
#include "support/scale.h"

enum { POINTS_MAX = 5000, HANG_SECONDS = 100, LARGE = 3, LARGE_BYTES = 512 << 10 };

typedef enum plant { NONE, IGNORES, LEAKS, WAITS } plant;

typedef struct scene {
    const char *name, *conf;
    bool purge_thread;
} scene;

/* What a child tells its parent; in shared memory. */
typedef struct told {
    unsigned refused[FAULT_CALLS];
    uint64_t objects, bytes;
    bool started, whole; /* the work was begun; the child came to its end */
} told;

static told *tell;
static bool must; /* nothing is refused: everything must work */
static unsigned misses;

/* True when it worked. */
static bool had(bool ok)
{
    if (!ok) {
        misses++;
        EXPECT(!must);
        EXPECT(ou_error() == OU_ENOMEM);
    }
    return ok;
}

static ou_object *had_object(ou_object *o)
{
    had(o != NULL);
    return o;
}

/* ---- the work -------------------------------------------------------------------------- */

static void containers(void)
{
    char text[24];
    ou_object *dict = had_object(ou_dict_new(0));
    for (int i = 0; dict && i < 400; i++) {
        snprintf(text, sizeof text, "key number %d", i);
        ou_object *key = had_object(ou_str(text));
        ou_object *list = had_object(ou_list_new(4));
        if (key && list) {
            had(ou_dict_set(dict, key, list) == OU_OK);
            had(ou_list_append(list, dict) == OU_OK);
        }
        ou_xdecref(key);
        ou_xdecref(list);
    }
    ou_xdecref(dict); /* a ring: the collector's */
}

static void garbage(void)
{
    for (int i = 0; i < 1000; i++) {
        ou_object *list = had_object(ou_list_new(8));
        if (list) {
            had(ou_list_append(list, list) == OU_OK);
            ou_decref(list);
        }
    }
}

static bool all_are(const unsigned char *p, size_t bytes, unsigned char want)
{
    return p[0] == want && memcmp(p, p + 1, bytes - 1) == 0;
}

static void raw_had(const void *p)
{
    if (!p) {
        misses++;
        EXPECT(!must && errno == ENOMEM);
    }
}

/* Blocks that come from the arena and go back to it; zero must be zero. */
static void large_blocks(void)
{
    unsigned char *blocks[LARGE];
    for (int i = 0; i < LARGE; i++) {
        blocks[i] = ou_calloc(1, LARGE_BYTES);
        raw_had(blocks[i]);
        if (blocks[i]) {
            EXPECT(all_are(blocks[i], LARGE_BYTES, 0));
            memset(blocks[i], i + 1, LARGE_BYTES);
        }
    }
    for (int i = 0; i < LARGE; i++) {
        unsigned char *grown = blocks[i] ? ou_realloc(blocks[i], 2 * LARGE_BYTES) : NULL;
        unsigned char *p = grown ? grown : blocks[i];
        if (p) {
            raw_had(grown);
            EXPECT(all_are(p, LARGE_BYTES, (unsigned char)(i + 1)));
        }
        ou_free(p);
    }
    ou_heap_trim();
}

static void small_blocks(void)
{
    void *blocks[600];
    for (int i = 0; i < 600; i++) {
        blocks[i] = ou_malloc((size_t)i * 7 + 1);
        raw_had(blocks[i]);
    }
    for (int i = 0; i < 600; i++) {
        ou_free(blocks[i]);
    }
}

static void frames(void)
{
    ou_object *value = had_object(ou_list_new(0));
    if (value && had(ou_frame_push("frame", 2) != NULL)) {
        had(ou_frame_bind(ou_frame_current(), "x", value) == OU_OK);
        ou_frame_pop();
    }
    ou_xdecref(value);
}

/* Another thread's life; the items of `arg` die in it, those it leaves die in its owner. */
static void *guest(void *arg)
{
    ou_object *list = arg;
    if (!had(ou_thread_attach() == OU_OK)) {
        return NULL;
    }
    frames();
    small_blocks();
    had(ou_list_clear(list) == OU_OK);
    for (int i = 0; i < 600; i++) {
        ou_object *o = had_object(ou_float_new(i));
        if (o) {
            had(ou_list_append_steal(list, o) == OU_OK);
        }
    }
    had(ou_gc_collect() >= 0);
    ou_thread_detach();
    return NULL;
}

static void guests(void)
{
    pthread_t t;
    ou_object *list = had_object(ou_list_new(0));
    for (int i = 0; list && i < 600; i++) {
        ou_object *o = had_object(ou_list_new(2));
        if (o) {
            had(ou_list_append_steal(list, o) == OU_OK);
        }
    }
    if (list) {
        REQUIRE(faults_thread(&t, guest, list) == 0);
        ou_blocking_begin();
        pthread_join(t, NULL);
        ou_blocking_end();
        ou_decref(list);
    }
}

static void collections(void)
{
    garbage();
    had(ou_gc_collect() >= 0);
    garbage();
    had(ou_gc_collect_sliced(NULL) >= 0);
}

static void background(bool already)
{
    if (had(ou_gc_background(true) == OU_OK)) {
        garbage();
        had(ou_gc_background(false) == OU_OK);
    }
    if (already) {
        had(ou_gc_background(true) == OU_OK);
    }
}

static void work(const scene *s)
{
    containers();
    large_blocks();
    small_blocks();
    frames();
    guests();
    collections();
    background(strstr(s->conf, "gc_background=on"));
    ou_census(NULL, 0);
}

/* ---- one child ------------------------------------------------------------------------- */

/* What a runtime with that fault would do. */
static void planted(plant p)
{
    static const uint32_t never;
    if (p == LEAKS && misses) {
        ou_list_new(0);
    } else if (p == WAITS && misses) {
        alarm(1);
        while (!__atomic_load_n(&never, __ATOMIC_RELAXED)) {
            pause();
        }
    }
}

static bool start(const scene *s)
{
    int failed = ou_start(s->conf);
    if (failed) {
        EXPECT_EQ(failed, OU_ENOMEM);
        EXPECT_EQ(ou_error(), OU_ENOMEM);
        EXPECT(!ou_thread_attached());
    }
    return failed == OU_OK;
}

static void note_refused(void)
{
    for (unsigned kind = 0; kind < FAULT_CALLS; kind++) {
        tell->refused[kind] = faults_made_of(kind);
    }
}

/* Everything works again. */
static void aftermath(const scene *s)
{
    must = true;
    work(s);
    ou_gc_collect();
    ou_gc_collect();
    tell->objects = ou_leak_report(proc_null());
    tell->bytes = ou_heap_live_bytes();
    EXPECT_EQ(ou_heap_check(), 0);
}

static void life(const scene *s, unsigned nth, bool sticky, plant p)
{
    if (s->purge_thread) {
        ou_purge_thread_allow();
    }
    faults_arm(nth, sticky, p == IGNORES);
    bool started = start(s);
    if (started) {
        work(s);
    }
    note_refused();
    /* A stop that is refused memory must be a stop all the same. */
    EXPECT(!started || ou_stop() == OU_OK);
    note_refused();
    faults_disarm();
    if (start(s)) {
        tell->started = true;
        planted(p);
        aftermath(s);
        EXPECT_EQ(ou_stop(), OU_OK);
        EXPECT_EQ(ou_heap_check(), 0);
    }
    EXPECT(started || !nth ? tell->started : true);
    tell->whole = true;
}

/* The wait status of a child in which call `nth` was refused. */
static int child(const scene *s, unsigned nth, bool sticky, plant p)
{
    int status = -1;
    memset(tell, 0, sizeof *tell);
    fflush(NULL);
    pid_t pid = fork();
    REQUIRE(pid >= 0);
    if (pid == 0) {
        const struct rlimit none = {0, 0};
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        setrlimit(RLIMIT_CORE, &none);
        if (p == IGNORES) { /* the sanitizers would tell of it */
            signal(SIGSEGV, SIG_DFL);
        }
        alarm(HANG_SECONDS);
        unsigned before = expect_failures();
        life(s, nth, sticky, p);
        fflush(NULL);
        _exit(expect_failures() != before);
    }
    while (waitpid(pid, &status, 0) != pid) {
        REQUIRE(errno == EINTR);
    }
    return status;
}

/* ---- the walk -------------------------------------------------------------------------- */

typedef struct tally {
    unsigned points, crashes, leaks, hangs, wrong;
    unsigned refused[FAULT_CALLS];
} tally;

static unsigned add_refused(tally *t)
{
    unsigned sum = 0;
    for (unsigned kind = 0; kind < FAULT_CALLS; kind++) {
        t->refused[kind] += tell->refused[kind];
        sum += tell->refused[kind];
    }
    return sum;
}

static bool judge(tally *t, int status, const told *calm)
{
    bool hang = WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM;
    bool crash = WIFSIGNALED(status) && !hang;
    /* The guarded modes lose a large block whose protection cannot be lifted (guard.c). */
    uint64_t lost = tell->refused[FAULT_MPROTECT] * (uint64_t)(2 * LARGE_BYTES + (256 << 10));
    bool leak = status == 0 && tell->started &&
                (tell->objects > calm->objects || tell->bytes > calm->bytes + lost);
    bool wrong = WIFEXITED(status) && (WEXITSTATUS(status) != 0 || !tell->whole);
    t->hangs += hang;
    t->crashes += crash;
    t->leaks += leak;
    t->wrong += wrong;
    return !hang && !crash && !leak && !wrong;
}

static void walk(tally *all, const scene *s, bool sticky, const told *calm)
{
    unsigned step = SCALE_TSAN ? 23 : SCALE_ASAN ? 7 : 1;
    for (unsigned n = 1;; n += step) {
        REQUIRE(n < POINTS_MAX);
        int status = child(s, n, sticky, NONE);
        unsigned refused = add_refused(all);
        if (!judge(all, status, calm)) {
            fprintf(stderr,
                    "%s: call %u%s: status %#x, %" PRIu64 " objects (%" PRIu64 "), %" PRIu64
                    " bytes (%" PRIu64 ")\n",
                    s->name, n, sticky ? " and all later" : "", (unsigned)status, tell->objects,
                    calm->objects, tell->bytes, calm->bytes);
            EXPECT(!"the failure of a call is survived");
        }
        if (!refused && WIFEXITED(status)) {
            return;
        }
        all->points++;
    }
}

static void planted_are_noticed(const scene *s, const told *calm)
{
    tally ignores = {0}, leaks = {0}, waits = {0};
    /* Sticky from a point where the heap is there already. */
    for (unsigned n = 1; n < 60 && !ignores.crashes && !ignores.wrong; n++) {
        judge(&ignores, child(s, n, true, IGNORES), calm);
    }
    for (unsigned n = 1; n < 200 && !leaks.leaks; n++) {
        judge(&leaks, child(s, n, true, LEAKS), calm);
    }
    for (unsigned n = 1; n < 200 && !waits.hangs; n++) {
        judge(&waits, child(s, n, true, WAITS), calm);
    }
    printf("planted: a failure ignored, a leak, a hang: %u %u %u\n",
           ignores.crashes + ignores.wrong, leaks.leaks, waits.hangs);
    EXPECT(ignores.crashes + ignores.wrong && leaks.leaks && waits.hangs);
}

int main(void)
{
    static const scene scenes[] = {
        {"one stop, workers", "gc_workers=3,gc_parallel_bytes=0,gc_concurrent=0,gc_auto=off",
         false},
        {"beside the program", "gc_concurrent=2,gc_background=on,gc_period_ms=1000", false},
        {"blocks of malloc", "heap=malloc,gc_auto=off", false},
        {"secure", "heap_mode=secure,gc_auto=off", false},
        {"debug", "heap_mode=debug,heap_leak_sites=0,gc_auto=off", false},
        {"purge thread", "heap_background_bytes=256k,gc_auto=off", true},
    };
    tally all = {0};
    told calm = {0};
    tell = mmap(NULL, sizeof *tell, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    REQUIRE(tell != MAP_FAILED);
    for (size_t i = 0; i < sizeof scenes / sizeof *scenes; i++) {
        unsigned before = all.points;
        int status = child(&scenes[i], 0, false, NONE);
        if (status) {
            fprintf(stderr, "%s: nothing refused: status %#x\n", scenes[i].name,
                    (unsigned)status);
        }
        REQUIRE(status == 0 && tell->whole);
        calm = *tell;
        walk(&all, &scenes[i], false, &calm);
        unsigned once = all.points - before;
        walk(&all, &scenes[i], true, &calm);
        printf("%-20s %3u points once, %3u sticky\n", scenes[i].name, once,
               all.points - before - once);
    }
    for (unsigned kind = 0; kind < FAULT_CALLS; kind++) {
        printf("%s refused %u times\n", faults_names[kind], all.refused[kind]);
    }
    printf("%u points, %u crashes, %u leaks, %u hangs, %u wrong\n", all.points, all.crashes,
           all.leaks, all.hangs, all.wrong);
    REQUIRE(child(&scenes[0], 0, false, NONE) == 0);
    calm = *tell;
    planted_are_noticed(&scenes[0], &calm);
    return expect_result();
}
