/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * check.c - judges the values of a workload file. Called once by load.c. What must stay true:
 * whatever passes here can be run without overflow, and whatever does not is named with its
 * file, line, key and the values that would do.
 */
#include "engine/check.h"

#include <ctype.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "engine/number.h"
#include "engine/ops.h"
#include "measure/arena.h"

static const char *const check_forms[] = {"raw", "object"};
static const char *const check_lifetimes[] = {"random", "fifo", "lifo", "exponential"};
static const char *const check_shapes[] = {"chain", "tree", "graph", "hub"};
static const char *const check_gc[] = {"auto", "manual", "background"};
static const char *const check_bools[] = {"no", "yes"};
static const char *const check_faults[] = {"segv",   "abort", "hang",  "wrong",      "drift",
                                           "silent", "leak",  "stray", "unfinalized"};
static const char *const check_keys[] = {
#define X(key) #key,
    WORKLOAD_KEYS(X)
#undef X
};

#define CHECK_COUNT(list) ((unsigned)(sizeof(list) / sizeof *(list)))

struct check {
    const char *file;
    const struct positions *where;
    struct complaint *c;
    unsigned threads;
    enum form form;
    char base[64]; /* path of the phase being checked */
};

const char *workload_form_name(enum form form)
{
    return check_forms[form];
}

int workload_word(const char *word, const char *const *names, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        if (!strcmp(word, names[i])) {
            return (int)i;
        }
    }
    return -1;
}

static int check_line(const struct check *k, const char *key)
{
    char path[160];
    snprintf(path, sizeof path, "%s%s%s", k->base, k->base[0] ? "." : "", key);
    return positions_line(k->where, path);
}

static int check_fail(const struct check *k, const char *key, const char *text, const char *why)
{
    return complain(k->c, k->file, check_line(k, key), "%s: '%.80s' %s", key, text, why);
}

static int check_u64(const struct check *k, const char *key, const char *text, uint64_t min,
                     uint64_t max, uint64_t *out)
{
    const char *why = text ? number_u64(text, min, max, out) : NULL;
    return why ? check_fail(k, key, text, why) : 0;
}

static int check_word(const struct check *k, const char *key, const char *text,
                      const char *const *names, unsigned n, int fallback)
{
    char why[128] = "is none of";
    int found = text ? workload_word(text, names, n) : fallback;
    for (unsigned i = 0; found < 0 && i < n; i++) {
        size_t at = strlen(why);
        snprintf(why + at, sizeof why - at, "%s%s", i ? ", " : " ", names[i]);
    }
    if (found < 0) {
        check_fail(k, key, text, why);
    }
    return found;
}

/* `self`, `peer N%` or `next phase`. */
static int check_free(const struct check *k, const char *text, struct phase *p)
{
    p->freeing = FREE_SELF;
    if (!text || !strcmp(text, "self")) {
        return 0;
    }
    if (!strcmp(text, "next phase")) {
        p->freeing = FREE_NEXT;
        return 0;
    }
    if (strncmp(text, "peer ", 5) != 0) {
        return check_fail(k, "free", text, "is none of self, peer N%, next phase");
    }
    p->freeing = FREE_PEER;
    const char *why = number_percent(text + 5, &p->peer);
    return why ? check_fail(k, "free", text, why) : 0;
}

/* Keys that the operation needs, and none that it would silently ignore. */
static int check_keys_used(const struct check *k, const struct phase_text *t,
                           const struct op_row *row)
{
    uint32_t needs = row->form[k->form]->needs;
    uint32_t known = needs | row->form[k->form]->allows | KEY(timed);
    for (unsigned i = 0; i < KEY_COUNT; i++) {
        bool given = t->key[i] != NULL;
        if (given && !(known & (1u << i))) {
            return complain(k->c, k->file, check_line(k, check_keys[i]),
                            "%s: has no meaning for op '%s' in %s form", check_keys[i],
                            row->name, check_forms[k->form]);
        }
        bool needed = (needs & (1u << i)) && !(OPS_END & (1u << i));
        if (!given && needed) {
            return complain(k->c, k->file, check_line(k, "op"), "op '%s' needs the key '%s'",
                            row->name, check_keys[i]);
        }
    }
    bool both = t->key[KEY_ops] && t->key[KEY_time];
    bool none = !t->key[KEY_ops] && !t->key[KEY_time] && (needs & OPS_END);
    if (both || none) {
        return complain(k->c, k->file, check_line(k, "op"), "op '%s' needs %s", row->name,
                        both ? "either 'ops' or 'time', not both" : "'ops' or 'time'");
    }
    return 0;
}

