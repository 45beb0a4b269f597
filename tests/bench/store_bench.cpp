// What the store costs: rows taken in per CPU second, bytes a row, nanoseconds to read a row for the ledger.
//
//   bench-store [SERIES] [HOURS]        default 200 series, one run each 30 s, 48 hours
//
// Rows are http runs with one step and five timings, as http.get makes them, of which 1 % fail. They come in batches of
// 400 (what 200 series bring in a minute), oldest first, are sealed each simulated hour, and are read back whole at the
// end, a series at a time. CPU is user + system time of this process, all threads. Build it with the release preset.
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <random>

#include <fmt/format.h>

#include "reporter/store/sqlite_store.hpp"
#include "schemas/series.hpp"

namespace {

using namespace slimtax;
using schemas::Duration;
using schemas::Instant;

double cpu_seconds() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

schemas::RunResult some_run(std::mt19937_64& dice, const schemas::SeriesKey& key, Instant intended) {
    const auto about = [&](double mean) {
        return Duration(static_cast<std::int64_t>(std::lognormal_distribution<>(std::log(mean), 0.3)(dice)));
    };
    schemas::RunResult run;
    run.key = key;
    run.intended = intended;
    run.started = intended + about(120);
    run.every = std::chrono::seconds(30);
    schemas::StepResult step;
    step.name = "fetch the page";
    step.operation = "http.get";
    for (const auto& [name, mean] : {std::pair{"lookup", 900.0},
                                     {"connect", 400.0},
                                     {"tls", 2500.0},
                                     {"first_byte", 14'000.0},
                                     {"body", 3000.0}}) {
        step.timings.push_back({name, about(mean)});
        step.response += step.timings.back().took;
    }
    if (dice() % 100 == 0) {
        run.verdict = step.verdict = schemas::Verdict::failed;
        run.reason = step.reason = fmt::format("GET https://{}/ failed: connection refused", key.target);
    }
    run.response = step.response;
    run.length = step.response + Duration(40);
    run.steps.push_back(std::move(step));
    return run;
}

template <class T>
T good(reporter::Stored<T> outcome) {
    if (!outcome) {
        std::fprintf(stderr, "%s\n", outcome.error().reason.c_str());
        std::exit(1);
    }
    return std::move(*outcome);
}

}  // namespace

int main(int argc, char** argv) {
    const int series_count = argc > 1 ? std::atoi(argv[1]) : 200;
    const int hours = argc > 2 ? std::atoi(argv[2]) : 48;
    const std::filesystem::path folder = fmt::format("store-bench.{}", getpid());
    std::filesystem::create_directory(folder);
    const auto file = folder / "results.sqlite";
    std::mt19937_64 dice(1);
    const Instant begin = std::chrono::sys_days(std::chrono::year(2026) / 11 / 16);

    std::vector<schemas::SeriesKey> keys;
    std::vector<schemas::Schedule> schedules;
    for (int i = 0; i < series_count; ++i) {
        keys.push_back({"portal", "pages", fmt::format("web-{}.campus.example", i), "noc"});
        schedules.emplace_back(keys.back(), std::chrono::seconds(30), 0.5);
    }
    auto store = good(reporter::SqliteStore::open(file, reporter::SqliteStore::Mode::create));
    std::uint64_t rows = 0;
    double add_cpu = 0;
    double add_wall = 0;
    double seal_cpu = 0;
    for (int minute = 0; minute < hours * 60; ++minute) {
        const Instant from = begin + std::chrono::minutes(minute);
        std::vector<schemas::RunResult> batch;
        for (std::size_t i = 0; i < keys.size(); ++i) {
            for (Instant at = schedules[i].first_from(from); at < from + std::chrono::minutes(1);
                 at = schedules[i].first_from(at + Duration(1))) {
                batch.push_back(some_run(dice, keys[i], at));
            }
        }
        const auto wall = std::chrono::steady_clock::now();
        double cpu = cpu_seconds();
        rows += good(store->add(batch)).stored;
        add_cpu += cpu_seconds() - cpu;
        add_wall += std::chrono::duration<double>(std::chrono::steady_clock::now() - wall).count();
        if (minute % 60 == 59) {
            cpu = cpu_seconds();
            good(store->seal(from));
            seal_cpu += cpu_seconds() - cpu;
        }
    }
    good(store->seal(begin + std::chrono::hours(hours + 2)));
    store.reset();  // copies the log into the file
    const auto bytes = static_cast<double>(std::filesystem::file_size(file));

    store = good(reporter::SqliteStore::open(file, reporter::SqliteStore::Mode::read_only));
    double scan_cpu = cpu_seconds();
    std::uint64_t seen = 0;
    for (const schemas::SeriesKey& key : keys) {
        seen += good(store->runs(key, begin, begin + std::chrono::hours(hours))).runs.size();
    }
    scan_cpu = cpu_seconds() - scan_cpu;
    const auto all = static_cast<double>(rows);
    fmt::print("{} rows of {} series over {} hours, 1 step and 5 timings each, batches of one simulated minute\n", rows,
               series_count, hours);
    fmt::print("add   {:8.0f} rows/CPU-s  {:8.0f} rows/s on the clock, synced each batch\n", all / add_cpu,
               all / add_wall);
    fmt::print("seal  {:8.0f} rows/CPU-s\n", all / seal_cpu);
    fmt::print("both  {:8.0f} rows/CPU-s\n", all / (add_cpu + seal_cpu));
    fmt::print("size  {:8.1f} bytes/row, steps included\n", bytes / all);
    fmt::print("scan  {:8.1f} ns/row of {} read for the ledger\n", scan_cpu / static_cast<double>(seen) * 1e9, seen);
    store.reset();
    std::filesystem::remove_all(folder);
}
