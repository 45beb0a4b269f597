#include "reporter/ledger/amendments.hpp"

#include <doctest/doctest.h>

#include "unit/reporter/scenario.hpp"

using namespace slimtax;
using namespace slimtax::reporter;
using namespace slimtax::reporter::testing;
using namespace std::chrono_literals;
using schemas::Booking;

namespace {

const Instant begin = at("2026-11-18T08:00:00Z");

/// Four hours of good runs around an hour from `begin`, in which 08:10 to 08:30 failed.
Scenario with_outage() {
    Scenario scenario;
    scenario.surroundings.locations = {"noc"};
    scenario.play(scenario.key(), begin - 2h, begin + 2h, [](Instant) { return Verdict::ok; });
    scenario.spoil(scenario.key(), begin + 10min, begin + 30min, Verdict::failed);
    return scenario;
}

RecordedAmendment said(std::int64_t number, Amendment::Kind kind, std::string cause = {}, std::int64_t undoes = 0) {
    RecordedAmendment one{"im", "login", begin + 10min, begin + 30min, {}};
    one.said.number = number;
    one.said.kind = kind;
    one.said.cause = std::move(cause);
    one.said.note = "because";
    one.said.who = "ada";
    one.said.when = begin + 24h;
    one.said.undoes = undoes;
    return one;
}

ObjectiveReport hour(const Scenario& scenario) {
    return scenario.report(begin, begin + 1h);
}

}  // namespace

TEST_CASE("an outage is named by service, objective and its first failed run, in every report that shows it") {
    Scenario scenario = with_outage();
    CHECK(hour(scenario).outages.at(0).id == "im/login@2026-11-18T08:10:00Z");
    // Two reports that share it: the second one begins in its middle.
    CHECK(scenario.report(begin - 1h, begin + 20min).outages.at(0).id == "im/login@2026-11-18T08:10:00Z");
    const ObjectiveReport later = scenario.report(begin + 20min, begin + 1h);
    REQUIRE(later.outages.size() == 1);
    CHECK(later.outages[0].id == "im/login@2026-11-18T08:10:00Z");
    CHECK(later.outages[0].since_before);
    CHECK(later.outages[0].nominal == 10min);
}

TEST_CASE("a name may be cut off behind its date, and must be one") {
    const auto whole = parse_outage_id("im/login@2026-11-18T08:10:13.48291Z");
    REQUIRE(whole);
    CHECK(whole->service == "im");
    CHECK(whole->objective == "login");
    CHECK(whole->first == at("2026-11-18T08:10:13.48291Z"));
    CHECK(whole->after - whole->first == Duration(10));
    CHECK(parse_outage_id("im/login@2026-11-18T08:10")->after == at("2026-11-18T08:11:00Z"));
    CHECK(parse_outage_id("im/login@2026-11-18T08:10Z")->after == at("2026-11-18T08:11:00Z"));
    CHECK(parse_outage_id("im/login@2026-11-18T08")->after == at("2026-11-18T09:00:00Z"));
    CHECK(parse_outage_id("im/login@2026-11-18")->after == at("2026-11-19T00:00:00Z"));
    for (const char* bad : {"", "im", "im/login", "/login@2026-11-18", "im/@2026-11-18", "im/login@", "im/login@now",
                            "im/login@2026-11-38", "im/login@2026-11-18T8", "im@2026-11-18"}) {
        CAPTURE(bad);
        CHECK_FALSE(parse_outage_id(bad));
    }
    CHECK(parse_outage_id("login").error() ==
          "'login' names no outage: expected SERVICE/OBJECTIVE@TIME as `slimtax-reporter outages` shows it, such as "
          "campus-im/sign-in@2026-11-17T15:02");
}

TEST_CASE("another cause changes what its share of the budget spends, and nothing else") {
    Scenario scenario = with_outage();
    scenario.objective().causes = {{"network", 15min}, {"application", 20min}};
    CHECK(hour(scenario).budget.causes.at(0).spent == 0);
    scenario.surroundings.amendments = {said(1, Amendment::Kind::cause, "network")};
    ObjectiveReport report = hour(scenario);
    CHECK(report.outages.at(0).cause == "network");
    CHECK(report.outages.at(0).evidence.empty());
    CHECK(report.outages.at(0).amendments.size() == 1);
    CHECK(report.budget.causes.at(0).spent == 20);
    CHECK(report.budget.spent == 20);
    scenario.surroundings.amendments.push_back(said(2, Amendment::Kind::cause, "application"));
    report = hour(scenario);
    CHECK(report.outages.at(0).cause == "application");
    CHECK(report.budget.causes.at(0).spent == 0);
    CHECK(report.budget.causes.at(1).spent == 20);
}

