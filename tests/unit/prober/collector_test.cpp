// One reading feeds several indicators (`[[probe.collect]]`, T7).
#include "prober/collector.hpp"

#include <map>

#include <doctest/doctest.h>

#include "prober/scheduler.hpp"
#include "tests/unit/prober/stage.hpp"

using namespace slimtax;
using namespace slimtax::prober;
using namespace slimtax::prober::fakes;
using namespace std::chrono_literals;
using schemas::Instant;
using schemas::Verdict;

namespace {

class MapMemory final : public probes::Memory {
public:
    [[nodiscard]] std::optional<std::string> recall(std::string_view name) const override {
        const auto it = values.find(std::string(name));
        return it == values.end() ? std::nullopt : std::optional(it->second);
    }
    void remember(std::string_view name, std::string value) override { values[std::string(name)] = std::move(value); }
    std::map<std::string, std::string> values;
};

schemas::Probe indicator(std::string id, std::string_view value, std::string_view expect = {}) {
    schemas::Probe made = fakes::probe(std::move(id), 30s, 10s);
    made.title = made.id;
    made.collect = schemas::Collect();
    made.collect->source = "front";
    made.collect->step = "fake.answer";
    made.collect->value = value;
    if (schemas::Extraction::is_meant_by(value)) {
        made.collect->function = schemas::Extraction::parse_whole(value).value();
    }
    if (!expect.empty()) {
        made.collect->expect =
            schemas::Condition::parse(expect, schemas::ConditionScope{outputs, nullptr, false, "value"}).value();
    }
    return made;
}

schemas::Condition over_value(std::string_view text) {
    return schemas::Condition::parse(text, schemas::ConditionScope{outputs, nullptr, false, "value"}).value();
}

// Runs of one probe that feeds indicators.
struct Feed {
    std::vector<Collected> run(std::vector<schemas::Step> steps, std::vector<schemas::Probe> indicators,
                               Instant started = Instant(1'800'000'000s)) {
        auto source = fakes::probe("front", 30s, 10s);
        source.steps = std::move(steps);
        std::vector<schemas::Probe> probes{source};
        probes.insert(probes.end(), indicators.begin(), indicators.end());
        RunRequest request;
        request.definition = definition("web", std::move(probes));
        request.probe = &request.definition->probes[0];
        request.target = "im1";
        request.location = "noc";
        request.intended = Instant(1'800'000'000s);
        request.started = started;
        std::vector<Collected> collected;
        source_result = stage.engine.loop().run_until_done(
            run_script(stage.environment, std::move(request), memory, nullptr, &collected));
        return collected;
    }

    Stage stage;
    MapMemory memory;
    schemas::RunResult source_result;
};

constexpr std::string_view status = R"({"queue": 12, "workers": {"idle": 3}, "sent": 100, "name": "mx"})";

}  // namespace

TEST_CASE("one reading makes a result for each indicator, in the source's slot") {
    Feed feed;
    const auto results =
        feed.run({saying("fake.answer", std::string(status))},
                 {indicator("queue", "json('/queue')", "value < 1000"),
                  indicator("workers", "json('/workers/idle')", "value >= 4"),
                  indicator("items", "items", "value == 3 and items == 3"), indicator("lost", "json('/lost')")});
    CHECK(calls.size() == 1);
    REQUIRE(results.size() == 4);
    const char* ids[] = {"queue", "workers", "items", "lost"};
    const Verdict verdicts[] = {Verdict::ok, Verdict::failed, Verdict::ok, Verdict::failed};
    const char* reasons[] = {"", "workers at im1: expected value >= 4, but value is 3", "",
                             "lost at im1: there is no /lost in the answer"};
    const char* values[] = {"12", "3", "3", ""};
    for (std::size_t i = 0; i < 4; ++i) {
        const schemas::RunResult& result = results[i].result;
        CHECK(result.key == schemas::SeriesKey{"web", ids[i], "im1", "noc"});
        CHECK(result.verdict == verdicts[i]);
        CHECK(result.reason == reasons[i]);
        CHECK(results[i].value == values[i]);
        CHECK(result.intended == feed.source_result.intended);
        CHECK(result.started == feed.source_result.started);
        CHECK(result.every == 30s);
        CHECK(result.response == feed.source_result.response);
    }
    CHECK(feed.source_result.verdict == Verdict::ok);
}

TEST_CASE("a source that did not complete gives its verdict and reason to every indicator") {
    for (const char* operation : {"fake.refuse", "fake.hang", "fake.fault"}) {
        CAPTURE(operation);
        Feed feed;
        auto last = fakes::step(operation);
        last.timeout = 10ms;
        const auto results = feed.run({saying("fake.answer", std::string(status)), last},
                                      {indicator("queue", "json('/queue')"), indicator("lost", "json('/lost')")});
        REQUIRE(results.size() == 2);
        CHECK(feed.source_result.verdict != Verdict::ok);
        for (const Collected& each : results) {
            CHECK(each.result.verdict == feed.source_result.verdict);
            CHECK(each.result.reason == feed.source_result.reason);
        }
    }
}

TEST_CASE("a step that `when` left out says nothing about its indicators") {
    Feed feed;
    static constexpr std::array<schemas::Output, 1> known{{{"target", schemas::OutputType::text, ""}}};
    auto step = saying("fake.answer", std::string(status));
    step.when = schemas::Condition::parse("target == 'im2'", schemas::ConditionScope{known, nullptr, true}).value();
    const auto results = feed.run({step}, {indicator("queue", "json('/queue')")});
    REQUIRE(results.size() == 1);
    CHECK(results[0].result.verdict == Verdict::not_run);
    CHECK(results[0].result.reason == "'fake.answer' was left out of this run of front");
}

TEST_CASE("an indicator is slow when it says so, and keeps a secret that the answer holds") {
    Feed feed;
    auto slow = indicator("queue", "json('/queue')");
    slow.collect->slow_when = over_value("value > 10");
    auto not_slow = slow;
    not_slow.collect->slow_when = over_value("value > 20");
    auto secret = indicator("word", "said", "value == 'x'");
    const auto results =
        feed.run({saying("fake.answer", R"({"queue": 12, "word": "${secret:door}"})")}, {slow, not_slow, secret});
    REQUIRE(results.size() == 3);
    CHECK(results[0].result.verdict == Verdict::slow);
    CHECK(results[0].result.reason == "queue at im1: value > 10 (value is 12)");
    CHECK(results[1].result.verdict == Verdict::ok);
    CHECK(mentions(results[2].result.reason, "[secret]"));
    CHECK_FALSE(mentions(results[2].result.reason, "sesame"));
    CHECK_FALSE(mentions(results[2].value, "sesame"));
}

TEST_CASE("a counter's growth is work, also after it began anew") {
    Feed feed;
    auto counter = indicator("sent", "json('/sent')");
    counter.collect->counter = true;
    const auto reading = [&](const std::string& value, std::chrono::seconds at) {
        const auto results =
            feed.run({saying("fake.answer", "{\"sent\": " + value + "}")}, {counter}, Instant(1'800'000'000s + at));
        return results.at(0).result;
    };
    const schemas::RunResult first = reading("100", 0s);
    CHECK(first.verdict == Verdict::ok);
    CHECK(first.work_span == 0s);
    const schemas::RunResult second = reading("130", 30s);
    CHECK(second.work == 30);
    CHECK(second.work_span == 30s);
    CHECK(reading("130", 60s).work == 0);
    const schemas::RunResult anew = reading("7", 90s);
    CHECK(anew.work == 7);
    CHECK(anew.work_span == 30s);
    const schemas::RunResult overtaken = reading("5", 80s);
    CHECK(overtaken.work_span == 0s);
    const schemas::RunResult after = reading("9", 150s);
    CHECK(after.work == 2);
    CHECK(after.work_span == 60s);
    CHECK(reading("\"11\"", 180s).work == 2);
    const schemas::RunResult no_number = reading("\"x\"", 210s);
    CHECK(no_number.verdict == Verdict::failed);
    CHECK(no_number.reason == "sent at im1: a counter is a number from 0, but json('/sent') is something else");
    CHECK(reading("-1", 240s).verdict == Verdict::failed);
    feed.memory.values["collect.sent"] = "nonsense";
    CHECK(reading("50", 300s).work_span == 0s);
}

TEST_CASE("the scheduler starts the source alone, and what it skips is skipped for all") {
    FakeClock clock;
    std::vector<std::string> started;
    std::vector<schemas::RunResult> skipped;
    SchedulerActions actions{[&](RunId, RunRequest request) { started.push_back(request.probe->id); },
                             [&](schemas::RunResult result) { skipped.push_back(std::move(result)); },
                             [](std::string) {}};
    Scheduler scheduler(clock, "noc", std::move(actions), 1000);
    scheduler.set_definitions({definition(
        "web", {fakes::probe("front", 30s, 10s), indicator("queue", "items"), indicator("workers", "items")})});
    CHECK(scheduler.series_count() == 1);
    scheduler.turn();
    clock.pass(31s);
    scheduler.turn();
    CHECK(started == std::vector<std::string>{"front"});
    CHECK(skipped.empty());
    scheduler.abandon("the prober was stopped");
    REQUIRE(skipped.size() == 3);
    for (const schemas::RunResult& result : skipped) {
        CHECK(result.verdict == Verdict::not_run);
        CHECK(result.reason == "the prober was stopped");
        CHECK(result.intended == skipped[0].intended);
    }
    CHECK(skipped[0].key.probe == "front");
    CHECK(skipped[1].key.probe == "queue");
    CHECK(skipped[2].key.probe == "workers");
}
