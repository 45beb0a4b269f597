#include "probes/io/server_timing.hpp"

#include <doctest/doctest.h>

#include "tests/unit/probes/run_operation.hpp"
#include "tests/unit/probes/scripted_server.hpp"

namespace slimtax::probes {
namespace {

using namespace std::chrono_literals;

// In microseconds; -1: none.
std::int64_t stated(std::initializer_list<std::string> values) {
    std::vector<std::pair<std::string, std::string>> headers{{"content-type", "text/html; dur=9"}};
    for (const std::string& value : values) {
        headers.emplace_back("server-timing", value);
    }
    const auto took = stated_server_time(headers);
    return took ? took->count() : -1;
}

}  // namespace

TEST_CASE("the server's own time is the total that it states, or the sum of its metrics") {
    // Examples of the specification (W3C Server Timing, 3.1) and their kin.
    CHECK(stated({"miss, db;dur=53, app;dur=47.2"}) == 100'200);
    CHECK(stated({"customView, dc;desc=atl"}) == -1);
    CHECK(stated({"cache;desc=\"Cache Read\";dur=23.2"}) == 23'200);
    CHECK(stated({"total;dur=123.4"}) == 123'400);
    CHECK(stated({"db;dur=53, total;dur=60, app;dur=5"}) == 60'000);
    CHECK(stated({"Total ; DUR = \"60\""}) == 60'000);
    CHECK(stated({"db;dur=53", "app;dur=7"}) == 60'000);
    CHECK(stated({"a;desc=\"x, y;dur=9 \\\" ,b;dur=9\";dur=4"}) == 4'000);
    CHECK(stated({"db;dur=0"}) == 0);
    CHECK(stated({"db;dur=1;dur=2"}) == 1'000);
}

TEST_CASE("what is no time in a Server-Timing header is no time") {
    for (const char* value :
         {"", ",", ";", "db;dur", "db;dur=", "db;dur=-1", "db;dur=nan", "db;dur=inf", "db;dur=1e99", "db;dur=12ms",
          "db;dur=\"", "\"", "db;dur=\"5", "dur=5", "db;duration=5", "db;desc=\"dur=5"}) {
        CAPTURE(value);
        CHECK(stated({value}) == -1);
    }
    CHECK(stated({}) == -1);
    CHECK(stated({"a;dur=x, b;dur=2"}) == 2'000);
}

TEST_CASE("http.get leaves the server's own time, over redirects too, and it is no part of the response time") {
    const ScriptedServer server([](ScriptedConnection& connection) {
        const std::string request = connection.read_until("\r\n\r\n");
        if (request.starts_with("GET /old ")) {
            connection.send(
                "HTTP/1.1 302 Found\r\nLocation: /new\r\nServer-Timing: total;dur=1.5\r\n"
                "Content-Length: 0\r\n\r\n");
        } else if (request.starts_with("GET /new ")) {
            connection.send("HTTP/1.1 200 OK\r\nServer-Timing: db;dur=2, app;dur=0.25\r\nContent-Length: 2\r\n\r\nok");
        } else {
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    });
    Engine engine;
    const std::string base = "http://127.0.0.1:" + std::to_string(server.port());
    const StepRun run = run_operation(engine, "http.get", {{"url", base + "/old"}});
    CHECK(run.outcome.reason == "");
    CHECK(run.number("time.server") == doctest::Approx(0.00375));
    schemas::Duration sum{};
    for (const schemas::Timing& timing : run.report.timings) {
        sum += timing.is_part() ? timing.took : schemas::Duration::zero();
    }
    CHECK(sum == *run.report.measured);
    CHECK_FALSE(run_operation(engine, "http.get", {{"url", base + "/silent"}}).has("time.server"));
}

}  // namespace slimtax::probes
