// A report made from outlines equals the one made from every run, byte for byte. More seeds:
// SLIMTAX_LEDGER_SEEDS=20000 (and SLIMTAX_LEDGER_FIRST_SEED to begin elsewhere).
#include "reporter/store/outline.hpp"

#include <algorithm>
#include <cstdlib>
#include <random>

#include <doctest/doctest.h>

#include "reporter/ledger/load_series.hpp"
#include "reporter/render/render.hpp"
#include "reporter/store/sqlite_store.hpp"
#include "unit/reporter/dice.hpp"
#include "unit/reporter/scenario.hpp"
#include "unit/reporter/some_results.hpp"
#include "unit/reporter/temporary_folder.hpp"

using namespace slimtax;
using namespace slimtax::reporter;
using namespace slimtax::reporter::testing;
using namespace std::chrono_literals;

namespace {

struct Case {
    Scenario scenario;
    Period period;
    Instant now;
};

/// Mostly a good series, in which everything happens that can happen to one.
std::vector<Run> random_runs(Dice& dice, const schemas::SeriesKey& key, const schemas::Probe& probe, Instant from,
                             Instant to) {
    std::vector<Run> runs;
    const bool imported = dice.chance(25);
    const int trouble = dice.one_of(std::vector<int>{0, 1, 1, 4});  // in a thousand runs something begins
    const Instant changed = dice.chance(30) ? from + dice.up_to(to - from) : from;
    Verdict mood = Verdict::ok;
    bool lost = false;
    bool long_runs = false;
    for (Instant t = from; t < to;) {
        const Duration every = t < changed ? probe.every * 2 : probe.every;
        const Instant intended = imported ? t : schemas::Schedule(key, every, probe.jitter).first_from(t);
        const bool change = mood != Verdict::ok || lost || long_runs ? dice.chance(20) : dice.roll(1, 1000) <= trouble;
        if (change) {
            const int what = dice.roll(0, 9);
            mood = what < 5 ? static_cast<Verdict>(dice.roll(0, 5)) : Verdict::ok;
            lost = what == 5;
            long_runs = what == 6;
        }
        if (!lost) {
            Run run;
            run.intended = run.started = intended;
            run.started += dice.chance(50) ? dice.up_to(every / 20) : 0us;
            if (dice.roll(1, 1000) == 1) {
                run.started += dice.one_of(std::vector<Duration>{-every, every / 2, every, 26h});
            }
            run.length = run.response = every / 100 + dice.up_to(every / (dice.chance(1) ? 2 : 200));
            if (long_runs) {
                run.length = run.response = dice.up_to(every * 3);
            }
            run.every = dice.chance(trouble) ? 0us : every;
            run.verdict = mood;
            run.reason = mood == Verdict::ok ? "" : "refused at " + schemas::to_rfc3339(intended);
            if (dice.roll(1, 3000) == 1) {
                run.work = 3;
                run.work_span = every;
            }
            runs.push_back(run);
        }
        const Duration wander = imported && dice.chance(2) ? dice.up_to(every * 2 / 3) : 0us;
        t = imported ? t + every + wander : intended + 1us;
    }
    for (int n = runs.empty() ? 0 : dice.roll(0, 5); n > 0; --n) {
        runs.push_back(dice.one_of(runs));
    }
    std::shuffle(runs.begin(), runs.end(), dice.engine());
    return runs;
}

void random_promises(Dice& dice, schemas::Objective& objective, Duration every) {
    objective.agree = {dice.one_of(std::vector{schemas::Quorum::Rule::any, schemas::Quorum::Rule::majority}), 1};
    if (dice.chance(60)) {
        objective.level = schemas::Level::A3;
        // Beyond all that is usual, at the slowest ones, or in the midst of them.
        const Duration limit = dice.one_of(std::vector<Duration>{every, every / 40, every * 3 / 200});
        objective.bands = {{{}, limit, 0.98, {}}, {limit, 2 * limit, {}, 0.05}, {2 * limit, {}, {}, 0.01}};
        if (dice.chance(30)) {
            objective.below_target_for = every * dice.roll(2, 6);
        }
    }
}

Case random_case(std::uint64_t seed) {
    Dice dice(seed);
    Case result;
    Scenario& scenario = result.scenario;
    schemas::Probe& probe = scenario.probe();
    probe.every = dice.one_of(std::vector<Duration>{5min, 7min, 11min});
    probe.timeout = dice.chance(70) ? probe.every / 3 : probe.every * 2;
    probe.jitter = dice.one_of(std::vector<double>{0, 0.2, 0.5});
    if (dice.chance(30)) {
        probe.targets = {"t1", "t2"};
    }
    if (dice.chance(40)) {
        scenario.surroundings.locations.push_back("clinic");
    }
    random_promises(dice, scenario.objective(), probe.every);
    scenario.objective().probes = {probe.id};
    schemas::Window& window = scenario.definition.window;
    window.timezone = dice.one_of(std::vector<std::string>{"UTC", "America/New_York", "Asia/Kathmandu"});
    if (dice.chance(50)) {
        window.open = weekdays(dice.roll(0, 10), dice.roll(14, 24));
    }
    const Instant from = at("2026-11-16T00:00:00Z") + dice.roll(0, 96) * 15min;
    result.period = {"", from, from + std::chrono::hours(dice.one_of(std::vector<int>{20, 48, 72, 800}))};
    if (dice.chance(50)) {
        schemas::Maintenance work;
        work.from = LocalTime((from + dice.roll(0, 60) * 17min).time_since_epoch());
        work.to = work.from + dice.roll(1, 40) * 15min;
        window.maintenance.push_back(work);
    }
    if (dice.chance(40)) {
        schemas::Probe control = scenario.probe();
        control.id = "control";
        control.control = true;
        control.targets.clear();
        scenario.definition.probes.push_back(control);
    }
    result.now = dice.chance(60) ? result.period.to + 24h * 40 : from + dice.up_to(80h);
    for (const schemas::Probe& one : scenario.definition.probes) {
        for (const std::string& target : one.series_targets()) {
            for (const std::string& location : scenario.surroundings.locations) {
                const schemas::SeriesKey key{"im", one.id, target, location};
                scenario.runs[key] = random_runs(dice, key, one, from - dice.roll(0, 60) * 1h,
                                                 from + std::chrono::hours(dice.roll(10, 110)));
            }
        }
    }
    return result;
}

/// Counts what it was spared.
struct Seen {
    std::uint64_t outlined = 0;
    std::uint64_t in_full = 0;
    std::uint64_t elided = 0;
    std::uint64_t asked = 0;  ///< for runs, beside days
};

std::vector<SeriesDay> days_of(std::vector<Run> runs, const HoursWanted& hours, std::uint64_t seed, Seen& seen) {
    runs = in_order(std::move(runs), Instant::max());
    std::vector<SeriesDay> days;
    for (auto at = runs.begin(); at != runs.end();) {
        const std::int64_t day = day_of(at->intended);
        const auto end =
            std::find_if(at, runs.end(), [&](const Run& run) { return run.intended >= begin_of_day(day + 1); });
        SeriesDay one{day, {}, {}, {}};
        if ((static_cast<std::uint64_t>(day) * 7 + seed) % 5 == 0) {
            one.runs.assign(at, end);
            ++seen.in_full;
        } else {
            const OutlineBlobs blobs = encode_outline(day, {&*at, static_cast<std::size_t>(end - at)});
            one.outline = decode_outline(day, blobs.whole).value();
            if (hours && hours(day)) {
                one.hours = decode_hours(blobs.hours).value();
            }
            ++seen.outlined;
            for (const KeptRun& kept : one.outline->kept) {
                seen.elided += kept.run.elided_after;
            }
        }
        days.push_back(std::move(one));
        at = end;
    }
    return days;
}

RunSource outlined(const Scenario& scenario, std::uint64_t seed, Seen& seen) {
    const RunSource full = scenario.source();
    return {[full, &seen](const schemas::SeriesKey& key, Instant from, Instant to) {
                ++seen.asked;
                return full(key, from, to);
            },
            [full, seed, &seen](const schemas::SeriesKey& key, std::int64_t first, std::int64_t last,
                                const HoursWanted& hours) -> Stored<std::vector<SeriesDay>> {
                auto runs = full(key, begin_of_day(first), begin_of_day(last + 1)).value().runs;
                std::erase_if(
                    runs, [&](const Run& run) { return day_of(run.intended) < first || day_of(run.intended) > last; });
                return days_of(std::move(runs), hours, seed, seen);
            }};
}

std::string report_of(const Case& one, const RunSource& source) {
    const schemas::Definitions definitions{std::make_shared<schemas::Definition>(one.scenario.definition)};
    return render_json(make_report(definitions, one.period, one.now, one.scenario.surroundings, source).value());
}

/// What Depth::figures leaves out, left out.
Report without_more_than_figures(Report report) {
    for (ServiceReport& service : report.services) {
        for (ObjectiveReport& objective : service.objectives) {
            objective.responses.clear();
            objective.unmeasured.clear();
            objective.periodicity.clear();
            objective.light = {};
            objective.light_reason.clear();
            objective.light_since = {};
            objective.series.clear();
            objective.budget.causes.clear();
            for (Outage& outage : objective.outages) {
                outage.cause.clear();
                outage.evidence.clear();
            }
        }
    }
    return report;
}

std::uint64_t from_environment(const char* name, std::uint64_t fallback) {
    const char* text = std::getenv(name);
    return text == nullptr ? fallback : std::strtoull(text, nullptr, 10);
}

/// A good day of a series, each ten minutes.
std::vector<Run> good_day() {
    Scenario scenario;
    scenario.probe().every = 10min;
    scenario.play(scenario.key(), at("2026-11-16T00:00:00Z"), at("2026-11-17T00:00:00Z"),
                  [](Instant) { return Verdict::ok; });
    return scenario.runs[scenario.key()];
}

std::vector<std::uint32_t> elided_in(const std::vector<Run>& runs) {
    std::vector<std::uint32_t> elided;
    for (const KeptRun& kept : make_outline(runs).kept) {
        elided.push_back(kept.run.elided_after);
    }
    return elided;
}

}  // namespace

