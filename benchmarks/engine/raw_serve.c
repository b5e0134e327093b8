/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * raw_serve.c - requests of a server: `cycle` blocks are made, a reply is written into a buffer
 * that grows by realloc, and all is freed together, but for one block that goes into the window
 * of sessions in place of the oldest.
 *
 * The reply is as long as all blocks together and ends each part with the block's word, so a
 * realloc that loses contents is found. One operation is one block of a request.
 */
#include "engine/block.h"
#include "engine/operations.h"
#include "engine/window.h"

#define SERVE_FIRST 64u /* bytes of a reply's first buffer */

struct serve_reply {
    unsigned char *text;
    uint64_t len;
    uint64_t cap;
};

static bool serve_grow(struct worker *w, struct serve_reply *r)
{
    uint64_t cap = r->cap ? (uint64_t)((double)r->cap * w->phase->growth) + 1 : SERVE_FIRST;
    cap = cap < r->len ? r->len : cap;
    unsigned char *text = realloc(r->text, cap);
    if (!text) {
        return worker_fail(w, WORKER_NO_MEMORY, "realloc of a reply to %llu bytes failed",
                           (unsigned long long)cap);
    }
    worker_live_add(w, cap - r->cap);
    w->made_bytes += cap - r->cap;
    r->text = text;
    r->cap = cap;
    return true;
}

/* A part of the reply: as long as the block, its last 8 bytes (or 8 in all) are its word. */
static bool serve_append(struct worker *w, struct serve_reply *r, const struct block *b)
{
    uint64_t word = block_word(b->size, b->tag);
    uint64_t from = r->len;
    r->len += b->size < sizeof word ? sizeof word : b->size;
    if (r->len > r->cap && !serve_grow(w, r)) {
        return false;
    }
    for (uint64_t at = from; at + sizeof word < r->len; at += BLOCK_LINE) {
        r->text[at] = (unsigned char)b->tag;
    }
    memcpy(r->text + r->len - sizeof word, &word, sizeof word);
    return true;
}

static void serve_check(struct worker *w, const struct serve_reply *r, const struct block *b,
                        uint64_t n)
{
    uint64_t end = 0;
    bool fine = true;
    for (uint64_t i = 0; i < n; i++) {
        uint64_t word;
        end += b[i].size < sizeof word ? sizeof word : b[i].size;
        memcpy(&word, r->text + end - sizeof word, sizeof word);
        fine &= word == block_word(b[i].size, b[i].tag);
        worker_sum(w, word);
    }
    if (!fine) {
        worker_fail(w, WORKER_CORRUPT, "a reply of %llu bytes lost contents",
                    (unsigned long long)r->len);
    }
}

/* The oldest session ends, the request's first block becomes the newest. */
static void serve_session(struct worker *w, struct block *b)
{
    struct block *oldest = window_victim(w, LIFE_FIFO, 0);
    struct block ended = *oldest;
    *oldest = *b;
    *b = ended;
}

static uint64_t serve_end(struct worker *w, struct serve_reply *r, struct block *b, uint64_t n)
{
    serve_check(w, r, b, n);
    serve_session(w, &b[0]);
    for (uint64_t i = 0; i < n; i++) {
        window_let_go(w, &b[i], w->phase->peer, block_release);
    }
    free(r->text);
    w->released++;
    w->released_bytes += r->cap;
    worker_live_sub(w, r->cap);
    return w->failure == WORKER_FINE ? n : 0;
}

static uint64_t raw_serve_step(struct worker *w, uint64_t left)
{
    uint64_t n = left < w->phase->cycle ? left : w->phase->cycle;
    struct block *b = w->scratch;
    struct serve_reply reply = {NULL, 0, 0};
    exchange_drain(w);
    if (w->latency) {
        worker_lap_begin(w);
    }
    for (uint64_t i = 0; i < n; i++) {
        uint64_t random = rng_next(&w->rng);
        uint32_t size = dist_draw(w->phase->sizes, random);
        if (!block_make(w, &b[i], size, (uint32_t)(random >> 20)) ||
            !serve_append(w, &reply, &b[i])) {
            return 0;
        }
        if (w->latency) {
            worker_lap(w);
        }
    }
    w->made++; /* the reply */
    return serve_end(w, &reply, b, n);
}

static int raw_serve_begin(struct worker *w)
{
    if (window_churn_begin(w) != 0) {
        return -1;
    }
    return worker_scratch(w, w->phase->cycle * sizeof(struct block));
}

static int raw_serve_end(struct worker *w)
{
    return window_end(w, block_release);
}

const struct op_form raw_serve = {raw_serve_begin,         raw_serve_step,
                                  raw_serve_end,           OPS_END | KEY(sizes) | KEY(cycle),
                                  KEY(growth) | KEY(free), false};
