#include "reporter/ledger/performance.hpp"

#include <doctest/doctest.h>

#include "unit/reporter/scenario.hpp"

using namespace slimtax;
using namespace slimtax::reporter;
using namespace slimtax::reporter::testing;
using namespace std::chrono_literals;
using schemas::Booking;
using schemas::State;

namespace {

const Instant begin = at("2026-11-18T08:00:00Z");

Run run_of(Duration response, Verdict verdict) {
    Run run;
    run.response = response;
    run.verdict = verdict;
    return run;
}

/// An A3 objective with bands as in "98% within 8 s, at most 5% between 8 s and 20 s", an hour of good runs.
Scenario buddy_list() {
    Scenario scenario;
    scenario.objective().level = scenario.probe().level = schemas::Level::A3;
    scenario.objective().bands = {{{}, 8s, 0.98, {}}, {8s, 20s, {}, 0.05}};
    scenario.play(scenario.key(), begin - 10min, begin + 70min, [](Instant) { return Verdict::ok; });
    return scenario;
}

void slow_down(Scenario& scenario, Instant from, Instant to, Duration response) {
    for (Run& run : scenario.runs[scenario.key()]) {
        if (run.intended >= from && run.intended < to) {
            run.response = response;
        }
    }
}

/// "X10 s5 …": minutes of one state after the other, nominal.
StateSpans minutes_of(std::initializer_list<std::pair<State, int>> parts) {
    StateSpans spans;
    Instant at = begin;
    for (const auto& [state, minutes] : parts) {
        append(spans, {at, at + minutes * 1min, state, state, state});
        at += minutes * 1min;
    }
    return spans;
}

Duration down_in(const StateSpans& spans) {
    Duration sum{};
    for (const StateSpan& span : spans) {
        sum += span.nominal == State::down ? span.to - span.from : Duration(0);
    }
    return sum;
}

}  // namespace

TEST_CASE("an ok run beyond the first band's limit is degraded, exactly at it is up") {
    schemas::Objective objective;
    objective.bands = {{{}, 8s, 0.98, {}}};
    const JudgedRuns judged = judge_performance({run_of(8s, Verdict::ok), run_of(8s + 1us, Verdict::ok),
                                                 run_of(1s, Verdict::slow), run_of(9s, Verdict::failed)},
                                                objective);
    CHECK(judged.states == std::vector{State::up, State::degraded, State::degraded, State::down});
    CHECK(judged.runs[0].reason.empty());
    CHECK(judged.runs[1].reason == "took 8.0 s, more than the 8 s aimed at");
}

TEST_CASE("bands are shares of all completed and failed runs, and a failed run lies beyond every limit") {
    RunStatistics statistics({{{}, 8s, 0.4, {}}, {8s, 20s, {}, 0.1}, {20s, {}, {}, 0.5}});
    for (const Duration response : {1s, 2s, 8s, 9s, 25s}) {
        statistics.add(run_of(response, Verdict::ok));
    }
    statistics.add(run_of(1ms, Verdict::failed));  // refused at once: not fast
    statistics.add(run_of(30s, Verdict::timeout));
    statistics.add(run_of(1s, Verdict::prober_fault));
    const auto bands = statistics.bands();
    CHECK(bands[0].runs == 3);
    CHECK(bands[1].runs == 1);
    CHECK(bands[2].runs == 3);
    CHECK(bands[0].share == doctest::Approx(3.0 / 7));
    CHECK(bands[0].met);
    CHECK_FALSE(bands[1].met);
    CHECK(bands[2].met);
}

TEST_CASE("without runs no band is violated") {
    CHECK(RunStatistics({{{}, 8s, 0.98, {}}}).bands()[0].met);
}

