/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * positions.c - a walk over libyaml's events with the path of the current node. Called by
 * load.c before libcyaml sees the file. What must stay true: the walk is linear and its depth
 * bounded, so hostile input ends it early.
 */
#include "engine/positions.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <yaml.h>

#include "measure/arena.h"

#define POSITIONS_DEPTH 8    /* root, forms, form, phases, phase, value: 6 */
#define POSITIONS_MAX 65536u /* nodes */
#define POSITIONS_PATH 256

struct positions_node {
    const char *path;
    int line;
};

struct positions {
    unsigned n;
    unsigned cap;
    struct positions_node *node;
};

/* One open mapping or sequence. */
struct positions_level {
    bool mapping;
    bool have_key;
    unsigned index;
    char key[64];
    size_t path_len; /* of the container itself */
};

struct positions_walk {
    const char *file;
    struct complaint *c;
    struct positions *p;
    unsigned depth;
    struct positions_level level[POSITIONS_DEPTH];
    char path[POSITIONS_PATH];
};

static int positions_add(struct positions_walk *w, int line)
{
    struct positions *p = w->p;
    if (p->n == POSITIONS_MAX) {
        return complain(w->c, w->file, line, "more than %u values", POSITIONS_MAX);
    }
    if (p->n == p->cap) {
        unsigned cap = p->cap ? p->cap * 2 : 256;
        struct positions_node *more = arena_bump(cap * sizeof *more);
        if (!more) {
            return complain(w->c, w->file, line, "out of memory");
        }
        if (p->n) {
            memcpy(more, p->node, p->n * sizeof *more);
        }
        p->node = more;
        p->cap = cap;
    }
    char *path = arena_strdup(w->path);
    if (!path) {
        return complain(w->c, w->file, line, "out of memory");
    }
    p->node[p->n++] = (struct positions_node){path, line};
    return 0;
}

/* Sets the path of the node that begins, from the container it stands in. */
static void positions_path(struct positions_walk *w)
{
    if (w->depth == 0) {
        w->path[0] = 0;
        return;
    }
    struct positions_level *top = &w->level[w->depth - 1];
    char *at = w->path + top->path_len;
    size_t room = sizeof w->path - top->path_len;
    if (top->mapping) {
        snprintf(at, room, "%s%s", top->path_len ? "." : "", top->key);
        top->have_key = false;
    } else {
        snprintf(at, room, "[%u]", top->index++);
    }
}

static int positions_scalar(struct positions_walk *w, const yaml_event_t *e, int line)
{
    struct positions_level *top = w->depth ? &w->level[w->depth - 1] : NULL;
    const char *text = (const char *)e->data.scalar.value;
    if (strlen(text) != e->data.scalar.length) {
        return complain(w->c, w->file, line, "a zero byte inside a value");
    }
    if (top && top->mapping && !top->have_key) {
        snprintf(top->key, sizeof top->key, "%.63s", text);
        top->have_key = true;
        return 0;
    }
    positions_path(w);
    return positions_add(w, line);
}

static int positions_open(struct positions_walk *w, bool mapping, int line)
{
    if (w->depth == POSITIONS_DEPTH) {
        return complain(w->c, w->file, line, "nested deeper than %d levels", POSITIONS_DEPTH);
    }
    struct positions_level *top = w->depth ? &w->level[w->depth - 1] : NULL;
    if (top && top->mapping && !top->have_key) {
        return complain(w->c, w->file, line, "a key must be a plain word");
    }
    positions_path(w);
    w->level[w->depth++] = (struct positions_level){
        .mapping = mapping,
        .path_len = strlen(w->path),
    };
    return positions_add(w, line);
}

/* 1: the document is over, 0: go on, -1: complaint. */
static int positions_event(struct positions_walk *w, const yaml_event_t *e)
{
    int line = (int)e->start_mark.line + 1;
    switch (e->type) {
    case YAML_SCALAR_EVENT:
        return positions_scalar(w, e, line);
    case YAML_MAPPING_START_EVENT:
        return positions_open(w, true, line);
    case YAML_SEQUENCE_START_EVENT:
        return positions_open(w, false, line);
    case YAML_MAPPING_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:
        w->depth--;
        w->path[w->level[w->depth].path_len] = 0;
        return 0;
    case YAML_ALIAS_EVENT:
        return complain(w->c, w->file, line, "aliases (*name) are not allowed");
    case YAML_DOCUMENT_START_EVENT:
        return w->p->n ? complain(w->c, w->file, line, "a second document") : 0;
    case YAML_STREAM_END_EVENT:
        return 1;
    default:
        return 0;
    }
}

struct positions *positions_read(const char *file, const char *text, size_t len,
                                 struct complaint *c)
{
    yaml_parser_t parser;
    struct positions *p = arena_bump(sizeof *p);
    struct positions_walk walk = {.file = file, .c = c, .p = p};
    int state = 0;
    if (!p || !yaml_parser_initialize(&parser)) {
        complain(c, file, 0, "out of memory");
        return NULL;
    }
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
    while (state == 0) {
        yaml_event_t event;
        if (!yaml_parser_parse(&parser, &event)) {
            size_t line = parser.problem_mark.line + 1;
            state = complain(c, file, (int)line, "not YAML: %s",
                             parser.problem ? parser.problem : "unreadable");
        } else {
            state = positions_event(&walk, &event);
            yaml_event_delete(&event);
        }
    }
    yaml_parser_delete(&parser);
    if (state > 0 && p->n == 0) {
        complain(c, file, 1, "the file is empty");
        return NULL;
    }
    return state > 0 ? p : NULL;
}

int positions_line(const struct positions *p, const char *path)
{
    size_t best = 0;
    int line = p->n ? p->node[0].line : 1;
    for (unsigned i = 0; i < p->n; i++) {
        size_t len = strlen(p->node[i].path);
        bool inside = !strncmp(path, p->node[i].path, len) &&
                      (path[len] == 0 || path[len] == '.' || path[len] == '[');
        if (inside && len >= best) {
            best = len;
            line = p->node[i].line;
        }
    }
    return line;
}

static bool positions_ends_with(const char *path, const char *key)
{
    const char *dot = strrchr(path, '.');
    return !strcmp(dot ? dot + 1 : path, key);
}

int positions_key_line(const struct positions *p, const char *key, int from)
{
    const struct positions_node *first = NULL;
    for (unsigned i = 0; i < p->n; i++) {
        const struct positions_node *node = &p->node[i];
        if (node->line < from || !positions_ends_with(node->path, key)) {
            continue;
        }
        if (!first) {
            first = node;
        } else if (!strcmp(first->path, node->path)) {
            return node->line;
        }
    }
    return first ? first->line : from;
}
