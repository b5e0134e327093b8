/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * oom_object.c - allocation failure in strings, interning, numbers, tuples, instances and
 * weakrefs; and the collector, which must find exactly the same with no memory at all.
 */
#include <stdio.h>

#include "oom/sweep.h"
#include "support/expect.h"

static ou_object *base; /* an operand, if any */
static ou_object *result;
static size_t interned;
static const ou_type *cls;
#define LATE_MAX 40
static int late_attr; /* index far behind the inline ones */

static void clean(void)
{
    ou_xdecref(result);
    ou_xdecref(base);
    result = NULL;
    base = NULL;
}

static bool made(ou_object *o)
{
    result = o;
    return o != NULL;
}

static bool act_int(void)
{
    return made(ou_int_new(123456789));
}

static bool act_float(void)
{
    return made(ou_float_new(0.25));
}

static bool act_str(void)
{
    return made(ou_str("a string that needs memory"));
}

static void prepare_str(void)
{
    base = ou_str("half of a string, ");
    REQUIRE(base != NULL);
}

static bool act_concat(void)
{
    return made(ou_str_concat(base, base));
}

static void base_untouched(void)
{
    REQUIRE(ou_refcount(base) == 1);
}

static void note_table(void)
{
    interned = ou_intern_count();
}

static bool act_intern(void)
{
    return made(ou_str_intern("interned under pressure", 23));
}

static void table_same(void)
{
    REQUIRE(ou_intern_count() == interned);
}

static void table_one_more(void)
{
    REQUIRE(ou_intern_count() == interned + 1);
    REQUIRE(ou_str_is_interned(result));
}

/* Enough strings for the table to grow; dropped again when one fails. */
static bool act_intern_many(void)
{
    char text[32];
    base = ou_list_new(0);
    for (int i = 0; base && i < 600; i++) {
        int len = snprintf(text, sizeof(text), "pressure %d", i);
        ou_object *s = ou_str_intern(text, (size_t)len);
        if (!s || ou_list_append_steal(base, s) != OU_OK) {
            ou_decref(base);
            base = NULL;
        }
    }
    return base != NULL;
}

static void prepare_steal(void)
{
    note_table();
    base = ou_str("to be stolen");
    REQUIRE(base != NULL);
}

static bool act_intern_steal(void)
{
    ou_object *s = ou_str_intern_steal(base);
    if (!s) {
        return false;
    }
    base = NULL;
    return made(s);
}

/* Not taken over: the caller still owns it, and it is not in the table. */
static void not_stolen(void)
{
    REQUIRE(ou_refcount(base) == 1);
    table_same();
}

static bool act_tuple(void)
{
    ou_object *items[3] = {ou_none(), ou_true(), ou_none()};
    return made(ou_tuple_new(items, 3));
}

static bool act_instance(void)
{
    return made(ou_instance_new(cls));
}

/* Two values, one of them far behind the inline ones; the instance is all that comes of it. */
static bool act_instance_of(void)
{
    ou_object *values[LATE_MAX + 1] = {ou_incref(base)};
    values[late_attr] = ou_incref(base);
    return made(ou_instance_of_steal(cls, values, (size_t)late_attr + 1));
}

static void two_held(void)
{
    REQUIRE(ou_refcount(base) == 3);
}

static void prepare_instance(void)
{
    base = ou_instance_new(cls);
    result = ou_int_new(987654321);
    REQUIRE(base && result);
    REQUIRE(ou_attr_set_at(base, 0, result) == OU_OK);
}

static bool act_late_attr(void)
{
    return ou_attr_set_at(base, late_attr, result) == OU_OK;
}

static bool act_late_attr_steal(void)
{
    return ou_attr_set_at_steal(base, late_attr, ou_incref(result)) == OU_OK;
}

static void one_attr(void)
{
    REQUIRE(ou_refcount(result) == 2);
    ou_object *got = ou_attr_get_at(base, 0);
    REQUIRE(got == result);
    ou_decref(got);
    REQUIRE(ou_attr_get_at(base, late_attr) == NULL);
}

static void two_attrs(void)
{
    REQUIRE(ou_refcount(result) == 3);
}

static void prepare_list(void)
{
    base = ou_list_new(0);
    REQUIRE(base != NULL);
}

static bool act_weakref(void)
{
    return made(ou_weakref_new(base, NULL, NULL));
}

static void no_weakref(void)
{
    REQUIRE(ou_weakref_count(base) == 0);
}

/* Rings of all kinds, some with weakrefs into them; one live list beside. */
static void prepare_garbage(void)
{
    base = ou_list_new(1);
    REQUIRE(base != NULL);
    for (int i = 0; i < 500; i++) {
        ou_object *a = ou_instance_new(cls);
        ou_object *b = ou_dict_new(0);
        ou_object *c = ou_list_of(&b, 1);
        REQUIRE(a && b && c);
        REQUIRE(ou_attr_set_at_steal(a, 0, c) == OU_OK);
        REQUIRE(ou_dict_set(b, ou_none(), a) == OU_OK);
        if (i % 50 == 0) {
            REQUIRE(ou_list_append_steal(base, ou_weakref_new(a, NULL, NULL)) == OU_OK);
        }
        ou_decref(a);
        ou_decref(b);
    }
}

static bool act_collect(void)
{
    return ou_gc_collect() == 1500;
}

static bool act_collect_sliced(void)
{
    return ou_gc_collect_sliced(NULL) == 1500;
}

/* Members with finalizers, of which some bring back what they refer to. */
static int ends;
static ou_object *back[10];

