#include <doctest/doctest.h>

#include "tests/unit/probes/campus_server.hpp"
#include "tests/unit/probes/certificates.hpp"
#include "tests/unit/probes/scripted_server.hpp"
#include "tests/unit/probes/step_runner.hpp"

using namespace slimtax::probes;
using slimtax::schemas::Verdict;
using namespace std::chrono_literals;

namespace {

// One Prosody for all tests of this file: it starts in a second.
const CampusServer& prosody() {
    static const CampusServer server("prosody", {"certificates=" + certificates()});
    return server;
}

StepRunner::Values account(std::uint16_t port) {
    return {{"user", "u001@campus.test"},
            {"password", "pw-u001"},
            {"host", "127.0.0.1"},
            {"port", std::to_string(port)},
            {"ca_file", certificate("ca.pem")}};
}

StepRunner::Values with(StepRunner::Values values, const std::string& name, const std::string& value) {
    values[name] = value;
    return values;
}

Ran chat(StepRunner& runner, std::string_view step, const StepRunner::Values& values = {},
         std::chrono::milliseconds timeout = 20s) {
    return runner.run("xmpp." + std::string(step), values, timeout);
}

}  // namespace

TEST_CASE("a user logs in to Prosody, gets the buddy list and logs out") {
    StepRunner runner;
    const Ran login = chat(runner, "login", account(prosody().port()));
    CHECK(login.outcome.reason == "");
    REQUIRE(login.outcome.verdict == Verdict::ok);
    CHECK(login.text("jid").starts_with("u001@campus.test/"));
    for (const char* part : {"lookup", "connect", "open", "tls", "authenticate", "bind"}) {
        CAPTURE(part);
        CHECK(login.timing(part));
    }

    const Ran roster = chat(runner, "roster");
    REQUIRE(roster.outcome.verdict == Verdict::ok);
    CHECK(roster.number("items") == 12);
    CHECK(roster.number("login_to_list") > 0);
    CHECK(*roster.timing("login_to_list") > *login.timing("bind") + *login.timing("authenticate"));

    const Ran again = chat(runner, "roster");
    CHECK(again.number("items") == 12);

    const Ran logout = chat(runner, "logout");
    CHECK(logout.outcome.verdict == Verdict::ok);
    CHECK((login.said() + roster.said() + logout.said()).find("pw-u001") == std::string::npos);

    CHECK(chat(runner, "roster").outcome.reason ==
          "there is no XMPP session to ask for the buddy list: the login has not succeeded");
}

TEST_CASE("the resource that the user names is asked for") {
    StepRunner runner;
    const Ran login = chat(runner, "login", with(account(prosody().port()), "user", "u002@campus.test/probe-1"));
    CHECK(login.outcome.verdict == Verdict::failed);  // another user's password
    const Ran named = chat(runner, "login", with(account(prosody().port()), "user", "u001@campus.test/probe-1"));
    REQUIRE(named.outcome.reason == "");
    CHECK(named.text("jid") == "u001@campus.test/probe-1");
}

TEST_CASE("Prosody refuses a wrong password, and no password stands in what is said") {
    StepRunner runner;
    const Ran login = chat(runner, "login", with(account(prosody().port()), "password", "not-the-one"));
    CHECK(login.outcome.verdict == Verdict::failed);
    CHECK(login.outcome.reason.starts_with("XMPP login of u001@campus.test at 127.0.0.1:" + prosody().port_text() +
                                           " refused: not authorized"));
    CHECK(login.said().find("not-the-one") == std::string::npos);
    // A logout that always runs has nothing to do then.
    CHECK(chat(runner, "logout").outcome.verdict == Verdict::ok);
}