static int check_dists(const struct check *k, const struct phase_text *t, struct phase *p)
{
    struct dist_place at = {k->file, 0, "sizes"};
    const char *sizes = t->key[KEY_sizes];
    const char *types = t->key[KEY_types];
    if (sizes) {
        at.line = check_line(k, "sizes");
        if (dist_sizes(sizes, &at, k->c, &p->sizes, &p->live_sizes) != 0) {
            return -1;
        }
    }
    if (types) {
        at.line = check_line(k, "types");
        at.key = "types";
        return dist_names(types, op_type_names, op_type_count, &at, k->c, &p->types);
    }
    return 0;
}

static int check_fractions(const struct check *k, const struct phase_text *t, struct phase *p)
{
    const char *why = NULL;
    const char *text = t->key[KEY_time];
    if (text && (why = number_time_ns(text, &p->time_ns))) {
        return check_fail(k, "time", text, why);
    }
    text = t->key[KEY_realloc];
    if (text && (why = number_percent(text, &p->realloc))) {
        return check_fail(k, "realloc", text, why);
    }
    text = t->key[KEY_cyclic];
    if (text && (why = number_percent(text, &p->cyclic))) {
        return check_fail(k, "cyclic", text, why);
    }
    text = t->key[KEY_growth];
    p->growth = 1.125;
    if (text && (why = number_f64(text, 1.01, 16, &p->growth))) {
        return check_fail(k, "growth", text, why);
    }
    return check_free(k, t->key[KEY_free], p);
}

static int check_words(const struct check *k, const struct phase_text *t, struct phase *p)
{
    int lifetime = check_word(k, "lifetime", t->key[KEY_lifetime], check_lifetimes,
                              CHECK_COUNT(check_lifetimes), LIFE_RANDOM);
    int gc = check_word(k, "gc", t->key[KEY_gc], check_gc, CHECK_COUNT(check_gc), GC_AUTO);
    int shape = check_word(k, "shape", t->key[KEY_shape], check_shapes,
                           CHECK_COUNT(check_shapes), SHAPE_CHAIN);
    int finalizer = check_word(k, "finalizer", t->key[KEY_finalizer], check_bools,
                               CHECK_COUNT(check_bools), 0);
    int timed =
        check_word(k, "timed", t->key[KEY_timed], check_bools, CHECK_COUNT(check_bools), 1);
    int fault = check_word(k, "fault", t->key[KEY_fault], check_faults,
                           CHECK_COUNT(check_faults), FAULT_SEGV);
    if (lifetime < 0 || gc < 0 || timed < 0 || fault < 0 || shape < 0 || finalizer < 0) {
        return -1;
    }
    p->lifetime = (enum lifetime)lifetime;
    p->gc = (enum gc_mode)gc;
    p->timed = timed == 1;
    p->shape = (enum shape)shape;
    p->finalizer = finalizer == 1;
    p->fault = (enum fault)fault;
    return 0;
}

double workload_need(const struct phase *p, unsigned threads, double scale)
{
    double bytes = p->live_sizes ? p->live_sizes->mean : 32;
    double blocks = (double)p->window;
    if (!strcmp(p->row->name, "list-append")) {
        blocks = (double)p->ops * scale;
    }
    bool graphs = !strcmp(p->row->name, "graphs"); /* `cyclic` is a share of components there */
    blocks *= p->cycle > 1 && (!p->cyclic || graphs) ? (double)p->cycle : 1;
    return blocks * (bytes + 16) * threads;
}

