// expect: clean
/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* Ten million random correct operations on blocks and objects, always the same ones: nothing
 * may be reported. Debug mode, which is not for that much, does a tenth. */
#include "misuse/misuse.h"
#include "support/prng.h"
#include "support/scale.h"

enum { CLEAN_BLOCKS = 512, CLEAN_OBJECTS = 128 };

static void *blocks[CLEAN_BLOCKS];
static ou_object *objects[CLEAN_OBJECTS];

static void *new_block(prng *r, size_t size)
{
    switch (prng_below(r, 8)) {
    case 0:
        return ou_calloc(1, size);
    case 1:
        return ou_memalign((size_t)16 << prng_below(r, 5), size);
    default:
        return ou_malloc(size);
    }
}

static void step_block(prng *r)
{
    void **p = &blocks[prng_below(r, CLEAN_BLOCKS)];
    size_t size = prng_below(r, prng_chance(r, 1) ? 100000 : 500);
    if (*p && prng_chance(r, 70)) {
        misuse_free_somewhere(*p, prng_below(r, 5000) == 0);
        *p = NULL;
    } else {
        *p = *p ? ou_realloc(*p, size + 1) : new_block(r, size);
        memset(*p, (int)size, size);
        if (ou_malloc_usable_size(*p) < size) {
            exit(5);
        }
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
    int64_t mode = 0;
    if (ou_knob_get("heap_mode", &mode) != OU_OK) {
        return 3;
    }
    size_t ops = scale_ops(mode == 2 ? 1000000 : 10000000);
    for (size_t i = 0; i < ops; i++) {
        if (prng_chance(&r, 50)) {
            step_block(&r);
        } else {
            ou_object **o = &objects[prng_below(&r, CLEAN_OBJECTS)];
            ou_object *fresh = make_object(&r);
            ou_decref(*o);
            *o = fresh;
        }
    }
    fprintf(stderr, "%zu operations, nothing reported\n", ops);
    return ou_heap_check() != 0;
}
