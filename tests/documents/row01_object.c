/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * Row 1 - every object holds a type, a value and a reference counter.
 *
 *      a = 100
 *      b = 100
 *
 * There is one object 100; the memory table shows it once, with both names. A number that is
 * not interned shows its true count. Run by ctest as documents/row01_object.
 */
#include <stdlib.h>
#include <string.h>

#include "ouro/ouro.h"
#include "support/expect.h"
#include "support/proc.h"
#include "support/transcript.h"

static const char *const row01_expected[] = {
    "a = 100",
    "b = 100",
    "type(a) = int, value = 100",
    "id(a) == id(b): True",
    "n = 1000",
    "m = n",
    "type(n) = int, value = 1000, count = 2",
    "type(s) = str, value = 'hello', count = 1",
};

static ou_object *row01_assign(ou_frame *f, const char *name, ou_object *value)
{
    REQUIRE(value != NULL);
    EXPECT_EQ(ou_frame_bind_steal(f, name, value), OU_OK);
    return ou_frame_get_borrow(f, name);
}

/* The table has one line for 100 with both names, one for 1000 with its count. */
static void row01_check_table(const char *table)
{
    EXPECT_EQ(proc_lines_with(table, "a, b"), 1);
    EXPECT_EQ(proc_lines_with(table, "n, m"), 1);
    EXPECT_EQ(proc_lines_with(table, " 100 "), 1);
    EXPECT_EQ(proc_lines_with(table, " 1000 "), 1);
    EXPECT_EQ(proc_lines_with(table, "'hello'"), 1);
    const char *line = strstr(table, "1000");
    REQUIRE(line != NULL);
    EXPECT(memchr(line, '2', strcspn(line, "\n")) != NULL);
}

static void row01_run(void)
{
    ou_frame *f = ou_frame_push("main", 8);
    REQUIRE(f != NULL);
    say("a = 100");
    ou_object *a = row01_assign(f, "a", ou_int_new(100));
    say("b = 100");
    ou_object *b = row01_assign(f, "b", ou_int_new(100));
    say("type(a) = %s, value = %s", ou_type_name(a), transcript_repr(a));
    say("id(a) == id(b): %s", ou_id(a) == ou_id(b) ? "True" : "False");
    say("n = 1000");
    ou_object *n = row01_assign(f, "n", ou_int_new(1000));
    say("m = n");
    row01_assign(f, "m", ou_incref(n));
    say("type(n) = %s, value = %s, count = %lld", ou_type_name(n), transcript_repr(n),
        (long long)ou_refcount(n));
    ou_object *s = row01_assign(f, "s", ou_str("hello"));
    say("type(s) = %s, value = %s, count = %lld", ou_type_name(s), transcript_repr(s),
        (long long)ou_refcount(s));

    EXPECT(ou_type_of(a) == ou_type_of(n));
    EXPECT(ou_type_of(a) != ou_type_of(s));
    int64_t value = 0;
    EXPECT_EQ(ou_int_value(a, &value), OU_OK);
    EXPECT_EQ(value, 100);

    char *table = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&table, &size);
    REQUIRE(out != NULL);
    ou_memory_table(out);
    fclose(out);
    fputs(table, stdout);
    row01_check_table(table);
    free(table);
    ou_frame_pop();
}

int main(void)
{
    REQUIRE(ou_start(NULL) == OU_OK);
    row01_run();
    TRANSCRIPT_CHECK(row01_expected);
    EXPECT_EQ(ou_stop(), OU_OK);
    return expect_result();
}
