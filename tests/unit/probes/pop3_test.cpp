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

std::string login(ScriptedServer::Script script, Values values = {}, std::chrono::milliseconds patience = 20s) {
    Engine engine;
    values.merge(Values{{"user", "probe"}, {"password", test_secret}, {"tls", "none"}});
    return told(engine, "pop3.login", std::move(script), std::move(values), patience);
}

}  // namespace

TEST_CASE("pop3.login: a real server, in the clear, with STLS and with TLS from the first byte") {
    Engine engine(trusting());
    const std::uint16_t port = free_port();
    const std::uint16_t tls_port = free_port();
    const CampusServer dovecot("dovecot", {"pop3_port=" + std::to_string(port),
                                           "pop3s_port=" + std::to_string(tls_port), "certificates=" + certificates()});
    for (const std::string tls : {"none", "starttls", "implicit"}) {
        CAPTURE(tls);
        const StepRun run = run_operation(engine, "pop3.login",
                                          {{"host", "127.0.0.1"},
                                           {"port", std::int64_t(tls == "implicit" ? tls_port : port)},
                                           {"tls", tls},
                                           {"user", "u001"},
                                           {"password", "pw-u001"}});
        CHECK(run.outcome.reason == "");
        CHECK(run.has("messages"));
        CHECK(run.number("messages") == 0);
        CHECK(run.has("cert.days") == (tls != "none"));
        for (const char* stage : {"greeting", "authenticate", "status", "logout"}) {
            CHECK(run.number(std::string("time.") + stage) > 0);
        }
    }
    const StepRun refused = run_operation(engine, "pop3.login",
                                          {{"host", "127.0.0.1"},
                                           {"port", std::int64_t(port)},
                                           {"tls", "none"},
                                           {"user", "u001"},
                                           {"password", "wrong"}});
    CHECK(refused.verdict() == "failed");
    CHECK(refused.outcome.reason == "POP3 server 127.0.0.1:" + std::to_string(port) +
                                        " refused the log-in of u001: [AUTH] Authentication failed.");
}

TEST_CASE("pop3.login: what the script says is taken, and counted") {
    CHECK(login(answers({"+OK hi\r\n", "+OK\r\n", "+OK in\r\n", "+OK 3 1234\r\n", "+OK bye\r\n"})) == "ok: ");
    CHECK(login(answers({"+OK hi\r\n", "+OK\r\n", "+OK in\r\n", "+OK many\r\n"})) ==
          "failed: POP3 server SERVER answered STAT without two numbers: \"many\"");
    CHECK(login(answers({"+OK hi\r\n", "+OK\r\n", "+OK in\r\n", "+OK 3\r\n"})) ==
          "failed: POP3 server SERVER answered STAT without two numbers: \"3\"");
}

TEST_CASE("pop3.login: a server that refuses, lies, repeats the secret, floods, resets or goes away") {
    CHECK(login(answers({"-ERR [SYS/TEMP] busy\r\n"})) ==
          "failed: POP3 server SERVER refused the connection: [SYS/TEMP] busy");
    CHECK(login(answers({"* OK IMAP\r\n"})) ==
          "failed: POP3 server SERVER answered something that is not POP3: \"* OK IMAP\"");
    CHECK(login(answers({"+OK\r\n", "-ERR\r\n"})) ==
          "failed: POP3 server SERVER refused the log-in of probe without a reason");
    CHECK(login(answers({"+OK\r\n", "+OK\r\n", "-ERR " + test_secret + "?\r\n"})) ==
          "failed: POP3 server SERVER refused the log-in of probe: ***?");
    CHECK(login(answers({"+OK\r\n", "-ERR no TLS here\r\n"}), {{"tls", "starttls"}}) ==
          "failed: POP3 server SERVER does not start TLS (STLS), which this step asks for: no TLS here");
    CHECK(login(answers({"+OK\r\n", "+OK go\r\n+OK\r\n"}), {{"tls", "starttls"}}) ==
          "failed: POP3 server SERVER sent more in the clear after it had agreed to start TLS");
    CHECK(login(answers({"+OK\r\n", "+OK\r\n"}), {}, 2s) ==
          "timeout: POP3 server SERVER did not answer PASS within 2 s");
    CHECK(login(answers_and_closes({"+OK\r\n", "+O"})) ==
          "failed: POP3 server SERVER closed the connection and did not answer USER");
    CHECK(login([](ScriptedConnection& connection) {
              connection.send("+OK\r\n");
              connection.read_line();
              connection.reset();
          }) == "failed: connection to POP3 server SERVER broken: Connection reset by peer");
    CHECK(login([](ScriptedConnection& connection) {
              const std::string part(65536, 'x');
              while (connection.send(part)) {
              }
          }) == "failed: POP3 server SERVER sent a line longer than 8192 bytes");
    CHECK(login(answers({"+OK\r\n"}), {{"user", "a\r\nDELE 1"}}).starts_with("prober_fault: what is sent to "));
}

}  // namespace slimtax::probes
