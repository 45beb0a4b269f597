#include "reporter/ledger/unmeasured.hpp"

#include <doctest/doctest.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "unit/reporter/scenario.hpp"

using namespace slimtax;
using namespace slimtax::reporter;
using namespace slimtax::reporter::testing;
using namespace std::chrono_literals;
using schemas::Booking;

namespace {

const Instant begin = at("2026-11-18T08:00:00Z");

Verdict ok(Instant) {
    return Verdict::ok;
}

Scenario good_hour(std::vector<std::string> locations) {
    Scenario scenario;
    scenario.surroundings.locations = locations;
    for (const std::string& location : locations) {
        scenario.play(scenario.key(location), begin - 30min, begin + 90min, ok);
    }
    return scenario;
}

/// "minutes reason (locations)" for each, with a check that they add up.
std::vector<std::string> reasons(const Scenario& scenario) {
    const ObjectiveReport report = scenario.report(begin, begin + 1h);
    std::vector<std::string> lines;
    Duration sum{};
    for (const UnmeasuredBy& one : report.unmeasured) {
        lines.push_back(
            fmt::format("{:g} {} ({})", schemas::to_minutes(one.time), one.reason, fmt::join(one.locations, " ")));
        sum += one.time;
    }
    CHECK(sum == report.minutes[Booking::unmeasured]);
    return lines;
}

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("what was measured throughout has no reasons") {
    CHECK(reasons(good_hour({"noc"})).empty());
}

TEST_CASE("each kind of unmeasured time has its reason, longest first") {
    Scenario scenario = good_hour({"noc"});
    scenario.lose(scenario.key(), begin + 10min, begin + 15min);
    scenario.spoil(scenario.key(), begin + 15min, begin + 17min, Verdict::not_run);
    for (Run& run : scenario.runs[scenario.key()]) {
        if (run.intended >= begin + 40min && run.intended < begin + 43min) {
            run.verdict = Verdict::prober_fault;
            run.reason = "no file descriptors are left";
        }
        if (run.verdict == Verdict::not_run) {
            run.reason = "the one before was still going on";
        }
    }
    CHECK(reasons(scenario) == Lines{"5 No result arrived (noc)",
                                     "3 The prober had trouble itself: no file descriptors are left (noc)",
                                     "2 The run did not start: the one before was still going on (noc)"});
}

TEST_CASE("before the first result nothing had come yet; without a probe nothing measures") {
    Scenario scenario = good_hour({"noc"});
    scenario.lose(scenario.key(), begin - 1h, begin + 20min);
    CHECK(reasons(scenario) == Lines{"20 No result had come yet (noc)"});
    scenario.surroundings.locations.clear();
    CHECK(reasons(scenario) == Lines{"60 No probe measures it ()"});
}

TEST_CASE("only what nobody measured needs a reason, and all who were silent are named") {
    Scenario scenario = good_hour({"noc", "dorm"});
    scenario.lose(scenario.key("noc"), begin + 10min, begin + 30min);
    scenario.lose(scenario.key("dorm"), begin + 20min, begin + 40min);
    CHECK(reasons(scenario) == Lines{"10 No result arrived (dorm noc)"});
}

TEST_CASE("a number of votes that could still be reached is missing votes") {
    Scenario scenario = good_hour({"noc", "dorm"});
    scenario.objective().agree = {schemas::Quorum::Rule::number, 2};
    scenario.spoil(scenario.key("dorm"), begin + 10min, begin + 30min, Verdict::failed);
    scenario.lose(scenario.key("noc"), begin + 20min, begin + 25min);
    CHECK(reasons(scenario) == Lines{"5 Too few locations for the vote: no result arrived (noc)"});
}

TEST_CASE("a location at fault itself is named as such") {
    Scenario scenario = good_hour({"noc"});
    schemas::Probe control = scenario.probe();
    control.id = "control";
    control.control = true;
    scenario.definition.probes.push_back(control);
    scenario.objective().probes = {"login"};
    const schemas::SeriesKey key{"im", "control", "", "noc"};
    scenario.surroundings.controls = {key};
    scenario.play(key, begin - 30min, begin + 90min, ok);
    scenario.spoil(key, begin + 10min, begin + 13min, Verdict::failed);
    const auto lines = reasons(scenario);
    REQUIRE(lines.size() == 1);
    CHECK(lines[0].ends_with(" The location was at fault itself: its control probes failed too (noc)"));
}

TEST_CASE("very many reasons are summed up, and still add up") {
    Scenario scenario = good_hour({"noc"});
    int number = 0;
    for (Run& run : scenario.runs[scenario.key()]) {
        if (run.intended >= begin + 10min && run.intended < begin + 40min) {
            run.verdict = Verdict::prober_fault;
            run.reason = fmt::format("trouble number {}", ++number);
        }
    }
    const auto lines = reasons(scenario);
    CHECK(lines.size() == most_unmeasured_reasons);
    CHECK(lines.back() == "11 11 other reasons ()");
}
