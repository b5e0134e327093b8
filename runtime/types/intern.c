/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * intern.c - one identity for equal strings: 64 tables, chosen by the hash's top bits, each
 * under a lock of its own. Called by programs; ou_intern_forget by the death of a string.
 *
 * operation          | synchronisation
 * -------------------+----------------------------------------------------------------
 * look up            | shard lock; ou_try_incref, because the string found may be dying
 * enter              | shard lock; the string was announced by ou_allow_try_incref before
 * forget (at death)  | shard lock, before the memory goes; so what a look-up finds under the
 *                    | lock can always be read, and only ou_try_incref says if it can be had
 *
 * A dying string that is found is replaced by the new one, in place; its own forget then finds
 * somebody else there and leaves. A string is hashed, and made, before the lock is taken, and
 * no reference is dropped under it: a death could need the same lock.
 *
 * A shard is an array of strings and one tag byte for each: 0 empty, 1 removed, else 0x80 and
 * 7 bits of the hash, so that nearly every probe of another string ends at the tag.
 */
#include "conf/stats.h"
#include "os/lock.h"
#include "types/str.h"

#define SHARDS 64u
#define CAPACITY_FIRST 64u /* the table in the shard itself: a few strings cost no block */
#define TAG_EMPTY 0u
#define TAG_REMOVED 1u

typedef struct shard {
    ou_lock lock;
    uint32_t live;         /* lock; atomic: ou_intern_count */
    size_t capacity;       /* lock: power of two, 0 = not used yet */
    size_t used;           /* lock: live and removed */
    ou_str_object **slots; /* lock: one block of side storage, tags behind it, or the first */
    uint8_t *tags;         /* lock */
    ou_str_object *first_slots[CAPACITY_FIRST]; /* lock */
    uint8_t first_tags[CAPACITY_FIRST];         /* lock */
} __attribute__((aligned(64))) shard;

static shard shards[SHARDS];

static shard *shard_of(uint64_t hash)
{
    return &shards[hash >> 58];
}

static uint8_t tag_of(uint64_t hash)
{
    return (uint8_t)(0x80u | ((hash >> 51) & 0x7F));
}

static size_t table_bytes(size_t capacity)
{
    return capacity * (sizeof(ou_str_object *) + 1);
}

static bool same_text(const ou_str_object *s, const char *bytes, size_t len, uint64_t hash)
{
    return ou_load_relaxed(&s->hash) == hash && s->len == len &&
           memcmp(s->bytes, bytes, len) == 0;
}

/* Slot of the string equal to these bytes, NULL when there is none. */
static ou_str_object **find_locked(shard *sh, const char *bytes, size_t len, uint64_t hash)
{
    if (!sh->capacity) {
        return NULL;
    }
    size_t mask = sh->capacity - 1;
    uint8_t tag = tag_of(hash);
    for (size_t i = hash & mask; sh->tags[i] != TAG_EMPTY; i = (i + 1) & mask) {
        if (sh->tags[i] == tag && same_text(sh->slots[i], bytes, len, hash)) {
            return &sh->slots[i];
        }
    }
    return NULL;
}

/* Room is certain. */
static void place_locked(shard *sh, ou_str_object *s)
{
    uint64_t hash = ou_load_relaxed(&s->hash);
    size_t mask = sh->capacity - 1;
    size_t i = hash & mask;
    while (sh->tags[i] > TAG_REMOVED) {
        i = (i + 1) & mask;
    }
    sh->used += sh->tags[i] == TAG_EMPTY;
    sh->tags[i] = tag_of(hash);
    sh->slots[i] = s;
}

static void table_set(shard *sh, void *block, size_t capacity)
{
    sh->slots = block ? block : sh->first_slots;
    sh->tags = block ? (uint8_t *)(sh->slots + capacity) : sh->first_tags;
    sh->capacity = capacity;
    sh->used = 0;
    memset(sh->tags, TAG_EMPTY, capacity);
}

static void table_free(const shard *sh, ou_str_object **slots, size_t capacity)
{
    if (slots && slots != sh->first_slots) {
        ou_side_free(slots, table_bytes(capacity));
    }
}

/* A table of its own for twice the live strings, so that the next rebuild is as many insertions
 * away. False: OU_ENOMEM is set. */
static bool rebuild_locked(shard *sh)
{
    size_t capacity = CAPACITY_FIRST * 2;
    while (capacity < ((size_t)sh->live + 1) * 2) {
        capacity *= 2;
    }
    void *block = ou_side_alloc(table_bytes(capacity));
    if (OU_UNLIKELY(!block)) {
        return false;
    }
    ou_str_object **old_slots = sh->slots;
    const uint8_t *old_tags = sh->tags;
    size_t old_capacity = sh->capacity;
    table_set(sh, block, capacity);
    for (size_t i = 0; i < old_capacity; i++) {
        if (old_tags[i] > TAG_REMOVED) {
            place_locked(sh, old_slots[i]);
        }
    }
    table_free(sh, old_slots, old_capacity);
    return true;
}

/* Makes room for one more: seven eighths may be used. */
static bool room_locked(shard *sh)
{
    if (OU_LIKELY((sh->used + 1) * 8 <= sh->capacity * 7)) {
        return true;
    }
    if (!sh->capacity) {
        table_set(sh, NULL, CAPACITY_FIRST);
        return true;
    }
    return rebuild_locked(sh);
}

