/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * limits_objects.c - the bare bones of lists, dicts and interning: arrays of pointers to
 * counted boxes, one open-addressing table. As limits.c: no check, no lock, no growth, no
 * failure, memory already there; only the accesses that the operation cannot avoid.
 */
#include "micro.h"

#include <stdio.h>
#include <string.h>

#include "ouro/atomic.h"

#define KEYS 1000   /* as dicts.c */
#define SLOTS 2048  /* the power of two above KEYS / 0.75 */
#define STRINGS 256 /* as intern.c */
#define TEXT 20
#define FIRST 1000000 /* value of the first box */

typedef struct box {
    uint64_t count;
    uint64_t hash;
    union {
        uint64_t value;
        struct box *next; /* once it is free */
    };
    char text[24];
    uint64_t rest;
} box;

/* The smallest boxed integer: count word, type word, value, rounded up to what most heaps
 * round to. */
typedef struct small_box {
    uint64_t count;
    uint64_t type;
    union {
        uint64_t value;
        struct small_box *next;
    };
    uint64_t rest;
} small_box;

typedef struct bench_list {
    small_box **item;
    small_box **copy;
    small_box *boxes;
    size_t n;
} bench_list;

static uint64_t item_sum(size_t n)
{
    return (uint64_t)n * FIRST + (uint64_t)n * (n - 1) / 2;
}

/* A list of n distinct boxes in address order, kept until another length is asked for. */
static bench_list *the_list(size_t n)
{
    static bench_list l;
    if (l.n && l.n != n) {
        micro_pages_free(l.item, l.n * sizeof *l.item);
        micro_pages_free(l.copy, l.n * sizeof *l.copy);
        micro_pages_free(l.boxes, l.n * sizeof *l.boxes);
        l.n = 0;
    }
    if (!l.n) {
        l.item = micro_pages(n * sizeof *l.item);
        l.copy = micro_pages(n * sizeof *l.copy);
        l.boxes = micro_pages_huge(n * sizeof *l.boxes);
        l.n = n;
    }
    for (size_t i = 0; i < n; i++) {
        l.item[i] = &l.boxes[i];
        l.boxes[i] = (small_box){.count = 1, .value = FIRST + i};
    }
    return &l;
}

static const char *append_shared(gb_state *s, const micro_row *row)
{
    bench_list *l = the_list(row->size);
    small_box *shared = &l->boxes[0];
    uint64_t rounds = 0;
    while (gb_next_batch(s, (int64_t)l->n)) {
        for (size_t i = 0; i < l->n; i++) {
            ou_store_relaxed(&shared->count, ou_load_relaxed(&shared->count) + 1);
            l->copy[i] = shared;
        }
        micro_escape(l->copy);
        rounds++;
    }
    return shared->count == rounds * l->n + 1 && l->copy[l->n - 1] == shared
               ? NULL
               : "the item was not counted as often as appended";
}

static const char *append_distinct(gb_state *s, const micro_row *row)
{
    bench_list *l = the_list(row->size);
    while (gb_next_batch(s, (int64_t)l->n)) {
        small_box *bump = l->boxes;
        for (size_t i = 0; i < l->n; i++, bump++) {
            bump->count = 1;
            bump->type = 7;
            bump->value = FIRST + i;
            l->item[i] = bump;
        }
        micro_escape(l->item);
    }
    uint64_t sum = 0;
    for (size_t i = 0; i < l->n; i++) {
        sum += l->item[i]->value;
    }
    return sum == item_sum(l->n) ? NULL : "an item is missing";
}

static const char *list_scan(gb_state *s, const micro_row *row)
{
    bench_list *l = the_list(row->size);
    uint64_t sum = 0, rounds = 0;
    while (gb_next_batch(s, (int64_t)l->n)) {
        for (size_t i = 0; i < l->n; i++) {
            sum += l->item[i]->value;
        }
        micro_sink(sum);
        rounds++;
    }
    return sum == rounds * item_sum(l->n) ? NULL : "the sum is wrong";
}

static const char *list_copy(gb_state *s, const micro_row *row)
{
    bench_list *l = the_list(row->size);
    uint64_t rounds = 0;
    while (gb_next_batch(s, (int64_t)l->n)) {
        for (size_t i = 0; i < l->n; i++) {
            l->copy[i] = l->item[i];
            l->item[i]->count++;
        }
        micro_escape(l->copy);
        rounds++;
    }
    return l->boxes[l->n - 1].count == rounds + 1 ? NULL : "an item was not counted";
}

