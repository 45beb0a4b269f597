#include "reporter/ledger/evaluate.hpp"

#include <doctest/doctest.h>

#include "unit/reporter/scenario.hpp"

using namespace slimtax;
using namespace slimtax::reporter;
using namespace slimtax::reporter::testing;
using namespace std::chrono_literals;
using schemas::Booking;
using schemas::Light;
using schemas::Quorum;
using schemas::State;

namespace {

const Instant begin = at("2026-11-18T08:00:00Z");

Verdict ok(Instant) {
    return Verdict::ok;
}

/// Two hours of good runs from an hour before `begin`, at each location and target.
Scenario two_hours(const std::vector<std::string>& locations = {"noc"}, const std::vector<std::string>& targets = {}) {
    Scenario scenario;
    scenario.surroundings.locations = locations;
    scenario.probe().targets = targets;
    for (const std::string& location : locations) {
        for (const std::string& target : scenario.probe().series_targets()) {
            scenario.play(scenario.key(location, target), begin - 1h, begin + 1h, ok);
        }
    }
    return scenario;
}

/// Adds a control probe that runs everywhere every minute.
void add_control(Scenario& scenario) {
    schemas::Probe control = scenario.probe();
    control.id = "control";
    control.targets.clear();
    control.control = true;
    control.purpose = schemas::Purpose::diagnostic;
    scenario.objective().probes = {"login"};
    scenario.definition.probes.push_back(control);
    for (const std::string& location : scenario.surroundings.locations) {
        scenario.play({"im", "control", "", location}, begin - 1h, begin + 1h, ok);
    }
    scenario.surroundings.controls =
        find_controls({std::make_shared<schemas::Definition>(scenario.definition)}, scenario.surroundings.locations);
}

ObjectiveReport hour(const Scenario& scenario) {
    return scenario.report(begin, begin + 1h, begin + 24h);
}

}  // namespace

TEST_CASE("an outage names the run that brought it about, the targets that were down and the locations that said so") {
    Scenario scenario = two_hours({"noc", "lab", "home"}, {"im1", "im2"});
    scenario.spoil(scenario.key("noc", "im2"), begin + 10min, begin + 30min, Verdict::failed);
    scenario.spoil(scenario.key("lab", "im2"), begin + 15min, begin + 30min, Verdict::timeout);
    const ObjectiveReport report = hour(scenario);
    CHECK(shown(report.outages) == "08:15-08:30 15 (14-16)");
    REQUIRE(report.outages.size() == 1);
    CHECK(report.outages[0].reason == "refused by im2 at 08:15");
    CHECK(report.outages[0].targets == std::vector<std::string>{"im2"});
    CHECK(report.outages[0].locations == std::vector<std::string>{"lab", "noc"});
    CHECK(report.outages[0].cause == "network");  // home found it up all the time
}

TEST_CASE("one of three locations does not make an outage, unless any one is enough") {
    Scenario scenario = two_hours({"noc", "lab", "home"});
    scenario.spoil(scenario.key("home"), begin + 10min, begin + 30min, Verdict::failed);
    CHECK(shown(hour(scenario).minutes) == "up 60");
    scenario.objective().agree = {Quorum::Rule::any, 1};
    CHECK(shown(hour(scenario).minutes) == "up 40 down 20");
}

TEST_CASE("an excluded location has no voice and no runs in the report") {
    Scenario scenario = two_hours({"noc", "home"});
    scenario.objective().agree = {Quorum::Rule::any, 1};
    scenario.objective().exclude_locations = {"home"};
    scenario.spoil(scenario.key("home"), begin + 10min, begin + 30min, Verdict::failed);
    const ObjectiveReport report = hour(scenario);
    CHECK(shown(report.minutes) == "up 60");
    CHECK(report.runs.due == 60);
    CHECK(report.series.size() == 1);
}

TEST_CASE("redundancy is masked when any target will do") {
    Scenario scenario = two_hours({"noc"}, {"im1", "im2"});
    scenario.spoil(scenario.key("noc", "im1"), begin + 10min, begin + 30min, Verdict::failed);
    CHECK(shown(hour(scenario).minutes) == "up 40 down 20");
    scenario.objective().need = {Quorum::Rule::any, 1};
    CHECK(shown(hour(scenario).minutes) == "up 60");
}

