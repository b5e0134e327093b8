/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * Row 13 - the flow: create and allocate -> count -> collect -> deallocate -> reuse.
 *
 * One object's life, told by the event trace that a person can read, and checked event by
 * event: first a list that dies by its count and whose memory is reused, then a ring that only
 * the collector can end.
 */
#include <stdlib.h>
#include <string.h>

#include "ouro/ouro.h"
#include "support/expect.h"
#include "support/proc.h"
#include "support/transcript.h"

enum { ROW13_EVENTS = 4096 };

static const char *const row13_expected[] = {
    "life of a list: create, count 2, count 1, count 0, deallocate, reuse, create",
    "a later list lies at the same address: True",
    "life of Alice: create, finalize, unreachable, deallocate",
    "gc: begin, end with 2 unreachable",
    "the trace can be read: True",
};

typedef struct row13_trace {
    ou_event events[ROW13_EVENTS];
    size_t n;
    size_t printed;
    const ou_object *only; /* print events of this object only; NULL = all */
    FILE *out;
} row13_trace;

static row13_trace row13;

static void row13_listen(const ou_event *event, void *arg)
{
    row13_trace *trace = arg;
    REQUIRE(trace->n < ROW13_EVENTS);
    trace->events[trace->n++] = *event;
    if (!trace->only || event->object == trace->only) {
        trace->printed++;
        ou_event_print(event, trace->out);
    }
}

/* Adds a word to a story, with a comma between words. */
static void row13_tell(char *story, size_t size, const char *word)
{
    size_t len = strlen(story);
    snprintf(story + len, size - len, "%s%s", len ? ", " : "", word);
}

static const char *row13_word(const ou_event *e, char *buf, size_t size)
{
    switch (e->kind) {
    case OU_EV_CREATE:
        return "create";
    case OU_EV_REUSE:
        return "reuse";
    case OU_EV_FINALIZE:
        return "finalize";
    case OU_EV_UNREACHABLE:
        return "unreachable";
    case OU_EV_DEALLOC:
        return "deallocate";
    default:
        snprintf(buf, size, "count %d", (int)e->value);
        return buf;
    }
}

/* The story of the object at `o`: its events, those of counting only when asked for. */
static void row13_story(const ou_object *o, bool counts, char *story, size_t size)
{
    story[0] = 0;
    for (size_t i = 0; i < row13.n; i++) {
        const ou_event *e = &row13.events[i];
        bool counting = e->kind == OU_EV_INCREF || e->kind == OU_EV_DECREF;
        if (e->object == o && (counts || !counting)) {
            char buf[32];
            const char *word = row13_word(e, buf, sizeof(buf));
            /* The first block may have held an object of the runtime's own before. */
            if (story[0] || e->kind != OU_EV_REUSE) {
                row13_tell(story, size, word);
            }
        }
    }
}

/* Makes one more list: does it lie where `dead` lay? */
static bool row13_reuse(const ou_object *dead)
{
    row13.only = dead;
    ou_object *again = ou_list_new(0);
    bool same = again == dead;
    EXPECT_EQ(ou_event_listen(NULL, NULL), OU_OK);
    row13.only = NULL;
    ou_xdecref(again);
    return same;
}

static void row13_list(void)
{
    char story[256];
    row13.n = 0;
    EXPECT_EQ(ou_event_listen(row13_listen, &row13), OU_OK);
    ou_object *list = ou_list_new(0);
    const ou_object *first = list;
    ou_incref(list);
    ou_decref(list);
    ou_decref(list);
    bool again = row13_reuse(first);
    row13_story(first, true, story, sizeof(story));
    say("life of a list: %s", story);
    say("a later list lies at the same address: %s", again ? "True" : "False");
}

static int row13_del(ou_object *self, void *arg)
{
    (void)self;
    ++*(int *)arg;
    return 0;
}

static void row13_ring(void)
{
    char story[256];
    int deleted = 0;
    const ou_type *cls = ou_class_new("Person", NULL, 0, false, row13_del, &deleted);
    REQUIRE(cls != NULL);
    int friend_at = ou_class_attr(cls, "friend");
    row13.n = 0;
    EXPECT_EQ(ou_event_listen(row13_listen, &row13), OU_OK);
    ou_object *alice = ou_instance_new(cls);
    ou_object *bob = ou_instance_new(cls);
    EXPECT_EQ(ou_attr_set_at(alice, friend_at, bob), OU_OK);
    EXPECT_EQ(ou_attr_set_at(bob, friend_at, alice), OU_OK);
    ou_decref(alice);
    ou_decref(bob);
    EXPECT_EQ(ou_gc_collect(), 2);
    EXPECT_EQ(ou_event_listen(NULL, NULL), OU_OK);
    EXPECT_EQ(deleted, 2);
    row13_story(alice, false, story, sizeof(story));
    /* Which of the two comes first, to be found or to be finalized, is not the documents'. */
    if (strcmp(story, "create, unreachable, finalize, deallocate") == 0) {
        strcpy(story, "create, finalize, unreachable, deallocate");
    }
    say("life of Alice: %s", story);
    int begins = 0;
    int64_t ended_with = -1;
    for (size_t i = 0; i < row13.n; i++) {
        begins += row13.events[i].kind == OU_EV_GC_BEGIN && ended_with < 0;
        ended_with = row13.events[i].kind == OU_EV_GC_END ? row13.events[i].value : ended_with;
    }
    say("gc: %s, end with %d unreachable", begins == 1 ? "begin" : "no begin", (int)ended_with);
}

int main(void)
{
    char *text = NULL;
    size_t size = 0;
    row13.out = open_memstream(&text, &size);
    REQUIRE(row13.out != NULL);
    REQUIRE(ou_start("gc_auto=0") == OU_OK);
    row13_list();
    row13_ring();
    fclose(row13.out);
    fputs(text, stdout);
    bool readable = proc_lines_with(text, "") == row13.printed &&
                    proc_lines_with(text, "Person") >= 4 && proc_lines_with(text, "list") >= 5;
    say("the trace can be read: %s", readable ? "True" : "False");
    free(text);
    TRANSCRIPT_CHECK(row13_expected);
    EXPECT_EQ(ou_stop(), OU_OK);
    return expect_result();
}
