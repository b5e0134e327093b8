/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * Row 7 - a = [0] * 10 puts one list on the heap and ten references to one interned 0 in it.
 */
#include "ouro/ouro.h"
#include "support/expect.h"
#include "support/proc.h"
#include "support/transcript.h"

static const char *const row07_expected[] = {
    "a = [0] * 10",
    "a: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0]",
    "new objects on the heap: 1",
    "items that are the one object 0: 10",
    "a[3] = 5",
    "a: [0, 0, 0, 5, 0, 0, 0, 0, 0, 0]",
    "b = [big] * 10: count of big goes 1 -> 11 -> 1",
};

int main(void)
{
    REQUIRE(ou_start(NULL) == OU_OK);
    ou_object *zero = ou_int_new(0);
    uint64_t before = ou_leak_report(proc_null());
    say("a = [0] * 10");
    ou_object *a = ou_list_repeat(zero, 10);
    REQUIRE(a != NULL);
    say("a: %s", transcript_repr(a));
    say("new objects on the heap: %d", (int)(ou_leak_report(proc_null()) - before));
    int same = 0;
    for (size_t i = 0; i < 10; i++) {
        ou_object *item = ou_list_get(a, i);
        REQUIRE(item != NULL);
        same += ou_id(item) == ou_id(zero);
        ou_decref(item);
    }
    say("items that are the one object 0: %d", same);
    ou_object *five = ou_int_new(5);
    EXPECT_EQ(ou_list_set(a, 3, five), OU_OK);
    say("a[3] = 5");
    say("a: %s", transcript_repr(a));
    EXPECT_EQ(ou_list_len(a), 10);
    ou_decref(a);

    ou_object *big = ou_int_new(1000000);
    int64_t one = ou_refcount(big);
    ou_object *b = ou_list_repeat(big, 10);
    REQUIRE(b != NULL);
    int64_t eleven = ou_refcount(big);
    ou_decref(b);
    say("b = [big] * 10: count of big goes %d -> %d -> %d", (int)one, (int)eleven,
        (int)ou_refcount(big));
    ou_decref(big);
    TRANSCRIPT_CHECK(row07_expected);
    EXPECT_EQ(ou_stop(), OU_OK);
    return expect_result();
}
