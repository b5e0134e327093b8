/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * protected_memory_is_not_peeked.c - containers with large storage die while the collector
 * reads them beside the program, and their memory is used again by somebody who protects it
 * (`secure`: by the heap itself). The collector went on reading there and was ended by SIGSEGV.
 */
#include "regress/regress.h"

enum { ITEMS = 1000000, WIDE = 20000, BLOCKS = 9, BYTES = 900000, PROTECTED = 4096 * 200 };

static int done;

static void *collect(void *arg)
{
    unsigned long *beside = arg;
    ou_gc_report report;
    REQUIRE(ou_thread_attach() == OU_OK);
    while (!ou_load_acquire(&done)) {
        ou_gc_collect_sliced(&report);
        *beside += report.beside;
    }
    ou_thread_detach();
    return NULL;
}

/* Takes the memory that has just been freed, and lets nobody look at it for a moment. */
static void protect_some(bool secure)
{
    void *blocks[BLOCKS];
    for (int i = 0; i < BLOCKS; i++) {
        blocks[i] = ou_memalign(4096, BYTES);
        REQUIRE(blocks[i] != NULL);
        REQUIRE(secure || mprotect(blocks[i], PROTECTED, PROT_NONE) == 0);
    }
    for (int i = 0; i < BLOCKS; i++) {
        REQUIRE(secure || mprotect(blocks[i], PROTECTED, PROT_READ | PROT_WRITE) == 0);
        ou_free(blocks[i]);
    }
}

static void round_of(ou_object *item, bool wide, bool secure)
{
    static ou_object *items[WIDE];
    for (int i = 0; i < WIDE; i++) {
        items[i] = item;
    }
    /* an array apart, or a run that is the object itself */
    ou_object *o = wide ? ou_tuple_new(items, WIDE) : ou_list_repeat(item, ITEMS);
    REQUIRE(o != NULL);
    for (int i = 0; i < 20; i++) {
        ou_object *small = ou_list_new(0); /* a safepoint */
        REQUIRE(small != NULL);
        ou_decref(small);
    }
    ou_decref(o);
    protect_some(secure);
}

int main(int argc, char **argv)
{
    bool secure = argc > 1 && strcmp(argv[1], "secure") == 0;
    unsigned long beside = 0;
    REQUIRE(ou_start(secure ? "gc_auto=off,gc_concurrent=2,heap_mode=secure,"
                              "heap_quarantine_bytes=64m"
                            : "gc_auto=off,gc_concurrent=2") == OU_OK);
    ou_object *item = ou_int_new(7777);
    pthread_t collector = regress_thread(collect, &beside);
    for (int i = 0, rounds = (int)scale_ops(secure ? 60 : 600); i < rounds; i++) {
        round_of(item, i % 4 == 3, secure);
    }
    ou_store_release(&done, 1);
    regress_join(collector);
    fprintf(stderr, "collections beside the program: %lu\n", beside);
    ou_decref(item);
    return regress_end(0);
}
