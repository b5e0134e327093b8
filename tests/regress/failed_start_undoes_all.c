/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * failed_start_undoes_all.c - ou_start finds no thread for the background collector. It said so
 * and left the runtime started and the caller attached: a second attempt, say without the
 * background collector, was refused as "started already".
 *
 * A start that fails leaves nothing started. That there are no threads is had by a default
 * stack larger than the address space.
 */
#include "regress/regress.h"

static void *fsu_nothing(void *arg)
{
    return arg;
}

static void fsu_default_stack(size_t bytes)
{
    pthread_attr_t attr;
    REQUIRE(pthread_attr_init(&attr) == 0);
    REQUIRE(pthread_attr_setstacksize(&attr, bytes) == 0);
    REQUIRE(pthread_setattr_default_np(&attr) == 0);
    pthread_attr_destroy(&attr);
}

int main(void)
{
    pthread_t t;
    fsu_default_stack((size_t)1 << 50);
    if (pthread_create(&t, NULL, fsu_nothing, NULL) == 0) {
        pthread_join(t, NULL);
        return regress_skip("threads can be had whatever their stack");
    }
    for (int i = 0; i < 3; i++) {
        EXPECT_EQ(ou_start("gc_auto=off,gc_background=on"), OU_ENOMEM);
        EXPECT_EQ(ou_error(), OU_ENOMEM);
        EXPECT(!ou_thread_attached());
        EXPECT_EQ(ou_stop(), OU_ESTATE);
    }
    fsu_default_stack((size_t)1 << 20);
    REQUIRE(ou_start("gc_auto=off,gc_background=on") == OU_OK);
    EXPECT(ou_thread_attached());
    ou_decref(regress_ring());
    EXPECT_EQ(ou_gc_background(false), OU_OK);
    return regress_end(0);
}
