/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * ops_shared_ptr.h - objects with a kind and a value, held by std::shared_ptr. C++; included by
 * shared_ptr.cc only.
 */
#ifndef OURO_OPS_SHARED_PTR_H
#define OURO_OPS_SHARED_PTR_H

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

enum kind_of { INTEGER, REAL, TEXT, TUPLE, LIST, NODE };

struct object {
    explicit object(kind_of k) : kind(k)
    {
    }
    kind_of kind;
};

using ref = std::shared_ptr<object>;

struct integer : object {
    explicit integer(int64_t v) : object(INTEGER), value(v)
    {
    }
    int64_t value;
};

struct real : object {
    explicit real(double v) : object(REAL), value(v)
    {
    }
    double value;
};

struct text : object {
    text(const char *bytes, size_t n) : object(TEXT), value(bytes, n)
    {
    }
    std::string value;
};

/* So many references, which stand behind the length wherever it is known only at run time. */
template <uint32_t n> struct tuple_of : object {
    explicit tuple_of(const std::array<ref, n> &items) : object(TUPLE), item(items)
    {
    }
    uint32_t length = n;
    std::array<ref, n> item;
};

using tuple = tuple_of<3>;

struct list : object {
    list() : object(LIST)
    {
    }
    explicit list(const std::array<ref, 3> &items)
        : object(LIST), item(items.begin(), items.end())
    {
    }
    std::vector<ref> item;
};

/* A chain's nodes are all of one length. */
template <uint32_t n> struct node_of : object {
    template <class... refs>
    explicit node_of(refs &&...items) : object(NODE), slot{std::forward<refs>(items)...}
    {
    }
    node_of(const node_of &) = delete;
    node_of &operator=(const node_of &) = delete;
    /* Without recursion: a chain of 10^7 would need as many stack frames. */
    ~node_of()
    {
        ref next = std::move(slot[0]);
        while (next && next->kind == NODE && next.use_count() == 1) {
            ref after = std::move(static_cast<node_of *>(next.get())->slot[0]);
            next = std::move(after);
        }
    }
    uint32_t length = n;
    std::array<ref, n> slot;
};

using node = node_of<2>;

inline ref make_int(int64_t v)
{
    return std::make_shared<integer>(v);
}

inline int64_t int_value(const ref &o)
{
    return static_cast<const integer *>(o.get())->value;
}

#endif
