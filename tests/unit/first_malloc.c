/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * first_malloc.c - the very first allocation of a process, of every size, before anything is
 * initialised: each size in a child of its own, because there is only one first time.
 */
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ouro/heap.h"

static int child(size_t bytes)
{
    char *p = ou_malloc(bytes);
    if (!p || ou_malloc_usable_size(p) < bytes) {
        return 1;
    }
    memset(p, 0xAB, bytes);
    return ou_heap_check() == 0 ? 0 : 2;
}

int main(void)
{
    for (size_t bytes = 1; bytes <= 70000; bytes += bytes < 1100 ? 13 : 3001) {
        pid_t pid = fork();
        if (pid == 0) {
            _exit(child(bytes));
        }
        int status = -1;
        if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0) {
            fprintf(stderr, "first malloc of %zu bytes: status %d\n", bytes, status);
            return 1;
        }
    }
    return 0;
}