TEST_CASE("response times are those of completed runs, percentiles by nearest rank within 0.4 %") {
    RunStatistics statistics;
    for (int i = 100; i >= 1; --i) {
        statistics.add(run_of(i * 10ms, i % 10 == 0 ? Verdict::slow : Verdict::ok));
    }
    statistics.add(run_of(1h, Verdict::timeout));
    const ResponseTimes times = statistics.response_times();
    CHECK(times.samples == 100);
    CHECK(times.min == 10);
    CHECK(times.max == 1000);
    CHECK(times.mean == doctest::Approx(505));
    CHECK(times.stddev == doctest::Approx(290.115));
    CHECK(times.p50 == doctest::Approx(500).epsilon(0.004));
    CHECK(times.p95 == doctest::Approx(950).epsilon(0.004));
    CHECK(times.p99 == doctest::Approx(990).epsilon(0.004));
}

TEST_CASE("a stretch below target is an outage as a whole once it is long enough") {
    using enum State;
    struct Row {
        const char* what;
        StateSpans spans;
        Duration down;
    };
    const Row rows[] = {
        {"too short", minutes_of({{up, 5}, {degraded, 9}, {up, 5}}), 0min},
        {"just long enough", minutes_of({{up, 5}, {degraded, 10}, {up, 5}}), 10min},
        {"down within it counts along", minutes_of({{degraded, 4}, {down, 3}, {degraded, 4}}), 11min},
        {"a short outage stays one", minutes_of({{up, 5}, {down, 2}, {up, 5}}), 2min},
        {"recovery between", minutes_of({{degraded, 9}, {up, 1}, {degraded, 9}}), 0min},
        {"unmeasured between", minutes_of({{degraded, 9}, {unmeasured, 1}, {degraded, 9}}), 0min},
    };
    for (const Row& row : rows) {
        CAPTURE(row.what);
        CHECK(down_in(with_outages(row.spans, 10min)) == row.down);
    }
}

TEST_CASE("slow time is degraded, and an outage from its begin when it lasts") {
    Scenario scenario = buddy_list();
    slow_down(scenario, begin + 20min, begin + 32min, 9s);
    CHECK(shown(scenario.report(begin, begin + 1h).minutes) == "up 48 degraded 12");
    scenario.objective().below_target_for = 10min;
    const ObjectiveReport report = scenario.report(begin, begin + 1h);
    CHECK(shown(report.minutes) == "up 48 down 12");
    CHECK(shown(report.outages) == "08:20-08:32 12 (11-13)");
    REQUIRE(report.outages.size() == 1);
    CHECK(report.outages[0].reason == "took 9.0 s, more than the 8 s aimed at");
    CHECK(report.outages[0].locations == std::vector<std::string>{"noc"});
}

TEST_CASE("a long stretch below target is an outage in both periods that it touches") {
    Scenario scenario = buddy_list();
    scenario.objective().below_target_for = 10min;
    slow_down(scenario, begin + 24min, begin + 36min, 9s);
    CHECK(shown(scenario.report(begin, begin + 30min).minutes) == "up 24 down 6");
    CHECK(shown(scenario.report(begin + 30min, begin + 1h).minutes) == "up 24 down 6");
}

TEST_CASE("violated bands, averages and rates make an objective missed, in words") {
    Scenario scenario = buddy_list();
    slow_down(scenario, begin + 20min, begin + 26min, 9s);
    ObjectiveReport report = scenario.report(begin, begin + 1h);
    CHECK_FALSE(report.met);
    CHECK(
        report.verdict_note ==
        "90 % of the transactions completed within 8 s, at least 98 % was promised. 10 % of the transactions completed "
        "between 8 s and 20 s, at most 5 % was promised; not proven: by 60 runs the true share may be 3.8 % to 20.5 "
        "%.");
    CHECK(report.judgement == Judgement::missed);
    CHECK(report.budget.spent == 0);

    scenario = buddy_list();
    scenario.objective().mean = 100ms;
    scenario.objective().rate = schemas::WorkRate{9000, 1h};
    report = scenario.report(begin, begin + 1h);
    CHECK_FALSE(report.met);
    CHECK(report.verdict_note.find("Transactions took 200 ms on average, 100 ms was promised.") != std::string::npos);
    CHECK(report.verdict_note.find("60 transactions an hour completed, 9000 were promised.") != std::string::npos);
    scenario.objective().mean = 200ms;
    scenario.objective().rate = schemas::WorkRate{1, 1min};
    CHECK(scenario.report(begin, begin + 1h).met);
}
