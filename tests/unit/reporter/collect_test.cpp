// Indicators that another probe's runs feed (`[[probe.collect]]`, T7): series like any other, with its slots.
#include <doctest/doctest.h>

#include "reporter/ingest.hpp"
#include "unit/reporter/scenario.hpp"

using namespace slimtax;
using namespace slimtax::reporter;
using namespace slimtax::reporter::testing;
using namespace std::chrono_literals;

namespace {

const Instant begin = at("2026-11-18T08:00:00Z");

/// Two indicators that the runs of "login" feed, all three good for two hours; the objective is over `probe`.
Scenario fed(const std::string& probe) {
    Scenario scenario;
    scenario.probe().jitter = 0.5;
    for (const char* id : {"queue", "workers"}) {
        schemas::Probe indicator = scenario.probe();
        indicator.id = id;
        indicator.collect = schemas::Collect();
        indicator.collect->source = "login";
        scenario.definition.probes.push_back(indicator);
    }
    scenario.objective().probes = {probe};
    for (const schemas::Probe& each : scenario.definition.probes) {
        scenario.play({"im", each.id, "", "noc"}, begin - 1h, begin + 1h, [](Instant) { return Verdict::ok; });
    }
    return scenario;
}

}  // namespace

TEST_CASE("the runs of an indicator are intended when its source's are") {
    Scenario scenario = fed("queue");
    REQUIRE(scenario.runs[{"im", "queue", "", "noc"}].size() == 120);
    for (std::size_t i = 0; i < 120; ++i) {
        CHECK(scenario.runs[{"im", "queue", "", "noc"}][i].intended == scenario.runs[scenario.key()][i].intended);
    }
}

TEST_CASE("a run of the source that never came is unmeasured time in every indicator, and counts as missed") {
    for (const char* id : {"login", "queue", "workers"}) {
        CAPTURE(id);
        Scenario scenario = fed(id);
        const ObjectiveReport whole = scenario.report(begin, begin + 1h);
        CHECK(shown(whole.minutes) == "up 60");
        CHECK(whole.runs.due == 60);
        for (const schemas::Probe& probe : scenario.definition.probes) {
            scenario.lose({"im", probe.id, "", "noc"}, begin + 20min, begin + 25min);
        }
        const ObjectiveReport report = scenario.report(begin, begin + 1h);
        CHECK(report.runs.due == 60);
        CHECK(report.runs.of(Verdict::ok) == 55);
        CHECK(report.minutes[schemas::Booking::unmeasured] > 4min);
        CHECK(report.minutes[schemas::Booking::unmeasured] < 6min);
        CHECK(report.minutes[schemas::Booking::unmeasured] + report.minutes[schemas::Booking::up] == 60min);
    }
}

TEST_CASE("what is lost of the source alone is not lost of what it feeds, and the other way round") {
    Scenario scenario = fed("queue");
    scenario.lose(scenario.key(), begin + 20min, begin + 25min);
    CHECK(shown(scenario.report(begin, begin + 1h).minutes) == "up 60");
    scenario.spoil({"im", "queue", "", "noc"}, begin + 30min, begin + 40min, Verdict::failed);
    CHECK(scenario.report(begin, begin + 1h).minutes[schemas::Booking::down] > 9min);
}

TEST_CASE("results of an indicator are taken in like any probe's") {
    const Scenario scenario = fed("queue");
    const schemas::Definitions definitions{std::make_shared<schemas::Definition>(scenario.definition)};
    CHECK(is_defined(definitions, {"im", "queue", "", "noc"}));
    CHECK_FALSE(is_defined(definitions, {"im", "queues", "", "noc"}));
}
