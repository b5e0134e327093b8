/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * operators.cc - every form of C++'s operators new and delete goes to the preloaded heap:
 * malloc_usable_size, which ends the process for any pointer that is not from it, takes them
 * all. No memory is bad_alloc, or NULL without exceptions. Planted: one pointer that does not
 * come from there.
 */
#include <malloc.h>

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <initializer_list>
#include <new>

namespace
{

struct alignas(256) wide {
    char bytes[300];
};

int faults;

void is_of_the_heap(void *p, std::size_t bytes, std::size_t align)
{
    if (!p || malloc_usable_size(p) < bytes || reinterpret_cast<std::uintptr_t>(p) % align) {
        std::fprintf(stderr, "%zu bytes aligned to %zu: %p\n", bytes, align, p);
        faults++;
        return;
    }
    std::memset(p, 1, bytes);
}

void plain_forms(std::size_t n)
{
    void *a = ::operator new(n), *b = ::operator new[](n);
    void *c = ::operator new(n, std::nothrow), *d = ::operator new[](n, std::nothrow);
    for (void *p : {a, b, c, d}) {
        is_of_the_heap(p, n, 16);
    }
    ::operator delete(a);
    ::operator delete[](b, n);
    ::operator delete(c, n);
    ::operator delete[](d, std::nothrow);
}

void aligned_forms(std::size_t n, std::size_t align)
{
    const std::align_val_t at{align};
    void *a = ::operator new(n, at), *b = ::operator new[](n, at);
    void *c = ::operator new(n, at, std::nothrow), *d = ::operator new[](n, at, std::nothrow);
    for (void *p : {a, b, c, d}) {
        is_of_the_heap(p, n, align);
    }
    ::operator delete(a, at);
    ::operator delete[](b, n, at);
    ::operator delete(c, n, at);
    ::operator delete[](d, at, std::nothrow);
}

void refusals()
{
    volatile std::size_t n = SIZE_MAX / 2 + 1;
    bool caught = false;
    try {
        ::operator delete(::operator new(n));
    } catch (const std::bad_alloc &) {
        caught = true;
    }
    if (!caught || ::operator new(n, std::nothrow) ||
        ::operator new (n, std::align_val_t{64}, std::nothrow)) {
        std::fprintf(stderr, "%zu bytes were not refused\n", std::size_t{n});
        faults++;
    }
}

} // namespace

int main(int argc, char **argv)
{
    for (std::size_t n = 0; n < 200000; n = n * 3 + 1) {
        plain_forms(n);
        for (std::size_t align = 1; align <= 65536; align *= 4) {
            aligned_forms(n, align);
        }
    }
    wide *one = new wide, *some = new wide[7];
    is_of_the_heap(one, sizeof *one, 256);
    is_of_the_heap(some, 7 * sizeof *some, 256);
    delete one;
    delete[] some;
    refusals();
    if (argc > 1 && !std::strcmp(argv[1], "plant")) {
        is_of_the_heap(&faults, 1, 1);
    }
    return faults ? 1 : 0;
}
