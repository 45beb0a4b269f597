// Whether the store and the report bear the size that they were made for (docs/scale.md has the figures):
//
//   report-bench fill FILE SERIES EVERY_S DAYS [TROUBLES [TIMINGS]]   makes a store, prints what taking in costs
//   report-bench report FILE SERIES EVERY_S DAYS [PERIODS]            makes the report, prints what that costs
//   report-bench compared FILE SERIES EVERY_S DAYS                    the report of the last fifth of the days,
//   compared
//                                                                     with the four before, as people get it
//
// Runs are http runs with one step and five timings (or TIMINGS of them), each drawn from a log-normal distribution.
// Each service is down for three runs TROUBLES times a day, at random. Results come as a prober ships them: in batches
// of 500, encoded as protobuf, each batch the next 500 that were due anywhere; they are decoded and checked, stored,
// and hours that are over are sealed, as the reporter does it. Making up and encoding the batches is not counted;
// everything from the received bytes on is, in seconds of this process' processors (all threads), syncing to disk
// included.
//
// Services have ten series each: a probe with five targets at two locations, and one objective. With
// SLIMTAX_BENCH_SINGLE in the environment they have one target at one location. `report` makes the
// report of the days that `fill` made, of PERIODS whole parts of them if that is named. Build with the release preset.
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <queue>
#include <random>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "reporter/ledger/evaluate.hpp"
#include "reporter/ledger/period.hpp"
#include "reporter/report_maker.hpp"
#include "reporter/store/sqlite_store.hpp"
#include "schemas/result_wire.hpp"
#include "schemas/series.hpp"

namespace {

using namespace slimtax;
using schemas::Duration;
using schemas::Instant;

constexpr Instant begin = std::chrono::sys_days(std::chrono::year(2026) / 11 / 16);
// Ten series a service, or one where SLIMTAX_BENCH_SINGLE is set.
const bool single = std::getenv("SLIMTAX_BENCH_SINGLE") != nullptr;
const int locations = single ? 1 : 2;
const int series_a_service = single ? 1 : 10;

double cpu_seconds() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

/// The most memory that the process ever had, in MB.
double peak_memory() {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with("VmHWM:")) {
            return std::atof(line.c_str() + 6) / 1024;
        }
    }
    return 0;
}

template <class T>
T good(tl::expected<T, reporter::StoreError> outcome) {
    if (!outcome) {
        std::fprintf(stderr, "%s\n", outcome.error().reason.c_str());
        std::exit(1);
    }
    return std::move(*outcome);
}

std::string service_name(int service) {
    return fmt::format("service-{:03}", service);
}

std::vector<schemas::SeriesKey> keys_of(int series) {
    std::vector<schemas::SeriesKey> keys;
    for (int i = 0; i < series; ++i) {
        keys.push_back({service_name(i / series_a_service), "pages",
                        fmt::format("web-{}.campus.example", i % series_a_service / locations),
                        i % locations == 0 ? "noc" : "medical-centre"});
    }
    return keys;
}

/// Draws quickly: a table of log-normal factors.
class Dice {
public:
    Dice() : engine_(1) {
        std::lognormal_distribution<> factors(0, 0.3);
        for (double& factor : table_) {
            factor = factors(engine_);
        }
    }
    Duration about(double mean) {
        const std::uint64_t number = engine_();
        // The low bits blur between two entries.
        const double blur = 1 + static_cast<double>(number >> 48) * 1e-3 / 65536;
        return Duration(static_cast<std::int64_t>(mean * table_.at(number % table_.size()) * blur));
    }

private:
    std::mt19937_64 engine_;
    std::array<double, 65536> table_{};
};

struct Plan {
    int series = 1000;
    Duration every = std::chrono::seconds(10);
    int days = 7;
    int troubles = 1;
    std::size_t timings = 5;

    /// Three runs in a row, at a moment of each part of the day that dice would choose.
    [[nodiscard]] bool down(int one, Instant intended) const {
        if (troubles == 0) {
            return false;
        }
        const Duration apart = Duration(std::chrono::hours(24)) / troubles;
        const auto part = static_cast<std::uint64_t>(intended.time_since_epoch() / apart);
        const std::uint64_t mixed = (part * 0x9e3779b97f4a7c15U ^
                                     static_cast<std::uint64_t>(one / series_a_service + 1) * 0xbf58476d1ce4e5b9U) *
                                    0x94d049bb133111ebU;
        const Duration start = Duration(static_cast<std::int64_t>(mixed >> 20) % (apart - 4 * every).count());
        const Duration within = intended.time_since_epoch() % apart;
        return within >= start && within < start + 3 * every;
    }
};

