/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* things.c - what is done with a thing, each time twice: to the object and to its shadow. */
#include "things.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const ou_type *thing_class;

void things_start(void)
{
    static const char *const declared[] = {"a0", "a1"}; /* the others go to the side array */
    thing_class = ou_class_new("Thing", declared, 2, false, NULL, NULL);
    REQUIRE(thing_class != NULL);
    for (int i = 0; i < THING_ROOM; i++) {
        char name[8];
        snprintf(name, sizeof name, "a%d", i);
        REQUIRE(ou_class_attr(thing_class, name) == i);
    }
}

/* ---- values and counts ---------------------------------------------------------------------
 */

ou_object *actor_value(actor *a, int64_t *value)
{
    *value = (int64_t)(a->index + 1) * 1000000000 + ++a->serial;
    ou_object *o = ou_int_new(*value);
    REQUIRE(o != NULL);
    return o;
}

/* An owned value for `t`: an int, or now and then `t`. */
static ou_object *value_for(actor *a, thing *t, int64_t *value)
{
    if (prng_chance(&a->r, 6)) {
        *value = THING_SELF;
        return ou_incref(t->o);
    }
    return actor_value(a, value);
}

static void check_value(const thing *t, ou_object *o, int64_t value)
{
    int64_t got = 0;
    REQUIRE(o != NULL);
    if (value == THING_SELF) {
        REQUIRE(o == t->o);
    } else {
        REQUIRE(ou_int_value(o, &got) == OU_OK && got == value);
    }
}

static void check_value_drop(const thing *t, ou_object *o, int64_t value)
{
    check_value(t, o, value);
    ou_decref(o);
}

int64_t thing_cycles(const thing *t)
{
    int64_t n = 0;
    for (size_t i = 0; t->kind != THING_STR && i < t->len; i++) {
        n += t->value[i] == THING_SELF;
    }
    return n;
}

static void insert_at(thing *t, size_t i, int key, int64_t value)
{
    memmove(t->value + i + 1, t->value + i, (t->len - i) * sizeof *t->value);
    memmove(t->key + i + 1, t->key + i, (t->len - i) * sizeof *t->key);
    t->value[i] = value;
    t->key[i] = key;
    t->len++;
}

static void remove_at(thing *t, size_t i)
{
    t->len--;
    memmove(t->value + i, t->value + i + 1, (t->len - i) * sizeof *t->value);
    memmove(t->key + i, t->key + i + 1, (t->len - i) * sizeof *t->key);
}

static size_t place_of(const thing *t, int key)
{
    size_t i = 0;
    while (i < t->len && t->key[i] != key) {
        i++;
    }
    return i;
}

/* ---- lists ---------------------------------------------------------------------------------
 */

static void list_grow(actor *a, thing *t)
{
    int64_t value = 0;
    size_t i = prng_below(&a->r, t->len + 2); /* one too far now and then */
    unsigned how = (unsigned)prng_below(&a->r, 3);
    ou_object *o = value_for(a, t, &value);
    if (t->len == THING_ROOM) {
        ou_decref(o);
        return;
    }
    if (how == 0) {
        REQUIRE(ou_list_append_steal(t->o, o) == OU_OK);
        if (a->step >= a->forget_at) {
            a->forget_at = SIZE_MAX;
        } else {
            insert_at(t, t->len, 0, value);
        }
        return;
    }
    int err = how == 1 ? ou_list_append(t->o, o) : ou_list_insert(t->o, i, o);
    REQUIRE(err == (how == 2 && i > t->len ? OU_EINDEX : OU_OK));
    ou_decref(o);
    if (!err) {
        insert_at(t, how == 1 ? t->len : i, 0, value);
    }
}

static void list_replace(actor *a, thing *t)
{
    int64_t value = 0;
    size_t i = prng_below(&a->r, t->len + 1);
    ou_object *o = value_for(a, t, &value);
    REQUIRE(ou_list_set(t->o, i, o) == (i < t->len ? OU_OK : OU_EINDEX));
    if (i < t->len) {
        t->value[i] = value;
    }
    ou_decref(o);
}

