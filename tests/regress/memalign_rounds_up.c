/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * memalign_rounds_up.c - memalign and aligned_alloc of the malloc library refused alignments
 * that are no power of two, where the GNU C library rounds up to the next one; programs rely on
 * it.
 *
 * Runs with the library preloaded, and not linked to ouro.
 */
#include <dlfcn.h>
#include <malloc.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef void *(*mru_aligned)(size_t align, size_t size);

static int mru_try(mru_aligned take, size_t align, size_t power)
{
    int wrong = 0;
    for (size_t bytes = 1; bytes < 3000; bytes = bytes * 3 + 1) {
        char *p = take(align, bytes);
        if (!p || (uintptr_t)p % power) {
            fprintf(stderr, "alignment %zu of %zu bytes: %p\n", align, bytes, (void *)p);
            wrong++;
        }
        if (p) {
            memset(p, 1, bytes);
            free(p);
        }
    }
    return wrong;
}

int main(void)
{
    static const size_t cases[][2] = {{0, 16},   {1, 16},    {3, 16},      {16, 16},
                                      {24, 32},  {33, 64},   {48, 64},     {64, 64},
                                      {96, 128}, {100, 128}, {3000, 4096}, {4097, 8192}};
    Dl_info from;
    void *found = dlsym(RTLD_DEFAULT, "memalign");
    if (!found || !dladdr(found, &from) || !strstr(from.dli_fname, "libouro-malloc")) {
        fprintf(stderr, "memalign_rounds_up: the malloc library is not preloaded\n");
        return 2;
    }
    int wrong = 0;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        wrong += mru_try(memalign, cases[i][0], cases[i][1]);
        wrong += mru_try(aligned_alloc, cases[i][0], cases[i][1]);
    }
    volatile size_t huge = ((size_t)1 << 63) + 1; /* there is no such power of two */
    wrong += memalign(huge, 1) != NULL;
    return wrong ? 1 : 0;
}
