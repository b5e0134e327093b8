/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* stats.c - the list of counter blocks and its sums. */
#include "conf/stats.h"

#include "ouro/runtime.h"

__thread ou_stats_block *ou_stats_mine;

static ou_stats_block shared;
static ou_stats_block *blocks = &shared; /* atomic: push only */

void ou_stats_link(ou_stats_block *block)
{
    ou_stats_block *head = ou_load_relaxed(&blocks);
    do {
        block->next = head;
    } while (!ou_cas_release(&blocks, &head, block)); /* pairs: ou_stat_sum */
}

void ou_stat_add_shared(ou_stat_id id, uint64_t n)
{
    ou_fetch_add_relaxed(&shared.value[id], n);
}

uint64_t ou_stat_sum(ou_stat_id id)
{
    uint64_t sum = 0;
    for (ou_stats_block *b = ou_load_acquire(&blocks); b; b = b->next) {
        sum += ou_load_relaxed(&b->value[id]);
    }
    return sum;
}

static const struct {
    const char *name, *help;
} rows[] = {
#define STAT(name, help) {#name, help},
#include "conf/stats.def"
#undef STAT
};

void ou_stats_each(void (*fn)(const char *, uint64_t, const char *, void *), void *arg)
{
    for (int i = 0; i < OU_STAT_COUNT; i++) {
        fn(rows[i].name, ou_stat_sum((ou_stat_id)i), rows[i].help, arg);
    }
}

uint64_t ou_stat(const char *name)
{
    for (int i = 0; i < OU_STAT_COUNT; i++) {
        if (strcmp(rows[i].name, name) == 0) {
            return ou_stat_sum((ou_stat_id)i);
        }
    }
    return 0;
}
