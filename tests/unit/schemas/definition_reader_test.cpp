#include "schemas/definition_reader.hpp"

#include <fstream>
#include <sstream>

#include <doctest/doctest.h>

#include "tests/unit/schemas/fake_catalog.hpp"
#include "tests/unit/schemas/folder.hpp"

using namespace slimtax::schemas;
using namespace std::chrono_literals;

namespace {

std::string said(const Problems& problems) {
    std::string text;
    for (const Problem& problem : problems) {
        text += to_string(problem) + "\n";
    }
    return text;
}

std::string text_of(const std::filesystem::path& file) {
    std::ostringstream text;
    text << std::ifstream(file, std::ios::binary).rdbuf();
    return text.str();
}

/// A small definition that is good; `extra` goes to its end.
std::string small(const std::string& extra = "") {
    return R"([service]
id = "web"
[[objective]]
id = "front"
level = "A3"
budget = "10 min per week"
recovery = "5 min"
[[probe]]
id = "front"
level = "A3"
targets = ["www.example"]
every = "60s"
timeout = "10s"
[[probe.step]]
do = "http.get"
within = "2s"
)" + extra;
}

}  // namespace

TEST_CASE("the design's own example is read without a word of complaint") {
    const std::filesystem::path file = std::filesystem::path(SLIMTAX_SOURCE_DIR) / "docs/examples/campus-im.toml";
    const auto read = read_definition(text_of(file), "campus-im.toml", fake_catalog());
    REQUIRE_MESSAGE(read.definition, said(read.problems));
    CHECK_MESSAGE(read.problems.empty(), said(read.problems));
    const Definition& definition = *read.definition;
    CHECK(definition.service.id == "campus-im");
    REQUIRE(definition.service.tags.size() == 3);
    CHECK(definition.service.tags[0] == std::pair<std::string, std::string>("lob", "medical"));
    CHECK(definition.service.tags[1].first == "campus");
    CHECK(definition.service.layers.size() == 5);
    CHECK(definition.window.timezone == "America/New_York");
    CHECK(definition.window.open.size() == 7);
    REQUIRE(definition.window.closed.size() == 2);
    CHECK(definition.window.closed[0] == std::chrono::year(2026) / 12 / 25);
    REQUIRE(definition.window.maintenance.size() == 1);
    CHECK(definition.window.maintenance[0].to - definition.window.maintenance[0].from == 2h);

    const Objective& sign_in = *definition.find_objective("sign-in");
    CHECK(sign_in.budget->allowance == 50min);
    CHECK(sign_in.recovery == 15min);
    CHECK(sign_in.agree.rule == Quorum::Rule::majority);
    CHECK(sign_in.need.rule == Quorum::Rule::any);
    const Objective& list = *definition.find_objective("buddy-list");
    CHECK(list.bands.size() == 2);
    CHECK(list.bands[1].from == 8s);
    CHECK(*list.bands[1].at_most == doctest::Approx(0.05));
    CHECK(list.below_target_for == 10min);
    CHECK(list.causes.size() == 3);
    CHECK(list.causes[0].first == "network");
    CHECK(list.need.rule == Quorum::Rule::all);
    const Objective& chatting = *definition.find_objective("chatting");
    CHECK(chatting.users->users == 200);
    CHECK(chatting.work->amount == 30);

    const Probe& probe = *definition.find_probe("buddy-list");
    CHECK(probe.level == Level::A3);
    CHECK(probe.every == 30s);
    CHECK(probe.timeout == 25s);
    CHECK(probe.think->most == 4s);
    CHECK(probe.jitter == 0.5);
    CHECK(probe.from == std::vector<std::string>{"noc", "medical-centre"});
    REQUIRE(probe.steps.size() == 3);
    CHECK(probe.steps[0].operation == "xmpp.login");
    CHECK(probe.steps[0].timeout == 10s);
    CHECK(std::get<std::string>(probe.steps[0].parameters.at("password")) == "${secret:im-probe}");
    CHECK(probe.steps[1].within == 8s);
    CHECK(probe.steps[1].expect->text() == "items >= 1");
    CHECK(probe.steps[2].always);
    const Step& count = definition.find_probe("messages")->steps[0];
    CHECK(std::get<Pattern>(count.parameters.at("match")).group("user") == 1);
}