static void list_less(actor *a, thing *t)
{
    size_t i = prng_below(&a->r, t->len + 1);
    if (prng_chance(&a->r, 50)) {
        REQUIRE(ou_list_del(t->o, i) == (i < t->len ? OU_OK : OU_EINDEX));
        if (i < t->len) {
            remove_at(t, i);
        }
    } else if (t->len) {
        check_value_drop(t, ou_list_pop(t->o), t->value[t->len - 1]);
        t->len--;
    } else {
        REQUIRE(ou_list_pop(t->o) == NULL && ou_error() == OU_EINDEX);
    }
}

static void list_whole(actor *a, thing *t)
{
    int64_t sum = 0;
    size_t ints = 0;
    ou_object *copy = ou_list_copy(t->o);
    REQUIRE(copy && ou_equal(copy, t->o) == 1);
    REQUIRE(ou_list_extend(copy, t->o) == OU_OK);
    REQUIRE(ou_list_len(copy) == 2 * (int64_t)t->len);
    REQUIRE(ou_list_sum(t->o, &sum, &ints) == OU_OK);
    for (size_t i = 0; i < t->len; i++) {
        sum -= t->value[i] == THING_SELF ? 0 : t->value[i];
    }
    REQUIRE(sum == 0 && ints == t->len - (size_t)thing_cycles(t));
    REQUIRE(ou_list_clear(prng_chance(&a->r, 20) ? t->o : copy) == OU_OK);
    if (!ou_list_len(t->o)) {
        t->len = 0;
    }
    ou_decref(copy);
}

static void list_step(actor *a, thing *t)
{
    static void (*const steps[])(actor *, thing *) = {list_grow, list_grow,    list_grow,
                                                      list_grow, list_replace, list_less,
                                                      list_less, list_whole};
    steps[prng_below(&a->r, 8)](a, t);
}

static void list_check(const thing *t)
{
    REQUIRE(ou_list_len(t->o) == (int64_t)t->len);
    for (size_t i = 0; i < t->len; i++) {
        check_value_drop(t, ou_list_get(t->o, i), t->value[i]);
    }
}

/* ---- dicts ---------------------------------------------------------------------------------
 */

static ou_object *key_new(int k)
{
    char text[16];
    snprintf(text, sizeof text, "key %d", k);
    ou_object *key = k % 2 ? ou_int_new(1000 + k) : ou_str(text);
    REQUIRE(key != NULL);
    return key;
}

static void dict_put(actor *a, thing *t, ou_object *key, int k)
{
    int64_t value = 0;
    size_t at = place_of(t, k);
    ou_object *o = value_for(a, t, &value);
    REQUIRE(ou_dict_set(t->o, key, o) == OU_OK);
    ou_decref(o);
    if (at == t->len) {
        insert_at(t, at, k, value);
    } else {
        t->value[at] = value;
    }
}

static void dict_less(thing *t, ou_object *key, int k)
{
    size_t at = place_of(t, k);
    REQUIRE(ou_dict_del(t->o, key) == (at < t->len ? OU_OK : OU_EKEY));
    if (at < t->len) {
        remove_at(t, at);
    }
}

static void dict_get(thing *t, ou_object *key, int k)
{
    size_t at = place_of(t, k);
    REQUIRE(ou_dict_contains(t->o, key) == (at < t->len));
    ou_object *value = ou_dict_get(t->o, key);
    if (at < t->len) {
        check_value_drop(t, value, t->value[at]);
    } else {
        REQUIRE(value == NULL && ou_error() == OU_EKEY);
    }
}

static void dict_whole(actor *a, thing *t)
{
    ou_object *copy = ou_dict_copy(t->o);
    REQUIRE(copy && ou_equal(copy, t->o) == 1);
    REQUIRE(ou_dict_clear(prng_chance(&a->r, 20) ? t->o : copy) == OU_OK);
    if (!ou_dict_len(t->o)) {
        t->len = 0;
    }
    ou_decref(copy);
}

