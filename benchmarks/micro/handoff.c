/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * handoff.c - producer -> consumer: one thread takes 64-byte blocks, another gives them back.
 *
 * The pattern that per-thread free lists are worst at: every block is freed by a thread that
 * does not own it. Blocks travel through a ring in groups of 64, so that the ring costs little
 * beside the allocator; `limit/handoff` is the same ring over blocks that are never freed, only
 * read and written.
 *
 *      alloc/handoff/64/ouro, malloc    a block of 64 bytes, taken here and given back there
 *      objects/handoff/atomic           the same with malloc and an atomic count (shared_ptr)
 *      objects/handoff/given            a float: made, ou_give; ou_take, looked at, dropped
 *      objects/handoff/counted          the same without the two calls: counted by atomics
 *
 * Synchronisation, one producer and one consumer:
 *      head    written by the producer (release) after the slots, read by the consumer
 * (acquire) tail    written by the consumer (release) after the blocks are freed, read by the
 *              producer (acquire) before it reuses the slots
 *      stop    written by the producer (release) when all is consumed
 * Time: wall time of the producer, from its first block until the consumer has freed the last
 * of the batch; one operation = one block taken and freed.
 * The two are held on different cores where there are two.
 */
#include "micro.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "ouro/ouro.h"

#define GROUP 64     /* blocks published at once */
#define RING 4096    /* slots; a power of two */
#define FLIGHT 65536 /* blocks a batch */
#define BLOCK_BYTES 64

/* What travels: made with a number (NULL: out of memory), ended with the number as answer. */
typedef struct cargo {
    void *(*make)(uint64_t number);
    uint64_t (*end)(void *block);
    bool objects; /* the consumer must be attached, and both let themselves be stopped */
} cargo;

typedef struct ring {
    void *slot[RING];
    _Alignas(128) uint64_t head; /* atomic: blocks published */
    _Alignas(128) uint64_t tail; /* atomic: blocks freed */
    _Alignas(128) uint64_t bad;  /* consumer; read after the join */
    _Alignas(128) uint64_t stop; /* atomic */
    const cargo *cargo;          /* const */
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

/* The calling thread on its n-th allowed core, if it has more than one: on one core the two
 * only take turns, and no line ever moves. */
static void on_core(int n)
{
    cpu_set_t may, one;
    if (sched_getaffinity(0, sizeof may, &may) != 0 || CPU_COUNT(&may) < 2) {
        return;
    }
    CPU_ZERO(&one);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (CPU_ISSET(cpu, &may) && n-- == 0) {
            CPU_SET(cpu, &one);
            sched_setaffinity(0, sizeof one, &one);
            return;
        }
    }
}

static void consume_all(ring *r)
{
    uint64_t tail = 0;
    unsigned turns = 0;
    for (;;) {
        uint64_t head = ou_load_acquire(&r->head); /* pairs: publish in produce() */
        if (head == tail) {
            if (ou_load_acquire(&r->stop)) {
                return;
            }
            wait_a_little(&turns);
            continue;
        }
        turns = 0;
        for (; tail != head; tail++) {
            r->bad |= r->cargo->end(r->slot[tail % RING]) ^ tail;
            if (tail % GROUP == GROUP - 1) {
                ou_store_release(&r->tail, tail + 1); /* pairs: wait_for() */
                if (r->cargo->objects) {
                    ou_safepoint();
                }
            }
        }
    }
}

static void *consume(void *arg)
{
    ring *r = arg;
    on_core(1);
    if (!r->cargo->objects) {
        consume_all(r);
    } else if (micro_thread_enter()) {
        consume_all(r);
        micro_thread_leave();
    }
    return NULL;
}

static void wait_for(ring *r, uint64_t tail)
{
    unsigned turns = 0;
    while (ou_load_acquire(&r->tail) < tail) {
        wait_a_little(&turns);
    }
}

/* Sends FLIGHT blocks and waits until they are consumed; false: out of memory. */
static bool produce(ring *r, uint64_t *sent)
{
    uint64_t end = *sent + FLIGHT;
    for (uint64_t i = *sent; i < end; i++) {
        if (i % GROUP == 0 && i >= RING - GROUP) {
            wait_for(r, i + GROUP - RING);
        }
        void *p = r->cargo->make(i);
        if (!p) {
            return false;
        }
        r->slot[i % RING] = p;
        if (i % GROUP == GROUP - 1) {
            ou_store_release(&r->head, i + 1); /* pairs: consume() */
            if (r->cargo->objects) {
                ou_safepoint();
            }
        }
    }
    *sent = end;
    wait_for(r, end);
    return true;
}

static const char *run(gb_state *s, const cargo *what)
{
    ring *r = micro_pages(sizeof *r);
    pthread_t consumer;
    uint64_t sent = 0;
    const char *wrong = NULL;
    r->cargo = what;
    cpu_set_t cores;
    bool known = sched_getaffinity(0, sizeof cores, &cores) == 0;
    if (pthread_create(&consumer, NULL, consume, r)) {
        micro_pages_free(r, sizeof *r);
        return "the consumer thread could not be made";
    }
    on_core(0);
    while (gb_next_batch(s, FLIGHT)) {
        if (!produce(r, &sent)) {
            wrong = "out of memory";
            break;
        }
    }
    ou_store_release(&r->stop, 1);
    ou_blocking_begin();
    pthread_join(consumer, NULL);
    ou_blocking_end();
    if (known) {
        sched_setaffinity(0, sizeof cores, &cores);
    }
    if (!wrong && (r->bad || r->tail != sent)) {
        wrong = "the consumer did not get what was sent";
    }
    micro_pages_free(r, sizeof *r);
    return wrong;
}

