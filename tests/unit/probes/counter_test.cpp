#include <doctest/doctest.h>

#include <filesystem>

#include "tests/unit/prober/folder.hpp"
#include "tests/unit/probes/postgres_server.hpp"
#include "tests/unit/probes/run_operation.hpp"
#include "tests/unit/probes/scripted_server.hpp"

using namespace slimtax;
using namespace slimtax::probes;
using slimtax::tests::Folder;
using slimtax::tests::write_file;

namespace {

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

/// A number in a file, and a series that reads it by `cat`.
class Meter {
public:
    StepRun read(const std::string& shown, Values more = {}) {
        write_file(folder / "number", shown);
        more.insert({"argv", schemas::TextList{"cat", (folder / "number").string()}});
        return run.step("counter.command", more);
    }

    Folder folder;
    Engine engine;
    TestRun run{engine};
};

}  // namespace

TEST_CASE("counter: the first reading counts nothing, each later one what was added since") {
    Meter meter;
    const StepRun first = meter.read("1000\n", {{"unit", std::string("messages")}});
    CHECK(first.verdict() == "ok");
    CHECK(first.report.work == 0);
    CHECK(first.report.work_span.count() == 0);
    CHECK(first.number("total") == 1000);
    REQUIRE(first.report.figures.size() == 1);
    CHECK(first.report.figures[0].unit == "messages");
    const StepRun second = meter.read("1007", {{"unit", std::string("messages")}});
    CHECK(second.report.work == 7);
    CHECK(second.report.work_span.count() > 0);
    CHECK(second.number("count") == 7);
    CHECK(second.number("rate") > 0);
    CHECK_FALSE(second.flag("reset"));
    CHECK(meter.read("1007").report.work == 0);
}

TEST_CASE("counter: after a reset it counts from nothing") {
    Meter meter;
    meter.read("1000");
    const StepRun reset = meter.read("12");
    CHECK(reset.verdict() == "ok");
    CHECK(reset.flag("reset"));
    CHECK(reset.report.work == 12);
    CHECK(meter.read("15").report.work == 3);
}

TEST_CASE("counter: parts of a unit are not lost") {
    Meter meter;
    meter.read("0.0");
    CHECK(meter.read("0.75").report.work == 0);
    CHECK(meter.read("1.5").report.work == 1);
    CHECK(meter.read("2.25").report.work == 1);
}

TEST_CASE("counter: a gauge is a figure, and no work") {
    Meter meter;
    meter.read("5", {{"gauge", true}});
    const StepRun run = meter.read("-3", {{"gauge", true}});
    CHECK(run.verdict() == "ok");
    CHECK(run.number("total") == -3);
    CHECK(run.report.work == 0);
    CHECK_FALSE(run.has("count"));
    CHECK(meter.read("-3").verdict() == "failed");
}

TEST_CASE("counter: what is no number fails, and says what is there") {
    Meter meter;
    const StepRun run = meter.read("about 7\x01");
    CHECK(run.verdict() == "failed");
    CHECK(run.outcome.reason ==
          "the counter of command cat shows \"about 7\", which is no number; say with `number` where in the answer it "
          "stands");
    for (const char* shown : {"", "nan", "inf", "1e999", "0x10", "1 2"}) {
        CHECK(meter.read(shown).verdict() == "failed");
    }
    CHECK(meter.read("about 7", {{"number", std::string("regex(\"(\\d+)\")")}}).number("total") == 7);
    const StepRun unreadable = meter.read("7", {{"number", std::string("xml(\"/a\")")}});
    CHECK(unreadable.verdict() == "prober_fault");
    const StepRun missing = meter.read("{}", {{"number", std::string("json(\"/a\")")}});
    CHECK(missing.verdict() == "failed");
    CHECK(has(missing.outcome.reason, "the counter of command cat cannot be read: "));
}

TEST_CASE("counter: a source that cannot be asked fails as its operation does") {
    Engine engine;
    const StepRun run = run_operation(engine, "counter.command", {{"argv", schemas::TextList{"false"}}});
    CHECK(run.verdict() == "failed");
    CHECK(run.outcome.reason == "command false exited with code 1");
}

TEST_CASE("counter: a plugin's figure, by its label") {
    Engine engine;
    const StepRun run = run_operation(
        engine, "counter.command",
        {{"argv", schemas::TextList{"echo", "OK | a=1c b=42c"}}, {"plugin", true}, {"perf", std::string("b")}});
    CHECK(run.number("total") == 42);
}

TEST_CASE("counter: JSON and Prometheus metrics over HTTP") {
    int asked = 0;
    const ScriptedServer server([&asked](ScriptedConnection& client) {
        client.read_until("\r\n\r\n");
        const std::string body = "{\"jobs\":{\"done\":" + std::to_string(40 + asked) +
                                 "}}\n# HELP x\njobs_total{q=\"a\"} " + std::to_string(7 + asked) + "\n";
        ++asked;
        client.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) +
                    "\r\n\r\n" + body);
    });
    Engine engine;
    TestRun run(engine);
    const Values values{{"url", "http://127.0.0.1:" + std::to_string(server.port()) + "/"},
                        {"number", std::string("prometheus(\"jobs_total{q=\\\"a\\\"}\")")}};
    CHECK(run.step("counter.http", values).outcome.reason == "");
    const StepRun second = run.step("counter.http", values);
    CHECK(second.number("total") == 8);
    CHECK(second.report.work == 1);
}

TEST_CASE("counter: a directory's own count of its searches") {
    const CampusServer directory("slapd");
    Engine engine;
    TestRun run(engine);
    const Values values{{"host", std::string("127.0.0.1")},
                        {"port", static_cast<std::int64_t>(directory.port())},
                        {"base", std::string("cn=Search,cn=Operations,cn=Monitor")},
                        {"scope", std::string("base")},
                        {"attributes", schemas::TextList{"monitorOpCompleted"}}};
    CHECK(run.step("counter.ldap", values).outcome.reason == "");
    const StepRun second = run.step("counter.ldap", values);
    CHECK(second.outcome.reason == "");
    CHECK(second.report.work == 1);  // the search that read it before
}

TEST_CASE("counter: a number in a database") {
    const PostgresServer database;
    Engine engine;
    TestRun run(engine);
    Values values{{"host", std::string("127.0.0.1")},  {"port", static_cast<std::int64_t>(database.port())},
                  {"user", std::string("u001")},       {"password", std::string("pw-u001")},
                  {"database", std::string("campus")}, {"query", std::string("SELECT max(id) FROM loans")}};
    CHECK(run.step("counter.sql", values).number("total") == 3000);
    Values insert = values;
    insert["query"] = std::string("INSERT INTO loans SELECT n FROM generate_series(3001, 3005) n");
    insert["write"] = true;
    CHECK(run.step("postgres.query", insert).outcome.reason == "");
    CHECK(run.step("counter.sql", values).report.work == 5);
}

TEST_CASE("counter: a name server's count of its cache's hits, in class CHAOS") {
    const CampusServer dns("dnsmasq");
    Engine engine;
    TestRun run(engine);
    const Values values{{"server", "127.0.0.1:" + dns.port_text()},
                        {"name", std::string("insertions.bind")},
                        {"type", std::string("TXT")},
                        {"class", std::string("CHAOS")}};
    const StepRun first = run.step("counter.dns", values);
    CHECK(first.outcome.reason == "");
    CHECK(first.number("total") >= 0);
    CHECK(run.step("counter.dns", values).verdict() == "ok");
}