TEST_CASE("what was no outage is up, spends nothing and stays listed; its failed runs do not count") {
    Scenario scenario = with_outage();
    CHECK(shown(hour(scenario).minutes) == "up 40 down 20");
    scenario.surroundings.amendments = {said(1, Amendment::Kind::not_an_outage)};
    const ObjectiveReport report = hour(scenario);
    CHECK(shown(report.minutes) == "up 60");
    CHECK(report.budget.spent == 0);
    CHECK(report.budget.spent_at_most == 0);
    REQUIRE(report.outages.size() == 1);
    CHECK(report.outages[0].excused == Amendment::Kind::not_an_outage);
    CHECK(report.outages[0].nominal == 20min);
    CHECK(report.runs.due == 40);
    CHECK(report.runs.of(Verdict::failed) == 0);
}

TEST_CASE("runs that start a little after they were due are left out with their outage, the first and the last too") {
    Scenario scenario = with_outage();
    for (auto& [key, runs] : scenario.runs) {
        for (Run& run : runs) {
            run.started = run.intended + 1500ms;
        }
    }
    scenario.objective().budget.reset();
    scenario.objective().max_failures = schemas::FailureBudget{3, schemas::BudgetPeriod::week};
    CHECK(hour(scenario).budget.spent == 20);
    RecordedAmendment one = said(1, Amendment::Kind::not_an_outage);
    one.began += 1500ms;
    for (const auto kind : {Amendment::Kind::not_an_outage, Amendment::Kind::planned}) {
        one.said.kind = kind;
        scenario.surroundings.amendments = {one};
        const ObjectiveReport report = hour(scenario);
        CHECK(report.outages.at(0).excused == kind);
        CHECK(report.budget.spent == 0);
        CHECK(report.runs.of(Verdict::failed) == 0);
        CHECK(report.runs.of(Verdict::ok) == 40);
    }
}

TEST_CASE("what was planned is booked as planned") {
    Scenario scenario = with_outage();
    scenario.surroundings.amendments = {said(1, Amendment::Kind::planned)};
    const ObjectiveReport report = hour(scenario);
    CHECK(shown(report.minutes) == "up 40 planned 20");
    CHECK(report.minutes.sum() == 1h);
    CHECK(report.budget.spent == 0);
    CHECK(report.outages.at(0).excused == Amendment::Kind::planned);
    CHECK(report.runs.due == 40);
}

TEST_CASE("what is undone stays on record and counts no more") {
    Scenario scenario = with_outage();
    scenario.surroundings.amendments = {said(1, Amendment::Kind::planned), said(2, Amendment::Kind::undo, "", 1)};
    ObjectiveReport report = hour(scenario);
    CHECK(shown(report.minutes) == "up 40 down 20");
    REQUIRE(report.outages.at(0).amendments.size() == 2);
    CHECK(report.outages[0].amendments[0].undone);
    CHECK_FALSE(report.outages[0].excused);
    scenario.surroundings.amendments.push_back(said(3, Amendment::Kind::not_an_outage));
    CHECK(shown(hour(scenario).minutes) == "up 60");
}

TEST_CASE("an amendment follows its outage when late results move its begin, and is of no other outage") {
    Scenario scenario = with_outage();
    scenario.surroundings.amendments = {said(1, Amendment::Kind::planned)};
    // Late results: the outage began two minutes earlier, or later, than was known when this was said.
    Scenario earlier = scenario;
    earlier.spoil(earlier.key(), begin + 8min, begin + 10min, Verdict::failed);
    CHECK(shown(hour(earlier).minutes) == "up 38 planned 22");
    Scenario later = scenario;
    later.spoil(later.key(), begin + 10min, begin + 12min, Verdict::ok);
    CHECK(shown(hour(later).minutes) == "up 42 planned 18");
    Scenario another = scenario;
    another.spoil(another.key(), begin + 10min, begin + 30min, Verdict::ok);
    another.spoil(another.key(), begin + 40min, begin + 45min, Verdict::failed);
    CHECK(shown(hour(another).minutes) == "up 55 down 5");
    Scenario elsewhere = scenario;
    elsewhere.surroundings.amendments.at(0).objective = "other";
    CHECK(shown(hour(elsewhere).minutes) == "up 40 down 20");
}
