/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * Row 10 - __del__ runs when the object is deleted, by counting or by the collector.
 *
 *      class Person:
 *          def __del__(self): print(self.name, "object is being deleted.")
 *
 * Exactly once per object, for members of cycles too; a finalizer may bring its object back.
 */
#include <string.h>

#include "ouro/ouro.h"
#include "support/expect.h"
#include "support/transcript.h"

static const char *const row10_expected[] = {
    "person = Person('Alice')",
    "del person",
    "Alice object is being deleted.",
    "two people who know each other: del person4, person5",
    "nothing is deleted yet",
    "Alice object is being deleted.",
    "Bob object is being deleted.",
    "gc.collect(): 2",
    "a finalizer that stores self: del phoenix",
    "Phoenix object is being deleted.",
    "saved: True, count 1",
    "del saved: deleted, and its finalizer did not run again",
    "in all: 4 finalizers",
};

static int row10_runs;
static int row10_last_said;
static ou_object *row10_saved;

static int row10_del(ou_object *self, void *arg)
{
    (void)arg;
    ou_object *name = ou_attr_get(self, "name");
    REQUIRE(name != NULL);
    row10_runs++;
    row10_last_said = ou_str_bytes(name, NULL)[0];
    say("%s object is being deleted.", ou_str_bytes(name, NULL));
    ou_decref(name);
    return 0;
}

static int row10_del_and_save(ou_object *self, void *arg)
{
    row10_del(self, arg);
    row10_saved = ou_incref(self);
    return 0;
}

static ou_object *row10_person(const ou_type *cls, const char *name)
{
    ou_object *person = ou_instance_new(cls);
    ou_object *text = ou_str_intern(name, strlen(name));
    REQUIRE(person && text);
    EXPECT_EQ(ou_attr_set(person, "name", text), OU_OK);
    ou_decref(text);
    return person;
}

static void row10_cycle(const ou_type *cls)
{
    ou_object *alice = row10_person(cls, "Alice");
    ou_object *bob = row10_person(cls, "Bob");
    EXPECT_EQ(ou_attr_set(alice, "friend", bob), OU_OK);
    EXPECT_EQ(ou_attr_set(bob, "friend", alice), OU_OK);
    say("two people who know each other: del person4, person5");
    ou_decref(alice);
    ou_decref(bob);
    say(row10_runs == 1 ? "nothing is deleted yet" : "too early");
    int64_t found = ou_gc_collect();
    say("gc.collect(): %d", (int)found);
    EXPECT_EQ(ou_gc_collect(), 0);
}

static void row10_phoenix(const ou_type *cls)
{
    ou_object *phoenix = row10_person(cls, "Phoenix");
    ou_object *ref = ou_weakref_new(phoenix, NULL, NULL);
    REQUIRE(ref != NULL);
    say("a finalizer that stores self: del phoenix");
    ou_decref(phoenix);
    REQUIRE(row10_saved != NULL);
    say("saved: %s, count %d", row10_saved == phoenix ? "True" : "False",
        (int)ou_refcount(row10_saved));
    ou_object *second = ou_weakref_new(row10_saved, NULL, NULL);
    REQUIRE(second != NULL);
    int before = row10_runs;
    ou_decref(row10_saved);
    EXPECT(ou_weakref_get(second) == NULL);
    say(row10_runs == before ? "del saved: deleted, and its finalizer did not run again"
                             : "del saved: its finalizer ran again");
    ou_decref(ref);
    ou_decref(second);
}

int main(void)
{
    REQUIRE(ou_start("gc_auto=0") == OU_OK);
    const ou_type *person = ou_class_new("Person", NULL, 0, false, row10_del, NULL);
    const ou_type *bird = ou_class_new("Bird", NULL, 0, false, row10_del_and_save, NULL);
    REQUIRE(person && bird);
    say("person = Person('Alice')");
    ou_object *alice = row10_person(person, "Alice");
    say("del person");
    ou_decref(alice);
    EXPECT_EQ(row10_runs, 1);
    row10_cycle(person);
    row10_phoenix(bird);
    say("in all: %d finalizers", row10_runs);
    TRANSCRIPT_CHECK(row10_expected);
    EXPECT_EQ(ou_stop(), OU_OK);
    return expect_result();
}