TEST_CASE("a location whose controls fail too is at fault itself: unmeasured, not down, and no failures counted") {
    Scenario scenario = two_hours({"noc"});
    add_control(scenario);
    scenario.objective().budget.reset();
    scenario.objective().max_failures = schemas::FailureBudget{5, schemas::BudgetPeriod::week};
    scenario.spoil(scenario.key("noc"), begin + 10min, begin + 30min, Verdict::timeout);
    CHECK(hour(scenario).minutes[Booking::down] == 20min);
    scenario.spoil({"im", "control", "", "noc"}, begin + 10min, begin + 30min, Verdict::timeout);
    const ObjectiveReport report = hour(scenario);
    CHECK(report.minutes[Booking::down] == 0s);
    // From the last good control run to the end of the first good one.
    CHECK(report.minutes[Booking::unmeasured] == 22min);
    CHECK(report.outages.empty());
    CHECK(report.budget.spent == 0);
    CHECK(report.runs.of(Verdict::timeout) == 0);
    CHECK(report.runs.of(Verdict::prober_fault) == 22);
}

TEST_CASE("a control that fails elsewhere blames nobody here") {
    Scenario scenario = two_hours({"noc", "lab"});
    add_control(scenario);
    scenario.objective().agree = {Quorum::Rule::any, 1};
    scenario.spoil(scenario.key("noc"), begin + 10min, begin + 30min, Verdict::failed);
    scenario.spoil({"im", "control", "", "lab"}, begin + 10min, begin + 30min, Verdict::failed);
    CHECK(shown(hour(scenario).minutes) == "up 40 down 20");
}

TEST_CASE("an outage that a closing hour interrupts is one outage, and only open hours count") {
    Scenario scenario;
    scenario.definition.window.open = weekdays(8, 18);
    const Instant friday_five = at("2026-11-20T17:00:00Z");
    const Instant monday_nine = at("2026-11-23T09:00:00Z");
    scenario.play(scenario.key(), friday_five - 24h, monday_nine + 24h, ok);
    scenario.spoil(scenario.key(), friday_five, monday_nine, Verdict::failed);
    const ObjectiveReport report = scenario.report(at("2026-11-18T00:00:00Z"), at("2026-11-25T00:00:00Z"));
    REQUIRE(report.outages.size() == 1);
    CHECK(report.outages[0].from == friday_five);
    CHECK(report.outages[0].to == monday_nine);
    CHECK(report.outages[0].nominal == 2h);
    CHECK(report.minutes[Booking::down] == 2h);
    // One wholly outside is nobody's outage.
    scenario.spoil(scenario.key(), friday_five, monday_nine, Verdict::ok);
    scenario.spoil(scenario.key(), friday_five + 2h, friday_five + 3h, Verdict::failed);
    CHECK(scenario.report(at("2026-11-18T00:00:00Z"), at("2026-11-25T00:00:00Z")).outages.empty());
}

TEST_CASE("a period that has not ended is cut at now, and its outage goes on") {
    Scenario scenario = two_hours();
    scenario.spoil(scenario.key(), begin + 50min, begin + 1h, Verdict::failed);
    const ObjectiveReport report = scenario.report(begin, begin + 24h, begin + 1h);
    CHECK(shown(report.minutes) == "up 50 down 10");
    CHECK(shown(report.outages) == "08:50-09:00 10 (9-11) ongoing");
    CHECK(report.light == Light::red);
    CHECK(report.light_reason == "refused by server at 08:50");
    CHECK(report.light_since == begin + 50min);
    REQUIRE(report.series.size() == 1);
    CHECK(report.series[0].state == State::down);
    CHECK(report.series[0].since == begin + 50min);
    CHECK(report.series[0].reason == "refused by server at 08:50");
    CHECK(report.runs.due == 60);
}

TEST_CASE("a period that has not begun says so") {
    const ObjectiveReport report = two_hours().report(begin + 48h, begin + 72h, begin);
    CHECK(report.minutes.sum() == 0s);
    CHECK(report.verdict_note == "The period has not begun.");
    CHECK(report.budget.allowed == 50);
}