TEST_CASE("a report made from outlines equals the one made from every run, on random services") {
    const std::uint64_t first = from_environment("SLIMTAX_LEDGER_FIRST_SEED", 1);
    const std::uint64_t seeds = from_environment("SLIMTAX_LEDGER_SEEDS", 40);
    Seen seen;
    for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
        CAPTURE(seed);
        const Case one = random_case(seed);
        CHECK(report_of(one, outlined(one.scenario, seed, seen)) == report_of(one, one.scenario.source()));
    }
    // It was worth it: all ways were taken.
    CHECK(seen.outlined > seen.in_full);
    CHECK(seen.elided > 1000);
    CHECK(seen.asked > 0);
}

TEST_CASE("a report of figures alone has the same figures, on random services") {
    const std::uint64_t seeds = from_environment("SLIMTAX_LEDGER_SEEDS", 40);
    Seen seen;
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        CAPTURE(seed);
        Case one = random_case(seed);
        const schemas::Definitions definitions{std::make_shared<schemas::Definition>(one.scenario.definition)};
        const Report full =
            make_report(definitions, one.period, one.now, one.scenario.surroundings, one.scenario.source()).value();
        one.scenario.surroundings.depth = Depth::figures;
        const Report figures =
            make_report(definitions, one.period, one.now, one.scenario.surroundings, outlined(one.scenario, seed, seen))
                .value();
        for (const ObjectiveReport& objective : figures.services.front().objectives) {
            CHECK(objective.responses.empty());  // and nothing else was made in vain
            CHECK(objective.light_reason.empty());
        }
        CHECK(render_json(without_more_than_figures(full)) == render_json(without_more_than_figures(figures)));
    }
}

