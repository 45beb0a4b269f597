#include <doctest/doctest.h>

#include "tests/unit/probes/run_operation.hpp"

using namespace slimtax;
using namespace slimtax::probes;
using namespace std::chrono_literals;

TEST_CASE("wait: takes its time, and none of it is response time") {
    Engine engine;
    const TimePoint start = Loop::now();
    const StepRun run = run_operation(engine, "wait", {{"for", schemas::Duration(30ms)}});
    CHECK(run.verdict() == "ok");
    CHECK(Loop::now() - start >= 30ms);
    CHECK(run.report.measured == schemas::Duration::zero());
}

TEST_CASE("wait: a wait that the time-out cuts short is a time-out") {
    Engine engine;
    const StepRun run = run_operation(engine, "wait", {{"for", schemas::Duration(1h)}}, 20ms);
    CHECK(run.verdict() == "timeout");
    CHECK(run.outcome.reason == "the time was over before a wait of 1h was");
}

TEST_CASE("set: its values are saved") {
    Engine engine;
    const StepRun run = run_operation(engine, "set", {{"values", schemas::TextMap{{"kind", "x"}, {"n", "3"}}}});
    CHECK(run.verdict() == "ok");
    CHECK(run.report.saved == std::vector<std::pair<std::string, std::string>>{{"kind", "x"}, {"n", "3"}});
}
