/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * dlclose_then_thread_exit.c - a thread loads the library, allocates, unloads it and ends. The
 * end of a thread calls back into the heap, which was not mapped any more: the process crashed.
 *
 * The library stays once it is loaded. `dlclose_then_thread_exit LIBRARY`; not linked to ouro.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>

static void *dte_library;

static void *dte_use(void *arg)
{
    void *(*take)(size_t);
    void (*give)(void *);
    *(void **)&take = dlsym(dte_library, "ou_malloc");
    *(void **)&give = dlsym(dte_library, "ou_free");
    if (!take || !give) {
        fprintf(stderr, "%s\n", dlerror());
        return NULL;
    }
    char *p = take(100);
    if (!p) {
        return NULL;
    }
    p[99] = 1;
    give(p);
    dlclose(dte_library);
    return arg;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: dlclose_then_thread_exit LIBRARY\n");
        return 2;
    }
    for (int i = 0; i < 3; i++) {
        pthread_t t;
        void *done = NULL;
        dte_library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
        if (!dte_library) {
            fprintf(stderr, "%s\n", dlerror());
            return 1;
        }
        if (pthread_create(&t, NULL, dte_use, &i) != 0 || pthread_join(t, &done) != 0 ||
            !done) {
            fprintf(stderr, "%s:%d: the thread did not do its work\n", __FILE__, __LINE__);
            return 1;
        }
    }
    return 0;
}
