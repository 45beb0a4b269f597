#include "prober/script.hpp"

#include <doctest/doctest.h>

#include "tests/unit/prober/stage.hpp"

using namespace slimtax;
using namespace slimtax::prober;
using namespace slimtax::prober::fakes;
using namespace std::chrono_literals;
using schemas::Duration;
using schemas::RunResult;
using schemas::TextList;
using schemas::TextMap;
using schemas::Verdict;

TEST_CASE("steps run in order, and the run's response is the sum of theirs") {
    Stage stage;
    auto first = saying("fake.answer", "one");
    first.parameters["took"] = Duration(40ms);
    auto second = saying("fake.answer", "two");
    second.parameters["took"] = Duration(2ms);
    const RunResult result = stage.run_steps({first, second});
    CHECK(result.verdict == Verdict::ok);
    CHECK(result.reason.empty());
    CHECK(said() == std::vector<std::string>{"one", "two"});
    CHECK(result.response == 42ms);
    REQUIRE(result.steps.size() == 2);
    CHECK(result.steps[1].response == 2ms);
    CHECK(result.steps[1].timings.at(0).name == "connect");
    CHECK(result.key == schemas::SeriesKey{"web", "front", "im1", "noc"});
    CHECK(result.every == 30s);
    CHECK(result.intended == schemas::Instant(1'800'000'000s));
    CHECK(result.started - result.intended == 40us);
}

TEST_CASE("references expand in texts, lists and maps") {
    Stage stage;
    auto first = saying("fake.answer", "${target} from ${location}, $${kept}");
    first.save = {{"greeting", "said", std::nullopt}};
    auto second = saying("fake.answer", "<${save.greeting}>");
    second.parameters["list"] = TextList{"x", "${target}"};
    second.parameters["map"] = TextMap{{"key", "${location}"}};
    const RunResult result = stage.run_steps({first, second});
    CHECK(result.verdict == Verdict::ok);
    CHECK(calls.at(0).say == "im1 from noc, ${kept}");
    CHECK(calls.at(1).say == "<im1 from noc, ${kept}>");
    CHECK(calls.at(1).list == TextList{"x", "im1"});
    CHECK(calls.at(1).map == TextMap{{"key", "noc"}});
}

TEST_CASE("what a step leaves out comes from the fallbacks, and the target fills its own parameter") {
    Stage stage;
    auto own_host = fakes::step("fake.answer");
    own_host.parameters["host"] = std::string("other");
    stage.run_steps({fakes::step("fake.answer"), own_host});
    CHECK(calls.at(0).say == "hello");
    CHECK(calls.at(0).items == 3);
    CHECK(calls.at(0).list == TextList{"a"});
    CHECK(calls.at(0).host == "im1");
    CHECK(calls.at(1).host == "other");
}

TEST_CASE("an expanded text becomes what its parameter is, or the step says why not") {
    Stage stage;
    auto first = saying("fake.answer", "items: 12");
    first.save = {{"n", "said", pattern("(\\d+)")}, {"all", "said", std::nullopt}};
    auto second = fakes::step("fake.answer");
    second.parameters["items"] = std::string("${save.n}");
    CHECK(stage.run_steps({first, second}).verdict == Verdict::ok);
    CHECK(calls.at(1).items == 12);

    second.parameters["items"] = std::string("${save.all}");
    const RunResult not_a_number = stage.run_steps({first, second});
    CHECK(not_a_number.verdict == Verdict::failed);
    CHECK(not_a_number.reason == "'fake.answer' cannot start: items is \"items: 12\": expected a whole number");

    second.parameters["items"] = std::string("1${save.n}0");
    CHECK(mentions(stage.run_steps({first, second}).reason, "expected a number from 1 to 100"));
    second.parameters["items"] = std::string("${target}");
    CHECK(stage.run_steps({first, second}).verdict == Verdict::prober_fault);
}

TEST_CASE("the first failure skips the rest but for always steps, and gives the run its verdict") {
    Stage stage;
    const RunResult result =
        stage.run_steps({saying("fake.answer", "in"), saying("fake.refuse", "a"), saying("fake.refuse", "skipped"),
                         always(saying("fake.fault", "b")), always(saying("fake.answer", "out"))});
    CHECK(result.verdict == Verdict::failed);
    CHECK(result.reason == "server refused \"a\"");
    CHECK(said() == std::vector<std::string>{"in", "a", "b", "out"});
    REQUIRE(result.steps.size() == 4);
    CHECK(result.steps[2].verdict == Verdict::prober_fault);
    CHECK(result.steps[3].verdict == Verdict::ok);
}

TEST_CASE("an always step that fails after everything went well fails the run") {
    Stage stage;
    const RunResult result = stage.run_steps({saying("fake.answer", "in"), always(saying("fake.refuse", "out"))});
    CHECK(result.verdict == Verdict::failed);
    CHECK(result.reason == "server refused \"out\"");
}

TEST_CASE("an unmet expectation is a failure in the condition's own words") {
    Stage stage;
    auto step = fakes::step("fake.answer");
    step.label = "buddy list";
    step.expect = condition("items >= 3 and time.connect < 1s");
    CHECK(stage.run_steps({step}).verdict == Verdict::ok);
    step.expect = condition("items >= 4");
    const RunResult result = stage.run_steps({step});
    CHECK(result.verdict == Verdict::failed);
    CHECK(result.reason == "buddy list at im1: expected items >= 4, but items is 3");
    step.expect = condition("time.connect < 1ms");
    CHECK(stage.run_steps({step}).verdict == Verdict::failed);
}

TEST_CASE("a failed step's expectations are not asked") {
    Stage stage;
    auto step = saying("fake.refuse", "a");
    step.expect = condition("items >= 4");
    step.save = {{"x", "nothing", std::nullopt}};
    CHECK(stage.run_steps({step}).reason == "server refused \"a\"");
}

TEST_CASE("what cannot be saved is a failure that names it") {
    Stage stage;
    auto step = saying("fake.answer", "no digits");
    step.save = {{"n", "said", pattern("\\d+")}};
    CHECK(stage.run_steps({step}).reason ==
          "fake.answer at im1: 'said' holds nothing to save as 'n': no match for \\d+");
    step.save = {{"n", "cookie", std::nullopt}};
    CHECK(stage.run_steps({step}).reason == "fake.answer at im1: nothing to save as 'n': there is no 'cookie'");
}

TEST_CASE("functions look into the answer for expectations and saved values") {
    Stage stage;
    auto login = saying("fake.answer", R"(<input name="csrf" value="a&amp;b"> {"state": "done"})");
    login.save = {
        {"token", "css", std::nullopt, schemas::Extraction::parse_whole("css('input[name=csrf]@value')").value()}};
    login.expect = condition("regex('\{.*') contains 'done' and items == 3");
    CHECK(stage.run_steps({login, saying("fake.answer", "${save.token}")}).verdict == Verdict::ok);
    CHECK(calls.at(1).say == "a&b");
    login.expect = condition("json('/state') == 'done'");
    CHECK(stage.run_steps({login}).reason ==
          "fake.answer at im1: expected json('/state') == 'done', but the answer is no JSON: it is wrong at byte 1");
    login.save[0].function = schemas::Extraction::parse_whole("css('input[name=other]@value')").value();
    CHECK(stage.run_steps({login}).reason ==
          "fake.answer at im1: nothing to save as 'token': there is no input[name=other]@value in the answer");
}

TEST_CASE("an always step that leans on what was never saved is left out") {
    Stage stage;
    auto login = saying("fake.refuse", "login");
    login.save = {{"token", "said", std::nullopt}};
    const RunResult result = stage.run_steps({login, always(saying("fake.answer", "${save.token}"))});
    CHECK(result.verdict == Verdict::failed);
    CHECK(result.steps.size() == 1);
    CHECK(said() == std::vector<std::string>{"login"});
}

TEST_CASE("an always step has its own time after the run's has passed") {
    Stage stage;
    auto own = always(fakes::step("fake.answer"));
    own.timeout = 2s;
    const RunResult result = stage.run_steps({fakes::step("fake.hang"), own, always(fakes::step("fake.answer"))}, 20ms);
    CHECK(result.verdict == Verdict::timeout);
    REQUIRE(calls.size() == 3);
    CHECK(calls[1].allowance > 1s);
    CHECK(calls[1].allowance <= 2s);
    CHECK(calls[2].allowance > 4s);
    CHECK(calls[2].allowance <= always_allowance);
    CHECK(result.steps[2].verdict == Verdict::ok);
}

TEST_CASE("a missing secret is the prober's fault, said with its name") {
    Stage stage;
    const RunResult result = stage.run_steps({saying("fake.answer", "${secret:cellar}")});
    CHECK(result.verdict == Verdict::prober_fault);
    CHECK(mentions(result.reason, "cellar"));
    CHECK(calls.empty());
}

TEST_CASE("a secret reaches its operation, and nothing else") {
    struct Watcher : ScriptWatcher {
        void ended(const StepView& view) override {
            for (const StepView::Shown& output : view.outputs) {
                seen += output.name + "=" + to_text(output.value, output.type) + "\n";
            }
            for (const std::string& line : view.transcript) {
                seen += line + "\n";
            }
            seen += view.result.reason;
        }
        std::string seen;
    } watcher;
    Stage stage;
    auto probe = fakes::probe("front", 30s, 10s);
    probe.steps = {saying("fake.refuse", "the word is ${secret:door}")};
    const RunResult result = stage.run(probe, &watcher);
    CHECK(calls.at(0).say == "the word is open sesame 1001");
    CHECK(result.reason == "server refused \"the word is [secret]\"");
    CHECK(mentions(watcher.seen, "said=the word is [secret]"));
    CHECK(mentions(watcher.seen, "said the word is [secret]"));
    CHECK_FALSE(mentions(watcher.seen, "sesame"));
}

TEST_CASE("what an operation throws is the prober's fault") {
    Stage stage;
    RunResult result = stage.run_steps({fakes::step("fake.throw"), always(fakes::step("fake.answer"))});
    CHECK(result.verdict == Verdict::prober_fault);
    CHECK(result.reason == "fake.throw broke on our side: bug 42");
    CHECK(calls.size() == 2);
    result = stage.run_steps({fakes::step("fake.number")});
    CHECK(result.verdict == Verdict::prober_fault);
    CHECK(result.reason == "fake.number broke on our side");
}

TEST_CASE("our own side's trouble is the prober's fault") {
    Stage stage;
    RunResult result = stage.run_steps({fakes::step("fake.fault")});
    CHECK(result.verdict == Verdict::prober_fault);
    CHECK(result.reason == "no descriptors are left");
    result = stage.run_steps({fakes::step("fake.unknown")});
    CHECK(result.verdict == Verdict::prober_fault);
    CHECK(result.reason == "this prober knows no operation 'fake.unknown'");
}

TEST_CASE("users leave the process as pseudonyms only") {
    Stage stage;
    const RunResult result = stage.run_steps({fakes::step("fake.count"), fakes::step("fake.count")});
    CHECK(result.work == 10);
    CHECK(result.work_span == 60s);
    REQUIRE(result.users.size() == 2);
    const Pseudonyms pseudonyms("Jefe");
    CHECK(result.users[0].user == pseudonyms.of("alice"));
    CHECK(result.users[0].units == 6);
    CHECK(result.users[1].user == pseudonyms.of("bob"));
}

TEST_CASE("pseudonyms are the first 64 bits of HMAC-SHA256 (RFC 4231, test case 2)") {
    CHECK(Pseudonyms("Jefe").of("what do ya want for nothing?") == "5bdcc146bf60754e");
    CHECK(Pseudonyms("other").of("what do ya want for nothing?") != "5bdcc146bf60754e");
    CHECK(Pseudonyms::random_key() != Pseudonyms::random_key());
}

TEST_CASE("reasons are one line of valid UTF-8 of bounded length") {
    Stage stage;
    RunResult result = stage.run_steps({saying("fake.refuse", "caf\xE9\r\nnext")});
    CHECK(result.reason == "server refused \"caf\xEF\xBF\xBD  next\"");
    result = stage.run_steps({saying("fake.refuse", std::string(5000, 'x'))});
    CHECK(result.reason.size() <= 500);
    CHECK(result.reason.ends_with("…"));
}
