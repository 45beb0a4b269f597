#include "schemas/mail_settings.hpp"

#include <doctest/doctest.h>

#include "schemas/config.hpp"
#include "tests/unit/schemas/folder.hpp"

namespace slimtax::schemas {
namespace {

constexpr std::string_view smallest = R"([reporter]
[[reporter.mail]]
id = "managers"
server = "smtp://mail.campus.example"
from = "reports@campus.example"
to = ["boss@campus.example"]
)";

ReadConfig<ReporterConfig> read(const Folder& folder, std::string_view text) {
    return read_reporter_config(folder.write("slimtax.toml", std::string(text)),
                                [](const std::string& variable) -> std::optional<std::string> {
                                    if (variable == "SLIMTAX_SECRET_MAIL") {
                                        return "mail-pass";
                                    }
                                    return std::nullopt;
                                });
}

/// All that is said of the smallest table with `lines` added, without the file's name.
std::string said(std::string_view lines) {
    const Folder folder;
    std::string text;
    for (const Problem& problem : read(folder, std::string(smallest) + std::string(lines)).problems) {
        const std::string line = to_string(problem);
        text += line.substr(line.find(".toml:") + 6) + "\n";
    }
    return text;
}

}  // namespace

TEST_CASE("a mail list needs an id, a server, a sender and recipients; the rest has safe defaults") {
    const Folder folder;
    const auto result = read(folder, smallest);
    REQUIRE(result.config);
    CHECK(result.problems.empty());
    REQUIRE(result.config->mails.size() == 1);
    const MailSettings& mail = result.config->mails.front();
    CHECK(mail.id == "managers");
    CHECK(mail.server.url() == "smtp://mail.campus.example:587");
    CHECK(mail.security == MailSettings::Security::starttls);
    CHECK_FALSE(mail.user);
    CHECK_FALSE(mail.when);
    CHECK(mail.period == MailSettings::Span::week);
    CHECK(mail.attach == std::vector<std::string>{"html"});
    CHECK(mail.to.front().address == "boss@campus.example");
}

TEST_CASE("every key of a mail list is taken") {
    const Folder folder;
    folder.write("roots.pem", "");
    const auto result = read(folder, std::string(R"([reporter]
[[reporter.mail]]
id = "medical"
server = "smtps://mail.campus.example"
user = "reports"
password = "${secret:mail}"
ca_file = "roots.pem"
from = "Service reports <reports@campus.example>"
to = ["Frau Müller <mueller@campus.example>", "b@campus.example"]
services = ["campus-im"]
tags = { lob = "medical" }
when = "day 2 07:30"
timezone = "Europe/Berlin"
period = "month"
attach = ["html", "csv"]
)"));
    REQUIRE(result.config);
    CHECK(result.problems.empty());
    const MailSettings& mail = result.config->mails.front();
    CHECK(mail.server.url() == "smtps://mail.campus.example:465");
    CHECK(mail.security == MailSettings::Security::tls);
    CHECK(mail.password == "mail-pass");
    CHECK(mail.ca_file == folder.path() / "roots.pem");
    CHECK(mail.from.name == "Service reports");
    CHECK(mail.from.address == "reports@campus.example");
    CHECK(mail.to.at(0).name == "Frau Müller");
    CHECK(mail.tags.at(0).second == "medical");
    REQUIRE(mail.when);
    CHECK(mail.when->monthly);
    CHECK(mail.when->day == 2);
    CHECK(mail.when->clock == std::chrono::minutes(450));
    CHECK(result.config->secrets->redactor().redact("535 mail-pass") == "535 [secret]");
}

TEST_CASE("what is wrong with a mail list is said where it stands") {
    CHECK(said("security = \"ssl\"\n") ==
          "7:12: error: expected \"starttls\", \"tls\" or \"none\" for 'security', found \"ssl\"\n");
    CHECK(said("user = \"u\"\n") ==
          "2:1: error: [[reporter.mail]] 'managers' names a user but no password: 'user' and "
          "'password' go together\n");
    CHECK(said("when = \"monday 7\"\n").starts_with("7:8: error: when: expected a time such as \"mon 07:00\""));
    CHECK(said("when = \"mon 25:00\"\n").find("the time of day is 00:00 to 23:59") != std::string::npos);
    CHECK(said("when = \"day 31 07:00\"\nperiod = \"month\"\n").find("1 to 28, which every month has") !=
          std::string::npos);
    CHECK(said("when = \"mon 07:00\"\n") ==
          "7:8: advice: [[reporter.mail]] 'managers' names no 'timezone': its time is UTC\n");
    CHECK(said("when = \"day 1 07:00\"\ntimezone = \"UTC\"\n").find("a report of a week is sent every week") !=
          std::string::npos);
    CHECK(said("timezone = \"Europe/Berlln\"\n").find("did you mean 'Europe/Berlin'?") != std::string::npos);
    CHECK(said("attach = [\"html\", \"cvs\"]\n") == "7:19: error: \"cvs\" cannot be attached (did you mean 'csv'?)\n");
    CHECK(said("attatch = [\"html\"]\n").find("did you mean 'attach'?") != std::string::npos);
    CHECK(said("ca_file = \"nowhere.pem\"\n").find("there is no file") != std::string::npos);
    CHECK(said("security = \"none\"\nuser = \"u\"\npassword = \"${secret:mail}\"\n")
              .starts_with("7:12: advice: the password crosses the network for all to read"));
    CHECK(said("user = \"u\"\npassword = \"${secret:other}\"\n").find("SLIMTAX_SECRET_OTHER") != std::string::npos);
    CHECK(said("[[reporter.mail]]\nid = \"managers\"\nserver = \"smtp://m\"\nfrom = \"a@b\"\nto = [\"c@d\"]\n") ==
          "8:6: error: there are two [[reporter.mail]] 'managers'\n");
}

TEST_CASE("an address is one address, and never a header or a command") {
    CHECK(parse_mailbox("\"The, Boss\" <b@campus.example>")->name == "The, Boss");
    for (const std::string_view bad :
         {"", "b", "@b", "b@", "a b@c", "a@b, c@d", "a@b@c", "<a@b", "a@b>\r\nRCPT TO:<c@d>", "X\r\nBcc: c@d <a@b>",
          "a@b\xc3\xa9", "<<a@b>>", "a@b\n", "a@b;c@d", "\"a@b\""}) {
        CAPTURE(bad);
        CHECK_FALSE(parse_mailbox(bad));
    }
}

TEST_CASE("a mail server is written as an address with smtp or smtps before it") {
    CHECK(parse_mail_server("smtp://[::1]:25")->url() == "smtp://[::1]:25");
    CHECK(parse_mail_server("smtp://[::1]/")->url() == "smtp://[::1]:587");
    CHECK(parse_mail_server("smtps://mail:1465")->text() == "mail:1465");
    for (const std::string_view bad : {"mail.campus.example", "http://mail", "smtp://", "smtp://mail:0",
                                       "smtp://mail:99999", "smtp://user@mail", "smtp://ma\nil"}) {
        CAPTURE(bad);
        CHECK_FALSE(parse_mail_server(bad));
    }
}

}  // namespace slimtax::schemas
