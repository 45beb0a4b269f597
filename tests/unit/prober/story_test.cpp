// `when`, `repeat`, and values that steps set: what makes a script a story.
#include <doctest/doctest.h>

#include "prober/script.hpp"
#include "tests/unit/prober/stage.hpp"

using namespace slimtax;
using namespace slimtax::prober;
using namespace slimtax::prober::fakes;
using namespace std::chrono_literals;
using schemas::Duration;
using schemas::RunResult;
using schemas::Verdict;

namespace {

schemas::Condition over_saved(std::string_view text) {
    static constexpr std::array<schemas::Output, 3> known{{{"save.kind", schemas::OutputType::text, ""},
                                                           {"target", schemas::OutputType::text, ""},
                                                           {"location", schemas::OutputType::text, ""}}};
    return schemas::Condition::parse(text, schemas::ConditionScope{known, nullptr, true}).value();
}

schemas::Step repeated(schemas::Step step, int times, Duration every = {}, std::string_view until = {}) {
    schemas::Repeat repeat;
    repeat.times = times;
    repeat.every = every;
    if (!until.empty()) {
        repeat.until = condition(until);
    }
    step.repeat = repeat;
    return step;
}

struct Skips : ScriptWatcher {
    void skipped(const schemas::Step& step, std::string_view why) override {
        seen.push_back(step.label + ": " + std::string(why));
    }
    void ended(const StepView& view) override { notes = view.transcript; }
    std::vector<std::string> seen;
    std::vector<std::string> notes;
};

}  // namespace

TEST_CASE("a step whose `when` does not hold is left out, and the run goes on") {
    Stage stage;
    Skips watcher;
    auto probe = fakes::probe("front", 30s, 10s);
    auto first = saying("fake.answer", "x");
    first.save = {{"kind", "said", std::nullopt}};
    auto left_out = saying("fake.refuse", "no");
    left_out.when = over_saved("save.kind == 'y'");
    auto taken = saying("fake.answer", "yes");
    taken.when = over_saved("save.kind == 'x' and target == 'im1' and location == 'noc'");
    probe.steps = {first, left_out, taken};
    const RunResult result = stage.run(probe, &watcher);
    CHECK(result.verdict == Verdict::ok);
    CHECK(said() == std::vector<std::string>{"x", "yes"});
    CHECK(result.steps.size() == 2);
    CHECK(watcher.seen == std::vector<std::string>{"fake.refuse: expected save.kind == 'y', but save.kind is \"x\""});
}

TEST_CASE("a `when` over what no step came to save does not hold") {
    Stage stage;
    auto step = always(saying("fake.answer", "out"));
    step.when = over_saved("save.kind == 'x'");
    CHECK(stage.run_steps({saying("fake.refuse", "in"), step}).verdict == Verdict::failed);
    CHECK(said() == std::vector<std::string>{"in"});
}

TEST_CASE("a repeated step is one step whose response is the sum of all times") {
    Stage stage;
    auto step = saying("fake.answer", "again");
    step.parameters["took"] = Duration(5ms);
    step.within = 16ms;
    const RunResult result = stage.run_steps({repeated(step, 3)});
    CHECK(result.verdict == Verdict::ok);
    CHECK(calls.size() == 3);
    REQUIRE(result.steps.size() == 1);
    CHECK(result.steps[0].response == 15ms);
    CHECK(result.steps[0].timings.at(0).took == 6ms);
    CHECK(result.response == 15ms);
    step.within = 14ms;
    CHECK(stage.run_steps({repeated(step, 3)}).verdict == Verdict::slow);
}

TEST_CASE("the pauses of a plain repetition are not response time") {
    Stage stage;
    auto step = saying("fake.answer", "again");
    step.parameters["took"] = Duration(1ms);
    const RunResult result = stage.run_steps({repeated(step, 3, 20ms)});
    CHECK(result.response == 3ms);
    CHECK(result.length >= 40ms);
}

TEST_CASE("a repetition ends at its first failure") {
    Stage stage;
    CHECK(stage.run_steps({repeated(saying("fake.refuse", "a"), 5)}).reason == "server refused \"a\"");
    CHECK(calls.size() == 1);
    auto step = saying("fake.answer", "a");
    step.expect = condition("items == 4");
    CHECK(stage.run_steps({repeated(step, 5)}).verdict == Verdict::failed);
    CHECK(calls.size() == 2);
}

TEST_CASE("a repetition ends when its `until` holds, and who waited for that waited through the pauses") {
    Stage stage;
    auto step = fakes::step("fake.climb");
    step.parameters["took"] = Duration(1ms);
    step.expect = condition("items == 3");
    const RunResult result = stage.run_steps({repeated(step, 10, 10ms, "items >= 3")});
    CHECK(result.verdict == Verdict::ok);
    CHECK(calls.size() == 3);
    CHECK(result.response >= 3ms + 2 * 9ms);
    REQUIRE_FALSE(result.steps.at(0).timings.empty());
    CHECK(result.steps[0].timings[0].name == "pause");
}

TEST_CASE("an `until` that never holds is a failure that says what was still so") {
    Stage stage;
    const RunResult result = stage.run_steps({repeated(fakes::step("fake.answer"), 4, Duration(), "items >= 7")});
    CHECK(result.verdict == Verdict::failed);
    CHECK(result.reason == "fake.answer at im1: after 4 times still expected items >= 7, but items is 3");
    CHECK(calls.size() == 4);
}

TEST_CASE("the run's time-out ends a repetition too") {
    Stage stage;
    const RunResult result =
        stage.run_steps({repeated(fakes::step("fake.answer"), 1000, 1h, "items >= 7")}, Duration(30ms));
    CHECK(result.verdict == Verdict::timeout);
    CHECK(result.reason ==
          "the run's time-out of 30 ms passed during 'fake.answer': still expected items >= 7, but items is 3");
    auto last = always(fakes::step("fake.answer"));
    last.timeout = 20ms;
    const RunResult cleaned = stage.run_steps({repeated(last, 1000, 1h)});
    CHECK(cleaned.verdict == Verdict::timeout);
    CHECK(cleaned.reason == "its time-out passed during 'fake.answer'");
}

TEST_CASE("work of all times counts") {
    Stage stage;
    const RunResult result = stage.run_steps({repeated(fakes::step("fake.count"), 3)});
    CHECK(result.work == 15);
    REQUIRE(result.users.size() == 2);
    CHECK(result.users[0].units == 9);
}

TEST_CASE("values that an operation sets are there for later steps, and for `when`") {
    Stage stage;
    Skips watcher;
    auto probe = fakes::probe("front", 30s, 10s);
    auto set = saying("fake.set", "x");
    auto taken = saying("fake.answer", "<${save.kind}>");
    taken.when = over_saved("save.kind == 'x'");
    probe.steps = {set, taken};
    CHECK(stage.run(probe, &watcher).verdict == Verdict::ok);
    CHECK(calls.at(1).say == "<x>");
}
