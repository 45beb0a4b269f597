#include "reporter/ledger/verdict.hpp"

#include <doctest/doctest.h>

#include "reporter/ledger/uncertainty.hpp"
#include "unit/reporter/scenario.hpp"

using namespace slimtax;
using namespace slimtax::reporter;
using namespace slimtax::reporter::testing;
using namespace std::chrono_literals;
using schemas::Booking;

namespace {

/// 100 hours, with so many minutes of outage at least, counted and at most, and so many not measured, of 50.
ObjectiveReport spent(double at_least, double counted, double at_most, Duration unmeasured = 0s) {
    ObjectiveReport report;
    report.minutes[Booking::up] = 100h;
    report.minutes[Booking::unmeasured] = unmeasured;
    report.budget.allowed = 50;
    report.budget.spent_at_least = at_least;
    report.budget.spent = counted;
    report.budget.spent_at_most = at_most;
    return report;
}

}  // namespace

TEST_CASE("a budget is met, missed or not proven by its bounds and by what nobody saw") {
    struct Row {
        const char* what;
        ObjectiveReport report;
        Judgement judgement;
        bool met;
        const char* note;
    };
    const Row rows[] = {
        {"no outage", spent(0, 0, 0), Judgement::met, true, ""},
        {"all bounds fit", spent(47, 48, 49), Judgement::met, true, ""},
        {"just what is allowed", spent(50, 50, 50), Judgement::met, true, ""},
        {"at most does not fit", spent(47, 49, 51), Judgement::not_proven, true,
         "Within the budget, but not proven: between two tests it may have been up to 51 min; 50 min allowed."},
        {"counted does not fit", spent(49, 51, 53), Judgement::not_proven, false,
         "51 min of outage counted; 50 min allowed. Not proven: only 49 min is certain."},
        {"at least does not fit", spent(51, 53, 54), Judgement::missed, false, "53 min of outage; 50 min allowed."},
        {"unmeasured time that fits", spent(47, 48, 49, 30s), Judgement::met, true, ""},
        {"unmeasured time that does not", spent(47, 48, 49, 3min), Judgement::not_proven, true,
         "Not proven: 3 min of the service's hours were not measured, more than what is left of the budget."},
        {"unmeasured time cannot turn what is certain", spent(51, 53, 54, 3h), Judgement::missed, false,
         "53 min of outage; 50 min allowed."},
    };
    for (Row row : rows) {
        CAPTURE(row.what);
        CHECK(judge_figures(row.report) == row.judgement);
        reach_verdict(row.report, {}, 0);
        CHECK(row.report.judgement == row.judgement);
        CHECK(row.report.met == row.met);
        CHECK(row.report.verdict_note == row.note);
    }
}

TEST_CASE("where nothing was measured nothing is met; where nothing was due nothing is missed") {
    ObjectiveReport report;
    report.minutes[Booking::unmeasured] = 1h;
    reach_verdict(report, {}, 0);
    CHECK(report.judgement == Judgement::not_measured);
    CHECK_FALSE(report.met);
    CHECK(report.verdict_note == "Nothing was measured, so nothing is proven.");
    report = {};
    report.minutes[Booking::outside] = 1h;
    reach_verdict(report, {}, 0);
    CHECK(report.judgement == Judgement::met);
    CHECK(report.met);
}

TEST_CASE("a budget of failed runs is not proven when the runs that nobody saw could have used it up") {
    ObjectiveReport report;
    report.minutes[Booking::up] = 100h;
    report.budget.in_failures = true;
    report.budget.allowed = 5;
    report.runs.due = 100;
    report.runs.by_verdict = {95, 0, 0, 0, 0, 0};
    CHECK(judge_figures(report) == Judgement::met);
    report.runs.by_verdict = {94, 0, 0, 0, 6, 0};
    CHECK(judge_figures(report) == Judgement::not_proven);
    report.runs.by_verdict = {94, 0, 6, 0, 0, 0};
    report.budget.spent = report.budget.spent_at_least = report.budget.spent_at_most = 6;
    CHECK(judge_figures(report) == Judgement::missed);
}