double workload_have(void)
{
    return (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
}

static int check_fits(const struct check *k, const struct phase *p)
{
    double need = workload_need(p, k->threads, 1);
    double have = workload_have();
    if (need > have) {
        return complain(k->c, k->file, check_line(k, p->window ? "window" : "ops"),
                        "would keep %.1f GiB alive on a machine of %.1f GiB", need / 0x1p30,
                        have / 0x1p30);
    }
    return 0;
}

static int check_phase(const struct check *k, const struct phase_text *t, struct phase *p)
{
    p->row = op_find(t->op);
    if (!p->row) {
        return check_fail(k, "op", t->op, "is no operation (ouro-work --list names them)");
    }
    if (!p->row->form[k->form]) {
        return complain(k->c, k->file, check_line(k, "op"), "op '%s' has no %s form", t->op,
                        check_forms[k->form]);
    }
    p->name = t->name ? t->name : t->op;
    p->cycle = 1;
    p->passes = 1;
    uint64_t most = WORKLOAD_MAX_OPS / k->threads;
    if (check_keys_used(k, t, p->row) ||
        check_u64(k, "ops", t->key[KEY_ops], 1, most, &p->ops) ||
        check_u64(k, "window", t->key[KEY_window], 1, 1u << 28, &p->window) ||
        check_u64(k, "cycle", t->key[KEY_cycle], 2, 1u << 28, &p->cycle) ||
        check_u64(k, "asleep", t->key[KEY_asleep], 0, WORKLOAD_MAX_THREADS, &p->asleep) ||
        check_u64(k, "passes", t->key[KEY_passes], 1, 1000, &p->passes) ||
        check_dists(k, t, p) || check_fractions(k, t, p) || check_words(k, t, p)) {
        return -1;
    }
    return check_fits(k, p);
}

static int check_form(struct check *k, unsigned index, const struct form_text *t,
                      struct form_plan *out)
{
    snprintf(k->base, sizeof k->base, "forms[%u]", index);
    int form = check_word(k, "form", t->form, check_forms, FORM_COUNT, -1);
    if (form < 0) {
        return -1;
    }
    k->form = (enum form)form;
    out->form = k->form;
    out->n_phases = t->n_phases;
    out->phase = arena_bump(t->n_phases * sizeof *out->phase);
    if (!out->phase) {
        return complain(k->c, k->file, 0, "out of memory");
    }
    for (unsigned i = 0; i < t->n_phases; i++) {
        snprintf(k->base, sizeof k->base, "forms[%u].phases[%u]", index, i);
        if (check_phase(k, &t->phases[i], &out->phase[i]) != 0) {
            return -1;
        }
    }
    struct phase *last = &out->phase[t->n_phases - 1];
    if (last->freeing == FREE_NEXT) {
        return complain(k->c, k->file, check_line(k, "free"),
                        "free: the last phase has no next phase");
    }
    return 0;
}

/* Names become file names, JSON and HTML: letters, digits, '-', '_' and '.' only. */
static int check_name(const struct check *k, const char *key, const char *name)
{
    for (const char *at = name; *at; at++) {
        bool fine = isalnum((unsigned char)*at) || *at == '-' || *at == '_' ||
                    (*at == '.' && at > name);
        if (!fine) {
            return check_fail(k, key, name, "may hold letters, digits, '-', '_' and '.' only");
        }
    }
    return 0;
}

int workload_check(const char *file, const struct workload_text *text,
                   const struct positions *where, struct workload *out, struct complaint *c)
{
    struct check k = {.file = file, .where = where, .c = c, .threads = 1};
    uint64_t threads = 1;
    out->file = file;
    out->name = text->name;
    out->seed = 1;
    out->n_forms = text->n_forms;
    if (check_name(&k, "name", text->name) ||
        check_u64(&k, "seed", text->seed, 0, UINT64_MAX, &out->seed) ||
        check_u64(&k, "threads", text->threads, 1, WORKLOAD_MAX_THREADS, &threads)) {
        return -1;
    }
    k.threads = (unsigned)threads;
    out->threads = k.threads;
    for (unsigned i = 0; i < text->n_forms; i++) {
        if (check_form(&k, i, &text->forms[i], &out->form[i]) != 0) {
            return -1;
        }
        for (unsigned f = 0; f < out->form[i].n_phases; f++) {
            snprintf(k.base, sizeof k.base, "forms[%u].phases[%u]", i, f);
            if (check_name(&k, "name", out->form[i].phase[f].name) != 0) {
                return -1;
            }
        }
        if (i == 1 && out->form[0].form == out->form[1].form) {
            return complain(c, file, positions_line(where, "forms[1]"),
                            "form '%s' is there twice", text->forms[1].form);
        }
    }
    return 0;
}
