/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * weights.c - weighted values; called by dist.c only. What must stay true: after a successful
 * parse the sum of weights is positive.
 */
#include "engine/weights.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/number.h"

#define WEIGHTS_TOP 1e15 /* a weight is a share or a count of allocations a second */

void weights_init(struct weights *w)
{
    w->n = 0;
    w->sum = 0;
}

void weights_add(struct weights *w, uint32_t value, double weight)
{
    if (w->n < WEIGHTS_MAX) {
        w->value[w->n] = value;
        w->weight[w->n++] = weight;
        w->sum += weight;
    }
}

static const char *weights_value(const char *word, const char *const *names, unsigned n,
                                 uint32_t *out)
{
    for (unsigned i = 0; i < n; i++) {
        if (!strcmp(names[i], word)) {
            *out = i;
            return NULL;
        }
    }
    uint64_t size = 0;
    const char *why = names ? "is not a known name" : number_u64(word, 1, DIST_MAX_SIZE, &size);
    *out = (uint32_t)size;
    return why;
}

int weights_parse(struct weights *w, const char *text, const char *const *names, unsigned n,
                  const struct dist_place *at, struct complaint *c)
{
    char copy[512];
    char *save = NULL;
    if ((size_t)snprintf(copy, sizeof copy, "%s", text) >= sizeof copy) {
        return complain(c, at->file, at->line, "%s: longer than 511 characters", at->key);
    }
    if (strstr(text, ",,") || text[0] == ',' || text[strlen(text) - 1] == ',') {
        return complain(c, at->file, at->line, "%s: '%.80s' has an empty entry", at->key, text);
    }
    for (char *pair = strtok_r(copy, ",", &save); pair; pair = strtok_r(NULL, ",", &save)) {
        char *colon = strchr(pair, ':');
        uint32_t value = 0;
        double weight = 0;
        if (!colon) {
            return complain(c, at->file, at->line, "%s: '%.80s' wants VALUE:WEIGHT", at->key,
                            pair);
        }
        *colon = 0;
        const char *why = weights_value(pair, names, n, &value);
        if (why) {
            return complain(c, at->file, at->line, "%s: '%.80s' %s", at->key, pair, why);
        }
        why = number_f64(colon + 1, 0, WEIGHTS_TOP, &weight);
        if (why) {
            return complain(c, at->file, at->line, "%s: weight '%.80s' %s", at->key, colon + 1,
                            why);
        }
        weights_add(w, value, weight);
    }
    if (!(w->sum > 0)) {
        return complain(c, at->file, at->line, "%s: all weights are 0", at->key);
    }
    return 0;
}

static int weights_row(char *line, const char *path, int number, struct complaint *c,
                       struct weights *rate, struct weights *live)
{
    uint64_t size = 0;
    double value[2] = {0, 0};
    char *save = NULL;
    char *word = strtok_r(line, ",", &save);
    const char *why = word ? number_u64(word, 1, DIST_MAX_SIZE, &size) : "is missing";
    for (int i = 0; !why && i < 2; i++) {
        word = strtok_r(NULL, ",", &save);
        why = word ? number_f64(word, 0, WEIGHTS_TOP, &value[i]) : "is missing";
    }
    if (why) {
        return complain(c, path, number, "'%.60s' %s (form: size,rate,live)",
                        word ? word : "value", why);
    }
    if (strtok_r(NULL, ",", &save)) {
        return complain(c, path, number, "more than three columns");
    }
    if (rate->n == WEIGHTS_MAX) {
        return complain(c, path, number, "more than %u sizes", WEIGHTS_MAX);
    }
    weights_add(rate, (uint32_t)size, value[0]);
    weights_add(live, (uint32_t)size, value[1]);
    return 0;
}

static int weights_csv_lines(FILE *in, const char *path, struct complaint *c,
                             struct weights *rate, struct weights *live)
{
    char line[256];
    for (int number = 1; fgets(line, sizeof line, in); number++) {
        size_t len = strcspn(line, "\r\n");
        if (len == sizeof line - 1) {
            return complain(c, path, number, "line longer than %zu characters", sizeof line);
        }
        line[len] = 0;
        if (number == 1) {
            if (strcmp(line, "size,rate,live") != 0) {
                return complain(c, path, 1, "the first line must be size,rate,live");
            }
        } else if (weights_row(line, path, number, c, rate, live) != 0) {
            return -1;
        }
    }
    if (!(rate->sum > 0) || !(live->sum > 0)) {
        return complain(c, path, 0, "no size has a rate and a live count above 0");
    }
    return 0;
}

int weights_csv(const char *name, const struct dist_place *at, struct complaint *c,
                struct weights *rate, struct weights *live)
{
    char path[4096];
    const char *slash = strrchr(at->file, '/');
    int dir = slash && name[0] != '/' ? (int)(slash - at->file + 1) : 0;
    struct stat st;
    weights_init(rate);
    weights_init(live);
    snprintf(path, sizeof path, "%.*s%s", dir, at->file, name);
    FILE *in = fopen(path, "re");
    if (!in) {
        return complain(c, at->file, at->line, "%s: %s: %s", at->key, path, strerror(errno));
    }
    int err = -1;
    if (fstat(fileno(in), &st) != 0 || !S_ISREG(st.st_mode)) {
        complain(c, at->file, at->line, "%s: %s is not a regular file", at->key, path);
    } else {
        err = weights_csv_lines(in, path, c, rate, live);
    }
    fclose(in);
    return err;
}

void weights_spread(const struct weights *w, uint32_t *table, unsigned slots)
{
    double seen = 0;
    unsigned at = 0;
    for (unsigned i = 0; i < w->n; i++) {
        seen += w->weight[i];
        unsigned end = (unsigned)(seen / w->sum * slots + 0.5);
        for (; at < end && at < slots; at++) {
            table[at] = w->value[i];
        }
    }
    for (; at < slots; at++) { /* rounding of the last share */
        table[at] = w->value[w->n - 1];
    }
}
