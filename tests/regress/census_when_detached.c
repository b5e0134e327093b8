/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * census_when_detached.c - the census stops the world, which only a thread inside it can do. A
 * thread that was not attached got away with it until it met a collection: then it parked a
 * slot that it did not have and crashed.
 *
 * Outside the world, detached or in a blocking region, all looks return 0 with OU_ESTATE.
 */
#include "regress/regress.h"

enum { CWD_LOOKS = 50 };

static int cwd_stop, cwd_collections; /* atomic */

static void *cwd_collect(void *arg)
{
    (void)arg;
    REQUIRE(ou_thread_attach() == OU_OK);
    ou_object *live = ou_list_new(0);
    for (size_t i = 0, n = scale_ops(20000); i < n; i++) {
        REQUIRE(ou_list_append_steal(live, ou_list_new(0)) == OU_OK);
    }
    while (!ou_load_relaxed(&cwd_stop)) {
        ou_gc_collect();
        ou_fetch_add_relaxed(&cwd_collections, 1);
    }
    ou_decref(live);
    ou_thread_detach();
    return NULL;
}

static void cwd_look(ou_object *o)
{
    ou_census_row row;
    ou_object *found = NULL;
    EXPECT_EQ(ou_census(&row, 1), 0);
    EXPECT_EQ(ou_error(), OU_ESTATE);
    EXPECT_EQ(ou_leak_report(proc_null()), 0);
    EXPECT_EQ(ou_referrers(o, &found, 1), 0);
    EXPECT_EQ(ou_referents(o, &found, 1), 0);
    EXPECT_EQ(ou_gc_collect(), OU_ESTATE);
    EXPECT(found == NULL);
    ou_census_print(proc_null());
}

int main(void)
{
    regress_start();
    ou_object *o = ou_list_new(1), *outer = ou_list_of(&o, 1);
    REQUIRE(o && outer && ou_list_append(o, outer) == OU_OK);
    pthread_t collector = regress_thread(cwd_collect, NULL);
    ou_thread_detach();
    regress_await_apart(&cwd_collections, 2);
    for (int i = 0; i < CWD_LOOKS; i++) {
        cwd_look(o);
    }
    REQUIRE(ou_thread_attach() == OU_OK);
    ou_blocking_begin();
    for (int i = 0; i < CWD_LOOKS; i++) {
        cwd_look(o);
    }
    ou_blocking_end();
    ou_store_relaxed(&cwd_stop, 1);
    regress_join(collector);
    EXPECT(ou_census(NULL, 0) > 0);
    REQUIRE(ou_list_clear(o) == OU_OK);
    ou_decref(outer);
    ou_decref(o);
    return regress_end(0);
}
