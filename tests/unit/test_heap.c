/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * test_heap.c - the malloc family: sizes at every edge, alignment, contents through realloc,
 * overflow with errno, usable sizes, accounting, trimming.
 */
#include "support/unit.h"

#include <errno.h>
#include <pthread.h>

#include "support/prng.h"

/* Kept out of the compiler's sight: it warns about sizes that cannot be. */
static size_t hidden(size_t n)
{
    volatile size_t v = n;
    return v;
}

static void zero_bytes_give_a_unique_block(void **state)
{
    (void)state;
    void *a = ou_malloc(0);
    void *b = ou_malloc(0);
    void *c = ou_calloc(0, 8);
    void *d = ou_calloc(8, 0);
    assert_non_null(a);
    assert_non_null(c);
    assert_non_null(d);
    assert_ptr_not_equal(a, b);
    assert_ptr_not_equal(c, d);
    ou_free(a);
    ou_free(b);
    ou_free(c);
    ou_free(d);
    ou_free(NULL);
}

static void absurd_sizes_set_errno(void **state)
{
    (void)state;
    size_t sizes[] = {SIZE_MAX,
                      SIZE_MAX - 1,
                      SIZE_MAX - 15,
                      SIZE_MAX / 2,
                      (size_t)PTRDIFF_MAX + 1,
                      (size_t)PTRDIFF_MAX,
                      (size_t)1 << 62,
                      SIZE_MAX - 4096,
                      SIZE_MAX - 65536};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        errno = 0;
        assert_null(ou_malloc(hidden(sizes[i])));
        assert_int_equal(errno, ENOMEM);
        errno = 0;
        assert_null(ou_calloc(1, hidden(sizes[i])));
        assert_int_equal(errno, ENOMEM);
        errno = 0;
        assert_null(ou_memalign(64, hidden(sizes[i])));
        assert_int_equal(errno, ENOMEM);
    }
}

static void calloc_overflow(void **state)
{
    (void)state;
    size_t pairs[][2] = {{SIZE_MAX, 2},
                         {2, SIZE_MAX},
                         {(size_t)1 << 32, (size_t)1 << 32},
                         {SIZE_MAX / 16 + 2, 16},
                         {SIZE_MAX, SIZE_MAX}};
    for (size_t i = 0; i < 5; i++) {
        errno = 0;
        assert_null(ou_calloc(hidden(pairs[i][0]), hidden(pairs[i][1])));
        assert_int_equal(errno, ENOMEM);
    }
}

static void calloc_is_zero_also_when_reused(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 16, 100, 1000, 10000, 32768, 32769, 100000, 3 << 20};
    for (size_t i = 0; i < 9; i++) {
        unsigned char *p = ou_malloc(sizes[i]);
        memset(p, 0xee, sizes[i]);
        ou_free(p);
        p = ou_calloc(1, sizes[i]);
        for (size_t k = 0; k < sizes[i]; k++) {
            assert_int_equal(p[k], 0);
        }
        ou_free(p);
    }
}

static void every_size_is_aligned_and_usable(void **state)
{
    (void)state;
    for (size_t n = 0; n < 70000; n += n < 2048 ? 1 : 509) {
        unsigned char *p = ou_malloc(n);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 16, 0);
        size_t usable = ou_malloc_usable_size(p);
        assert_true(usable >= n);
        memset(p, 0x5a, usable); /* all of it may be used */
        ou_free(p);
    }
    assert_int_equal(ou_malloc_usable_size(NULL), 0);
    assert_int_equal(ou_heap_check(), 0);
}

static void small_blocks_do_not_waste(void **state)
{
    (void)state;
    for (size_t n = 1; n <= 32768; n++) {
        void *p = ou_malloc(n);
        size_t usable = ou_malloc_usable_size(p);
        /* steps of 16 bytes at first, then 12.5 % */
        assert_true(usable <= (n <= 128 ? n + 16 : n + n / 7 + 16));
        ou_free(p);
    }
}

static void memalign_every_power_of_two(void **state)
{
    (void)state;
    for (size_t align = 1; align <= (size_t)1 << 21; align *= 2) {
        for (size_t size = 1; size <= 100000; size *= 7) {
            unsigned char *p = ou_memalign(align, size);
            assert_non_null(p);
            assert_int_equal((uintptr_t)p % align, 0);
            assert_true(ou_malloc_usable_size(p) >= size);
            memset(p, 1, size);
            p = ou_realloc(p, size * 2); /* content survives, alignment need not */
            assert_int_equal(p[size - 1], 1);
            ou_free(p);
        }
    }
    assert_int_equal(ou_heap_check(), 0);
}