static int note_end(ou_object *self, void *arg)
{
    (void)arg;
    if (ends % 50 == 0) {
        back[ends / 50 % 10] = ou_incref(self);
    }
    ends++;
    return 0;
}

static void prepare_tellers(void)
{
    static const ou_type *teller;
    static const char *const attrs[] = {"self"};
    teller = teller ? teller : ou_class_new("Teller", attrs, 1, true, note_end, NULL);
    base = ou_list_new(0);
    REQUIRE(teller && base);
    ends = 0;
    for (int i = 0; i < 500; i++) {
        ou_object *o = ou_instance_new(teller);
        REQUIRE(o && ou_attr_set_at(o, 0, o) == OU_OK);
        ou_decref(o);
    }
}

static bool act_collect_tellers(void)
{
    bool found = ou_gc_collect() == 490 && ends == 500;
    for (int i = 0; i < 10; i++) {
        ou_decref(back[i]);
    }
    return found && ou_gc_collect() == 10 && ends == 500;
}

/* Classes stay, so each failure is looked at by itself: nothing of it is left. */
static void class_points(bool sticky)
{
    static const char *const attrs[] = {"one", "two", "three"};
    const ou_type *made = NULL;
    int failed = 0;
    for (int n = 1; !made; n++) {
        size_t bytes = ou_heap_live_bytes();
        sweep_fail_after(n, sticky);
        made = ou_class_new("Made under pressure", attrs, 3, false, NULL, NULL);
        sweep_fail_after(0, false);
        failed += !made;
        EXPECT(made || (ou_error() == OU_ENOMEM && ou_heap_live_bytes() == bytes));
        REQUIRE(n < 100);
    }
    for (int i = 0; i < 300; i++) { /* its table grows on the way */
        char name[16];
        snprintf(name, sizeof name, "more%d", i);
        for (int n = 1, at = -1; at < 0; n++) {
            size_t bytes = ou_heap_live_bytes();
            sweep_fail_after(n, sticky);
            at = ou_class_attr(made, name);
            sweep_fail_after(0, false);
            failed += at < 0;
            EXPECT(at == 3 + i || (at == OU_ENOMEM && ou_heap_live_bytes() == bytes));
            REQUIRE(n < 100);
        }
    }
    printf("%-28s %3d points failed%s\n", "class", failed, sticky ? ", sticky" : " once");
    EXPECT(failed > 300);
}

/* The weakref table grows by use and stays so: let it have its size beforehand. */
static void grow_weakref_table(void)
{
    ou_object *refs = ou_list_new(0);
    ou_object *lists = ou_list_new(0);
    REQUIRE(refs && lists);
    for (int i = 0; i < 4000; i++) {
        ou_object *target = ou_list_new(0);
        REQUIRE(target && ou_list_append_steal(lists, target) == OU_OK);
        REQUIRE(ou_list_append_steal(refs, ou_weakref_new(target, NULL, NULL)) == OU_OK);
    }
    ou_decref(refs);
    ou_decref(lists);
}

int main(void)
{
    static const sweep_case cases[] = {
        {"int", NULL, act_int, NULL, NULL, clean},
        {"float", NULL, act_float, NULL, NULL, clean},
        {"str", NULL, act_str, NULL, NULL, clean},
        {"str concat", prepare_str, act_concat, base_untouched, NULL, clean},
        {"intern", note_table, act_intern, table_same, table_one_more, clean},
        {"intern 600", note_table, act_intern_many, table_same, NULL, clean},
        {"tuple", NULL, act_tuple, NULL, NULL, clean},
        {"instance", NULL, act_instance, NULL, NULL, clean},
        {"instance of", prepare_str, act_instance_of, base_untouched, two_held, clean},
        {"attribute outside", prepare_instance, act_late_attr, one_attr, two_attrs, clean},
        {"attribute outside, steal", prepare_instance, act_late_attr_steal, one_attr, two_attrs,
         clean},
        {"weakref", prepare_list, act_weakref, no_weakref, NULL, clean},
    };
    static const sweep_case calm[] = {
        {"collector", prepare_garbage, act_collect, NULL, NULL, clean},
        {"collector, short stops", prepare_garbage, act_collect_sliced, NULL, NULL, clean},
        {"collector, finalizers", prepare_tellers, act_collect_tellers, NULL, NULL, clean}};
    /* Interning a string in place may or may not need memory: only the outcome is checked. */
    static const sweep_case steal = {"intern_steal", prepare_steal,  act_intern_steal,
                                     not_stolen,     table_one_more, clean};
    REQUIRE(ou_start("gc_auto=0") == OU_OK);
    static const char *const first[] = {"first"};
    cls = ou_class_new("Open", first, 1, false, NULL, NULL);
    REQUIRE(cls != NULL);
    ou_decref(ou_instance_new(cls)); /* what is inline is settled by the first one */
    grow_weakref_table();
    for (int i = 0; i < LATE_MAX; i++) {
        char name[16];
        snprintf(name, sizeof(name), "late%d", i);
        late_attr = ou_class_attr(cls, name);
        REQUIRE(late_attr == 1 + i);
    }
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        sweep_run(&cases[i], SWEEP_FAILS);
    }
    for (size_t i = 0; i < sizeof calm / sizeof *calm; i++) {
        sweep_run(&calm[i], SWEEP_CALM);
    }
    sweep_run(&steal, SWEEP_EITHER);
    class_points(false);
    class_points(true);
    EXPECT_EQ(ou_stop(), OU_OK);
    return expect_result();
}
