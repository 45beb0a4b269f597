#include <doctest/doctest.h>

#include <string>

#include "tests/unit/probes/certificates.hpp"
#include "tests/unit/probes/run_operation.hpp"
#include "tests/unit/probes/scripted_server.hpp"

namespace slimtax::probes {
namespace {

using namespace std::chrono_literals;

Values on(std::uint16_t port) {
    return {{"host", "127.0.0.1"}, {"port", std::int64_t(port)}};
}

std::string named(std::uint16_t port) {
    return "127.0.0.1:" + std::to_string(port);
}

}  // namespace

TEST_CASE("tcp.connect: a port that accepts is enough") {
    Engine engine;
    const ScriptedServer server([](ScriptedConnection& connection) { connection.hang(); });
    const StepRun run = run_operation(engine, "tcp.connect", on(server.port()));
    CHECK(run.outcome.reason == "");
    CHECK(run.text("address") == named(server.port()));
    CHECK(run.number("time.connect") > 0);
}

TEST_CASE("tcp.connect: refused and unanswered are told apart") {
    Engine engine;
    const RefusingPort closed;
    const StepRun refused = run_operation(engine, "tcp.connect", on(closed.port()));
    CHECK(refused.verdict() == "failed");
    CHECK(refused.outcome.reason == "connection to " + named(closed.port()) + " refused");

    const DeafPort deaf;
    const StepRun late = run_operation(engine, "tcp.connect", on(deaf.port()), 50ms);
    CHECK(late.verdict() == "timeout");
    CHECK(late.outcome.reason == "connection to " + named(deaf.port()) + " timed out");
}

TEST_CASE("tcp.connect: a name goes into the reason with the address that it stands for") {
    Engine engine;
    const RefusingPort closed;
    const StepRun run =
        run_operation(engine, "tcp.connect", {{"host", "localhost"}, {"port", std::int64_t(closed.port())}});
    CHECK(run.verdict() == "failed");
    const std::string start = "connection to localhost:" + std::to_string(closed.port()) + " (";
    CHECK(run.outcome.reason.starts_with(start));
    CHECK(run.outcome.reason.ends_with(") refused"));
}

TEST_CASE("tcp.connect: a greeting that comes in pieces is matched whole") {
    Engine engine;
    const ScriptedServer server([](ScriptedConnection& connection) {
        connection.send("22");
        std::this_thread::sleep_for(5ms);
        connection.send("0 mail.campus.test ready\r\n");
        connection.hang();
    });
    Values values = on(server.port());
    values.emplace("match", pattern("^220 .*ready"));
    const StepRun run = run_operation(engine, "tcp.connect", values);
    CHECK(run.outcome.reason == "");
    CHECK(run.text("said") == "220 mail.campus.test ready\r\n");
    CHECK(run.has("time.first_byte"));
}

TEST_CASE("tcp.connect: sends its text before it listens") {
    Engine engine;
    const ScriptedServer server([](ScriptedConnection& connection) {
        connection.send(connection.read_line() == "PING\r\n" ? "PONG\r\n" : "WHAT\r\n");
    });
    Values values = on(server.port());
    values.emplace("send", "PING\r\n");
    values.emplace("match", pattern("PONG"));
    CHECK(run_operation(engine, "tcp.connect", values).outcome.reason == "");
}

TEST_CASE("tcp.connect: another greeting, none, an endless one and silence") {
    Engine engine;
    const auto run = [&](ScriptedServer::Script script) {
        const ScriptedServer server(std::move(script));
        Values values = on(server.port());
        values.emplace("match", pattern("^220 "));
        const StepRun step = run_operation(engine, "tcp.connect", values, 200ms);
        std::string reason = step.outcome.reason;
        if (const auto place = reason.find(named(server.port())); place != std::string::npos) {
            reason.replace(place, named(server.port()).size(), "SERVER");
        }
        return step.verdict() + ": " + reason;
    };
    CHECK(run([](ScriptedConnection& connection) { connection.send("554 go away\r\n"); }) ==
          "failed: SERVER said \"554 go away\", which does not hold '^220 '");
    CHECK(run([](ScriptedConnection&) {}) == "failed: SERVER said nothing, which does not hold '^220 '");
    CHECK(run([](ScriptedConnection& connection) {
              const std::string part(65536, 'x');
              while (connection.send(part)) {
              }
          }).starts_with("failed: SERVER said \"xxxxx"));
    CHECK(run([](ScriptedConnection& connection) { connection.hang(); }) ==
          "timeout: SERVER did not say anything that holds '^220 ' within 200 ms");
    CHECK(run([](ScriptedConnection& connection) { connection.reset(); }).starts_with("failed: connection to SERVER "));
}

TEST_CASE("tcp.connect with TLS: the greeting comes encrypted, the certificate is judged") {
    EngineOptions options;
    options.ca_file = certificate("ca.pem");
    Engine engine(options);
    for (const char* name : {"server", "expired", "wrong-name", "self-signed"}) {
        const std::string certificate_file = certificate(std::string(name) + ".pem");
        const std::string key_file = certificate(std::string(name) + ".key");
        const ScriptedServer server([&](ScriptedConnection& connection) {
            if (connection.start_tls(certificate_file, key_file)) {
                connection.send("* OK ready\r\n");
                connection.hang();
            }
        });
        Values values = on(server.port());
        values.emplace("tls", true);
        values.emplace("match", pattern("^\\* OK"));
        const StepRun run = run_operation(engine, "tcp.connect", values);
        if (std::string(name) == "server") {
            CHECK(run.outcome.reason == "");
            CHECK(run.has("cert.days"));
            CHECK(run.number("time.tls") > 0);
        } else {
            CHECK(run.verdict() == "failed");
            CHECK(run.outcome.reason.starts_with("the certificate of " + named(server.port()) + " "));
            values.emplace("verify", false);
            CHECK(run_operation(engine, "tcp.connect", values).outcome.reason == "");
        }
    }
}

TEST_CASE("tcp.connect with TLS: a server that speaks no TLS, hangs up or says nothing") {
    Engine engine;
    const auto run = [&](ScriptedServer::Script script) {
        const ScriptedServer server(std::move(script));
        Values values = on(server.port());
        values.emplace("tls", true);
        const StepRun step = run_operation(engine, "tcp.connect", values, 200ms);
        std::string reason = step.outcome.reason;
        if (const auto place = reason.find(named(server.port())); place != std::string::npos) {
            reason.replace(place, named(server.port()).size(), "SERVER");
        }
        return step.verdict() + ": " + reason;
    };
    CHECK(run([](ScriptedConnection& connection) {
              connection.send("220 plain text\r\n");
              connection.hang();
          }) == "failed: TLS handshake with SERVER failed: wrong version number");
    CHECK(run([](ScriptedConnection& connection) { connection.read_bytes(10); }).starts_with("failed: "));
    CHECK(run([](ScriptedConnection& connection) {
              connection.read_bytes(10);
              connection.reset();
          }) == "failed: TLS handshake with SERVER broken off: Connection reset by peer");
    CHECK(run([](ScriptedConnection& connection) { connection.hang(); }) ==
          "timeout: SERVER did not finish the TLS handshake within 200 ms");
}

}  // namespace slimtax::probes
