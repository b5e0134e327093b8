/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * address_space.c - under limits on address space from 64 MiB to 1 GiB a preloaded program
 * starts, allocates until NULL with ENOMEM, can still take a smaller block and resize within
 * it, loses no contents, gives all back, and can take it all again. Planted: a block's contents
 * change while memory is short.
 */
#include "plain.h"

enum { PIECE = 48 << 10, MOST = 1 << 16 };

/* Blocks until memory ends; each holds its number at both ends. Returns how many. */
static unsigned take_all(unsigned **at)
{
    unsigned n = 0;
    errno = 0;
    while (n < MOST && (at[n] = malloc(PIECE))) {
        at[n][0] = at[n][PIECE / sizeof(unsigned) - 1] = n;
        n++;
    }
    LIMITS_REQUIRE(n < MOST && errno == ENOMEM);
    return n;
}

static void give_all(unsigned **at, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        LIMITS_REQUIRE(at[i][0] == i && at[i][PIECE / sizeof(unsigned) - 1] == i);
        free(at[i]);
    }
}

static int limited(bool planted)
{
    static unsigned *at[MOST];
    unsigned first = take_all(at);
    LIMITS_REQUIRE(first >= 8);
    for (int i = 0; i < 3; i++) { /* a page for each class that is used below */
        free(at[--first]);
    }
    char *small = malloc(1000);
    LIMITS_REQUIRE(small != NULL);
    memset(small, 7, 1000);
    small = realloc(small, 2000);
    LIMITS_REQUIRE(small && small[999] == 7);
    errno = 0;
    LIMITS_REQUIRE(!realloc(small, (size_t)4 << 30) && errno == ENOMEM && small[999] == 7);
    free(small);
    at[0][0] += planted;
    give_all(at, first);
    unsigned again = take_all(at);
    printf("%u blocks of %d KiB, then %u\n", first, PIECE >> 10, again);
    LIMITS_REQUIRE(again + 2 >= first - first / 50);
    give_all(at, again);
    return 0;
}

int main(int argc, char **argv)
{
    limits_planted(argc, argv);
    if (argc > 2) { /* NAME plant|no under: the program that runs under the limit */
        return limited(!strcmp(argv[1], "plant"));
    }
    for (rlim_t mib = 64; mib <= 1024; mib *= 2) {
        pid_t pid = fork();
        LIMITS_REQUIRE(pid >= 0);
        if (pid == 0) {
            struct rlimit limit = {mib << 20, mib << 20};
            LIMITS_REQUIRE(setrlimit(RLIMIT_AS, &limit) == 0);
            execl("/proc/self/exe", argv[0], argc > 1 ? argv[1] : "no", "under", (char *)NULL);
            _exit(1);
        }
        int status = -1;
        LIMITS_REQUIRE(waitpid(pid, &status, 0) == pid);
        if (status != 0) {
            fprintf(stderr, "at %lu MiB: status %d\n", (unsigned long)mib, status);
            return 1;
        }
    }
    return 0;
}
