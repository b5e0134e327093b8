/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * plain.h - what the programs of this folder share. They are plain programs, not linked to
 * ouro, and have libouro-malloc.so preloaded: `NAME` must succeed, `NAME plant` plants the
 * fault that the check is there for and must be noticed (ctest: WILL_FAIL).
 */
#ifndef TESTS_PLAIN_H
#define TESTS_PLAIN_H

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LIMITS_SKIPPED = 77 };

/* Ends the program when `cond` does not hold. */
#define LIMITS_REQUIRE(cond)                                                                   \
    do {                                                                                       \
        if (!(cond)) {                                                                         \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);                         \
            _exit(1);                                                                          \
        }                                                                                      \
    } while (0)

/* True for `NAME plant`. Checks first that malloc is the preloaded one; otherwise everything
 * here would test the C library. Status 0 then, which WILL_FAIL does not take for a fault. */
static inline bool limits_planted(int argc, char **argv)
{
    Dl_info info;
    bool planted = argc > 1 && !strcmp(argv[1], "plant");
    void *malloc_address = dlsym(RTLD_DEFAULT, "malloc");
    if (!dladdr(malloc_address, &info) || !strstr(info.dli_fname, "libouro-malloc")) {
        fprintf(stderr, "malloc is %s's\n", info.dli_fname);
        _exit(planted ? 0 : 1);
    }
    return planted;
}

/* Resident KiB of this process now. */
static inline long limits_rss_kib(void)
{
    long pages = 0;
    FILE *in = fopen("/proc/self/statm", "r");
    LIMITS_REQUIRE(in && fscanf(in, "%*s %ld", &pages) == 1);
    fclose(in);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

/* Mappings of this process now. */
static inline long limits_maps(void)
{
    long lines = 0;
    int c;
    FILE *in = fopen("/proc/self/maps", "r");
    LIMITS_REQUIRE(in != NULL);
    while ((c = fgetc(in)) != EOF) {
        lines += c == '\n';
    }
    fclose(in);
    return lines;
}

#endif
