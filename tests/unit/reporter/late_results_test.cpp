// Results that come late by days, twice, or in any order, through the real store: the report is the one that they would
// have given in time, to the last byte, and what they are not about does not change.
#include <algorithm>
#include <random>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "reporter/render/json_report.hpp"
#include "reporter/store/sqlite_store.hpp"
#include "temporary_folder.hpp"
#include "unit/reporter/scenario.hpp"
#include "unit/reporter/some_results.hpp"

using namespace slimtax;
using namespace slimtax::reporter;
using namespace slimtax::reporter::testing;
using namespace std::chrono_literals;
using schemas::Booking;
using schemas::RunResult;

namespace {

const Instant begin = at("2026-11-16T00:00:00Z");
const Instant end = begin + 48h;
const Instant long_after = end + 24h * 20;

/// Two locations, two servers, a control, bands, hours, moods that change; some runs never come.
Scenario some_service(std::mt19937_64& random) {
    Scenario scenario;
    scenario.surroundings.locations = {"noc", "dorm"};
    scenario.definition.window.open = daily(6, 22);
    scenario.probe().every = 5min;
    scenario.probe().jitter = 0.5;
    scenario.probe().targets = {"im1", "im2"};
    schemas::Probe control = scenario.probe();
    control.id = "control";
    control.control = true;
    control.targets.clear();
    scenario.definition.probes.push_back(control);
    schemas::Objective& objective = scenario.objective();
    objective.probes = {"login"};
    objective.level = scenario.probe().level = schemas::Level::A3;
    objective.bands = {{{}, 300ms, 0.9, {}}};
    objective.need = {schemas::Quorum::Rule::any, 1};
    for (const std::string location : {"noc", "dorm"}) {
        scenario.surroundings.controls.push_back({"im", "control", "", location});
        for (const auto& key : {scenario.key(location, "im1"), scenario.key(location, "im2"),
                                schemas::SeriesKey{"im", "control", "", location}}) {
            unsigned mood = 0;
            scenario.play(key, begin - 6h, end + 6h, [&](Instant) {
                mood = random() % 10 == 0 ? static_cast<unsigned>(random() % 4) : mood;
                const auto p = random() % 100;
                return mood == 1 && p < 90   ? Verdict::failed
                       : mood == 2 && p < 50 ? Verdict::timeout
                       : mood == 3           ? Verdict::prober_fault
                       : p < 3               ? Verdict::slow
                                             : Verdict::ok;
            });
            std::erase_if(scenario.runs[key], [&](const Run&) { return random() % 40 == 0; });
            for (Run& run : scenario.runs[key]) {
                run.length = run.response = std::chrono::milliseconds(50 + random() % 300);
            }
        }
    }
    return scenario;
}

std::vector<RunResult> results_of(const Scenario& scenario) {
    std::vector<RunResult> results;
    for (const auto& [key, runs] : scenario.runs) {
        for (const Run& run : runs) {
            results.push_back(result_of(key, run));
        }
    }
    return results;
}

class Office {
public:
    explicit Office(const Scenario& scenario) : scenario_(scenario) {
        store_ = SqliteStore::open(folder_ / "results.sqlite", SqliteStore::Mode::create).value();
    }

    void take(std::span<const RunResult> results) { REQUIRE(store_->add(results)); }
    void seal(Instant now) { REQUIRE(store_->seal(now)); }

    [[nodiscard]] Report report(Instant now = long_after) const {
        const RunSource runs = RunSource::of(*store_);
        const schemas::Definitions definitions{std::make_shared<schemas::Definition>(scenario_.definition)};
        return make_report(definitions, Period{"two days", begin, end}, now, scenario_.surroundings, runs).value();
    }

private:
    const Scenario& scenario_;
    TemporaryFolder folder_;
    std::unique_ptr<SqliteStore> store_;
};

std::string told(const Report& report) {
    return json_text(report_json(report));
}

Booking booked_at(const ObjectiveReport& report, Instant instant) {
    for (const BookedSpan& span : report.strip) {
        if (instant < span.to) {
            return span.booking;
        }
    }
    return Booking::outside;
}

}  // namespace

TEST_CASE("results late by days, twice and in any order give the report that they would have given in time") {
    for (std::uint64_t seed = 1; seed <= 4; ++seed) {
        CAPTURE(seed);
        std::mt19937_64 random(seed);
        const Scenario scenario = some_service(random);
        std::vector<RunResult> results = results_of(scenario);
        Office fresh(scenario);
        fresh.take(results);
        const std::string expected = told(fresh.report());
        REQUIRE(fresh.report().services[0].objectives[0].outages.size() > 2);

        // A fifth of them twice, all shuffled, in batches over days; hours are sealed and reports made meanwhile.
        for (std::size_t i = 0, n = results.size(); i < n; i += 5) {
            results.push_back(results[i]);
        }
        std::shuffle(results.begin(), results.end(), random);
        Office late(scenario);
        constexpr std::size_t batches = 9;
        for (std::size_t i = 0; i < batches; ++i) {
            const std::size_t from = results.size() * i / batches;
            late.take(std::span(results).subspan(from, results.size() * (i + 1) / batches - from));
            const Instant now = begin + static_cast<int>(i) * 17h;
            if (i % 2 == 1) {
                late.seal(now);
            }
            CHECK(late.report(now).services.size() == 1);
        }
        CHECK(told(late.report()) == expected);
        late.take(results);  // all of it once more
        late.seal(long_after);
        CHECK(told(late.report()) == expected);
    }
}

TEST_CASE("late results change the stretch that they are about, and nothing else") {
    for (std::uint64_t seed = 11; seed <= 14; ++seed) {
        CAPTURE(seed);
        std::mt19937_64 random(seed);
        const Scenario scenario = some_service(random);
        std::vector<RunResult> results = results_of(scenario);
        const Instant from = begin + 20h;
        const Instant to = begin + 29h;
        const auto late = std::stable_partition(results.begin(), results.end(), [&](const RunResult& result) {
            return result.intended < from || result.intended >= to;
        });
        Office office(scenario);
        office.take({results.begin(), late});
        office.seal(long_after);
        const Report before = office.report();
        office.take({late, results.end()});
        const Report after = office.report();
        CHECK(told(before) != told(after));
        const ObjectiveReport& was = before.services[0].objectives[0];
        const ObjectiveReport& is = after.services[0].objectives[0];
        CHECK(is.minutes[Booking::unmeasured] < was.minutes[Booking::unmeasured]);
        // The run before the late ones held until the next was due; controls beside them may have judged a location.
        const Duration edge = 3 * is.longest_gap;
        for (Instant t = begin; t < end; t += 1min) {
            if (t < from - edge || t >= to + edge) {
                CAPTURE(schemas::to_rfc3339(t));
                CHECK(booked_at(was, t) == booked_at(is, t));
            }
        }
    }
}
