/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * object_list.c - a large list of integer objects: append, scan, copy, clear. Called through
 * ops.c. The list lives in the worker from phase to phase; one operation is one element.
 */
#include "engine/list.h"
#include "engine/objects.h"
#include "engine/operations.h"
#include "ouro/ouro.h"

#define OBJECT_ITEM_BYTES 32u /* nominal: an integer of 24 and its place in the list */

static int object_append_begin(struct worker *w)
{
    if (w->list.object) {
        worker_fail(w, WORKER_MISCOUNT, "there is a list already: list-clear must come before");
        return -1;
    }
    w->list.object = ou_list_new(0);
    if (!w->list.object) {
        worker_fail(w, WORKER_NO_MEMORY, "no memory for a list");
        return -1;
    }
    w->list.len = 0;
    return 0;
}

static uint64_t object_append_step(struct worker *w, uint64_t left)
{
    uint64_t n = left < LIST_BATCH ? left : LIST_BATCH;
    ou_object *list = w->list.object;
    objects_poll(w);
    if (w->latency) {
        worker_lap_begin(w);
    }
    for (uint64_t i = 0; i < n; i++) {
        ou_object *item = ou_int_new((int64_t)list_value(w->list.len));
        if (!item || ou_list_append_steal(list, item) != 0) {
            return worker_fail(w, WORKER_NO_MEMORY, "append failed: %s", ou_error_message());
        }
        w->list.len++;
        if (w->latency) {
            worker_lap(w);
        }
    }
    w->made += n;
    w->made_bytes += n * OBJECT_ITEM_BYTES;
    worker_live_add(w, n * OBJECT_ITEM_BYTES);
    return n;
}

/* Sum of a list, whose every item must be an integer. */
static uint64_t object_sum(struct worker *w, ou_object *list)
{
    int64_t sum = 0;
    size_t ints = 0;
    if (ou_list_sum(list, &sum, &ints) != 0 || ints != w->list.len) {
        return worker_fail(w, WORKER_CORRUPT, "%zu integers in a list of %llu", ints,
                           (unsigned long long)w->list.len);
    }
    return list_check(w, (uint64_t)sum);
}

static uint64_t object_scan_step(struct worker *w, uint64_t left)
{
    (void)left;
    objects_poll(w);
    return object_sum(w, w->list.object);
}

static uint64_t object_copy_step(struct worker *w, uint64_t left)
{
    uint64_t bytes = w->list.len * 8;
    (void)left;
    objects_poll(w);
    ou_object *copy = ou_list_copy(w->list.object);
    if (!copy) {
        return worker_fail(w, WORKER_NO_MEMORY, "copy failed: %s", ou_error_message());
    }
    w->made++;
    w->made_bytes += bytes;
    worker_live_add(w, bytes);
    uint64_t done = object_sum(w, copy);
    ou_decref(copy);
    w->released++;
    w->released_bytes += bytes;
    worker_live_sub(w, bytes);
    return done;
}

static uint64_t object_clear_step(struct worker *w, uint64_t left)
{
    uint64_t n = w->list.len;
    (void)left;
    objects_poll(w);
    if (ou_list_clear(w->list.object) != 0 || ou_list_len(w->list.object) != 0) {
        return worker_fail(w, WORKER_MISCOUNT, "clear left something in the list");
    }
    ou_decref(w->list.object);
    w->released += n;
    w->released_bytes += n * OBJECT_ITEM_BYTES;
    worker_live_sub(w, n * OBJECT_ITEM_BYTES);
    w->list = (struct worker_list){0};
    return n;
}

const struct op_form object_list_append = {
    object_append_begin, object_append_step, list_end, KEY(ops), KEY(gc), false};
const struct op_form object_list_scan = {
    list_pass_begin, object_scan_step, list_end, 0, KEY(passes), false};
const struct op_form object_list_copy = {
    list_pass_begin, object_copy_step, list_end, 0, KEY(passes), false};
const struct op_form object_list_clear = {
    list_pass_begin, object_clear_step, list_end, 0, KEY(gc), false};
