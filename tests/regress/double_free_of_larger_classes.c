/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * double_free_of_larger_classes.c - small blocks say in themselves that they are free; those
 * above 512 bytes have a byte beside the heap for it. The death programs of tests/misuse free
 * blocks of 64 bytes and large ones, so nothing looked at the classes in between, nor at
 * spans of several pages, nor at tracked objects given to ou_free by another thread.
 *
 * Each case runs in a child and must end it by SIGABRT (or by the sanitizer's report).
 */
#include "regress/regress.h"

enum { DFL_MANY = 500 };

typedef struct dfl_case {
    const char *name;
    void (*act)(size_t bytes);
    size_t bytes;
} dfl_case;

static void *dfl_free(void *p)
{
    ou_free(p);
    return NULL;
}

static void dfl_at_once(size_t bytes)
{
    void *p = ou_malloc(bytes);
    ou_free(p);
    ou_free(p);
}

static void dfl_after_others(size_t bytes)
{
    static void *others[DFL_MANY];
    void *p = ou_malloc(bytes);
    for (int i = 0; i < DFL_MANY; i++) {
        others[i] = ou_malloc(bytes);
        REQUIRE(others[i] != NULL);
    }
    ou_free(p);
    for (int i = 0; i < DFL_MANY; i++) {
        ou_free(others[i]);
    }
    ou_free(p);
}

static void dfl_other_after_owner(size_t bytes)
{
    void *p = ou_malloc(bytes);
    ou_free(p);
    regress_join(regress_thread(dfl_free, p));
}

static void dfl_owner_after_other(size_t bytes)
{
    void *p = ou_malloc(bytes);
    regress_join(regress_thread(dfl_free, p));
    ou_free(p);
}

static void dfl_interior(size_t bytes)
{
    char *p = ou_malloc(bytes);
    ou_free(p + bytes / 2 / 16 * 16);
}

static void dfl_object(size_t items)
{
    ou_free(ou_tuple_new(NULL, items));
}

static void dfl_object_by_other(size_t items)
{
    ou_object *o = ou_list_new(items);
    regress_join(regress_thread(dfl_free, o));
}

static int dfl_run(void *arg)
{
    const dfl_case *c = arg;
    regress_start();
    if (freopen("/dev/null", "w", stderr) == NULL) {
        return 2;
    }
    c->act(c->bytes);
    return 0; /* nothing was noticed */
}

static void dfl_expect_death(const char *name, void (*act)(size_t), size_t bytes)
{
    dfl_case c = {name, act, bytes};
    int status = regress_child(dfl_run, &c);
    bool aborted = WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
    bool reported = (SCALE_ASAN || SCALE_TSAN) && WIFEXITED(status) && WEXITSTATUS(status) != 0;
    if (!EXPECT(aborted || reported)) {
        fprintf(stderr, "%s, %zu: wait status %d\n", name, bytes, status);
    }
}

int main(void)
{
    static const size_t sizes[] = {512, 513, 576, 1000, 4000, 8192, 10000, 32768};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        dfl_expect_death("at once", dfl_at_once, sizes[i]);
        dfl_expect_death("after others", dfl_after_others, sizes[i]);
        dfl_expect_death("other after owner", dfl_other_after_owner, sizes[i]);
        dfl_expect_death("owner after other", dfl_owner_after_other, sizes[i]);
        dfl_expect_death("interior", dfl_interior, sizes[i]);
    }
    dfl_expect_death("object by another thread", dfl_object_by_other, 0);
    dfl_expect_death("object by another thread", dfl_object_by_other, 100);
    dfl_expect_death("tuple", dfl_object, 0);
    return expect_result();
}
