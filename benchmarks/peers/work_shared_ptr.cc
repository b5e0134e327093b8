/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * work_shared_ptr.cc - the part of ouro's interface that the engine's object form uses, on
 * std::shared_ptr: ouro-work-shared_ptr. Objects are those of ouro-peer-shared_ptr.
 *
 * The engine keeps a reference in one word, a shared_ptr is two: the object's address and that
 * of its counts. make_shared puts them into one block at a fixed distance, so the second
 * follows from the first (checked at the start). A reference that the engine holds is a
 * shared_ptr that was moved out and not destroyed; giving it back destroys it. So it is the
 * library that counts, and the peer's references take half the memory that they take in a C++
 * program.
 *
 * Threads need nothing. One is started at the beginning, after which counts are atomic (see
 * shared_ptr.cc).
 */
#include "ops_shared_ptr.h"

#include <sys/single_threaded.h>

#include <cstddef>
#include <cstdio>
#include <cstring>
#include <new>
#include <thread>

#include "ouro/ouro.h"
#include "work_table.h"

namespace
{

constexpr size_t COUNTS_BYTES = 16; /* a vtable's address and two counts of 32 bits */
constexpr size_t TUPLE_MAX = 8;
constexpr size_t CLASS_MAX = 4;

thread_local char message[128] = "out of memory";
int64_t alive; /* atomic: objects of threads that are not attached any more */
thread_local int64_t alive_here;

/* Counts those alive: for the proof at the end that nothing was left. One add in the thread. */
template <class kind> struct counted : kind {
    template <class... arguments>
    explicit counted(arguments &&...a) : kind(std::forward<arguments>(a)...)
    {
        alive_here++;
    }
    ~counted()
    {
        alive_here--;
    }
};

int64_t key_value(const ref &o)
{
    return int_value(o);
}

constexpr auto DICT = static_cast<kind_of>(NODE + 1);

struct dict : object {
    dict() : object(DICT)
    {
    }
    work_table<ref, key_value, std::allocator> table;
};

/* --- references of one word -------------------------------------------------------------- */

/* Not destroyed with its scope. */
union kept {
    ref r;
    explicit kept(ref &&from) : r(std::move(from))
    {
    }
    explicit kept(ou_object *o)
    {
        void *words[2] = {o, reinterpret_cast<char *>(o) - COUNTS_BYTES};
        static_assert(sizeof words == sizeof(ref), "a shared_ptr is two words");
        memcpy(static_cast<void *>(&r), words, sizeof words);
    }
    kept(const kept &) = delete;
    kept &operator=(const kept &) = delete;
    ~kept()
    {
    }
};

/* The caller owns the reference from now on. */
ou_object *give(ref &&r)
{
    kept k(std::move(r));
    return reinterpret_cast<ou_object *>(k.r.get());
}

/* Another reference to what somebody else holds. */
ref copy(ou_object *o)
{
    kept k(o);
    return ref(k.r);
}

/* The engine's reference, taken over. */
ref take(ou_object *o)
{
    kept k(o);
    return std::move(k.r);
}

template <class kind> kind *as(const ou_object *o)
{
    return reinterpret_cast<kind *>(const_cast<ou_object *>(o));
}

kind_of kind(const ou_object *o)
{
    return as<object>(o)->kind;
}

/* A new object of what `make` makes; the C side sees no exception. */
template <class maker> ou_object *made(maker make)
{
    try {
        return give(make());
    } catch (const std::bad_alloc &) {
        return nullptr;
    }
}

template <class change> int done(change it)
{
    try {
        it();
        return 0;
    } catch (const std::bad_alloc &) {
        return OU_ENOMEM;
    }
}

template <class kind, class... arguments> ou_object *object_of(const arguments &...a)
{
    return made([&] { return std::make_shared<counted<kind>>(a...); });
}

/* --- lengths that are only known at run time --------------------------------------------- */

template <uint32_t n> ou_object *tuple_from(ou_object *const *items)
{
    std::array<ref, n> copies;
    for (uint32_t i = 0; i < n; i++) {
        copies[i] = copy(items[i]);
    }
    return made([&] { return std::make_shared<counted<tuple_of<n>>>(copies); });
}

using tuple_maker = ou_object *(*)(ou_object *const *);
constexpr tuple_maker tuple_makers[TUPLE_MAX + 1] = {
    tuple_from<0>, tuple_from<1>, tuple_from<2>, tuple_from<3>, tuple_from<4>,
    tuple_from<5>, tuple_from<6>, tuple_from<7>, tuple_from<8>};

using node_maker = ou_object *(*)();
constexpr node_maker node_makers[CLASS_MAX + 1] = {nullptr, object_of<node_of<1>>,
                                                   object_of<node_of<2>>, object_of<node_of<3>>,
                                                   object_of<node_of<4>>};

/* Items stand at one place whatever the length: checked at the start. */
template <class kind> size_t items_at(const kind &o, const ref *first)
{
    return static_cast<size_t>(reinterpret_cast<const char *>(first) -
                               reinterpret_cast<const char *>(&o));
}

bool one_place()
{
    node_of<1> a;
    node_of<4> b;
    tuple_of<1> c{std::array<ref, 1>()};
    tuple_of<8> d{std::array<ref, 8>()};
    return items_at(a, a.slot.data()) == items_at(b, b.slot.data()) &&
           items_at(c, c.item.data()) == items_at(d, d.item.data());
}

std::vector<ref> &items(ou_object *o)
{
    return as<list>(o)->item;
}

/* Does the second word of a shared_ptr follow from the first? */
template <class kind, class... arguments> bool one_block(const arguments &...a)
{
    ref r = std::make_shared<counted<kind>>(a...);
    void *words[2];
    memcpy(words, static_cast<void *>(&r), sizeof words);
    return words[0] == r.get() && words[1] == static_cast<char *>(words[0]) - COUNTS_BYTES;
}

} /* namespace */

