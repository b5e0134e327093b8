/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * Row 8 - counting alone never frees a cycle; gc.collect() does, and says how many.
 *
 *      n1.ref = n2; n2.ref = n1; del n1; del n2; gc.collect()
 *      person4.friend = person5; person5.friend = person4; del person4, person5
 *
 * The number is exact: every unreachable object the collector looks at is counted once.
 */
#include "ouro/ouro.h"
#include "support/expect.h"
#include "support/transcript.h"

static const char *const row08_expected[] = {
    "n1.ref = n2; n2.ref = n1",
    "count of n1: 2, count of n2: 2",
    "del n1; del n2",
    "both still alive: True",
    "gc.collect(): 2",
    "both still alive: False",
    "gc.collect(): 0",
    "person4.friend = person5; person5.friend = person4",
    "del person4, person5",
    "gc.collect(): 2",
    "self.append(self): gc.collect(): 1",
    "ring of 1000: gc.collect(): 1000",
    "ring of 3 with a list of 2 lists hanging off: gc.collect(): 6",
    "ring held by one name: gc.collect(): 0",
};

static const ou_type *row08_node;

static bool row08_alive(ou_object *ref)
{
    ou_object *o = ou_weakref_get(ref);
    ou_xdecref(o);
    return o != NULL;
}

static void row08_pair(const ou_type *cls, const char *attr, ou_object **refs)
{
    ou_object *x = ou_instance_new(cls);
    ou_object *y = ou_instance_new(cls);
    REQUIRE(x && y);
    EXPECT_EQ(ou_attr_set(x, attr, y), OU_OK);
    EXPECT_EQ(ou_attr_set(y, attr, x), OU_OK);
    if (refs) {
        say("count of n1: %d, count of n2: %d", (int)ou_refcount(x), (int)ou_refcount(y));
        refs[0] = ou_weakref_new(x, NULL, NULL);
        refs[1] = ou_weakref_new(y, NULL, NULL);
        REQUIRE(refs[0] && refs[1]);
    }
    ou_decref(x);
    ou_decref(y);
}

/* A ring of n nodes; returns the first one, owned. */
static ou_object *row08_ring(size_t n)
{
    ou_object *first = ou_instance_new(row08_node);
    REQUIRE(first != NULL);
    ou_object *last = ou_incref(first);
    for (size_t i = 1; i < n; i++) {
        ou_object *next = ou_instance_new(row08_node);
        REQUIRE(next != NULL);
        EXPECT_EQ(ou_attr_set(last, "ref", next), OU_OK);
        ou_decref(last);
        last = next;
    }
    EXPECT_EQ(ou_attr_set(last, "ref", first), OU_OK);
    ou_decref(last);
    return first;
}

static void row08_two(void)
{
    ou_object *refs[2];
    say("n1.ref = n2; n2.ref = n1");
    row08_pair(row08_node, "ref", refs);
    say("del n1; del n2");
    say("both still alive: %s",
        row08_alive(refs[0]) && row08_alive(refs[1]) ? "True" : "False");
    say("gc.collect(): %d", (int)ou_gc_collect());
    say("both still alive: %s",
        row08_alive(refs[0]) || row08_alive(refs[1]) ? "True" : "False");
    say("gc.collect(): %d", (int)ou_gc_collect());
    ou_decref(refs[0]);
    ou_decref(refs[1]);
}

static void row08_more(void)
{
    ou_object *self = ou_list_new(1);
    REQUIRE(self != NULL);
    EXPECT_EQ(ou_list_append(self, self), OU_OK);
    ou_decref(self);
    say("self.append(self): gc.collect(): %d", (int)ou_gc_collect());

    ou_decref(row08_ring(1000));
    say("ring of 1000: gc.collect(): %d", (int)ou_gc_collect());

    ou_object *ring = row08_ring(3);
    ou_object *bag = ou_list_new(2);
    REQUIRE(bag != NULL);
    EXPECT_EQ(ou_list_append_steal(bag, ou_list_new(0)), OU_OK);
    EXPECT_EQ(ou_list_append_steal(bag, ou_list_new(0)), OU_OK);
    EXPECT_EQ(ou_attr_set(ring, "bag", bag), OU_OK);
    ou_decref(bag);
    ou_decref(ring);
    say("ring of 3 with a list of 2 lists hanging off: gc.collect(): %d", (int)ou_gc_collect());

    ring = row08_ring(3);
    say("ring held by one name: gc.collect(): %d", (int)ou_gc_collect());
    ou_decref(ring);
    EXPECT_EQ(ou_gc_collect(), 3);
}

int main(void)
{
    REQUIRE(ou_start("gc_auto=0") == OU_OK);
    row08_node = ou_class_new("Node", NULL, 0, false, NULL, NULL);
    const ou_type *person = ou_class_new("Person", NULL, 0, false, NULL, NULL);
    REQUIRE(row08_node && person);
    row08_two();
    say("person4.friend = person5; person5.friend = person4");
    row08_pair(person, "friend", NULL);
    say("del person4, person5");
    say("gc.collect(): %d", (int)ou_gc_collect());
    row08_more();
    TRANSCRIPT_CHECK(row08_expected);
    EXPECT_EQ(ou_stop(), OU_OK);
    return expect_result();
}
