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
    return told(engine, "ftp.login", std::move(script), std::move(values), patience);
}

}  // namespace

TEST_CASE("ftp.login: a real server, in the clear, with AUTH TLS and with TLS from the first byte") {
    Engine engine(trusting());
    const std::uint16_t tls_port = free_port();
    const CampusServer server("proftpd", {"tls_port=" + std::to_string(tls_port), "certificates=" + certificates()});
    for (const std::string tls : {"none", "starttls", "implicit"}) {
        CAPTURE(tls);
        const StepRun run = run_operation(engine, "ftp.login",
                                          {{"host", "127.0.0.1"},
                                           {"port", std::int64_t(tls == "implicit" ? tls_port : server.port())},
                                           {"tls", tls},
                                           {"user", "u001"},
                                           {"password", "pw-u001"}});
        CHECK(run.outcome.reason == "");
        CHECK(run.text("directory") == "/");
        CHECK(run.has("cert.days") == (tls != "none"));
        for (const char* stage : {"greeting", "authenticate", "directory", "logout"}) {
            CHECK(run.number(std::string("time.") + stage) > 0);
        }
    }
    const StepRun refused = run_operation(engine, "ftp.login",
                                          {{"host", "127.0.0.1"},
                                           {"port", std::int64_t(server.port())},
                                           {"tls", "none"},
                                           {"user", "u001"},
                                           {"password", "wrong"}});
    CHECK(refused.verdict() == "failed");
    CHECK(refused.outcome.reason ==
          "FTP server 127.0.0.1:" + server.port_text() + " refused the log-in of u001: 530 Login incorrect.");
}

TEST_CASE("ftp.login: greetings of many lines, no password asked for, quotation marks in a directory") {
    CHECK(login(answers({"220-Welcome\r\nto the server\r\n 220 inside\r\n220 ready\r\n", "230 no password needed\r\n",
                         "257 \"/\"\r\n", "221 bye\r\n"})) == "ok: ");
    Engine engine;
    const ScriptedServer server(
        answers({"220 ready\r\n", "331 now\r\n", "230 in\r\n", "257 \"/a \"\"b\"\" c\" is it\r\n", "221 bye\r\n"}));
    const StepRun run = run_operation(engine, "ftp.login",
                                      {{"host", "127.0.0.1"},
                                       {"port", std::int64_t(server.port())},
                                       {"tls", "none"},
                                       {"user", "probe"},
                                       {"password", "pw"}});
    CHECK(run.outcome.reason == "");
    CHECK(run.text("directory") == "/a \"b\" c");
    for (const std::string odd : {"257 \r\n", "257 \"\r\n", "257 \"/x\r\n", "257 none\r\n", "257 \"\"\r\n"}) {
        CHECK(login(answers({"220 ready\r\n", "230 in\r\n", odd, "221 bye\r\n"})) == "ok: ");
    }
}

TEST_CASE("ftp.login: a server that refuses, lies, repeats the secret, floods, resets or goes away") {
    CHECK(login(answers({"421 too many users\r\n"})) ==
          "failed: FTP server SERVER refused the connection: 421 too many users");
    CHECK(login(answers({"SSH-2.0-OpenSSH\r\n"})) ==
          "failed: FTP server SERVER answered something that is not FTP: \"SSH-2.0-OpenSSH\"");
    CHECK(login(answers({"220 hi\r\n", "331 and?\r\n", "530 not with " + test_secret + "\r\n"})) ==
          "failed: FTP server SERVER refused the log-in of probe: 530 not with ***");
    CHECK(login(answers({"220 hi\r\n", "332 account?\r\n"})) ==
          "failed: FTP server SERVER wants an account (ACCT) beside user and password");
    CHECK(login(answers({"220 hi\r\n", "230 in\r\n", "550 lost\r\n"})) ==
          "failed: FTP server SERVER refused to tell the directory (PWD): 550 lost");
    CHECK(login(answers({"220 hi\r\n", "502 what?\r\n"}), {{"tls", "starttls"}}) ==
          "failed: FTP server SERVER refused TLS, which this step asks for: 502 what?");
    CHECK(login(answers({"220 hi\r\n", "234 go\r\n230 in\r\n"}), {{"tls", "starttls"}}) ==
          "failed: FTP server SERVER sent more in the clear after it had agreed to start TLS");
    CHECK(login(answers({"220 hi\r\n", "331 and?\r\n"}), {}, 2s) ==
          "timeout: FTP server SERVER did not answer PASS within 2 s");
    CHECK(login(answers_and_closes({"220-hi\r\n"})) ==
          "failed: FTP server SERVER closed the connection and did not send its greeting");
    CHECK(login([](ScriptedConnection& connection) {
              connection.send("220 hi\r\n");
              connection.read_line();
              connection.reset();
          }) == "failed: connection to FTP server SERVER broken: Connection reset by peer");
    CHECK(login([](ScriptedConnection& connection) {
              connection.send("220-hi\r\n");
              while (connection.send("and more\r\n")) {
              }
          }) == "failed: FTP server SERVER sent an answer that does not end");
    CHECK(login([](ScriptedConnection& connection) {
              const std::string part(65536, 'x');
              while (connection.send(part)) {
              }
          }) == "failed: FTP server SERVER sent a line longer than 8192 bytes");
}

}  // namespace slimtax::probes
