#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <string>

#include "tests/unit/probes/campus_server.hpp"
#include "tests/unit/probes/certificates.hpp"
#include "tests/unit/probes/scripted_step.hpp"

namespace slimtax::probes {
namespace {

using namespace std::chrono_literals;

std::int64_t number(std::uint16_t port) {
    return port;
}

// Dovecot with its mailboxes, and Exim that delivers there or nowhere.
struct MailCampus {
    explicit MailCampus(bool delivers, std::vector<std::string> more = {})
        : lmtp(free_port()),
          dovecot("dovecot", {"lmtp_port=" + std::to_string(lmtp), "certificates=" + certificates()}),
          exim("exim", options(delivers, std::move(more))) {}

    std::vector<std::string> options(bool delivers, std::vector<std::string> more) const {
        more.push_back("certificates=" + certificates());
        if (delivers) {
            more.push_back("lmtp_port=" + std::to_string(lmtp));
        }
        return more;
    }

    [[nodiscard]] Values values() const {
        return {{"host", "127.0.0.1"},
                {"smtp_port", number(exim.port())},
                {"imap_port", number(dovecot.port())},
                {"smtp_tls", "starttls"},
                {"imap_tls", "starttls"},
                {"ca_file", certificate("ca.pem")},
                {"user", "u002"},
                {"password", "pw-u002"},
                {"to", "u002@campus.test"}};
    }

    [[nodiscard]] std::size_t mails() const {
        std::size_t count = 0;
        const std::filesystem::path box = dovecot.folder() / "mail/u002";
        for (const char* part : {"new", "cur"}) {
            for (const auto& entry : std::filesystem::directory_iterator(box / part)) {
                count += entry.is_regular_file() ? 1 : 0;
            }
        }
        return count;
    }

    // A message that is in the inbox already.
    void lay(const std::string& name, const std::string& header) const {
        const std::filesystem::path file = dovecot.folder() / "mail/u002/new" / name;
        std::ofstream(file) << header << "Subject: here already\n\nhello\n";
        std::filesystem::permissions(file, std::filesystem::perms::all);
    }

