// The ledger against the slow reference on random services. More seeds: SLIMTAX_LEDGER_SEEDS=20000 (and
// SLIMTAX_LEDGER_FIRST_SEED to begin elsewhere).
#include <algorithm>
#include <cstdlib>
#include <random>

#include <doctest/doctest.h>

#include "reporter/ledger/ledger.hpp"
#include "reporter/ledger/zone.hpp"
#include "unit/reporter/dice.hpp"
#include "unit/reporter/reference_ledger.hpp"
#include "unit/reporter/scenario.hpp"

using namespace slimtax;
using namespace slimtax::reporter;
using namespace slimtax::reporter::testing;
using namespace std::chrono_literals;
using schemas::Booking;
using schemas::Quorum;

namespace {

struct Place {
    const char* zone;
    const char* around;  // an instant worth looking at
};

const std::vector<Place> places{
    {"Europe/Berlin", "2026-03-29T01:00:00Z"},        // clocks forward
    {"Europe/Berlin", "2026-10-25T01:00:00Z"},        // clocks back
    {"America/New_York", "2026-03-08T07:00:00Z"},     //
    {"America/New_York", "2026-11-01T06:00:00Z"},     //
    {"Australia/Lord_Howe", "2026-04-04T15:00:00Z"},  // by half an hour
    {"Australia/Lord_Howe", "2026-10-03T15:30:00Z"},  //
    {"UTC", "2028-02-29T12:00:00Z"},                  // leap day
    {"Europe/Berlin", "2027-01-01T00:00:00Z"},        // week 53 of 2026
    {"UTC", "2026-11-18T09:00:00Z"},
};

struct Case {
    Scenario scenario;
    Period period;
    Instant now;
};

Quorum random_quorum(Dice& dice) {
    const std::vector<Quorum::Rule> rules{Quorum::Rule::any, Quorum::Rule::majority, Quorum::Rule::all,
                                          Quorum::Rule::number};
    return {dice.one_of(rules), dice.roll(1, 4)};
}

LocalTime quarter_near(Dice& dice, const Zone& zone, Instant around) {
    return std::chrono::floor<std::chrono::hours>(zone.local_of(around)) + dice.roll(-100, 100) * 15min;
}

schemas::Window random_window(Dice& dice, const Place& place) {
    schemas::Window window;
    window.timezone = place.zone;
    const Zone zone = Zone::find(place.zone).value();
    for (unsigned day = 0; day < 7 && dice.chance(90); ++day) {
        for (int n = dice.roll(0, 2); n > 0; --n) {
            const int from = dice.roll(0, 95);
            window.open.push_back({std::chrono::weekday(day), from * 15, dice.roll(from + 1, 96) * 15});
        }
    }
    if (dice.chance(20)) {
        window.closed.emplace_back(std::chrono::floor<std::chrono::days>(quarter_near(dice, zone, at(place.around))));
    }
    for (int n = dice.roll(0, 2); n > 0; --n) {
        schemas::Maintenance work;
        work.from = quarter_near(dice, zone, at(place.around));
        work.to = work.from + dice.roll(1, 40) * 15min;
        if (dice.chance(30)) {
            work.announced = work.from + dice.roll(-20, 10) * 15min;
        }
        window.maintenance.push_back(work);
    }
    return window;
}

Verdict random_verdict(Dice& dice, int mood) {
    const int p = dice.roll(1, 100);
    switch (mood) {
        case 0: return p <= 96 ? Verdict::ok : Verdict::failed;
        case 1: return p <= 90 ? Verdict::failed : p <= 95 ? Verdict::timeout : Verdict::ok;
        case 2: return p <= 80 ? Verdict::slow : Verdict::ok;
        case 3: return p <= 70 ? Verdict::prober_fault : Verdict::not_run;
        default: return static_cast<Verdict>(dice.roll(0, 5));
    }
}

Run random_run(Dice& dice, const schemas::Probe& probe, Instant intended, Verdict verdict) {
    Run run;
    run.intended = run.started = intended;
    if (dice.chance(30)) {
        run.started += dice.up_to(probe.every / 3);
    }
    if (dice.chance(2)) {
        run.started += dice.roll(-3, 3) * 1h;  // the prober's clock was stepped
    }
    run.length = dice.chance(80) ? dice.up_to(probe.timeout) : dice.up_to(2 * probe.every);
    run.response = run.length;
    run.verdict = verdict;
    if (dice.chance(50)) {
        run.every = probe.every;
    }
    return run;
}

/// Readings of work cover the time since the one before, or a part of it.
void add_work(Dice& dice, Run& run, Duration since_last) {
    if (dice.chance(90) && since_last > 0us) {
        run.work_span = since_last - dice.up_to(since_last / 4);
        for (int user = 0; user < 6; ++user) {
            if (dice.chance(50)) {
                run.users.push_back({"user" + std::to_string(user), static_cast<std::uint64_t>(dice.roll(0, 4))});
                run.work += run.users.back().units;
            }
        }
    }
}

/// Runs of one series: moods change now and then, some runs are lost, some imported, some of an older interval.
std::vector<Run> random_runs(Dice& dice, const schemas::SeriesKey& key, const schemas::Probe& probe, Instant from,
                             Instant to, bool work) {
    std::vector<Run> runs;
    const bool imported = dice.chance(20);
    const Instant older_until = !work && dice.chance(20) ? from + dice.up_to(to - from) : from;
    const Duration older_every = dice.chance(50) ? probe.every * 2 : probe.every * 7 / 2;
    int mood = 0;
    bool lost = false;
    Instant last_reading = from - probe.every;
    for (Instant t = from + dice.up_to(2 * probe.every); t < to;) {
        const bool older = t < older_until;
        const Duration every = older ? older_every : probe.every;
        const schemas::Schedule schedule(key, every, probe.jitter);
        const Instant intended = imported ? t : schedule.first_from(t);
        mood = dice.chance(20) ? dice.roll(0, 4) : mood;
        lost = dice.chance(lost ? 40 : 5) ? !lost : lost;
        if (!lost) {
            Run run = random_run(dice, probe, intended, random_verdict(dice, mood));
            run.every = older ? every : run.every;
            if (work) {
                add_work(dice, run, std::min(run.started, run.intended) - last_reading);
                last_reading = std::max(last_reading, std::max(run.started, run.intended));
            }
            runs.push_back(run);
        }
        const Duration wander = imported && dice.chance(50) ? dice.up_to(every * 2 / 3) : 0us;
        t = imported ? t + every + wander : intended + 1us;
    }
    if (!runs.empty()) {
        for (int n = dice.roll(0, 5); n > 0; --n) {
            runs.push_back(dice.one_of(runs));
        }
    }
    std::shuffle(runs.begin(), runs.end(), dice.engine());
    return runs;
}

schemas::Probe random_probe(Dice& dice, std::string id, Duration length) {
    schemas::Probe probe;
    probe.id = std::move(id);
    probe.every = std::max<Duration>(1s, length / dice.roll(8, 50));
    probe.timeout = dice.chance(70) ? probe.every / 3 : probe.every * 2;
    probe.jitter = dice.one_of(std::vector<double>{0, 0.5, 1});
    return probe;
}

void random_promises(Dice& dice, schemas::Objective& objective, Duration every) {
    switch (dice.roll(0, 4)) {
        case 0:
        case 1: break;
        case 2:
            objective.level = schemas::Level::A3;
            objective.bands.push_back({{}, every / 4, 0.9, {}});
            break;
        case 3:
            objective.level = schemas::Level::A3;
            objective.below_target_for = every * dice.roll(1, 6);
            break;
        default: {
            objective.level = schemas::Level::A4;
            objective.users = schemas::ActiveUsers{dice.roll(1, 5), every * dice.roll(1, 4)};
            const schemas::WorkRate rate{static_cast<double>(dice.roll(1, 3)), every};
            if (dice.chance(50)) {
                objective.work = rate;
            } else {
                objective.total = schemas::WorkRate{rate.amount * 4, every};
            }
        }
    }
}

Case random_case(std::uint64_t seed) {
    Dice dice(seed);
    Case result;
    Scenario& scenario = result.scenario;
    const Place place = dice.one_of(places);
    const Duration length = std::chrono::hours(dice.one_of(std::vector<int>{6, 24, 24, 72, 168}));
    scenario.definition.window = random_window(dice, place);
    scenario.definition.probes.clear();
    const int probes = dice.chance(25) ? 2 : 1;
    for (int n = 0; n < probes; ++n) {
        scenario.definition.probes.push_back(random_probe(dice, "p" + std::to_string(n), length));
        for (int target = dice.chance(50) ? 0 : dice.roll(1, 3); target > 0; --target) {
            scenario.definition.probes.back().targets.push_back("t" + std::to_string(target));
        }
    }
    scenario.surroundings.locations.clear();
    for (int n = dice.roll(1, 3); n > 0; --n) {
        scenario.surroundings.locations.push_back("l" + std::to_string(n));
    }
    schemas::Objective& objective = scenario.objective();
    objective.agree = random_quorum(dice);
    objective.need = random_quorum(dice);
    if (dice.chance(15)) {
        objective.exclude_locations = {"l1"};
    }
    random_promises(dice, objective, scenario.definition.probes.front().every);
    for (const schemas::Probe& probe : scenario.definition.probes) {
        objective.probes.push_back(probe.id);
    }
    for (int controls = dice.chance(30) ? dice.roll(1, 2) : 0; controls > 0; --controls) {
        scenario.definition.probes.push_back(random_probe(dice, "c" + std::to_string(controls), length));
        scenario.definition.probes.back().control = true;
    }
    scenario.surroundings.controls =
        find_controls({std::make_shared<schemas::Definition>(scenario.definition)}, scenario.surroundings.locations);

    const Instant from = std::chrono::floor<std::chrono::minutes>(at(place.around)) -
                         std::chrono::minutes(dice.roll(0, 60)) - length * dice.roll(1, 9) / 10;
    result.period = {"", from, from + length};
    result.now = dice.chance(50) ? result.period.to + 2 * length : from + dice.up_to(length);
    const bool work = objective.level == schemas::Level::A4;
    for (const schemas::Probe& probe : scenario.definition.probes) {
        for (const std::string& target : probe.series_targets()) {
            for (const std::string& location : scenario.surroundings.locations) {
                const schemas::SeriesKey key{"im", probe.id, target, location};
                const Duration before = dice.one_of(std::vector<Duration>{0s, probe.every * 3, length / 2});
                scenario.runs[key] = random_runs(dice, key, probe, from - before,
                                                 result.period.to + probe.every * dice.roll(-4, 8), work);
            }
        }
    }
    return result;
}

void check_strip(const ObjectiveReport& report, const Period& period, Instant cut) {
    BookedTime sums;
    Instant expected = period.from;
    for (const BookedSpan& span : report.strip) {
        REQUIRE(span.from == expected);
        REQUIRE(span.from < span.to);
        sums[span.booking] += span.to - span.from;
        expected = span.to;
    }
    CHECK(expected == cut);
    CHECK(sums.time == report.minutes.time);
}

void check_outages(const ObjectiveReport& report, const ReferenceReport& reference) {
    std::vector<Duration> lengths;
    Duration sum{};
    for (const Outage& outage : report.outages) {
        lengths.push_back(outage.nominal);
        sum += outage.nominal;
        CHECK(outage.at_least <= outage.nominal);
        CHECK(outage.nominal <= outage.at_most);
        CHECK(outage.from < outage.to);
    }
    CHECK(lengths == reference.outages);
    CHECK(sum == report.minutes[Booking::down]);
}

std::uint64_t from_environment(const char* name, std::uint64_t fallback) {
    const char* text = std::getenv(name);
    return text == nullptr ? fallback : std::strtoull(text, nullptr, 10);
}

}  // namespace

