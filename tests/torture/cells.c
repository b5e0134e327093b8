/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * cells.c - makes and checks recognisable objects; starts and ends a torture program.
 */
#include "torture/cells.h"

#include <stdio.h>
#include <string.h>

static const ou_type *cookie_cls;
static uint64_t cookie_count_made;      /* atomic */
static uint64_t cookie_count_finalized; /* atomic */
static uint64_t cells_objects;

static int64_t cookie_int(ou_object *o)
{
    int64_t v = 0;
    REQUIRE(o != NULL && ou_int_value(o, &v) == OU_OK);
    ou_decref(o);
    return v;
}

static int cookie_finalize(ou_object *self, void *arg)
{
    (void)arg;
    /* Members are still whole, whoever runs this. */
    REQUIRE(cookie_int(ou_attr_get_at(self, 0)) == ~cookie_int(ou_attr_get_at(self, 1)));
    ou_fetch_add_relaxed(&cookie_count_finalized, 1u);
    return 0;
}

void cookie_init(void)
{
    static const char *const attrs[] = {"cookie", "complement", "other"};
    cookie_cls = ou_class_new("Cookie", attrs, 3, true, cookie_finalize, NULL);
    REQUIRE(cookie_cls != NULL);
}

const ou_type *cookie_class(void)
{
    return cookie_cls;
}

uint64_t cookie_made(void)
{
    return ou_load_relaxed(&cookie_count_made);
}

uint64_t cookie_finalized(void)
{
    return ou_load_relaxed(&cookie_count_finalized);
}

static ou_object *cookie_instance(ou_object *pair[2])
{
    ou_object *o = ou_instance_new(cookie_cls);
    REQUIRE(o != NULL);
    REQUIRE(ou_attr_set_at(o, 0, pair[0]) == OU_OK && ou_attr_set_at(o, 1, pair[1]) == OU_OK);
    ou_fetch_add_relaxed(&cookie_count_made, 1u);
    return o;
}

static ou_object *cookie_dict(ou_object *pair[2])
{
    ou_object *o = ou_dict_new(2);
    REQUIRE(o != NULL);
    REQUIRE(ou_dict_set(o, ou_int_new(0), pair[0]) == OU_OK);
    REQUIRE(ou_dict_set(o, ou_int_new(1), pair[1]) == OU_OK);
    return o;
}

ou_object *cookie_new(prng *r)
{
    int64_t v = (int64_t)(prng_next(r) >> 1) | (INT64_C(1) << 40);
    ou_object *pair[2] = {ou_int_new(v), ou_int_new(~v)};
    ou_object *o = NULL;
    char text[48];
    REQUIRE(pair[0] && pair[1]);
    switch (prng_below(r, 6)) {
    case 0:
        o = ou_incref(pair[0]);
        break;
    case 1:
        o = ou_str_new(text, (size_t)snprintf(text, sizeof(text), "%lld %lld", (long long)v,
                                              (long long)~v));
        break;
    case 2:
        o = ou_list_of(pair, 2);
        break;
    case 3:
        o = ou_tuple_new(pair, 2);
        break;
    case 4:
        o = cookie_dict(pair);
        break;
    default:
        o = cookie_instance(pair);
        break;
    }
    REQUIRE(o != NULL);
    ou_decref(pair[0]);
    ou_decref(pair[1]);
    return o;
}

static void cookie_check_str(ou_object *o)
{
    long long v = 0;
    long long complement = 0;
    size_t len = 0;
    const char *bytes = ou_str_bytes(o, &len);
    REQUIRE(bytes && strlen(bytes) == len);
    REQUIRE(sscanf(bytes, "%lld %lld", &v, &complement) == 2 && v == ~complement);
}

void cookie_check(ou_object *o)
{
    int64_t v = 0;
    if (ou_is_int(o)) {
        REQUIRE(ou_int_value(o, &v) == OU_OK && (v & (INT64_C(1) << 40)));
    } else if (ou_is_str(o)) {
        cookie_check_str(o);
    } else if (ou_is_list(o)) {
        REQUIRE(cookie_int(ou_list_get(o, 0)) == ~cookie_int(ou_list_get(o, 1)));
    } else if (ou_is_tuple(o)) {
        REQUIRE(ou_tuple_len(o) == 2);
        REQUIRE(ou_int_value(ou_tuple_get_borrow(o, 0), &v) == OU_OK);
    } else if (ou_is_dict(o)) {
        REQUIRE(cookie_int(ou_dict_get(o, ou_int_new(0))) ==
                ~cookie_int(ou_dict_get(o, ou_int_new(1))));
    } else {
        REQUIRE(ou_is_instance(o) && ou_type_of(o) == cookie_cls);
        REQUIRE(cookie_int(ou_attr_get_at(o, 0)) == ~cookie_int(ou_attr_get_at(o, 1)));
    }
}

void cells_start(const char *conf)
{
    REQUIRE(ou_start(conf) == OU_OK);
    cookie_init();
    cells_objects = ou_leak_report(proc_null());
}

int cells_finish(void)
{
    ou_gc_collect();
    ou_gc_collect(); /* what the finalizers of the first one left */
    if (!EXPECT_EQ(ou_leak_report(proc_null()), cells_objects)) {
        ou_leak_report(stderr);
    }
    EXPECT_EQ(cookie_finalized(), cookie_made());
    EXPECT_EQ(ou_heap_check(), 0);
    EXPECT_EQ(ou_stop(), OU_OK);
    return expect_result();
}