TEST_CASE("the light says how it is now") {
    struct Row {
        const char* what;
        std::function<void(Scenario&)> change;
        Light light;
        const char* reason;
    };
    const Row rows[] = {
        {"up", [](Scenario&) {}, Light::green, ""},
        {"slow", [](Scenario& scenario) { scenario.spoil(scenario.key(), begin + 55min, begin + 1h, Verdict::slow); },
         Light::amber, "refused by server at 08:55"},
        {"up with little left",
         [](Scenario& scenario) { scenario.spoil(scenario.key(), begin, begin + 40min, Verdict::failed); },
         Light::amber, "up, but 40 min of 50 min allowed are spent"},
        {"silent", [](Scenario& scenario) { scenario.lose(scenario.key(), begin + 30min, begin + 1h); }, Light::grey,
         "no result arrived"},
        {"planned",
         [](Scenario& scenario) {
             const std::chrono::local_days day{std::chrono::year(2026) / 11 / 18};
             scenario.definition.window.maintenance.push_back({day + 8h, day + 10h, "LDAP upgrade", {}});
         },
         Light::blue, "planned work: LDAP upgrade"},
        {"closed", [](Scenario& scenario) { scenario.definition.window.open = daily(7, 8); }, Light::hollow,
         "outside the service's hours"},
        {"nowhere", [](Scenario& scenario) { scenario.surroundings.locations.clear(); }, Light::grey,
         "no location measures this"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.what);
        Scenario scenario = two_hours();
        row.change(scenario);
        const ObjectiveReport report = scenario.report(begin, begin + 24h, begin + 1h);
        CHECK(report.light == row.light);
        CHECK(report.light_reason == row.reason);
    }
}

TEST_CASE("a week's report holds every service's own week, each in its own time zone") {
    std::vector<std::shared_ptr<const schemas::Definition>> definitions;
    for (const char* zone : {"Europe/Berlin", "America/New_York"}) {
        Scenario scenario;
        scenario.definition.service.id = zone;
        scenario.definition.window.timezone = zone;
        definitions.push_back(std::make_shared<schemas::Definition>(scenario.definition));
    }
    const Scenario empty;
    const RunSource runs = empty.source();
    const AskedPeriod week = parse_period("2026-W43").value();
    const Report report = make_report(definitions, week, at("2026-12-01T00:00:00Z"), empty.surroundings, runs).value();
    REQUIRE(report.services.size() == 2);
    CHECK(report.period.name == "2026-W43");
    CHECK_FALSE(report.so_far);
    CHECK(report.period.from == at("2026-10-18T22:00:00Z"));
    CHECK(report.period.to == at("2026-10-26T04:00:00Z"));
    CHECK(report.services[0].objectives[0].minutes.sum() == 169h);  // clocks went back in Berlin
    CHECK(report.services[1].period.from == at("2026-10-19T04:00:00Z"));
    CHECK(report.services[1].objectives[0].minutes.sum() == 168h);

    const Report running = make_report(definitions, week, at("2026-10-20T00:00:00Z"), empty.surroundings, runs).value();
    CHECK(running.so_far);
    CHECK(running.period.to == at("2026-10-20T00:00:00Z"));
}

TEST_CASE("controls of one service judge the locations of another") {
    Scenario scenario = two_hours();
    add_control(scenario);
    scenario.spoil(scenario.key(), begin + 10min, begin + 30min, Verdict::failed);
    scenario.spoil({"im", "control", "", "noc"}, begin + 10min, begin + 30min, Verdict::failed);
    schemas::Definition controls = scenario.definition;
    controls.objectives.clear();
    controls.probes.erase(controls.probes.begin());
    controls.service.id = "ground";
    for (auto& [key, runs] : std::map(scenario.runs)) {
        if (key.probe == "control") {
            scenario.runs[{"ground", "control", "", "noc"}] = runs;
        }
    }
    schemas::Definition im = scenario.definition;
    im.probes.pop_back();
    scenario.surroundings.controls.clear();
    const RunSource runs = scenario.source();
    const auto down_in = [&](const schemas::Definitions& definitions) {
        const Period period{"", begin, begin + 1h};
        const auto report = make_report(definitions, period, begin + 24h, scenario.surroundings, runs).value();
        return report.services[0].objectives[0].minutes[Booking::down];
    };
    const auto service = std::make_shared<schemas::Definition>(im);
    CHECK(down_in({service}) == 20min);
    CHECK(down_in({service, std::make_shared<schemas::Definition>(controls)}) == 0s);
}

TEST_CASE("a store that cannot answer makes the report fail, not lie") {
    const Scenario scenario;
    const RunSource broken = [](const schemas::SeriesKey&, Instant, Instant) -> Stored<SeriesRuns> {
        return tl::unexpected(StoreError{"the disk is gone", true});
    };
    const auto report = evaluate(scenario.definition, scenario.definition.objectives[0], {"", begin, begin + 1h},
                                 begin + 2h, scenario.surroundings, broken);
    REQUIRE_FALSE(report);
    CHECK(report.error().reason == "the disk is gone");
}
