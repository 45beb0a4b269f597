#include "probes/imap_client.hpp"

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

Values as(const std::string& user, const std::string& password, const std::string& tls = "none") {
    return {{"host", "127.0.0.1"}, {"user", user}, {"password", password}, {"tls", tls}};
}

// A step without TLS against a script, as a user with the test's secret.
std::string login(ScriptedServer::Script script, Values values = {}, std::chrono::milliseconds patience = 20s) {
    Engine engine(trusting());
    values.merge(as("probe", test_secret));
    return told(engine, "imap.login", std::move(script), std::move(values), patience);
}

const std::string greeting = "* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] ready\r\n";
const std::string plain_greeting = "* OK [CAPABILITY IMAP4rev1] ready\r\n";

}  // namespace

TEST_CASE("imap.login: a real server, in the clear, with STARTTLS and with TLS from the first byte") {
    Engine engine(trusting());
    const std::uint16_t tls_port = free_port();
    const CampusServer dovecot("dovecot", {"tls_port=" + std::to_string(tls_port), "certificates=" + certificates()});
    for (const std::string tls : {"none", "starttls", "implicit"}) {
        CAPTURE(tls);
        Values values = as("u001", "pw-u001", tls);
        values.emplace("port", std::int64_t(tls == "implicit" ? tls_port : dovecot.port()));
        const StepRun run = run_operation(engine, "imap.login", values);
        CHECK(run.outcome.reason == "");
        CHECK(run.has("messages"));
        CHECK(run.number("messages") == 0);
        CHECK(run.number("unseen") == 0);
        CHECK(run.has("cert.days") == (tls != "none"));
        CHECK(run.has("time.tls") == (tls != "none"));
        for (const char* stage : {"greeting", "authenticate", "inbox", "logout"}) {
            CHECK(run.number(std::string("time.") + stage) > 0);
        }
    }
    CHECK(dovecot.read("log").find("Disconnected: Logged out") != std::string::npos);

    Values values = as("u001", "wrong");
    values.emplace("port", std::int64_t(dovecot.port()));
    const StepRun refused = run_operation(engine, "imap.login", values);
    CHECK(refused.verdict() == "failed");
    CHECK(refused.outcome.reason == "IMAP server 127.0.0.1:" + dovecot.port_text() +
                                        " refused the log-in of u001: [AUTHENTICATIONFAILED] Authentication failed.");
    dovecot.freeze();
    const StepRun frozen = run_operation(engine, "imap.login", values, 2s);
    CHECK(frozen.verdict() == "timeout");
    CHECK(frozen.outcome.reason ==
          "IMAP server 127.0.0.1:" + dovecot.port_text() + " did not send its greeting within 2 s");
}

TEST_CASE("imap.login: the messages of the inbox are counted") {
    CHECK(login(answers({greeting, "s1 OK in\r\n", "* STATUS \"INBOX\" (MESSAGES 12 UNSEEN 3)\r\ns2 OK\r\n",
                         "* BYE\r\ns3 OK\r\n"})) == "ok: ");
    const ScriptedServer server(answers({greeting, "s1 OK in\r\n",
                                         "* STATUS {5}\r\nINBOX (MESSAGES 12 UNSEEN 3)\r\n"
                                         "* 1 EXISTS\r\ns2 OK\r\n",
                                         "* BYE\r\ns3 OK\r\n"}));
    Engine engine;
    Values values = as("probe", "pw");
    values.emplace("port", std::int64_t(server.port()));
    const StepRun run = run_operation(engine, "imap.login", values);
    CHECK(run.outcome.reason == "");
    CHECK(run.number("messages") == 12);
    CHECK(run.number("unseen") == 3);
    CHECK(number_after("MESSAGES x", "MESSAGES") == -1);
    CHECK(number_after("MESSAGES", "MESSAGES") == -1);
    CHECK(login(answers({greeting, "s1 OK in\r\n", "s2 OK nothing\r\n"})) ==
          "failed: IMAP server SERVER did not tell how many messages are in the inbox");
    CHECK(login(answers({greeting, "s1 OK in\r\n", "s2 NO [SERVERBUG] broken index\r\n"})) ==
          "failed: IMAP server SERVER refused STATUS INBOX: [SERVERBUG] broken index");
    CHECK(login(answers({greeting, "s1 OK in\r\n", "* BYE\r\ns2 OK\r\n"}), {{"inbox", false}}) == "ok: ");
}

