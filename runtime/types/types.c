/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * types.c - defines the built-in types, once a process. Called by ou_start.
 */
#include "conf/conf.h"
#include "types/types.h"

#include "os/os.h"
#include "types/value.h"

static void type_repr(ou_object *o, ou_printer *out, int depth)
{
    (void)depth;
    ou_print(out, "<class '%s'>", ((const ou_type *)o)->name);
}

/* The type of types. */
static void type_define(void)
{
    static const ou_type type = {
        .name = "type",
        .index = OU_KIND_TYPE,
        .kind = OU_KIND_TYPE,
        .flags = OU_TF_ID_HASH,
        .size_bytes = sizeof(ou_type),
        .repr = type_repr,
    };
    ou_type_define(&type);
}

void ou_types_init(void)
{
    static bool done;
    if (done) {
        return;
    }
    done = true;
    ou_hash_seed = ou_conf.hash_seed ? (uint64_t)ou_conf.hash_seed : ou_os_random();
    type_define();
    ou_none_define();
    ou_int_define();
    ou_float_define();
    ou_str_define();
    ou_tuple_define();
    ou_list_define();
    ou_dict_define();
}
