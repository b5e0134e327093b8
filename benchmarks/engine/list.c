/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * list.c - plans and checks of list phases; see list.h.
 */
#include "engine/list.h"

uint64_t list_check(struct worker *w, uint64_t sum)
{
    if (sum != list_sum(w->list.len)) {
        return worker_fail(w, WORKER_CORRUPT, "a list of %llu elements has a wrong sum",
                           (unsigned long long)w->list.len);
    }
    worker_sum(w, sum + w->done);
    return w->list.len;
}

int list_pass_begin(struct worker *w)
{
    if (w->list.len == 0) {
        worker_fail(w, WORKER_MISCOUNT, "there is no list: list-append must come before");
        return -1;
    }
    w->planned = w->list.len * w->phase->passes;
    return 0;
}

int list_end(struct worker *w)
{
    (void)w;
    return 0;
}
