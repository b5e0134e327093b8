/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * limits.c - what the machine itself needs for the bare bones of each operation.
 *
 * Every other row names one of these; a report divides by it. They run in the same process
 * and the same minute as what they are compared with, because a limit from another day is
 * another machine. What must stay true: nothing here checks, counts, locks or can fail; each
 * does the memory accesses that the operation cannot avoid and no other. docs/micro.md says
 * why each is a limit. limits_objects.c has those of lists, dicts and interning.
 */
#include "micro.h"

#include <assert.h>

#include "calls.h"
#include "ouro/atomic.h"

#define WORDS 1024    /* objects in the counting benchmarks */
#define STRIDE 32     /* bytes from count to count: the smallest boxed value with its header */
#define BATCH 64      /* blocks alive at once in the batch pattern */
#define WINDOW 10000  /* blocks alive at once in the window pattern */
#define NODES 1000000 /* nodes walked */
#define LIFO_PAIRS 4096

typedef struct count_word {
    uint32_t count;
    char rest[STRIDE - sizeof(uint32_t)];
} count_word;

/* A block on a bare free list; `tag` is the word that its user touches. */
typedef struct block {
    struct block *next;
    uint64_t tag;
} block;

typedef struct node {
    struct node *next;
    uint64_t value;
    char rest[48];
} node;

static_assert(sizeof(count_word) == STRIDE, "count_word is one object apart");
static_assert(sizeof(node) == 64, "a node fills a cache line");

/* Counts up by 2 and down by 1, so that what was counted can be checked. Two passes, as the
 * counting benchmarks do: a pair on one word at a time would measure store forwarding. */
static const char *increment(gb_state *s, const micro_row *row)
{
    count_word *words = micro_pages(WORDS * sizeof *words);
    uint32_t rounds = 0;
    (void)row;
    while (gb_next_batch(s, WORDS)) {
        for (size_t i = 0; i < WORDS; i++) {
            words[i].count += 2;
        }
        ou_compiler_barrier();
        for (size_t i = 0; i < WORDS; i++) {
            words[i].count -= 1;
        }
        ou_compiler_barrier();
        rounds++;
    }
    const char *wrong = NULL;
    for (size_t i = 0; i < WORDS; i++) {
        if (words[i].count != rounds) {
            wrong = "a word was not counted as often as ordered";
        }
    }
    micro_pages_free(words, WORDS * sizeof *words);
    return wrong;
}

static const char *atomic_increment(gb_state *s, const micro_row *row)
{
    count_word *words = micro_pages(WORDS * sizeof *words);
    uint32_t rounds = 0;
    (void)row;
    while (gb_next_batch(s, WORDS)) {
        for (size_t i = 0; i < WORDS; i++) {
            ou_fetch_add_relaxed(&words[i].count, 2);
        }
        for (size_t i = 0; i < WORDS; i++) {
            ou_fetch_sub_acq_rel(&words[i].count, 1);
        }
        rounds++;
    }
    const char *wrong = NULL;
    for (size_t i = 0; i < WORDS; i++) {
        if (words[i].count != rounds) {
            wrong = "a word was not counted as often as ordered";
        }
    }
    micro_pages_free(words, WORDS * sizeof *words);
    return wrong;
}

/* Links n blocks of `size` bytes in address order; returns the first. */
static block *chain(char *memory, size_t n, size_t size)
{
    for (size_t i = 0; i + 1 < n; i++) {
        ((block *)(memory + i * size))->next = (block *)(memory + (i + 1) * size);
    }
    ((block *)(memory + (n - 1) * size))->next = NULL;
    return (block *)memory;
}

static size_t chain_length(const block *head)
{
    size_t n = 0;
    for (; head; head = head->next) {
        n++;
    }
    return n;
}

/* Take one block, touch it, give it back; the head stays in a register. */
static const char *freelist_pop_push(gb_state *s, const micro_row *row)
{
    size_t bytes = BATCH * row->size;
    char *memory = micro_pages(bytes);
    block *head = chain(memory, BATCH, row->size);
    uint64_t tag = 0;
    while (gb_next_batch(s, LIFO_PAIRS)) {
        for (int i = 0; i < LIFO_PAIRS; i++) {
            block *b = head;
            head = b->next;
            b->tag = tag++;
            micro_escape(b);
            b->next = head;
            head = b;
        }
    }
    const char *wrong = chain_length(head) == BATCH && head->tag == tag - 1
                            ? NULL
                            : "the free list lost a block";
    micro_pages_free(memory, bytes);
    return wrong;
}

