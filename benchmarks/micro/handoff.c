/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * handoff.c - producer -> consumer: one thread takes 64-byte blocks, another gives them back.
 *
 * The pattern that per-thread free lists are worst at: every block is freed by a thread that
 * does not own it. Blocks travel through a ring in groups of 64, so that the ring costs little
 * beside the allocator; `limit/handoff` is the same ring over blocks that are never freed.
 *
 * Synchronisation, one producer and one consumer:
 *      head    written by the producer (release) after the slots, read by the consumer
 * (acquire) tail    written by the consumer (release) after the blocks are freed, read by the
 * producer (acquire) before it reuses the slots stop    written by the producer (release) when
 * all is consumed Time: wall time of the producer, from its first block until the consumer has
 * freed the last of the batch; one operation = one block taken and freed.
 */
#include "micro.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "ouro/atomic.h"
#include "ouro/heap.h"

#define GROUP 64     /* blocks published at once */
#define RING 4096    /* slots; a power of two */
#define FLIGHT 65536 /* blocks a batch */
#define BLOCK_BYTES 64

typedef void *(*take_fn)(size_t size);
typedef void (*give_fn)(void *block);

typedef struct ring {
    uint64_t *slot[RING];
    _Alignas(128) uint64_t head; /* atomic: blocks published */
    _Alignas(128) uint64_t tail; /* atomic: blocks freed */
    _Alignas(128) uint64_t stop; /* atomic */
    uint64_t bad;                /* consumer; read after the join */
    give_fn give;                /* const */
} ring;

/* Waiting costs nothing at first, then gives the core away: there may be only one. */
static void wait_a_little(unsigned *turns)
{
    if (++*turns > 256) {
        sched_yield();
    } else {
        ou_compiler_barrier();
    }
}

static void *consume(void *arg)
{
    ring *r = arg;
    uint64_t tail = 0;
    unsigned turns = 0;
    for (;;) {
        uint64_t head = ou_load_acquire(&r->head); /* pairs: publish in produce() */
        if (head == tail) {
            if (ou_load_acquire(&r->stop)) {
                return NULL;
            }
            wait_a_little(&turns);
            continue;
        }
        turns = 0;
        for (; tail != head; tail++) {
            uint64_t *p = r->slot[tail % RING];
            r->bad |= *p ^ tail;
            r->give(p);
            if (tail % GROUP == GROUP - 1) {
                ou_store_release(&r->tail, tail + 1); /* pairs: wait_for_room() */
            }
        }
    }
}

static void wait_for(ring *r, uint64_t tail)
{
    unsigned turns = 0;
    while (ou_load_acquire(&r->tail) < tail) {
        wait_a_little(&turns);
    }
}

/* Sends FLIGHT blocks and waits until they are consumed; false: out of memory. */
static bool produce(ring *r, uint64_t *sent, take_fn take)
{
    uint64_t end = *sent + FLIGHT;
    for (uint64_t i = *sent; i < end; i++) {
        if (i % GROUP == 0 && i >= RING - GROUP) {
            wait_for(r, i + GROUP - RING);
        }
        uint64_t *p = take(BLOCK_BYTES);
        if (!p) {
            return false;
        }
        *p = i;
        r->slot[i % RING] = p;
        if (i % GROUP == GROUP - 1) {
            ou_store_release(&r->head, i + 1); /* pairs: consume() */
        }
    }
    *sent = end;
    wait_for(r, end);
    return true;
}

static const char *run(gb_state *s, take_fn take, give_fn give)
{
    ring *r = micro_pages(sizeof *r);
    pthread_t consumer;
    uint64_t sent = 0;
    const char *wrong = NULL;
    r->give = give;
    if (pthread_create(&consumer, NULL, consume, r)) {
        micro_pages_free(r, sizeof *r);
        return "the consumer thread could not be made";
    }
    while (gb_next_batch(s, FLIGHT)) {
        if (!produce(r, &sent, take)) {
            wrong = "out of memory";
            break;
        }
    }
    ou_store_release(&r->stop, 1);
    pthread_join(consumer, NULL);
    if (!wrong && (r->bad || r->tail != sent)) {
        wrong = "the consumer did not get what was sent";
    }
    micro_pages_free(r, sizeof *r);
    return wrong;
}

/* Blocks for the limit: twice as many as the ring holds, used round and round. */
static char *own_blocks;
static size_t own_next;

static void *own_take(size_t size)
{
    own_next = (own_next + 1) % (2 * RING);
    return own_blocks + own_next * size;
}

static void own_give(void *block)
{
    micro_escape(block);
}

static const char *handoff_limit(gb_state *s, const micro_row *row)
{
    (void)row;
    own_blocks = micro_pages(2 * RING * BLOCK_BYTES);
    const char *wrong = run(s, own_take, own_give);
    micro_pages_free(own_blocks, 2 * RING * BLOCK_BYTES);
    return wrong;
}

static const char *handoff_ouro(gb_state *s, const micro_row *row)
{
    (void)row;
    return run(s, ou_malloc, ou_free);
}

static const char *handoff_malloc(gb_state *s, const micro_row *row)
{
    (void)row;
    return run(s, malloc, free);
}

void micro_handoff(void)
{
    static const micro_row table[] = {
        {"limit/handoff", handoff_limit, NULL, 64, 0, MICRO_QUICK | MICRO_THREADS},
        {"alloc/handoff/64/ouro", handoff_ouro, "limit/handoff", 64, 0,
         MICRO_QUICK | MICRO_THREADS},
        {"alloc/handoff/64/malloc", handoff_malloc, "limit/handoff", 64, 0,
         MICRO_QUICK | MICRO_THREADS},
    };
    micro_add_all(table, sizeof table / sizeof table[0]);
}
