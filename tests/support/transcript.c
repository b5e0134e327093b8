/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * transcript.c - keeps the lines that a documents program says and compares them. Its memory is
 * static, so that the program's own allocations stay the only ones.
 */
#include "support/transcript.h"

#include <stdarg.h>
#include <string.h>

#include "ouro/object.h"
#include "support/expect.h"

enum { TRANSCRIPT_LINES = 256, TRANSCRIPT_WIDTH = 200, TRANSCRIPT_REPRS = 8 };

static char transcript_lines[TRANSCRIPT_LINES][TRANSCRIPT_WIDTH];
static size_t transcript_used;

static void transcript_keep(const char *line, size_t len)
{
    REQUIRE(transcript_used < TRANSCRIPT_LINES);
    REQUIRE(len < TRANSCRIPT_WIDTH);
    memcpy(transcript_lines[transcript_used], line, len);
    transcript_lines[transcript_used][len] = 0;
    transcript_used++;
    puts(transcript_lines[transcript_used - 1]);
    fflush(stdout);
}

void say(const char *format, ...)
{
    static char text[16384];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    REQUIRE(n >= 0 && (size_t)n < sizeof(text));
    char *line = text;
    for (char *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        transcript_keep(line, (size_t)(end - line));
    }
    if (*line || line == text) {
        transcript_keep(line, strlen(line));
    }
}

int transcript_match(const char *pattern, const char *text)
{
    const char *star = NULL;
    const char *again = NULL;
    while (*text) {
        if (*pattern == '*') {
            star = ++pattern;
            again = text;
        } else if (*pattern == *text) {
            pattern++;
            text++;
        } else if (star) {
            pattern = star;
            text = ++again;
        } else {
            return 0;
        }
    }
    while (*pattern == '*') {
        pattern++;
    }
    return *pattern == 0;
}

void transcript_check(const char *const *expected, size_t n)
{
    for (size_t i = 0; i < n || i < transcript_used; i++) {
        const char *want = i < n ? expected[i] : "(end)";
        const char *got = i < transcript_used ? transcript_lines[i] : "(end)";
        if (!transcript_match(want, got)) {
            fprintf(stderr, "line %zu: said: %s\n", i + 1, got);
            fprintf(stderr, "line %zu: want: %s\n", i + 1, want);
            expect_that(false, __FILE__, __LINE__, "the transcript is the document's");
            return;
        }
    }
}

const char *transcript_repr(struct ou_object *o)
{
    static char bufs[TRANSCRIPT_REPRS][128];
    static unsigned next;
    char *buf = bufs[next++ % TRANSCRIPT_REPRS];
    ou_repr(o, buf, sizeof(bufs[0]));
    return buf;
}
