#include <doctest/doctest.h>

#include <memory>
#include <string>

#include "tests/unit/probes/campus_server.hpp"
#include "tests/unit/probes/certificates.hpp"
#include "tests/unit/probes/run_operation.hpp"
#include "tests/unit/probes/scripted_server.hpp"

namespace slimtax::probes {
namespace {

using namespace std::chrono_literals;

std::string at(std::uint16_t port, const std::string& path = "/") {
    return "http://127.0.0.1:" + std::to_string(port) + path;
}

std::string secure_at(std::uint16_t port, const std::string& host = "localhost") {
    return "https://" + host + ":" + std::to_string(port) + "/";
}

/// An HTTPS server with that certificate.
std::unique_ptr<ScriptedServer> tls_server(const std::string& name) {
    const std::string certificate_file = certificate(name + ".pem");
    const std::string key_file = certificate(name + ".key");
    return std::make_unique<ScriptedServer>([certificate_file, key_file](ScriptedConnection& connection) {
        if (connection.start_tls(certificate_file, key_file)) {
            connection.read_until("\r\n\r\n");
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    });
}

}  // namespace

TEST_CASE("http.get against nginx: page, status, headers, times and the step's own response time") {
    Engine engine;
    const CampusServer nginx("nginx");
    const StepRun run = run_operation(engine, "http.get", {{"url", at(nginx.port())}, {"match", pattern("Welcome")}});
    CHECK(run.outcome.reason == "");
    CHECK(run.number("status") == 200);
    CHECK(run.number("bytes") > 20);
    CHECK(run.text("body").find("Welcome to campus") != std::string::npos);
    CHECK(run.text("content_type") == "text/html");
    CHECK(run.number("redirects") == 0);
    CHECK_FALSE(run.has("cert.days"));
    CHECK(run.number("time.first_byte") > 0);
    REQUIRE(run.report.measured.has_value());
    schemas::Duration sum{};
    std::string names;
    for (const schemas::Timing& timing : run.report.timings) {
        sum += timing.took;
        names += timing.name + " ";
    }
    CHECK(names == "lookup connect tls first_byte body ");
    CHECK(sum == *run.report.measured);
}

TEST_CASE("http.get against nginx: what is wrong is said with server and cause") {
    Engine engine;
    const CampusServer nginx("nginx");
    const std::string server = "127.0.0.1:" + std::to_string(nginx.port());
    const auto reason = [&](const Values& values) {
        const StepRun run = run_operation(engine, "http.get", values);
        CHECK(run.verdict() == "failed");
        return run.outcome.reason;
    };
    CHECK(reason({{"url", at(nginx.port(), "/broken")}}) ==
          server + " answered 500 Internal Server Error, expected 2xx");
    CHECK(reason({{"url", at(nginx.port(), "/nothing")}, {"status", "200, 301-303"}}) ==
          server + " answered 404 Not Found, expected 200, 301-303");
    CHECK(reason({{"url", at(nginx.port())}, {"match", pattern("Sign in")}})
              .starts_with("the page of " + server + " does not hold 'Sign in' ("));
    CHECK(reason({{"url", at(nginx.port())}, {"no_match", pattern("(?i)welcome")}}) ==
          "the page of " + server + " holds '(?i)welcome', which it must not");
    CHECK(reason({{"url", at(nginx.port(), "/loop")}}) == server + " redirects once more after 5 redirects");
    CHECK(reason({{"url", at(nginx.port())}, {"max_body", std::int64_t(10)}}) ==
          server + ": the body is longer than the 10 bytes of max_body");
    CHECK(reason({{"url", at(nginx.port(), "/portal/")}, {"user", "u001"}, {"password", "wrong-one"}}) ==
          server + " answered 401 Unauthorized, expected 2xx");
}

TEST_CASE("http.get against nginx: a log-in, a redirect followed and one that is the answer") {
    Engine engine;
    const CampusServer nginx("nginx");
    const StepRun portal = run_operation(engine, "http.get",
                                         {{"url", at(nginx.port(), "/portal/")},
                                          {"user", "u001"},
                                          {"password", "pw-u001"},
                                          {"match", pattern("loans")}});
    CHECK(portal.outcome.reason == "");

    const StepRun followed = run_operation(engine, "http.get", {{"url", at(nginx.port(), "/old")}});
    CHECK(followed.verdict() == "ok");
    CHECK(followed.number("redirects") == 1);
    CHECK(followed.text("url") == at(nginx.port()));

    const StepRun stayed = run_operation(
        engine, "http.get", {{"url", at(nginx.port(), "/old")}, {"redirects", std::int64_t(0)}, {"status", "302"}});
    CHECK(stayed.verdict() == "ok");
    CHECK(stayed.text("location") == at(nginx.port()));
}

TEST_CASE("http.get: the host alone is an http address") {
    Engine engine;
    const CampusServer nginx("nginx");
    const std::string host = "127.0.0.1:" + std::to_string(nginx.port());
    CHECK(run_operation(engine, "http.get", {{"url", host}}).outcome.reason == "");
}

TEST_CASE("http.get over TLS: a good certificate is trusted, for a name and for an address, and its days are counted") {
    EngineOptions options;
    options.ca_file = certificate("ca.pem");
    Engine engine(options);
    const std::uint16_t tls_port = free_port();
    const CampusServer nginx("nginx", {"tls_port=" + std::to_string(tls_port), "certificates=" + certificates()});
    for (const char* host : {"localhost", "127.0.0.1"}) {
        TestRun run(engine);
        run.wall_now = std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
        const StepRun step = run.step("http.get", {{"url", secure_at(tls_port, host)}, {"match", pattern("Welcome")}});
        CHECK(step.outcome.reason == "");
        CHECK(step.number("time.tls") > 0);
        CHECK(step.number("cert.days") >= 27);
        CHECK(step.number("cert.days") <= 30);
    }
}

TEST_CASE("http.get over TLS: each bad certificate fails with its own reason") {
    EngineOptions options;
    options.ca_file = certificate("ca.pem");
    Engine engine(options);
    const auto reason = [&](const ScriptedServer& server, const Values& more = {}) {
        Values values = more;
        values.emplace("url", secure_at(server.port()));
        const StepRun run = run_operation(engine, "http.get", values);
        CHECK(run.verdict() == "failed");
        return run.outcome.reason;
    };
    const auto expired = tls_server("expired");
    const std::string said = reason(*expired);
    CHECK(said.starts_with("the certificate of localhost:" + std::to_string(expired->port()) + " expired on 20"));

    const auto elsewhere = tls_server("wrong-name");
    CHECK(reason(*elsewhere) == "the certificate of localhost:" + std::to_string(elsewhere->port()) +
                                    " is for elsewhere.test, not for localhost");
    const auto self_signed = tls_server("self-signed");
    CHECK(reason(*self_signed) == "the certificate of localhost:" + std::to_string(self_signed->port()) +
                                      " is self-signed, not signed by a trusted authority");
    // Other roots for this step alone.
    const auto good = tls_server("server");
    CHECK(reason(*good, {{"ca_file", certificate("self-signed.pem")}}) ==
          "the certificate of localhost:" + std::to_string(good->port()) + " is not signed by a trusted authority");
    CHECK(run_operation(engine, "http.get",
                        {{"url", secure_at(self_signed->port())}, {"ca_file", certificate("self-signed.pem")}})
              .outcome.reason == "");
    Engine plain;
    CHECK(run_operation(plain, "http.get", {{"url", secure_at(good->port())}}).verdict() == "failed");
}

TEST_CASE("http.get over TLS: with verify off any certificate will do, and its days are told all the same") {
    Engine engine;
    for (const char* name : {"expired", "wrong-name", "self-signed"}) {
        const auto server = tls_server(name);
        const StepRun run = run_operation(engine, "http.get", {{"url", secure_at(server->port())}, {"verify", false}});
        CHECK(run.outcome.reason == "");
        CHECK(run.has("cert.days"));
    }
}

TEST_CASE("http.get over TLS: a file of roots that cannot be read is the prober's fault") {
    Engine engine;
    const auto server = tls_server("server");
    for (const char* file : {"/nonexistent/ca.pem", "/etc/passwd"}) {
        const StepRun run = run_operation(engine, "http.get", {{"url", secure_at(server->port())}, {"ca_file", file}});
        CHECK(run.verdict() == "prober_fault");
        CHECK(run.outcome.reason.starts_with(std::string("no trusted roots can be read from ") + file));
    }
}

TEST_CASE("http.get over TLS: servers that misbehave in the handshake") {
    Engine engine;
    const ScriptedServer silent([](ScriptedConnection& connection) { connection.hang(); });
    const StepRun late = run_operation(engine, "http.get", {{"url", secure_at(silent.port())}}, 50ms);
    CHECK(late.verdict() == "timeout");
    CHECK(late.outcome.reason == "TLS handshake with localhost:" + std::to_string(silent.port()) + " timed out");

    for (const std::string& answer : {std::string(), std::string("HTTP/1.1 400 Bad Request\r\n\r\n")}) {
        const ScriptedServer rude([answer](ScriptedConnection& connection) {
            connection.read_bytes(10);
            connection.send(answer);
        });
        const StepRun run = run_operation(engine, "http.get", {{"url", secure_at(rude.port())}});
        CHECK(run.verdict() == "failed");
        CHECK(run.outcome.reason.starts_with("TLS handshake with localhost:" + std::to_string(rude.port()) +
                                             " failed: "));
    }
}

TEST_CASE("http.post sends body and type, and its answer is judged like any other") {
    Engine engine;
    std::string head;
    std::string body;
    const ScriptedServer server([&](ScriptedConnection& connection) {
        head = connection.read_until("\r\n\r\n");
        body = connection.read_bytes(9);
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nWelcome");
    });
    const StepRun run = run_operation(engine, "http.post",
                                      {{"url", at(server.port(), "/login")},
                                       {"body", "user=u001"},
                                       {"headers", schemas::TextMap{{"X-Probe", "1"}}},
                                       {"match", pattern("^Welcome$")}});
    CHECK(run.outcome.reason == "");
    CHECK(head.starts_with("POST /login HTTP/1.1\r\n"));
    CHECK(head.find("Content-Type: application/x-www-form-urlencoded\r\n") != std::string::npos);
    CHECK(head.find("X-Probe: 1\r\n") != std::string::npos);
    CHECK(body == "user=u001");
}

TEST_CASE("http.post encodes a form as a browser does") {
    Engine engine;
    std::string body;
    const ScriptedServer server([&](ScriptedConnection& connection) {
        const std::string head = connection.read_until("\r\n\r\n");
        const auto at = head.find("Content-Length: ");
        body = at == std::string::npos ? head : connection.read_bytes(std::stoul(head.substr(at + 16)));
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    });
    const schemas::TextMap form{{"user", "probe"}, {"pass word", "a&b=c %+\xC3\xA4\n*-._~"}, {"empty", ""}};
    const StepRun run = run_operation(engine, "http.post", {{"url", at(server.port())}, {"form", form}});
    CHECK(run.outcome.reason == "");
    CHECK(body == "user=probe&pass+word=a%26b%3Dc+%25%2B%C3%A4%0A*-._%7E&empty=");
    const StepRun both =
        run_operation(engine, "http.post", {{"url", at(server.port())}, {"form", form}, {"body", "user=u001"}});
    CHECK(both.verdict() == "prober_fault");
    CHECK(both.outcome.reason == "a step sends a form or a body, not both");
}

TEST_CASE("http.put, http.delete, http.head and http.options say what they are") {
    Engine engine;
    std::string head;
    const ScriptedServer server([&](ScriptedConnection& connection) {
        head = connection.read_until("\r\n\r\n");
        connection.send(head.starts_with("HEAD")
                            ? "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nAllow: GET, POST\r\n\r\n"
                            : "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nAllow: GET, POST\r\n\r\nok");
    });
    const std::pair<const char*, const char*> rows[] = {{"http.put", "PUT / HTTP"},
                                                        {"http.delete", "DELETE / HTTP"},
                                                        {"http.head", "HEAD / HTTP"},
                                                        {"http.options", "OPTIONS / HTTP"}};
    for (const auto& [operation, begin] : rows) {
        CAPTURE(operation);
        const StepRun run = run_operation(engine, operation, {{"url", at(server.port())}});
        CHECK(run.outcome.reason == "");
        CHECK(head.starts_with(begin));
        CHECK(run.text("headers").find("allow: GET, POST\n") != std::string::npos);
        CHECK(run.text("body") == (std::string(operation) == "http.head" ? "" : "ok"));
    }
}

TEST_CASE("cookies live as long as a run, and only where they are wanted") {
    Engine engine;
    std::string head;
    const ScriptedServer server([&](ScriptedConnection& connection) {
        head = connection.read_until("\r\n\r\n");
        connection.send("HTTP/1.1 200 OK\r\nSet-Cookie: id=7\r\nContent-Length: 0\r\n\r\n");
    });
    TestRun run(engine);
    run.step("http.get", {{"url", at(server.port())}});
    run.step("http.get", {{"url", at(server.port())}});
    CHECK(head.find("Cookie: id=7") != std::string::npos);
    run.step("http.get", {{"url", at(server.port())}, {"cookies", false}});
    CHECK(head.find("Cookie") == std::string::npos);
    CHECK(run_operation(engine, "http.get", {{"url", at(server.port())}}).verdict() == "ok");
    CHECK(head.find("Cookie") == std::string::npos);
}

TEST_CASE("http.get: a wrong status text is the prober's fault, not the server's") {
    Engine engine;
    const ScriptedServer server([](ScriptedConnection& connection) {
        connection.read_until("\r\n\r\n");
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    });
    for (const char* status : {"", "okay", "6xx", "99", "200-", "300-200", "200;201"}) {
        const StepRun run = run_operation(engine, "http.get", {{"url", at(server.port())}, {"status", status}});
        CHECK_MESSAGE(run.verdict() == "prober_fault", status);
    }
    for (const char* status : {"200", " 2xx ", "404,200", "100-299", "4xx, 2xx"}) {
        const StepRun run = run_operation(engine, "http.get", {{"url", at(server.port())}, {"status", status}});
        CHECK_MESSAGE(run.verdict() == "ok", status);
    }
}

TEST_CASE("a hostile phrase of a status line cannot break the reason") {
    Engine engine;
    const ScriptedServer server([](ScriptedConnection& connection) {
        connection.read_until("\r\n\r\n");
        connection.send("HTTP/1.1 500 \x1b[31m<b>" + std::string(5000, 'A') + "\r\nContent-Length: 0\r\n\r\n");
    });
    const StepRun run = run_operation(engine, "http.get", {{"url", at(server.port())}});
    CHECK(run.verdict() == "failed");
    CHECK(run.outcome.reason.size() < 200);
    CHECK(run.outcome.reason.find('\x1b') == std::string::npos);
}

}  // namespace slimtax::probes
