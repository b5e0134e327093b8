/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * raw_list.c - a growing array of pointers to blocks, as every list of a scripting language is
 * underneath: append (realloc by `growth`), scan (a dependent load an element), copy, clear.
 *
 * The list lives in the worker from phase to phase. One operation is one element.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/block.h"
#include "engine/list.h"
#include "engine/operations.h"

/* An element begins with its value; its size is the phase's constant. */
static uint64_t raw_value(const void *item)
{
    uint64_t value;
    memcpy(&value, item, sizeof value);
    return value;
}

static bool raw_list_grow(struct worker *w)
{
    struct worker_list *l = &w->list;
    uint64_t cap = (uint64_t)((double)l->cap * w->phase->growth) + 8;
    void **item = realloc(l->item, cap * sizeof *item);
    if (!item) {
        return worker_fail(w, WORKER_NO_MEMORY, "realloc of the list to %llu items failed",
                           (unsigned long long)cap);
    }
    worker_live_sub(w, l->cap * sizeof *item);
    worker_live_add(w, cap * sizeof *item);
    w->made += l->cap == 0;
    w->made_bytes += (cap - l->cap) * sizeof *item;
    l->item = item;
    l->cap = cap;
    return true;
}

static uint64_t raw_append_step(struct worker *w, uint64_t left)
{
    struct worker_list *l = &w->list;
    uint64_t n = left < LIST_BATCH ? left : LIST_BATCH;
    uint32_t size = w->phase->sizes->value[0];
    if (w->latency) {
        worker_lap_begin(w);
    }
    for (uint64_t i = 0; i < n; i++) {
        if (l->len == l->cap && !raw_list_grow(w)) {
            return 0;
        }
        void *item = malloc(size);
        if (!item) {
            return worker_fail(w, WORKER_NO_MEMORY, "malloc(%u) returned NULL", size);
        }
        uint64_t value = list_value(l->len);
        ((unsigned char *)item)[size - 1] = 0;
        memcpy(item, &value, sizeof value);
        l->item[l->len++] = item;
        worker_live_add(w, size);
        if (w->latency) {
            worker_lap(w);
        }
    }
    w->made += n;
    w->made_bytes += n * size;
    return n;
}

static uint64_t raw_sum(void *const *item, uint64_t n)
{
    uint64_t sum = 0;
    for (uint64_t i = 0; i < n; i++) {
        sum += raw_value(item[i]);
    }
    return sum;
}

static uint64_t raw_scan_step(struct worker *w, uint64_t left)
{
    (void)left;
    return list_check(w, raw_sum(w->list.item, w->list.len));
}

/* Copies the array, not the elements, as copying a list does; proves the copy by its sum. */
static uint64_t raw_copy_step(struct worker *w, uint64_t left)
{
    struct worker_list *l = &w->list;
    size_t bytes = l->len * sizeof *l->item;
    (void)left;
    void **copy = malloc(bytes);
    if (!copy) {
        return worker_fail(w, WORKER_NO_MEMORY, "malloc(%zu) returned NULL", bytes);
    }
    w->made++;
    w->made_bytes += bytes;
    worker_live_add(w, bytes);
    memcpy(copy, l->item, bytes);
    uint64_t done = list_check(w, raw_sum(copy, l->len));
    free(copy);
    w->released++;
    w->released_bytes += bytes;
    worker_live_sub(w, bytes);
    return done;
}

static uint64_t raw_clear_step(struct worker *w, uint64_t left)
{
    struct worker_list *l = &w->list;
    uint64_t n = l->len;
    (void)left;
    for (uint64_t i = 0; i < n; i++) {
        free(l->item[i]);
    }
    free(l->item);
    uint64_t bytes = n * l->item_bytes + l->cap * sizeof *l->item;
    w->released += n + 1;
    w->released_bytes += bytes;
    worker_live_sub(w, bytes);
    *l = (struct worker_list){0};
    return n;
}

static int raw_append_begin(struct worker *w)
{
    const struct dist *sizes = w->phase->sizes;
    if (sizes->value[0] != sizes->max || sizes->max < sizeof(uint64_t)) {
        worker_fail(w, WORKER_MISCOUNT, "list elements want one constant size of at least 8");
        return -1;
    }
    if (w->list.len > 0) {
        worker_fail(w, WORKER_MISCOUNT, "there is a list already: list-clear must come before");
        return -1;
    }
    w->list.item_bytes = sizes->max;
    return 0;
}

const struct op_form raw_list_append = {raw_append_begin,      raw_append_step, list_end,
                                        KEY(ops) | KEY(sizes), KEY(growth),     false};
const struct op_form raw_list_scan = {list_pass_begin, raw_scan_step, list_end, 0,
                                      KEY(passes),     false};
const struct op_form raw_list_copy = {list_pass_begin, raw_copy_step, list_end, 0,
                                      KEY(passes),     false};
const struct op_form raw_list_clear = {list_pass_begin, raw_clear_step, list_end, 0, 0, false};