/* What the row `/malloc` pays before the allocator has done anything: two calls into another
 * library, through the table that preloading relies on. */
static const char *call_pair(gb_state *s, const micro_row *row)
{
    uint64_t tag = 0, bad = 0;
    while (gb_next_batch(s, LIFO_PAIRS)) {
        for (int i = 0; i < LIFO_PAIRS; i++) {
            uint64_t *p = micro_call_take(row->size);
            *p = ++tag;
            micro_escape(p);
            bad |= *p ^ tag;
            micro_call_give(p);
        }
    }
    return bad ? "the block did not keep its word" : NULL;
}

/* Take 64, then give 64 back: each pop has to load the link that the next one needs. */
static const char *freelist_batch64(gb_state *s, const micro_row *row)
{
    size_t bytes = BATCH * row->size;
    char *memory = micro_pages(bytes);
    block *head = chain(memory, BATCH, row->size);
    block *taken[BATCH];
    uint64_t bad = 0, tag = 0;
    while (gb_next_batch(s, BATCH * 16)) {
        for (int round = 0; round < 16; round++, tag += BATCH) {
            for (unsigned i = 0; i < BATCH; i++) {
                block *b = head;
                head = b->next;
                b->tag = tag + i;
                taken[i] = b;
            }
            micro_escape(taken);
            for (unsigned i = 0; i < BATCH; i++) {
                block *b = taken[i];
                bad |= b->tag ^ (tag + i);
                b->next = head;
                head = b;
            }
        }
    }
    const char *wrong =
        bad == 0 && chain_length(head) == BATCH ? NULL : "the free list gave a block twice";
    micro_pages_free(memory, bytes);
    return wrong;
}

/* A random one of 10^4 live blocks is given back and another taken. */
static const char *freelist_window(gb_state *s, const micro_row *row)
{
    /* Large blocks one line further apart than their size: at exact powers of two all first
     * lines fall into a few cache sets, which an allocator can avoid, so a limit must. */
    size_t stride = row->size >= 256 ? row->size + 64 : row->size;
    size_t n = WINDOW + BATCH, bytes = n * stride;
    char *memory = micro_pages_huge(bytes);
    block **live = micro_pages(WINDOW * sizeof *live);
    block *head = chain(memory, n, stride);
    uint64_t x = micro_seed, bad = 0;
    for (size_t i = 0; i < WINDOW; i++) {
        live[i] = head;
        head = head->next;
        live[i]->tag = i;
    }
    while (gb_next_batch(s, LIFO_PAIRS)) {
        for (int k = 0; k < LIFO_PAIRS; k++) {
            uint32_t i = micro_below(&x, WINDOW);
            block *old = live[i];
            bad |= old->tag ^ i;
            old->next = head;
            head = old;
            micro_escape(old);
            block *b = head;
            head = b->next;
            b->tag = i;
            live[i] = b;
        }
    }
    const char *wrong =
        bad == 0 && chain_length(head) == BATCH ? NULL : "the free list gave a block twice";
    micro_pages_free(live, WINDOW * sizeof *live);
    micro_pages_free(memory, bytes);
    return wrong;
}

/* The cheapest allocator there is: add, and begin again when 16 KiB are used up (a third of a
 * first-level cache: where blocks die young, a nursery of that size is what one would use). */
static const char *bump_pointer(gb_state *s, const micro_row *row)
{
    const size_t bytes = 16384, blocks = bytes / row->size;
    char *memory = micro_pages(bytes);
    uint64_t tag = 0;
    while (gb_next_batch(s, (int64_t)blocks * 16)) {
        for (int chunk = 0; chunk < 16; chunk++) {
            char *cur = memory;
            for (size_t i = 0; i < blocks; i++, cur += row->size) {
                ((block *)cur)->tag = tag++;
                micro_escape(cur);
            }
        }
    }
    block *last = (block *)(memory + (blocks - 1) * row->size);
    const char *wrong = last->tag == tag - 1 ? NULL : "the last block was not written";
    micro_pages_free(memory, bytes);
    return wrong;
}

