// Ten cases that other tools are known to count wrongly, each worked out by hand.
#include <algorithm>
#include <random>

#include <doctest/doctest.h>

#include "unit/reporter/scenario.hpp"

using namespace slimtax;
using namespace slimtax::reporter;
using namespace slimtax::reporter::testing;
using namespace std::chrono_literals;
using schemas::Booking;

namespace {

// Week 47 of 2026, Monday to Monday, in UTC.
const Instant monday = at("2026-11-16T00:00:00Z");
const Instant next_monday = monday + 168h;

Verdict ok(Instant) {
    return Verdict::ok;
}

/// A scenario with good runs from a day before the week to a day after it.
Scenario good_week() {
    Scenario scenario;
    scenario.play(scenario.key(), monday - 24h, next_monday + 24h, ok);
    return scenario;
}

}  // namespace

TEST_CASE("known case 1: a 4 hour outage in a 40 hour week is a tenth of the week, not 2.4 percent") {
    Scenario scenario = good_week();
    scenario.definition.window.open = weekdays(8, 16);
    const Instant tuesday_ten = monday + 34h;
    scenario.spoil(scenario.key(), tuesday_ten, tuesday_ten + 4h, Verdict::failed);
    const ObjectiveReport report = scenario.report(monday, next_monday);
    CHECK(shown(report.minutes) == "up 2160 down 240 outside 7680");
    CHECK(report.minutes.sum() == 168h);
    CHECK(shown(report.outages) == "10:00-14:00 240 (239-241)");
    CHECK(report.budget.spent == 240);
    CHECK_FALSE(report.met);
    CHECK(report.verdict_note == "4 h of outage; 50 min allowed.");
    CHECK(report.runs.due == 2400);
    CHECK(report.runs.of(Verdict::failed) == 240);
}

TEST_CASE("known case 2: while the prober is down the service is neither up nor down") {
    Scenario scenario = good_week();
    scenario.lose(scenario.key(), monday + 10h, monday + 12h);
    const ObjectiveReport report = scenario.report(monday, next_monday);
    CHECK(shown(report.minutes) == "up 9960 unmeasured 120");
    CHECK(report.outages.empty());
    CHECK(report.runs.due == 10080);
    CHECK(report.runs.of(Verdict::ok) == 9960);
    CHECK(report.met);
    CHECK(report.verdict_note ==
          "Not proven: 2 h of the service's hours were not measured, more than what is left of the budget.");
}

TEST_CASE("known case 3: planned downtime leaves both sides of the account, what overruns it does not") {
    Scenario scenario = good_week();
    scenario.definition.window.maintenance.push_back({std::chrono::local_days{std::chrono::year(2026) / 11 / 17} + 2h,
                                                      std::chrono::local_days{std::chrono::year(2026) / 11 / 17} + 4h,
                                                      "LDAP upgrade",
                                                      {}});
    const Instant two = monday + 26h;
    scenario.spoil(scenario.key(), two, two + 2h + 30min, Verdict::failed);
    const ObjectiveReport report = scenario.report(monday, next_monday);
    CHECK(shown(report.minutes) == "up 9930 down 30 planned 120");
    CHECK(shown(report.outages) == "04:00-04:30 30 (29-31)");  // it may have begun just before the work
    CHECK(report.met);
    CHECK(report.runs.due == 9960);
}

TEST_CASE("known case 4: in a week with a clock change the sum is 167 or 169 hours, and 8 to 16 stays 8 to 16") {
    struct Row {
        const char* from;
        const char* to;
        const char* sunday_eight;
        const char* expected;
    };
    for (const Row& row :
         {Row{"2026-03-22T23:00:00Z", "2026-03-29T22:00:00Z", "2026-03-29T06:00:00Z", "up 3300 down 60 outside 6660"},
          Row{"2026-10-18T22:00:00Z", "2026-10-25T23:00:00Z", "2026-10-25T07:00:00Z",
              "up 3300 down 60 outside 6780"}}) {
        Scenario scenario;
        scenario.definition.window.timezone = "Europe/Berlin";
        scenario.definition.window.open = daily(8, 16);
        scenario.play(scenario.key(), at(row.from) - 1h, at(row.to) + 1h, ok);
        // Down from an hour before the Sunday's opening to an hour after it.
        scenario.spoil(scenario.key(), at(row.sunday_eight) - 1h, at(row.sunday_eight) + 1h, Verdict::timeout);
        const ObjectiveReport report = scenario.report(at(row.from), at(row.to));
        CHECK(shown(report.minutes) == row.expected);
        REQUIRE(report.outages.size() == 1);
        CHECK(report.outages[0].from == at(row.sunday_eight));
    }
}

