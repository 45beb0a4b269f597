#include "prober/script.hpp"

#include <utility>

#include <doctest/doctest.h>

#include "tests/unit/prober/stage.hpp"

using namespace slimtax;
using namespace slimtax::prober;
using namespace slimtax::prober::fakes;
using namespace std::chrono_literals;
using schemas::Duration;
using schemas::RunResult;
using schemas::Verdict;

TEST_CASE("think time is counted in the length, never in the response") {
    Stage stage;
    auto probe = fakes::probe("front", 30s, 10s);
    probe.think = schemas::ThinkTime{20ms, 40ms};
    probe.steps = {saying("fake.answer", "one"), saying("fake.answer", "two")};
    probe.steps[0].parameters["took"] = Duration(5ms);
    probe.steps[1].parameters["took"] = Duration(5ms);
    probe.steps[1].think = schemas::ThinkTime{10ms, 10ms};
    stage.dice = 0.5;
    const RunResult result = stage.run(probe);
    CHECK(result.response == 10ms);
    CHECK(result.steps[0].think >= 30ms);
    CHECK(result.steps[0].offset >= 30ms);
    CHECK(result.steps[1].think >= 10ms);
    CHECK(result.length >= 40ms);
    CHECK(calls.at(1).wall_now - result.started == result.steps[1].offset);
}

TEST_CASE("a pause is drawn evenly between its least and its most") {
    struct Watcher : ScriptWatcher {
        void pausing(const schemas::Step&, Duration pause) override { pauses.push_back(pause); }
        std::vector<Duration> pauses;
    } watcher;
    Stage stage;
    auto probe = fakes::probe("front", 30s, 10s);
    probe.think = schemas::ThinkTime{2ms, 6ms};
    probe.steps = {fakes::step("fake.answer")};
    for (const double dice : {0.0, 0.25, 0.999999999}) {
        stage.dice = dice;
        stage.run(probe, &watcher);
    }
    CHECK(watcher.pauses == std::vector<Duration>{2ms, 3ms, 5999us});
}

TEST_CASE("after a failure nobody thinks any more") {
    Stage stage;
    auto probe = fakes::probe("front", 30s, 10s);
    probe.steps = {saying("fake.refuse", "a"), always(saying("fake.answer", "out"))};
    probe.steps[1].think = schemas::ThinkTime{1h, 2h};
    const RunResult result = stage.run(probe);
    CHECK(result.steps.at(1).think == Duration::zero());
}

TEST_CASE("slower than within is slow, which a failure outweighs") {
    Stage stage;
    auto slow = saying("fake.answer", "one");
    slow.parameters["took"] = Duration(9210ms);
    slow.within = 8s;
    auto quick = slow;
    quick.parameters["took"] = Duration(8s);
    RunResult result = stage.run_steps({slow, quick});
    CHECK(result.verdict == Verdict::slow);
    CHECK(result.reason == "fake.answer at im1 took 9.21 s, longer than 8 s");
    CHECK(result.steps[0].verdict == Verdict::slow);
    CHECK(result.steps[1].verdict == Verdict::ok);

    result = stage.run_steps({slow, saying("fake.refuse", "two")});
    CHECK(result.verdict == Verdict::failed);
    CHECK(result.reason == "server refused \"two\"");
}

TEST_CASE("a step's own time-out ends it, with the operation's reason") {
    Stage stage;
    auto step = fakes::step("fake.hang");
    step.timeout = 20ms;
    const RunResult result = stage.run_steps({step, fakes::step("fake.answer")});
    CHECK(result.verdict == Verdict::timeout);
    CHECK(result.reason == "no answer from server:1");
    CHECK(calls.size() == 1);
}

TEST_CASE("the run's time-out names the step that was under way") {
    Stage stage;
    auto step = fakes::step("fake.hang");
    step.label = "fetch";
    step.timeout = 1h;
    const RunResult result = stage.run_steps({step, fakes::step("fake.answer")}, 30ms);
    CHECK(result.verdict == Verdict::timeout);
    CHECK(result.reason == "the run's time-out of 30 ms passed during 'fetch': no answer from server:1");
    CHECK(calls.at(0).allowance <= 30ms);
}

