/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * instance.c - instances of classes: attributes by name and by index, and the slots that all
 * classes share. Layouts are decided in class.c; the calls here follow them.
 */
#include "types/instance.h"

#include "object/quick.h"
#include "types/own.h"

#define SIDE_MIN 4u

bool ou_is_instance(const ou_object *o)
{
    return o->type >=
           OU_TYPE_FIRST_CLASS; /* behind the built-in types there are only classes */
}

/* No attribute set, no side array. Relaxed stores: a few, not worth the call of memset that
 * plain ones would become. */
OU_INLINE void fill_empty(ou_object *o, const ou_type *type)
{
    ou_object **end = (ou_object **)((char *)o + type->size_bytes);
    for (ou_object **at = ou_instance_slots(o); at != end; at++) {
        ou_store_relaxed(at, NULL);
    }
}

/* The general form: the first instance of an open class, an empty magazine, a listener. */
static __attribute__((noinline)) ou_object *instance_new_long(const ou_type *cls)
{
    ou_object_poll();
    if (!cls || cls->kind != OU_KIND_INSTANCE) {
        return ou_fail_null(OU_ETYPE, "ou_instance_new: '%s' is not a class",
                            cls ? cls->name : "NULL");
    }
    ou_class_seal(cls);
    ou_object *o = ou_object_new_fixed(cls);
    if (OU_UNLIKELY(!o)) {
        return NULL;
    }
    fill_empty(o, cls);
    ou_object_track(o);
    return o;
}

ou_object *ou_instance_new(const ou_type *cls)
{
    if (OU_UNLIKELY(!cls || !(ou_load_acquire(&cls->flags) & OU_TF_READY))) {
        return instance_new_long(cls); /* pairs: ou_class_seal */
    }
    uint64_t first;
    ou_object *o = ou_quick_block_polled(cls->bin, &first);
    if (OU_UNLIKELY(!o)) {
        return instance_new_long(cls);
    }
    fill_empty(o, cls);
    ou_quick_show(o, cls, first);
    return o;
}

static OU_COLD int refuse(const char *function, const ou_object *self)
{
    return ou_fail_type(function, "an instance", self);
}

static OU_COLD int fail_unset(const ou_type *type, const char *name)
{
    if (ou_is_detached()) {
        return ou_fail_detached(type->name);
    }
    return ou_fail(OU_EATTR, "'%s' object has no attribute '%s'", type->name, name);
}

static OU_COLD int fail_index(const ou_type *type, int index)
{
    return ou_fail(OU_EINDEX, "'%s' object has no attribute number %d", type->name, index);
}

/* Does the class have an attribute of this index? Inline slots beyond the names of an open
 * class are not used yet. */
OU_INLINE bool index_valid(const ou_type *type, int index)
{
    uint32_t i = (uint32_t)index; /* negative becomes too large */
    return ou_instance_is_open(type) ? i < ou_class_count(type->cls) : i < type->slots;
}

/* Place of an attribute, NULL when it would be in a side array that is not there (yet). Under
 * the guard. */
OU_INLINE ou_object **place_of(ou_object *self, const ou_type *type, uint32_t index)
{
    if (OU_LIKELY(index < type->slots)) {
        return &ou_instance_slots(self)[index];
    }
    ou_attr_side *side = ou_instance_side(self, type);
    uint32_t i = index - type->slots;
    return side && i < side->capacity ? &side->items[i] : NULL;
}

static size_t side_bytes(size_t capacity)
{
    return sizeof(ou_attr_side) + capacity * sizeof(ou_object *);
}

/* Grows the side array so that it has a place for `index`; under the guard. NULL: OU_ENOMEM. */
static ou_object **place_make(ou_object *self, const ou_type *type, uint32_t index)
{
    ou_guard_alone(self);
    uint32_t i = index - type->slots;
    ou_attr_side *side = ou_instance_side(self, type);
    size_t old = side ? side->capacity : 0;
    size_t capacity = ou_max(ou_max(old * 2, SIDE_MIN), i + 1);
    ou_attr_side *grown = ou_side_alloc(side_bytes(capacity));
    if (OU_UNLIKELY(!grown)) {
        return NULL;
    }
    if (side) {
        memcpy(grown->items, side->items, old * sizeof(ou_object *));
    }
    memset(grown->items + old, 0, (capacity - old) * sizeof(ou_object *));
    grown->capacity = capacity;
    ou_store_release(ou_instance_side_place(self, type), grown); /* pairs: ou_instance_side */
    if (side) {
        ou_side_free(side, side_bytes(old));
    }
    return &grown->items[i];
}

