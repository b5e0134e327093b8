/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* shared.c - the steps on what all threads share, and what must be true of it: see game.h. */
#include "game.h"

/* An int that some actor made: whose? */
static unsigned maker_of(ou_object *o)
{
    int64_t value = 0;
    REQUIRE(ou_int_value(o, &value) == OU_OK && value >= 1000000000);
    REQUIRE(value / 1000000000 <= THREADS);
    return (unsigned)(value / 1000000000) - 1;
}

static int64_t value_drop(ou_object *o)
{
    int64_t value = 0;
    REQUIRE(o && ou_int_value(o, &value) == OU_OK);
    ou_decref(o);
    return value;
}

void dict_own(player *p, unsigned me)
{
    size_t k = prng_below(&p->shared, SHARED_KEYS);
    ou_object *key = game.key[me][k];
    if (prng_chance(&p->shared, 50)) {
        ou_object *o = actor_value(&p->travel, &p->dict[k]);
        REQUIRE(ou_dict_set(game.dict, key, o) == OU_OK);
        ou_decref(o);
    } else if (prng_chance(&p->shared, 40)) {
        REQUIRE(ou_dict_del(game.dict, key) == (p->dict[k] ? OU_OK : OU_EKEY));
        p->dict[k] = 0;
    } else {
        ou_object *o = ou_dict_get(game.dict, key);
        REQUIRE((o ? value_drop(o) : 0) == p->dict[k]);
    }
}

void dict_other(player *p)
{
    unsigned whose = (unsigned)prng_below(&p->shared, game.threads);
    ou_object *o = ou_dict_get(game.dict, game.key[whose][prng_below(&p->shared, SHARED_KEYS)]);
    if (o) {
        REQUIRE(maker_of(o) == whose);
        ou_decref(o);
    }
}

/* The same in a copy, which is of one moment and nobody else's. */
void dict_moment(const player *p, unsigned me)
{
    ou_object *copy = ou_dict_copy(game.dict);
    REQUIRE(copy != NULL);
    for (size_t k = 0; k < SHARED_KEYS; k++) {
        ou_object *o = ou_dict_get(copy, game.key[me][k]);
        REQUIRE((o ? value_drop(o) : 0) == p->dict[k]);
    }
    REQUIRE(ou_equal(copy, copy) == 1);
    ou_decref(copy);
}

/* Own keys do not move during the walk: each is met once, with its value. */
void dict_walk(const player *p, unsigned me)
{
    uint64_t pos = 0;
    ou_object *key = NULL, *value = NULL;
    size_t met[SHARED_KEYS] = {0};
    int more = 0;
    while ((more = ou_dict_next(game.dict, &pos, &key, &value)) == 1) {
        for (size_t k = 0; k < SHARED_KEYS; k++) {
            if (key == game.key[me][k]) {
                int64_t got = 0;
                REQUIRE(ou_int_value(value, &got) == OU_OK && got == p->dict[k]);
                met[k]++;
            }
        }
        ou_decref(key);
        ou_decref(value);
    }
    REQUIRE(more == 0 || more == OU_ECHANGED);
    for (size_t k = 0; k < SHARED_KEYS; k++) {
        REQUIRE(met[k] <= 1 && (more || met[k] == (p->dict[k] != 0)));
    }
}

/* Two at once, by a tuple: one step. */
static void list_pair(player *p)
{
    int64_t value[2];
    ou_object *items[2] = {actor_value(&p->travel, &value[0]),
                           actor_value(&p->travel, &value[1])};
    unsigned me = maker_of(items[1]);
    int64_t serial = value[1] % 1000000000;
    REQUIRE(serial < SERIALS && value[1] == value[0] + 1);
    game.second[me][serial] = true;
    ou_object *pair = ou_tuple_new(items, 2);
    REQUIRE(pair && ou_list_extend(game.list, pair) == OU_OK);
    ou_decref(pair);
    for (int i = 0; i < 2; i++) {
        p->appended += value[i];
        p->appends++;
        ou_decref(items[i]);
    }
}

