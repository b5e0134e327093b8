/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * rings.c - how a phase of rings begins: the ordered nodes are rounded up to whole rings.
 */
#include "engine/rings.h"

int rings_begin(struct worker *w)
{
    uint64_t length = w->phase->cycle;
    if (w->planned != UINT64_MAX) {
        w->planned = (w->planned + length - 1) / length * length;
    }
    return worker_scratch(w, w->phase->window * sizeof(void *));
}
