/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * exchange.c - the hand-over of blocks between threads; see exchange.h.
 */
#include "engine/exchange.h"

#include <sched.h>

#include "engine/objects.h"
#include "engine/worker.h"
#include "measure/arena.h"

static struct worker *exchange_receiver(struct worker *w)
{
    struct run *run = w->run;
    return &run->worker[(w->index + 1) % run->options.threads];
}

int exchange_init(struct worker *w)
{
    w->inbox.ring = arena_take(EXCHANGE_SLOTS * sizeof(struct block));
    return w->inbox.ring ? 0 : -1;
}

void exchange_begin(struct worker *w)
{
    ou_store_release(&w->inbox.done, 0); /* ordered by the barrier that follows */
}

/* Slots are given back in groups: the line of `head` would travel with every block. */
void exchange_drain(struct worker *w)
{
    struct exchange *in = &w->inbox;
    uint64_t head = ou_load_relaxed(&in->head); /* only this thread writes it */
    uint64_t tail = ou_load_acquire(&in->tail); /* pairs: exchange_send_many */
    while (head != tail) {
        uint64_t end = tail - head < EXCHANGE_TAKE ? tail : head + EXCHANGE_TAKE;
        for (; head != end; head++) {
            struct block b = in->ring[head % EXCHANGE_SLOTS];
            worker_live_add(w, b.size);
            w->run->release(w, &b);
        }
        ou_store_release(&in->head, head); /* pairs: exchange_send_many, the slots are free */
    }
}

bool exchange_wait(struct worker *w)
{
    exchange_drain(w);
    objects_poll(w);
    sched_yield();
    return !ou_load_acquire(&w->run->failed); /* pairs: worker_fail */
}

void exchange_send_many(struct worker *w, const struct block *b, uint32_t n)
{
    struct exchange *out = &exchange_receiver(w)->inbox;
    uint64_t tail = ou_load_relaxed(&out->tail); /* only this thread writes it */
    /* pairs: exchange_drain */
    while (tail + n - ou_load_acquire(&out->head) > EXCHANGE_SLOTS) {
        if (!exchange_wait(w)) {
            return;
        }
    }
    for (uint32_t i = 0; i < n; i++) {
        out->ring[(tail + i) % EXCHANGE_SLOTS] = b[i];
        worker_live_sub(w, b[i].size); /* on its way it is nobody's */
    }
    ou_store_release(&out->tail, tail + n); /* pairs: exchange_drain */
}

void exchange_send(struct worker *w, const struct block *b)
{
    exchange_send_many(w, b, 1);
}

void exchange_finish(struct worker *w)
{
    ou_store_release(&exchange_receiver(w)->inbox.done, 1); /* pairs: the loop below */
    while (!ou_load_acquire(&w->inbox.done) && exchange_wait(w)) {
    }
    exchange_drain(w);
}