static __attribute__((noinline)) ou_object *peek_any(ou_object *self, const ou_type *type,
                                                     uint32_t index)
{
    ou_guard guard = ou_guard_look(self);
    if (OU_UNLIKELY(guard == OU_GUARD_REFUSED)) {
        return NULL;
    }
    ou_object **place = place_of(self, type, index);
    ou_object *value = place ? ou_load_acquire(place) : NULL; /* pairs: put */
    ou_xincref(value);
    ou_guard_end(self, guard);
    return value;
}

/* New reference to what the attribute holds, or NULL without an error. Straight down for the
 * owner's inline slots. */
OU_INLINE ou_object *peek(ou_object *self, const ou_type *type, uint32_t index)
{
    if (OU_LIKELY(index < type->slots && ou_own_enter(self))) {
        ou_object *value = ou_xincref(ou_instance_slots(self)[index]);
        ou_own_leave();
        return value;
    }
    return peek_any(self, type, index);
}

static __attribute__((noinline)) int put_any(ou_object *self, const ou_type *type,
                                             uint32_t index, ou_object *value)
{
    ou_object *old = value; /* what is to be dropped: the value itself when there is no place */
    ou_guard guard = ou_guard_begin(self);
    if (OU_UNLIKELY(guard == OU_GUARD_REFUSED)) {
        return OU_ESTATE;
    }
    ou_object **place = place_of(self, type, index);
    if (OU_UNLIKELY(!place)) {
        place = place_make(self, type, index);
    }
    if (OU_LIKELY(place != NULL)) {
        old = *place;
        ou_store_release(place, value);
    }
    ou_guard_end(self, guard);
    ou_guard_drop(guard, old);
    return place ? 0 : OU_ENOMEM;
}

static __attribute__((noinline)) int drop_old(ou_object *old)
{
    ou_decref(old);
    return 0;
}

/* Stores an owned value; consumed also on failure, unless the thread is not attached. `direct`:
 * index is known to be below `slots`.
 */
OU_INLINE int put(ou_object *self, const ou_type *type, uint32_t index, ou_object *value,
                  bool direct)
{
    if (OU_LIKELY((direct || index < type->slots) && ou_own_enter(self))) {
        ou_object **place = &ou_instance_slots(self)[index];
        ou_object *old = *place;
        ou_store_release(place, value);
        ou_own_leave();
        return OU_LIKELY(!old) || ou_own_decref(old) ? 0 : drop_old(old);
    }
    return put_any(self, type, index, value);
}

/* The same with a reference taken of a value that another slot owns. */
static __attribute__((noinline)) int put_foreign(ou_object *self, const ou_type *type,
                                                 uint32_t index, ou_object *value)
{
    if (ou_is_detached()) {
        return ou_fail_detached(type->name);
    }
    return put_any(self, type, index, ou_incref(value));
}

/* Stores a value, taking a reference of it. */
OU_INLINE int put_shared(ou_object *self, const ou_type *type, uint32_t index, ou_object *value)
{
    return OU_LIKELY(ou_own_incref(value)) ? put(self, type, index, value, false)
                                           : put_foreign(self, type, index, value);
}

/* `del self.name`. False when it was not set, or the thread is not attached. */
static bool unset(ou_object *self, const ou_type *type, uint32_t index)
{
    ou_object *old = NULL;
    ou_guard guard = ou_guard_begin(self);
    if (OU_UNLIKELY(guard == OU_GUARD_REFUSED)) {
        return false;
    }
    ou_object **place = place_of(self, type, index);
    if (place) {
        old = *place;
        ou_store_relaxed(place, NULL);
    }
    ou_guard_end(self, guard);
    ou_guard_drop(guard, old);
    return place && old;
}

ou_object *ou_attr_get_at(ou_object *self, int index)
{
    if (OU_UNLIKELY(!ou_is_instance(self))) {
        refuse("ou_attr_get_at", self);
        return NULL;
    }
    const ou_type *type = ou_type_get(self);
    if (OU_UNLIKELY(!index_valid(type, index))) {
        fail_index(type, index);
        return NULL;
    }
    ou_object *value = peek(self, type, (uint32_t)index);
    if (OU_UNLIKELY(!value)) {
        fail_unset(type, ou_class_attr_name(type->cls, (uint32_t)index));
    }
    return value;
}

