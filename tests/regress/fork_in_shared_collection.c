/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * fork_in_shared_collection.c - a finalizer forks in a collection that several threads share.
 * The child inherited the counts that the others had made in arrays of their own; its next
 * collections added them to new ones, found live objects unreferenced and freed them.
 *
 * Parent and child collect what is garbage and nothing else. ThreadSanitizer forbids threads in
 * such a child.
 */
#include <sys/wait.h>
#include <unistd.h>

#include "regress/regress.h"

enum { FIS_NODES = 20000 };

static pid_t fis_child = -1; /* 0: in the child */

static int fis_fork(ou_object *o, void *arg)
{
    (void)o;
    (void)arg;
    fis_child = fork();
    return 0;
}

/* Nodes in a list, each referring to two others. */
static ou_object *fis_graph(const ou_type *node)
{
    ou_object *all = ou_list_new(FIS_NODES);
    for (size_t i = 0; i < FIS_NODES; i++) {
        EXPECT_EQ(ou_list_append_steal(all, ou_instance_new(node)), OU_OK);
    }
    for (size_t i = 0; i < FIS_NODES; i++) {
        ou_object *o = ou_list_get(all, i);
        for (size_t slot = 0; slot < 2; slot++) {
            size_t other = (i * 7919 + slot * 104729) % FIS_NODES;
            ou_object *to = ou_list_get(all, other);
            EXPECT_EQ(ou_attr_set_at(o, (int)slot, to), OU_OK);
            ou_decref(to);
        }
        ou_decref(o);
    }
    return all;
}

int main(void)
{
    static const char *const names[] = {"a", "b"};
    if (SCALE_TSAN) {
        return REGRESS_SKIPPED;
    }
    regress_start();
    EXPECT_EQ(ou_knob_set("gc_workers", "3"), OU_OK);
    EXPECT_EQ(ou_knob_set("gc_parallel_bytes", "0"), OU_OK);
    ou_object *all = fis_graph(ou_class_new("node", names, 2, true, NULL, NULL));
    ou_object *forks = ou_instance_new(ou_class_new("forks", names, 2, true, fis_fork, NULL));
    EXPECT_EQ(ou_attr_set_at(forks, 0, forks), OU_OK);
    ou_decref(forks);
    EXPECT_EQ(ou_gc_collect(), 1);
    EXPECT(fis_child >= 0);
    for (int i = 0; i < 3; i++) {
        EXPECT_EQ(ou_gc_collect(), 0);
    }
    ou_decref(all);
    ou_gc_collect();
    if (fis_child == 0) {
        _exit(expect_result());
    }
    int status = -1;
    EXPECT_EQ(waitpid(fis_child, &status, 0), fis_child);
    EXPECT_EQ(status, 0);
    return regress_end(0);
}
