/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * rss.c - /proc/self/status without stdio, and the sampling thread. Called by the engine and by
 * replay. What must stay true: nothing between start and stop allocates from malloc.
 */
#include "rss.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "ouro/atomic.h"

#include "arena.h"
#include "clock.h"

#define RSS_SAMPLES 8192u        /* 192 KiB; figures are drawn with fewer points */
#define RSS_INTERVAL_NS 1000000u /* reading /proc takes some 20 us: 2 % of one core */

struct rss_sample {
    uint64_t t_ns;
    uint64_t rss_bytes;
    uint64_t live_bytes;
};

struct rss_sampler {
    pthread_t thread;
    rss_live_fn live;  /* const */
    void *arg;         /* const */
    uint64_t start_ns; /* const */
    uint64_t interval; /* sampler thread */
    uint32_t stop;     /* atomic */
    unsigned n;        /* sampler thread; read after the join */
    struct rss_sample sample[RSS_SAMPLES];
};

static uint64_t rss_field(const char *text, const char *key)
{
    const char *at = strstr(text, key);
    if (!at) {
        return 0;
    }
    uint64_t kib = 0;
    for (at += strlen(key); *at == ' ' || *at == '\t'; at++) {
    }
    for (; *at >= '0' && *at <= '9'; at++) {
        kib = kib * 10 + (uint64_t)(*at - '0');
    }
    return kib * 1024;
}

int rss_read(struct rss_now *out)
{
    char text[4096];
    memset(out, 0, sizeof *out);
    int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return -1;
    }
    ssize_t len = read(fd, text, sizeof text - 1);
    close(fd);
    if (len <= 0) {
        return -1;
    }
    text[len] = 0;
    out->rss_bytes = rss_field(text, "VmRSS:");
    out->peak_bytes = rss_field(text, "VmHWM:");
    return 0;
}

struct rss_faults rss_faults_read(void)
{
    struct rusage ru;
    getrusage(RUSAGE_SELF, &ru);
    return (struct rss_faults){(uint64_t)ru.ru_minflt, (uint64_t)ru.ru_majflt};
}

static void rss_thin(struct rss_sampler *s)
{
    for (unsigned i = 0; i < RSS_SAMPLES / 2; i++) {
        s->sample[i] = s->sample[2 * i];
    }
    s->n = RSS_SAMPLES / 2;
    s->interval *= 2;
}

static void rss_sample_one(struct rss_sampler *s)
{
    if (s->n == RSS_SAMPLES) {
        rss_thin(s);
    }
    struct rss_now now;
    rss_read(&now);
    struct rss_sample *at = &s->sample[s->n++];
    at->t_ns = clock_wall_ns() - s->start_ns;
    at->rss_bytes = now.rss_bytes;
    at->live_bytes = s->live(s->arg);
}

static void *rss_sampler_main(void *arg)
{
    struct rss_sampler *s = arg;
    while (!ou_load_acquire(&s->stop)) { /* pairs: rss_sampler_stop */
        rss_sample_one(s);
        struct timespec pause = {(time_t)(s->interval / 1000000000u),
                                 (long)(s->interval % 1000000000u)};
        nanosleep(&pause, NULL);
    }
    rss_sample_one(s);
    return NULL;
}

struct rss_sampler *rss_sampler_start(rss_live_fn live, void *arg)
{
    struct rss_sampler *s = arena_take(sizeof *s);
    if (!s) {
        return NULL;
    }
    s->live = live;
    s->arg = arg;
    s->interval = RSS_INTERVAL_NS;
    s->start_ns = clock_wall_ns();
    if (pthread_create(&s->thread, NULL, rss_sampler_main, s) != 0) {
        arena_give(s, sizeof *s);
        return NULL;
    }
    return s;
}

static int rss_write(const struct rss_sampler *s, const char *path)
{
    FILE *out = fopen(path, "we");
    if (!out) {
        return -errno;
    }
    fputs("t_ns,rss_bytes,live_bytes\n", out);
    for (unsigned i = 0; i < s->n; i++) {
        const struct rss_sample *at = &s->sample[i];
        fprintf(out, "%llu,%llu,%llu\n", (unsigned long long)at->t_ns,
                (unsigned long long)at->rss_bytes, (unsigned long long)at->live_bytes);
    }
    int failed = ferror(out);
    if (fclose(out) != 0 || failed) {
        return errno ? -errno : -EIO;
    }
    return 0;
}

int rss_sampler_stop(struct rss_sampler *s, const char *path)
{
    ou_store_release(&s->stop, 1); /* pairs: rss_sampler_main */
    pthread_join(s->thread, NULL);
    int err = rss_write(s, path);
    arena_give(s, sizeof *s);
    return err;
}
