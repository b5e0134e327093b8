/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * survey.c - checks a trace's story and counts it; see survey.h. Called by ouro-replay before
 * it replays, so that the timed pass has nothing left to check.
 */
#include "trace/survey.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "measure/arena.h"

#define SURVEY_DEAD UINT64_MAX

/* Size of every number's block, SURVEY_DEAD when it is not alive; grows as numbers appear. */
struct survey_table {
    uint64_t *size;
    uint32_t room;
};

static int survey_room(struct survey_table *t, uint32_t id)
{
    if (id < t->room) {
        return 0;
    }
    uint32_t room = t->room ? t->room : 4096;
    while (room <= id) {
        room *= 2;
    }
    uint64_t *more = arena_take(room * sizeof *more);
    if (!more) {
        return -1;
    }
    memset(more, 0xff, room * sizeof *more);
    if (t->size) {
        memcpy(more, t->size, t->room * sizeof *more);
        arena_give(t->size, t->room * sizeof *more);
    }
    t->size = more;
    t->room = room;
    return 0;
}

static void survey_made(struct survey *s, uint64_t size)
{
    s->size_log2[size ? 64 - __builtin_clzll(size) - (size == TRACE_MAX_SIZE) : 0]++;
    s->allocated_bytes += size;
    s->left_bytes += size;
    if (s->left_bytes > s->live_peak_bytes) {
        s->live_peak_bytes = s->left_bytes;
    }
}

/* What contradicts the story so far, or NULL. */
static const char *survey_step(struct survey *s, struct survey_table *t,
                               const struct trace_record *rec)
{
    if (rec->id > s->ids) {
        return "a block number that skips others";
    }
    if (survey_room(t, rec->id) != 0) {
        return "no memory for the table of blocks";
    }
    uint64_t *size = &t->size[rec->id];
    bool alive = *size != SURVEY_DEAD;
    bool makes = rec->kind != TRACE_FREE && rec->kind != TRACE_REALLOC;
    if (makes == alive) {
        return makes ? "a block made twice" : "a block that is not alive";
    }
    s->left_bytes -= makes ? 0 : *size;
    s->left_blocks += makes;
    s->left_blocks -= rec->kind == TRACE_FREE;
    *size = rec->kind == TRACE_FREE ? SURVEY_DEAD : rec->size;
    if (rec->kind != TRACE_FREE) {
        survey_made(s, rec->size);
    }
    s->ids = rec->id == s->ids ? rec->id + 1 : s->ids;
    s->live_peak_blocks =
        s->left_blocks > s->live_peak_blocks ? s->left_blocks : s->live_peak_blocks;
    s->threads = rec->thread > s->threads ? rec->thread : s->threads;
    s->kind[rec->kind]++;
    s->records++;
    return NULL;
}

int survey_trace(struct reader *r, uint64_t most, struct survey *out, struct complaint *c)
{
    struct survey_table table = {0};
    struct trace_record rec;
    int more = 1;
    memset(out, 0, sizeof *out);
    while (out->records < most && (more = reader_next(r, &rec, c)) > 0) {
        const char *fault = survey_step(out, &table, &rec);
        if (fault) {
            more =
                complain(c, r->file, 0, "corrupt before offset %llu: record %llu: %s",
                         (unsigned long long)(r->offset + sizeof(struct trace_chunk) + r->at),
                         (unsigned long long)out->records, fault);
            break;
        }
    }
    arena_give(table.size, table.room * sizeof *table.size);
    reader_rewind(r);
    return more < 0 ? -1 : 0;
}

void survey_print(const struct reader *r, const struct survey *s)
{
    static const char *const names[TRACE_KINDS] = {"",        "malloc", "calloc",
                                                   "realloc", "free",   "memalign"};
    uint64_t allocations = s->records - s->kind[TRACE_FREE];
    printf("trace        %s\n", r->file);
    printf("complete     %s\n",
           r->closed ? "yes" : "no (the program was killed or is running)");
    printf("records      %llu\n", (unsigned long long)s->records);
    for (unsigned k = TRACE_MALLOC; k < TRACE_KINDS; k++) {
        printf("  %-10s %llu\n", names[k], (unsigned long long)s->kind[k]);
    }
    printf("threads      %u\n", s->threads);
    printf("allocated    %llu bytes\n", (unsigned long long)s->allocated_bytes);
    printf("live peak    %llu bytes, %llu blocks\n", (unsigned long long)s->live_peak_bytes,
           (unsigned long long)s->live_peak_blocks);
    printf("never freed  %llu bytes, %llu blocks\n", (unsigned long long)s->left_bytes,
           (unsigned long long)s->left_blocks);
    printf("sizes\n");
    for (unsigned b = 0; b <= 40; b++) {
        if (s->size_log2[b]) {
            printf("  < %-14llu %10llu  %5.1f %%\n", 1ull << b,
                   (unsigned long long)s->size_log2[b],
                   100.0 * (double)s->size_log2[b] / (double)allocations);
        }
    }
}