/* New reference to the interned string equal to these bytes, or NULL. */
static ou_str_object *look_up(const char *bytes, size_t len, uint64_t hash)
{
    shard *sh = shard_of(hash);
    ou_lock_take(&sh->lock);
    ou_str_object **slot = find_locked(sh, bytes, len, hash);
    ou_str_object *found = slot && ou_try_incref(&(*slot)->base) ? *slot : NULL;
    ou_lock_give(&sh->lock);
    return found;
}

static void count_live(shard *sh, uint32_t live)
{
    ou_store_relaxed(&sh->live, live);
}

/* The interned string equal to `s`: an older one with a new reference, or `s` itself, entered
 * now, without one. NULL: OU_ENOMEM. Announced by ou_allow_try_incref. */
static ou_str_object *enter(ou_str_object *s, uint64_t hash, bool *entered)
{
    shard *sh = shard_of(hash);
    ou_str_object *result = s;
    ou_lock_take(&sh->lock);
    ou_str_object **slot = find_locked(sh, s->bytes, s->len, hash);
    *entered = false;
    if (slot && ou_try_incref(&(*slot)->base)) {
        result = *slot; /* somebody was faster */
    } else if (slot || room_locked(sh)) {
        ou_fetch_or_relaxed(&s->base.flags, (uint8_t)OU_FL_INTERNED); /* lock orders it */
        *entered = true;
        if (slot) {
            *slot = s; /* the old one is dying */
        } else {
            place_locked(sh, s);
            count_live(sh, sh->live + 1);
        }
    } else {
        result = NULL;
    }
    ou_lock_give(&sh->lock);
    return result;
}

/* Enters a string that was just not found. Takes over its reference, except on failure. */
static ou_object *enter_steal(ou_str_object *s, uint64_t hash)
{
    bool entered;
    ou_allow_try_incref(&s->base);
    ou_str_object *result = enter(s, hash, &entered);
    if (OU_UNLIKELY(!result)) {
        return NULL;
    }
    OU_STAT(intern_misses, entered);
    OU_STAT(intern_hits, !entered);
    if (!entered) {
        ou_decref(&s->base);
    }
    return &result->base;
}

ou_object *ou_str_intern_steal_slow(ou_object *o)
{
    if (OU_UNLIKELY(!o || !ou_is_str(o))) {
        ou_fail_type("ou_str_intern_steal", "str", o);
        return NULL;
    }
    if (ou_is_detached()) {
        ou_fail_detached("ou_str_intern_steal");
        return NULL;
    }
    ou_str_object *s = (ou_str_object *)o;
    uint64_t hash = ou_str_hash(s);
    ou_str_object *found = look_up(s->bytes, s->len, hash);
    if (!found) {
        return enter_steal(s, hash);
    }
    OU_STAT(intern_hits, 1);
    ou_decref(o);
    return &found->base;
}

ou_object *ou_str_intern(const char *bytes, size_t len)
{
    if (!len) {
        return ou_str_empty();
    }
    if (OU_UNLIKELY(len > OU_STR_LEN_MAX)) {
        return ou_fail_null(OU_EOVERFLOW,
                            "ou_str_intern: %zu bytes are more than a str can "
                            "hold",
                            len);
    }
    if (ou_is_detached()) {
        ou_fail_detached("ou_str_intern");
        return NULL;
    }
    uint64_t hash = ou_str_hash_of(bytes, len);
    ou_str_object *found = look_up(bytes, len, hash);
    if (OU_LIKELY(found != NULL)) {
        OU_STAT(intern_hits, 1);
        return &found->base;
    }
    ou_str_object *made = ou_str_make(bytes, len, hash);
    if (OU_UNLIKELY(!made)) {
        return NULL;
    }
    ou_object *result = enter_steal(made, hash);
    if (OU_UNLIKELY(!result)) {
        ou_decref(&made->base);
    }
    return result;
}

ou_object *ou_str_intern_immortal(const char *bytes, size_t len)
{
    ou_object *o = ou_str_intern(bytes, len);
    if (OU_LIKELY(o != NULL)) {
        ou_immortalize(o);
    }
    return o;
}

size_t ou_intern_count(void)
{
    size_t n = 0;
    for (unsigned i = 0; i < SHARDS; i++) {
        n += ou_load_relaxed(&shards[i].live);
    }
    return n;
}

/* Takes slot i out; a removed mark is only needed when a probe may have to pass it. */
static void remove_locked(shard *sh, size_t i)
{
    size_t mask = sh->capacity - 1;
    count_live(sh, sh->live - 1);
    if (!sh->live && sh->slots != sh->first_slots) { /* otherwise: at the next rebuild */
        table_free(sh, sh->slots, sh->capacity);
        table_set(sh, NULL, CAPACITY_FIRST);
        return;
    }
    sh->tags[i] = TAG_REMOVED;
    if (sh->tags[(i + 1) & mask] != TAG_EMPTY) {
        return;
    }
    while (sh->tags[i] == TAG_REMOVED) {
        sh->tags[i] = TAG_EMPTY;
        sh->used--;
        i = (i - 1) & mask;
    }
}

void ou_intern_forget(ou_str_object *s)
{
    uint64_t hash = ou_load_relaxed(&s->hash);
    shard *sh = shard_of(hash);
    uint8_t tag = tag_of(hash);
    ou_lock_take(&sh->lock);
    size_t mask = sh->capacity - 1;
    size_t i = hash & mask;
    while (sh->capacity && sh->tags[i] != TAG_EMPTY) {
        if (sh->tags[i] == tag && sh->slots[i] == s) {
            remove_locked(sh, i);
            break;
        }
        i = (i + 1) & mask;
    }
    ou_lock_give(&sh->lock);
}
