/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * rejected_conf_is_undone.c - a list of knobs with an error in it was refused, but the knobs
 * before the error kept their new values: a program that fell back to ou_start(NULL) ran on
 * another heap than the default.
 *
 * A refused list changes nothing, whether it came as an argument or from the environment.
 */
#include "regress/regress.h"

enum { RCU_KNOBS_MAX = 64 };

typedef struct rcu_knobs {
    int64_t value[RCU_KNOBS_MAX];
    size_t n;
} rcu_knobs;

static void rcu_note(const char *name, const char *type, int64_t value, const char *help,
                     void *arg)
{
    rcu_knobs *knobs = arg;
    (void)name;
    (void)type;
    (void)help;
    REQUIRE(knobs->n < RCU_KNOBS_MAX);
    knobs->value[knobs->n++] = value;
}

static void rcu_expect_unchanged(const rcu_knobs *before)
{
    rcu_knobs now = {.n = 0};
    ou_knob_each(rcu_note, &now);
    REQUIRE(now.n == before->n);
    for (size_t i = 0; i < now.n; i++) {
        EXPECT_EQ(now.value[i], before->value[i]);
    }
}

int main(void)
{
    static const char *const bad[] = {"heap=malloc,nonsense=1", "gc_percent=77,heap=neither",
                                      "leak_report=on,gc_auto=off,gc_min_bytes",
                                      "frame_stack_bytes=8192,gc_background=on,hash_seed=-1"};
    rcu_knobs before = {.n = 0};
    unsetenv("OURO_CONF");
    ou_knob_each(rcu_note, &before);
    REQUIRE(before.n > 0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        EXPECT_EQ(ou_start(bad[i]), OU_EINVAL);
        rcu_expect_unchanged(&before);
        REQUIRE(setenv("OURO_CONF", bad[i], 1) == 0);
        EXPECT_EQ(ou_start(NULL), OU_EINVAL);
        rcu_expect_unchanged(&before);
        REQUIRE(unsetenv("OURO_CONF") == 0);
    }
    REQUIRE(setenv("OURO_CONF", "gc_percent=77", 1) == 0); /* good, but what follows is not */
    EXPECT_EQ(ou_start("gc_min_bytes=2m,nonsense=1"), OU_EINVAL);
    rcu_expect_unchanged(&before);
    REQUIRE(unsetenv("OURO_CONF") == 0);
    REQUIRE(ou_start(NULL) == OU_OK);
    rcu_expect_unchanged(&before);
    return regress_end(0);
}
