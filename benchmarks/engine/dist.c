/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * dist.c - from text to a table of quantiles. Called while a workload file is checked, never
 * in a timed loop. What must stay true: every value is 1..DIST_MAX_SIZE (or an index of the
 * names), and the same text gives the same table everywhere.
 */
#include "engine/dist.h"

#include <math.h>
#include <string.h>

#include "engine/number.h"
#include "engine/weights.h"
#include "measure/arena.h"

#define DIST_STEP 8u /* zipf ranks sizes in steps of 8 bytes, as allocators do */

/* What follows the name of a distribution. */
struct dist_param {
    double a;
    double b;
    double min;
    double max;
};

typedef double (*dist_quantile)(const struct dist_param *p, double q);

static double dist_uniform(const struct dist_param *p, double q)
{
    return floor(p->min + q * (p->max - p->min + 1));
}

/* Inverse of the normal distribution by bisection: exact enough, and used 4,096 times. */
static double dist_normal_inverse(double q)
{
    double low = -9;
    double high = 9;
    for (int i = 0; i < 60; i++) {
        double mid = (low + high) / 2;
        if (0.5 * erfc(-mid / sqrt(2.0)) < q) {
            low = mid;
        } else {
            high = mid;
        }
    }
    return (low + high) / 2;
}

static double dist_lognormal(const struct dist_param *p, double q)
{
    return p->a * exp(p->b * dist_normal_inverse(q));
}

/* Bounded Pareto: density ~ size^-(a+1) between min and max. */
static double dist_pareto(const struct dist_param *p, double q)
{
    double ratio = pow(p->min / p->max, p->a);
    return p->min * pow(1 - q * (1 - ratio), -1 / p->a);
}

static const struct {
    const char *name;
    int params;             /* numbers before MIN..MAX */
    dist_quantile quantile; /* NULL: zipf, which is a list of weights */
    const char *usage;
} dist_kinds[] = {
    {"uniform", 0, dist_uniform, "uniform MIN..MAX"},
    {"lognormal", 2, dist_lognormal, "lognormal MEDIAN SIGMA MIN..MAX"},
    {"pareto", 1, dist_pareto, "pareto ALPHA MIN..MAX"},
    {"zipf", 1, NULL, "zipf S MIN..MAX"},
};

static int dist_bad(const struct dist_place *at, struct complaint *c, const char *text,
                    const char *why)
{
    return complain(c, at->file, at->line, "%s: '%.80s' %s", at->key, text, why);
}

static struct dist *dist_new(const struct dist_place *at, struct complaint *c)
{
    struct dist *d = arena_bump(sizeof *d);
    if (!d) {
        complain(c, at->file, at->line, "out of memory");
    }
    return d;
}

static void dist_finish(struct dist *d)
{
    double sum = 0;
    for (unsigned i = 0; i < DIST_SLOTS; i++) {
        sum += d->value[i];
        d->max = d->value[i] > d->max ? d->value[i] : d->max;
    }
    d->mean = sum / DIST_SLOTS;
}

static void dist_fill(struct dist *d, const struct dist_param *p, dist_quantile quantile)
{
    for (unsigned i = 0; i < DIST_SLOTS; i++) {
        double v = quantile(p, (i + 0.5) / DIST_SLOTS);
        v = v < p->min ? p->min : v > p->max ? p->max : v;
        d->value[i] = (uint32_t)v;
    }
}

static int dist_zipf(struct dist *d, const struct dist_param *p, const struct dist_place *at,
                     struct complaint *c)
{
    struct weights w;
    double ranks = floor((p->max - p->min) / DIST_STEP) + 1;
    weights_init(&w);
    for (double k = 0; k < ranks && k < WEIGHTS_MAX; k++) {
        weights_add(&w, (uint32_t)(p->min + k * DIST_STEP), pow(k + 1, -p->a));
    }
    if (ranks > WEIGHTS_MAX) {
        return complain(c, at->file, at->line, "%s: zipf over more than %u sizes", at->key,
                        WEIGHTS_MAX);
    }
    weights_spread(&w, d->value, DIST_SLOTS);
    return 0;
}