TEST_CASE("without a catalogue the same file is read, and its steps are not looked into") {
    const auto read = read_definition(small("nonsense = 5\n"), "web.toml", {});
    REQUIRE_MESSAGE(read.definition, said(read.problems));
    CHECK(read.definition->probes[0].steps[0].operation == "http.get");
    CHECK(read.definition->probes[0].steps[0].parameters.empty());
}

TEST_CASE("without a catalogue nothing is said that only a look into the steps could tell") {
    std::string text = small("think = \"0s\"\n");
    text.replace(text.find("within = \"2s\""), 13, "");
    text.replace(text.find("timeout = \"10s\""), 15, "timeout = \"10s\"\nthink = \"8s..9s\"\nexclusive = false");
    text += "[[probe.step]]\ndo = \"http.get\"\n";
    CHECK(read_definition(text, "web.toml", fake_catalog()).problems.size() == 1);
    const auto read = read_definition(text, "web.toml", {});
    REQUIRE_MESSAGE(read.definition, said(read.problems));
    CHECK_MESSAGE(read.problems.empty(), said(read.problems));
}

TEST_CASE("what is left out has its default") {
    const auto read = read_definition(small(), "web.toml", fake_catalog());
    REQUIRE_MESSAGE(read.definition, said(read.problems));
    CHECK_MESSAGE(read.problems.empty(), said(read.problems));
    const Definition& definition = *read.definition;
    CHECK(definition.file == "web.toml");
    CHECK(definition.service.title == "web");
    CHECK(definition.window.timezone == "UTC");
    CHECK(definition.window.open.empty());
    CHECK(definition.objectives[0].title == "front");
    CHECK(definition.objectives[0].agree.rule == Quorum::Rule::majority);
    CHECK(definition.probes[0].layer == "end-to-end");
    CHECK(definition.probes[0].purpose == Purpose::measurement);
    CHECK(definition.probes[0].steps[0].label == "http.get");
    CHECK_FALSE(definition.probes[0].steps[0].always);
}

TEST_CASE("every kind of parameter is taken as it is written") {
    const auto read = read_definition(small(R"(name = "the front page"
url = "https://${target}/${location}"
headers = { Accept = "text/html", "X-Probe" = "${secret:probe}" }
match = 'Sign (in|out)'
verify = false
redirects = 3
expect = "status == 200 and time.first_byte < 500ms"
save = { state = "status", token = { from = "body", match = 'token=(\w+)' } }
think = "0s..1s"
[[probe.step]]
do = "http.get"
url = "https://${target}/next?token=${save.token}"
redirects = "${save.state}"
verify = true
)"),
                                      "web.toml", fake_catalog());
    REQUIRE_MESSAGE(read.definition, said(read.problems));
    const Step& first = read.definition->probes[0].steps[0];
    CHECK(first.label == "the front page");
    CHECK(std::get<std::string>(first.parameters.at("url")) == "https://${target}/${location}");
    CHECK(std::get<TextMap>(first.parameters.at("headers")).size() == 2);
    CHECK(std::get<Pattern>(first.parameters.at("match")).found_in("Sign out"));
    CHECK(std::get<bool>(first.parameters.at("verify")) == false);
    CHECK(std::get<std::int64_t>(first.parameters.at("redirects")) == 3);
    REQUIRE(first.save.size() == 2);
    CHECK(first.save[0].output == "status");
    CHECK(first.save[1].match);
    CHECK(first.think->most == 1s);
    const Step& second = read.definition->probes[0].steps[1];
    CHECK(std::get<std::string>(second.parameters.at("redirects")) == "${save.state}");
}

TEST_CASE("a parameter called name is the operation's, not the step's label") {
    const auto read = read_definition(small(R"([[probe.step]]
do = "dns.query"
name = "www.example"
)"),
                                      "web.toml", fake_catalog());
    REQUIRE_MESSAGE(read.definition, said(read.problems));
    const Step& step = read.definition->probes[0].steps[1];
    CHECK(step.label == "dns.query");
    CHECK(std::get<std::string>(step.parameters.at("name")) == "www.example");
}