TEST_CASE("imap.login: each way to log in that a server may offer") {
    // No initial response: the server asks for it.
    CHECK(login(answers(
                    {"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] hi\r\n", "+ \r\n", "s1 OK in\r\n", "* BYE\r\ns2 OK\r\n"}),
                {{"inbox", false}}) == "ok: ");
    CHECK(login(answers({"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] hi\r\n", "s1 NO not today\r\n"})) ==
          "failed: IMAP server SERVER refused the log-in of probe: NO not today");
    // LOGIN, with what its quoted strings need; capabilities asked for.
    std::string seen;
    CHECK(login(
              [&seen](ScriptedConnection& connection) {
                  connection.send("* OK hi\r\n");
                  connection.read_line();
                  connection.send("* CAPABILITY IMAP4rev1\r\ns1 OK\r\n");
                  seen = connection.read_line();
                  connection.send("s2 OK in\r\n");
                  connection.read_line();
                  connection.send("* BYE\r\ns3 OK\r\n");
              },
              {{"inbox", false}, {"user", "the \"probe\\\""}, {"password", "pass word"}}) == "ok: ");
    CHECK(seen == "s2 LOGIN \"the \\\"probe\\\\\\\"\" \"pass word\"\r\n");
    CHECK(login(answers({plain_greeting}), {{"password", "pässword"}}).starts_with("prober_fault: "));
    CHECK(login(answers({plain_greeting}), {{"password", "a\r\nb"}}).starts_with("prober_fault: "));
    CHECK(login(answers({"* OK [CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED] hi\r\n"})) ==
          "failed: IMAP server SERVER takes no password without TLS (LOGINDISABLED): the step needs tls = \"starttls\" "
          "or \"implicit\"");
    CHECK(login(answers({"* PREAUTH [CAPABILITY IMAP4rev1] hi\r\n"}))
              .starts_with("failed: IMAP server SERVER says that we are logged in already (PREAUTH)"));
}

TEST_CASE("imap.login: STARTTLS that is not offered, refused, broken, or followed by words in the clear") {
    const Values tls{{"tls", "starttls"}};
    CHECK(login(answers({plain_greeting}), tls) ==
          "failed: IMAP server SERVER does not offer STARTTLS, which this step asks for");
    const std::string offer = "* OK [CAPABILITY IMAP4rev1 STARTTLS] hi\r\n";
    CHECK(login(answers({offer, "s1 BAD not now\r\n"}), tls) == "failed: IMAP server SERVER refused STARTTLS: not now");
    CHECK(login(answers({offer, "s1 OK go\r\ns2 OK you are in\r\n"}), tls) ==
          "failed: IMAP server SERVER sent more in the clear after it had agreed to start TLS");
    CHECK(login(answers({offer, "s1 OK go\r\n"}), tls, 2s) ==
          "timeout: IMAP server SERVER did not finish the TLS handshake within 2 s");
    CHECK(login(
              [](ScriptedConnection& connection) {
                  connection.send("* OK [CAPABILITY IMAP4rev1 STARTTLS] hi\r\n");
                  connection.read_line();
                  connection.send("s1 OK go\r\n");
                  connection.start_tls(certificate("expired.pem"), certificate("expired.key"));
              },
              tls)
              .starts_with("failed: the certificate of IMAP server SERVER expired on "));
}

TEST_CASE("imap.login: a server that refuses, lies, repeats the secret, floods, resets or goes away") {
    CHECK(login(answers({"* BYE too many connections\r\n"})) ==
          "failed: IMAP server SERVER refused the connection: too many connections");
    CHECK(login(answers({"220 mail ESMTP\r\n"})) ==
          "failed: IMAP server SERVER greeted with something that is not IMAP: \"220 mail ESMTP\"");
    CHECK(login(answers_and_closes({})) ==
          "failed: IMAP server SERVER closed the connection and did not send its greeting");
    CHECK(login(answers_and_closes({"* OK half"})) ==
          "failed: IMAP server SERVER closed the connection and did not send its greeting");
    CHECK(login(answers({greeting, "s1 NO no user with " + test_secret + "\r\n"})) ==
          "failed: IMAP server SERVER refused the log-in of probe: no user with ***");
    CHECK(login(answers({greeting, "* BYE shutting down\r\n"})) ==
          "failed: IMAP server SERVER ended the session instead of answering AUTHENTICATE: shutting down");
    CHECK(login(answers({greeting, "s9 OK what?\r\n"})) ==
          "failed: IMAP server SERVER answered AUTHENTICATE with something that is not IMAP: \"s9 OK what?\"");
    CHECK(login(answers({greeting}), {}, 2s) == "timeout: IMAP server SERVER did not answer AUTHENTICATE within 2 s");
    CHECK(login(answers_and_closes({greeting, "s1 OK in\r\n", "* STATUS INB"})) ==
          "failed: IMAP server SERVER closed the connection and did not answer STATUS INBOX");
    CHECK(login(answers({greeting, "s1 OK in\r\n", "* STATUS {99999999999}\r\n"})) ==
          "failed: IMAP server SERVER announced a text of 99999999999 bytes");
    CHECK(login([](ScriptedConnection& connection) {
              connection.send(greeting);
              connection.read_line();
              connection.reset();
          }) == "failed: connection to IMAP server SERVER broken: Connection reset by peer");
    CHECK(login([](ScriptedConnection& connection) {
              const std::string part(65536, 'x');
              while (connection.send(part)) {
              }
          }) == "failed: IMAP server SERVER sent a line longer than 65536 bytes");
    CHECK(login([](ScriptedConnection& connection) {
              connection.send(greeting);
              const std::string line = "* OK " + std::string(8000, '.') + "\r\n";  // soon there on a busy machine too
              while (connection.send(line)) {
              }
          }) == "failed: IMAP server SERVER sent more than 4194304 bytes");
}

}  // namespace slimtax::probes
