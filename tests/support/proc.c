/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * proc.c - reads /proc and counts lines for tests. Uses no allocation that a test would count.
 */
#include "support/proc.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/expect.h"

size_t proc_rss_bytes(void)
{
    char text[128] = {0};
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return 0;
    }
    ssize_t n = read(fd, text, sizeof(text) - 1);
    close(fd);
    unsigned long total = 0;
    unsigned long resident = 0;
    if (n <= 0 || sscanf(text, "%lu %lu", &total, &resident) != 2) {
        return 0;
    }
    return (size_t)resident * (size_t)sysconf(_SC_PAGESIZE);
}

size_t proc_lines_with(const char *text, const char *needle)
{
    size_t lines = 0;
    while (text && *text) {
        const char *end = strchr(text, '\n');
        size_t len = end ? (size_t)(end - text) : strlen(text);
        lines += memmem(text, len, needle, strlen(needle)) != NULL;
        text += len + (end ? 1 : 0);
    }
    return lines;
}

FILE *proc_null(void)
{
    static FILE *null;
    if (!null) {
        null = fopen("/dev/null", "w");
        REQUIRE(null != NULL);
    }
    return null;
}
