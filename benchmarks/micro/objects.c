/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * objects.c - birth and death of one object of each kind.
 *
 *      objects/KIND/lifo     made and dropped at once
 *      objects/KIND/window   10^4 alive, a random one dropped and another made
 *
 * Containers are filled with references to three parts that live as long as the benchmark, so
 * that a container's birth and death pay for counting what it holds, and so that the parts'
 * counts prove at the end that every container died exactly once. Integers are outside every
 * runtime's table of shared ones.
 */
#include "micro.h"

#include <string.h>

#include MICRO_OPS

#define WINDOW 10000
#define PAIRS 4096
#define LARGE_INT 1000000

#if OP_HAS_DICT
#define OP_NAME op_intern /* as a program's keys are */
#else
#define OP_NAME op_str
#endif

#define INLINED static inline __attribute__((always_inline))

typedef struct parts {
    op_ref item[3]; /* large ints */
    op_ref key[4];  /* strings */
} parts;

typedef op_ref (*make_fn)(const parts *p, uint64_t i);

INLINED op_ref make_int(const parts *p, uint64_t i)
{
    (void)p;
    return op_int(LARGE_INT + (int64_t)(i & 1023));
}

INLINED op_ref make_float(const parts *p, uint64_t i)
{
    (void)p;
    return op_float((double)(i & 1023));
}

INLINED op_ref make_str20(const parts *p, uint64_t i)
{
    (void)p;
    char text[] = "abcdefghijklmnopqrst";
    text[0] = (char)('a' + (i & 15));
    return op_str(text, 20);
}

INLINED op_ref make_tuple3(const parts *p, uint64_t i)
{
    (void)i;
    return op_tuple3(p->item);
}

INLINED op_ref make_list3(const parts *p, uint64_t i)
{
    (void)i;
    return op_list3(p->item);
}

#if OP_HAS_DICT
INLINED op_ref make_dict4(const parts *p, uint64_t i)
{
    op_ref d = op_dict();
    (void)i;
    for (int k = 0; d && k < 4; k++) {
        if (op_dict_set(d, p->key[k], p->item[0])) {
            op_decref(d);
            return NULL;
        }
    }
    return d;
}
#endif

INLINED op_ref make_node2(const parts *p, uint64_t i)
{
    (void)i;
    op_incref(p->item[0]);
    op_incref(p->item[1]);
    return op_node_of_steal(p->item[0], p->item[1]);
}

static const char *parts_init(parts *p)
{
    static const char *const names[4] = {"name", "size", "count", "next"};
    for (int i = 0; i < 3; i++) {
        p->item[i] = op_int(LARGE_INT + i);
    }
    for (int i = 0; i < 4; i++) {
        p->key[i] = OP_NAME(names[i], strlen(names[i]));
    }
    return p->item[2] && p->key[3] ? NULL : "out of memory";
}

static int64_t parts_count(const parts *p)
{
    return op_refcount(p->item[0]) + op_refcount(p->item[1]) + op_refcount(p->item[2]);
}

static void parts_fini(parts *p)
{
    for (int i = 0; i < 3; i++) {
        op_decref(p->item[i]);
    }
    for (int i = 0; i < 4; i++) {
        op_decref(p->key[i]);
    }
}

/* References that one object of the kind holds to the items: what one of them adds. */
static int64_t held_by_one(const parts *p, make_fn make, const char **wrong)
{
    int64_t before = parts_count(p);
    op_ref one = make(p, 5);
    if (!one) {
        *wrong = "out of memory";
        return 0;
    }
    int64_t held = parts_count(p) - before;
    op_decref(one);
    if (parts_count(p) != before) {
        *wrong = "a dead object still holds its items";
    }
    return held;
}

INLINED const char *lifo(gb_state *s, make_fn make)
{
    parts p;
    const char *wrong = parts_init(&p);
    uint64_t i = 0;
    int64_t before = parts_count(&p);
    while (!wrong && gb_next_batch(s, PAIRS)) {
        for (int k = 0; k < PAIRS; k++) {
            op_ref o = make(&p, i++);
            if (__builtin_expect(!o, 0)) {
                wrong = "out of memory";
                break;
            }
            micro_escape(o);
            op_decref(o);
        }
    }
    held_by_one(&p, make, &wrong);
    if (!wrong && parts_count(&p) != before) {
        wrong = "a dead object still holds its items";
    }
    parts_fini(&p);
    return wrong;
}

