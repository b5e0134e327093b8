/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * replay.c - runs a fuzz target on the kept programs, without libFuzzer: in any build, by any
 * compiler. Names are printed before they run, so that the last one is the one that failed.
 *
 *      NAME [--plant FAULT] [FILE|FOLDER]      default: the target's corpus
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz.h"
#include "support/expect.h"

static unsigned replay_file(const char *path)
{
    static uint8_t bytes[1 << 16];
    FILE *in = fopen(path, "rb");
    REQUIRE(in != NULL);
    size_t n = fread(bytes, 1, sizeof(bytes), in);
    REQUIRE(!ferror(in));
    fclose(in);
    printf("%s: %zu bytes\n", path, n);
    fflush(stdout);
    LLVMFuzzerTestOneInput(bytes, n);
    return 1;
}

static int visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* In the order of their names. Returns how many. */
static unsigned replay_folder(const char *path)
{
    struct dirent **entries;
    char file[4096];
    int n = scandir(path, &entries, visible, alphasort);
    if (n < 0) {
        return replay_file(path);
    }
    for (int i = 0; i < n; i++) {
        int length = snprintf(file, sizeof(file), "%s/%s", path, entries[i]->d_name);
        REQUIRE(length > 0 && (size_t)length < sizeof(file));
        replay_file(file);
        free(entries[i]);
    }
    free(entries);
    return (unsigned)n;
}

int main(int argc, char **argv)
{
    int i = 1;
    if (argc > 2 && !strcmp(argv[1], "--plant")) {
        fuzz_plant = argv[2];
        i = 3;
    }
    unsigned n = replay_folder(i < argc ? argv[i] : FUZZ_CORPUS);
    printf("%u programs\n", n);
    REQUIRE(n > 0);
    return expect_result();
}
