#include <doctest/doctest.h>

#include <cstdlib>

#include "tests/unit/probes/certificates.hpp"
#include "tests/unit/probes/postgres_server.hpp"
#include "tests/unit/probes/scripted_server.hpp"
#include "tests/unit/probes/step_runner.hpp"

using namespace slimtax::probes;
using namespace std::chrono_literals;
using namespace std::string_literals;
using slimtax::schemas::Verdict;

namespace {

// One PostgreSQL for all tests of this file that do not harm it.
const CampusServer& database() {
    static const PostgresServer one({"certificates=" + certificates()});
    return one;
}

StepRunner::Values account(const CampusServer& server, const std::string& user = "u001") {
    return {{"host", "127.0.0.1"},      {"port", server.port_text()}, {"user", user},
            {"password", "pw-" + user}, {"database", "campus"},       {"ca_file", certificate("ca.pem")}};
}

Ran ask(const std::string& query, StepRunner::Values more = {}) {
    StepRunner runner;
    more.insert({"query", query});
    more.merge(account(database()));
    return runner.run("postgres.query", more);
}

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

std::string named(std::uint16_t port) {
    return "PostgreSQL server 127.0.0.1:" + std::to_string(port);
}

Ran log_in_at(std::uint16_t port, std::chrono::milliseconds timeout = 20s, const std::string& tls = "none") {
    StepRunner runner;
    return runner.run("postgres.login",
                      {{"host", "127.0.0.1"},
                       {"port", std::to_string(port)},
                       {"user", "probe"},
                       {"tls", tls},
                       {"password", "secret-word"},
                       {"ca_file", certificate("ca.pem")}},
                      timeout);
}

/// A message of the protocol: its kind, its length, its content.
std::string message(char kind, const std::string& content) {
    const std::size_t length = content.size() + 4;
    std::string bytes(1, kind);
    for (int shift = 24; shift >= 0; shift -= 8) {
        bytes += static_cast<char>(length >> shift & 0xFF);
    }
    return bytes + content;
}

/// Reads a client's first message, which has no kind.
void read_startup(ScriptedConnection& client) {
    const std::string size = client.read_bytes(4);
    if (size.size() == 4) {
        client.read_bytes(
            static_cast<std::size_t>(static_cast<unsigned char>(size[2]) << 8 | static_cast<unsigned char>(size[3])) -
            4);
    }
}

const std::string authentication_ok = message('R', std::string(4, '\0'));
const std::string ready = message('Z', "I");

}  // namespace

TEST_CASE("postgres.login: in the clear and by TLS, with each kind of password") {
    for (const std::string user : {"u001", "md5", "plain"}) {
        for (const std::string tls : {"none", "starttls"}) {
            CAPTURE(user);
            CAPTURE(tls);
            StepRunner runner;
            StepRunner::Values values = account(database(), user);
            values["tls"] = tls;
            const Ran ran = runner.run("postgres.login", values);
            CHECK(ran.outcome.reason == "");
            REQUIRE(ran.outcome.verdict == Verdict::ok);
            CHECK(ran.timing("lookup"));
            CHECK(ran.timing("connect"));
            CHECK(ran.timing("login"));
            CHECK(ran.timing("tls").has_value() == (tls == "starttls"));
            CHECK(ran.number("version") > 9);
            CHECK(ran.text("release").starts_with(std::to_string(static_cast<int>(ran.number("version"))) + "."));
            CHECK_FALSE(has(ran.said(), "pw-"));
            if (tls == "starttls") {
                CHECK(ran.number("cert.days") > 0);
            }
        }
    }
}

TEST_CASE("postgres.login: what the server refuses is told in its words") {
    StepRunner runner;
    StepRunner::Values values = account(database());
    values["password"] = "wrong-word";
    const Ran wrong = runner.run("postgres.login", values);
    CHECK(wrong.outcome.verdict == Verdict::failed);
    CHECK(wrong.outcome.reason ==
          named(database().port()) + " refused the log-in of u001: password authentication failed for user \"u001\"");
    CHECK_FALSE(has(wrong.said(), "wrong-word"));
    values = account(database());
    values["database"] = "none";
    CHECK(runner.run("postgres.login", values).outcome.reason ==
          named(database().port()) + " refused the log-in of u001: database \"none\" does not exist");
}

TEST_CASE("postgres.login: a certificate that does not hold is told as for every protocol, and may be let pass") {
    const PostgresServer wrong({"certificates=" + certificates(), "cert=wrong-name"});
    StepRunner runner;
    StepRunner::Values values = account(wrong);
    values["tls"] = "starttls";
    const Ran ran = runner.run("postgres.login", values);
    CHECK(ran.outcome.verdict == Verdict::failed);
    CHECK(ran.outcome.reason ==
          "the certificate of 127.0.0.1:" + wrong.port_text() + " is for elsewhere.test, not for 127.0.0.1");
    values["server_name"] = "elsewhere.test";
    CHECK(runner.run("postgres.login", values).outcome.reason == "");
    values.erase("server_name");
    values["verify"] = "false";
    CHECK(runner.run("postgres.login", values).outcome.reason == "");
    values["verify"] = "true";
    values["ca_file"] = "/no/such.pem";
    CHECK(runner.run("postgres.login", values).outcome.verdict == Verdict::prober_fault);

    const PostgresServer plain;
    values = account(plain);
    values["tls"] = "starttls";
    CHECK(runner.run("postgres.login", values).outcome.reason == named(plain.port()) + " does not offer TLS");
}

