/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * intern.c - one identity for equal strings: 64 tables, chosen by the hash's top bits, each
 * changed under a lock of its own. Called by programs; ou_intern_forget by the death of a
 * string, ou_intern_met and ou_intern_keep by object/hot.c.
 *
 * operation          | synchronisation
 * -------------------+----------------------------------------------------------------
 * look up            | in an epoch, no lock; ou_try_incref, because the string may be dying
 * enter              | shard lock, looks again; announced by ou_allow_try_incref before
 * forget (at death)  | shard lock; the block goes when no look-up can be at it (death.c)
 * grow, shrink       | shard lock; the old table goes likewise
 *
 * A look-up may miss what is there: it may be in a table that was replaced meanwhile, or in the
 * shard's own that was emptied. Who misses asks again under the lock. What it can take is the
 * one: an interned string leaves the table only by dying, and the dead cannot be taken.
 *
 * A dying string that is found is replaced by the new one, in place; its own forget then finds
 * somebody else there and leaves. A string is hashed, and made, before the lock is taken, and
 * no reference is dropped under it: a death could need the same lock.
 *
 * A slot of a table is one word: the string's address and above it 16 bits of the hash, so that
 * nearly every probe of another string ends at the word, and both are seen together. Model:
 * tests/spin/intern.pml; story: docs/objects.md, *Interning*.
 */
#include "conf/stats.h"
#include "object/hot.h"
#include "os/lock.h"
#include "types/str.h"

#define SHARDS 64u
#define CAPACITY_FIRST 64u /* the table in the shard itself: a few strings cost no block */
#define WORD_EMPTY 0u
#define WORD_REMOVED 1u
#define ADDRESS_BITS 48
#define KEEP_LOOKS 4u /* samples, one of about 256 foreign increments, before it is kept */
#define KEEP_LEN 256u /* bytes of text: what is kept for good is small */

/* Its words follow: a power of two. */
typedef struct table {
    size_t mask; /* const once published */
    size_t used; /* lock: live and removed */
} table;

typedef struct shard {
    ou_lock lock;
    uint32_t live; /* lock; atomic: ou_intern_count */
    table first;
    uint64_t first_words[CAPACITY_FIRST]; /* atomic, as all words */
} __attribute__((aligned(64))) shard;

static_assert(offsetof(shard, first_words) == offsetof(shard, first) + sizeof(table),
              "words follow their table");

static shard shards[SHARDS];
/* Of each shard, NULL = not used yet. Apart from the locks: read at every look-up, written when
 * one grows. */
static table *tables[SHARDS] __attribute__((aligned(64))); /* atomic; written under the lock */
static uint32_t kept; /* atomic: strings made immortal because many threads want them */

static size_t shard_of(uint64_t hash)
{
    return hash >> 58;
}

static uint64_t *words_of(table *t)
{
    return (uint64_t *)(t + 1);
}

static size_t table_bytes(size_t capacity)
{
    return sizeof(table) + capacity * sizeof(uint64_t);
}

static uint64_t tag_of(uint64_t hash)
{
    if (ou_blocks_from_malloc) {
        return 0; /* leak checkers look for plain addresses: a kept string has no other */
    }
    return hash >> 42 << ADDRESS_BITS; /* the bits below those of the shard */
}

static uint64_t word_of(const ou_str_object *s)
{
    return tag_of(ou_load_relaxed(&s->hash)) | (uint64_t)(uintptr_t)s;
}

static ou_str_object *string_of(uint64_t word)
{
    return (ou_str_object *)(uintptr_t)(word & (((uint64_t)1 << ADDRESS_BITS) - 1));
}

static bool same_text(const ou_str_object *s, const char *bytes, size_t len, uint64_t hash)
{
    return ou_load_relaxed(&s->hash) == hash && s->len == len &&
           memcmp(s->bytes, bytes, len) == 0;
}

/* Word of the string equal to these bytes, NULL when there is none. Under the lock, or in an
 * epoch: then what is found may be gone from the table, but can be read. */
OU_INLINE uint64_t *find(table *t, const char *bytes, size_t len, uint64_t hash,
                         ou_str_object **found)
{
    if (OU_UNLIKELY(!t)) {
        return NULL;
    }
    uint64_t *words = words_of(t), tag = tag_of(hash), word;
    for (size_t i = hash & t->mask;; i = (i + 1) & t->mask) {
        word = ou_load_acquire(&words[i]); /* pairs: place_locked, enter */
        if (word == WORD_EMPTY) {
            return NULL;
        }
        if ((word ^ tag) >> ADDRESS_BITS == 0 && word != WORD_REMOVED &&
            same_text(string_of(word), bytes, len, hash)) {
            *found = string_of(word);
            return &words[i];
        }
    }
}

