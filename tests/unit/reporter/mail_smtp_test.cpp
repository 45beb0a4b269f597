#include "reporter/mail/smtp.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "scripted_mail.hpp"
#include "tests/unit/probes/campus_server.hpp"
#include "tests/unit/probes/certificates.hpp"

namespace slimtax::reporter {
namespace {

using testing::ScriptedMail;
using Kind = SmtpOutcome::Kind;

const std::string message = "Subject: week\r\n\r\n.a line that begins with a dot\r\n..\r\nend\r\n";

SmtpPatience short_patience() {
    using namespace std::chrono_literals;
    SmtpPatience patience;
    patience.until_data = patience.sending = patience.answer = 1500ms;
    patience.farewell = 200ms;
    return patience;
}

Stored<void> noted() {
    return {};
}

/// "kind: what is said", with SERVER for the server's address.
std::string told(const SmtpOutcome& outcome, const schemas::MailSettings& settings) {
    constexpr std::array words{"accepted", "refused", "later", "uncertain"};
    std::string text = fmt::format("{}: {}", words.at(static_cast<std::size_t>(outcome.kind)), outcome.says);
    const std::string server = settings.server.text();
    for (auto at = text.find(server); at != std::string::npos; at = text.find(server)) {
        text.replace(at, server.size(), "SERVER");
    }
    return text;
}

/// What comes of a message through a server that answers the line that begins with `to` with `words`.
std::string with(const std::string& to, const std::string& words, bool with_password = false) {
    const ScriptedMail server(
        [&](const std::string& line, int) { return line.starts_with(to) ? words : std::string(); });
    schemas::MailSettings settings = server.settings();
    schemas::Redactor redactor;
    if (with_password) {
        settings.user = "reports";
        settings.password = "Tr0ub4dor&3";
        redactor.add(*settings.password);
    }
    SmtpClient client(settings, redactor, short_patience());
    return told(client.send("boss@campus.example", message, noted), settings);
}

}  // namespace

TEST_CASE("a message is handed over as it is, and it is noted after the server said go on and before it gets a byte") {
    const ScriptedMail server;
    schemas::Redactor redactor;
    SmtpClient client(server.settings(), redactor);
    std::vector<std::string> lines_then;
    std::size_t messages_then = 9;
    const SmtpOutcome outcome = client.send("boss@campus.example", message, [&]() -> Stored<void> {
        lines_then = server.lines();
        messages_then = server.messages().size();
        return {};
    });
    CHECK(told(outcome, server.settings()) == "accepted: accepted by mail server SERVER: 250 queued as 1234");
    REQUIRE(server.messages().size() == 1);
    CHECK(server.messages().front() == "Subject: week\r\n\r\n..a line that begins with a dot\r\n...\r\nend\r\n");
    REQUIRE_FALSE(lines_then.empty());
    CHECK(lines_then.back() == "DATA");
    CHECK(messages_then == 0);
    CHECK(server.count("RCPT TO:<boss@campus.example>") == 1);
    CHECK(server.count("MAIL FROM:<reports@campus.example>") == 1);
    CHECK(server.count("AUTH") == 0);
}

TEST_CASE("what a server refuses for good is told as such, with its words") {
    CHECK(with("RCPT", "550 5.1.1 no such user") ==
          "refused: mail server SERVER refused the recipient boss@campus.example: 550 5.1.1 no such user");
    CHECK(with("MAIL", "553 not you") ==
          "refused: mail server SERVER refused the sender reports@campus.example: 553 not you");
    CHECK(with("AUTH", "535 wrong password", true) ==
          "refused: mail server SERVER refused the log-in of reports: 535 wrong password");
    CHECK(with("DATA", "554 no valid recipients") ==
          "refused: mail server SERVER refused the message: 554 no valid "
          "recipients");
    CHECK(with("(message)", "552-5.3.4 too\r\n552 large") ==
          "refused: mail server SERVER refused the message: 552-5.3.4 too 552 large");
    CHECK(with("(connected)", "554 no service here") ==
          "refused: mail server SERVER refused our connection: 554 no service here");
}

TEST_CASE("what may pass is tried later") {
    CHECK(with("RCPT", "451 greylisted") ==
          "later: mail server SERVER refused the recipient boss@campus.example: 451 greylisted");
    CHECK(with("(message)", "452 disk full") == "later: mail server SERVER refused the message: 452 disk full");
    CHECK(with("AUTH", "454 directory is down", true) ==
          "later: mail server SERVER refused the log-in of reports: 454 directory is down");
    CHECK(with("(connected)", "421 busy") == "later: mail server SERVER refused our connection: 421 busy");
    CHECK(with("(connected)", "close").starts_with("later: "));
    CHECK(with("RCPT", "reset").starts_with("later: sending through mail server SERVER failed: "));
    CHECK(with("(connected)", "hello").starts_with("later: "));
    const probes::RefusingPort nobody;
    schemas::MailSettings settings = ScriptedMail().settings();
    settings.server.port = nobody.port();
    schemas::Redactor redactor;
    CHECK(told(SmtpClient(settings, redactor).send("a@b", message, noted), settings) ==
          "later: mail server SERVER cannot be reached: Connection refused");
    settings.server.host = "no-such-host.invalid";
    CHECK(told(SmtpClient(settings, redactor).send("a@b", message, noted), settings)
              .starts_with("later: the name of mail server SERVER cannot be looked up"));
}

TEST_CASE("a server that hangs is given up, wherever it hangs") {
    for (const std::string where : {"(connected)", "EHLO", "MAIL", "RCPT", "DATA"}) {
        CAPTURE(where);
        CHECK(with(where, "hang") == "later: mail server SERVER did not come so far as to take the message within 1 s");
    }
    CHECK(with("AUTH", "hang", true).starts_with("later: "));
    CHECK(with("QUIT", "hang") == "accepted: accepted by mail server SERVER: 250 queued as 1234");
}

TEST_CASE("when no answer comes to a whole message, nobody knows whether it arrived, and that is said") {
    CHECK(
        with("(message)", "hang") ==
        "uncertain: mail server SERVER got the whole message and did not answer within 1 s: whether it arrived is not "
        "known, and it is not sent again");
    CHECK(with("(message)", "close") ==
          "uncertain: mail server SERVER got the whole message and closed the connection without an answer: whether it "
          "arrived is not known, and it is not sent again");
    CHECK(with("(message)", "reset").starts_with("uncertain: "));
}

TEST_CASE("what cannot be noted is not sent") {
    const ScriptedMail server;
    schemas::Redactor redactor;
    SmtpClient client(server.settings(), redactor, short_patience());
    const SmtpOutcome outcome = client.send("boss@campus.example", message, []() -> Stored<void> {
        return tl::unexpected(StoreError{"the disk is full", true});
    });
    CHECK(told(outcome, server.settings()) ==
          "later: that it is being sent cannot be noted, so it was not sent: the disk is full");
    CHECK(server.messages().empty());
}

TEST_CASE("without STARTTLS nothing is said to a server but its greeting") {
    const ScriptedMail server;
    schemas::MailSettings settings = server.settings();
    settings.security = schemas::MailSettings::Security::starttls;
    settings.user = "reports";
    settings.password = "Tr0ub4dor&3";
    schemas::Redactor redactor;
    SmtpClient client(settings, redactor, short_patience());
    CHECK(told(client.send("boss@campus.example", message, noted), settings) ==
          "later: mail server SERVER offers no STARTTLS, so nothing was sent; its port for TLS from the first byte is "
          "written smtps://, and only security = \"none\" sends in the clear");
    CHECK(server.count("AUTH") == 0);
    CHECK(server.count("MAIL") == 0);
}

TEST_CASE("a server that quotes the password is not quoted") {
    for (const std::string quoted : {"Tr0ub4dor&3", "AHJlcG9ydHMAVHIwdWI0ZG9yJjM=", "VHIwdWI0ZG9yJjM="}) {
        const std::string said = with("AUTH", "535 wrong: " + quoted, true);
        CHECK(said == "refused: mail server SERVER refused the log-in of reports: 535 wrong: [secret]");
    }
    CHECK(with("RCPT", "550 \x1b[31mred\x07\xff and so on " + std::string(5000, 'x')).size() < 500);
}

TEST_CASE("a transfer ends soon after the program is told to end, but not between a message and its answer") {
    using namespace std::chrono_literals;
    SmtpPatience patience;
    patience.when_stopping = 1s;
    for (const std::string where : {"RCPT", "(message)"}) {
        CAPTURE(where);
        const ScriptedMail server(
            [&](const std::string& line, int) { return line.starts_with(where) ? std::string("hang") : ""; });
        schemas::Redactor redactor;
        SmtpClient client(server.settings(), redactor, patience,
                          [&] { return where == "RCPT" || !server.messages().empty(); });
        const SmtpOutcome outcome = client.send("boss@campus.example", message, noted);
        CHECK(outcome.kind == (where == "RCPT" ? Kind::later : Kind::uncertain));
    }
}

TEST_CASE("a real server: STARTTLS and TLS from the first byte, with a log-in; what is wrong is said clearly") {
    const std::uint16_t tls_port = probes::free_port();
    const probes::CampusServer exim("exim",
                                    {"tls_port=" + std::to_string(tls_port), "certificates=" + probes::certificates()});
    schemas::MailSettings settings = ScriptedMail().settings();
    settings.server = {"127.0.0.1", exim.port(), false};
    settings.security = schemas::MailSettings::Security::starttls;
    settings.user = "u001";
    settings.password = "pw-u001";
    settings.ca_file = probes::certificate("ca.pem");
    schemas::Redactor redactor;
    const auto send = [&](const std::string& to = "u002@campus.test") {
        return told(SmtpClient(settings, redactor).send(to, message, noted), settings);
    };
    CHECK(send().starts_with("accepted: accepted by mail server SERVER: 250 OK id="));
    CHECK(send("x@elsewhere.example") ==
          "refused: mail server SERVER refused the recipient x@elsewhere.example: 550 no relaying");
    settings.password = "wrong";
    CHECK(send() == "refused: mail server SERVER refused the log-in of u001: 535 Incorrect authentication data");
    settings.password = "pw-u001";
    settings.ca_file.reset();
    CHECK(send().starts_with("later: the certificate of mail server SERVER cannot be trusted: "));
    settings.ca_file = probes::certificate("ca.pem");
    settings.server = {"127.0.0.1", tls_port, true};
    settings.security = schemas::MailSettings::Security::tls;
    CHECK(send().starts_with("accepted: accepted by mail server SERVER: 250 OK id="));
}

TEST_CASE("a certificate that has expired is named as the reason") {
    const probes::CampusServer exim("exim", {"certificates=" + probes::certificates(), "cert=expired"});
    schemas::MailSettings settings = ScriptedMail().settings();
    settings.server = {"127.0.0.1", exim.port(), false};
    settings.security = schemas::MailSettings::Security::starttls;
    settings.ca_file = probes::certificate("ca.pem");
    schemas::Redactor redactor;
    const std::string said = told(SmtpClient(settings, redactor).send("u002@campus.test", message, noted), settings);
    CHECK(said ==
          "later: the certificate of mail server SERVER cannot be trusted: SSL certificate problem: "
          "certificate has expired");
}

}  // namespace slimtax::reporter
