/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * Row 11 - three people.
 *
 *      person1 = Person("Alice"); person2 = Person("Bob"); person3 = Person("Carol")
 *      person2.friend = person1; person3.friend = person1
 *      del person1, person2        Bob goes; person3 still keeps Alice alive
 *      del person3                 Carol goes, and Alice with her
 *
 * The same with three names for one object: only the last `del` frees it.
 */
#include <string.h>

#include "ouro/ouro.h"
#include "support/expect.h"
#include "support/transcript.h"

static const char *const row11_expected[] = {
    "person1 = Alice, person2 = Bob, person3 = Carol; both know Alice",
    "count of Alice: 3",
    "del person1, person2",
    "Bob object is being deleted.",
    "count of Alice: 1, person3.friend is Alice",
    "del person3",
    "Carol object is being deleted.",
    "Alice object is being deleted.",
    "person1 = Dave; person2 = person1; person3 = person1: count 3",
    "del person1, person2: count 1, person3.name is Dave",
    "Dave object is being deleted.",
    "del person3",
};

static int row11_deleted;

static int row11_del(ou_object *self, void *arg)
{
    (void)arg;
    ou_object *name = ou_attr_get(self, "name");
    REQUIRE(name != NULL);
    say("%s object is being deleted.", ou_str_bytes(name, NULL));
    ou_decref(name);
    row11_deleted++;
    return 0;
}

/* `local = Person(name)`; returns the person, borrowed from the frame. */
static ou_object *row11_person(const ou_type *cls, const char *local, const char *name)
{
    ou_frame *f = ou_frame_current();
    ou_object *person = ou_instance_new(cls);
    ou_object *text = ou_str_intern(name, strlen(name));
    REQUIRE(person && text);
    EXPECT_EQ(ou_attr_set(person, "name", text), OU_OK);
    ou_decref(text);
    EXPECT_EQ(ou_frame_bind_steal(f, local, person), OU_OK);
    return ou_frame_get_borrow(f, local);
}

static void row11_del_local(const char *local)
{
    EXPECT_EQ(ou_frame_del(ou_frame_current(), local), OU_OK);
}

/* Text of person.attr(.name), borrowed for as long as the person lives. */
static const char *row11_name(ou_object *person)
{
    ou_object *name = ou_attr_get(person, "name");
    REQUIRE(name != NULL);
    const char *text = ou_str_bytes(name, NULL);
    ou_decref(name);
    return text;
}

static void row11_friends(const ou_type *cls)
{
    ou_object *alice = row11_person(cls, "person1", "Alice");
    ou_object *bob = row11_person(cls, "person2", "Bob");
    ou_object *carol = row11_person(cls, "person3", "Carol");
    EXPECT_EQ(ou_attr_set(bob, "friend", alice), OU_OK);
    EXPECT_EQ(ou_attr_set(carol, "friend", alice), OU_OK);
    say("person1 = Alice, person2 = Bob, person3 = Carol; both know Alice");
    say("count of Alice: %d", (int)ou_refcount(alice));
    say("del person1, person2");
    row11_del_local("person1");
    row11_del_local("person2");
    EXPECT_EQ(row11_deleted, 1);
    ou_object *known = ou_attr_get(carol, "friend");
    REQUIRE(known == alice);
    ou_decref(known);
    say("count of Alice: %d, person3.friend is %s", (int)ou_refcount(alice), row11_name(alice));
    say("del person3");
    row11_del_local("person3");
    EXPECT_EQ(row11_deleted, 3);
}

static void row11_names(const ou_type *cls)
{
    ou_frame *f = ou_frame_current();
    ou_object *dave = row11_person(cls, "person1", "Dave");
    EXPECT_EQ(ou_frame_bind(f, "person2", dave), OU_OK);
    EXPECT_EQ(ou_frame_bind(f, "person3", dave), OU_OK);
    say("person1 = Dave; person2 = person1; person3 = person1: count %d",
        (int)ou_refcount(dave));
    row11_del_local("person1");
    row11_del_local("person2");
    EXPECT_EQ(row11_deleted, 3);
    say("del person1, person2: count %d, person3.name is %s", (int)ou_refcount(dave),
        row11_name(ou_frame_get_borrow(f, "person3")));
    row11_del_local("person3");
    EXPECT_EQ(row11_deleted, 4);
    say("del person3");
}

int main(void)
{
    REQUIRE(ou_start(NULL) == OU_OK);
    const ou_type *cls = ou_class_new("Person", NULL, 0, false, row11_del, NULL);
    REQUIRE(cls != NULL);
    REQUIRE(ou_frame_push("main", 3) != NULL);
    row11_friends(cls);
    row11_names(cls);
    ou_frame_pop();
    TRANSCRIPT_CHECK(row11_expected);
    EXPECT_EQ(ou_stop(), OU_OK);
    return expect_result();
}
