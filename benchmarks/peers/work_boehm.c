/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * work_boehm.c - the part of ouro's interface that the engine's object form uses, on the
 * Boehm-Demers-Weiser collector: ouro-work-boehm. Objects are those of ouro-peer-boehm
 * (ops_boehm.h).
 *
 * The engine's arrays hold references, so what arena_take() maps is a root (the linker puts
 * __wrap_arena_take in its place). Threads are registered when they attach and stopped by
 * signals wherever they are: safepoints and blocking regions are nothing. One marker, as in
 * ouro-peer-boehm.
 */
#include "ops_boehm.h"

#include <gc/gc_mark.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/below.h"
#include "engine/operations.h"
#include "ouro/ouro.h"
#include "work_stops.h"

#define DEEP_BYTES 65536u /* of stack, cleared before the last collection */

uint64_t op_made; /* ops_boehm.h counts nodes for ouro-peer-boehm */

static struct {
    ou_gc_callback fn;
    void *arg;
    uint64_t began_ns;  /* of the collection that runs: the collector's lock is held */
    uint64_t wished_ns; /* ... and of its stop */
    uint64_t stood_ns;
    uint64_t alive; /* objects seen by the census */
} gc;

static op_ref op(const ou_object *o)
{
    return (op_ref)(uintptr_t)o;
}

static ou_object *made(op_ref o)
{
    return (ou_object *)o;
}

static int answer(bool fine)
{
    return fine ? 0 : OU_ENOMEM;
}

const char *ou_error_message(void)
{
    return "out of memory (libgc)"; /* nothing else fails here */
}

const char *ou_type_name(const ou_object *o)
{
    static const char *const names[] = {"?",     "int",  "float",    "str",
                                        "tuple", "list", "instance", "dict"};
    uint64_t kind = op(o)->kind;
    return names[kind < sizeof names / sizeof *names ? kind : 0];
}

/* ---- what it lacks -------------------------------------------------------------------------
 */

const bool below_counts = false; /* a collection marks what lives; garbage is swept later */

const char *below_lacks(const struct phase *p)
{
    const struct op_form *form = p->row->form[FORM_OBJECT];
    if (form == &object_weak_cache) {
        return "its weak links call nobody when they are cleared";
    }
    return p->finalizer ? "cycles of objects with finalizers are never collected" : NULL;
}

/* Some words of the engine, random numbers among them, seem to look like addresses: 3 of 16
 * runs of one workload kept a whole component. */
uint64_t below_slack(uint64_t largest)
{
    return 4 * largest + 4096;
}

ou_object *ou_weakref_new(ou_object *target, ou_weakref_callback callback, void *arg)
{
    (void)target, (void)callback, (void)arg;
    return NULL;
}

ou_object *ou_weakref_get(ou_object *ref)
{
    (void)ref;
    return NULL;
}

/* ---- start, threads, roots -----------------------------------------------------------------
 */

static void GC_CALLBACK on_event(GC_EventType event)
{
    uint64_t now = work_now_ns();
    if (event == GC_EVENT_START) {
        gc.began_ns = now;
    } else if (event == GC_EVENT_PRE_STOP_WORLD) {
        gc.wished_ns = now;
    } else if (event == GC_EVENT_POST_STOP_WORLD) {
        gc.stood_ns = now;
    } else if (event == GC_EVENT_POST_START_WORLD) {
        work_stop_add(gc.wished_ns, gc.stood_ns - gc.wished_ns, now - gc.wished_ns);
    } else if (event == GC_EVENT_END && gc.fn) {
        ou_gc_report report = {.total_ns = now - gc.began_ns};
        gc.fn(&report, gc.arg);
    }
}

static void start_once(void)
{
    static bool started;
    if (!started) {
        started = true;
        GC_set_markers_count(1);
        GC_set_warn_proc(GC_ignore_warn_proc); /* of large blocks: they are what is asked for */
        GC_INIT();
        GC_allow_register_threads();
        GC_set_on_collection_event(on_event);
    }
}