static void *numbered(uint64_t *p, uint64_t number)
{
    if (p) {
        *p = number;
    }
    return p;
}

/* Blocks for the limit: twice as many as the ring holds, used round and round. */
static char *own_blocks;

static void *own_make(uint64_t number)
{
    return numbered((uint64_t *)(own_blocks + number % (2 * RING) * BLOCK_BYTES), number);
}

/* Written as well, as by whoever frees a block: a line that is only read here and written there
 * moves slower (9 ns a block instead of 5). */
static uint64_t own_end(void *block)
{
    uint64_t number = *(uint64_t *)block;
    ((uint64_t *)block)[1] = number;
    micro_escape(block);
    return number;
}

static const char *handoff_limit(gb_state *s, const micro_row *row)
{
    static const cargo own = {own_make, own_end, false};
    (void)row;
    own_blocks = micro_pages(2 * RING * BLOCK_BYTES);
    const char *wrong = run(s, &own);
    micro_pages_free(own_blocks, 2 * RING * BLOCK_BYTES);
    return wrong;
}

static void *ouro_make(uint64_t number)
{
    return numbered(ou_malloc(BLOCK_BYTES), number);
}

static uint64_t ouro_end(void *block)
{
    uint64_t number = *(uint64_t *)block;
    ou_free(block);
    return number;
}

static const char *handoff_ouro(gb_state *s, const micro_row *row)
{
    static const cargo blocks = {ouro_make, ouro_end, false};
    (void)row;
    return run(s, &blocks);
}

static void *malloc_make(uint64_t number)
{
    return numbered(malloc(BLOCK_BYTES), number);
}

static uint64_t malloc_end(void *block)
{
    uint64_t number = *(uint64_t *)block;
    free(block);
    return number;
}

static const char *handoff_malloc(gb_state *s, const micro_row *row)
{
    static const cargo blocks = {malloc_make, malloc_end, false};
    (void)row;
    return run(s, &blocks);
}

/* What an intrusive shared pointer does: of the size of a float object, made with count 1,
 * copied once by whoever gets it, dropped twice. */
typedef struct counted {
    uint64_t number;
    uint32_t count; /* atomic */
    uint32_t pad;
    uint64_t fill;
} counted;

static void *atomic_make(uint64_t number)
{
    counted *c = malloc(sizeof *c);
    if (c) {
        *c = (counted){.number = number, .count = 1};
    }
    return c;
}

static void atomic_drop(counted *c)
{
    if (ou_fetch_sub_acq_rel(&c->count, 1u) == 1) {
        free(c);
    }
}

static uint64_t atomic_end(void *block)
{
    counted *c = block;
    ou_fetch_add_relaxed(&c->count, 1u);
    uint64_t number = c->number;
    atomic_drop(c);
    atomic_drop(c);
    return number;
}

static const char *handoff_atomic(gb_state *s, const micro_row *row)
{
    static const cargo blocks = {atomic_make, atomic_end, false};
    (void)row;
    return run(s, &blocks);
}

static void *float_make(uint64_t number)
{
    return ou_float_new((double)number);
}

static void *given_make(uint64_t number)
{
    ou_object *o = ou_float_new((double)number);
    if (o) {
        ou_give(o);
    }
    return o;
}

/* One reference more while it is looked at, as a program has that puts it into a variable. */
static uint64_t float_end(void *block)
{
    ou_object *o = ou_incref(block);
    double number = -1;
    ou_float_value(o, &number);
    ou_decref(o);
    ou_decref(o);
    return (uint64_t)number;
}

static uint64_t given_end(void *block)
{
    return ou_take(block) ? float_end(block) : UINT64_MAX;
}

static const char *handoff_given(gb_state *s, const micro_row *row)
{
    static const cargo floats = {given_make, given_end, true};
    (void)row;
    return run(s, &floats);
}

static const char *handoff_counted(gb_state *s, const micro_row *row)
{
    static const cargo floats = {float_make, float_end, true};
    (void)row;
    return run(s, &floats);
}

void micro_handoff(void)
{
    const unsigned flags = MICRO_QUICK | MICRO_THREADS;
    const micro_row table[] = {
        {"limit/handoff", handoff_limit, NULL, 64, 0, flags},
        {"alloc/handoff/64/ouro", handoff_ouro, "limit/handoff", 64, 0, flags},
        {"alloc/handoff/64/malloc", handoff_malloc, "limit/handoff", 64, 0, flags},
        {"objects/handoff/atomic", handoff_atomic, "limit/handoff", 24, 0, flags},
        {"objects/handoff/given", handoff_given, "limit/handoff", 24, 0, flags},
        {"objects/handoff/counted", handoff_counted, "limit/handoff", 24, 0, flags},
    };
    micro_add_all(table, sizeof table / sizeof table[0]);
}
