/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * work_table.h - the dict of runtimes that have none of their own: the standard library's hash
 * table, on their references and their memory. Keys are integers, as in every workload. C++.
 */
#ifndef OURO_WORK_TABLE_H
#define OURO_WORK_TABLE_H

#include <cstdint>
#include <functional>
#include <unordered_map>

/* `value(ref)` is an integer object's value. */
template <class ref, int64_t (*value)(const ref &)> struct by_value {
    size_t operator()(const ref &key) const
    {
        return std::hash<int64_t>()(value(key));
    }
    bool operator()(const ref &a, const ref &b) const
    {
        return value(a) == value(b);
    }
};

template <class ref, int64_t (*value)(const ref &), template <class> class memory>
using work_table = std::unordered_map<ref, ref, by_value<ref, value>, by_value<ref, value>,
                                      memory<std::pair<const ref, ref>>>;

#endif