/* Room is certain. */
static void place_locked(table *t, uint64_t word)
{
    uint64_t *words = words_of(t);
    size_t i = ou_load_relaxed(&string_of(word)->hash) & t->mask;
    while (ou_load_relaxed(&words[i]) > WORD_REMOVED) {
        i = (i + 1) & t->mask;
    }
    t->used += ou_load_relaxed(&words[i]) == WORD_EMPTY;
    ou_store_release(&words[i], word); /* pairs: find */
}

static void table_clear(table *t, size_t capacity)
{
    if (t->mask != capacity - 1) { /* the first table, again: who still looks reads it */
        t->mask = capacity - 1;
    }
    t->used = 0;
    for (size_t i = 0; i < capacity; i++) {
        ou_store_relaxed(&words_of(t)[i], (uint64_t)WORD_EMPTY);
    }
}

/* After the lock, which is a leaf: a table that was replaced. */
static void table_retire(size_t sh, table *t)
{
    if (t && t != &shards[sh].first) {
        ou_epoch_retire(t, table_bytes(t->mask + 1));
    }
}

/* A table for twice the live strings, so that the next rebuild is as many insertions away.
 * NULL: OU_ENOMEM is set. Otherwise the caller retires what was returned. */
static bool rebuild_locked(size_t sh, table **old)
{
    size_t capacity = CAPACITY_FIRST * 2;
    while (capacity < ((size_t)shards[sh].live + 1) * 2) {
        capacity *= 2;
    }
    table *t = ou_side_alloc(table_bytes(capacity));
    if (OU_UNLIKELY(!t)) {
        return false;
    }
    table_clear(t, capacity);
    *old = tables[sh];
    for (size_t i = 0; i <= (*old)->mask; i++) {
        uint64_t word = ou_load_relaxed(&words_of(*old)[i]);
        if (word > WORD_REMOVED) {
            place_locked(t, word);
        }
    }
    ou_store_seq_cst(&tables[sh], t); /* pairs: look_up */
    return true;
}

/* The table with room for one more: seven eighths may be used. NULL: OU_ENOMEM is set. */
static table *room_locked(size_t sh, table **old)
{
    table *t = tables[sh];
    if (OU_UNLIKELY(!t)) {
        table_clear(&shards[sh].first, CAPACITY_FIRST);
        ou_store_release(&tables[sh], &shards[sh].first); /* pairs: look_up */
        return &shards[sh].first;
    }
    if (OU_LIKELY((t->used + 1) * 8 <= (t->mask + 1) * 7)) {
        return t;
    }
    return rebuild_locked(sh, old) ? tables[sh] : NULL;
}

/* By lock, where the kernel has no membarrier and nobody can be waited for. */
static OU_COLD ou_str_object *look_up_locked(const char *bytes, size_t len, uint64_t hash)
{
    size_t sh = shard_of(hash);
    ou_str_object *s;
    ou_lock_take(&shards[sh].lock);
    bool found = find(tables[sh], bytes, len, hash, &s) && ou_try_incref(&s->base);
    ou_lock_give(&shards[sh].lock);
    return found ? s : NULL;
}

/* New reference to the interned string equal to these bytes; NULL: not found, which only a look
 * under the lock can confirm. By a thread that is attached. */
static ou_str_object *look_up(const char *bytes, size_t len, uint64_t hash)
{
    if (OU_UNLIKELY(!ou_have_membarrier)) {
        return look_up_locked(bytes, len, hash);
    }
    ou_str_object *s;
    ou_epoch_enter(); /* pairs: ou_epoch_retire */
    table *t = ou_load_acquire(&tables[shard_of(hash)]);
    ou_race_point();
    bool found = find(t, bytes, len, hash, &s) && ou_try_incref(&s->base);
    ou_epoch_leave();
    if (!found) {
        ou_race_point();
        return NULL;
    }
    if (ou_load_relaxed(&s->base.owner) != ou_self.slot && !ou_is_hot(&s->base) &&
        !(ou_load_relaxed(&s->base.rc_local) & OU_IMMORTAL)) {
        ou_hot_sample(&s->base); /* counted as a foreign increment is */
    }
    return s;
}