schemas::RunResult some_run(Dice& dice, const Plan& plan, const schemas::SeriesKey& key, Instant intended, bool down) {
    schemas::RunResult run;
    run.key = key;
    run.intended = intended;
    run.started = intended + dice.about(120);
    run.every = plan.every;
    schemas::StepResult step;
    step.name = "fetch the page";
    step.operation = "http.get";
    const std::pair<const char*, double> parts[] = {
        {"lookup", 900.0}, {"connect", 400.0}, {"tls", 2500.0}, {"first_byte", 14'000.0}, {"body", 3000.0}};
    for (std::size_t i = 0; i < std::min(plan.timings, std::size(parts)); ++i) {
        step.timings.push_back({parts[i].first, dice.about(parts[i].second)});
        step.response += step.timings.back().took;
    }
    if (down) {
        run.verdict = step.verdict = schemas::Verdict::failed;
        run.reason = step.reason = fmt::format("GET https://{}/ failed: connection refused", key.target);
    }
    run.response = step.response;
    run.length = step.response + dice.about(45);
    run.steps.push_back(std::move(step));
    return run;
}

void fill(const std::filesystem::path& file, const Plan& plan) {
    Dice dice;
    const std::vector<schemas::SeriesKey> keys = keys_of(plan.series);
    std::vector<schemas::Schedule> schedules;
    using Due = std::pair<Instant, int>;
    std::priority_queue<Due, std::vector<Due>, std::greater<>> due;
    const Instant end = begin + std::chrono::days(plan.days);
    for (int i = 0; i < plan.series; ++i) {
        schedules.emplace_back(keys[static_cast<std::size_t>(i)], plan.every, 0.5);
        due.emplace(schedules.back().first_from(begin), i);
    }
    auto store = good(reporter::SqliteStore::open(file, reporter::SqliteStore::Mode::create));
    std::uint64_t rows = 0;
    double decode = 0;
    double add = 0;
    double seal = 0;
    const auto wall = std::chrono::steady_clock::now();
    std::int64_t sealed = reporter::hour_of(begin);
    while (!due.empty()) {
        schemas::Batch batch{"prober", "", {}};
        Instant now = begin;
        while (batch.results.size() < 500 && !due.empty()) {
            const auto [at, one] = due.top();
            due.pop();
            now = at;
            batch.results.push_back(some_run(dice, plan, keys[static_cast<std::size_t>(one)], at, plan.down(one, at)));
            if (const Instant next = schedules[static_cast<std::size_t>(one)].first_from(at + Duration(1));
                next < end) {
                due.emplace(next, one);
            }
        }
        const std::string body = encode(batch);
        double cpu = cpu_seconds();
        const auto received = schemas::decode(body);
        if (!received) {
            std::exit(1);
        }
        decode += cpu_seconds() - cpu;
        cpu = cpu_seconds();
        rows += good(store->add(received->results)).stored;
        add += cpu_seconds() - cpu;
        if (const std::int64_t hour = reporter::hour_of(now); hour != sealed) {
            cpu = cpu_seconds();
            good(store->seal(now));
            seal += cpu_seconds() - cpu;
            sealed = hour;
        }
    }
    double cpu = cpu_seconds();
    good(store->seal(end + std::chrono::hours(2)));
    store.reset();  // copies the log into the file
    seal += cpu_seconds() - cpu;
    const double all = static_cast<double>(rows);
    const auto bytes = static_cast<double>(std::filesystem::file_size(file));
    fmt::print("{} results of {} series, each {:g} s for {} days, {} timings\n", rows, plan.series,
               schemas::to_seconds(plan.every), plan.days, plan.timings);
    fmt::print("in    {:8.0f} results/CPU-s: decode {:.2f}, add {:.2f}, seal {:.2f} µs each; {:.0f} s on the clock\n",
               all / (decode + add + seal), decode / all * 1e6, add / all * 1e6, seal / all * 1e6,
               std::chrono::duration<double>(std::chrono::steady_clock::now() - wall).count());
    fmt::print("disk  {:8.2f} bytes a result\n", bytes / all);
    fmt::print("peak  {:8.1f} MB of memory\n", peak_memory());
}

schemas::Definitions definitions_of(const Plan& plan) {
    schemas::Definitions definitions;
    for (int service = 0; service * series_a_service < plan.series; ++service) {
        auto definition = std::make_shared<schemas::Definition>();
        definition->service.id = service_name(service);
        schemas::Probe probe;
        probe.id = "pages";
        probe.every = plan.every;
        probe.timeout = plan.every / 2;
        for (int i = service * series_a_service; i < std::min(plan.series, (service + 1) * series_a_service);
             i += locations) {
            probe.targets.push_back(fmt::format("web-{}.campus.example", i % series_a_service / locations));
        }
        probe.from = {"noc"};
        if (!single) {
            probe.from.emplace_back("medical-centre");
        }
        definition->probes.push_back(probe);
        schemas::Objective objective;
        objective.id = "pages";
        objective.probes = {"pages"};
        objective.budget = schemas::Budget{std::chrono::minutes(50), schemas::BudgetPeriod::week};
        definition->objectives.push_back(objective);
        definitions.push_back(std::move(definition));
    }
    return definitions;
}

void report(const std::filesystem::path& file, const Plan& plan, int periods) {
    auto store = good(reporter::SqliteStore::open(file, reporter::SqliteStore::Mode::read_only));
    const schemas::Definitions definitions = definitions_of(plan);
    const reporter::RunSource runs = reporter::RunSource::of(*store);
    const Duration length = Duration(std::chrono::days(plan.days)) / periods;
    for (int period = 0; period < periods; ++period) {
        // Twice: the second time the file is in memory.
        for (const char* which : {"first", "again"}) {
            const double cpu = cpu_seconds();
            const auto wall = std::chrono::steady_clock::now();
            const Instant from = begin + period * length;
            const auto made = good(reporter::make_report(definitions, reporter::Period{"", from, from + length},
                                                         begin + std::chrono::days(1000), {}, runs));
            std::uint64_t results = 0;
            std::size_t outages = 0;
            for (const auto& service : made.services) {
                results +=
                    service.objectives[0].response_ms.samples + service.objectives[0].runs.of(schemas::Verdict::failed);
                outages += service.objectives[0].outages.size();
            }
            fmt::print("{} results, {} outages; report {}: {:.3f} CPU-s, {:.3f} s on the clock; peak {:.1f} MB\n",
                       results, outages, which, cpu_seconds() - cpu,
                       std::chrono::duration<double>(std::chrono::steady_clock::now() - wall).count(), peak_memory());
        }
    }
}

void compared(const std::filesystem::path& file, const Plan& plan) {
    auto store = good(reporter::SqliteStore::open(file, reporter::SqliteStore::Mode::read_only));
    const schemas::Definitions definitions = definitions_of(plan);
    const Instant end = begin + std::chrono::days(plan.days);
    const auto period =
        reporter::parse_period(schemas::to_rfc3339(end - std::chrono::days(plan.days) / 5), schemas::to_rfc3339(end));
    for (const char* which : {"first", "again"}) {
        const double cpu = cpu_seconds();
        const auto wall = std::chrono::steady_clock::now();
        const auto made = good(reporter::make_full_report(*store, definitions, {}, period.value(), end));
        std::size_t before = 0;
        for (const auto& service : made.services) {
            before += service.objectives[0].before.size();
        }
        fmt::print(
            "{} services, {} earlier figures; compared report {}: {:.3f} CPU-s, {:.3f} s on the clock; peak {:.1f} "
            "MB\n",
            made.services.size(), before, which, cpu_seconds() - cpu,
            std::chrono::duration<double>(std::chrono::steady_clock::now() - wall).count(), peak_memory());
    }
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 6) {
        std::fprintf(stderr, "report-bench fill|report|compared FILE SERIES EVERY_S DAYS …\n");
        return 1;
    }
    const auto number = [&](int index, int otherwise) { return argc > index ? std::atoi(argv[index]) : otherwise; };
    Plan plan;
    plan.series = number(3, 1000);
    plan.every = std::chrono::seconds(number(4, 10));
    plan.days = number(5, 7);
    if (std::string_view(argv[1]) == "fill") {
        plan.troubles = number(6, 1);
        plan.timings = static_cast<std::size_t>(number(7, 5));
        fill(argv[2], plan);
    } else if (std::string_view(argv[1]) == "compared") {
        compared(argv[2], plan);
    } else {
        report(argv[2], plan, std::max(1, number(6, 1)));
    }
}
