// `[[reporter.mail]]`.
#include <algorithm>
#include <array>

#include "schemas/config.hpp"
#include "schemas/read_settings.hpp"

namespace slimtax::schemas {
namespace {

constexpr std::array<std::string_view, 4> attachable{"html", "xlsx", "csv", "json"};

void read_security(TableReader& table, MailSettings& mail) {
    mail.security = mail.server.tls_first ? MailSettings::Security::tls : MailSettings::Security::starttls;
    const auto word = table.text("security");
    if (!word) {
        return;
    }
    Complaints& complaints = table.complaints();
    const Position at = table.place_of("security");
    if (*word != "starttls" && *word != "tls" && *word != "none") {
        complaints.error(at,
                         fmt::format("expected \"starttls\", \"tls\" or \"none\" for 'security', found \"{}\"", *word));
    } else if (mail.server.tls_first && *word != "tls") {
        complaints.error(at,
                         fmt::format("smtps:// is TLS from the first byte: security = \"{}\" contradicts it", *word),
                         "leave 'security' out, or write smtp://");
    } else if (!mail.server.tls_first && *word == "tls") {
        complaints.error(at, "TLS from the first byte is written smtps://", "leave 'security' out, or write smtps://");
    } else if (*word == "none") {
        mail.security = MailSettings::Security::none;
    }
}

void read_account(TableReader& table, const Secrets& secrets, MailSettings& mail) {
    mail.user = table.text("user");
    mail.password = secret_in(table, "password", secrets, Need::optional);
    const bool has_password = table.itself().find("password") != nullptr;
    const bool has_user = table.itself().find("user") != nullptr;
    if (has_user != has_password) {
        table.complaints().error(table.itself().at,
                                 fmt::format("{} names a {}: 'user' and 'password' go together", table.what(),
                                             has_user ? "user but no password" : "password but no user"));
    }
    if (mail.password && mail.security == MailSettings::Security::none &&
        !Endpoint{mail.server.host, mail.server.port}.is_loopback()) {
        table.complaints().advice(table.place_of("security"), "the password crosses the network for all to read",
                                  "leave 'security' out: STARTTLS is then required");
    }
}

bool same(std::string_view one, std::string_view other) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
    return std::ranges::equal(one, other, {}, lower, lower);
}

std::vector<Mailbox> recipients_in(TableReader& table) {
    std::vector<Mailbox> all;
    const auto written = table.texts("to", Need::required);
    for (const std::string& text : written.value_or(std::vector<std::string>{})) {
        auto one = parse_mailbox(text);
        if (!one) {
            table.complaints().error(table.place_of("to", text), "to: " + one.error());
        } else if (std::ranges::any_of(all, [&](const Mailbox& other) { return same(other.address, one->address); })) {
            table.complaints().error(table.place_of("to", text), fmt::format("'to' names {} twice", one->address));
        } else {
            all.push_back(std::move(*one));
        }
    }
    if (written && written->empty()) {
        table.complaints().error(table.place_of("to"), "'to' names nobody");
    }
    return all;
}

void read_turn(TableReader& table, MailSettings& mail) {
    mail.when = table.parsed("when", parse_mail_time, "a time such as \"mon 07:00\"");
    mail.timezone = timezone_in(table).value_or("UTC");
    const auto word = table.text("period");
    if (word && *word != "week" && *word != "month") {
        table.complaints().error(table.place_of("period"),
                                 fmt::format("expected \"week\" or \"month\" for 'period', found \"{}\"", *word));
        return;
    }
    mail.period = word == "month" ? MailSettings::Span::month : MailSettings::Span::week;
    if (mail.when && mail.when->monthly != (mail.period == MailSettings::Span::month)) {
        table.complaints().error(table.place_of("when"),
                                 mail.when->monthly
                                     ? "a report of a week is sent every week, such as \"mon 07:00\""
                                     : "a report of a month is sent every month, such as \"day 1 07:00\"",
                                 mail.when->monthly ? "or write period = \"month\"" : "or write period = \"week\"");
    }
    if (mail.when && table.itself().find("timezone") == nullptr) {
        table.complaints().advice(table.place_of("when"),
                                  fmt::format("{} names no 'timezone': its time is UTC", table.what()));
    }
}

}  // namespace

MailSettings read_mail(TableReader& table, const Secrets& secrets, const std::filesystem::path& base) {
    MailSettings mail;
    mail.id = table.id("id", Need::required).value_or("");
    table.rename(fmt::format("[[reporter.mail]] '{}'", mail.id));
    mail.server = table
                      .parsed("server", parse_mail_server, "a mail server such as \"smtp://mail.campus.example:587\"",
                              Need::required)
                      .value_or(MailServer());
    read_security(table, mail);
    read_account(table, secrets, mail);
    mail.ca_file = existing_file_in(table, "ca_file", base);
    mail.from = table.parsed("from", parse_mailbox, "a mail address such as \"reports@campus.example\"", Need::required)
                    .value_or(Mailbox());
    mail.to = recipients_in(table);
    mail.services = table.texts("services").value_or(std::vector<std::string>{});
    mail.tags = tags_in(table);
    read_turn(table, mail);
    if (const auto formats = table.texts("attach")) {
        mail.attach = *formats;
        for (const std::string& format : mail.attach) {
            if (std::ranges::find(attachable, format) == attachable.end()) {
                table.complaints().error(
                    table.place_of("attach", format), fmt::format("\"{}\" cannot be attached", format),
                    suggestion(format, std::vector<std::string_view>(attachable.begin(), attachable.end())));
            }
        }
    }
    table.finish();
    return mail;
}

}  // namespace slimtax::schemas
