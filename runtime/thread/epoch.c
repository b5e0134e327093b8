/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * epoch.c - the queues of retired storage, one a slot, and waiting for readers; see epoch.h.
 *
 * A queue belongs to the thread inside the slot. It gives everything back before it leaves the
 * slot, so no queue outlives its thread: waiting takes microseconds, handing over is not worth
 * a protocol. In a forked child the queues of the other threads stay as they are, like all else
 * that those threads held.
 */
#include "thread/epoch.h"

#include "conf/conf.h"
#include "os/os.h"

#define BIG_BYTES ((size_t)256 << 10) /* not kept back: one of these is worth a wait */
#define STORAGE_MAX 255
#define DROPS_MAX 255 /* a wait of some microseconds for so many: 10 to 20 ns each */
#define PATIENCE 64   /* safepoints that a reference may outlast */

typedef struct ou_retired {
    void *p;
    size_t bytes;
    bool is_object; /* the block of a dead one */
} ou_retired;

struct ou_epoch_queue { /* owner */
    size_t bytes;       /* of all entries */
    size_t count;
    uint32_t drop_count;
    uint32_t safepoints; /* since the first of the drops */
    ou_retired storage[STORAGE_MAX];
    ou_object *drops[DROPS_MAX];
};

static_assert(sizeof(struct ou_epoch_queue) <= 8192, "a queue is two pages");

uint32_t ou_epoch_collector;
void (*ou_epoch_free)(void *p, size_t bytes);
void (*ou_epoch_bury)(ou_object *o);
void (*ou_epoch_decref)(ou_object *o);

void ou_epoch_wait(void)
{
    OU_ASSERT(!ou_self.self->in_op);
    uint32_t count = ou_slot_count();
    ou_slot_op_barrier();
    ou_race_point();
    for (uint32_t id = 1; id <= count; id++) {
        if (&ou_slots[id] != ou_self.self) {
            ou_slot_op_outlast(&ou_slots[id]);
        }
    }
    OU_STAT(epoch_waits, 1);
}

bool ou_epoch_read_begin(void)
{
    OU_ASSERT(!ou_epoch_collector);
    if (!ou_have_membarrier) {
        return false;
    }
    ou_store_relaxed(&ou_epoch_collector, ou_self.slot); /* published by the world's start */
    return true;
}

void ou_epoch_await_collector(void)
{
    uint32_t collector = ou_load_acquire(&ou_epoch_collector); /* pairs: read_end */
    if (collector && &ou_slots[collector] != ou_self.self) {
        ou_slot_op_await(&ou_slots[collector]);
    }
}

static void free_one(ou_retired r)
{
    if (r.is_object) {
        ou_epoch_bury(r.p);
    } else {
        ou_epoch_free(r.p, r.bytes);
    }
}

static void free_all(struct ou_epoch_queue *q)
{
    for (size_t i = 0; i < q->count; i++) {
        free_one(q->storage[i]);
    }
    q->count = q->bytes = 0;
}

/* A death may come back here and find the queue empty. */
static void drop_all(struct ou_epoch_queue *q)
{
    ou_object *drops[DROPS_MAX];
    uint32_t n = q->drop_count;
    memcpy(drops, q->drops, n * sizeof *drops);
    q->drop_count = q->safepoints = 0;
    for (uint32_t i = 0; i < n; i++) {
        ou_epoch_decref(drops[i]);
    }
}

void ou_epoch_flush(void)
{
    struct ou_epoch_queue *q = ou_self.self->retired;
    while (OU_UNLIKELY(q && (q->count || q->drop_count))) { /* deaths may add to it */
        ou_epoch_wait();
        free_all(q);
        drop_all(q);
    }
}

void ou_epoch_read_end(void)
{
    OU_ASSERT(!ou_self.self->in_op);
    ou_store_release(&ou_epoch_collector, 0u); /* pairs: ou_epoch_is_read */
    ou_epoch_flush();
}

static struct ou_epoch_queue *queue_of(ou_slot *self)
{
    if (OU_UNLIKELY(!self->retired)) {
        self->retired = ou_os_map(sizeof *self->retired);
    }
    return self->retired;
}

/* No room, or too much of it. Inside the owner's own operation nobody may be waited for but the
 * collector, whose sections wait for nobody; and only the collector can be reading what the
 * owner changes without a lock. */
static OU_COLD void retire_now(struct ou_epoch_queue *q, ou_retired r)
{
    if (ou_self.self && !ou_self.self->in_op) {
        ou_epoch_wait();
        if (q) {
            free_all(q);
        }
    } else {
        ou_epoch_await_collector();
    }
    free_one(r);
}

static void retire(ou_retired r)
{
    size_t bytes = r.bytes;
    struct ou_epoch_queue *q = ou_self.self ? queue_of(ou_self.self) : NULL;
    OU_STAT(epoch_retired, 1);
    OU_STAT(epoch_retired_bytes, bytes);
    if (OU_UNLIKELY(!q || q->count == STORAGE_MAX || bytes > BIG_BYTES ||
                    q->bytes + bytes > (size_t)OU_KNOB(epoch_bytes))) {
        retire_now(q, r);
        return;
    }
    q->storage[q->count++] = r;
    q->bytes += bytes;
}

void ou_epoch_retire(void *p, size_t bytes)
{
    retire((ou_retired){.p = p, .bytes = bytes});
}

void ou_epoch_retire_object(ou_object *o, size_t bytes)
{
    retire((ou_retired){.p = o, .bytes = bytes, .is_object = true});
}

void ou_epoch_drop(ou_object *o)
{
    struct ou_epoch_queue *q = queue_of(ou_self.self);
    OU_STAT(epoch_dropped, 1);
    if (OU_UNLIKELY(!q)) {
        ou_epoch_wait();
        ou_epoch_decref(o);
        return;
    }
    q->drops[q->drop_count++] = o;
    if (OU_UNLIKELY(q->drop_count == DROPS_MAX)) {
        ou_epoch_flush();
    } else if (q->drop_count == 1) {
        ou_slot_poll_set(ou_self.self, OU_POLL_EPOCH);
    }
}

void ou_epoch_tend(void)
{
    struct ou_epoch_queue *q = ou_self.self->retired;
    if (q && q->drop_count && ++q->safepoints < PATIENCE) {
        ou_slot_poll_set(ou_self.self, OU_POLL_EPOCH);
    } else {
        ou_epoch_flush();
    }
}