extern "C" {

/* --- weakrefs: refused (work_shared_ptr_lacks.c) ------------------------------------------ */

ou_object *ou_weakref_new(ou_object *, ou_weakref_callback, void *)
{
    return nullptr;
}

ou_object *ou_weakref_get(ou_object *)
{
    return nullptr;
}

/* --- start, threads ---------------------------------------------------------------------- */

int ou_start(const char *)
{
    std::thread([] {}).join(); /* from here on counts are atomic */
    bool fine = one_place() && one_block<integer>(1) && one_block<real>(0.5) &&
                one_block<text>("x", size_t{1}) && one_block<list>() && one_block<dict>() &&
                one_block<node_of<4>>() && one_block<tuple_of<1>>(std::array<ref, 1>());
    if (!fine) {
        snprintf(message, sizeof message,
                 "shared_ptr: this library lays its blocks out otherwise");
    }
    return fine ? 0 : OU_ESTATE;
}

int ou_thread_attach(void)
{
    return 0;
}

void ou_thread_detach(void)
{
    __atomic_fetch_add(&alive, alive_here, __ATOMIC_RELAXED); /* read after the join */
    alive_here = 0;
}

void ou_blocking_begin(void)
{
}

void ou_blocking_end(void)
{
}

void ou_safepoint(void)
{
}

const char *ou_version(void)
{
    return "libstdc++ " __VERSION__;
}

const char *ou_build_info(void)
{
    return __libc_single_threaded ? "plain counts" : "atomic counts";
}

const char *ou_error_message(void)
{
    return message;
}

const char *ou_type_name(const ou_object *o)
{
    static const char *const names[] = {"int",  "float",    "str", "tuple",
                                        "list", "instance", "dict"};
    return names[kind(o)];
}

/* --- no collector ------------------------------------------------------------------------ */

int ou_gc_callback_add(ou_gc_callback, void *)
{
    return 0;
}

int64_t ou_gc_collect(void)
{
    return 0;
}

void ou_gc_enable(void)
{
}

void ou_gc_disable(void)
{
}

int ou_gc_background(bool on)
{
    return on ? OU_ELIMIT : 0;
}

size_t ou_census(ou_census_row *rows, size_t max)
{
    if (max) {
        rows[0] = ou_census_row{};
        rows[0].type = "all";
        rows[0].count =
            static_cast<uint64_t>(__atomic_load_n(&alive, __ATOMIC_RELAXED) + alive_here);
    }
    return 1;
}

/* --- counts ------------------------------------------------------------------------------ */

ou_object *ou_incref(ou_object *o)
{
    return give(copy(o));
}

void ou_decref(ou_object *o)
{
    take(o);
}

/* --- objects ----------------------------------------------------------------------------- */

ou_object *ou_int_new(int64_t value)
{
    return object_of<integer>(value);
}

int ou_int_value(const ou_object *o, int64_t *value)
{
    *value = as<integer>(o)->value;
    return kind(o) == INTEGER ? 0 : OU_ETYPE;
}

ou_object *ou_float_new(double value)
{
    return object_of<real>(value);
}

int ou_float_value(const ou_object *o, double *value)
{
    *value = as<real>(o)->value;
    return kind(o) == REAL ? 0 : OU_ETYPE;
}

ou_object *ou_str_new(const char *bytes, size_t len)
{
    return object_of<text>(bytes, len);
}

const char *ou_str_bytes(const ou_object *o, size_t *len)
{
    if (kind(o) != TEXT) {
        return nullptr;
    }
    *len = as<text>(o)->value.size();
    return as<text>(o)->value.data();
}

ou_object *ou_tuple_new(ou_object *const *from, size_t n)
{
    return n <= TUPLE_MAX ? tuple_makers[n](from) : nullptr;
}

int64_t ou_tuple_len(const ou_object *o)
{
    return kind(o) == TUPLE ? as<tuple>(o)->length : int64_t{OU_ETYPE};
}

ou_object *ou_tuple_get_borrow(const ou_object *o, size_t i)
{
    bool inside = kind(o) == TUPLE && i < as<tuple>(o)->length;
    const ref *first = as<tuple>(o)->item.data();
    return inside ? reinterpret_cast<ou_object *>(first[i].get()) : nullptr;
}

ou_object *ou_list_new(size_t)
{
    return object_of<list>();
}

int64_t ou_list_len(ou_object *o)
{
    return kind(o) == LIST ? static_cast<int64_t>(items(o).size()) : int64_t{OU_ETYPE};
}

ou_object *ou_list_get(ou_object *o, size_t i)
{
    bool inside = kind(o) == LIST && i < items(o).size();
    return inside ? give(ref(items(o)[i])) : nullptr;
}

int ou_list_append(ou_object *o, ou_object *item)
{
    return done([&] { items(o).push_back(copy(item)); });
}

int ou_list_append_steal(ou_object *o, ou_object *item)
{
    return done([&] { items(o).push_back(take(item)); });
}

int ou_list_clear(ou_object *o)
{
    std::vector<ref>().swap(items(o));
    return 0;
}

ou_object *ou_list_copy(ou_object *o)
{
    return made([&] {
        auto copied = std::make_shared<counted<list>>();
        copied->item = items(o);
        return copied;
    });
}

int ou_list_sum(ou_object *o, int64_t *sum, size_t *ints)
{
    uint64_t total = 0;
    *ints = 0;
    for (const ref &item : items(o)) {
        if (item->kind == INTEGER) {
            total += static_cast<uint64_t>(int_value(item));
            ++*ints;
        }
    }
    *sum = static_cast<int64_t>(total);
    return 0;
}

ou_object *ou_dict_new(size_t)
{
    return object_of<dict>();
}

int64_t ou_dict_len(ou_object *o)
{
    return kind(o) == DICT ? static_cast<int64_t>(as<dict>(o)->table.size())
                           : int64_t{OU_ETYPE};
}

int ou_dict_set(ou_object *o, ou_object *key, ou_object *value)
{
    return done([&] { as<dict>(o)->table.insert_or_assign(copy(key), copy(value)); });
}

ou_object *ou_dict_get(ou_object *o, ou_object *key)
{
    kept borrowed(key);
    auto found = as<dict>(o)->table.find(borrowed.r);
    return found == as<dict>(o)->table.end() ? nullptr : give(ref(found->second));
}

/* --- instances: a class is the function that makes a node of its length ------------------- */

const ou_type *ou_class_new(const char *, const char *const *, size_t n, bool, ou_finalizer,
                            void *)
{
    return n <= CLASS_MAX ? reinterpret_cast<const ou_type *>(&node_makers[n]) : nullptr;
}

ou_object *ou_instance_new(const ou_type *type)
{
    return (*reinterpret_cast<const node_maker *>(type))();
}

ou_object *ou_attr_get_at(ou_object *o, int index)
{
    return give(ref(as<node>(o)->slot.data()[index]));
}

int ou_attr_set_at(ou_object *o, int index, ou_object *value)
{
    as<node>(o)->slot.data()[index] = copy(value);
    return 0;
}

int ou_attr_set_at_steal(ou_object *o, int index, ou_object *value)
{
    as<node>(o)->slot.data()[index] = take(value);
    return 0;
}

} /* extern "C" */