void *__real_arena_take(size_t bytes);
void __real_arena_give(void *p, size_t bytes);
void *__wrap_arena_take(size_t bytes);
void __wrap_arena_give(void *p, size_t bytes);

void *__wrap_arena_take(size_t bytes)
{
    char *p = __real_arena_take(bytes);
    if (p) {
        start_once(); /* the main thread's first arrays come before ou_start() */
        GC_add_roots(p, p + bytes);
    }
    return p;
}

void __wrap_arena_give(void *p, size_t bytes)
{
    if (p) {
        GC_remove_roots(p, (char *)p + bytes);
    }
    __real_arena_give(p, bytes);
}

int ou_start(const char *conf)
{
    (void)conf;
    start_once();
    return 0;
}

int ou_thread_attach(void)
{
    struct GC_stack_base base;
    bool fine = GC_get_stack_base(&base) == GC_SUCCESS;
    int err = fine ? GC_register_my_thread(&base) : GC_NO_THREADS;
    return err == GC_SUCCESS || err == GC_DUPLICATE ? 0 : OU_ELIMIT;
}

void ou_thread_detach(void)
{
    GC_unregister_my_thread();
}

void ou_blocking_begin(void)
{
}

void ou_blocking_end(void)
{
}

void ou_safepoint(void)
{
}

const char *ou_version(void)
{
    static char text[48];
    unsigned v = GC_get_version();
    snprintf(text, sizeof text, "libgc %u.%u.%u", v >> 16, (v >> 8) & 255, v & 255);
    return text;
}

const char *ou_build_info(void)
{
    return "one marker";
}

/* ---- collections ---------------------------------------------------------------------------
 */

int ou_gc_callback_add(ou_gc_callback fn, void *arg)
{
    gc.fn = fn;
    gc.arg = arg;
    return 0;
}

int64_t ou_gc_collect(void)
{
    return op_collect();
}

/* Where functions that have returned left their references. Called near the top of the stack,
 * before what runs there next. */
static __attribute__((noinline)) void clear_stack(void)
{
    char deep[DEEP_BYTES];
    memset(deep, 0, sizeof deep);
    __asm__ volatile("" : : "r"(deep) : "memory");
}

/* GC_disable counts how often it was called. */
void ou_gc_enable(void)
{
    if (GC_is_disabled()) {
        GC_enable();
    }
}

void ou_gc_disable(void)
{
    clear_stack();
    if (!GC_is_disabled()) {
        GC_disable();
    }
}

int ou_gc_background(bool on)
{
    return on ? OU_ELIMIT : 0; /* it has none: collections stay where they are due */
}

static void GC_CALLBACK count_one(void *object, size_t bytes, void *arg)
{
    uint64_t kind = *(const uint64_t *)object; /* of an array: an address, or NULL */
    (void)bytes, (void)arg;
    gc.alive += kind >= OP_INT && kind <= OP_DICT;
}

static void *count_all(void *arg)
{
    gc.alive = 0;
    GC_enumerate_reachable_objects_inner(count_one, NULL);
    return arg;
}

/* The second one is the last thing that the engine asks for: its arrays hold what was given
 * back, and so they are no roots any more. */
size_t ou_census(ou_census_row *rows, size_t max)
{
    static unsigned asked;
    if (!max) {
        return 0;
    }
    if (asked++) {
        GC_clear_roots(); /* static data is found again by each collection */
    }
    clear_stack();
    op_collect();
    GC_call_with_alloc_lock(count_all, NULL);
    rows[0] = (ou_census_row){.type = "marked", .count = gc.alive};
    return 1;
}

/* ---- numbers, text, tuples -----------------------------------------------------------------
 */

ou_object *ou_int_new(int64_t value)
{
    return made(op_int(value));
}

int ou_int_value(const ou_object *o, int64_t *value)
{
    *value = op_int_value(op(o));
    return op(o)->kind == OP_INT ? 0 : OU_ETYPE;
}

