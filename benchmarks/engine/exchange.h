/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * exchange.h - blocks on their way to the thread that will free them.
 *
 * Thread i hands blocks to thread i + 1 (the last to the first) through a bounded ring.
 *
 *      operation          by            waits                       pairs
 *      exchange_send(_many)  sender     while the ring is full,     exchange_drain
 *                                       emptying its own inbox
 *      exchange_drain     receiver      never                       exchange_send
 *      exchange_finish    each thread   until its sender is done
 *                                       and its inbox is empty
 *
 * Nobody waits without emptying its own inbox, so a circle of full rings cannot stand still.
 */
#ifndef ENGINE_EXCHANGE_H
#define ENGINE_EXCHANGE_H

#include <stdbool.h>
#include <stdint.h>

#define EXCHANGE_TAKE 64u    /* blocks taken between two writes of `head` */
#define EXCHANGE_SLOTS 1024u /* 16 KiB: a peer's backlog, not a second heap */

struct block;
struct worker;

struct exchange {
    struct block *ring;
    uint64_t head __attribute__((aligned(64))); /* atomic: next to take; receiver writes */
    uint64_t tail __attribute__((aligned(64))); /* atomic: next to fill; sender writes */
    uint32_t done;                              /* atomic: sender sends no more this phase */
};

/* Takes the ring's memory. 0 or -1. */
int exchange_init(struct worker *w);

/* Clears `done`; called by the receiver between phases. */
void exchange_begin(struct worker *w);

void exchange_send(struct worker *w, const struct block *b);

/* The same for `n` blocks at once, at most EXCHANGE_SLOTS: one store for all of them. */
void exchange_send_many(struct worker *w, const struct block *b, uint32_t n);

/* Empties the own inbox and lets others run. False when some thread failed: whoever is waited
 * for may never come. */
bool exchange_wait(struct worker *w);
void exchange_drain(struct worker *w);
void exchange_finish(struct worker *w);

#endif
