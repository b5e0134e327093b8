/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * stats.h - counters, from one table (stats.def). Each slot counts in a block of its own with
 * plain stores; a thread without a slot counts in a shared block with atomics. Readers sum.
 */
#ifndef OURO_CONF_STATS_H
#define OURO_CONF_STATS_H

#include "base/base.h"

typedef enum ou_stat_id {
#define STAT(name, help) OU_STAT_##name,
#include "conf/stats.def"
#undef STAT
    OU_STAT_COUNT
} ou_stat_id;

typedef struct ou_stats_block {
    uint64_t value[OU_STAT_COUNT]; /* owner writes, atomic relaxed */
    struct ou_stats_block *next;   /* const once linked */
} ou_stats_block;

extern OU_HIDDEN __thread ou_stats_block *ou_stats_mine; /* NULL: count in the shared block */

/* Makes a zeroed block part of every sum, for ever. Any thread. */
void ou_stats_link(ou_stats_block *block);

void ou_stat_add_shared(ou_stat_id id, uint64_t n);

OU_INLINE void ou_stat_add(ou_stat_id id, uint64_t n)
{
    ou_stats_block *mine = ou_stats_mine;
    if (OU_LIKELY(mine != NULL)) {
        ou_store_relaxed(&mine->value[id], mine->value[id] + n);
    } else {
        ou_stat_add_shared(id, n);
    }
}

uint64_t ou_stat_sum(ou_stat_id id);

#define OU_STAT(name, n) ou_stat_add(OU_STAT_##name, (n))

#endif