TEST_CASE("on random services the seconds add up to the period and equal the slow reference's") {
    const std::uint64_t first = from_environment("SLIMTAX_LEDGER_FIRST_SEED", 1);
    const std::uint64_t seeds = from_environment("SLIMTAX_LEDGER_SEEDS", 150);
    BookedTime seen;
    for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
        CAPTURE(seed);
        const Case one = random_case(seed);
        const schemas::Objective& objective = one.scenario.definition.objectives.front();
        const ObjectiveReport report = one.scenario.report(one.period.from, one.period.to, one.now);
        const ReferenceReport reference =
            reference_report(one.scenario.definition, objective, one.scenario.runs, one.scenario.surroundings.locations,
                             one.scenario.surroundings.arrival_grace, one.period, one.now);
        const Instant cut = std::min(one.period.to, one.now);
        CHECK(report.minutes.sum() == cut - one.period.from);
        CHECK(shown(report.minutes) == shown(reference.minutes));
        CHECK(report.minutes.time == reference.minutes.time);
        CHECK(report.budget.spent == schemas::to_minutes(reference.spent));
        CHECK(report.budget.spent_at_least == schemas::to_minutes(reference.spent_at_least));
        CHECK(report.budget.spent_at_most == schemas::to_minutes(reference.spent_at_most));
        CHECK(report.runs.due == reference.due);
        check_outages(report, reference);
        check_strip(report, one.period, cut);
        for (const Booking booking : schemas::all_bookings) {
            seen[booking] += report.minutes[booking];
        }
    }
    // The cases are no good if any kind of time hardly occurs in them.
    for (const Booking booking : schemas::all_bookings) {
        CAPTURE(to_string(booking));
        CHECK(seen[booking] > seen.sum() / 100);
    }
}