/* Each box is looked at (is this the last reference?) and linked into a free list. */
static const char *list_clear(gb_state *s, const micro_row *row)
{
    bench_list *l = the_list(row->size);
    small_box *head = NULL;
    while (gb_next_batch(s, (int64_t)l->n)) {
        head = NULL;
        for (size_t i = 0; i < l->n; i++) {
            small_box *b = l->item[i];
            if (b->count == 1) {
                b->next = head;
                head = b;
            }
        }
        micro_escape(head);
    }
    size_t n = 0;
    for (; head; head = head->next) {
        n++;
    }
    return n == l->n ? NULL : "not every item was freed";
}

/* Nodes as small boxes: every node refers to the one made before it. */
static small_box *chain_of(small_box *boxes, size_t n)
{
    small_box *last = NULL;
    for (size_t i = 0; i < n; i++) {
        boxes[i].count = 1;
        boxes[i].type = 7;
        boxes[i].next = last;
        last = &boxes[i];
    }
    return last;
}

static const char *chain_build(gb_state *s, const micro_row *row)
{
    bench_list *l = the_list(row->size);
    const small_box *last = NULL;
    while (gb_next_batch(s, (int64_t)l->n)) {
        last = chain_of(l->boxes, l->n);
        micro_escape(l->boxes);
    }
    size_t n = 0;
    for (; last; last = last->next) {
        n++;
    }
    return n == l->n ? NULL : "the chain misses a node";
}

/* Each node is looked at (is this the last reference?) and linked into a free list. */
static const char *chain_drop(gb_state *s, const micro_row *row)
{
    bench_list *l = the_list(row->size);
    small_box *last = chain_of(l->boxes, l->n), *head = NULL;
    while (gb_next_batch(s, (int64_t)l->n)) {
        head = NULL;
        while (last && last->count == 1) {
            small_box *next = last->next;
            last->next = head;
            head = last;
            last = next;
        }
        micro_escape(head);
        last = head; /* the free list is the chain of the next round, the other way round */
    }
    size_t n = 0;
    for (; head; head = head->next) {
        n++;
    }
    return n == l->n ? NULL : "not every node was freed";
}

typedef struct slot {
    uint64_t hash;
    box *key;
    box *value;
} slot;

typedef struct table {
    slot slots[SLOTS];
    box keys[KEYS];
    box values[KEYS];
    box *order[KEYS]; /* keys, shuffled */
} table;

static uint64_t mix(uint64_t h)
{
    h *= 0x9e3779b97f4a7c15u;
    return h ^ (h >> 32);
}

static slot *probe(table *t, const box *key)
{
    uint64_t hash = key->hash;
    for (size_t i = hash % SLOTS;; i = (i + 1) % SLOTS) {
        slot *p = &t->slots[i];
        if (!p->key || (p->hash == hash && p->key == key)) {
            return p;
        }
    }
}

static void insert(table *t, size_t i)
{
    slot *p = probe(t, &t->keys[i]);
    p->hash = t->keys[i].hash;
    p->key = &t->keys[i];
    p->value = &t->values[i];
    t->keys[i].count++;
    t->values[i].count++;
}

static table *new_table(bool filled)
{
    table *t = micro_pages(sizeof *t);
    uint64_t x = micro_seed;
    for (size_t i = 0; i < KEYS; i++) {
        t->keys[i] = (box){.count = 1, .hash = mix(i + 1)};
        t->values[i] = (box){.count = 1, .value = FIRST + i};
        t->order[i] = &t->keys[i];
        if (filled) {
            insert(t, i);
        }
    }
    for (uint32_t i = KEYS - 1; i > 0; i--) {
        uint32_t j = micro_below(&x, i + 1);
        box *k = t->order[i];
        t->order[i] = t->order[j];
        t->order[j] = k;
    }
    return t;
}

static const char *hash_get(gb_state *s, const micro_row *row)
{
    table *t = new_table(true);
    uint64_t sum = 0, rounds = 0;
    (void)row;
    while (gb_next_batch(s, KEYS)) {
        for (size_t i = 0; i < KEYS; i++) {
            box *v = probe(t, t->order[i])->value;
            v->count++;
            sum += v->value;
            micro_escape(v);
            v->count--;
        }
        rounds++;
    }
    micro_pages_free(t, sizeof *t);
    uint64_t each = (uint64_t)KEYS * FIRST + KEYS * (KEYS - 1) / 2;
    return sum == rounds * each ? NULL : "a key was not found";
}