TEST_CASE("a band is judged by the whole of its 95 % interval") {
    struct Row {
        std::uint64_t within, all;
        Judgement judgement;
        const char* note;
    };
    const Row rows[] = {
        {10000, 10080, Judgement::met, ""},
        {985, 1000, Judgement::not_proven,
         "98.5 % of the transactions completed within 8 s, at least 98 % was promised; not proven: by 1,000 runs the "
         "true share may be 97.5 % to 99.2 %."},
        {96, 100, Judgement::not_proven,
         "96 % of the transactions completed within 8 s, at least 98 % was promised; not proven: by 100 runs the true "
         "share may be 90.1 % to 98.9 %."},
        {9600, 10000, Judgement::missed, "96 % of the transactions completed within 8 s, at least 98 % was promised."},
        {0, 0, Judgement::met, ""},
    };
    for (const Row& row : rows) {
        CAPTURE(row.all);
        ObjectiveReport report = spent(0, 0, 0);
        report.runs.by_verdict[0] = row.all;
        BandResult band;
        band.band = {{}, 8s, 0.98, {}};
        band.runs = row.within;
        band.share = row.all > 0 ? static_cast<double>(row.within) / static_cast<double>(row.all) : 0;
        band.met = row.all == 0 || band.share >= 0.98;
        band.likely = likely_share(static_cast<double>(row.within), static_cast<double>(row.all));
        report.bands = {band};
        reach_verdict(report, {}, 0);
        CHECK(report.judgement == row.judgement);
        CHECK(report.judgement == judge_figures(report));
        CHECK(report.met == band.met);
        CHECK(report.verdict_note == row.note);
    }
}

TEST_CASE("an average is judged by its 95 % interval") {
    schemas::Objective objective;
    objective.mean = 200ms;
    ObjectiveReport report = spent(0, 0, 0);
    report.response_ms.samples = 100;
    report.response_ms.stddev = 100;
    report.response_ms.mean = 170;
    reach_verdict(report, objective, 0);
    CHECK(report.judgement == Judgement::met);
    report.response_ms.mean = 190;
    reach_verdict(report, objective, 0);
    CHECK(report.judgement == Judgement::not_proven);
    CHECK(report.met);
    report.response_ms.mean = 210;
    reach_verdict(report, objective, 0);
    CHECK(report.judgement == Judgement::not_proven);
    CHECK_FALSE(report.met);
    CHECK(report.verdict_note ==
          "Transactions took 210 ms on average, 200 ms was promised; not proven: by 100 runs the true average may be "
          "190 ms to 230 ms.");
    report.response_ms.mean = 230;
    reach_verdict(report, objective, 0);
    CHECK(report.judgement == Judgement::missed);
    report.response_ms = {1, 100, 100, 100, 0, 100, 100, 100};
    reach_verdict(report, objective, 0);
    CHECK(report.judgement == Judgement::not_proven);
}

TEST_CASE("a rate of runs is judged by the share that completes, a rate of counted work as it is") {
    schemas::Objective objective;
    objective.rate = schemas::WorkRate{9, 1h};
    ObjectiveReport report = spent(0, 0, 0);
    report.runs.by_verdict = {900, 0, 100, 0, 0, 0};
    reach_verdict(report, objective, 900);
    CHECK(report.judgement == Judgement::not_proven);
    CHECK(report.met);
    CHECK(report.verdict_note ==
          "9 transactions an hour completed, 9 were promised; not proven: by 1,000 runs it may be 8.8 to 9.18.");
    report.runs.by_verdict = {700, 0, 300, 0, 0, 0};
    reach_verdict(report, objective, 700);
    CHECK(report.judgement == Judgement::missed);
    CHECK(report.verdict_note == "7 transactions an hour completed, 9 were promised.");
    reach_verdict(report, objective, 950);  // units of work that these runs read
    CHECK(report.judgement == Judgement::met);
    reach_verdict(report, objective, 899);
    CHECK(report.judgement == Judgement::missed);
}
