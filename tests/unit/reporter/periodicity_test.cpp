#include "reporter/ledger/periodicity.hpp"

#include <algorithm>
#include <map>

#include <doctest/doctest.h>

#include "schemas/series.hpp"
#include "simulate/simulated_week.hpp"
#include "unit/reporter/scenario.hpp"

using namespace slimtax;
using namespace slimtax::reporter;
using namespace slimtax::reporter::testing;
using namespace std::chrono_literals;
using simulate::Dice;
using simulate::History;

namespace {

const Instant monday = at("2026-11-16T00:00:00Z");

/// What runs of that schedule see of it: outages from the first failed run to the first good one.
std::vector<Outage> seen(const std::vector<Stretch>& down, const schemas::Schedule& schedule) {
    std::vector<Outage> outages;
    for (const Stretch& stretch : down) {
        const Instant first = schedule.first_from(stretch.from);
        if (first >= stretch.to) {
            continue;  // nobody looked
        }
        Outage outage;
        outage.from = first;
        outage.to = schedule.first_from(stretch.to);
        outage.nominal = outage.to - outage.from;
        if (!outages.empty() && outages.back().to == outage.from) {
            outages.back().to = outage.to;
            outages.back().nominal += outage.nominal;
        } else {
            outages.push_back(outage);
        }
    }
    return outages;
}

schemas::Schedule schedule_of(int number, Duration every, double jitter) {
    return {{"im", "login", "", "place" + std::to_string(number)}, every, jitter};
}

std::vector<Outage> week_of(const History& history, std::uint64_t seed, Duration every, double jitter = 0.5,
                            Duration length = 168h) {
    Dice dice(seed);
    return seen(history(dice, monday, monday + length), schedule_of(static_cast<int>(seed), every, jitter));
}

std::vector<Outage> together(std::vector<Outage> one, const std::vector<Outage>& other) {
    one.insert(one.end(), other.begin(), other.end());
    std::sort(one.begin(), one.end(), [](const Outage& a, const Outage& b) { return a.from < b.from; });
    return one;
}

}  // namespace

TEST_CASE("on outages at random times hardly a week shows a rhythm: under one in a hundred") {
    struct Row {
        const char* what;
        History history;
        Duration every;
        double jitter;
    };
    const Row rows[] = {
        {"five a week", simulate::at_random(0s, 34h, 10min), 60s, 0.5},
        {"twenty a week", simulate::at_random(0s, 8h, 10min), 60s, 0.5},
        {"a hundred a week", simulate::at_random(0s, 100min, 3min), 60s, 0.5},
        {"five hundred a week", simulate::at_random(0s, 18min, 2min), 30s, 0.5},
        {"on a raster", simulate::at_random(0s, 100min, 3min), 60s, 0},
        {"seldom looked at", simulate::at_random(0s, 3h, 10min), 5min, 0.5},
        {"in bursts", simulate::in_bursts(0s, 20h, 2h, 4min, 3min), 60s, 0.5},
        {"in bursts on a raster", simulate::in_bursts(0s, 20h, 1h, 3min, 1min), 60s, 0},
    };
    for (const Row& row : rows) {
        CAPTURE(row.what);
        std::map<std::string, int> found;
        constexpr int weeks = 60;
        int all = 0;
        for (std::uint64_t seed = 1; seed <= weeks; ++seed) {
            for (const Periodicity& one :
                 find_periodicity(week_of(row.history, seed, row.every, row.jitter), row.every * 3 / 2, Zone())) {
                ++all;
                CAPTURE(seed);
                CHECK_MESSAGE(false, one.sentence);
            }
        }
        CHECK(all == 0);
    }
}