static void dict_step(actor *a, thing *t)
{
    int k = (int)prng_below(&a->r, THING_ROOM);
    unsigned how = (unsigned)prng_below(&a->r, 10);
    ou_object *key = key_new(k);
    if (how < 5) {
        dict_put(a, t, key, k);
    } else if (how < 7) {
        dict_less(t, key, k);
    } else if (how < 9) {
        dict_get(t, key, k);
    } else {
        dict_whole(a, t);
    }
    ou_decref(key);
}

static void dict_check(const thing *t)
{
    uint64_t pos = 0;
    ou_object *key = NULL, *value = NULL;
    size_t i = 0;
    for (; ou_dict_next(t->o, &pos, &key, &value) == 1; i++) {
        REQUIRE(i < t->len);
        ou_object *want = key_new(t->key[i]);
        REQUIRE(ou_equal(key, want) == 1);
        check_value_drop(t, value, t->value[i]);
        ou_decref(want);
        ou_decref(key);
    }
    REQUIRE(i == t->len && ou_dict_len(t->o) == (int64_t)i);
}

/* ---- instances, tuples, strings ------------------------------------------------------------
 */

static void instance_step(actor *a, thing *t)
{
    int64_t value = 0;
    int k = (int)prng_below(&a->r, THING_ROOM);
    size_t at = place_of(t, k);
    if (prng_chance(&a->r, 30)) {
        REQUIRE(ou_attr_set_at(t->o, k, NULL) == (at < t->len ? OU_OK : OU_EATTR));
        if (at < t->len) {
            remove_at(t, at);
        }
        return;
    }
    ou_object *o = value_for(a, t, &value);
    char name[8];
    snprintf(name, sizeof name, "a%d", k);
    if (prng_chance(&a->r, 50)) {
        REQUIRE(ou_attr_set_at_steal(t->o, k, o) == OU_OK);
    } else {
        REQUIRE(ou_attr_set(t->o, name, o) == OU_OK);
        ou_decref(o);
    }
    if (at == t->len) {
        insert_at(t, at, k, value);
    } else {
        t->value[at] = value;
    }
}

static void instance_check(const thing *t)
{
    for (int k = 0; k < THING_ROOM; k++) {
        size_t at = place_of(t, k);
        ou_object *value = ou_attr_get_at(t->o, k);
        if (at < t->len) {
            check_value_drop(t, value, t->value[at]);
        } else {
            REQUIRE(value == NULL && ou_error() == OU_EATTR);
        }
    }
}

static void tuple_check(const thing *t)
{
    REQUIRE(ou_tuple_len(t->o) == (int64_t)t->len);
    for (size_t i = 0; i < t->len; i++) {
        check_value(t, ou_tuple_get_borrow(t->o, i), t->value[i]);
    }
}

/* Longer by a piece, or back to a short one; its interned twin is equal and one object. */
static void str_step(actor *a, thing *t)
{
    char piece[8];
    snprintf(piece, sizeof piece, "%u-", (unsigned)prng_below(&a->r, 100));
    size_t len = strlen(piece);
    ou_object *more = ou_str(piece);
    ou_object *both = t->len + len < THING_TEXT ? ou_str_concat(t->o, more) : ou_incref(more);
    REQUIRE(more && both);
    t->len = both == more ? 0 : t->len;
    memcpy(t->text + t->len, piece, len + 1);
    t->len += len;
    if (t->bound == 0) {
        ou_decref(t->o);
        t->o = both;
        t->loose = false;
    } else { /* a frame has the old one: it stays as it is */
        ou_decref(both);
        size_t old = 0;
        const char *bytes = ou_str_bytes(t->o, &old);
        memcpy(t->text, bytes, old + 1);
        t->len = old;
    }
    ou_decref(more);
    ou_object *one = ou_str_intern(t->text, t->len);
    ou_object *two = ou_str_intern_steal(ou_str(t->text));
    REQUIRE(one && one == two && ou_equal(one, t->o) == 1);
    ou_decref(one);
    ou_decref(two);
}

