#include "reporter/mail/message.hpp"

#include <algorithm>

#include <doctest/doctest.h>

#include "reporter/mail/encoding.hpp"
#include "sample_report.hpp"

namespace slimtax::reporter {
namespace {

bool holds(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = text.find("\r\n", at);
        REQUIRE(end != std::string::npos);
        lines.push_back(text.substr(at, end - at));
        at = end + 2;
    }
    return lines;
}

schemas::MailSettings managers() {
    schemas::MailSettings settings;
    settings.id = "managers";
    settings.from = {"Service reports", "reports@campus.example"};
    settings.to = {{"", "boss@campus.example"}, {"Frau Müller", "mueller@campus.example"}};
    return settings;
}

}  // namespace

TEST_CASE("the subject answers whether the week was all right") {
    const std::string subject = mail_subject(sample::week());
    CHECK(subject.starts_with("slimtax: No. "));
    CHECK(holds(subject, "missed a promise, week 47 of 2026"));
    CHECK(subject.size() < 100);
}

TEST_CASE("a message is made of seven-bit lines of at most 78 characters, and the same one is the same bytes") {
    schemas::MailSettings settings = managers();
    settings.attach = {"html", "csv", "json", "xlsx"};
    const auto make = [&] {
        return mail_bytes(report_message(sample::week(), settings, settings.to, {"abc", "2026-W47", 1}, sample::now()));
    };
    const std::string bytes = make();
    CHECK(bytes == make());
    for (const std::string& line : lines_of(bytes)) {
        CAPTURE(line);
        CHECK(line.size() <= 78);
        CHECK(std::ranges::all_of(line, [](char c) { return (c >= ' ' && c < '\x7f') || c == '\t'; }));
    }
    CHECK(holds(bytes, "\r\nMessage-ID: <slimtax-abc-2026-W47-managers-1@campus.example>\r\n"));
    CHECK(holds(bytes, "From: \"Service reports\" <reports@campus.example>\r\n"));
    CHECK(holds(bytes, "=?UTF-8?B?RnJhdSBNw7xsbGVy?="));
    CHECK(holds(bytes, " <mueller@campus.example>\r\nSubject: "));
    CHECK(holds(bytes, "\r\nDate: Thu, 19 Nov 2026 19:20:00 +0000\r\n"));
    CHECK(holds(bytes, "\r\nAuto-Submitted: auto-generated\r\n"));
    for (const std::string name :
         {"report-2026-W47.html", "report-2026-W47.csv", "report-2026-W47.json", "report-2026-W47.xlsx"}) {
        CHECK(holds(bytes, "filename=\"" + name + "\""));
    }
}

TEST_CASE("nothing in a title or a name becomes a header of its own") {
    const std::string header = header_line("Subject", "all well\r\nBcc: everybody@campus.example\r\n\r\nbody\x01");
    for (const std::string& line : lines_of(header)) {
        CHECK((line.starts_with("Subject: ") || line.starts_with(" =?UTF-8?B?")));
    }
    const std::string from = address_line("From", {{"Evil\r\nBcc: x@y \"<z@w>", "reports@campus.example"}});
    for (const std::string& line : lines_of(from)) {
        CHECK_FALSE(line.starts_with("Bcc"));
    }
    CHECK(holds(address_line("From", {{"The \"Boss\"", "b@c"}}), "From: \"The \\\"Boss\\\"\" <b@c>\r\n"));
    // A text that looks like an encoded word is not taken for one.
    CHECK(holds(header_line("Subject", "=?UTF-8?B?QQ==?="), "=?UTF-8?B?PT9VVEYtOD9CP1FRPT0/PQ==?="));
}

TEST_CASE("long and foreign headers are folded, and cut between characters only") {
    std::string umlauts;
    for (int i = 0; i < 200; ++i) {
        umlauts += "ü€";
    }
    for (const std::string& text : {umlauts, std::string(500, 'x'), std::string(100, ' ') + "a"}) {
        for (const std::string& line : lines_of(header_line("Subject", text))) {
            CHECK(line.size() <= 78);
        }
    }
    CHECK(header_line("Subject", "grün") == "Subject: =?UTF-8?B?Z3LDvG4=?=\r\n");
    CHECK(header_line("Subject", "plain") == "Subject: plain\r\n");
}

TEST_CASE("quoted-printable and Base64 as RFC 2045 has them") {
    CHECK(quoted_printable("a=b\nübung \n.\n") == "a=3Db\r\n=C3=BCbung=20\r\n.\r\n");
    CHECK(quoted_printable("no end") == "no end\r\n");
    CHECK(quoted_printable("") == "");
    const std::string wrapped = quoted_printable(std::string(100, 'x'));
    CHECK(wrapped == std::string(75, 'x') + "=\r\n" + std::string(25, 'x') + "\r\n");
    CHECK(base64_lines("") == "");
    CHECK(base64_lines("hello") == "aGVsbG8=\r\n");
    CHECK(base64_lines(std::string(58, 'a')).find("\r\n") == 76);
    CHECK(mail_date(schemas::parse_rfc3339("2026-11-01T01:02:03.9Z").value()) == "Sun, 01 Nov 2026 01:02:03 +0000");
}

}  // namespace slimtax::reporter