TEST_CASE("a control probe is diagnostic") {
    const auto read = read_definition(small(R"([[probe]]
id = "gateway"
level = "A2"
control = true
every = "60s"
timeout = "5s"
targets = ["10.0.0.1"]
[[probe.step]]
do = "tcp.connect"
port = 22
)"),
                                      "web.toml", fake_catalog());
    REQUIRE_MESSAGE(read.definition, said(read.problems));
    CHECK(read.problems.empty());
    CHECK(read.definition->probes[1].control);
    CHECK(read.definition->probes[1].purpose == Purpose::diagnostic);
}

TEST_CASE("advice is given on a good file, and the file is taken") {
    struct Row {
        std::string text;
        const char* advice;
    };
    std::string no_recovery = small();
    no_recovery.replace(no_recovery.find("recovery = \"5 min\"\n"), 19, "");
    std::string no_within = small();
    no_within.replace(no_within.find("within = \"2s\"\n"), 14, "");
    std::string tight = small();
    tight.replace(tight.find("10 min per week"), 15, "80s per week");
    std::string exclusive = small();
    exclusive.replace(exclusive.find("timeout = \"10s\""), 15, "timeout = \"90s\"\nexclusive = true");
    std::string overlapping = small();
    overlapping.replace(overlapping.find("timeout = \"10s\""), 15, "timeout = \"150s\"");
    const Row rows[] = {
        {overlapping,
         ":8:1: advice: a run of probe 'front' may take longer (150s) than 'every' (1min): that is fine, no "
         "run waits for another; up to 4 overlap then"},
        {small("[[objective]]\nid = \"up\"\nlevel = \"A0\"\nbudget = \"10 min per week\"\nrecovery = \"5 min\"\n"
               "[[probe]]\nid = \"x\"\nlevel = \"A0\"\nevery = \"30s\"\ntimeout = \"5s\"\n[[probe.step]]\n"
               "do = \"process.exists\"\nname = \"nginx\"\n"),
         ":3:1: advice: objective 'front' (level A3) is tested every 1min by probe 'front', but level A0 below it "
         "every "
         "30s: what users see is then known less well than what lies beneath (test higher levels at least as often)"},
        {no_recovery, ":3:1: advice: objective 'front' names no 'recovery'"},
        {no_within, ":3:1: advice: nothing says how fast is fast enough"},
        {tight, ":6:10: advice: one failed run of probe 'front' may already spend this budget: up to 90s lie"},
        {exclusive, ":8:1: advice: probe 'front' must not overlap itself, but its timeout (90s) is longer than"},
        {small("timeout = \"20s\"\n"), ":17:11: advice: this step may take 20s, but the whole script only 10s"},
        {small("[window]\nopen = [\"mon-fri 08:00-18:00\"]\n"), "advice: [window] names no 'timezone'"},
        {small("[[probe]]\nid = \"x\"\nlevel = \"A0\"\nevery = \"60s\"\ntimeout = \"5s\"\n[[probe.step]]\n"
               "do = \"process.exists\"\nname = \"nginx\"\n"),
         ":17:1: advice: probe 'x' counts for no objective (add an [[objective]] of level A0, or say purpose = "
         "\"diagnostic\")"},
        {small("[[probe.step]]\ndo = \"xmpp.login\"\nuser = \"probe\"\n"),
         ":17:1: advice: after a failure probe 'front' does not return to a known state (end the script with a step "
         "xmpp.logout and always = true)"},
    };
    for (const Row& row : rows) {
        const auto read = read_definition(row.text, "web.toml", fake_catalog());
        CHECK_MESSAGE(read.definition, said(read.problems));
        CHECK_MESSAGE(said(read.problems).find(row.advice) != std::string::npos, said(read.problems));
        CHECK_MESSAGE(read.problems.size() == 1, said(read.problems));
    }
}