static void str_check(const thing *t)
{
    size_t len = 0;
    const char *bytes = ou_str_bytes(t->o, &len);
    REQUIRE(len == t->len && memcmp(bytes, t->text, len + 1) == 0);
}

void thing_check(const thing *t)
{
    static void (*const checks[])(const thing *) = {list_check, dict_check, instance_check,
                                                    tuple_check, str_check};
    checks[t->kind](t);
    /* A loose one may be merged by another thread at this moment; in the end nothing is left.
     */
    if (!t->loose && !ou_is_immortal(t->o)) {
        REQUIRE(ou_refcount(t->o) == t->held + t->bound + thing_cycles(t));
    }
    if (t->weak) {
        ou_object *o = ou_weakref_get(t->weak);
        REQUIRE(o == t->o && ou_load_relaxed(t->calls) == 0);
        ou_decref(o);
    }
}

void thing_change(actor *a, thing *t)
{
    switch (t->kind) {
    case THING_LIST:
        list_step(a, t);
        break;
    case THING_DICT:
        dict_step(a, t);
        break;
    case THING_INSTANCE:
        instance_step(a, t);
        break;
    case THING_TUPLE:
        break;
    case THING_STR:
        str_step(a, t);
        break;
    }
    thing_check(t);
}

/* Empty, of n items, or of one item n times. */
static void list_new(actor *a, thing *t, size_t n)
{
    unsigned how = (unsigned)prng_below(&a->r, 3);
    ou_object *items[THING_ROOM];
    if (how == 0) {
        t->o = ou_list_new(prng_below(&a->r, 10));
        return;
    }
    for (; t->len < n; t->len++) {
        bool again = how == 2 && t->len;
        items[t->len] = again ? ou_incref(items[0]) : actor_value(a, &t->value[t->len]);
        t->value[t->len] = again ? t->value[0] : t->value[t->len];
    }
    t->o = how == 1 ? ou_list_of(items, n) : ou_list_repeat(items[0], n);
    for (size_t i = 0; i < n; i++) {
        ou_decref(items[i]);
    }
}

/* Without attributes, or born with the first ones; a gap among them. */
static void instance_new(actor *a, thing *t)
{
    ou_object *values[2] = {NULL, NULL};
    size_t n = prng_below(&a->r, 3);
    for (size_t i = 0; i < n; i++) {
        if (prng_chance(&a->r, 70)) {
            values[i] = actor_value(a, &t->value[t->len]);
            t->key[t->len++] = (int)i;
        }
    }
    t->o = n ? ou_instance_of_steal(thing_class, values, n) : ou_instance_new(thing_class);
}

thing *thing_new(actor *a)
{
    thing *t = calloc(1, sizeof *t);
    REQUIRE(t != NULL);
    t->kind = (thing_kind)prng_below(&a->r, 5);
    t->held = 1;
    ou_object *items[THING_ROOM] = {0};
    size_t n = 1 + prng_below(&a->r, 6);
    switch (t->kind) {
    case THING_LIST:
        list_new(a, t, n);
        break;
    case THING_DICT:
        t->o = ou_dict_new(prng_below(&a->r, 10));
        break;
    case THING_INSTANCE:
        instance_new(a, t);
        break;
    case THING_TUPLE:
        for (; t->len < n; t->len++) {
            items[t->len] = actor_value(a, &t->value[t->len]);
        }
        t->o = ou_tuple_new(items, n);
        for (size_t i = 0; i < n; i++) {
            ou_decref(items[i]);
        }
        break;
    case THING_STR:
        t->len = (size_t)snprintf(t->text, sizeof t->text, "%u text", a->index);
        t->o = ou_str_new(t->text, t->len);
        break;
    }
    REQUIRE(t->o != NULL);
    return t;
}
