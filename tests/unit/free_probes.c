/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * free_probes.c - free() of what is not the start of a block, for every size class: one
 * comparison in free() says both that a block begins there and that it was handed out, so each
 * child here frees one wrong address and has to die of the right message.
 *
 *      free_probes [SEED]
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ouro/heap.h"
#include "support/prng.h"
#include "support/seed.h"

#define BLOCKS 40

static int failures;

/* The child frees `p`; what it says must hold `expect`. */
static void probe(char *p, const char *expect, size_t bytes)
{
    int ends[2];
    char said[512] = "";
    if (pipe(ends) != 0) {
        perror("pipe");
        exit(2);
    }
    pid_t pid = fork();
    if (pid == 0) {
        dup2(ends[1], STDERR_FILENO);
        ou_free(p);
        _exit(0);
    }
    close(ends[1]);
    size_t len = 0;
    for (ssize_t n; len < sizeof said - 1; len += (size_t)n) {
        n = read(ends[0], said + len, sizeof said - 1 - len);
        if (n <= 0) {
            break;
        }
    }
    close(ends[0]);
    int status = 0;
    waitpid(pid, &status, 0);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT || !strstr(said, expect)) {
        fprintf(stderr, "%zu bytes: free(%p): status %d, expected \"%s\", said: %s\n", bytes,
                (void *)p, status, expect, said);
        failures++;
    }
}

int main(int argc, char **argv)
{
    seed_args args = seed_parse(argc, argv, "free_probes", 1);
    prng r = prng_from(args.seed, 0);
    for (size_t bytes = 16; bytes <= 32768; bytes = bytes < 128 ? bytes + 16 : bytes * 9 / 8) {
        char *blocks[BLOCKS], *last = NULL;
        for (int i = 0; i < BLOCKS; i++) {
            blocks[i] = ou_malloc(bytes);
            last = blocks[i] > last ? blocks[i] : last;
        }
        size_t size = ou_malloc_usable_size(last);
        char *block = blocks[prng_below(&r, BLOCKS)];
        probe(block + 1, "interior pointer", size);
        probe(block + size - 1, "interior pointer", size);
        probe(block + size / 2, "interior pointer", size);
        probe(block + 1 + prng_below(&r, size - 1), "interior pointer", size);
        size_t page = (size_t)last & 65535;
        if (size <= 2048 && page + (8192 / size + BLOCKS + 2) * size <= 65536) {
            probe(last + (8192 / size + BLOCKS + 1) * size, "never handed out", size);
        }
        for (int i = 0; i < BLOCKS; i++) {
            ou_free(blocks[i]);
        }
    }
    return failures ? 1 : 0;
}
