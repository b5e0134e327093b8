/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * immortal_by_other_stays.c - one thread makes an object immortal that another owns and counts
 * on. The bit was set beside the owner's plain increment and decrement, which wrote the word
 * back without it: immortality got lost now and then.
 */
#include "regress/regress.h"

static ou_object *ibo_object;
static int ibo_go, ibo_done; /* atomic: round */

static void *ibo_other(void *rounds)
{
    REQUIRE(ou_thread_attach() == OU_OK);
    for (int round = 1; round <= *(int *)rounds; round++) {
        regress_await(&ibo_go, round);
        ou_immortalize(ibo_object);
        ou_store_release(&ibo_done, round);
    }
    ou_thread_detach();
    return NULL;
}

int main(void)
{
    int rounds = (int)scale_ops(1500), lost = 0;
    regress_start();
    pthread_t other = regress_thread(ibo_other, &rounds);
    for (int round = 1; round <= rounds; round++) {
        ibo_object = ou_list_new(0);
        REQUIRE(ibo_object != NULL);
        ou_store_release(&ibo_go, round);
        while (ou_load_acquire(&ibo_done) < round) {
            for (int i = 0; i < 50; i++) {
                ou_incref(ibo_object);
                ou_decref(ibo_object);
            }
            ou_safepoint();
        }
        lost += !ou_is_immortal(ibo_object);
    }
    regress_join(other);
    EXPECT_EQ(lost, 0);
    return regress_end(0);
}
