#include "reporter/ledger/diagnosis.hpp"

#include <doctest/doctest.h>

#include "unit/reporter/scenario.hpp"

using namespace slimtax;
using namespace slimtax::reporter;
using namespace slimtax::reporter::testing;
using namespace std::chrono_literals;

namespace {

const Instant begin = at("2026-11-18T08:00:00Z");

Verdict ok(Instant) {
    return Verdict::ok;
}

/// Good runs of every series of the scenario's probes around an hour from `begin`.
Scenario good(const std::vector<std::string>& locations, const std::vector<std::string>& targets = {}) {
    Scenario scenario;
    scenario.surroundings.locations = locations;
    scenario.probe().targets = targets;
    for (const std::string& location : locations) {
        for (const std::string& target : scenario.probe().series_targets()) {
            scenario.play(scenario.key(location, target), begin - 2h, begin + 2h, ok);
        }
    }
    return scenario;
}

/// Adds a diagnostic probe that runs at "noc".
void add_probe(Scenario& scenario, std::string id, schemas::Level level, std::string layer) {
    scenario.objective().probes = {"login"};
    scenario.definition.service.layers = {"platform", "database", "application", "session", "end-to-end"};
    schemas::Probe probe = scenario.definition.probes.front();
    probe.id = id;
    probe.title = id;
    probe.level = level;
    probe.layer = std::move(layer);
    probe.purpose = schemas::Purpose::diagnostic;
    probe.targets.clear();
    probe.from = {"noc"};
    scenario.definition.probes.push_back(probe);
    scenario.play({"im", id, "", "noc"}, begin - 2h, begin + 2h, ok);
}

void fail(Scenario& scenario, const schemas::SeriesKey& key) {
    scenario.spoil(key, begin + 10min, begin + 30min, Verdict::failed);
}

Outage outage(const Scenario& scenario) {
    const ObjectiveReport report = scenario.report(begin, begin + 1h);
    REQUIRE(report.outages.size() == 1);
    return report.outages.front();
}

}  // namespace

TEST_CASE("an outage that nothing else explains has no proposed cause") {
    Scenario scenario = good({"noc"});
    fail(scenario, scenario.key());
    CHECK(outage(scenario).cause.empty());
    CHECK(outage(scenario).evidence.empty());
}

TEST_CASE("what only one location saw is the network's") {
    Scenario scenario = good({"noc", "lab"});
    scenario.objective().agree = {schemas::Quorum::Rule::any, 1};
    fail(scenario, scenario.key("lab"));
    CHECK(outage(scenario).cause == "network");
    CHECK(outage(scenario).evidence == "only lab saw it, while noc found the service up all the time");
    // A location that was not measured just then is no witness.
    scenario.lose(scenario.key("noc"), begin, begin + 1h);
    CHECK(outage(scenario).cause.empty());
}

TEST_CASE("one target unlike its siblings is named") {
    Scenario scenario = good({"noc"}, {"im1", "im2", "im3"});
    fail(scenario, scenario.key("noc", "im2"));
    CHECK(outage(scenario).cause == "one server");
    CHECK(outage(scenario).evidence == "only im2 failed, while im1 and im3 served all the time");
    fail(scenario, scenario.key("noc", "im3"));
    CHECK(outage(scenario).cause.empty());
}

TEST_CASE("the lowest layer that failed at the same time is the cause") {
    Scenario scenario = good({"noc"});
    add_probe(scenario, "works-locally", schemas::Level::A1, "application");
    add_probe(scenario, "database-process", schemas::Level::A0, "database");
    add_probe(scenario, "disk", schemas::Level::A0, "platform");
    add_probe(scenario, "buddies", schemas::Level::A3, "end-to-end");
    fail(scenario, scenario.key());
    fail(scenario, {"im", "buddies", "", "noc"});  // above: an effect, no cause
    CHECK(outage(scenario).cause.empty());
    fail(scenario, {"im", "works-locally", "", "noc"});
    CHECK(outage(scenario).cause == "application");
    fail(scenario, {"im", "database-process", "", "noc"});
    CHECK(outage(scenario).cause == "database");
    CHECK(outage(scenario).evidence ==
          "'database-process' (level A0, database) failed at the same time: refused by server at 08:10");
    // It failed at another time.
    scenario.spoil({"im", "disk", "", "noc"}, begin + 40min, begin + 50min, Verdict::failed);
    CHECK(outage(scenario).cause == "database");
}

TEST_CASE("a service that a failing probe covers is the cause when it fails too") {
    Scenario scenario = good({"noc"});
    fail(scenario, scenario.key());
    Scenario other;
    other.definition.service.id = "directory";
    other.definition.service.title = "The directory";
    other.definition.probes.front().id = "bind";
    other.definition.objectives.clear();
    const schemas::SeriesKey bind{"directory", "bind", "", "noc"};
    other.play(bind, begin - 2h, begin + 2h, ok);
    fail(other, bind);
    scenario.runs[bind] = other.runs[bind];
    const schemas::Definitions services{std::make_shared<schemas::Definition>(scenario.definition),
                                        std::make_shared<schemas::Definition>(other.definition)};
    scenario.surroundings.services = &services;
    CHECK(outage(scenario).cause.empty());
    scenario.probe().covers = {"front-end", "directory"};
    CHECK(outage(scenario).cause == "dependency");
    CHECK(outage(scenario).evidence ==
          "The directory, which it depends on, failed at the same time: refused by server at 08:10");
}

TEST_CASE("slow look-ups of names are named") {
    Scenario scenario = good({"noc"});
    fail(scenario, scenario.key());
    schemas::RunResult run;
    run.response = 5s;
    run.steps.emplace_back();
    run.steps[0].timings = {{"lookup", 4800ms}, {"connect", 100ms}};
    scenario.surroundings.details = [&](const schemas::SeriesKey& key, Instant from, Instant to, std::size_t limit) {
        CHECK(key == scenario.key());
        CHECK(from <= begin + 10min);
        CHECK(to > begin + 10min);
        CHECK(limit == 1);
        return Stored<std::vector<schemas::RunResult>>({run});
    };
    CHECK(outage(scenario).cause == "name look-up");
    CHECK(outage(scenario).evidence == "looking up names took 4.80 s of the 5.00 s of the first failed run");
    run.steps[0].timings[0].took = 100ms;
    CHECK(outage(scenario).cause.empty());
}

TEST_CASE("a second finding stands beside the first") {
    Scenario scenario = good({"noc"}, {"im1", "im2"});
    add_probe(scenario, "process", schemas::Level::A0, "application");
    fail(scenario, scenario.key("noc", "im2"));
    fail(scenario, {"im", "process", "", "noc"});
    CHECK(outage(scenario).cause == "application");
    CHECK(outage(scenario).evidence ==
          "'process' (level A0, application) failed at the same time: refused by server at 08:10; only im2 failed, "
          "while im1 "
          "served all the time");
}
