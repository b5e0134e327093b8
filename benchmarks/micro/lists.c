/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * lists.c - a list of 10^6 or 10^7 items: append, scan and sum, copy, clear.
 *
 * One batch is one list; only the named step is inside the clock (manual time), building and
 * dropping what it needs is outside. At 10^6 operations between two readings of the clock its
 * own cost does not show. One list is built and dropped before the first: a fresh process
 * pays for its first 32 MB in page faults, which is not what is compared here (the engine's
 * large-list workload does).
 */
#include "micro.h"

#include MICRO_OPS

#define FIRST 1000000 /* large: shared by no runtime */

static int64_t item_sum(size_t n)
{
    int64_t items = (int64_t)n;
    return items * FIRST + items * (items - 1) / 2;
}

/* True also where nobody counts. */
static bool counted(op_ref o, int64_t count)
{
    return !OP_COUNTED || op_refcount(o) == count;
}

static double seconds_since(uint64_t begin_ns)
{
    return (double)(micro_now_ns() - begin_ns) * 1e-9;
}

static int append_distinct(op_ref list, size_t n)
{
    int failed = 0;
    for (int64_t i = 0; i < (int64_t)n; i++) {
        op_ref item = op_int(FIRST + i);
        if (!item) {
            return -1;
        }
        failed |= op_list_append_steal(list, item);
    }
    return failed;
}

static op_ref distinct_list(size_t n)
{
    op_ref list = op_list();
    if (list && append_distinct(list, n)) {
        op_decref(list);
        return NULL;
    }
    return list;
}

static const char *warm_up(size_t n)
{
    op_ref list = distinct_list(n);
    if (!list) {
        return "out of memory";
    }
    op_decref(list);
    op_reclaim();
    return NULL;
}

static const char *run_append_shared(gb_state *s, const micro_row *row)
{
    const size_t n = row->size;
    op_ref item = op_int(FIRST);
    const char *wrong = item ? warm_up(n) : "out of memory";
    while (!wrong && gb_next_batch(s, (int64_t)n)) {
        op_ref list = op_list();
        int failed = list ? 0 : -1;
        uint64_t begin = micro_now_ns();
        for (size_t i = 0; i < n && !failed; i++) {
            failed = op_list_append(list, item);
        }
        gb_manual_time(s, seconds_since(begin));
        if (failed || op_list_len(list) != (int64_t)n || !counted(item, (int64_t)n + 1)) {
            wrong = "the list does not hold what was appended";
        }
        if (list) {
            op_decref(list);
        }
    }
    if (!wrong && !counted(item, 1)) {
        wrong = "a dropped list still holds its item";
    }
    if (item) {
        op_decref(item);
    }
    return wrong;
}

static const char *run_append_distinct(gb_state *s, const micro_row *row)
{
    const size_t n = row->size;
    const char *wrong = warm_up(n);
    while (!wrong && gb_next_batch(s, (int64_t)n)) {
        op_ref list = op_list();
        if (!list) {
            return "out of memory";
        }
        uint64_t begin = micro_now_ns();
        int failed = append_distinct(list, n);
        gb_manual_time(s, seconds_since(begin));
        if (failed || op_list_sum(list) != item_sum(n)) {
            wrong = "the list does not hold what was appended";
        }
        op_decref(list);
    }
    return wrong;
}

static const char *run_scan(gb_state *s, const micro_row *row)
{
    const size_t n = row->size;
    op_ref list = distinct_list(n);
    const char *wrong = list ? NULL : "out of memory";
    while (!wrong && gb_next_batch(s, (int64_t)n)) {
        uint64_t begin = micro_now_ns();
        int64_t sum = op_list_sum(list);
        gb_manual_time(s, seconds_since(begin));
        wrong = sum == item_sum(n) ? NULL : "the sum is wrong";
    }
    if (list) {
        op_decref(list);
    }
    return wrong;
}

static const char *run_copy(gb_state *s, const micro_row *row)
{
    const size_t n = row->size;
    op_ref list = distinct_list(n);
    const char *wrong = list ? NULL : "out of memory";
    while (!wrong && gb_next_batch(s, (int64_t)n)) {
        uint64_t begin = micro_now_ns();
        op_ref copy = op_list_copy(list);
        gb_manual_time(s, seconds_since(begin));
        if (!copy) {
            wrong = "out of memory";
            break;
        }
        wrong = op_list_sum(copy) == item_sum(n) ? NULL : "the copy differs";
        op_decref(copy);
    }
    if (list) {
        op_decref(list);
    }
    return wrong;
}

static const char *run_clear(gb_state *s, const micro_row *row)
{
    const size_t n = row->size;
    const char *wrong = warm_up(n);
    while (!wrong && gb_next_batch(s, (int64_t)n)) {
        op_ref list = distinct_list(n);
        if (!list) {
            return "out of memory";
        }
        uint64_t begin = micro_now_ns();
        int failed = op_list_clear(list);
        op_reclaim();
        gb_manual_time(s, seconds_since(begin));
        wrong = failed || op_list_len(list) != 0 ? "the list is not empty" : NULL;
        op_decref(list);
    }
    return wrong;
}

void micro_lists(void)
{
    enum { million = 1000000, many = 10000000 };
    static const micro_row table[] = {
        {"lists/append_shared", run_append_shared, "limit/list_append_shared", million, 0,
         MICRO_MANUAL},
        {"lists/append_distinct", run_append_distinct, "limit/list_append_distinct", million, 0,
         MICRO_MANUAL | MICRO_QUICK},
        {"lists/scan_sum", run_scan, "limit/list_scan", million, 0, MICRO_MANUAL | MICRO_QUICK},
        {"lists/copy", run_copy, "limit/list_copy", million, 0, MICRO_MANUAL},
        {"lists/clear", run_clear, "limit/list_clear", million, 0, MICRO_MANUAL | MICRO_QUICK},
        {"lists/append_shared/10M", run_append_shared, "limit/list_append_shared/10M", many, 0,
         MICRO_MANUAL},
        {"lists/append_distinct/10M", run_append_distinct, "limit/list_append_distinct/10M",
         many, 0, MICRO_MANUAL},
        {"lists/scan_sum/10M", run_scan, "limit/list_scan/10M", many, 0, MICRO_MANUAL},
        {"lists/copy/10M", run_copy, "limit/list_copy/10M", many, 0, MICRO_MANUAL},
        {"lists/clear/10M", run_clear, "limit/list_clear/10M", many, 0, MICRO_MANUAL},
    };
    micro_add_all(table, sizeof table / sizeof table[0]);
}