/* One cycle through all nodes: in address order, or a random one (Sattolo's shuffle). The
 * nodes are made once and kept: 64 MB of setup would be repeated for every trial run. */
static node *cycle(bool random)
{
    static node *made[2];
    if (made[random]) {
        return made[random];
    }
    node *nodes = micro_pages_huge(NODES * sizeof *nodes);
    uint32_t *order = micro_pages(NODES * sizeof *order);
    uint64_t x = micro_seed;
    for (uint32_t i = 0; i < NODES; i++) {
        order[i] = i;
    }
    for (uint32_t i = NODES - 1; random && i > 0; i--) {
        uint32_t j = micro_below(&x, i), t = order[i];
        order[i] = order[j];
        order[j] = t;
    }
    for (uint32_t i = 0; i < NODES; i++) {
        nodes[order[i]].next = &nodes[order[(i + 1) % NODES]];
        nodes[order[i]].value = i;
    }
    micro_pages_free(order, NODES * sizeof *order);
    return made[random] = nodes;
}

#define NODE_SUM ((uint64_t)NODES * (NODES - 1) / 2)

/* Each address is known only when the node before has arrived. */
static const char *traverse(gb_state *s, const micro_row *row)
{
    node *start = cycle(row->size == 1), *n = start;
    uint64_t sum = 0, rounds = 0;
    while (gb_next_batch(s, NODES)) {
        for (int i = 0; i < NODES; i++) {
            sum += n->value;
            n = n->next;
        }
        micro_sink(sum);
        rounds++;
    }
    return n == start && sum == rounds * NODE_SUM ? NULL : "the walk missed a node";
}

/* The same random order, but from an index, so that 16 loads are on their way at once: what a
 * collector that knows its queue can reach. */
static const char *traverse_prefetch(gb_state *s, const micro_row *row)
{
    enum { ahead = 16 };
    node **queue = micro_pages((NODES + ahead) * sizeof *queue);
    node *n = cycle(true);
    uint64_t sum = 0, rounds = 0;
    (void)row;
    for (int i = 0; i < NODES + ahead; i++, n = n->next) {
        queue[i] = n;
    }
    while (gb_next_batch(s, NODES)) {
        for (int i = 0; i < NODES; i++) {
            __builtin_prefetch(queue[i + ahead]);
            sum += queue[i]->value;
        }
        micro_sink(sum);
        rounds++;
    }
    micro_pages_free(queue, (NODES + ahead) * sizeof *queue);
    return sum == rounds * NODE_SUM ? NULL : "the walk missed a node";
}

void micro_limits(void)
{
    static const micro_row table[] = {
        {"limit/increment", increment, NULL, 0, 0, MICRO_QUICK},
        {"limit/atomic_increment", atomic_increment, NULL, 0, 0, MICRO_QUICK},
        {"limit/freelist_pop_push", freelist_pop_push, NULL, 64, 0, MICRO_QUICK},
        {"limit/call_pair", call_pair, NULL, 64, 0, MICRO_QUICK},
        {"limit/freelist_batch64", freelist_batch64, NULL, 64, 0, MICRO_QUICK},
        {"limit/freelist_batch64", freelist_batch64, NULL, 64, 2, 0},
        {"limit/freelist_window/16", freelist_window, NULL, 16, 0, 0},
        {"limit/freelist_window/64", freelist_window, NULL, 64, 0, MICRO_QUICK},
        {"limit/freelist_window/256", freelist_window, NULL, 256, 0, MICRO_QUICK},
        {"limit/freelist_window/1024", freelist_window, NULL, 1024, 0, 0},
        {"limit/freelist_window/4096", freelist_window, NULL, 4096, 0, 0},
        {"limit/bump_pointer", bump_pointer, NULL, 64, 0, MICRO_QUICK},
        {"limit/traverse_sequential", traverse, NULL, 0, 0, MICRO_QUICK},
        {"limit/traverse_random", traverse, NULL, 1, 0, MICRO_QUICK},
        {"limit/traverse_random_prefetch", traverse_prefetch, NULL, 1, 0, 0},
    };
    micro_add_all(table, sizeof table / sizeof table[0]);
}