TEST_CASE("the order of results and their repetition change nothing, to the last word of the report") {
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
        CAPTURE(seed);
        Case one = random_case(seed);
        const ObjectiveReport shuffled = one.scenario.report(one.period.from, one.period.to, one.now);
        for (auto& [key, runs] : one.scenario.runs) {
            runs = in_order(runs, Instant::max());
        }
        const ObjectiveReport sorted = one.scenario.report(one.period.from, one.period.to, one.now);
        CHECK(sorted.minutes.time == shuffled.minutes.time);
        CHECK(shown(sorted.outages) == shown(shuffled.outages));
        CHECK(sorted.verdict_note == shuffled.verdict_note);
        CHECK(sorted.light == shuffled.light);
        CHECK(sorted.light_reason == shuffled.light_reason);
        CHECK(sorted.light_since == shuffled.light_since);
        CHECK(sorted.runs.by_verdict == shuffled.runs.by_verdict);
        CHECK(sorted.response_ms.p95 == shuffled.response_ms.p95);
    }
}

TEST_CASE("two halves of a period add up to the whole") {
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
        CAPTURE(seed);
        const Case one = random_case(seed);
        const Instant later = one.period.to + 24h * 30;
        const Instant middle = one.period.from + one.period.length() / 3;
        const BookedTime whole = one.scenario.report(one.period.from, one.period.to, later).minutes;
        const BookedTime left = one.scenario.report(one.period.from, middle, later).minutes;
        const BookedTime right = one.scenario.report(middle, one.period.to, later).minutes;
        for (const Booking booking : schemas::all_bookings) {
            CHECK(left[booking] + right[booking] == whole[booking]);
        }
    }
}