static void count_live(shard *sh, uint32_t live)
{
    ou_store_relaxed(&sh->live, live);
}

/* `s` in the place of a dying one, or in a new one. False: OU_ENOMEM. */
static bool enter_locked(size_t sh, ou_str_object *s, uint64_t *dying, table **old)
{
    table *t = dying ? NULL : room_locked(sh, old);
    if (OU_UNLIKELY(!dying && !t)) {
        return false;
    }
    ou_fetch_or_relaxed(&s->base.flags, (uint8_t)OU_FL_INTERNED); /* lock orders it */
    if (dying) {
        ou_store_seq_cst(dying, word_of(s)); /* pairs: find */
    } else {
        place_locked(t, word_of(s));
        count_live(&shards[sh], shards[sh].live + 1);
    }
    return true;
}

/* The interned string equal to `s`: an older one with a new reference, or `s` itself, entered
 * now, without one. NULL: OU_ENOMEM. Announced by ou_allow_try_incref. */
static ou_str_object *enter(ou_str_object *s, uint64_t hash, bool *entered)
{
    size_t sh = shard_of(hash);
    ou_str_object *there;
    table *old = NULL;
    ou_lock_take(&shards[sh].lock);
    uint64_t *word = find(tables[sh], s->bytes, s->len, hash, &there);
    bool found = word && ou_try_incref(&there->base); /* somebody was faster */
    *entered = !found && enter_locked(sh, s, word, &old);
    ou_lock_give(&shards[sh].lock);
    table_retire(sh, old);
    return found ? there : *entered ? s : NULL;
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

/* Takes word i out; a removed mark is only needed when a probe may have to pass it. Returns a
 * table to retire, or NULL. */
static table *remove_locked(size_t sh, size_t i)
{
    table *t = tables[sh];
    uint64_t *words = words_of(t);
    count_live(&shards[sh], shards[sh].live - 1);
    if (!shards[sh].live && t != &shards[sh].first) { /* otherwise: at the next rebuild */
        table_clear(&shards[sh].first, CAPACITY_FIRST);
        ou_store_seq_cst(&tables[sh], &shards[sh].first); /* pairs: look_up */
        return t;
    }
    ou_store_release(&words[i], (uint64_t)WORD_REMOVED); /* and the lock's exchange to come */
    if (ou_load_relaxed(&words[(i + 1) & t->mask]) != WORD_EMPTY) {
        return NULL;
    }
    while (ou_load_relaxed(&words[i]) == WORD_REMOVED) {
        ou_store_relaxed(&words[i], (uint64_t)WORD_EMPTY);
        t->used--;
        i = (i - 1) & t->mask;
    }
    return NULL;
}

void ou_intern_forget(ou_str_object *s)
{
    size_t sh = shard_of(ou_load_relaxed(&s->hash));
    uint64_t mine = word_of(s), word;
    table *old = NULL;
    ou_race_point();
    ou_lock_take(&shards[sh].lock);
    table *t = tables[sh];
    for (size_t i = ou_load_relaxed(&s->hash) & t->mask;
         (word = ou_load_relaxed(&words_of(t)[i])) != WORD_EMPTY; i = (i + 1) & t->mask) {
        if (word == mine) {
            old = remove_locked(sh, i);
            break;
        }
    }
    ou_lock_give(&shards[sh].lock);
    table_retire(sh, old);
}

bool ou_intern_met(ou_object *o)
{
    ou_str_object *s = (ou_str_object *)o;
    uint32_t looks = ou_load_relaxed(&s->looks) + 1; /* threads may lose one to each other */
    ou_store_relaxed(&s->looks, looks);
    return looks >= KEEP_LOOKS && s->len <= KEEP_LEN &&
           ou_load_relaxed(&kept) < (uint32_t)OU_KNOB(intern_keep);
}

bool ou_intern_keep(ou_object *o)
{
    const ou_str_object *s = (const ou_str_object *)o;
    uint32_t n = ou_load_relaxed(&kept);
    if (s->len > KEEP_LEN || n >= (uint32_t)OU_KNOB(intern_keep)) {
        return false;
    }
    ou_store_relaxed(&kept, n + 1); /* the world stands: nobody else writes it */
    OU_STAT(intern_kept, 1);
    return true;
}