    std::uint16_t lmtp;
    CampusServer dovecot;
    CampusServer exim;
};

// A mailbox that works, for scripts of the other side. Its clients say the same each time: NOOP and SEARCH go on.
ScriptedServer::Script mailbox(std::string search_answer = "* SEARCH\r\n", std::string refuse = "") {
    return [search_answer, refuse](ScriptedConnection& connection) {
        connection.send("* OK [CAPABILITY IMAP4rev1] hi\r\n");
        for (std::string line = connection.read_line(); !line.empty(); line = connection.read_line()) {
            const std::string tag = line.substr(0, line.find(' '));
            if (!refuse.empty() && line.find(refuse) != std::string::npos) {
                connection.send(tag + " NO not allowed\r\n");
                continue;
            }
            if (line.find("SEARCH HEADER") != std::string::npos) {
                connection.send(search_answer);
            }
            connection.send(tag + " OK done\r\n");
        }
    };
}

// A mailbox that offers IDLE: empty at the first look, and then as `idle` has it; found at the second look.
ScriptedServer::Script idle_mailbox(std::function<void(ScriptedConnection&, const std::string& tag)> idle) {
    return [idle](ScriptedConnection& connection) {
        connection.send("* OK [CAPABILITY IMAP4rev1 IDLE] hi\r\n");
        bool idled = false;
        for (std::string line = connection.read_line(); !line.empty(); line = connection.read_line()) {
            const std::string tag = line.substr(0, line.find(' '));
            if (line.find(" IDLE") != std::string::npos) {
                idled = true;
                idle(connection, tag);
                continue;
            }
            if (line.find("SEARCH HEADER") != std::string::npos) {
                connection.send(idled ? "* SEARCH 7\r\n" : "* SEARCH\r\n");
            }
            connection.send(tag + " OK [CAPABILITY IMAP4rev1 IDLE] done\r\n");
        }
    };
}

// Takes a whole message, and answers its end with `end`.
ScriptedServer::Script taker(std::string end) {
    return [end](ScriptedConnection& connection) {
        connection.send("220 mail\r\n");
        for (const char* answer : {"250 mail\r\n", "250 ok\r\n", "250 ok\r\n", "354 go\r\n"}) {
            connection.read_line();
            connection.send(answer);
        }
        connection.read_until("\r\n.\r\n");
        connection.send(end);
        connection.read_line();
        connection.send("221 bye\r\n");
        connection.hang();
    };
}

// The step between two scripts; ports in its reason are told as names.
std::string between(const ScriptedServer::Script& smtp, const ScriptedServer::Script& imap,
                    std::chrono::milliseconds patience = 20s, Values values = {}) {
    Engine engine;
    const ScriptedServer sender(smtp);
    const ScriptedServer reader(imap);
    values.merge(Values{{"host", "127.0.0.1"},
                        {"smtp_port", number(sender.port())},
                        {"imap_port", number(reader.port())},
                        {"smtp_tls", "none"},
                        {"imap_tls", "none"},
                        {"user", "probe"},
                        {"password", test_secret},
                        {"to", "probe@campus.test"}});
    const StepRun run = run_operation(engine, "mail.roundtrip", values, patience);
    CHECK(run.outcome.reason.find(test_secret) == std::string::npos);
    return run.verdict() + ": " +
           replaced(replaced(run.outcome.reason, "127.0.0.1:" + std::to_string(sender.port()), "SMTP"),
                    "127.0.0.1:" + std::to_string(reader.port()), "IMAP");
}

}  // namespace

TEST_CASE("mail.roundtrip: sent by a real server, found in a real mailbox, deleted") {
    const MailCampus campus(true, {"open=yes"});
    Engine engine;
    for (const bool logged_in : {true, false}) {
        CAPTURE(logged_in);
        Values values = campus.values();
        if (logged_in) {
            values.emplace("smtp_user", "u001");
            values.emplace("smtp_password", "pw-u001");
            values.emplace("from", "u001@campus.test");
        }
        const StepRun run = run_operation(engine, "mail.roundtrip", values, 60s);
        CHECK(run.outcome.reason == "");
        for (const char* stage : {"time.smtp", "time.delivery", "time.imap"}) {
            CHECK(run.number(stage) > 0);
        }
        CHECK(run.number("cleaned") == 0);
        CHECK(campus.mails() == 0);
    }
}

TEST_CASE("mail.roundtrip: what earlier runs left behind is deleted, other mail and recent probes are not") {
    const MailCampus campus(true, {"open=yes"});
    Engine engine;
    TestRun run(engine);
    REQUIRE(run.step("mail.roundtrip", campus.values(), 60s).outcome.reason == "");
    // 0x60000000 is in January 2021; a probe of the last minute may still be under way.
    campus.lay("1.old", "X-Slimtax-Token: 60000000-00112233\n");
    campus.lay("2.own", "");
    campus.lay("3.odd", "X-Slimtax-Token: whatever\n");
    const auto now = std::chrono::floor<std::chrono::seconds>(run.wall_now).time_since_epoch().count();
    char recent[32];
    std::snprintf(recent, sizeof recent, "%llx", static_cast<unsigned long long>(now - 60));
    campus.lay("4.new", "X-Slimtax-Token: " + std::string(recent) + "-00112233\n");
    const StepRun step = run.step("mail.roundtrip", campus.values(), 60s);
    CHECK(step.outcome.reason == "");
    CHECK(step.number("cleaned") == 1);
    CHECK(campus.mails() == 3);
}

TEST_CASE("mail.roundtrip: accepted but never delivered is a time-out that names both servers") {
    const MailCampus campus(false, {"open=yes"});
    Engine engine;
    const StepRun run = run_operation(engine, "mail.roundtrip", campus.values(), 3s);
    CHECK(run.verdict() == "timeout");
    const std::string start = "mail to u002@campus.test, accepted by SMTP server 127.0.0.1:" + campus.exim.port_text() +
                              ", did not arrive in INBOX of IMAP server 127.0.0.1:" + campus.dovecot.port_text() +
                              " within ";
    CHECK(run.outcome.reason.starts_with(start));
    CHECK(run.has("time.smtp"));
    CHECK_FALSE(run.has("time.delivery"));
}

TEST_CASE("mail.roundtrip: a real server that wants a log-in first says so") {
    const MailCampus campus(true);
    Engine engine;
    const StepRun run = run_operation(engine, "mail.roundtrip", campus.values(), 30s);
    CHECK(run.outcome.reason == "SMTP server 127.0.0.1:" + campus.exim.port_text() +
                                    " refused the recipient u002@campus.test: 550 log in first");
    Values values = campus.values();
    values["password"] = "wrong";
    CHECK(run_operation(engine, "mail.roundtrip", values, 30s).outcome.reason ==
          "IMAP server 127.0.0.1:" + campus.dovecot.port_text() +
              " refused the log-in of u002: [AUTHENTICATIONFAILED] Authentication failed.");
}

TEST_CASE("mail.roundtrip: each side's failures name that side") {
    CHECK(between(taker("250 taken\r\n"), mailbox("* SEARCH 7\r\n")) == "ok: ");
    CHECK(between(taker("554 looks like spam\r\n"), mailbox()) ==
          "failed: SMTP server SMTP refused the message: 554 looks like spam");
    CHECK(between(answers({"220 mail\r\n", "250 mail\r\n", "250 ok\r\n", "550 who?\r\n"}), mailbox()) ==
          "failed: SMTP server SMTP refused the recipient probe@campus.test: 550 who?");
    CHECK(between(answers({"220 mail\r\n", "250 mail\r\n", "451 later\r\n"}), mailbox()) ==
          "failed: SMTP server SMTP refused the sender probe@campus.test: 451 later");
    CHECK(between(answers({"220 mail\r\n", "250 mail\r\n", "250 ok\r\n", "250 ok\r\n", "354 go\r\n"}), mailbox(), 3s)
              .starts_with("timeout: SMTP server SMTP did not accept the message within "));
    CHECK(between(answers({}), mailbox("", "LOGIN")) ==
          "failed: IMAP server IMAP refused the log-in of probe: not allowed");
    CHECK(between(answers({}), mailbox("", "SELECT")) == "failed: IMAP server IMAP refused SELECT: not allowed");
    CHECK(between(taker("250 taken\r\n"), mailbox("* SEARCH 7\r\n", "STORE")) ==
          "failed: IMAP server IMAP refused STORE: not allowed");
    CHECK(between(taker("250 taken\r\n"), mailbox("* SEARCH 7\r\n", "EXPUNGE")) ==
          "failed: IMAP server IMAP refused EXPUNGE: not allowed");
    CHECK(
        between(taker("250 taken\r\n"), mailbox("* SEARCH\r\n"), 3s)
            .starts_with("timeout: mail to probe@campus.test, accepted by SMTP server SMTP, did not arrive in INBOX of "
                         "IMAP server IMAP within "));
    // Numbers that are none, and a folder's name that needs its quotes.
    CHECK(between(taker("250 taken\r\n"), mailbox("* SEARCH 99999999999 x\r\n"), 3s).starts_with("timeout: "));
    CHECK(between(taker("250 taken\r\n"), mailbox("* SEARCH 7\r\n"), 20s, {{"folder", "Probe \"1\""}}) == "ok: ");
}

TEST_CASE("mail.roundtrip: a server that offers IDLE tells when the message is there, and need not be asked") {
    const auto good = taker("250 taken\r\n");
    std::string ended;
    CHECK(between(good, idle_mailbox([&](ScriptedConnection& connection, const std::string& tag) {
                      connection.send("+ idling\r\n* 1 RECENT\r\n* 1 EXI");
                      connection.send("STS\r\n");
                      ended = connection.read_line();
                      connection.send(tag + " OK done\r\n");
                  })) == "ok: ");
    CHECK(ended.starts_with("DONE"));
    // What came before the server was idle counts; what comes after DONE is no harm.
    CHECK(between(good, idle_mailbox([](ScriptedConnection& connection, const std::string& tag) {
                      connection.send("* 1 EXISTS\r\n+ idling\r\n");
                      connection.read_line();
                      connection.send("* 2 EXISTS\r\n" + tag + " OK done\r\n");
                  })) == "ok: ");
}

TEST_CASE("mail.roundtrip: what can go wrong during IDLE is told") {
    const auto good = taker("250 taken\r\n");
    const auto idle = [&](const std::string& answer, bool hangs = false) {
        return between(good, idle_mailbox([=](ScriptedConnection& connection, const std::string& tag) {
                           connection.send(answer.starts_with("NO") ? tag + " " + answer : answer);
                           if (hangs) {
                               connection.hang();
                           } else {
                               connection.close();
                           }
                       }),
                       hangs ? 600ms : 20s);
    };
    CHECK(idle("NO not now\r\n") == "failed: IMAP server IMAP offers IDLE and refused it: NO not now");
    CHECK(idle("") == "failed: IMAP server IMAP closed the connection and did not answer IDLE");
    CHECK(idle("+ idling\r\n") == "failed: IMAP server IMAP closed the connection and did not answer IDLE");
    CHECK(idle("+ idling\r\n* BYE\r\n") == "failed: IMAP server IMAP closed the connection and did not answer IDLE");
    CHECK(idle("", true).starts_with("timeout: IMAP server IMAP did not answer IDLE within "));
    CHECK(idle("+ idling\r\n", true).starts_with("timeout: "));
    CHECK(
        idle("+ idling\r\n* 1 EXISTS\r\n", true).starts_with("timeout: IMAP server IMAP did not answer IDLE within "));
}

TEST_CASE("mail.roundtrip: addresses that are none are our own side's trouble") {
    for (const std::string to : {"probe", "probe@", "@campus", "a@b> SIZE=1", "a@b\r\nRSET", "two a@b"}) {
        CAPTURE(to);
        CHECK(between(answers({}), answers({}), 20s, {{"to", to}}).starts_with("prober_fault: "));
        CHECK(between(answers({}), answers({}), 20s, {{"from", to}}).starts_with("prober_fault: "));
    }
}

}  // namespace slimtax::probes
