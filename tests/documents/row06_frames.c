/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * Row 6 - stack memory and heap memory.
 *
 *      def func():
 *          a = 20
 *          b = []
 *          c = ""
 *
 * A call gets a frame on a contiguous stack of limited size; its locals are references to
 * objects on the heap. Returning drops all of them. Endless recursion is a clear error.
 */
#include "ouro/ouro.h"
#include "support/expect.h"
#include "support/transcript.h"

static const char *const row06_expected[] = {
    "stack: 0 frames",
    "call func(): 1 frame",
    "  a = 20, b = [], c = ''",
    "  [] is freed",
    "return: 0 frames, same bytes in use as before: True",
    "the list returned by make() lives on: [20]",
    "recursion stops: OU_ESTACK",
    "frames lie side by side: True, inside the limit: True",
    "after returning from all: 0 frames, in use as before: True",
    "the stack works again: True",
};

static int row06_freed;

static void row06_gone(ou_object *ref, void *arg)
{
    (void)ref;
    row06_freed++;
    say("  %s is freed", (const char *)arg);
}

static size_t row06_depth(void)
{
    size_t depth = 0;
    ou_frame_stack_used(NULL, &depth);
    return depth;
}

static void row06_func(void)
{
    ou_frame *f = ou_frame_push("func", 3);
    REQUIRE(f != NULL);
    EXPECT(ou_frame_current() == f);
    say("call func(): %zu frame", row06_depth());
    EXPECT_EQ(ou_frame_bind_steal(f, "a", ou_int_new(20)), OU_OK);
    EXPECT_EQ(ou_frame_bind_steal(f, "b", ou_list_new(0)), OU_OK);
    EXPECT_EQ(ou_frame_bind_steal(f, "c", ou_str("")), OU_OK);
    say("  a = %s, b = %s, c = %s", transcript_repr(ou_frame_get_borrow(f, "a")),
        transcript_repr(ou_frame_get_borrow(f, "b")),
        transcript_repr(ou_frame_get_borrow(f, "c")));
    ou_object *ref = ou_weakref_new(ou_frame_get_borrow(f, "b"), row06_gone, "[]");
    REQUIRE(ref != NULL);
    ou_frame_pop();
    EXPECT_EQ(row06_freed, 1);
    EXPECT(ou_weakref_get(ref) == NULL);
    ou_decref(ref);
}

/* def make(): a = [20]; return a */
static ou_object *row06_make(void)
{
    ou_frame *f = ou_frame_push("make", 1);
    REQUIRE(f != NULL);
    ou_object *twenty = ou_int_new(20);
    EXPECT_EQ(ou_frame_bind_steal(f, "a", ou_list_of(&twenty, 1)), OU_OK);
    ou_object *result = ou_incref(ou_frame_get_borrow(f, "a"));
    ou_frame_pop();
    return result;
}

static void row06_overflow(size_t used_before)
{
    size_t total = 0;
    size_t frames = 0;
    size_t last = used_before;
    size_t step = 0;
    bool side_by_side = true;
    ou_frame *f;
    while ((f = ou_frame_push("forever", 2)) != NULL) {
        frames++;
        REQUIRE(frames < 10000000);
        size_t used = ou_frame_stack_used(&total, NULL);
        if (!step) {
            step = used - last;
        }
        side_by_side = side_by_side && used - last == step;
        last = used;
        if (frames == 1) {
            EXPECT_EQ(ou_frame_bind_steal(f, "x", ou_int_new(7)), OU_OK);
        }
    }
    say("recursion stops: %s", ou_error_name(ou_error()));
    say("frames lie side by side: %s, inside the limit: %s", side_by_side ? "True" : "False",
        last <= total && frames > 100 ? "True" : "False");
    while (frames--) {
        ou_frame_pop();
    }
}

int main(void)
{
    REQUIRE(ou_start(NULL) == OU_OK);
    size_t before = ou_frame_stack_used(NULL, NULL);
    say("stack: %zu frames", row06_depth());
    row06_func();
    say("return: %zu frames, same bytes in use as before: %s", row06_depth(),
        ou_frame_stack_used(NULL, NULL) == before ? "True" : "False");
    ou_object *kept = row06_make();
    say("the list returned by make() lives on: %s", transcript_repr(kept));
    EXPECT_EQ(ou_refcount(kept), 1);
    ou_decref(kept);
    row06_overflow(before);
    say("after returning from all: %zu frames, in use as before: %s", row06_depth(),
        ou_frame_stack_used(NULL, NULL) == before ? "True" : "False");
    ou_frame *again = ou_frame_push("again", 1);
    say("the stack works again: %s", again ? "True" : "False");
    ou_frame_pop();
    TRANSCRIPT_CHECK(row06_expected);
    EXPECT_EQ(ou_stop(), OU_OK);
    return expect_result();
}
