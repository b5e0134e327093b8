/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * unit.c - fixtures of the cmocka tests. Every test must leave as many mortal objects alive as
 * it found; that is asked of ou_leak_report, whose own tests are in unit/test_census.c.
 */
#include "support/unit.h"

#include "support/proc.h"

static uint64_t unit_live;

int unit_start(void **state)
{
    (void)state;
    return ou_start("gc_auto=0") == OU_OK ? 0 : -1;
}

int unit_stop(void **state)
{
    (void)state;
    ou_gc_collect();
    size_t faults = ou_heap_check();
    int stopped = ou_stop();
    if (faults || stopped != OU_OK) {
        fprintf(stderr, "%s:%d: %zu heap faults, ou_stop gave %d\n", __FILE__, __LINE__, faults,
                stopped);
        return -1;
    }
    return 0;
}

int unit_before(void **state)
{
    (void)state;
    ou_gc_collect();
    unit_live = ou_leak_report(proc_null());
    return 0;
}

int unit_after(void **state)
{
    (void)state;
    ou_gc_collect();
    uint64_t live = ou_leak_report(proc_null());
    if (live != unit_live) {
        fprintf(stderr, "%s:%d: %llu objects alive before the test, %llu after\n", __FILE__,
                __LINE__, (unsigned long long)unit_live, (unsigned long long)live);
        ou_leak_report(stderr);
        return -1;
    }
    return 0;
}

int unit_count_end(ou_object *self, void *arg)
{
    (void)self;
    ++*(int *)arg;
    return 0;
}

void unit_count_call(ou_object *ref, void *arg)
{
    assert_null(ou_weakref_get(ref));
    ++*(int *)arg;
}

const char *unit_repr(ou_object *o)
{
    static char bufs[4][512];
    static unsigned next;
    char *buf = bufs[next++ % 4];
    ou_repr(o, buf, sizeof(bufs[0]));
    return buf;
}

int64_t unit_int(ou_object *o)
{
    int64_t value = 0;
    assert_non_null(o);
    assert_int_equal(ou_int_value(o, &value), OU_OK);
    return value;
}