/* No power of two: refused, or (as glibc does) rounded up to one; never a crooked block. */
static void bad_alignment_is_refused_or_rounded(void **state)
{
    (void)state;
    size_t bad[] = {24, 48, 1000, 5000};
    size_t rounded[] = {32, 64, 1024, 8192};
    for (size_t i = 0; i < 4; i++) {
        for (size_t size = 1; size < 3000; size *= 3) {
            errno = 0;
            void *p = ou_memalign(hidden(bad[i]), size);
            if (p) {
                assert_int_equal((uintptr_t)p % rounded[i], 0);
                ou_free(p);
            } else {
                assert_true(errno == EINVAL || errno == ENOMEM);
            }
        }
    }
    errno = 0;
    assert_null(ou_memalign(hidden(SIZE_MAX), 64));
    assert_true(errno == EINVAL || errno == ENOMEM);
    errno = 0;
    assert_null(ou_memalign((size_t)1 << 63, 64)); /* a power of two nobody has */
    assert_int_equal(errno, ENOMEM);
}

static void realloc_keeps_content(void **state)
{
    (void)state;
    prng r = prng_from(7, 0);
    size_t size = 1;
    unsigned char *p = ou_malloc(size);
    p[0] = 0;
    for (int i = 0; i < 2000; i++) {
        size_t next = 1 + prng_below(&r, i % 50 == 0 ? 4 << 20 : 3000);
        unsigned char *q = ou_realloc(p, next);
        assert_non_null(q);
        size_t same = next < size ? next : size;
        for (size_t k = 0; k < same; k += 1 + same / 300) {
            assert_int_equal(q[k], (unsigned char)(k * 31));
        }
        for (size_t k = 0; k < next; k++) {
            q[k] = (unsigned char)(k * 31);
        }
        p = q;
        size = next;
    }
    ou_free(p);
}

static void realloc_at_the_edges(void **state)
{
    (void)state;
    unsigned char *p = ou_realloc(NULL, 100); /* as malloc */
    assert_non_null(p);
    memset(p, 0x77, 100);
    errno = 0;
    assert_null(ou_realloc(p, hidden(SIZE_MAX)));
    assert_int_equal(errno, ENOMEM);
    errno = 0;
    assert_null(ou_realloc(p, hidden((size_t)PTRDIFF_MAX + 1)));
    assert_int_equal(errno, ENOMEM);
    assert_int_equal(p[0], 0x77); /* untouched by the failures */
    assert_int_equal(p[99], 0x77);
    size_t live = ou_heap_live_bytes();
    void *q = ou_realloc(p, 0); /* frees, or gives a minimal block: both are allowed */
    ou_free(q);
    assert_true(ou_heap_live_bytes() < live);
}

static void live_bytes_are_counted(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 64, 1000, 32768, 40000, 5 << 20};
    size_t base = ou_heap_live_bytes();
    void *p[6];
    size_t usable = 0;
    for (int i = 0; i < 6; i++) {
        p[i] = ou_malloc(sizes[i]);
        usable += ou_malloc_usable_size(p[i]);
        assert_int_equal(ou_heap_live_bytes() - base, usable);
    }
    assert_true(ou_heap_held_bytes() >= ou_heap_live_bytes());
    for (int i = 0; i < 6; i++) {
        ou_free(p[i]);
    }
    assert_int_equal(ou_heap_live_bytes(), base);
}

static void trim_gives_back(void **state)
{
    (void)state;
    enum { N = 2000 };
    static void *p[N];
    ou_heap_trim();
    size_t base = ou_heap_held_bytes();
    for (int i = 0; i < N; i++) {
        p[i] = ou_malloc(16384);
        memset(p[i], 1, 16384);
    }
    void *large = ou_malloc(16 << 20);
    memset(large, 1, 16 << 20);
    size_t high = ou_heap_held_bytes();
    assert_true(high >= base + N * 16384 + (16 << 20));
    for (int i = 0; i < N; i++) {
        ou_free(p[i]);
    }
    ou_free(large);
    ou_heap_trim();
    size_t low = ou_heap_held_bytes();
    assert_true(low < base + (4 << 20));
    assert_int_equal(ou_heap_check(), 0);
}

