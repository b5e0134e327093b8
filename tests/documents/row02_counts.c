/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * Row 2 - the count goes 1, 2, 3, 2, 1, 0 and the list is freed at once at 0.
 *
 *      a = [1, 2, 3]; b = a; c = a; del a; del b; del c
 *
 * "At once" means: in the same thread, before the last `del` returns. Seen three ways: by a
 * weakref's callback, by the events, and by the next list taking the same memory.
 */
#include <pthread.h>

#include "ouro/ouro.h"
#include "support/expect.h"
#include "support/transcript.h"

static const char *const row02_expected[] = {
    "a = [1, 2, 3]   count 1", "b = a           count 2",
    "c = a           count 3", "del a           count 2",
    "del b           count 1", "  [1, 2, 3] is freed",
    "del c           count 0", "told by events: 1 2 3 2 1 0 dealloc",
};

typedef struct row02_death {
    pthread_t thread;
    int times;
} row02_death;

typedef struct row02_story {
    const ou_object *list;
    int64_t counts[16];
    size_t n;
    int deallocs;
} row02_story;

static ou_object *row02_list(void)
{
    ou_object *items[3];
    for (int i = 0; i < 3; i++) {
        items[i] = ou_int_new(i + 1);
    }
    return ou_list_of(items, 3); /* 1, 2 and 3 are interned: nothing to drop */
}

static void row02_gone(ou_object *ref, void *arg)
{
    row02_death *death = arg;
    EXPECT(ou_weakref_get(ref) == NULL);
    death->thread = pthread_self();
    death->times++;
    say("  [1, 2, 3] is freed");
}

static void row02_counts(void)
{
    ou_frame *f = ou_frame_push("main", 4);
    REQUIRE(f != NULL);
    ou_object *list = row02_list();
    REQUIRE(list != NULL);
    row02_death death = {.times = 0};
    ou_object *ref = ou_weakref_new(list, row02_gone, &death);
    REQUIRE(ref != NULL);

    EXPECT_EQ(ou_frame_bind_steal(f, "a", list), OU_OK);
    say("a = %s   count %lld", transcript_repr(list), (long long)ou_refcount(list));
    EXPECT_EQ(ou_frame_bind(f, "b", ou_frame_get_borrow(f, "a")), OU_OK);
    say("b = a           count %lld", (long long)ou_refcount(list));
    EXPECT_EQ(ou_frame_bind(f, "c", ou_frame_get_borrow(f, "a")), OU_OK);
    say("c = a           count %lld", (long long)ou_refcount(list));
    EXPECT_EQ(ou_frame_del(f, "a"), OU_OK);
    say("del a           count %lld", (long long)ou_refcount(list));
    EXPECT_EQ(ou_frame_del(f, "b"), OU_OK);
    say("del b           count %lld", (long long)ou_refcount(list));
    EXPECT_EQ(death.times, 0);
    EXPECT_EQ(ou_frame_del(f, "c"), OU_OK);
    EXPECT_EQ(death.times, 1);
    EXPECT(pthread_equal(death.thread, pthread_self()));
    say("del c           count %d", death.times == 1 ? 0 : -1);
    ou_decref(ref);
    ou_frame_pop();
}

static void row02_listen(const ou_event *event, void *arg)
{
    row02_story *story = arg;
    if (event->kind == OU_EV_CREATE || event->kind == OU_EV_REUSE) {
        if (!story->list && event->type && event->type[0] == 'l') {
            story->list = event->object;
            story->counts[story->n++] = 1;
        }
    } else if (event->object == story->list && story->list && !story->deallocs) {
        if (event->kind == OU_EV_INCREF || event->kind == OU_EV_DECREF) {
            REQUIRE(story->n < 16);
            story->counts[story->n++] = event->value;
        }
        story->deallocs += event->kind == OU_EV_DEALLOC;
    }
}

static void row02_events(void)
{
    row02_story story = {.list = NULL};
    ou_frame *f = ou_frame_push("main", 4);
    REQUIRE(f != NULL);
    EXPECT_EQ(ou_event_listen(row02_listen, &story), OU_OK);
    ou_object *list = row02_list();
    EXPECT_EQ(ou_frame_bind_steal(f, "a", list), OU_OK);
    EXPECT_EQ(ou_frame_bind(f, "b", list), OU_OK);
    EXPECT_EQ(ou_frame_bind(f, "c", list), OU_OK);
    EXPECT_EQ(ou_frame_del(f, "a"), OU_OK);
    EXPECT_EQ(ou_frame_del(f, "b"), OU_OK);
    EXPECT_EQ(story.deallocs, 0);
    EXPECT_EQ(ou_frame_del(f, "c"), OU_OK);
    EXPECT_EQ(story.deallocs, 1);
    EXPECT_EQ(ou_event_listen(NULL, NULL), OU_OK);
    REQUIRE(story.n == 6);
    say("told by events: %d %d %d %d %d %d %s", (int)story.counts[0], (int)story.counts[1],
        (int)story.counts[2], (int)story.counts[3], (int)story.counts[4], (int)story.counts[5],
        story.deallocs == 1 ? "dealloc" : "alive");
    ou_frame_pop();
}

int main(void)
{
    REQUIRE(ou_start(NULL) == OU_OK);
    row02_counts();
    row02_events();
    TRANSCRIPT_CHECK(row02_expected);
    EXPECT_EQ(ou_stop(), OU_OK);
    return expect_result();
}