static OU_COLD int steal_refuse(const char *function, ou_object *self, ou_object *value,
                                int index)
{
    int err;
    if (!value) {
        err = ou_fail_missing(function);
    } else if (!ou_is_instance(self)) {
        err = refuse(function, self);
    } else {
        err = fail_index(ou_type_get(self), index);
    }
    ou_xdecref(value);
    return err;
}

static __attribute__((noinline)) int set_at_steal_long(ou_object *self, int index,
                                                       ou_object *value)
{
    if (OU_UNLIKELY(!value || !ou_is_instance(self) ||
                    !index_valid(ou_type_get(self), index))) {
        return steal_refuse("ou_attr_set_at_steal", self, value, index);
    }
    return put(self, ou_type_get(self), (uint32_t)index, value, false);
}

int ou_attr_set_at_steal(ou_object *self, int index, ou_object *value)
{
    const ou_type *type = ou_type_get(self); /* built-in types have no direct attributes */
    if (OU_LIKELY(value && (uint32_t)index < type->direct)) {
        return put(self, type, (uint32_t)index, value, true);
    }
    return set_at_steal_long(self, index, value);
}

int ou_attr_set_at(ou_object *self, int index, ou_object *value)
{
    if (OU_UNLIKELY(!ou_is_instance(self))) {
        return refuse("ou_attr_set_at", self);
    }
    const ou_type *type = ou_type_get(self);
    if (OU_UNLIKELY(!index_valid(type, index))) {
        return fail_index(type, index);
    }
    if (OU_LIKELY(value != NULL)) {
        return put_shared(self, type, (uint32_t)index, value);
    }
    return unset(self, type, (uint32_t)index)
               ? 0
               : fail_unset(type, ou_class_attr_name(type->cls, (uint32_t)index));
}

ou_object *ou_attr_get(ou_object *self, const char *name)
{
    if (OU_UNLIKELY(!ou_is_instance(self))) {
        refuse("ou_attr_get", self);
        return NULL;
    }
    const ou_type *type = ou_type_get(self);
    int index = ou_class_find(type->cls, name);
    ou_object *value = index >= 0 ? peek(self, type, (uint32_t)index) : NULL;
    if (OU_UNLIKELY(!value)) {
        fail_unset(type, name);
    }
    return value;
}

int ou_attr_set(ou_object *self, const char *name, ou_object *value)
{
    if (OU_UNLIKELY(!ou_is_instance(self))) {
        return refuse("ou_attr_set", self);
    }
    const ou_type *type = ou_type_get(self);
    if (!value) {
        int index = ou_class_find(type->cls, name);
        bool gone = index >= 0 && unset(self, type, (uint32_t)index);
        return gone ? 0 : fail_unset(type, name);
    }
    int index = ou_class_attr(type, name);
    return index < 0 ? index : put_shared(self, type, (uint32_t)index, value);
}

/* The general form: an open class, an empty magazine, a listener, an error. */
static __attribute__((noinline)) ou_object *instance_of_long(const ou_type *cls,
                                                             ou_object *const *values, size_t n)
{
    size_t i = 0;
    ou_object *o = ou_instance_new(cls);
    bool ok = o && n <= ou_class_count(cls->cls);
    if (o && !ok) {
        ou_fail(OU_EINDEX, "ou_instance_of_steal: %zu values, '%s' has %u attributes", n,
                cls->name, ou_class_count(cls->cls));
    }
    for (; ok && i < n; i++) {
        ok = !values[i] || put(o, cls, (uint32_t)i, values[i], false) == 0;
    }
    if (OU_LIKELY(ok) || ou_is_detached()) {
        return o;
    }
    for (; i < n; i++) {
        ou_xdecref(values[i]);
    }
    ou_xdecref(o);
    return NULL;
}