TEST_CASE("postgres.query: rows and values, on the log-in's connection or on one of its own") {
    const Ran own = ask("SELECT count(*), 'x' FROM loans");
    CHECK(own.outcome.reason == "");
    CHECK(own.number("rows") == 1);
    CHECK(own.text("value") == "3000");
    CHECK(own.text("values") == "3000\nx");
    CHECK(own.text("command") == "SELECT 1");
    CHECK(own.timing("query"));
    CHECK(own.timing("connect"));

    StepRunner runner;
    StepRunner::Values values = account(database());
    CHECK(runner.run("postgres.login", values).outcome.reason == "");
    values["query"] = "SELECT NULL";
    const Ran again = runner.run("postgres.query", values);
    CHECK(again.outcome.reason == "");
    CHECK(again.text("value") == "");
    CHECK_FALSE(again.timing("connect"));
    values["query"] = "SELECT 1 FROM nothing";
    const Ran refused = runner.run("postgres.query", values);
    CHECK(refused.outcome.verdict == Verdict::failed);
    CHECK(refused.outcome.reason ==
          named(database().port()) + " refused the query: relation \"nothing\" does not exist (42P01)");
    values["query"] = "SELECT 2";
    CHECK(runner.run("postgres.query", values).text("value") == "2");
}

TEST_CASE("postgres.query: it reads only, unless it is told to write") {
    const std::string insert = "INSERT INTO loans VALUES (100001)";
    const Ran denied = ask(insert);
    CHECK(denied.outcome.verdict == Verdict::failed);
    CHECK(has(denied.outcome.reason, "cannot execute INSERT in a read-only transaction"));
    const Ran written = ask(insert, {{"write", "true"}});
    CHECK(written.outcome.reason == "");
    CHECK(written.text("command") == "INSERT 0 1");
    CHECK(ask("SELECT count(*) FROM loans WHERE id = 100001").text("value") == "1");
}

TEST_CASE("postgres.query: one statement, and no copy") {
    const Ran two = ask("SELECT 1; SELECT 2");
    CHECK(two.outcome.verdict == Verdict::failed);
    CHECK(has(two.outcome.reason, "cannot insert multiple commands"));
    const Ran copy = ask("COPY loans TO STDOUT");
    CHECK(copy.outcome.verdict == Verdict::failed);
    CHECK(has(copy.outcome.reason, "by a copy, which a query cannot take"));
    CHECK(ask("").outcome.verdict != Verdict::ok);
}

TEST_CASE("postgres.query: more rows than the limit are not read, nor a row that is too large") {
    const Ran rows = ask("SELECT generate_series(1, 100000000)", {{"limit", "10"}});
    CHECK(rows.outcome.reason == "");
    CHECK(rows.number("rows") == 10);
    CHECK(rows.flag("truncated"));
    const Ran large = ask("SELECT repeat('x', 200000000)");
    CHECK(large.outcome.verdict == Verdict::failed);
    CHECK(has(large.outcome.reason, "sent a row of more than 16 MB"));
    const Ran wide = ask("SELECT repeat('x', 1000000)");
    CHECK(wide.text("value").size() == 65536);
}

TEST_CASE("postgres.query: a slow query ends at the deadline, in the server too") {
    StepRunner runner;
    StepRunner::Values values = account(database());
    values["query"] = "SELECT pg_sleep(100), 'slow-one'";
    const Ran slow = runner.run("postgres.query", values, 1500ms);
    CHECK(slow.outcome.verdict == Verdict::timeout);
    CHECK(has(slow.outcome.reason, named(database().port()) + " did not "));
    // However loaded the machine: it goes away, long before its hundred seconds are over.
    std::string left = "1";
    for (int i = 0; i < 200 && left != "0"; ++i) {
        left = ask("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%slow-one%' AND pid <> pg_backend_pid()")
                   .text("value");
    }
    CHECK(left == "0");
}

TEST_CASE("postgres.login: nobody there, nobody accepting, and a server that stopped are told apart") {
    const RefusingPort closed;
    const Ran refused = log_in_at(closed.port());
    CHECK(refused.outcome.verdict == Verdict::failed);
    CHECK(refused.outcome.reason == "connection to 127.0.0.1:" + std::to_string(closed.port()) + " refused");
    const DeafPort deaf;
    const Ran unheard = log_in_at(deaf.port(), 300ms);
    CHECK(unheard.outcome.verdict == Verdict::timeout);
    CHECK(unheard.outcome.reason == "connection to 127.0.0.1:" + std::to_string(deaf.port()) + " timed out");
    const ScriptedServer silent([](ScriptedConnection& client) { client.hang(); });
    CHECK(log_in_at(silent.port(), 300ms).outcome.reason ==
          named(silent.port()) + " did not answer the log-in within 300 ms");
    CHECK(log_in_at(silent.port(), 300ms, "starttls").outcome.reason ==
          named(silent.port()) + " did not finish the TLS handshake within 300 ms");
}

