#include "reporter/server.hpp"

#include <fstream>
#include <thread>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "http_client.hpp"
#include "schemas/result_wire.hpp"
#include "some_results.hpp"
#include "temporary_folder.hpp"

namespace slimtax::reporter {
namespace {

using nlohmann::json;
using testing::Answer;
using testing::ask;

constexpr std::string_view portal = R"([service]
id = "portal"
[[objective]]
id = "pages"
level = "A2"
budget = "50 min per week"
[[probe]]
id = "pages"
level = "A2"
every = "30s"
timeout = "10s"
[[probe.step]]
do = "tcp.connect"
port = 80
)";

struct Site {
    testing::TemporaryFolder folder;
    std::unique_ptr<Server> server;

    Site() {
        std::filesystem::create_directory(folder / "definitions");
        define(portal);
        std::ofstream(folder / "slimtax.toml") << "[reporter]\nlisten = \"127.0.0.1:0\"\n[[reporter.prober]]\n"
                                                  "name = \"noc-1\"\nlocation = \"noc\"\ntoken = \"token-of-noc\"\n";
    }
    void define(std::string_view text) const { std::ofstream(folder / "definitions" / "portal.toml") << text; }

    std::uint16_t start() {
        auto config = schemas::read_reporter_config(folder / "slimtax.toml");
        REQUIRE(config.config);
        auto started = Server::start(*config.config);
        REQUIRE_MESSAGE(started, (started ? "" : started.error()));
        server = std::move(*started);
        return server->port();
    }
};

Answer post(std::uint16_t port, schemas::Verdict verdict) {
    const auto now = std::chrono::time_point_cast<schemas::Duration>(std::chrono::system_clock::now());
    schemas::RunResult run = testing::plain_result({"portal", "pages", "", "noc"}, now);
    run.verdict = verdict;
    run.reason = verdict == schemas::Verdict::ok ? "" : "connection to web-1:80 refused";
    return ask(port, "POST", "/api/v1/results",
               "Authorization: Bearer token-of-noc\r\nContent-Type: application/x-protobuf\r\n",
               schemas::encode(schemas::Batch{"noc-1", "noc", {run}}));
}

json status_of(std::uint16_t port) {
    return json::parse(ask(port, "GET", "/api/v1/status").body);
}

}  // namespace

TEST_CASE("a failed run turns the light red and is heard of without asking, over a restart too") {
    Site site;
    std::uint16_t port = site.start();
    CHECK(ask(port, "GET", "/healthz").body == "ok\n");
    testing::Connection stream(port);
    stream.send("GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n");
    stream.read_content_until("event: changed\ndata: 0\n\n");
    CHECK(post(port, schemas::Verdict::failed).status == 200);
    // The event comes when the page behind it is new.
    const std::string& heard = stream.read_content_until("event: changed\ndata: 1\n\n");
    CHECK(heard.find("data: 1\n\n") != std::string::npos);
    const json light = status_of(port)["services"][0]["objectives"][0]["light"];
    CHECK(light["reason"].get<std::string>().find("connection to web-1:80 refused") != std::string::npos);

    site.server.reset();
    port = site.start();
    CHECK(status_of(port)["services"][0]["objectives"][0]["light"]["colour"] == "red");
    const std::string metrics = ask(port, "GET", "/metrics").body;
    CHECK(metrics.find("slimtax_light{service=\"portal\",objective=\"pages\",level=\"A2\",light=\"red\"} 1\n") !=
          std::string::npos);
}

TEST_CASE("bad definitions never replace good ones, and are named to who asked") {
    Site site;
    const std::uint16_t port = site.start();
    site.define("[service]\nid = \"portal\"\nlevle = 1\n");
    const Answer refused = ask(port, "POST", "/-/reload");
    CHECK(refused.status == 400);
    CHECK(refused.body.find("portal.toml:3:1: error: unknown key 'levle'") != std::string::npos);
    CHECK(refused.body.find("reload refused: what ran before goes on") != std::string::npos);
    CHECK(status_of(port)["services"][0]["id"] == "portal");
    CHECK(ask(port, "GET", "/metrics").body.find("slimtax_reload_failed 1\n") != std::string::npos);

    site.define(std::string(portal).replace(portal.find("portal"), 6, "garden"));
    CHECK(ask(port, "POST", "/-/reload").status == 200);
    for (int i = 0; i < 2000 && status_of(port)["services"][0]["id"] != "garden"; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    CHECK(status_of(port)["services"][0]["id"] == "garden");
    CHECK(site.server->alive());
}

TEST_CASE("a reporter starts with the good definitions and without the bad ones") {
    Site site;
    std::ofstream(site.folder / "definitions" / "bad.toml") << "[service]\nid = 7\n";
    const std::uint16_t port = site.start();
    CHECK(status_of(port)["services"].size() == 1);
}

TEST_CASE("contacts of probers are told") {
    Site site;
    const std::uint16_t port = site.start();
    json probers = json::parse(ask(port, "GET", "/api/v1/probers").body);
    CHECK(probers["probers"][0]["last_contact"].is_null());
    CHECK(post(port, schemas::Verdict::ok).status == 200);
    probers = json::parse(ask(port, "GET", "/api/v1/probers").body);
    CHECK(probers["probers"][0]["name"] == "noc-1");
    CHECK(probers["probers"][0]["stored"] == 1);
    CHECK(schemas::parse_rfc3339(probers["probers"][0]["last_contact"].get<std::string>()));
}

TEST_CASE("a store that is another program's file keeps the daemon from starting") {
    Site site;
    std::ofstream(site.folder / "results.sqlite") << std::string(4096, 'x');
    auto config = schemas::read_reporter_config(site.folder / "slimtax.toml");
    REQUIRE(config.config);
    const auto started = Server::start(*config.config);
    REQUIRE_FALSE(started);
    CHECK(started.error().find("is not an SQLite database") != std::string::npos);
}

TEST_CASE("metrics are in the form that Prometheus reads") {
    MetricsText out;
    out.metric("a_total", "counter", "Some.");
    out.sample({{"name", "quote\" back\\ line\n"}}, 3);
    out.single("b", "gauge", "One.", 0.25);
    CHECK(out.take() ==
          "# HELP a_total Some.\n# TYPE a_total counter\na_total{name=\"quote\\\" back\\\\ line\\n\"} 3\n"
          "# HELP b One.\n# TYPE b gauge\nb 0.25\n");
}

}  // namespace slimtax::reporter
