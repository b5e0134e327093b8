/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* conf.c - parsing and listing knobs. Allocates nothing: the malloc library uses it too. */
#define _GNU_SOURCE
#include "conf/conf.h"

#include <errno.h>
#include <stdlib.h>

#include "ouro/runtime.h"

ou_conf_values ou_conf = {
#define KNOB(name, type, def, min, max, when, help) .name = def,
#include "conf/knobs.def"
#undef KNOB
};

uint32_t ou_special;

void ou_special_set(uint32_t bit, bool on)
{
    if (on) {
        ou_fetch_or_relaxed(&ou_special, bit);
    } else {
        ou_fetch_and_relaxed(&ou_special, ~bit);
    }
}

typedef enum knob_type { T_bool, T_int, T_bytes, T_heap, T_mode, T_fill } knob_type;
typedef enum knob_when { W_start, W_live } knob_when;

typedef struct knob {
    const char *name;
    knob_type type;
    knob_when when;
    int64_t min, max;
    int64_t *value;
    const char *help;
} knob;

static const knob knobs[] = {
#define KNOB(name, type, def, min, max, when, help)                                            \
    {#name, T_##type, W_##when, min, max, &ou_conf.name, help},
#include "conf/knobs.def"
#undef KNOB
};

#define KNOBS (sizeof knobs / sizeof *knobs)
#define NAME_MAX_BYTES 64

static const char *const type_names[] = {
    "bool", "int", "bytes", "ouro|malloc", "default|secure|debug", "none|zero|pattern"};
static bool sealed;

static const knob *knob_find(const char *name)
{
    for (size_t i = 0; i < KNOBS; i++) {
        if (strcmp(knobs[i].name, name) == 0) {
            return &knobs[i];
        }
    }
    return NULL;
}

static int parse_word(const char *const *words, const char *text, int64_t *value)
{
    for (int64_t i = 0; words[i]; i++) {
        if (strcmp(words[i], text) == 0) {
            *value = i;
            return 0;
        }
    }
    return -1;
}

static int parse_number(const char *text, bool suffixes, int64_t *value)
{
    if (*text < '0' || *text > '9') {
        return -1;
    }
    char *end;
    errno = 0;
    unsigned long long n = strtoull(text, &end, 10);
    unsigned shift = 0;
    if (suffixes && *end) {
        const char *units = "kmg";
        const char *unit = strchr(units, *end | 0x20);
        if (!unit) {
            return -1;
        }
        shift = 10u * (unsigned)(unit - units + 1);
        end++;
    }
    if (*end || errno || n > ((unsigned long long)INT64_MAX >> shift)) {
        return -1;
    }
    *value = (int64_t)(n << shift);
    return 0;
}

static int parse_value(const knob *k, const char *text, int64_t *value)
{
    static const char *const words[][4] = {[T_bool] = {"off", "on"},
                                           [T_heap] = {"ouro", "malloc"},
                                           [T_mode] = {"default", "secure", "debug"},
                                           [T_fill] = {"none", "zero", "pattern"}};
    if (k->type != T_int && k->type != T_bytes) {
        int failed = parse_word(words[k->type], text, value);
        if (!failed || k->type != T_bool) {
            return failed;
        }
    }
    return parse_number(text, k->type == T_bytes, value);
}

static int knob_assign(const char *name, const char *text)
{
    const knob *k = knob_find(name);
    int64_t value;
    if (!k) {
        return ou_fail(OU_EINVAL, "no knob named \"%s\"", name);
    }
    if (k->when == W_start && sealed) {
        return ou_fail(OU_EINVAL, "knob \"%s\" can only be set at start", name);
    }
    if (parse_value(k, text, &value) != 0 || value < k->min || value > k->max) {
        return ou_fail(OU_EINVAL, "knob \"%s\": \"%s\" is not a %s in %lld..%lld", name, text,
                       type_names[k->type], (long long)k->min, (long long)k->max);
    }
    ou_store_relaxed(k->value, value);
    ou_special_set(OU_SPECIAL_FAULT, OU_KNOB(fail_alloc_after) != 0);
    return 0;
}

/* Copies up to `stop` or the end into `out`; returns where it stopped, NULL when too long. */
static const char *cut(const char *p, char stop, char *out)
{
    size_t n = 0;
    while (*p && *p != stop && *p != ',') {
        if (n == NAME_MAX_BYTES - 1) {
            return NULL;
        }
        out[n++] = *p++;
    }
    out[n] = 0;
    return p;
}

int ou_conf_parse(const char *text)
{
    char name[NAME_MAX_BYTES], value[NAME_MAX_BYTES];
    for (const char *p = text; *p;) {
        p = cut(p, '=', name);
        if (!p || *p != '=') {
            return ou_fail(OU_EINVAL, "knobs: expected name=value in \"%.60s\"", text);
        }
        p = cut(p + 1, ',', value);
        if (!p) {
            return ou_fail(OU_EINVAL, "knob \"%s\": value too long", name);
        }
        int failed = knob_assign(name, value);
        if (failed) {
            return failed;
        }
        p += *p == ',';
    }
    return 0;
}

int ou_conf_env(bool strict)
{
    static bool done;
    const char *text = secure_getenv("OURO_CONF");
    if (!text || (done && !strict)) {
        return 0;
    }
    done = true;
    int failed = ou_conf_parse(text);
    if (failed && !strict) {
        ou_warn("OURO_CONF: %s", ou_error_message());
        return 0;
    }
    return failed;
}

void ou_conf_seal(bool on)
{
    sealed = on;
}

int ou_knob_set(const char *name, const char *value)
{
    return knob_assign(name, value);
}

int ou_knob_get(const char *name, int64_t *value)
{
    const knob *k = knob_find(name);
    if (!k) {
        return ou_fail(OU_EINVAL, "no knob named \"%s\"", name);
    }
    *value = ou_load_relaxed(k->value);
    return 0;
}

void ou_knob_each(void (*fn)(const char *, const char *, int64_t, const char *, void *),
                  void *arg)
{
    for (size_t i = 0; i < KNOBS; i++) {
        const knob *k = &knobs[i];
        fn(k->name, type_names[k->type], ou_load_relaxed(k->value), k->help, arg);
    }
}