TEST_CASE("the run's time-out also passes in a pause") {
    Stage stage;
    auto step = fakes::step("fake.answer");
    step.think = schemas::ThinkTime{1h, 1h};
    const RunResult result = stage.run_steps({step}, 20ms);
    CHECK(result.verdict == Verdict::timeout);
    CHECK(result.reason == "the run's time-out of 20 ms passed in the pause before 'fake.answer'");
    CHECK(calls.empty());
}

TEST_CASE("a run that only its always step carried past its time-out is a timeout") {
    Stage stage;
    auto slow_logout = always(fakes::step("fake.hang"));
    slow_logout.timeout = 60ms;
    CHECK(stage.run_steps({fakes::step("fake.answer"), slow_logout}, 20ms).verdict == Verdict::timeout);
}

TEST_CASE("the longest run allows for the always steps") {
    auto probe = fakes::probe("front", 30s, 10s);
    probe.steps = {fakes::step("fake.answer"), always(fakes::step("fake.answer")), always(fakes::step("fake.answer"))};
    probe.steps[1].timeout = 3s;
    CHECK(longest_run(probe) == 10s + 3s + always_allowance);
}

TEST_CASE("an overloaded prober blames itself, not a service that may have kept its promise") {
    Stage stage;
    Duration behind{};
    stage.environment.overloaded = [&behind] { return std::exchange(behind, behind + 20ms); };
    auto late = fakes::step("fake.hang");
    SUBCASE("when the overload took a quarter of the time-out or more") {
        late.timeout = 60ms;
        const RunResult result = stage.run_steps({late});
        CHECK(result.verdict == Verdict::prober_fault);
        CHECK(result.reason ==
              "this prober was overloaded for 20 ms during 'fake.hang', so its outcome says nothing: spread the probes "
              "over "
              "more probers or run them less often");
    }
    SUBCASE("but a time-out that was long enough all the same counts") {
        late.timeout = 120ms;
        CHECK(stage.run_steps({late}).verdict == Verdict::timeout);
    }
    SUBCASE("when a slow step might have been in time") {
        auto answer = fakes::step("fake.answer");
        answer.within = Duration(1);
        const RunResult result = stage.run_steps({answer});
        CHECK(result.verdict == Verdict::prober_fault);
        CHECK(mentions(result.reason, "overloaded for 20 ms during 'fake.answer'"));
    }
    SUBCASE("and an answer in time is an answer") {
        CHECK(stage.run_steps({fakes::step("fake.answer")}).verdict == Verdict::ok);
    }
}

TEST_CASE("while the prober stood still nothing was learnt about the service") {
    Stage stage;
    Duration still{};
    stage.environment.stood_still = [&still] { return std::exchange(still, still + 3s); };
    const RunResult result = stage.run_steps({saying("fake.refuse", "a")});
    CHECK(result.verdict == Verdict::prober_fault);
    CHECK(result.reason == "this prober stood still for 3 s during 'fake.refuse', so its outcome says nothing");
}

TEST_CASE("a run cut short by the prober's stop is not run; what had failed before stays so") {
    Stage stage;
    bool stopping = false;
    stage.environment.stopping = [&stopping] { return stopping; };
    struct Stopper : ScriptWatcher {
        explicit Stopper(bool& a_flag) : flag(a_flag) {}
        void starting(const schemas::Step& step) override { flag = flag || step.operation == "fake.refuse"; }
        bool& flag;
    } stopper(stopping);
    auto probe = fakes::probe("front", 30s, 10s);
    probe.steps = {fakes::step("fake.answer"), fakes::step("fake.refuse"), always(fakes::step("fake.answer"))};
    const RunResult result = stage.run(probe, &stopper);
    CHECK(result.verdict == Verdict::not_run);
    CHECK(result.reason == "the prober was stopped during 'fake.refuse'");
}
