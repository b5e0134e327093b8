/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* peak.c - see peak.h. */
#include "heap/peak.h"

#define GROWTH_BYTES ((size_t)2 << 20) /* what a growth is at least */

static size_t given; /* atomic: bytes of used pages that were given back (sparse.c) */
static size_t
    peak; /* lock: the arena's; read relaxed: resident bytes that are the next growth */

/* What the system counts as resident, at most. */
static size_t resident(size_t held)
{
    return held - ou_min(held, ou_load_relaxed(&given));
}

static size_t next_peak(size_t held)
{
    return resident(held) + ou_max(resident(held) / 32, GROWTH_BYTES);
}

void ou_peak_given(size_t bytes)
{
    ou_fetch_add_relaxed(&given, bytes);
}

void ou_peak_taken(size_t bytes)
{
    ou_fetch_sub_relaxed(&given, bytes);
}

size_t ou_peak_above(size_t held)
{
    size_t now = resident(held);
    return now - ou_min(now, ou_load_relaxed(&peak));
}

bool ou_peak_passed(size_t held)
{
    return OU_UNLIKELY(ou_peak_above(held) != 0);
}

void ou_peak_lift(size_t bytes)
{
    ou_store_relaxed(&peak, peak + bytes);
}

bool ou_peak_raise(size_t held)
{
    bool passed = ou_peak_passed(held);
    if (passed) {
        ou_store_relaxed(&peak, next_peak(held));
    }
    return passed;
}

void ou_peak_fade(size_t held, size_t fades)
{
    size_t above = peak - ou_min(peak, next_peak(held));
    ou_store_relaxed(&peak, peak - above / fades);
}
