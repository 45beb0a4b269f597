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
    Engine engine(trusting());
    values.merge(Values{{"user", "probe"}, {"password", test_secret}, {"tls", "none"}});
    return told(engine, "smtp.login", std::move(script), std::move(values), patience);
}

const std::string offer = "250-mail\r\n250-AUTH PLAIN LOGIN\r\n250 STARTTLS\r\n";

}  // namespace

TEST_CASE("smtp.login: a real server, in the clear, with STARTTLS and with TLS from the first byte") {
    Engine engine(trusting());
    const std::uint16_t tls_port = free_port();
    const CampusServer exim("exim", {"tls_port=" + std::to_string(tls_port), "certificates=" + certificates()});
    for (const std::string tls : {"none", "starttls", "implicit"}) {
        CAPTURE(tls);
        const StepRun run = run_operation(engine, "smtp.login",
                                          {{"host", "127.0.0.1"},
                                           {"port", std::int64_t(tls == "implicit" ? tls_port : exim.port())},
                                           {"tls", tls},
                                           {"user", "u001"},
                                           {"password", "pw-u001"}});
        CHECK(run.outcome.reason == "");
        CHECK(run.has("cert.days") == (tls != "none"));
        for (const char* stage : {"greeting", "authenticate", "logout"}) {
            CHECK(run.number(std::string("time.") + stage) > 0);
        }
    }
    const StepRun refused = run_operation(engine, "smtp.login",
                                          {{"host", "127.0.0.1"},
                                           {"port", std::int64_t(exim.port())},
                                           {"tls", "none"},
                                           {"user", "u001"},
                                           {"password", "wrong"}});
    CHECK(refused.verdict() == "failed");
    CHECK(refused.outcome.reason == "SMTP server 127.0.0.1:" + exim.port_text() +
                                        " refused the log-in of u001: 535 Incorrect authentication data");
}

TEST_CASE("smtp.login: each way to log in that a server may offer") {
    CHECK(login(answers({"220-hello\r\n220 mail\r\n", offer, "235 in\r\n", "221 bye\r\n"})) == "ok: ");
    std::string user;
    std::string password;
    CHECK(login([&](ScriptedConnection& connection) {
              connection.send("220 mail\r\n");
              connection.read_line();
              connection.send("250-mail\r\n250 auth=login\r\n");
              connection.read_line();
              connection.send("334 VXNlcm5hbWU6\r\n");
              user = connection.read_line();
              connection.send("334 UGFzc3dvcmQ6\r\n");
              password = connection.read_line();
              connection.send("235 in\r\n");
              connection.read_line();
              connection.send("221 bye\r\n");
          }) == "ok: ");
    CHECK(user == "cHJvYmU=\r\n");
    CHECK(password == "aHVudGVyMi1zZWNyZXQ=\r\n");
    CHECK(
        login(answers({"220 mail\r\n", "250 mail\r\n"})) ==
        "failed: SMTP server SERVER offers no log-in by password (AUTH PLAIN or LOGIN) without TLS: the step may need "
        "tls = \"starttls\" or \"implicit\", or another port");
    CHECK(login(answers({"220 mail\r\n", "250-mail\r\n250 AUTH GSSAPI PLAINER\r\n"}))
              .starts_with("failed: SMTP server SERVER offers no log-in by password"));
}

TEST_CASE("smtp.login: STARTTLS that is not offered, refused, or followed by words in the clear") {
    const Values tls{{"tls", "starttls"}};
    CHECK(login(answers({"220 mail\r\n", "250 mail\r\n"}), tls) ==
          "failed: SMTP server SERVER does not offer STARTTLS, which this step asks for");
    CHECK(login(answers({"220 mail\r\n", offer, "454 no key\r\n"}), tls) ==
          "failed: SMTP server SERVER refused STARTTLS: 454 no key");
    CHECK(login(answers({"220 mail\r\n", offer, "220 go\r\n235 in\r\n"}), tls) ==
          "failed: SMTP server SERVER sent more in the clear after it had agreed to start TLS");
    CHECK(login(
              [](ScriptedConnection& connection) {
                  connection.send("220 mail\r\n");
                  connection.read_line();
                  connection.send(offer);
                  connection.read_line();
                  connection.send("220 go\r\n");
                  if (connection.start_tls(certificate("server.pem"), certificate("server.key"))) {
                      connection.read_line();
                      connection.send("250 mail\r\n");
                      connection.hang();
                  }
              },
              tls) == "failed: SMTP server SERVER offers no log-in by password (AUTH PLAIN or LOGIN)");
}

TEST_CASE("smtp.login: a server that refuses, lies, repeats the secret, floods, resets or goes away") {
    CHECK(login(answers({"554 go away\r\n"})) == "failed: SMTP server SERVER refused the connection: 554 go away");
    CHECK(login(answers({"* OK IMAP\r\n"})) ==
          "failed: SMTP server SERVER answered something that is not SMTP: \"* OK IMAP\"");
    CHECK(login(answers({"220-a\r\n250 b\r\n"})) ==
          "failed: SMTP server SERVER answered something that is not SMTP: \"250 b\"");
    CHECK(login(answers({"22\r\n"})) == "failed: SMTP server SERVER answered something that is not SMTP: \"22\"");
    CHECK(login(answers({"220\r\n", "502 what?\r\n"})) == "failed: SMTP server SERVER refused EHLO: 502 what?");
    CHECK(login(answers({"220 mail\r\n", offer, "535 not " + test_secret + "\r\n"})) ==
          "failed: SMTP server SERVER refused the log-in of probe: 535 not ***");
    CHECK(login(answers({"220 mail\r\n", offer}), {}, 2s) ==
          "timeout: SMTP server SERVER did not answer AUTH within 2 s");
    CHECK(login(answers_and_closes({"220 mail\r\n", "250-mail\r\n"})) ==
          "failed: SMTP server SERVER closed the connection and did not answer EHLO");
    CHECK(login([](ScriptedConnection& connection) {
              connection.send("220 mail\r\n");
              connection.read_line();
              connection.reset();
          }) == "failed: connection to SMTP server SERVER broken: Connection reset by peer");
    CHECK(login([](ScriptedConnection& connection) {
              while (connection.send("220-and\r\n220-on\r\n")) {
              }
          }) == "failed: SMTP server SERVER sent an answer that does not end");
    CHECK(login([](ScriptedConnection& connection) {
              const std::string part(65536, 'x');
              while (connection.send(part)) {
              }
          }) == "failed: SMTP server SERVER sent a line longer than 8192 bytes");
}

}  // namespace slimtax::probes
