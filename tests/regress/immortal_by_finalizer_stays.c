/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * immortal_by_finalizer_stays.c - a finalizer that a collection runs makes its object immortal.
 * The collector then counted references in the word that holds the bit of the immortals, which
 * cleared it: the object was freed though it was promised never to be.
 *
 * It stays, and so does all that it refers to; the same for an object that dies by its count.
 */
#include "regress/regress.h"

static ou_object *ibf_saved;

static int ibf_finalize(ou_object *self, void *arg)
{
    (void)arg;
    ou_immortalize(self);
    ibf_saved = self;
    return 0;
}

int main(void)
{
    regress_start();
    const ou_type *ring = regress_class("Ring", ibf_finalize);
    ou_object *o = ou_instance_new(ring);
    ou_object *list = ou_list_new(1); /* o -> list -> o */
    REQUIRE(o && list && ou_attr_set(o, "a", list) == OU_OK &&
            ou_list_append(list, o) == OU_OK);
    ou_decref(list);
    ou_decref(o);
    ou_gc_report report;
    EXPECT_EQ(ou_gc_collect_report(&report), 0);
    EXPECT_EQ(report.resurrected, 2);
    REQUIRE(ibf_saved == o && ou_is_immortal(o));
    for (int i = 0; i < 3; i++) {
        ou_incref(o);
        ou_decref(o);
        EXPECT_EQ(ou_gc_collect(), 0);
    }
    ou_object *got = ou_attr_get(o, "a");
    REQUIRE(got == list && ou_list_len(got) == 1);
    ou_decref(got);

    o = ou_instance_new(regress_class("Single", ibf_finalize));
    REQUIRE(o != NULL);
    ou_decref(o);
    REQUIRE(ibf_saved == o && ou_is_immortal(o));
    ou_decref(o);
    EXPECT(ou_is_immortal(o));
    return regress_end(1); /* the list: mortal, kept by an immortal */
}