enum { REMOTE = 960 };

typedef struct travellers {
    void *blocks[REMOTE];
    int n;
} travellers;

static void *free_only(void *arg)
{
    travellers *t = arg;
    for (int i = 0; i < t->n; i++) {
        ou_free(t->blocks[i]);
    }
    return NULL;
}

/* Another thread frees `n` blocks of `size`, which come back whole; returns the chains used. */
static uint64_t send_home(size_t size, int n)
{
    travellers t = {.n = n};
    size_t live = ou_heap_live_bytes();
    for (int i = 0; i < n; i++) {
        t.blocks[i] = ou_malloc(size);
    }
    uint64_t frees = ou_stat("heap_remote_frees"), chains = ou_stat("heap_remote_chains");
    uint64_t drained = ou_stat("heap_remote_drained");
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, free_only, &t), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(ou_stat("heap_remote_frees") - frees >= (uint64_t)n);
    chains = ou_stat("heap_remote_chains") - chains;
    assert_int_equal(ou_heap_live_bytes(), live);
    ou_heap_trim();
    assert_true(ou_stat("heap_remote_drained") - drained >= (uint64_t)n);
    assert_int_equal(ou_heap_live_bytes(), live);
    assert_int_equal(ou_heap_check(), 0);
    return chains;
}

/* A thread that never allocates has no heap to begin with; still its frees travel in batches.
 */
static void frees_by_others_travel_in_batches(void **state)
{
    (void)state;
    static const size_t sizes[] = {16, 32, 64, 512, 1024};
    for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
        uint64_t chains = send_home(sizes[k], REMOTE);
        assert_true(chains <= REMOTE / 4); /* a batch is 16 blocks at least, of few pages */
    }
}

static void chains_of_any_length_come_home(void **state)
{
    (void)state;
    static const size_t sizes[] = {16, 48, 256, 20000}; /* the last: spans of several pages */
    for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
        for (int n = 1; n <= 10; n++) {
            send_home(sizes[k], 64 + n); /* the first 64 make a heap for the thread */
        }
        for (int n = 120; n <= 135; n++) {
            send_home(sizes[k], n);
        }
    }
}

static void blocks_do_not_overlap(void **state)
{
    (void)state;
    enum { N = 3000 };
    static uint64_t *p[N];
    static size_t words[N];
    prng r = prng_from(11, 0);
    for (size_t i = 0; i < N; i++) {
        words[i] = 1 + prng_below(&r, i % 100 ? 60 : 9000);
        p[i] = ou_malloc(words[i] * 8);
        for (size_t k = 0; k < words[i]; k++) {
            p[i][k] = i;
        }
    }
    for (size_t i = 0; i < N; i++) {
        for (size_t k = 0; k < words[i]; k++) {
            assert_true(p[i][k] == i);
        }
        ou_free(p[i]);
    }
    assert_int_equal(ou_heap_check(), 0);
}

static void freed_block_is_handed_out_again(void **state)
{
    (void)state;
    static const size_t sizes[] = {16, 48, 128, 1000, 8192};
    for (size_t i = 0; i < 5; i++) {
        void *p = ou_malloc(sizes[i]);
        uintptr_t was = (uintptr_t)p;
        ou_free(p);
        void *again = ou_malloc(sizes[i]);
        assert_int_equal((uintptr_t)again, was);
        ou_free(again);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(zero_bytes_give_a_unique_block),
        UNIT_TEST(absurd_sizes_set_errno),
        UNIT_TEST(calloc_overflow),
        UNIT_TEST(calloc_is_zero_also_when_reused),
        UNIT_TEST(every_size_is_aligned_and_usable),
        UNIT_TEST(small_blocks_do_not_waste),
        UNIT_TEST(memalign_every_power_of_two),
        UNIT_TEST(bad_alignment_is_refused_or_rounded),
        UNIT_TEST(realloc_keeps_content),
        UNIT_TEST(realloc_at_the_edges),
        UNIT_TEST(live_bytes_are_counted),
        UNIT_TEST(trim_gives_back),
        UNIT_TEST(frees_by_others_travel_in_batches),
        UNIT_TEST(chains_of_any_length_come_home),
        UNIT_TEST(blocks_do_not_overlap),
        UNIT_TEST(freed_block_is_handed_out_again),
    };
    return UNIT_MAIN(tests);
}