/* The items of one moment: in each thread's order, pairs without anything in between. */
static void list_moment(void)
{
    ou_object *copy = ou_list_copy(game.list);
    int64_t before = 0, last[THREADS] = {0}, sum = 0, total = 0;
    size_t ints = 0;
    REQUIRE(copy && ou_list_sum(copy, &total, &ints) == OU_OK);
    for (int64_t i = 0, n = ou_list_len(copy); i < n; i++) {
        ou_object *o = ou_list_get(copy, (size_t)i);
        unsigned who = maker_of(o);
        int64_t value = value_drop(o);
        REQUIRE(value > last[who]);
        REQUIRE(!game.second[who][value % 1000000000] || before == value - 1);
        before = last[who] = value;
        sum += value;
    }
    REQUIRE(sum == total && (int64_t)ints == ou_list_len(copy));
    ou_decref(copy);
}

void list_both(player *p)
{
    if (prng_chance(&p->shared, 2)) {
        list_moment();
        return;
    }
    if (ou_list_len(game.list) < SHARED_LIST && prng_chance(&p->shared, 15)) {
        list_pair(p);
        return;
    }
    if (ou_list_len(game.list) < SHARED_LIST && prng_chance(&p->shared, 55)) {
        int64_t value = 0;
        REQUIRE(ou_list_append_steal(game.list, actor_value(&p->travel, &value)) == OU_OK);
        p->appended += value;
        p->appends++;
        return;
    }
    ou_object *o = ou_list_pop(game.list);
    REQUIRE(o || ou_error() == OU_EINDEX);
    if (o) {
        p->popped += value_drop(o);
        p->pops++;
    }
}

void instance_both(player *p, unsigned me)
{
    int64_t any = 0;
    ou_object *o = actor_value(&p->travel, &p->attr);
    REQUIRE(ou_attr_set_at_steal(game.instance, (int)me, o) == OU_OK);
    o = actor_value(&p->travel, &any);
    REQUIRE(ou_attr_set_at_steal(game.instance, THREADS, o) == OU_OK);
    o = ou_attr_get_at(game.instance, THREADS);
    maker_of(o);
    ou_decref(o);
    REQUIRE(value_drop(ou_attr_get_at(game.instance, (int)me)) == p->attr);
}

/* ---- when all stand ------------------------------------------------------------------------
 */

static void check_shared_list(void)
{
    int64_t sum = 0, n = 0, last[THREADS] = {0};
    for (unsigned i = 0; i < game.threads; i++) {
        const player *p = &game.player[i];
        sum += p->appended - p->popped;
        n += p->appends - p->pops;
    }
    REQUIRE(ou_list_len(game.list) == n);
    for (int64_t i = 0; i < n; i++) {
        ou_object *o = ou_list_get(game.list, (size_t)i);
        unsigned who = maker_of(o);
        int64_t value = value_drop(o);
        REQUIRE(value > last[who]); /* appended later, and never moved */
        last[who] = value;
        sum -= value;
    }
    REQUIRE(sum == 0);
}

void check_shared(void)
{
    int64_t keys = 0;
    for (unsigned i = 0; i < game.threads; i++) {
        const player *p = &game.player[i];
        for (size_t k = 0; k < SHARED_KEYS; k++) {
            ou_object *o = ou_dict_get(game.dict, game.key[i][k]);
            REQUIRE((o ? value_drop(o) : 0) == p->dict[k]);
            REQUIRE(ou_refcount(game.key[i][k]) == 1 + (p->dict[k] != 0));
            keys += p->dict[k] != 0;
        }
        if (p->attr) {
            REQUIRE(value_drop(ou_attr_get_at(game.instance, (int)i)) == p->attr);
        }
    }
    REQUIRE(ou_dict_len(game.dict) == keys);
    check_shared_list();
    REQUIRE(ou_refcount(game.list) == 1 && ou_refcount(game.dict) == 1);
}
