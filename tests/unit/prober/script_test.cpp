#include "prober/script.hpp"

#include <array>
#include <stdexcept>

#include <doctest/doctest.h>

#include "probes/io/engine.hpp"
#include "schemas/secrets.hpp"
#include "tests/unit/prober/fakes.hpp"

using namespace slimtax;
using namespace slimtax::prober;
using namespace std::chrono_literals;
using schemas::Duration;
using schemas::ParameterType;
using schemas::RunResult;
using schemas::TextList;
using schemas::TextMap;
using schemas::Verdict;

namespace {

// What the fake operations were called with, in order.
struct Call {
    std::string say;
    std::string host;
    std::int64_t items = 0;
    TextList list;
    TextMap map;
    Duration allowance{};
    schemas::Instant wall_now;
};
std::vector<Call> calls;

constexpr std::array parameters{
    schemas::Parameter{.name = "say", .type = ParameterType::text, .fallback = "\"hello\"", .help = ""},
    schemas::Parameter{.name = "host", .type = ParameterType::text, .help = ""},
    schemas::Parameter{
        .name = "items", .type = ParameterType::integer, .fallback = "3", .help = "", .least = 1, .most = 100},
    schemas::Parameter{.name = "took", .type = ParameterType::duration, .help = ""},
    schemas::Parameter{.name = "list", .type = ParameterType::text_list, .fallback = "[\"a\"]", .help = ""},
    schemas::Parameter{.name = "map", .type = ParameterType::text_map, .help = ""},
};
constexpr std::array outputs{
    schemas::Output{"said", schemas::OutputType::text, ""},
    schemas::Output{"items", schemas::OutputType::number, ""},
    schemas::Output{"time.connect", schemas::OutputType::duration, ""},
};

void note_call(probes::StepContext& context) {
    const probes::Arguments& arguments = context.arguments;
    calls.push_back({arguments.text("say"), arguments.text("host"), arguments.integer("items"), arguments.list("list"),
                     arguments.map("map"), std::chrono::duration_cast<Duration>(context.deadline - probes::Loop::now()),
                     context.wall_now});
    if (arguments.has("took")) {
        context.report.response(arguments.duration("took"));
    }
    context.report.output("said", arguments.text("say"));
    context.report.output("items", static_cast<double>(arguments.integer("items")));
    context.report.timing("connect", 2ms);
    context.report.note("said " + arguments.text("say"));
}

probes::Task<probes::Outcome> answer(probes::StepContext& context) {
    note_call(context);
    co_return probes::Outcome::ok();
}
probes::Task<probes::Outcome> refuse(probes::StepContext& context) {
    note_call(context);
    co_return probes::Outcome::failed("server refused \"" + context.arguments.text("say") + "\"");
}
probes::Task<probes::Outcome> hang(probes::StepContext& context) {
    note_call(context);
    co_await context.engine.loop().sleep_until(context.deadline);
    co_return probes::Outcome::timeout("no answer from server:1");
}
probes::Task<probes::Outcome> fault(probes::StepContext& context) {
    note_call(context);
    co_return probes::Outcome::fault("no descriptors are left");
}
probes::Task<probes::Outcome> throws(probes::StepContext& context) {
    note_call(context);
    throw std::runtime_error("bug 42");
    co_return probes::Outcome::ok();
}
probes::Task<probes::Outcome> throws_a_number(probes::StepContext& context) {
    note_call(context);
    throw 42;
    co_return probes::Outcome::ok();
}
probes::Task<probes::Outcome> count(probes::StepContext& context) {
    note_call(context);
    context.report.work = 5;
    context.report.work_span = 60s;
    context.report.users = {{"alice", 3}, {"bob", 2}};
    co_return probes::Outcome::ok();
}

constexpr schemas::OperationInfo info_of(std::string_view name) {
    return {.name = name,
            .levels = "A2",
            .summary = "",
            .parameters = parameters,
            .outputs = outputs,
            .target_parameter = "host",
            .example = ""};
}

const std::array operations{
    probes::Operation{info_of("fake.answer"), answer}, probes::Operation{info_of("fake.refuse"), refuse},
    probes::Operation{info_of("fake.hang"), hang},     probes::Operation{info_of("fake.fault"), fault},
    probes::Operation{info_of("fake.throw"), throws},  probes::Operation{info_of("fake.number"), throws_a_number},
    probes::Operation{info_of("fake.count"), count},
};

const probes::Operation* find_fake(std::string_view name) {
    for (const probes::Operation& operation : operations) {
        if (operation.info.name == name) {
            return &operation;
        }
    }
    return nullptr;
}

class NoMemory final : public probes::Memory {
public:
    [[nodiscard]] std::optional<std::string> recall(std::string_view) const override { return std::nullopt; }
    void remember(std::string_view, std::string) override {}
};

class Stage {
public:
    Stage() : environment(engine) {
        calls.clear();
        environment.find_operation = find_fake;
        environment.secret = [this](std::string_view name) { return secrets.find(std::string(name)); };
        environment.redact = [this](std::string_view text) { return secrets.redactor().redact(text); };
        environment.random = [this] { return dice; };
        environment.pseudonyms = Pseudonyms("Jefe");
    }

    RunResult run(schemas::Probe probe, ScriptWatcher* watcher = nullptr) {
        RunRequest request;
        request.definition = fakes::definition("web", {std::move(probe)});
        request.probe = &request.definition->probes[0];
        request.target = "im1";
        request.location = "noc";
        request.intended = schemas::Instant(1'800'000'000s);
        request.started = schemas::Instant(1'800'000'000s + 40us);
        return engine.loop().run_until_done(run_script(environment, std::move(request), memory, watcher));
    }

    RunResult run_steps(std::vector<schemas::Step> steps, Duration timeout = 10s) {
        auto probe = fakes::probe("front", 30s, timeout);
        probe.steps = std::move(steps);
        return run(std::move(probe));
    }

    probes::Engine engine;
    schemas::Secrets secrets{
        std::nullopt, [](const std::string& variable) {
            return variable == "SLIMTAX_SECRET_DOOR" ? std::optional<std::string>("open sesame 1001") : std::nullopt;
        }};
    ScriptEnvironment environment;
    NoMemory memory;
    double dice = 0.5;
};

schemas::Step saying(std::string operation, std::string text) {
    schemas::Step made = fakes::step(std::move(operation));
    made.parameters["say"] = std::move(text);
    return made;
}

schemas::Step always(schemas::Step made) {
    made.always = true;
    return made;
}

schemas::Condition condition(std::string_view text) {
    return schemas::Condition::parse(text, outputs).value();
}
schemas::Pattern pattern(std::string_view text) {
    return schemas::Pattern::compile(text).value();
}

std::vector<std::string> said() {
    std::vector<std::string> texts;
    for (const Call& call : calls) {
        texts.push_back(call.say);
    }
    return texts;
}

bool mentions(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

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
    CHECK(stage.run_steps({step}).reason == "fake.answer at im1: there is no 'cookie' to save as 'n'");
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