ou_object *ou_float_new(double value)
{
    return made(op_float(value));
}

int ou_float_value(const ou_object *o, double *value)
{
    *value = op_float_value(op(o));
    return op(o)->kind == OP_FLOAT ? 0 : OU_ETYPE;
}

ou_object *ou_str_new(const char *bytes, size_t len)
{
    return made(op_str(bytes, len));
}

const char *ou_str_bytes(const ou_object *o, size_t *len)
{
    *len = op(o)->length;
    return op(o)->kind == OP_STR ? op_str_bytes(op(o)) : NULL;
}

ou_object *ou_tuple_new(ou_object *const *items, size_t n)
{
    return made(op_tuple((const op_ref *)items, n));
}

int64_t ou_tuple_len(const ou_object *o)
{
    return op(o)->kind == OP_TUPLE ? (int64_t)op(o)->length : OU_ETYPE;
}

ou_object *ou_tuple_get_borrow(const ou_object *o, size_t i)
{
    bool inside = op(o)->kind == OP_TUPLE && i < op(o)->length;
    return inside ? made(((op_ref *)(op(o) + 1))[i]) : NULL;
}

/* ---- lists ---------------------------------------------------------------------------------
 */

ou_object *ou_list_new(size_t capacity)
{
    (void)capacity;
    return made(op_list());
}

int64_t ou_list_len(ou_object *list)
{
    return op(list)->kind == OP_LIST ? op_list_len(op(list)) : OU_ETYPE;
}

ou_object *ou_list_get(ou_object *list, size_t i)
{
    bool inside = op(list)->kind == OP_LIST && i < op(list)->length;
    return inside ? made(op_as_list(op(list))->item[i]) : NULL;
}

int ou_list_append(ou_object *list, ou_object *item)
{
    return answer(op_list_append(op(list), op(item)) == 0);
}

int ou_list_append_steal(ou_object *list, ou_object *item)
{
    return ou_list_append(list, item);
}

int ou_list_clear(ou_object *list)
{
    return op_list_clear(op(list));
}

ou_object *ou_list_copy(ou_object *list)
{
    return made(op_list_copy(op(list)));
}

int ou_list_sum(ou_object *list, int64_t *sum, size_t *ints)
{
    op_ref o = op(list);
    uint64_t total = 0;
    *ints = 0;
    for (size_t i = 0; i < o->length; i++) {
        op_ref item = op_as_list(o)->item[i];
        if (item->kind == OP_INT) {
            total += (uint64_t)item->integer;
            ++*ints;
        }
    }
    *sum = (int64_t)total;
    return 0;
}

/* ---- instances: a node with as many slots as its class has attributes ----------------------
 */

typedef struct class
{
    size_t slots;
} class;

const ou_type *ou_class_new(const char *name, const char *const *attrs, size_t n, bool closed,
                            ou_finalizer finalizer, void *arg)
{
    (void)name, (void)attrs, (void)closed, (void)finalizer, (void)arg; /* see below_lacks */
    class *cls = malloc(sizeof *cls); /* for ever, as in ouro */
    if (cls) {
        cls->slots = n;
    }
    return (const ou_type *)cls;
}

ou_object *ou_instance_new(const ou_type *type)
{
    op_node_object *node =
        GC_MALLOC(sizeof node->kind + ((const class *)type)->slots * sizeof(op_ref));
    if (node) {
        node->kind = OP_NODE; /* slots are zeroed */
    }
    return (ou_object *)node;
}

ou_object *ou_attr_get_at(ou_object *self, int index)
{
    op_ref *slot = (op_ref *)((uint64_t *)self + 1);
    return made(slot[index]);
}

int ou_attr_set_at(ou_object *self, int index, ou_object *value)
{
    op_ref *slot = (op_ref *)((uint64_t *)self + 1);
    slot[index] = op(value);
    return 0;
}

int ou_attr_set_at_steal(ou_object *self, int index, ou_object *value)
{
    return ou_attr_set_at(self, index, value);
}
