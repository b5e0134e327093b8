/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * record.c - builds and writes the record. Called after the last phase by every measuring
 * program. What must stay true: no NaN, no Infinity, one line, no malloc.
 */
#include "record.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "arena.h"

static void record_keep(struct record *r, const char *key, const void *made)
{
    if (!made && !r->bad) {
        r->bad = key;
    }
}

void record_init(struct record *r)
{
    cJSON_Hooks hooks = {arena_bump, arena_bump_free};
    cJSON_InitHooks(&hooks);
    r->root = cJSON_CreateObject();
    r->bad = NULL;
    record_keep(r, "record", r->root);
}

void record_str(struct record *r, const char *key, const char *value)
{
    record_keep(r, key, cJSON_AddStringToObject(r->root, key, value));
}

void record_u64(struct record *r, const char *key, uint64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    record_keep(r, key, cJSON_AddRawToObject(r->root, key, text));
}

void record_f64(struct record *r, const char *key, double value)
{
    record_keep(r, key, isfinite(value) ? cJSON_AddNumberToObject(r->root, key, value) : NULL);
}

void record_bool(struct record *r, const char *key, bool value)
{
    record_keep(r, key, cJSON_AddBoolToObject(r->root, key, value));
}

struct record record_object(struct record *r, const char *key)
{
    struct record inner = {cJSON_AddObjectToObject(r->root, key), NULL};
    record_keep(r, key, inner.root);
    return inner;
}

struct record record_list(struct record *r, const char *key)
{
    struct record inner = {cJSON_AddArrayToObject(r->root, key), NULL};
    record_keep(r, key, inner.root);
    return inner;
}

struct record record_list_item(struct record *list)
{
    struct record item = {cJSON_CreateObject(), NULL};
    if (!cJSON_AddItemToArray(list->root, item.root)) {
        item.bad = "list item";
    }
    return item;
}

void record_join(struct record *r, const struct record *inner)
{
    if (inner->bad && !r->bad) {
        r->bad = inner->bad;
    }
}

int record_write(struct record *r, int fd)
{
    char *text = r->bad ? NULL : cJSON_PrintUnformatted(r->root);
    if (!text) {
        return -2;
    }
    size_t left = strlen(text);
    text[left++] = '\n'; /* in place of the terminator: one write, one line */
    for (const char *at = text; left > 0;) {
        ssize_t n = write(fd, at, left);
        if (n < 0 && errno != EINTR) {
            return -1;
        }
        if (n > 0) {
            at += n;
            left -= (size_t)n;
        }
    }
    return 0;
}