TEST_CASE("postgres.login: a server that lies, breaks off or resets") {
    const ScriptedServer closing([](ScriptedConnection& client) {
        read_startup(client);
        client.close();
    });
    const Ran closed = log_in_at(closing.port());
    CHECK(closed.outcome.verdict == Verdict::failed);
    CHECK(closed.outcome.reason == named(closing.port()) + " closed the connection during the log-in");
    const ScriptedServer resetting([](ScriptedConnection& client) {
        read_startup(client);
        client.reset();
    });
    CHECK(log_in_at(resetting.port()).outcome.reason ==
          named(resetting.port()) + " closed the connection during the log-in");
    const ScriptedServer other([](ScriptedConnection& client) {
        client.send("220 mail.campus.test ESMTP\r\n");
        client.hang();
    });
    const Ran smtp = log_in_at(other.port());
    CHECK(smtp.outcome.verdict == Verdict::failed);
    CHECK(has(smtp.outcome.reason, named(other.port()) + " could not be logged in to: "));
    const ScriptedServer no_tls([](ScriptedConnection& client) {
        read_startup(client);
        client.send("N");
        client.hang();
    });
    CHECK(log_in_at(no_tls.port(), 20s, "starttls").outcome.reason == named(no_tls.port()) + " does not offer TLS");
    const ScriptedServer half_tls([](ScriptedConnection& client) {
        read_startup(client);
        client.send("S");
        client.close();
    });
    CHECK(log_in_at(half_tls.port(), 20s, "starttls").outcome.verdict == Verdict::failed);
    const ScriptedServer fatal([](ScriptedConnection& client) {
        read_startup(client);
        client.send(message('E', "SFATAL\0VFATAL\0C57P03\0Mit says \x1b[31msecret-word\n\xff\0\0"s));
        client.hang();
    });
    const Ran said = log_in_at(fatal.port());
    CHECK(said.outcome.verdict == Verdict::failed);
    CHECK_FALSE(has(said.said(), "secret-word"));
    CHECK_FALSE(has(said.said(), "\x1b"));
}

TEST_CASE("postgres.login: a server that wants Kerberos is told, and nobody waits for a key server or a name server") {
    const ScriptedServer kerberos([](ScriptedConnection& client) {
        read_startup(client);
        client.send(message('R', "\0\0\0\7"s));
        client.hang();
    });
    const Ran ran = log_in_at(kerberos.port());
    CHECK(ran.outcome.verdict == Verdict::failed);
    CHECK(ran.outcome.reason == named(kerberos.port()) +
                                    " wants a log-in by Kerberos (GSSAPI), which no probe does: its pg_hba.conf must "
                                    "let this account in by a password");
    // What makes Kerberos give up before it looks names up, in the loop's own thread: a configuration that is none.
    CHECK(std::string(std::getenv("KRB5_CONFIG")) == "/");
}

TEST_CASE("postgres.login: a server that always has one more byte does not get more than the time there is") {
    const ScriptedServer talking([](ScriptedConnection& client) {
        read_startup(client);
        client.send(authentication_ok);
        while (client.send(message('S', "a\0b\0"s))) {
        }
    });
    const auto begun = std::chrono::steady_clock::now();
    CHECK(log_in_at(talking.port(), 500ms).outcome.verdict == Verdict::timeout);
    CHECK(std::chrono::steady_clock::now() - begun < 20s);
}

TEST_CASE("postgres.query: an answer that never ends is not kept") {
    const ScriptedServer endless([](ScriptedConnection& client) {
        read_startup(client);
        client.send(authentication_ok + ready);
        client.read_until("statement_timeout");
        client.send(message('C', "BEGIN\0"s) + message('C', "SET\0"s) + ready);
        client.read_until("SELECT 1");
        // A row said to be of a gigabyte, and bytes that never come to its end.
        client.send(message('1', "") + message('2', "") +
                    message('T', "\0\1x\0\0\0\0\0\0\0\0\0\0\x19\xff\xff\xff\xff\xff\xff\0\0"s) +
                    "D\x3f\xff\xff\xff\0\1\x3f\xff\xff\xf0"s);
        const std::string chunk(1 << 16, 'x');
        while (client.send(chunk)) {
        }
    });
    StepRunner runner;
    const Ran ran = runner.run("postgres.query", {{"host", "127.0.0.1"},
                                                  {"port", std::to_string(endless.port())},
                                                  {"user", "probe"},
                                                  {"password", "x"},
                                                  {"query", "SELECT 1"}});
    CHECK(ran.outcome.verdict == Verdict::failed);
    CHECK(has(ran.outcome.reason, "sent a row of more than 16 MB"));
}
