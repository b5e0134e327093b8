/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * work_boehm_dict.cc - the dict of ouro-work-boehm: a hash table in the collector's memory,
 * which nobody destroys. See work_boehm.c; ops_boehm.h is C.
 */
#define GC_THREADS
#include <gc/gc.h>
#include <gc/gc_allocator.h>

#include <new>

#include "ouro/dict.h"
#include "ouro/number.h"
#include "work_table.h"

namespace
{

constexpr uint64_t OP_DICT = 7; /* ops_boehm.h */

int64_t value_of(ou_object *const &o)
{
    int64_t value = 0;
    ou_int_value(o, &value);
    return value;
}

struct dict {
    uint64_t kind = OP_DICT;
    work_table<ou_object *, value_of, gc_allocator> table;
};

dict *as_dict(ou_object *o)
{
    return reinterpret_cast<dict *>(o);
}

} /* namespace */

extern "C" {

ou_object *ou_dict_new(size_t)
{
    void *at = GC_MALLOC(sizeof(dict));
    return at ? reinterpret_cast<ou_object *>(new (at) dict) : nullptr;
}

int64_t ou_dict_len(ou_object *o)
{
    return static_cast<int64_t>(as_dict(o)->table.size());
}

int ou_dict_set(ou_object *o, ou_object *key, ou_object *value)
{
    try {
        as_dict(o)->table.insert_or_assign(key, value);
        return 0;
    } catch (const std::bad_alloc &) {
        return OU_ENOMEM;
    }
}

ou_object *ou_dict_get(ou_object *o, ou_object *key)
{
    auto found = as_dict(o)->table.find(key);
    return found == as_dict(o)->table.end() ? nullptr : found->second;
}

} /* extern "C" */