TEST_CASE("known case 5: an outage across midnight is one outage, and its minutes fall on their days") {
    Scenario scenario = good_week();
    const Instant midnight = monday + 48h;
    scenario.spoil(scenario.key(), midnight - 30min, midnight + 20min, Verdict::failed);
    CHECK(shown(scenario.report(monday, next_monday).outages) == "23:30-00:20 50 (49-51)");
    CHECK(shown(scenario.report(midnight - 24h, midnight).minutes) == "up 1410 down 30");
    CHECK(shown(scenario.report(midnight, midnight + 24h).minutes) == "up 1420 down 20");
}

TEST_CASE("known case 6: an outage across the period's edge is shared out, nothing lost and nothing twice") {
    Scenario scenario = good_week();
    scenario.spoil(scenario.key(), next_monday - 45min, next_monday + 15min, Verdict::failed);
    const ObjectiveReport before = scenario.report(monday, next_monday);
    const ObjectiveReport after = scenario.report(next_monday, next_monday + 24h);
    CHECK(shown(before.outages) == "23:15-00:00 45 (45-46) ongoing");
    CHECK(shown(after.outages) == "00:00-00:15 15 (14-15)");
    CHECK_FALSE(before.outages[0].since_before);
    CHECK(after.outages[0].since_before);
    CHECK(before.minutes[Booking::down] + after.minutes[Booking::down] == 1h);
}

TEST_CASE("known case 7: a single failed run is an outage of one interval, with bounds that say how little is known") {
    Scenario scenario = good_week();
    scenario.spoil(scenario.key(), monday + 10h, monday + 10h + 1min, Verdict::failed);
    const ObjectiveReport report = scenario.report(monday, next_monday);
    CHECK(shown(report.outages) == "10:00-10:01 1 (0-2)");
    CHECK(report.outages[0].at_least == 0ms);
    CHECK(report.outages[0].at_most == 2min + 200ms);
    CHECK(report.longest_gap == 1min);
}

TEST_CASE("known case 8: flapping every minute is half of the time, in as many outages as there were") {
    Scenario scenario = good_week();
    for (Instant t = monday + 10h; t < monday + 11h; t += 2min) {
        scenario.spoil(scenario.key(), t, t + 1min, Verdict::failed);
    }
    const ObjectiveReport report = scenario.report(monday, next_monday);
    CHECK(report.minutes[Booking::down] == 30min);
    CHECK(report.outages.size() == 30);
    CHECK(report.budget.spent_at_least == 0);
    CHECK(report.budget.spent_at_most == doctest::Approx(60 + 0.2 / 60));
}

TEST_CASE("known case 9: late results, in any order and repeated, give what they would have given in time") {
    Scenario scenario = good_week();
    scenario.spoil(scenario.key(), monday + 10h, monday + 13h, Verdict::timeout);
    scenario.lose(scenario.key(), monday + 20h, monday + 21h);
    const ObjectiveReport expected = scenario.report(monday, next_monday);

    Scenario late = scenario;
    std::vector<Run>& runs = late.runs[late.key()];
    const std::vector<Run> all = runs;
    runs.resize(runs.size() / 2);
    CHECK(late.report(monday, next_monday).minutes[Booking::unmeasured] > 60h);
    std::mt19937 random(7);
    runs = all;
    runs.insert(runs.end(), all.begin(), all.begin() + 500);
    std::shuffle(runs.begin(), runs.end(), random);
    const ObjectiveReport report = late.report(monday, next_monday);
    CHECK(shown(report.minutes) == shown(expected.minutes));
    CHECK(shown(report.outages) == shown(expected.outages));
    CHECK(report.outages[0].reason == "refused by server at 10:00");
    CHECK(report.runs.due == expected.runs.due);
    CHECK(report.runs.by_verdict == expected.runs.by_verdict);
}

TEST_CASE("known case 10: without any data nothing is claimed") {
    const Scenario scenario;
    const ObjectiveReport report = scenario.report(monday, next_monday);
    CHECK(shown(report.minutes) == "unmeasured 10080");
    CHECK_FALSE(report.met);
    CHECK(report.verdict_note == "Nothing was measured, so nothing is proven.");
    CHECK(report.runs.due == 10080);  // a run that never came was due all the same
    CHECK(report.light == schemas::Light::grey);
    CHECK(report.light_reason == "no result yet");
}
