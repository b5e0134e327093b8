// expect: clean
/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* A million random correct operations: nothing may be reported. */
#include <string.h>

#include "misuse/misuse.h"
#include "support/prng.h"
#include "support/scale.h"

enum { CLEAN_BLOCKS = 512, CLEAN_OBJECTS = 128 };

static void *blocks[CLEAN_BLOCKS];
static ou_object *objects[CLEAN_OBJECTS];

static void step_block(prng *r)
{
    void **p = &blocks[prng_below(r, CLEAN_BLOCKS)];
    size_t size = prng_below(r, prng_chance(r, 1) ? 100000 : 500);
    if (*p && prng_chance(r, 70)) {
        misuse_free_somewhere(*p, prng_below(r, 5000) == 0);
        *p = NULL;
    } else {
        *p = *p ? ou_realloc(*p, size + 1) : ou_malloc(size);
        memset(*p, (int)size, size);
    }
}

static ou_object *make_object(prng *r)
{
    switch (prng_below(r, 4)) {
    case 0:
        return ou_int_new((int64_t)prng_next(r));
    case 1:
        return ou_list_of(objects, prng_below(r, 4));
    case 2:
        return ou_tuple_new(objects, prng_below(r, 4));
    default:
        return ou_str("some text of a string");
    }
}

int main(void)
{
    prng r = prng_from(1, 0);
    misuse_start();
    for (int i = 0; i < CLEAN_OBJECTS; i++) {
        objects[i] = ou_incref(ou_none());
    }
    for (size_t i = 0; i < scale_ops(1000000); i++) {
        if (prng_chance(&r, 50)) {
            step_block(&r);
        } else {
            ou_object **o = &objects[prng_below(&r, CLEAN_OBJECTS)];
            ou_object *fresh = make_object(&r);
            ou_decref(*o);
            *o = fresh;
        }
    }
    return ou_heap_check() != 0;
}