static const char *hash_set(gb_state *s, const micro_row *row)
{
    table *t = new_table(true);
    box *v = &t->values[0];
    (void)row;
    while (gb_next_batch(s, KEYS)) {
        for (size_t i = 0; i < KEYS; i++) {
            slot *p = probe(t, t->order[i]);
            box *old = p->value;
            v->count++;
            p->value = v;
            micro_escape(p);
            old->count--;
        }
    }
    /* Its own slot's and every other's, and the one it was born with. */
    const char *wrong = v->count == KEYS + 1 ? NULL : "the value was not counted";
    micro_pages_free(t, sizeof *t);
    return wrong;
}

static const char *hash_insert(gb_state *s, const micro_row *row)
{
    table *t = new_table(false);
    uint64_t rounds = 0;
    (void)row;
    while (gb_next_batch(s, KEYS)) {
        memset(t->slots, 0, sizeof t->slots);
        for (size_t i = 0; i < KEYS; i++) {
            insert(t, i);
        }
        micro_escape(t);
        rounds++;
    }
    const char *wrong = t->keys[KEYS - 1].count == rounds + 1 ? NULL : "a key is missing";
    micro_pages_free(t, sizeof *t);
    return wrong;
}

/* Hash of exactly 20 bytes in three loads: what hashing cannot avoid is reading them. */
static uint64_t hash_text(const char *text)
{
    uint64_t a, b;
    uint32_t c;
    memcpy(&a, text, 8);
    memcpy(&b, text + 8, 8);
    memcpy(&c, text + 16, 4);
    return mix(a ^ mix(b ^ mix(c)));
}

/* From 20 characters to the one box that holds them: hash, probe, compare, count. */
static const char *intern_probe(gb_state *s, const micro_row *row)
{
    table *t = micro_pages(sizeof *t);
    char(*texts)[TEXT + 4] = micro_pages(STRINGS * sizeof *texts);
    uint64_t found = 0, wanted = 0;
    (void)row;
    for (unsigned i = 0; i < STRINGS; i++) {
        snprintf(texts[i], sizeof texts[i], "name_of_attribute%03u", i);
        memcpy(t->keys[i].text, texts[i], TEXT);
        t->keys[i].hash = hash_text(texts[i]);
        insert(t, i);
    }
    while (gb_next_batch(s, STRINGS)) {
        for (unsigned k = 0; k < STRINGS; k++) {
            uint64_t hash = hash_text(texts[k]);
            size_t i = hash % SLOTS;
            while (t->slots[i].hash != hash ||
                   memcmp(t->slots[i].key->text, texts[k], TEXT) != 0) {
                i = (i + 1) % SLOTS;
            }
            box *b = t->slots[i].key;
            b->count++;
            micro_escape(b);
            b->count--;
            found += b == &t->keys[k];
        }
        wanted += STRINGS;
    }
    micro_pages_free(texts, STRINGS * sizeof *texts);
    micro_pages_free(t, sizeof *t);
    return found == wanted ? NULL : "a string was not found";
}

void micro_limits_objects(void)
{
    enum { million = 1000000, many = 10000000 };
    static const micro_row rows[] = {
        {"limit/list_append_shared", append_shared, NULL, million, 0, 0},
        {"limit/list_append_distinct", append_distinct, NULL, million, 0, MICRO_QUICK},
        {"limit/list_scan", list_scan, NULL, million, 0, MICRO_QUICK},
        {"limit/list_copy", list_copy, NULL, million, 0, 0},
        {"limit/list_clear", list_clear, NULL, million, 0, MICRO_QUICK},
        {"limit/list_append_shared/10M", append_shared, NULL, many, 0, 0},
        {"limit/list_append_distinct/10M", append_distinct, NULL, many, 0, 0},
        {"limit/list_scan/10M", list_scan, NULL, many, 0, 0},
        {"limit/list_copy/10M", list_copy, NULL, many, 0, 0},
        {"limit/list_clear/10M", list_clear, NULL, many, 0, 0},
        {"limit/chain_build", chain_build, NULL, million, 0, MICRO_QUICK},
        {"limit/chain_drop", chain_drop, NULL, million, 0, MICRO_QUICK},
        {"limit/hash_get", hash_get, NULL, 0, 0, MICRO_QUICK},
        {"limit/hash_set", hash_set, NULL, 0, 0, 0},
        {"limit/hash_insert", hash_insert, NULL, 0, 0, MICRO_QUICK},
        {"limit/intern_probe", intern_probe, NULL, 0, 0, MICRO_QUICK},
        {"limit/intern_probe", intern_probe, NULL, 0, 2, 0},
    };
    micro_add_all(rows, sizeof rows / sizeof rows[0]);
}