TEST_CASE("a share that cannot be shown is refused until there are runs enough") {
    const auto with = [](const char* band, const char* every) {
        std::string text = small();
        const auto id = text.find("budget =");
        text.insert(id, std::string("bands = [ { ") + band + " } ]\n");
        const auto old = text.find("every = \"60s\"");
        text.replace(old, 13, std::string("every = \"") + every + '"');
        text.replace(text.find("recovery = \"5 min\""), 18, "recovery = \"3 h\"");
        return read_definition(text, "web.toml", fake_catalog());
    };
    // A week is 10,080 minutes; ln(0.025) / ln(share) runs are needed, rounded up.
    CHECK(with("up_to = \"2s\", at_least = \"98%\"", "55 min").definition);  // 183 runs
    const auto few = with("up_to = \"2s\", at_least = \"98%\"", "56 min");   // 180
    CHECK_FALSE(few.definition);
    CHECK_MESSAGE(said(few.problems).find("it takes 183 runs (every = \"55min\" would do;") != std::string::npos,
                  said(few.problems));
    CHECK(with("from = \"2s\", at_most = \"5%\"", "60 min").definition);        // 72 of 168
    CHECK_FALSE(with("from = \"2s\", at_most = \"2%\"", "60 min").definition);  // 183 of 168
    CHECK(with("up_to = \"2s\", at_least = \"100%\"", "60 min").definition);    // one run breaks it
}

TEST_CASE("the every that would do does do") {
    for (const auto& [recovery, jitter] : std::initializer_list<std::pair<const char*, const char*>>{
             {"15 min", "0.5"}, {"90s", "0"}, {"7s", "1"}, {"1 h", "0.25"}, {"3s", "0.5"}}) {
        const auto with_every = [&](const std::string& every) {
            std::string text = small();
            text.replace(text.find("5 min"), 5, recovery);
            return text.replace(text.find("\"60s\""), 5, "\"" + every + "\"\njitter = " + jitter);
        };
        const auto refused = read_definition(with_every("2 h"), "web.toml", fake_catalog());
        REQUIRE(refused.problems.size() == 1);
        const std::string& hint = refused.problems[0].hint;
        REQUIRE(hint.starts_with("every = \""));
        const std::string every = hint.substr(9, hint.find('"', 9) - 9);
        CAPTURE(every);
        const auto taken = read_definition(with_every(every), "web.toml", fake_catalog());
        CHECK_MESSAGE(taken.definition, said(taken.problems));
    }
}

TEST_CASE("a directory is read file by file, and a bad file does not spoil the good ones") {
    const Folder folder;
    folder.write("b-web.toml", small());
    folder.write("a-bad.toml", "[service]\nid = 5\n");
    folder.write("c-again.toml", small());
    folder.write("notes.txt", "not a definition");
    folder.write(".hidden.toml", "not a definition");
    std::filesystem::create_directory(folder.path() / "deeper");
    const auto read = read_definitions({folder.path()}, fake_catalog());
    REQUIRE(read.definitions.size() == 1);
    CHECK(read.definitions[0]->service.id == "web");
    const std::string text = said(read.problems);
    CHECK_MESSAGE(text.find("a-bad.toml:2:6: error: expected an id for 'id', found an integer") != std::string::npos,
                  text);
    CHECK_MESSAGE(
        text.find("c-again.toml:2:6: error: service 'web' is defined in " + (folder.path() / "b-web.toml").string() +
                  " already (one file per service)") != std::string::npos,
        text);
    CHECK(read.problems.size() == 2);
}

TEST_CASE("what cannot be read is an error, an empty directory only advice") {
    const Folder folder;
    const auto absent = read_definitions({folder.path() / "absent.toml"}, fake_catalog());
    REQUIRE(absent.problems.size() == 1);
    CHECK(absent.problems[0].message == "cannot be read: No such file or directory");
    const auto empty = read_definitions({folder.path()}, fake_catalog());
    REQUIRE(empty.problems.size() == 1);
    CHECK(empty.problems[0].kind == Problem::Kind::advice);
    const auto device = read_definitions({"/dev/null"}, fake_catalog());
    REQUIRE(device.problems.size() == 1);
    CHECK(device.problems[0].message == "is no plain file, expected a TOML file");
}

TEST_CASE("a definition with every byte cut or spoilt never crashes the reader") {
    const std::filesystem::path file = std::filesystem::path(SLIMTAX_SOURCE_DIR) / "docs/examples/campus-im.toml";
    const std::string good = text_of(file);
    std::size_t refused = 0;
    for (std::size_t i = 0; i < good.size(); i += 7) {
        refused += read_definition(good.substr(0, i), "cut", fake_catalog()).definition ? 0U : 1U;
        std::string spoilt = good;
        spoilt[i] = "\"]={}\n\x01\xff$"[i % 9];
        refused += read_definition(spoilt, "spoilt", fake_catalog()).definition ? 0U : 1U;
    }
    CHECK(refused > 100);
}