static const char *window_fill(op_ref *live, const parts *p, make_fn make)
{
    for (uint32_t i = 0; i < WINDOW; i++) {
        live[i] = make(p, i);
        if (!live[i]) {
            return "out of memory";
        }
    }
    return NULL;
}

static void window_drop(op_ref *live)
{
    for (uint32_t i = 0; i < WINDOW; i++) {
        if (live[i]) {
            op_decref(live[i]);
        }
    }
}

INLINED const char *window(gb_state *s, make_fn make)
{
    parts p;
    op_ref *live = micro_pages(WINDOW * sizeof *live);
    op_roots(live, WINDOW * sizeof *live, true);
    const char *wrong = parts_init(&p);
    uint64_t x = micro_seed;
    int64_t before = parts_count(&p);
    int64_t held = held_by_one(&p, make, &wrong);
    wrong = wrong ? wrong : window_fill(live, &p, make);
    while (!wrong && gb_next_batch(s, PAIRS)) {
        for (int k = 0; k < PAIRS; k++) {
            uint32_t i = micro_below(&x, WINDOW);
            op_decref(live[i]);
            live[i] = make(&p, i);
            if (__builtin_expect(!live[i], 0)) {
                wrong = "out of memory";
                break;
            }
        }
    }
    if (!wrong && parts_count(&p) != before + held * WINDOW) {
        wrong = "the live objects do not hold their items";
    }
    window_drop(live);
    op_roots(live, WINDOW * sizeof *live, false);
    if (!wrong && parts_count(&p) != before) {
        wrong = "a dead object still holds its items";
    }
    parts_fini(&p);
    micro_pages_free(live, WINDOW * sizeof *live);
    return wrong;
}

/* The value of what the constructor makes: leaf objects hold no items that could tell. */
static const char *values_check(void)
{
    parts p = {0};
    op_ref i = make_int(&p, 5), f = make_float(&p, 5), t = make_str20(&p, 5);
    bool good = i && f && t && op_int_value(i) == LARGE_INT + 5 && op_float_value(f) > 4.9 &&
                op_float_value(f) < 5.1 && strcmp(op_str_bytes(t), "fbcdefghijklmnopqrst") == 0;
    op_ref all[3] = {i, f, t};
    for (int k = 0; k < 3; k++) {
        if (all[k]) {
            op_decref(all[k]);
        }
    }
    return good ? NULL : "an object does not have the value it was made with";
}

#if OP_HAS_DICT
#define DICT4(KIND) KIND(dict4)
#else
#define DICT4(KIND)
#endif

#define KINDS(KIND)                                                                            \
    KIND(int) KIND(float) KIND(str20) KIND(tuple3) KIND(list3) DICT4(KIND) KIND(node2)

#define FUNCTIONS(kind)                                                                        \
    static const char *kind##_lifo(gb_state *s, const micro_row *row)                          \
    {                                                                                          \
        (void)row;                                                                             \
        const char *wrong = lifo(s, make_##kind);                                              \
        return wrong ? wrong : values_check();                                                 \
    }                                                                                          \
    static const char *kind##_window(gb_state *s, const micro_row *row)                        \
    {                                                                                          \
        (void)row;                                                                             \
        const char *wrong = window(s, make_##kind);                                            \
        return wrong ? wrong : values_check();                                                 \
    }

KINDS(FUNCTIONS)

#define ROWS(kind)                                                                             \
    {"objects/" #kind "/lifo", kind##_lifo, "limit/freelist_pop_push", 0, 0, MICRO_QUICK},     \
        {"objects/" #kind "/window", kind##_window, "limit/freelist_window/64", 0, 0, 0},

void micro_objects(void)
{
    static const micro_row table[] = {KINDS(ROWS)};
    micro_add_all(table, sizeof table / sizeof table[0]);
}
