/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * Row 3 - two names, one list.
 *
 *      a = [1, 2, 3]; b = a; b.append(4)
 *
 * Both names see [1, 2, 3, 4] and have the same id; a copy does not.
 */
#include "ouro/ouro.h"
#include "support/expect.h"
#include "support/transcript.h"

static const char *const row03_expected[] = {
    "a = [1, 2, 3]",
    "b = a",
    "b.append(4)",
    "a: [1, 2, 3, 4]",
    "b: [1, 2, 3, 4]",
    "id(a) == id(b): True",
    "c = a.copy(); c.append(5)",
    "a: [1, 2, 3, 4]",
    "c: [1, 2, 3, 4, 5]",
    "id(a) == id(c): False",
};

static void row03_append(ou_object *list, int64_t value)
{
    EXPECT_EQ(ou_list_append_steal(list, ou_int_new(value)), OU_OK);
}

static void row03_run(ou_frame *f)
{
    ou_object *list = ou_list_new(0);
    REQUIRE(list != NULL);
    for (int i = 1; i <= 3; i++) {
        row03_append(list, i);
    }
    EXPECT_EQ(ou_frame_bind_steal(f, "a", list), OU_OK);
    ou_object *a = ou_frame_get_borrow(f, "a");
    say("a = %s", transcript_repr(a));
    EXPECT_EQ(ou_frame_bind(f, "b", a), OU_OK);
    say("b = a");
    ou_object *b = ou_frame_get_borrow(f, "b");
    row03_append(b, 4);
    say("b.append(4)");
    say("a: %s", transcript_repr(a));
    say("b: %s", transcript_repr(b));
    say("id(a) == id(b): %s", ou_id(a) == ou_id(b) ? "True" : "False");
    EXPECT_EQ(ou_refcount(a), 2);

    EXPECT_EQ(ou_frame_bind_steal(f, "c", ou_list_copy(a)), OU_OK);
    ou_object *c = ou_frame_get_borrow(f, "c");
    REQUIRE(c != NULL);
    row03_append(c, 5);
    say("c = a.copy(); c.append(5)");
    say("a: %s", transcript_repr(a));
    say("c: %s", transcript_repr(c));
    say("id(a) == id(c): %s", ou_id(a) == ou_id(c) ? "True" : "False");
}

int main(void)
{
    REQUIRE(ou_start(NULL) == OU_OK);
    ou_frame *f = ou_frame_push("main", 4);
    REQUIRE(f != NULL);
    row03_run(f);
    ou_frame_pop();
    TRANSCRIPT_CHECK(row03_expected);
    EXPECT_EQ(ou_stop(), OU_OK);
    return expect_result();
}