TEST_CASE("a report from the store is the same before and after packing, whatever came late, twice or in between") {
    const std::uint64_t seeds = from_environment("SLIMTAX_LEDGER_SEEDS", 40) / 8;
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        CAPTURE(seed);
        Case one = random_case(seed);
        Dice dice(seed + 1'000'000);
        const TemporaryFolder folder;
        const auto store = SqliteStore::open(folder.path() / "results.sqlite", SqliteStore::Mode::create).value();
        std::vector<schemas::RunResult> all;
        for (auto& [key, runs] : one.scenario.runs) {
            runs =
                in_order(std::move(runs), Instant::max());  // of repeats with other contents the store keeps the first
            std::erase_if(runs, [](const Run& run) { return run.started < at("2026-11-01T00:00:00Z"); });
            for (const Run& run : runs) {
                all.push_back(result_of(key, run));
            }
        }
        // Those of a part come late, into hours and days that were packed.
        std::shuffle(all.begin(), all.end(), dice.engine());
        const std::size_t late = all.size() / static_cast<std::size_t>(dice.one_of(std::vector<int>{2, 20, 1000}));
        REQUIRE(store->add(std::span(all).subspan(late)));
        REQUIRE(store->seal(at("2026-11-16T00:00:00Z") + dice.up_to(96h)));
        REQUIRE(store->seal(at("2026-12-31T00:00:00Z")));
        const RunSource source = RunSource::of(*store);
        static_cast<void>(report_of(one, source));
        REQUIRE(store->add(std::span(all).subspan(0, late)));
        REQUIRE(store->add(std::span(all).subspan(0, late)));
        const std::string expected = report_of(one, one.scenario.source());
        CHECK(report_of(one, source) == expected);
        REQUIRE(store->seal(at("2026-12-31T00:00:00Z")));
        CHECK(report_of(one, source) == expected);
    }
}

TEST_CASE("of a good day the first and the last run are kept") {
    const std::vector<Run> runs = good_day();
    CHECK(elided_in(runs) == std::vector<std::uint32_t>{142, 0});
    CHECK(make_outline(runs).kept[0].widest_gap == 10min);
    CHECK(make_outline(runs).kept[0].slowest == 200ms);
}

