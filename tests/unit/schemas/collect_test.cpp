#include <doctest/doctest.h>

#include "schemas/definition_reader.hpp"
#include "tests/unit/schemas/fake_catalog.hpp"

using namespace slimtax::schemas;
using namespace std::chrono_literals;

namespace {

constexpr std::string_view file = R"(
[service]
id = "mail"

[[objective]]
id = "queues"
level = "A1"
budget = "1 h per week"
recovery = "10 min"

[[objective]]
id = "sent"
level = "A4"
total = "100 per hour"
budget = "1 h per week"
recovery = "10 min"

[[objective]]
id = "deferred"
level = "A1"
probes = ["deferred"]
budget = "1 h per week"
recovery = "10 min"

[[probe]]
id = "status"
level = "A1"
purpose = "diagnostic"
layer = "application"
targets = ["mx1", "mx2"]
from = ["noc"]
every = "60s"
timeout = "10s"
jitter = 0.25

[[probe.step]]
do = "http.get"
name = "read"
url = "http://${target}/status"

[[probe.step]]
do = "http.get"
url = "http://${target}/bye"
always = true

[[probe.collect]]
id = "queue"
title = "Mail queue"
level = "A1"
value = 'json("/queue")'
expect = "value < 1000 and status == 200"
slow_when = "value > 500"

[[probe.collect]]
id = "deferred"
level = "A1"
layer = "database"
step = "read"
value = "status"

[[probe.collect]]
id = "sent"
level = "A4"
value = 'regex("sent (\\d+) messages")'
counter = true
)";

std::string with(std::string_view old, std::string_view replacement) {
    std::string text(file);
    text.replace(text.find(old), old.size(), replacement);
    return text;
}

}  // namespace

TEST_CASE("each collect is a probe with the schedule of the one that feeds it") {
    for (const bool with_steps : {true, false}) {  // the reporter reads without a catalogue
        CAPTURE(with_steps);
        const auto read = read_definition(file, "mail.toml", with_steps ? fake_catalog() : Catalog());
        for (const Problem& problem : read.problems) {
            CHECK_MESSAGE(false, to_string(problem));
        }
        REQUIRE(read.definition);
        const Definition& definition = *read.definition;
        REQUIRE(definition.probes.size() == 4);
        const auto fed = definition.fed_by(definition.probes[0]);
        REQUIRE(fed.size() == 3);
        for (const Probe* probe : fed) {
            CHECK(probe->scheduled_as() == "status");
            CHECK(probe->targets == std::vector<std::string>{"mx1", "mx2"});
            CHECK(probe->from == std::vector<std::string>{"noc"});
            CHECK(probe->every == 60s);
            CHECK(probe->timeout == 10s);
            CHECK(probe->jitter == 0.25);
            CHECK(probe->purpose == Purpose::measurement);
            CHECK(probe->steps.empty());
        }
        CHECK(fed[0]->id == "queue");
        CHECK(fed[0]->title == "Mail queue");
        CHECK(fed[0]->layer == "application");
        CHECK(fed[1]->layer == "database");
        CHECK(fed[2]->level == Level::A4);
        CHECK(fed[2]->collect->counter);
        CHECK(definition.probes[0].scheduled_as() == "status");
        CHECK(definition.fed_by(*fed[0]).empty());
        const auto queues = definition.probes_of(*definition.find_objective("queues"));
        CHECK(queues == std::vector<const Probe*>{fed[0], fed[1]});
        CHECK(definition.probes_of(*definition.find_objective("deferred")) == std::vector<const Probe*>{fed[1]});
        if (with_steps) {
            CHECK(fed[0]->collect->step == "read");
            CHECK(fed[0]->collect->function);
            CHECK(fed[0]->collect->expect);
            CHECK(fed[0]->collect->slow_when);
            CHECK_FALSE(fed[1]->collect->function);
        }
    }
}

TEST_CASE("a bad collect is refused at its place") {
    struct Row {
        const char* old;
        const char* replacement;
        const char* error;
    };
    const Row rows[] = {
        {"value = 'json(\"/queue\")'", "value = 'jsn(\"/queue\")'", "there is no function 'jsn'"},
        {"value = \"status\"", "value = \"statu\"", "http.get has no output 'statu' (did you mean 'status'?)"},
        {"value = \"status\"", "value = 3", "expected an output, or a function"},
        {"step = \"read\"\nvalue = \"status\"", "", "[[probe.collect]] 'deferred' lacks 'value'"},
        {"step = \"read\"", "step = \"raed\"", "probe 'status' has no step 'raed' (did you mean 'read'?)"},
        {"name = \"read\"", "", "probe 'status' has several steps 'http.get' (give the one that is meant a 'name')"},
        {"value < 1000", "valeu < 1000", "the operation has no output 'valeu'"},
        {"value > 500", "value >", "found the end"},
        {"counter = true", "", "an indicator of level A4 counts work"},
        {"title = \"Mail queue\"", "counter = true",
         "the growth of a counter is work, which counts at level A4, not A1"},
        {"id = \"queue\"", "id = \"status\"", "there is a probe 'status' already"},
        {"id = \"queue\"", "", "[[probe.collect]] lacks 'id'"},
        {"title = \"Mail queue\"", "evry = \"5s\"", "unknown key 'evry' in [[probe.collect]] 'queue'"},
        {"purpose = \"diagnostic\"", "control = true", "a control probe feeds no indicators"},
        {"layer = \"database\"", "layer = \"databse\"", "\"databse\" is no layer of this service"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.replacement);
        const auto read = read_definition(with(row.old, row.replacement), "mail.toml", fake_catalog());
        CHECK_FALSE(read.definition);
        std::string all;
        for (const Problem& problem : read.problems) {
            all += to_string(problem) + "\n";
        }
        CHECK_MESSAGE(all.find(row.error) != std::string::npos, all);
    }
}
