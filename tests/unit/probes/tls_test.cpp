#include <doctest/doctest.h>

#include <string>

#include "tests/unit/probes/campus_server.hpp"
#include "tests/unit/probes/certificates.hpp"
#include "tests/unit/probes/scripted_step.hpp"

namespace slimtax::probes {
namespace {

using namespace std::chrono_literals;

EngineOptions trusting() {
    EngineOptions options;
    options.ca_file = certificate("ca.pem");
    return options;
}

ScriptedServer::Script showing(const std::string& name) {
    return [file = certificate(name + ".pem"), key = certificate(name + ".key")](ScriptedConnection& connection) {
        connection.start_tls(file, key);
        connection.hang();
    };
}

}  // namespace

TEST_CASE("tls.handshake: a real server's certificate is described") {
    Engine engine(trusting());
    const std::uint16_t tls_port = free_port();
    const CampusServer nginx("nginx", {"tls_port=" + std::to_string(tls_port), "certificates=" + certificates()});
    TestRun run(engine);
    run.wall_now = std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
    const StepRun step = run.step("tls.handshake", {{"host", "localhost"}, {"port", std::int64_t(tls_port)}});
    CHECK(step.outcome.reason == "");
    CHECK(step.number("cert.days") >= 27);
    CHECK(step.number("cert.days") <= 30);
    CHECK(step.text("cert.names") == "localhost, campus.test, *.campus.test, 127.0.0.1, ::1");
    CHECK(step.text("cert.subject") == "CN=localhost");
    CHECK(step.text("cert.issuer") == "CN=Campus test authority");
    CHECK(step.text("cert.key") == "EC 256");
    CHECK(step.number("cert.chain") == 1);
    CHECK(step.text("tls.protocol") == "TLSv1.3");
    CHECK(step.text("tls.cipher").starts_with("TLS_"));
    CHECK(step.number("time.tls") > 0);
    CHECK(step.report.outputs.find("address") != nullptr);
}

TEST_CASE("tls.handshake: asked for by SMTP, IMAP and LDAP, of real servers") {
    Engine engine(trusting());
    const std::string with = "certificates=" + certificates();
    const CampusServer exim("exim", {with});
    const CampusServer dovecot("dovecot", {with});
    const CampusServer slapd("slapd", {with});
    const auto handshake = [&](const std::string& protocol, const CampusServer& server) {
        CAPTURE(protocol);
        const StepRun run =
            run_operation(engine, "tls.handshake",
                          {{"host", "127.0.0.1"}, {"port", std::int64_t(server.port())}, {"starttls", protocol}});
        CHECK(run.outcome.reason == "");
        CHECK(run.text("cert.names").starts_with("localhost, campus.test"));
        CHECK(run.text("tls.protocol") == "TLSv1.3");
    };
    handshake("smtp", exim);
    handshake("imap", dovecot);
    handshake("ldap", slapd);
    CHECK(told(engine, "tls.handshake", answers({"220 mail\r\n", "250 mail\r\n"}), {{"starttls", "smtp"}}) ==
          "failed: SMTP server SERVER does not offer STARTTLS, which this step asks for");
}

TEST_CASE("tls.handshake: an older protocol than is wanted fails, and says which") {
    Engine engine(trusting());
    const std::uint16_t tls_port = free_port();
    const CampusServer nginx(
        "nginx", {"tls_port=" + std::to_string(tls_port), "certificates=" + certificates(), "protocols=TLSv1.2"});
    Values values{{"host", "127.0.0.1"}, {"port", std::int64_t(tls_port)}};
    const StepRun good = run_operation(engine, "tls.handshake", values);
    CHECK(good.outcome.reason == "");
    CHECK(good.text("tls.protocol") == "TLSv1.2");
    values.emplace("min_protocol", "TLSv1.3");
    const StepRun bad = run_operation(engine, "tls.handshake", values);
    CHECK(bad.verdict() == "failed");
    CHECK(bad.outcome.reason == "127.0.0.1:" + std::to_string(tls_port) + " agreed on TLSv1.2, but TLSv1.3 is wanted");
}

TEST_CASE("tls.handshake: each bad certificate has its own reason, and its facts are told all the same") {
    Engine engine(trusting());
    CHECK(told(engine, "tls.handshake", showing("server")) == "ok: ");
    CHECK(
        told(engine, "tls.handshake", showing("expired")).starts_with("failed: the certificate of SERVER expired on "));
    CHECK(told(engine, "tls.handshake", showing("wrong-name")) ==
          "failed: the certificate of SERVER is for elsewhere.test, not for 127.0.0.1");
    CHECK(told(engine, "tls.handshake", showing("self-signed")) ==
          "failed: the certificate of SERVER is self-signed, not signed by a trusted authority");
    CHECK(told(engine, "tls.handshake", showing("wrong-name"), {{"server_name", "elsewhere.test"}}) == "ok: ");
    CHECK(told(engine, "tls.handshake", showing("expired"), {{"verify", false}}) == "ok: ");
    Engine trusting_nobody;
    CHECK(told(trusting_nobody, "tls.handshake", showing("server")) ==
          "failed: the certificate of SERVER is not signed by a trusted authority");

    const ScriptedServer server(showing("expired"));
    TestRun run(engine);
    run.wall_now = std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
    const StepRun step = run.step("tls.handshake", {{"host", "127.0.0.1"}, {"port", std::int64_t(server.port())}});
    CHECK(step.number("cert.days") <= -2);
    CHECK(step.text("cert.names").starts_with("localhost, campus.test"));
}

TEST_CASE("tls.handshake: what speaks no TLS, hangs up, resets or says nothing") {
    Engine engine(trusting());
    CHECK(told(engine, "tls.handshake", answers({"220 plain text\r\n"})) ==
          "failed: TLS handshake with SERVER failed: wrong version number");
    CHECK(told(engine, "tls.handshake", [](ScriptedConnection& connection) {
              connection.read_bytes(10);
              connection.reset();
          }) == "failed: TLS handshake with SERVER broken off: Connection reset by peer");
    CHECK(told(
              engine, "tls.handshake", [](ScriptedConnection& connection) { connection.hang(); }, {}, 2s) ==
          "timeout: SERVER did not finish the TLS handshake within 2 s");
    // Half a record, and no more.
    CHECK(told(engine, "tls.handshake", answers({std::string("\x16\x03\x03\x00\x50\x02\x00", 7)}), {}, 2s) ==
          "timeout: SERVER did not finish the TLS handshake within 2 s");
    const RefusingPort closed;
    const StepRun refused =
        run_operation(engine, "tls.handshake", {{"host", "127.0.0.1"}, {"port", std::int64_t(closed.port())}});
    CHECK(refused.outcome.reason == "connection to 127.0.0.1:" + std::to_string(closed.port()) + " refused");
}

}  // namespace slimtax::probes
