/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * gbench.cc - gbench.h on Google Benchmark; the only C++ file of the project.
 *
 * A gb_state is a benchmark::State seen through an opaque pointer. A gb_bench holds what the
 * library has no room for: the C function, its user data and the per-thread hooks.
 *
 * What must stay true: every function that can throw is wrapped by guard(), because an
 * exception in a C frame is undefined. The JSON reporter is a subclass that cleans each run
 * before it is printed: 1.7.1 writes NaN and Infinity raw (the coefficient of variation of a
 * counter that is 0 is enough), which no JSON reader accepts.
 */
#include "gbench.h"

#include <atomic>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <memory>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

struct gb_bench {
    benchmark::internal::Benchmark *impl = nullptr; /* owned by the library */
    gb_fn fn = nullptr;
    void *user = nullptr;
    gb_fn setup = nullptr;
    gb_fn teardown = nullptr;
    size_t args = 0; /* what gb_arg_at may ask for */
};

namespace
{

std::vector<std::unique_ptr<gb_bench>> g_benches; /* main thread; read by running benchmarks */
std::atomic<int> g_errors{0};                     /* runs that called gb_skip_error */
bool g_json_display = false;
bool g_json_file = false;
thread_local const gb_bench *t_running = nullptr; /* whose function this thread is in */

benchmark::State *state_of(gb_state *s)
{
    return reinterpret_cast<benchmark::State *>(s);
}

const benchmark::State *state_of(const gb_state *s)
{
    return reinterpret_cast<const benchmark::State *>(s);
}

/* Runs `work`, turning any exception into one line on stderr and -1. */
template <class Work> int guard(const char *what, Work &&work) noexcept
{
    try {
        work();
        return 0;
    } catch (const std::exception &e) {
        std::fprintf(stderr, "gbench: %s: %s\n", what, e.what());
    } catch (...) {
        std::fprintf(stderr, "gbench: %s: unknown exception\n", what);
    }
    return -1;
}

template <class Work> int configure(gb_bench *b, const char *what, Work &&work) noexcept
{
    return b ? guard(what, [&] { work(b->impl); }) : 0;
}

/* JSON without anything a strict reader would refuse, and with names free of clock suffixes. */
class CleanJson : public benchmark::JSONReporter
{
  public:
    void ReportRuns(const std::vector<Run> &runs) override
    {
        std::vector<Run> clean(runs);
        for (Run &run : clean) {
            run.run_name.time_type.clear();
            run.run_name.min_time.clear();
            clean_numbers(run);
        }
        JSONReporter::ReportRuns(clean);
    }

  private:
    /* A quantity that is not finite has no value: counters are left out, times become 0. */
    static void clean_numbers(Run &run)
    {
        for (auto it = run.counters.begin(); it != run.counters.end();) {
            it = std::isfinite(it->second.value) ? std::next(it) : run.counters.erase(it);
        }
        if (!std::isfinite(run.real_accumulated_time)) {
            run.real_accumulated_time = 0;
        }
        if (!std::isfinite(run.cpu_accumulated_time)) {
            run.cpu_accumulated_time = 0;
        }
    }
};

/* Value of --benchmark_<flag> in argv, else of the environment's BENCHMARK_<FLAG>, else "". */
std::string flag_value(int argc, char **argv, const char *flag, const char *variable)
{
    const char *env = std::getenv(variable);
    std::string value = env ? env : "";
    const std::string prefix = std::string("--benchmark_") + flag + "=";
    for (int i = 1; i < argc; i++) {
        if (std::strncmp(argv[i], prefix.c_str(), prefix.size()) == 0) {
            value = argv[i] + prefix.size();
        }
    }
    return value;
}

size_t run_selected()
{
    /* A null reporter means the library's own choice, which reads the flags itself. */
    std::unique_ptr<CleanJson> display(g_json_display ? new CleanJson : nullptr);
    std::unique_ptr<CleanJson> file(g_json_file ? new CleanJson : nullptr);
    return benchmark::RunSpecifiedBenchmarks(display.get(), file.get());
}

} // namespace

