#include <doctest/doctest.h>

#include <string>

#include "tests/unit/probes/campus_server.hpp"
#include "tests/unit/probes/certificates.hpp"
#include "tests/unit/probes/scripted_step.hpp"

namespace slimtax::probes {
namespace {

using namespace std::chrono_literals;

std::string login(ScriptedServer::Script script, Values values = {}, std::chrono::milliseconds patience = 20s) {
    Engine engine;
    values.merge(Values{{"nick", "probe"}});
    return told(engine, "irc.login", std::move(script), std::move(values), patience);
}

// Takes NICK and USER (and PASS), says `words`, and then goodbye after a QUIT.
ScriptedServer::Script after_user(std::string words) {
    return [words](ScriptedConnection& connection) {
        connection.read_until("USER ");
        connection.read_line();
        connection.send(words);
        connection.read_until("QUIT ");
        connection.send("ERROR :bye\r\n");
        connection.hang();
    };
}

}  // namespace

TEST_CASE("irc.login: a real server, with its password, in the clear and with TLS, also when the nick is taken") {
    EngineOptions options;
    options.ca_file = certificate("ca.pem");
    Engine engine(options);
    const std::uint16_t tls_port = free_port();
    const CampusServer server(
        "ngircd", {"tls_port=" + std::to_string(tls_port), "certificates=" + certificates(), "password=pw-irc"});
    for (const bool tls : {false, true}) {
        CAPTURE(tls);
        Values values{{"host", "127.0.0.1"},
                      {"port", std::int64_t(tls ? tls_port : server.port())},
                      {"tls", tls},
                      {"nick", "probe"},
                      {"password", "pw-irc"}};
        const StepRun run = run_operation(engine, "irc.login", values);
        CHECK(run.outcome.reason == "");
        CHECK(run.text("nick").starts_with("probe"));
        CHECK(run.text("server") == "irc.campus.test");
        CHECK(run.number("time.register") > 0);
        CHECK(run.number("time.logout") > 0);
        CHECK(run.has("cert.days") == tls);
    }
    Values values{
        {"host", "127.0.0.1"}, {"port", std::int64_t(server.port())}, {"nick", "probe"}, {"password", "wrong"}};
    const StepRun refused = run_operation(engine, "irc.login", values);
    CHECK(refused.verdict() == "failed");
    CHECK(refused.outcome.reason.starts_with("IRC server 127.0.0.1:" + server.port_text() +
                                             " refused the log-in of probe: "));
    CHECK(server.read("log").find("Got QUIT command") != std::string::npos);
}

TEST_CASE("irc.login: pings are answered, notices and tags passed over, taken nicks tried otherwise") {
    std::string pong;
    CHECK(login([&pong](ScriptedConnection& connection) {
              connection.send(":irc NOTICE * :Looking you up\r\nPING :cookie 42\r\n");
              connection.read_until("USER ");
              connection.read_line();
              pong = connection.read_line();
              connection.send("@time=now :irc 001 probe :Welcome\r\n");
              connection.read_line();
              connection.send(":irc NOTICE probe :statistics\r\nERROR :bye\r\n");
          }) == "ok: ");
    CHECK(pong == "PONG :cookie 42\r\n");

    std::string second;
    CHECK(login(
              [&second](ScriptedConnection& connection) {
                  connection.read_until("USER ");
                  connection.read_line();
                  connection.send(":irc 433 * probing-longer :Nickname is already in use\r\n");
                  second = connection.read_line();
                  connection.send(":irc 001 probing17 :Welcome\r\n");
                  connection.read_line();
              },
              {{"nick", "probing-longer"}}) == "ok: ");
    CHECK(second.starts_with("NICK probing"));
    CHECK(second.size() == std::string("NICK probing00\r\n").size());

    CHECK(login([](ScriptedConnection& connection) {
              connection.read_until("USER ");
              while (!connection.read_line().empty()) {
                  connection.send(":irc 433 * x :Nickname is already in use\r\n");
              }
          }) == "failed: IRC server SERVER refused the log-in of probe: Nickname is already in use");
}

TEST_CASE("irc.login: a server that refuses, lies, repeats the secret, floods, resets or goes away") {
    CHECK(login(after_user(":irc 001 probe :hi\r\n")) == "ok: ");
    CHECK(login(after_user(":irc 001\r\n")) == "ok: ");
    CHECK(login(after_user(":irc 464 * :" + test_secret + " is wrong\r\n"), {{"password", test_secret}}) ==
          "failed: IRC server SERVER refused the log-in of probe: *** is wrong");
    CHECK(login(after_user("ERROR :Closing link: banned\r\n")) ==
          "failed: IRC server SERVER refused the log-in of probe: Closing link: banned");
    CHECK(login(answers({""}), {}, 2s) == "timeout: IRC server SERVER did not welcome the user within 2 s");
    CHECK(login(after_user("HTTP/1.1 400\r\n \r\n:\r\n@\r\n: :\r\n"), {}, 2s) ==
          "timeout: IRC server SERVER did not welcome the user within 2 s");
    CHECK(login([](ScriptedConnection& connection) {
              connection.read_until("USER ");
              connection.read_line();
              connection.send(":irc 00");
          }) == "failed: IRC server SERVER closed the connection and did not welcome the user");
    CHECK(login([](ScriptedConnection& connection) {
              connection.read_until("USER ");
              connection.read_line();
              connection.reset();
          }) == "failed: connection to IRC server SERVER broken: Connection reset by peer");
    CHECK(login([](ScriptedConnection& connection) {
              const std::string part(65536, 'x');
              while (connection.send(part)) {
              }
          }) == "failed: IRC server SERVER sent a line longer than 8192 bytes");
    CHECK(login([](ScriptedConnection& connection) {
              while (connection.send(":irc NOTICE * :still looking you up\r\n")) {
              }
          }) == "failed: IRC server SERVER sent more than 1048576 bytes");
    CHECK(login(answers({""}), {{"nick", "a\r\nQUIT"}}).starts_with("prober_fault: "));
}

}  // namespace slimtax::probes
