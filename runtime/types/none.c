/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * none.c - None, True and False: three immortal objects, the only ones of their types.
 */
#include "types/number.h"
#include "types/types.h"

static ou_object none;
static ou_int truths[2]; /* False, True: the layout of int, value 0 and 1 */

ou_object *ou_none(void)
{
    return &none;
}

ou_object *ou_bool(bool value)
{
    return &truths[value].base;
}

ou_object *ou_true(void)
{
    return &truths[1].base;
}

ou_object *ou_false(void)
{
    return &truths[0].base;
}

bool ou_is_none(const ou_object *o)
{
    return ou_is_kind(o, OU_KIND_NONE);
}

bool ou_is_bool(const ou_object *o)
{
    return ou_is_kind(o, OU_KIND_BOOL);
}

static int none_hash(ou_object *o, uint64_t *hash)
{
    (void)o;
    *hash = ou_hash_word(0x6E6F6E65u); /* any constant that small ints do not take */
    return 0;
}

static void none_repr(ou_object *o, ou_printer *out, int depth)
{
    (void)o;
    (void)depth;
    ou_print_bytes(out, "None", 4);
}

static int bool_hash(ou_object *o, uint64_t *hash)
{
    *hash = ou_hash_word((uint64_t)((ou_int *)o)->value);
    return 0;
}

static void bool_repr(ou_object *o, ou_printer *out, int depth)
{
    (void)depth;
    ou_print(out, "%s", ((ou_int *)o)->value ? "True" : "False");
}

void ou_none_define(void)
{
    static const ou_type none_type = {
        .name = "NoneType",
        .index = OU_KIND_NONE,
        .kind = OU_KIND_NONE,
        .flags = OU_TF_VALUE_HASH,
        .size_bytes = sizeof(ou_object),
        .hash = none_hash,
        .repr = none_repr,
    };
    static const ou_type bool_type = {
        .name = "bool",
        .index = OU_KIND_BOOL,
        .kind = OU_KIND_BOOL,
        .flags = OU_TF_VALUE_HASH,
        .size_bytes = sizeof(ou_int),
        .hash = bool_hash,
        .repr = bool_repr,
    };
    ou_type_define(&none_type);
    ou_type_define(&bool_type);
    ou_object_init_immortal(&none, &ou_types[OU_KIND_NONE]);
    for (int i = 0; i < 2; i++) {
        ou_object_init_immortal(&truths[i].base, &ou_types[OU_KIND_BOOL]);
        truths[i].value = i;
    }
}