TEST_CASE("what is not quite plain is kept, with its neighbours") {
    struct Row {
        const char* what;
        void (*spoil)(std::vector<Run>&);
        std::vector<std::uint32_t> elided;
    };
    const Row rows[] = {
        {"failed", [](std::vector<Run>& runs) { runs[50].verdict = Verdict::failed; }, {48, 0, 0, 91, 0}},
        {"slow", [](std::vector<Run>& runs) { runs[50].verdict = Verdict::slow; }, {48, 0, 0, 91, 0}},
        {"missing", [](std::vector<Run>& runs) { runs.erase(runs.begin() + 50); }, {48, 0, 91, 0}},
        {"read work", [](std::vector<Run>& runs) { runs[50].work_span = 1min; }, {48, 0, 0, 91, 0}},
        {"interval unknown", [](std::vector<Run>& runs) { runs[50].every = 0us; }, {48, 0, 0, 91, 0}},
        {"started early", [](std::vector<Run>& runs) { runs[50].started -= 1us; }, {49, 0, 91, 0}},
        {"started late", [](std::vector<Run>& runs) { runs[50].started += 10min; }, {49, 0, 91, 0}},
        {"took until the next", [](std::vector<Run>& runs) { runs[50].length = 10min + 1us; }, {49, 0, 91, 0}},
        {"the slowest", [](std::vector<Run>& runs) { runs[50].response = 201ms; }, {142, 0}},  // of less than 200
    };
    for (const Row& row : rows) {
        CAPTURE(row.what);
        std::vector<Run> runs = good_day();
        row.spoil(runs);
        CHECK(elided_in(runs) == row.elided);
    }
}

TEST_CASE("an outline that is cut off or changed is refused") {
    const OutlineBlobs blobs = encode_outline(day_of(at("2026-11-16T00:00:00Z")), good_day());
    for (std::size_t i = 0; i < blobs.whole.size(); ++i) {
        std::string changed = blobs.whole;
        changed[i] = static_cast<char>(changed[i] ^ 1);
        CHECK_FALSE(decode_outline(20773, changed));
        CHECK_FALSE(decode_outline(20773, blobs.whole.substr(0, i)));
    }
    CHECK_FALSE(decode_hours(blobs.hours.substr(1)));
}

TEST_CASE("a bucket's middle is within 0.4 percent of its values, and buckets follow one another") {
    std::mt19937_64 dice(1);
    for (int i = 0; i < 20000; ++i) {
        const std::uint64_t value = dice() >> (dice() % 64);
        const std::size_t bucket = ResponseHistogram::bucket_of(value);
        const std::uint64_t first = ResponseHistogram::first_of(bucket);
        const std::uint64_t last = ResponseHistogram::last_of(bucket);
        REQUIRE(first <= value);
        REQUIRE(value <= last);
        REQUIRE(static_cast<double>(last - first) / 2 <= 0.004 * static_cast<double>(value));
        REQUIRE(ResponseHistogram::bucket_of(last) == bucket);
        if (last != UINT64_MAX) {
            REQUIRE(ResponseHistogram::bucket_of(last + 1) == bucket + 1);
        }
    }
}

TEST_CASE("totals of parts add up to the totals of the whole, and say what lies below a limit or that they cannot") {
    std::mt19937_64 dice(2);
    RunTotals whole;
    RunTotals parts[3];
    std::vector<std::int64_t> responses;
    for (int i = 0; i < 3000; ++i) {
        Run run;
        run.response = Duration(static_cast<std::int64_t>(dice() % 100'000'000));
        run.verdict = i % 100 == 0 ? Verdict::failed : Verdict::ok;
        whole.add(run);
        parts[i % 3].add(run);
        if (run.verdict == Verdict::ok) {
            responses.push_back(run.response.count());
        }
    }
    RunTotals sum;
    for (const RunTotals& part : parts) {
        ByteWriter out;
        part.write(out);
        const std::string bytes = out.take();
        ByteReader in(bytes);
        sum.add(RunTotals::read(in));
        REQUIRE(in.good());
        REQUIRE(in.left() == 0);
    }
    CHECK(sum.by_verdict == whole.by_verdict);
    CHECK(sum.sum == whole.sum);
    CHECK(sum.squares == whole.squares);
    int known = 0;
    for (int i = 0; i < 3000; ++i) {
        const Duration limit(static_cast<std::int64_t>(dice() % 110'000'000));
        const bool or_at = dice() % 2 == 0;
        const auto below = sum.below(limit, or_at);
        CHECK(below == whole.below(limit, or_at));
        if (below) {
            ++known;
            CHECK(*below == static_cast<std::uint64_t>(
                                std::count_if(responses.begin(), responses.end(), [&](std::int64_t response) {
                                    return response < limit.count() || (or_at && response == limit.count());
                                })));
        }
    }
    CHECK(known > 0);
}