extern "C" {

gb_bench *gb_register(const char *name, gb_fn fn, void *user)
{
    gb_bench *made = nullptr;
    int failed = guard("register", [&] {
        g_benches.emplace_back(new gb_bench);
        gb_bench *raw = g_benches.back().get();
        raw->fn = fn;
        raw->user = user;
        raw->impl = benchmark::RegisterBenchmark(name, [raw](benchmark::State &state) {
            gb_state *s = reinterpret_cast<gb_state *>(&state);
            t_running = raw;
            if (raw->setup) {
                raw->setup(s, raw->user);
            }
            raw->fn(s, raw->user);
            if (raw->teardown) {
                raw->teardown(s, raw->user);
            }
        });
        made = raw;
    });
    return failed ? nullptr : made;
}

int gb_arg(gb_bench *b, int64_t value)
{
    return gb_args(b, &value, 1);
}

int gb_args(gb_bench *b, const int64_t *values, size_t n)
{
    return configure(b, "args", [&](auto *impl) {
        impl->Args(std::vector<int64_t>(values, values + n));
        b->args = n;
    });
}

int gb_arg_names(gb_bench *b, const char *const *names, size_t n)
{
    return configure(b, "arg names", [&](auto *impl) {
        impl->ArgNames(std::vector<std::string>(names, names + n));
    });
}

int gb_range(gb_bench *b, int64_t low, int64_t high)
{
    return configure(b, "range", [&](auto *impl) {
        impl->Range(low, high);
        b->args = 1;
    });
}

int gb_dense_range(gb_bench *b, int64_t low, int64_t high, int step)
{
    return configure(b, "range", [&](auto *impl) {
        impl->DenseRange(low, high, step);
        b->args = 1;
    });
}

int gb_threads(gb_bench *b, int threads)
{
    return configure(b, "threads", [&](auto *impl) { impl->Threads(threads)->UseRealTime(); });
}

int gb_thread_range(gb_bench *b, int low, int high)
{
    return configure(b, "threads",
                     [&](auto *impl) { impl->ThreadRange(low, high)->UseRealTime(); });
}

int gb_repetitions(gb_bench *b, int n)
{
    return configure(b, "repetitions", [&](auto *impl) { impl->Repetitions(n); });
}

int gb_iterations(gb_bench *b, int64_t n)
{
    return configure(b, "iterations", [&](auto *impl) { impl->Iterations(n); });
}

int gb_min_time(gb_bench *b, double seconds)
{
    return configure(b, "min time", [&](auto *impl) { impl->MinTime(seconds); });
}

int gb_use_real_time(gb_bench *b)
{
    return configure(b, "real time", [&](auto *impl) { impl->UseRealTime(); });
}

int gb_use_manual_time(gb_bench *b)
{
    return configure(b, "manual time", [&](auto *impl) { impl->UseManualTime(); });
}

int gb_time_unit(gb_bench *b, gb_unit unit)
{
    static const benchmark::TimeUnit units[] = {benchmark::kNanosecond, benchmark::kMicrosecond,
                                                benchmark::kMillisecond, benchmark::kSecond};
    const benchmark::TimeUnit wanted = units[unit];
    return configure(b, "unit", [&](auto *impl) { impl->Unit(wanted); });
}

int gb_thread_hooks(gb_bench *b, gb_fn setup, gb_fn teardown)
{
    if (b) {
        b->setup = setup;
        b->teardown = teardown;
    }
    return 0;
}

bool gb_next_batch(gb_state *state, int64_t n)
{
    return state_of(state)->KeepRunningBatch(n);
}

int64_t gb_arg_at(const gb_state *state, size_t i)
{
    return i < t_running->args ? state_of(state)->range(i) : 0; /* range() does not check */
}

int gb_thread_index(const gb_state *state)
{
    return state_of(state)->thread_index();
}

int gb_thread_count(const gb_state *state)
{
    return state_of(state)->threads();
}

int64_t gb_done(const gb_state *state)
{
    return state_of(state)->iterations();
}

void gb_manual_time(gb_state *state, double seconds)
{
    state_of(state)->SetIterationTime(seconds);
}

void gb_counter(gb_state *state, const char *name, double value, unsigned flags)
{
    if (!std::isfinite(value)) {
        gb_skip_error(state, "a counter is not a finite number");
        return;
    }
    unsigned f = benchmark::Counter::kDefaults;
    f |= (flags & GB_RATE) ? unsigned(benchmark::Counter::kIsRate) : 0u;
    f |= (flags & GB_AVG_THREADS) ? unsigned(benchmark::Counter::kAvgThreads) : 0u;
    f |= (flags & GB_AVG_ITERATIONS) ? unsigned(benchmark::Counter::kAvgIterations) : 0u;
    guard("counter", [&] {
        state_of(state)->counters[name] =
            benchmark::Counter(value, static_cast<benchmark::Counter::Flags>(f));
    });
}

void gb_items(gb_state *state, int64_t items)
{
    guard("items", [&] { state_of(state)->SetItemsProcessed(items); });
}

void gb_bytes(gb_state *state, int64_t bytes)
{
    guard("bytes", [&] { state_of(state)->SetBytesProcessed(bytes); });
}

void gb_label(gb_state *state, const char *label)
{
    guard("label", [&] { state_of(state)->SetLabel(label); });
}

void gb_skip_error(gb_state *state, const char *reason)
{
    g_errors.fetch_add(1, std::memory_order_relaxed); /* read after the threads have joined */
    guard("error", [&] { state_of(state)->SkipWithError(reason); });
}

int gb_context(const char *key, const char *value)
{
    return guard("context", [&] {
        auto *&context = benchmark::internal::GetGlobalContext();
        if (context != nullptr && context->count(key) != 0) {
            (*context)[key] = value; /* AddCustomContext would only complain */
        } else {
            benchmark::AddCustomContext(key, value);
        }
    });
}

int gb_init(int *argc, char **argv)
{
    bool leftover = false;
    int failed = guard("options", [&] {
        std::string out = flag_value(*argc, argv, "out", "BENCHMARK_OUT");
        std::string out_format = flag_value(*argc, argv, "out_format", "BENCHMARK_OUT_FORMAT");
        g_json_display = flag_value(*argc, argv, "format", "BENCHMARK_FORMAT") == "json";
        g_json_file = !out.empty() && (out_format.empty() || out_format == "json");
        benchmark::Initialize(argc, argv);
        leftover = benchmark::ReportUnrecognizedArguments(*argc, argv);
    });
    return failed || leftover ? -1 : 0;
}

int gb_run(void)
{
    size_t ran = 0;
    int failed = guard("run", [&] {
        ran = run_selected();
        benchmark::Shutdown();
    });
    if (failed || ran == 0) {
        return -1;
    }
    return g_errors.load() > 0 ? -2 : static_cast<int>(ran);
}

} /* extern "C" */
