/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * int.c - boxed 64-bit integers. OU_SMALL_MIN..OU_SMALL_MAX exist once, immortal from birth;
 * larger ones are objects of 24 bytes. Immutable: no function here locks.
 */
#include <inttypes.h>

#include "object/quick.h"
#include "types/number.h"
#include "types/types.h"

#define SMALL_COUNT (OU_SMALL_MAX - OU_SMALL_MIN + 1)

static ou_int small[SMALL_COUNT];

static __attribute__((noinline)) ou_object *int_new_long(int64_t value)
{
    ou_int *i = (ou_int *)ou_object_new_fixed(&ou_types[OU_KIND_INT]);
    if (OU_UNLIKELY(!i)) {
        return NULL;
    }
    i->value = value;
    return &i->base;
}

ou_object *ou_int_new(int64_t value)
{
    uint64_t offset = (uint64_t)value - (uint64_t)OU_SMALL_MIN;
    if (offset < SMALL_COUNT) {
        return &small[offset].base;
    }
    uint64_t first;
    ou_int *i = (ou_int *)ou_quick_block(OU_PLAIN_BIN, &first);
    if (OU_UNLIKELY(!i)) {
        return int_new_long(value);
    }
    i->value = value;
    ou_quick_show(&i->base, &ou_types[OU_KIND_INT], first);
    return &i->base;
}

int ou_int_value(const ou_object *o, int64_t *value)
{
    if (OU_UNLIKELY(!ou_is_integral(o))) {
        return ou_fail_type("ou_int_value", "int", o);
    }
    *value = ((const ou_int *)o)->value;
    return 0;
}

ou_object *ou_int_add(const ou_object *a, const ou_object *b)
{
    if (OU_UNLIKELY(!ou_is_integral(a) || !ou_is_integral(b))) {
        ou_fail_type("ou_int_add", "int", ou_is_integral(a) ? b : a);
        return NULL;
    }
    int64_t sum;
    int64_t x = ((const ou_int *)a)->value;
    int64_t y = ((const ou_int *)b)->value;
    if (OU_UNLIKELY(__builtin_add_overflow(x, y, &sum))) {
        return ou_fail_null(OU_EOVERFLOW,
                            "ou_int_add: %" PRId64 " + %" PRId64 " needs more "
                            "than 64 bits",
                            x, y);
    }
    return ou_int_new(sum);
}

bool ou_is_int(const ou_object *o)
{
    return ou_is_kind(o, OU_KIND_INT);
}

static int int_hash(ou_object *o, uint64_t *hash)
{
    *hash = ou_hash_word((uint64_t)((ou_int *)o)->value);
    return 0;
}

static void int_repr(ou_object *o, ou_printer *out, int depth)
{
    (void)depth;
    ou_print(out, "%" PRId64, ((ou_int *)o)->value);
}

void ou_int_define(void)
{
    static const ou_type type = {
        .name = "int",
        .index = OU_KIND_INT,
        .kind = OU_KIND_INT,
        .flags = OU_TF_VALUE_HASH,
        .size_bytes = sizeof(ou_int),
        .hash = int_hash,
        .repr = int_repr,
    };
    ou_type_define(&type);
    for (int i = 0; i < SMALL_COUNT; i++) {
        ou_object_init_immortal(&small[i].base, &ou_types[OU_KIND_INT]);
        small[i].value = OU_SMALL_MIN + i;
    }
}
