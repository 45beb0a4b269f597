#include "reporter/ledger/budget.hpp"

#include <doctest/doctest.h>

#include "unit/reporter/scenario.hpp"

using namespace slimtax;
using namespace slimtax::reporter;
using namespace slimtax::reporter::testing;
using namespace std::chrono_literals;
using schemas::BudgetPeriod;

namespace {

const Instant begin = at("2026-11-18T08:00:00Z");

/// An hour of good runs around `begin`.
Scenario good_hour() {
    Scenario scenario;
    scenario.play(scenario.key(), begin - 10min, begin + 70min, [](Instant) { return Verdict::ok; });
    return scenario;
}

}  // namespace

TEST_CASE("a period has the whole of a longer budget, and its share of shorter ones by local days") {
    struct Row {
        const char* period;
        const char* zone;
        BudgetPeriod per;
        double expected;
    };
    const Row rows[] = {
        {"2026-W47", "UTC", BudgetPeriod::week, 1},
        {"2026-11-20", "UTC", BudgetPeriod::week, 1},
        {"2026-W47", "UTC", BudgetPeriod::month, 1},
        {"2026-W47", "UTC", BudgetPeriod::day, 7},
        {"2026-11", "UTC", BudgetPeriod::week, 30.0 / 7},
        {"2026-11", "UTC", BudgetPeriod::month, 1},
        {"2028-02", "UTC", BudgetPeriod::day, 29},
        {"2026-Q4", "Europe/Berlin", BudgetPeriod::month, 3},
        {"2026-Q4", "Europe/Berlin", BudgetPeriod::week, 92.0 / 7},
        {"2026", "America/New_York", BudgetPeriod::quarter, 4},
        {"2026", "America/New_York", BudgetPeriod::year, 1},
        {"2026", "America/New_York", BudgetPeriod::week, 365.0 / 7},
        // A clock change makes a day longer, not more of them.
        {"2026-W43", "Europe/Berlin", BudgetPeriod::day, 7},
        {"2026-W13", "Europe/Berlin", BudgetPeriod::week, 1},
    };
    for (const Row& row : rows) {
        CAPTURE(row.period);
        const Zone zone = Zone::find(row.zone).value();
        const Period period = parse_period(row.period).value().in(zone);
        CHECK(budget_periods(row.per, period, zone) == doctest::Approx(row.expected).epsilon(1e-9));
    }
}

TEST_CASE("an overspent budget is missed, and how certain that is stands beside it") {
    Scenario scenario = good_hour();
    scenario.objective().budget = schemas::Budget{10min, BudgetPeriod::week};
    scenario.spoil(scenario.key(), begin + 10min, begin + 22min, Verdict::failed);
    ObjectiveReport report = scenario.report(begin, begin + 1h);
    CHECK_FALSE(report.met);
    CHECK(report.judgement == Judgement::missed);
    CHECK(report.verdict_note == "12 min of outage; 10 min allowed.");
    CHECK(report.budget.remaining() == -2);
    CHECK(report.budget.text == "10 min per week");

    scenario = good_hour();
    scenario.objective().budget = schemas::Budget{10min + 30s, BudgetPeriod::week};
    scenario.spoil(scenario.key(), begin + 10min, begin + 21min, Verdict::failed);
    report = scenario.report(begin, begin + 1h);
    CHECK_FALSE(report.met);
    CHECK(report.judgement == Judgement::not_proven);

    scenario.objective().budget = schemas::Budget{11min + 30s, BudgetPeriod::week};
    report = scenario.report(begin, begin + 1h);
    CHECK(report.met);
    CHECK(report.verdict_note.find(
              "Within the budget, but not proven: between two tests it may have been up to 12 min") == 0);

    scenario.objective().budget = schemas::Budget{13min, BudgetPeriod::week};
    report = scenario.report(begin, begin + 1h);
    CHECK(report.met);
    CHECK(report.verdict_note.empty());
}

TEST_CASE("max_failures counts failed and timed out runs inside the window, and nothing else") {
    Scenario scenario = good_hour();
    scenario.objective().budget.reset();
    scenario.objective().max_failures = schemas::FailureBudget{3, BudgetPeriod::week};
    scenario.definition.window.open = daily(8, 9);
    scenario.spoil(scenario.key(), begin - 5min, begin + 2min, Verdict::failed);  // 5 of these before the opening
    scenario.spoil(scenario.key(), begin + 10min, begin + 11min, Verdict::timeout);
    scenario.spoil(scenario.key(), begin + 20min, begin + 25min, Verdict::prober_fault);
    scenario.spoil(scenario.key(), begin + 30min, begin + 35min, Verdict::slow);
    ObjectiveReport report = scenario.report(begin - 10min, begin + 1h);
    CHECK(report.budget.in_failures);
    CHECK(report.budget.spent == 3);
    CHECK(report.met);
    CHECK(report.verdict_note ==
          "Not proven: 5 runs that were due brought no answer, more than what is left of the "
          "budget.");
    scenario.spoil(scenario.key(), begin + 40min, begin + 41min, Verdict::failed);
    report = scenario.report(begin - 10min, begin + 1h);
    CHECK_FALSE(report.met);
    CHECK(report.verdict_note == "4 failed runs; 3 allowed.");
}

TEST_CASE("causes keep their shares, scaled like the budget") {
    Scenario scenario = good_hour();
    scenario.objective().budget = schemas::Budget{60min, BudgetPeriod::day};
    scenario.objective().causes = {{"network", 20min}, {"application", 40min}};
    const ObjectiveReport report = scenario.report(at("2026-11-16T00:00:00Z"), at("2026-11-18T00:00:00Z"));
    REQUIRE(report.budget.causes.size() == 2);
    CHECK(report.budget.allowed == 120);
    CHECK(report.budget.causes[0].cause == "network");
    CHECK(report.budget.causes[0].allowed == 40);
    CHECK(report.budget.causes[1].allowed == 80);
}

TEST_CASE("a period in which the service is closed all the time is met: nothing was promised") {
    Scenario scenario = good_hour();
    scenario.definition.window.open = daily(20, 21);
    const ObjectiveReport report = scenario.report(begin, begin + 1h);
    CHECK(shown(report.minutes) == "outside 60");
    CHECK(report.met);
    CHECK(report.verdict_note.empty());
}