TEST_CASE("a minute in every ten is found and named, also when it began on Tuesday and other outages come between") {
    const Instant tuesday = monday + 34h + 2min;
    const History every_ten = [&](Dice&, Instant, Instant to) {
        std::vector<Stretch> down;
        for (Instant t = tuesday; t < to; t += 10min) {
            down.push_back({t, t + 1min});
        }
        return down;
    };
    std::vector<Outage> outages = week_of(every_ten, 1, 30s);
    auto found = find_periodicity(outages, 45s, Zone());
    REQUIRE(found.size() == 1);
    CHECK(found[0].sentence == "about 1 minute, every 10 minutes, since Tuesday 10:02");
    CHECK(found[0].every == 10min);
    CHECK(found[0].times > 800);
    CHECK(found[0].since - tuesday < 45s);

    outages = together(std::move(outages), week_of(simulate::at_random(0s, 3h, 5min), 2, 30s));
    found = find_periodicity(outages, 45s, Zone());
    REQUIRE(found.size() == 1);
    CHECK(found[0].every == 10min);
    CHECK(found[0].sentence.find("every 10 minutes, since ") != std::string::npos);
}

TEST_CASE("rhythms that nobody would guess are found too") {
    for (const Duration every : {Duration(7min + 13s), Duration(603s), Duration(47min + 40s), Duration(5h + 20min)}) {
        CAPTURE(every.count() / 1'000'000);
        for (std::uint64_t seed = 1; seed <= 4; ++seed) {
            const auto found = find_periodicity(week_of(simulate::at_intervals(every, 70s), seed, 30s), 45s, Zone());
            REQUIRE(found.size() == 1);
            CHECK(schemas::to_seconds(found[0].every) == doctest::Approx(schemas::to_seconds(every)).epsilon(0.002));
        }
    }
}

TEST_CASE("a rhythm is found though runs see only some of its outages") {
    const auto outages = week_of(simulate::at_intervals(1h, 2min), 5, 5min);
    CHECK(outages.size() < 168);
    const auto found = find_periodicity(outages, 450s, Zone());
    REQUIRE(found.size() == 1);
    CHECK(found[0].every == 1h);
    CHECK(found[0].sentence.find(", every hour, since Monday ") != std::string::npos);
}

TEST_CASE("what happens every night at two by the clock on the wall is found across a clock change") {
    const Zone zone = Zone::find("Europe/Berlin").value();
    std::vector<Stretch> down;
    for (int day = 0; day < 7; ++day) {
        const auto local = std::chrono::local_days(std::chrono::year(2026) / 10 / 20) + std::chrono::days(day);
        const Instant two = zone.instant_of(LocalTime(local) + 2h);
        down.push_back({two, two + 5min});
    }
    const auto found = find_periodicity(seen(down, schedule_of(1, 60s, 0.5)), 90s, zone);
    REQUIRE(found.size() == 1);
    CHECK(found[0].every == 24h);
    CHECK(found[0].times == 7);
    CHECK(found[0].sentence.find("about 5 minutes, every day around 02:0") == 0);
    CHECK(found[0].sentence.ends_with(", since Tuesday 20 October"));
}

TEST_CASE("Mondays at nine are found in a quarter, named by their hours") {
    std::vector<Stretch> down;
    for (int week = 0; week < 13; ++week) {
        const Instant nine = monday + week * 168h + 9h + week % 5 * 1min;
        down.push_back({nine, nine + 25min});
    }
    auto outages = seen(down, schedule_of(1, 60s, 0.5));
    outages = together(std::move(outages), week_of(simulate::at_random(0s, 72h, 5min), 3, 60s, 0.5, 13 * 168h));
    const auto found = find_periodicity(outages, 90s, Zone());
    REQUIRE(found.size() == 1);
    CHECK(found[0].every == 168h);
    CHECK(found[0].times == 13);
    CHECK(found[0].sentence.find("Mondays 09:0") != std::string::npos);
    CHECK(found[0].sentence.find("since 16 November") != std::string::npos);
}

TEST_CASE("few outages, or none, have no rhythm") {
    CHECK(find_periodicity({}, 45s, Zone()).empty());
    CHECK(find_periodicity(week_of(simulate::at_intervals(72h, 10min), 1, 30s), 45s, Zone()).empty());
}
