/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * runner.c - runs one death program and compares how it ended with what its source expects.
 *
 *      runner PROGRAM SOURCE
 *
 * Exit 0: it died by SIGABRT and a line of its stderr matches. `clean`: it ended well and
 * nothing was noticed; `clean, EXPRESSION`: ... and a line matches. `signal N`: it died of that
 * signal without a line, as whoever touches a page without access does. Otherwise 1, with what
 * was expected and what happened. Under AddressSanitizer a report of that tool is as good as
 * ouro's own line: whoever sees the misuse first tells.
 */
#include <errno.h>
#include <regex.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/scale.h"

enum { RUNNER_TEXT = 1 << 16 };

static char runner_text[RUNNER_TEXT];

/* The expression behind `// expect: ` on the first line of the source. */
static char *runner_expectation(const char *source)
{
    static char line[512];
    static const char mark[] = "// expect: ";
    FILE *in = fopen(source, "r");
    if (!in || !fgets(line, sizeof(line), in) || strncmp(line, mark, sizeof(mark) - 1) != 0) {
        fprintf(stderr, "%s:1: no line `%s...`\n", source, mark);
        exit(2);
    }
    fclose(in);
    line[strcspn(line, "\n")] = 0;
    return line + sizeof(mark) - 1;
}

/* Runs the program with stderr in runner_text; returns its wait status. */
static int runner_run(const char *program)
{
    int fds[2];
    int status = 0;
    size_t len = 0;
    if (pipe(fds) != 0) {
        perror("pipe");
        exit(2);
    }
    pid_t child = fork();
    if (child == 0) {
        struct rlimit none = {0, 0};
        setrlimit(RLIMIT_CORE, &none);
        dup2(fds[1], STDERR_FILENO);
        close(fds[0]);
        close(fds[1]);
        execl(program, program, (char *)NULL);
        _exit(127);
    }
    close(fds[1]);
    for (;;) {
        char scrap[4096];
        bool full = len + sizeof(scrap) > RUNNER_TEXT - 1;
        ssize_t n = read(fds[0], full ? scrap : runner_text + len, sizeof(scrap));
        if (n <= 0 && !(n < 0 && errno == EINTR)) {
            break;
        }
        len += full || n < 0 ? 0 : (size_t)n;
    }
    close(fds[0]);
    if (child < 0 || waitpid(child, &status, 0) != child) {
        perror("fork");
        exit(2);
    }
    return status;
}

static bool runner_line_matches(const char *expression)
{
    regex_t re;
    if (regcomp(&re, expression, REG_EXTENDED | REG_NOSUB | REG_NEWLINE) != 0) {
        fprintf(stderr, "bad expression: %s\n", expression);
        exit(2);
    }
    bool found = regexec(&re, runner_text, 0, NULL, 0) == 0;
    regfree(&re);
    return found;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: %s PROGRAM SOURCE\n", argv[0]);
        return 2;
    }
    const char *expected = runner_expectation(argv[2]);
    int status = runner_run(argv[1]);
    bool aborted = WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
    bool good;
    if (strncmp(expected, "clean", 5) == 0) {
        good = status == 0 && !runner_line_matches("ouro: panic:");
        good = good && (!expected[5] || runner_line_matches(expected + strlen("clean, ")));
    } else if (strncmp(expected, "signal ", 7) == 0) {
        good = WIFSIGNALED(status) && WTERMSIG(status) == atoi(expected + 7) &&
               !runner_line_matches("ouro: panic:|survived");
        good = good || ((SCALE_ASAN || SCALE_TSAN) && status != 0 &&
                        runner_line_matches("Sanitizer: ?(SEGV|DEADLYSIGNAL)"));
    } else {
        good = aborted && runner_line_matches(expected);
        if (SCALE_ASAN && !good) {
            good = status != 0 && runner_line_matches("ERROR: AddressSanitizer");
        }
    }
    fputs(runner_text, stdout);
    if (!good) {
        fprintf(stderr, "%s: expected: %s\n", argv[2], expected);
        fprintf(stderr, "%s: ended by %s %d\n", argv[2],
                WIFSIGNALED(status) ? "signal" : "exit status",
                WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    }
    return good ? 0 : 1;
}