ou_object *ou_instance_of_steal(const ou_type *cls, ou_object *const *values, size_t n)
{
    uint64_t first;
    ou_object *o = NULL;
    size_t direct = cls ? cls->direct : 0; /* not 0: a closed class, with all words of that */
    if (OU_LIKELY(n - 1 < direct)) {
        o = ou_quick_block_polled(cls->bin, &first);
    }
    if (OU_UNLIKELY(!o)) {
        return instance_of_long(cls, values, n);
    }
    ou_object **slots = ou_instance_slots(o);
    size_t i = 0;
    do {
        ou_store_relaxed(&slots[i], values[i]);
    } while (++i < n);
    for (; i < direct; i++) {
        ou_store_relaxed(&slots[i], NULL);
    }
    ou_quick_show(o, cls, first);
    return o;
}

static void instance_traverse(ou_object *o, ou_visit visit, void *arg)
{
    const ou_type *type = ou_type_get(o);
    ou_object **slots = ou_instance_slots(o);
    for (uint32_t i = 0; i < type->slots; i++) {
        if (slots[i]) {
            visit(slots[i], arg);
        }
    }
    const ou_attr_side *side = ou_instance_side(o, type);
    for (size_t i = 0; side && i < side->capacity; i++) {
        if (side->items[i]) {
            visit(side->items[i], arg);
        }
    }
}

/* Each place is emptied before its object may die: a finalizer sees no dangling attribute. */
static void places_drop(ou_object **places, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        ou_object *old = places[i];
        places[i] = NULL;
        ou_xdecref(old);
    }
}

static void instance_clear(ou_object *o)
{
    const ou_type *type = ou_type_get(o);
    places_drop(ou_instance_slots(o), type->slots);
    ou_attr_side *side = ou_instance_side(o, type);
    if (side) {
        *ou_instance_side_place(o, type) = NULL;
        places_drop(side->items, side->capacity);
        ou_side_free(side, side_bytes(side->capacity));
    }
}

/* Death: nobody sees the places any more. */
static void instance_drop(ou_object *o)
{
    const ou_type *type = ou_type_get(o);
    ou_object **slots = ou_instance_slots(o);
    for (uint32_t i = 0, n = type->slots; i < n; i++) {
        ou_xdecref(slots[i]);
    }
    ou_attr_side *side = ou_instance_side(o, type);
    if (OU_UNLIKELY(side != NULL)) {
        for (size_t i = 0; i < side->capacity; i++) {
            ou_xdecref(side->items[i]);
        }
        ou_side_free(side, side_bytes(side->capacity));
    }
}

/* Of a closed class with up to 14 attributes. */
OU_INLINE uint32_t closed_bin(size_t n)
{
    return ou_class_of_words(sizeof(ou_instance) / sizeof(ou_object *) + n) +
           OU_BIN_FIRST_TRACKED;
}

/* Of an open class, or with many attributes. */
static void instance_die(ou_object *o, const ou_type *type)
{
    if (OU_UNLIKELY(!ou_quick_dies() || ou_instance_side(o, type))) {
        ou_object_die_unshared(o, type);
        return;
    }
    ou_quick_end(o, ou_instance_slots(o), type->slots, true, type->bin);
}

#define DIE(n)                                                                                 \
    static void die_##n(ou_object *o, const ou_type *type)                                     \
    {                                                                                          \
        if (OU_UNLIKELY(!ou_quick_dies())) {                                                   \
            ou_object_die_unshared(o, type);                                                   \
            return;                                                                            \
        }                                                                                      \
        ou_quick_end(o, ou_instance_slots(o), n, true, closed_bin(n));                         \
    }
#define NAME(n) die_##n,
#define NUMBERS(DO) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7) DO(8)

NUMBERS(DIE)

void ou_instance_set_die(ou_type *type)
{
    static void (*const by_number[])(ou_object *, const ou_type *) = {instance_die,
                                                                      NUMBERS(NAME)};
    if (type->slots < sizeof by_number / sizeof by_number[0]) {
        type->die = by_number[type->slots];
    }
}

static void instance_release(ou_object *o)
{
    ou_attr_side *side = ou_instance_side(o, ou_type_get(o));
    if (side) {
        ou_side_free(side, side_bytes(side->capacity));
    }
}

const ou_type ou_instance_template = {
    .kind = OU_KIND_INSTANCE,
    .flags = OU_TF_TRACKED | OU_TF_WEAKREFS | OU_TF_ID_HASH,
    .traverse = instance_traverse,
    .drop = instance_drop,
    .die = instance_die,
    .clear = instance_clear,
    .release = instance_release,
};
