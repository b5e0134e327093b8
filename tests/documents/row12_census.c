/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * Row 12 - large structures and unnoticed cycles: what is alive, who refers to it, what leaked.
 *
 * A program keeps a large list and forgets about a cycle. The census names both by type,
 * size and thread; the referrers of the culprit are found; the leak report names what is left,
 * also when it is printed by itself at exit (knob `leak_report`, looked at in a child).
 */
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ouro/ouro.h"
#include "support/expect.h"
#include "support/proc.h"
#include "support/transcript.h"

enum { ROW12_NUMBERS = 100000, ROW12_PEOPLE = 500, ROW12_ROWS = 64 };

static const char *const row12_expected[] = {
    "numbers = list(range(1000000, 1100000))",
    "500 pairs of people who know each other, all names deleted",
    "census: int 100000 more, Person 1000 more, list 1 more",
    "census: every row is in this thread's slot, sizes hold the header: True",
    "who refers to numbers[0]? 1 object: list",
    "what does person refer to? 1 object: Person",
    "leak report: 101001 objects more",
    "gc.collect(): 1000",
    "del numbers",
    "leak report: 0 objects more",
    "at exit with leak_report=1: leak: 1 Person *",
};

static uint64_t row12_alive(const char *type)
{
    ou_census_row rows[ROW12_ROWS];
    size_t n = ou_census(rows, ROW12_ROWS);
    uint64_t count = 0;
    REQUIRE(n <= ROW12_ROWS);
    for (size_t i = 0; i < n; i++) {
        count += strcmp(rows[i].type, type) == 0 ? rows[i].count : 0;
    }
    return count;
}

static bool row12_rows_sane(void)
{
    ou_census_row rows[ROW12_ROWS];
    size_t n = ou_census(rows, ROW12_ROWS);
    bool sane = n > 0 && n <= ROW12_ROWS;
    for (size_t i = 0; sane && i < n; i++) {
        sane = rows[i].slot == ou_thread_slot() && rows[i].count > 0 &&
               rows[i].size_bytes >= sizeof(ou_object);
        if (sane && i > 0) {
            sane = rows[i].count * rows[i].size_bytes <=
                   rows[i - 1].count * rows[i - 1].size_bytes;
        }
    }
    return sane;
}

static ou_object *row12_numbers(void)
{
    ou_object *list = ou_list_new(0);
    REQUIRE(list != NULL);
    for (int64_t i = 0; i < ROW12_NUMBERS; i++) {
        REQUIRE(ou_list_append_steal(list, ou_int_new(1000000 + i)) == OU_OK);
    }
    return list;
}

/* Makes the forgotten pairs; returns one person, owned, for a look at it. */
static ou_object *row12_people(const ou_type *cls)
{
    ou_object *last = NULL;
    for (int i = 0; i < ROW12_PEOPLE; i++) {
        ou_object *x = ou_instance_new(cls);
        ou_object *y = ou_instance_new(cls);
        REQUIRE(x && y);
        EXPECT_EQ(ou_attr_set(x, "friend", y), OU_OK);
        EXPECT_EQ(ou_attr_set(y, "friend", x), OU_OK);
        ou_xdecref(last);
        last = x;
        ou_decref(y);
    }
    return last;
}

static void row12_relations(ou_object *numbers, ou_object *person)
{
    ou_object *found[4] = {0};
    ou_object *first = ou_list_get(numbers, 0);
    size_t n = ou_referrers(first, found, 4);
    REQUIRE(n == 1);
    say("who refers to numbers[0]? %zu object: %s", n, ou_type_name(found[0]));
    EXPECT(found[0] == numbers);
    ou_decref(found[0]);
    ou_decref(first);
    n = ou_referents(person, found, 4);
    REQUIRE(n == 1);
    say("what does person refer to? %zu object: %s", n, ou_type_name(found[0]));
    ou_decref(found[0]);
}

/* A child that forgets to drop one person; its report must say so. */
static void row12_at_exit(void)
{
    int pipes[2];
    REQUIRE(pipe(pipes) == 0);
    fflush(NULL);
    pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        dup2(pipes[1], STDOUT_FILENO);
        dup2(pipes[1], STDERR_FILENO);
        bool ok = ou_start("leak_report=1") == OU_OK;
        const ou_type *cls = ou_class_new("Person", NULL, 0, false, NULL, NULL);
        ok = ok && cls && ou_instance_new(cls) != NULL && ou_stop() == OU_OK;
        fflush(NULL);
        _exit(ok ? 0 : 1);
    }
    close(pipes[1]);
    static char text[8192];
    size_t len = 0;
    for (ssize_t got; (got = read(pipes[0], text + len, sizeof(text) - 1 - len)) > 0;) {
        len += (size_t)got;
    }
    close(pipes[0]);
    int status = -1;
    REQUIRE(waitpid(child, &status, 0) == child);
    EXPECT_EQ(status, 0);
    EXPECT_EQ(proc_lines_with(text, "Person"), 1);
    say("at exit with leak_report=1: %.*s", (int)strcspn(text, "\n"), text);
}

static void row12_run(void)
{
    const ou_type *cls = ou_class_new("Person", NULL, 0, false, NULL, NULL);
    REQUIRE(cls != NULL);
    uint64_t ints = row12_alive("int");
    uint64_t lists = row12_alive("list");
    uint64_t leaks = ou_leak_report(proc_null());
    ou_object *numbers = row12_numbers();
    say("numbers = list(range(1000000, 1100000))");
    ou_object *person = row12_people(cls);
    say("500 pairs of people who know each other, all names deleted");
    say("census: int %d more, Person %d more, list %d more", (int)(row12_alive("int") - ints),
        (int)row12_alive("Person"), (int)(row12_alive("list") - lists));
    say("census: every row is in this thread's slot, sizes hold the header: %s",
        row12_rows_sane() ? "True" : "False");
    row12_relations(numbers, person);
    ou_decref(person);
    say("leak report: %d objects more", (int)(ou_leak_report(proc_null()) - leaks));
    say("gc.collect(): %d", (int)ou_gc_collect());
    ou_decref(numbers);
    say("del numbers");
    say("leak report: %d objects more", (int)(ou_leak_report(proc_null()) - leaks));
}

int main(void)
{
    REQUIRE(ou_start("gc_auto=0") == OU_OK);
    row12_run();
    ou_census_print(proc_null());
    EXPECT_EQ(ou_stop(), OU_OK);
    row12_at_exit();
    TRANSCRIPT_CHECK(row12_expected);
    return expect_result();
}