TEST_CASE("a certificate that does not fit ends the login before the password is sent") {
    for (const auto& [file, words] : std::vector<std::pair<std::string, std::string>>{
             {"expired", "expired on"}, {"wrong-name", "elsewhere.test"}, {"self-signed", "self-signed"}}) {
        CAPTURE(file);
        const CampusServer server("prosody", {"certificates=" + certificates(), "cert=" + file});
        StepRunner runner;
        const Ran login = chat(runner, "login", account(server.port()));
        CHECK(login.outcome.verdict == Verdict::failed);
        CHECK(login.outcome.reason.find(words) != std::string::npos);
        CHECK(login.outcome.reason.find("127.0.0.1:" + server.port_text()) != std::string::npos);
        CHECK(server.read("info.log").find("Authenticated") == std::string::npos);

        const Ran trusting = chat(runner, "login", with(account(server.port()), "verify", "false"));
        CHECK(trusting.outcome.verdict == Verdict::ok);
    }
}

TEST_CASE("without TLS the login works only where it is said to") {
    const CampusServer server("prosody", {"certificates=" + certificates(), "tls=optional"});
    StepRunner runner;
    const Ran none = chat(runner, "login", with(account(server.port()), "tls", "none"));
    CHECK(none.outcome.reason == "");
    CHECK_FALSE(none.timing("tls"));
    CHECK(chat(runner, "roster").number("items") == 12);
    const Ran optional = chat(runner, "login", with(account(server.port()), "tls", "optional"));
    CHECK(optional.outcome.reason == "");
    CHECK(optional.timing("tls"));
}

TEST_CASE("a server that hangs in mid-session is a time-out that tells what was waited for") {
    const CampusServer server("prosody", {"certificates=" + certificates()});
    StepRunner runner;
    REQUIRE(chat(runner, "login", account(server.port())).outcome.reason == "");
    server.freeze();
    const Ran roster = chat(runner, "roster", {}, 300ms);
    CHECK(roster.outcome.verdict == Verdict::timeout);
    CHECK(roster.outcome.reason ==
          "XMPP server 127.0.0.1:" + server.port_text() + " did not answer the roster request within 300 ms");
    const Ran logout = chat(runner, "logout", {}, 300ms);
    CHECK(logout.outcome.reason ==
          "XMPP server 127.0.0.1:" + server.port_text() + " did not close the stream within 300 ms");

    REQUIRE(chat(runner, "logout").outcome.verdict == Verdict::ok);
    server.thaw();
    REQUIRE(chat(runner, "login", account(server.port())).outcome.reason == "");
    server.freeze();
    REQUIRE(chat(runner, "roster", {}, 100ms).outcome.verdict == Verdict::timeout);
    server.thaw();
    // The late answer to the first request is not taken for the second one's.
    CHECK(chat(runner, "roster").number("items") == 12);
    CHECK(chat(runner, "logout").outcome.reason == "");
}

TEST_CASE("a message from one user of Prosody arrives at the other") {
    StepRunner runner;
    const StepRunner::Values reader{{"to", "u002@campus.test"}, {"password", "pw-u002"}};
    CHECK(chat(runner, "message", reader).outcome.reason ==
          "there is no XMPP session to write from: the login has not succeeded");
    REQUIRE(chat(runner, "login", account(prosody().port())).outcome.reason == "");
    for (int turn = 0; turn < 2; ++turn) {
        const Ran message = chat(runner, "message", reader);
        CHECK(message.outcome.reason == "");
        REQUIRE(message.timing("delivery"));
        REQUIRE(message.timing("reader_login"));
        CHECK(*message.timing("delivery") < *message.timing("reader_login"));
        CHECK(message.said().find("pw-u002") == std::string::npos);
    }
    const Ran wrong = chat(runner, "message", with(reader, "password", "not-the-one"));
    CHECK(wrong.outcome.verdict == Verdict::failed);
    CHECK(wrong.outcome.reason.starts_with("XMPP login of u002@campus.test at "));
    // The writer's session is as good as before.
    CHECK(chat(runner, "roster").number("items") == 12);
    CHECK(chat(runner, "message", with(reader, "to", "nobody")).outcome.verdict == Verdict::prober_fault);
    CHECK(chat(runner, "logout").outcome.reason == "");
}
