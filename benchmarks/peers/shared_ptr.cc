/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * shared_ptr.cc - what C++ programs use instead: std::shared_ptr, as ouro-peer-shared_ptr.
 *
 * The rows carry the names of those of micro/ and do the same work, with the same checks.
 * They are written out here because a reference is two words wide and counts itself when it is
 * copied: the vocabulary of ops_*.h does not fit it. There is no collector, so rings, which
 * would leak, and explicit collections are not done. Objects are made by make_shared (one
 * block), references convert statically: the fastest way there is. libstdc++ counts without
 * atomics until the process has made its first thread; a program with threads is what ouro is
 * compared with, so one is made before the first row.
 */
#include "micro.h"

#include "ops_shared_ptr.h"

#include <sys/single_threaded.h>

#include <cstring>
#include <new>
#include <thread>
#include <vector>

extern "C" {
extern const char *const micro_runtime_name = "shared_ptr";
extern const char *const micro_name_prefix = "shared_ptr/";
}

namespace
{

constexpr size_t OBJECTS = 1024;   /* as counts.c */
constexpr uint32_t WINDOW = 10000; /* as objects.c */
constexpr int PAIRS = 4096;        /* as objects.c */
constexpr int64_t FIRST = 1000000; /* as all of them */
constexpr size_t MILLION = 1000000;
constexpr size_t MANY = 10000000;

double seconds_since(uint64_t begin_ns)
{
    return static_cast<double>(micro_now_ns() - begin_ns) * 1e-9;
}

/* --- counts: a copy of the reference more, and that copy less --------------------------- */

const char *expect_counts(const std::vector<ref> &o, long count)
{
    for (const ref &r : o) {
        if (r.use_count() != count) {
            return "a reference was not counted";
        }
    }
    return nullptr;
}

const char *count_pairs(gb_state *s, const std::vector<ref> &o)
{
    std::vector<ref> copies(OBJECTS);
    while (gb_next_batch(s, OBJECTS)) {
        for (size_t i = 0; i < OBJECTS; i++) {
            new (&copies[i]) ref(o[i]); /* what is there is empty: nothing to drop */
        }
        micro_escape(copies.data());
        for (size_t i = 0; i < OBJECTS; i++) {
            copies[i].reset();
        }
        micro_escape(copies.data());
    }
    const char *wrong = expect_counts(o, 1);
    copies = o;
    wrong = wrong ? wrong : expect_counts(o, 2);
    copies.clear();
    return wrong ? wrong : expect_counts(o, 1);
}

std::vector<ref> reals()
{
    std::vector<ref> o;
    for (size_t i = 0; i < OBJECTS; i++) {
        o.push_back(std::make_shared<real>(static_cast<double>(i)));
    }
    return o;
}

const char *owner_pair(gb_state *s, const micro_row *)
{
    return count_pairs(s, reals());
}

const char *foreign_pair(gb_state *s, const micro_row *)
{
    std::vector<ref> o;
    std::thread owner([&] { o = reals(); });
    owner.join();
    return count_pairs(s, o);
}

/* What all threads of hot_pair hold. */
ref hot_object;

const char *hot_pair(gb_state *s, const micro_row *)
{
    ref mine = hot_object;
    while (gb_next_batch(s, OBJECTS)) {
        for (size_t i = 0; i < OBJECTS; i++) {
            ref copy = mine;
            micro_escape(&copy);
        }
    }
    /* Other threads may still be at it. */
    const bool alone = gb_thread_count(s) == 1;
    return mine.use_count() == 2 || (!alone && mine.use_count() > 2)
               ? nullptr
               : "a reference was not counted";
}

/* --- objects ----------------------------------------------------------------------------- */

struct parts {
    std::array<ref, 3> item{make_int(FIRST), make_int(FIRST + 1), make_int(FIRST + 2)};
    long count() const
    {
        return item[0].use_count() + item[1].use_count() + item[2].use_count();
    }
};

struct int_kind {
    static ref make(const parts &, uint64_t i)
    {
        return make_int(FIRST + static_cast<int64_t>(i & 1023));
    }
};
struct float_kind {
    static ref make(const parts &, uint64_t i)
    {
        return std::make_shared<real>(static_cast<double>(i & 1023));
    }
};
struct str20_kind {
    static ref make(const parts &, uint64_t i)
    {
        char bytes[] = "abcdefghijklmnopqrst";
        bytes[0] = static_cast<char>('a' + (i & 15));
        return std::make_shared<text>(bytes, 20);
    }
};
struct tuple3_kind {
    static ref make(const parts &p, uint64_t)
    {
        return std::make_shared<tuple>(p.item);
    }
};
struct list3_kind {
    static ref make(const parts &p, uint64_t)
    {
        return std::make_shared<list>(p.item);
    }
};
struct node2_kind {
    static ref make(const parts &p, uint64_t)
    {
        return std::make_shared<node>(p.item[0], p.item[1]);
    }
};

const char *values_check()
{
    parts p;
    ref i = int_kind::make(p, 5), f = float_kind::make(p, 5), t = str20_kind::make(p, 5);
    bool good = int_value(i) == FIRST + 5 && static_cast<real *>(f.get())->value > 4.9 &&
                static_cast<real *>(f.get())->value < 5.1 &&
                static_cast<text *>(t.get())->value == "fbcdefghijklmnopqrst";
    return good ? nullptr : "an object does not have the value it was made with";
}

template <class kind> const char *lifo(gb_state *s, const micro_row *)
{
    parts p;
    uint64_t i = 0;
    while (gb_next_batch(s, PAIRS)) {
        for (int k = 0; k < PAIRS; k++) {
            ref o = kind::make(p, i++);
            micro_escape(o.get());
        }
    }
    return p.count() == 3 ? values_check() : "a dead object still holds its items";
}

template <class kind> const char *window(gb_state *s, const micro_row *)
{
    parts p;
    ref one = kind::make(p, 5);
    const long held = p.count() - 3;
    one.reset();
    std::vector<ref> live;
    for (uint32_t i = 0; i < WINDOW; i++) {
        live.push_back(kind::make(p, i));
    }
    uint64_t x = micro_seed;
    while (gb_next_batch(s, PAIRS)) {
        for (int k = 0; k < PAIRS; k++) {
            uint32_t i = micro_below(&x, WINDOW);
            live[i].reset();
            live[i] = kind::make(p, i);
        }
    }
    if (p.count() != 3 + held * static_cast<long>(WINDOW)) {
        return "the live objects do not hold their items";
    }
    live.clear();
    return p.count() == 3 ? values_check() : "a dead object still holds its items";
}

/* --- lists ------------------------------------------------------------------------------- */

int64_t item_sum(size_t n)
{
    auto items = static_cast<int64_t>(n);
    return items * FIRST + items * (items - 1) / 2;
}

int64_t sum_of(const std::vector<ref> &items)
{
    int64_t sum = 0;
    for (const ref &o : items) {
        sum += int_value(o);
    }
    return sum;
}

std::vector<ref> distinct_list(size_t n)
{
    std::vector<ref> items;
    for (size_t i = 0; i < n; i++) {
        items.push_back(make_int(FIRST + static_cast<int64_t>(i)));
    }
    return items;
}

const char *append_shared(gb_state *s, const micro_row *row)
{
    ref item = make_int(FIRST);
    distinct_list(row->size); /* page faults of a fresh process: lists.c */
    while (gb_next_batch(s, static_cast<int64_t>(row->size))) {
        std::vector<ref> items;
        uint64_t begin = micro_now_ns();
        for (size_t i = 0; i < row->size; i++) {
            items.push_back(item);
        }
        gb_manual_time(s, seconds_since(begin));
        if (item.use_count() != static_cast<long>(row->size) + 1) {
            return "the list does not hold what was appended";
        }
    }
    return item.use_count() == 1 ? nullptr : "a dropped list still holds its item";
}

const char *append_distinct(gb_state *s, const micro_row *row)
{
    distinct_list(row->size);
    while (gb_next_batch(s, static_cast<int64_t>(row->size))) {
        uint64_t begin = micro_now_ns();
        std::vector<ref> items = distinct_list(row->size);
        gb_manual_time(s, seconds_since(begin));
        if (sum_of(items) != item_sum(row->size)) {
            return "the list does not hold what was appended";
        }
    }
    return nullptr;
}

const char *scan_sum(gb_state *s, const micro_row *row)
{
    std::vector<ref> items = distinct_list(row->size);
    while (gb_next_batch(s, static_cast<int64_t>(row->size))) {
        uint64_t begin = micro_now_ns();
        int64_t sum = sum_of(items);
        gb_manual_time(s, seconds_since(begin));
        if (sum != item_sum(row->size)) {
            return "the sum is wrong";
        }
    }
    return nullptr;
}

const char *copy_list(gb_state *s, const micro_row *row)
{
    std::vector<ref> items = distinct_list(row->size);
    while (gb_next_batch(s, static_cast<int64_t>(row->size))) {
        uint64_t begin = micro_now_ns();
        std::vector<ref> copy = items;
        gb_manual_time(s, seconds_since(begin));
        if (sum_of(copy) != item_sum(row->size)) {
            return "the copy differs";
        }
    }
    return nullptr;
}

const char *clear_list(gb_state *s, const micro_row *row)
{
    distinct_list(row->size);
    while (gb_next_batch(s, static_cast<int64_t>(row->size))) {
        std::vector<ref> items = distinct_list(row->size);
        uint64_t begin = micro_now_ns();
        items.clear();
        items.shrink_to_fit();
        gb_manual_time(s, seconds_since(begin));
        if (!items.empty()) {
            return "the list is not empty";
        }
    }
    return nullptr;
}

/* --- chains ------------------------------------------------------------------------------ */

ref chain_of(size_t n, const ref &value)
{
    ref last;
    for (size_t i = 0; i < n; i++) {
        last = std::make_shared<node>(std::move(last), value);
    }
    return last;
}

template <bool time_drop> const char *chain(gb_state *s, const micro_row *row)
{
    const size_t n = row->size;
    ref value = make_int(FIRST);
    chain_of(n, value);
    while (gb_next_batch(s, static_cast<int64_t>(n))) {
        uint64_t begin = micro_now_ns();
        ref last = chain_of(n, value);
        double build_s = seconds_since(begin);
        if (value.use_count() != static_cast<long>(n) + 1) {
            return "a node does not hold the value";
        }
        begin = micro_now_ns();
        last.reset();
        gb_manual_time(s, time_drop ? seconds_since(begin) : build_s);
        if (value.use_count() != 1) {
            return "a dropped node still holds the value";
        }
    }
    return nullptr;
}

/* --- rows: limits are ouro-micro's ------------------------------------------------------ */

/* A row's function; the C side sees no exception. */
template <micro_fn work> const char *guarded(gb_state *s, const micro_row *row)
{
    try {
        return work(s, row);
    } catch (const std::bad_alloc &) {
        return "out of memory";
    }
}

template <micro_fn work>
void add(const char *name, unsigned flags, size_t size = 0, int threads = 0)
{
    micro_row row{"", guarded<work>, nullptr, size, threads, flags};
    micro_add_named(&row, "%s%s", name, size == MANY ? "/10M" : "");
}

template <class kind> void add_kind(const char *name)
{
    const std::string full = std::string("objects/") + name;
    add<lifo<kind>>((full + "/lifo").c_str(), MICRO_QUICK);
    add<window<kind>>((full + "/window").c_str(), 0);
}

void add_rows()
{
    add<owner_pair>("counts/owner_pair", MICRO_QUICK);
    add<foreign_pair>("counts/foreign_pair", MICRO_QUICK | MICRO_THREADS);
    add<hot_pair>("counts/hot_pair", MICRO_QUICK | MICRO_THREADS, 0, 1);
    add<hot_pair>("counts/hot_pair", MICRO_QUICK | MICRO_THREADS, 0, 2);
    add_kind<int_kind>("int");
    add_kind<float_kind>("float");
    add_kind<str20_kind>("str20");
    add_kind<tuple3_kind>("tuple3");
    add_kind<list3_kind>("list3");
    add_kind<node2_kind>("node2");
    for (size_t n : {MILLION, MANY}) {
        const unsigned quick = n == MANY ? MICRO_MANUAL : MICRO_MANUAL | MICRO_QUICK;
        add<append_shared>("lists/append_shared", MICRO_MANUAL, n);
        add<append_distinct>("lists/append_distinct", quick, n);
        add<scan_sum>("lists/scan_sum", quick, n);
        add<copy_list>("lists/copy", MICRO_MANUAL, n);
        add<clear_list>("lists/clear", quick, n);
        add<chain<false>>(n == MANY ? "chains/build" : "chains/build/1M", quick, n);
        add<chain<true>>(n == MANY ? "chains/drop" : "chains/drop/1M", quick, n);
    }
}

} /* namespace */

extern "C" {

void (*const micro_concerns[])(void) = {add_rows, nullptr};

int micro_runtime_start(void)
{
    std::thread([] {}).join(); /* from here on counts are atomic */
    hot_object = std::make_shared<real>(0.5);
    return 0;
}

void micro_runtime_stop(void)
{
    hot_object.reset();
}

bool micro_thread_enter(void)
{
    return true;
}

void micro_thread_leave(void)
{
}

void micro_runtime_context(void)
{
    gb_context("runtime_version", "libstdc++ " __VERSION__);
    gb_context("runtime_build", __libc_single_threaded ? "plain counts" : "atomic counts");
}

} /* extern "C" */
