/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * slot.h - slots own objects, threads only sit in them.
 *
 * A slot has the id of its heap. A thread that attaches takes a slot; when it ends, the slot
 * stays with all its objects until another thread takes it. Whether the owner sleeps or is
 * gone makes no difference: nobody is inside, and anyone may step in for a moment.
 *
 *            attach                    park at a safepoint, blocking call, thread exit
 *   DETACHED ------> ATTACHED      ATTACHED ------> DETACHED
 *   DETACHED ------> SUSPENDED     (another thread merges counts in the owner's place, or the
 *            <------                world is stopped; attaching waits)
 *
 * operation              | state needed | who
 * -----------------------+--------------+------------------------------------------
 * count in rc_local      | ATTACHED     | the thread inside
 * drain the inbox        | ATTACHED     | the thread inside
 *                        | SUSPENDED    | the thread that suspended
 * push to the inbox      | any          | any thread, under inbox_lock
 * unlocked container op  | ATTACHED     | the thread inside, in_op = 1
 *
 * Model: tests/spin/safepoint.pml, counting.pml.
 */
#ifndef OURO_THREAD_SLOT_H
#define OURO_THREAD_SLOT_H

#include "base/base.h"
#include "conf/stats.h"
#include "os/lock.h"

typedef enum ou_slot_state { OU_DETACHED, OU_ATTACHED, OU_SUSPENDED } ou_slot_state;

/* Bits of `poll`: why a thread is wanted at a safepoint. */
enum {
    OU_POLL_STOP = 1,
    OU_POLL_INBOX = 2,
    OU_POLL_GC = 4,
    OU_POLL_HOT = 8,
    OU_POLL_EPOCH = 16
};

#define OU_SLOT_MAX 8192u

typedef struct ou_slot {
    uint32_t state;         /* atomic, futex: ou_slot_state */
    uint32_t poll;          /* atomic: set by anyone, cleared by the thread inside */
    uint32_t in_op;         /* atomic: written by the thread inside */
    uint32_t id;            /* const */
    bool suspended;         /* lock:world: by the stop in progress */
    ou_lock inbox_lock;     /* leaf lock */
    ou_object **inbox;      /* lock:inbox_lock: objects to merge, each holds one reference */
    size_t inbox_len;       /* lock:inbox_lock; read seq_cst */
    size_t inbox_cap;       /* lock:inbox_lock */
    ou_object *foreign;     /* atomic: heap=malloc: tracked blocks freed by others (blocks.c) */
    ou_object **vector;     /* heap=malloc: tracked objects; owner or stopped world */
    size_t vector_len;      /* owner or stopped world */
    size_t vector_cap;      /* owner or stopped world */
    size_t tracked_bytes;   /* owner: growth not yet reported to the collector's pacing */
    int64_t vector_bytes;   /* owner; read relaxed: heap=malloc: tracked bytes in use */
    size_t vector_counters; /* collector: first side counter of the vector */
    int64_t side_bytes;     /* owner; read relaxed: side storage taken less given back here */
    struct ou_epoch_queue *retired; /* owner: storage that waits for readers (epoch.c) */
    uint64_t pad;
} ou_slot;

static_assert(sizeof(ou_slot) % 64 == 0, "slots do not share cache lines");

extern OU_HIDDEN ou_slot ou_slots[OU_SLOT_MAX];

#define OU_HOT_MAX 32u /* hot objects at a time (object/hot.h): 512 bytes a slot in use */

/* By slot and place; untouched pages cost nothing. */
extern OU_HIDDEN ou_hot_counter ou_hot_counters[OU_SLOT_MAX][OU_HOT_MAX];

static_assert(sizeof ou_hot_counters[0] % 64 == 0, "slots do not share cache lines");

extern OU_HIDDEN bool ou_have_membarrier; /* const after start */

/* Ids in use are 1..ou_slot_count(). */
uint32_t ou_slot_count(void);

/* Threads that are attached and in no blocking region, the caller included. */
uint32_t ou_slots_inside(void);

/* A thread enters (0, OU_ELIMIT, OU_ENOMEM) and leaves its slot; no-ops when there already. */
int ou_slot_attach(void);
void ou_slot_detach(void);

/* The thread inside steps out for a moment and back in: around everything that blocks. */
void ou_slot_leave_empty(void); /* park_begin, after working off the inbox */
void ou_slot_park_begin(void);
void ou_slot_park_end(void);

/* Tries to act for a slot whose thread is not inside; false when somebody is. */
bool ou_slot_suspend(ou_slot *slot);
void ou_slot_resume(ou_slot *slot);

/* Wants the thread inside at a safepoint. */
void ou_slot_poll_set(ou_slot *slot, uint32_t bits);

/* Seam: called by the thread inside before it leaves the slot for good. */
extern void (*ou_slot_on_detach)(ou_slot *slot);

/* The two halves of the asymmetric handshake, see object/guard.h. Where the kernel has no
 * membarrier every container is born SHARED, and nobody comes here. */
OU_INLINE void ou_slot_op_enter(ou_slot *self)
{
    if (OU_TSAN) {
        ou_exchange_seq_cst(&self->in_op, 1u);
        return;
    }
    ou_store_relaxed(&self->in_op, 1u); /* made visible by the other side's membarrier */
    ou_compiler_barrier();
}

OU_INLINE void ou_slot_op_leave(ou_slot *self)
{
    ou_store_release(&self->in_op, 0u); /* pairs: ou_slot_op_await */
}

/* Waits until the thread inside `owner` is in no operation that began before the call. The
 * caller has set, by a sequentially consistent operation, whatever keeps it out of the next. */
void ou_slot_op_await(ou_slot *owner);

/* Its two steps, for who waits for many: makes everybody's in_op visible; waits for one. */
void ou_slot_op_barrier(void);
void ou_slot_op_outlast(ou_slot *owner);

#endif