/* "MIN..MAX" */
static const char *dist_bounds(char *text, struct dist_param *p)
{
    char *dots = strstr(text, "..");
    uint64_t min = 0;
    uint64_t max = 0;
    if (!dots) {
        return "wants MIN..MAX at its end";
    }
    *dots = 0;
    const char *why = number_u64(text, 1, DIST_MAX_SIZE, &min);
    why = why ? why : number_u64(dots + 2, 1, DIST_MAX_SIZE, &max);
    *dots = '.';
    if (why || min > max) {
        return why ? why : "has its minimum above its maximum";
    }
    p->min = (double)min;
    p->max = (double)max;
    return NULL;
}

/* The numbers after the name, split in place. NULL or the reason. */
static const char *dist_params(char *rest, int params, struct dist_param *p)
{
    double *into[2] = {&p->a, &p->b};
    char *save = NULL;
    char *word = strtok_r(rest, " ", &save);
    for (int i = 0; i < params; i++) {
        const char *why = word ? number_f64(word, 0.01, DIST_MAX_SIZE, into[i]) : "is short";
        if (why) {
            return why;
        }
        word = strtok_r(NULL, " ", &save);
    }
    const char *why = word ? dist_bounds(word, p) : "is short";
    return why ? why : strtok_r(NULL, " ", &save) ? "has too many words" : NULL;
}

/* 1: a named distribution was read; 0: no name known here; -1: complaint. */
static int dist_named(const char *text, const struct dist_place *at, struct complaint *c,
                      struct dist *d)
{
    char copy[256];
    snprintf(copy, sizeof copy, "%s", text);
    size_t len = strcspn(copy, " ");
    for (size_t i = 0; i < sizeof dist_kinds / sizeof *dist_kinds; i++) {
        if (strlen(dist_kinds[i].name) != len || strncmp(dist_kinds[i].name, copy, len) != 0) {
            continue;
        }
        struct dist_param p = {0};
        const char *why = dist_params(copy + len, dist_kinds[i].params, &p);
        if (why) {
            return complain(c, at->file, at->line, "%s: '%.80s' %s (form: %s)", at->key, text,
                            why, dist_kinds[i].usage);
        }
        if (!dist_kinds[i].quantile) {
            return dist_zipf(d, &p, at, c) ? -1 : 1;
        }
        dist_fill(d, &p, dist_kinds[i].quantile);
        return 1;
    }
    return 0;
}

/* "SIZE:WEIGHT,..." or a single size. */
static int dist_split(const char *text, const struct dist_place *at, struct complaint *c,
                      struct dist *d)
{
    struct weights w;
    weights_init(&w);
    if (!strchr(text, ':')) {
        uint64_t size = 0;
        const char *why = number_u64(text, 1, DIST_MAX_SIZE, &size);
        if (why) {
            return dist_bad(at, c, text, why);
        }
        weights_add(&w, (uint32_t)size, 1);
    } else if (weights_parse(&w, text, NULL, 0, at, c) != 0) {
        return -1;
    }
    weights_spread(&w, d->value, DIST_SLOTS);
    return 0;
}

int dist_sizes(const char *text, const struct dist_place *at, struct complaint *c,
               const struct dist **rate, const struct dist **live)
{
    struct dist *d = dist_new(at, c);
    struct dist *alive = d;
    if (!d) {
        return -1;
    }
    if (!strncmp(text, "csv ", 4)) {
        struct weights by_rate;
        struct weights by_live;
        alive = dist_new(at, c);
        if (!alive || weights_csv(text + 4, at, c, &by_rate, &by_live) != 0) {
            return -1;
        }
        weights_spread(&by_rate, d->value, DIST_SLOTS);
        weights_spread(&by_live, alive->value, DIST_SLOTS);
    } else {
        int named = dist_named(text, at, c, d);
        if (named < 0 || (named == 0 && dist_split(text, at, c, d) != 0)) {
            return -1;
        }
    }
    dist_finish(d);
    if (alive != d) {
        dist_finish(alive);
    }
    *rate = d;
    *live = alive;
    return 0;
}

int dist_names(const char *text, const char *const *names, unsigned n,
               const struct dist_place *at, struct complaint *c, const struct dist **out)
{
    struct weights w;
    struct dist *d = dist_new(at, c);
    weights_init(&w);
    if (!d || weights_parse(&w, text, names, n, at, c) != 0) {
        return -1;
    }
    weights_spread(&w, d->value, DIST_SLOTS);
    dist_finish(d);
    *out = d;
    return 0;
}
