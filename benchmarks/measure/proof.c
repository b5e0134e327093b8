/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * proof.c - from the symbol malloc to a file and its build id. Called once before measuring.
 * What must stay true: the answer comes from the linker and the kernel, never from the
 * environment.
 */
#define _GNU_SOURCE /* dladdr, dl_iterate_phdr, RTLD_DEFAULT */
#include "proof.h"

#include <dlfcn.h>
#include <elf.h>
#include <limits.h>
#include <link.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Names by which an allocator's file is known; the first match wins. */
static const struct {
    const char *part;
    const char *name;
} proof_names[] = {
    {"libouro", "ouro"},      {"jemalloc", "jemalloc"},
    {"mimalloc", "mimalloc"}, {"tcmalloc", "tcmalloc"},
    {"scudo", "scudo"},       {"snmalloc", "snmalloc"},
    {"rpmalloc", "rpmalloc"}, {"hardened_malloc", "hardened_malloc"},
    {"libasan", "asan"},      {"libtsan", "tsan"},
    {"libc.so", "glibc"},     {"libc-2.", "glibc"},
};

static const char *proof_base(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* The file mapped at `addr` according to the kernel. */
static int proof_mapped(uintptr_t addr, char *path)
{
    static char line[PROOF_PATH + 128];
    int found = -1;
    FILE *maps = fopen("/proc/self/maps", "re");
    if (!maps) {
        return -1;
    }
    while (found != 0 && fgets(line, sizeof line, maps)) {
        unsigned long from;
        unsigned long to;
        int at = 0;
        if (sscanf(line, "%lx-%lx %*s %*s %*s %*s %n", &from, &to, &at) < 2 || at == 0) {
            continue;
        }
        if (addr >= from && addr < to && line[at] == '/') {
            line[strcspn(line, "\n")] = 0;
            snprintf(path, PROOF_PATH, "%s", line + at);
            found = 0;
        }
    }
    fclose(maps);
    return found;
}

struct proof_search {
    uintptr_t addr;
    struct proof *out;
};

static void proof_notes(const char *at, size_t len, struct proof *out)
{
    while (len >= sizeof(ElfW(Nhdr))) {
        const ElfW(Nhdr) *note = (const void *)at;
        size_t name = (note->n_namesz + 3u) & ~(size_t)3;
        size_t desc = (note->n_descsz + 3u) & ~(size_t)3;
        size_t all = sizeof *note + name + desc;
        if (all > len) {
            return;
        }
        const char *who = at + sizeof *note;
        if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4 && !memcmp(who, "GNU", 4)) {
            const unsigned char *id = (const unsigned char *)who + name;
            for (size_t i = 0; i < note->n_descsz && i < 64; i++) {
                snprintf(out->build_id + 2 * i, 3, "%02x", id[i]);
            }
            return;
        }
        at += all;
        len -= all;
    }
}

static int proof_object(struct dl_phdr_info *info, size_t size, void *arg)
{
    (void)size;
    struct proof_search *s = arg;
    int inside = 0;
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *ph = &info->dlpi_phdr[i];
        uintptr_t from = info->dlpi_addr + ph->p_vaddr;
        inside |= ph->p_type == PT_LOAD && s->addr >= from && s->addr < from + ph->p_memsz;
    }
    for (unsigned i = 0; inside && i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *ph = &info->dlpi_phdr[i];
        if (ph->p_type == PT_NOTE) {
            proof_notes((const char *)(info->dlpi_addr + ph->p_vaddr), ph->p_memsz, s->out);
        }
    }
    return inside;
}

static const char *proof_file_of(const char *symbol, void **addr)
{
    Dl_info info;
    *addr = dlsym(RTLD_DEFAULT, symbol);
    if (!*addr || !dladdr(*addr, &info)) {
        return NULL;
    }
    return info.dli_fname;
}

static int proof_same_file(const char *file, char *why, size_t why_size)
{
    static const char *const family[] = {"calloc", "realloc", "free"};
    for (size_t i = 0; i < sizeof family / sizeof *family; i++) {
        void *addr;
        const char *other = proof_file_of(family[i], &addr);
        if (!other || strcmp(other, file) != 0) {
            snprintf(why, why_size, "malloc is from %s but %s is from %s", file, family[i],
                     other ? other : "nowhere");
            return -1;
        }
    }
    return 0;
}

int proof_read(struct proof *out, char *why, size_t why_size)
{
    void *addr;
    memset(out, 0, sizeof *out);
    const char *file = proof_file_of("malloc", &addr);
    if (!file) {
        snprintf(why, why_size, "the symbol malloc cannot be resolved");
        return -1;
    }
    if (proof_same_file(file, why, why_size) != 0) {
        return -1;
    }
    if (proof_mapped((uintptr_t)addr, out->path) != 0) {
        snprintf(why, why_size, "no file is mapped where malloc is (%s)", file);
        return -1;
    }
    struct proof_search search = {(uintptr_t)addr, out};
    dl_iterate_phdr(proof_object, &search);
    snprintf(out->name, sizeof out->name, "unknown");
    for (size_t i = 0; i < sizeof proof_names / sizeof *proof_names; i++) {
        if (strstr(proof_base(out->path), proof_names[i].part)) {
            snprintf(out->name, sizeof out->name, "%s", proof_names[i].name);
            break;
        }
    }
    return 0;
}

int proof_expect(struct proof *p, const char *expect, char *why, size_t why_size)
{
    const char *eq = strchr(expect, '=');
    if (!eq || eq == expect || (size_t)(eq - expect) >= sizeof p->name) {
        snprintf(why, why_size, "--expect wants NAME=PATH, not '%s'", expect);
        return -2;
    }
    int same;
    if (eq[1] == 0) {
        const char *base = proof_base(p->path);
        same = !strncmp(base, "libc.so", 7) || !strncmp(base, "libc-2.", 7);
    } else {
        char want[PATH_MAX];
        same = realpath(eq + 1, want) && !strcmp(want, p->path);
    }
    if (!same) {
        snprintf(why, why_size, "expected allocator %s, but malloc is from %s", expect,
                 p->path);
        return -1;
    }
    snprintf(p->name, sizeof p->name, "%.*s", (int)(eq - expect), expect);
    return 0;
}
