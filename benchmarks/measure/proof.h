/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * proof.h - which allocator does this process really have?
 *
 * A preload that does not exist is only a warning of the loader, so a name on a row proves
 * nothing. The proof asks the dynamic linker where malloc resolves to, asks the kernel which
 * file is mapped there, and reads that file's build id out of memory.
 */
#ifndef MEASURE_PROOF_H
#define MEASURE_PROOF_H

#include <stddef.h>

#define PROOF_PATH 4096

struct proof {
    char name[64];         /* glibc, jemalloc, ...: from the file's name, or as expected */
    char path[PROOF_PATH]; /* the file malloc is mapped from */
    char build_id[129];    /* hex, "" when the file has none */
};

/* Fills `out`. 0, or -1 with one line in `why`: malloc cannot be resolved, or malloc, calloc,
 * realloc and free do not come from one file. */
int proof_read(struct proof *out, char *why, size_t why_size);

/* Compares with "NAME=PATH" ("glibc=" alone: libc). On agreement takes over NAME. 0, -1 with a
 * line in `why` when it is another file, -2 when the text has no NAME=. */
int proof_expect(struct proof *p, const char *expect, char *why, size_t why_size);

#endif
