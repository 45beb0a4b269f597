// `[[reporter.mail]]`: who gets which report by mail, when, and through which server.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tl/expected.hpp>

namespace slimtax::schemas {

/// Who stands in a header: "Service reports <reports@campus.example>", or the address alone.
struct Mailbox {
    std::string name;     ///< UTF-8, without control characters; may be empty
    std::string address;  ///< something@somewhere in ASCII, nothing else
};

/// The error is a sentence.
[[nodiscard]] tl::expected<Mailbox, std::string> parse_mailbox(std::string_view text);

/// Where mail is handed in: "smtp://mail.campus.example:587", "smtps://mail.campus.example".
struct MailServer {
    std::string host;  ///< without brackets
    std::uint16_t port = 587;
    bool tls_first = false;  ///< smtps: TLS from the first byte

    /// "mail.campus.example:587".
    [[nodiscard]] std::string text() const;
    /// As it was written, with its port.
    [[nodiscard]] std::string url() const;
};

/// The port may be left out: 587, and 465 for smtps. The error is a sentence.
[[nodiscard]] tl::expected<MailServer, std::string> parse_mail_server(std::string_view text);

/// Each report's turn, in the list's time zone: "mon 07:00" of every week, "day 1 07:00" of every month.
struct MailTime {
    bool monthly = false;
    std::chrono::weekday weekday = std::chrono::Monday;
    unsigned day = 1;  ///< of the month, 1 to 28
    std::chrono::minutes clock{};
};

/// The error is a sentence.
[[nodiscard]] tl::expected<MailTime, std::string> parse_mail_time(std::string_view text);

struct MailSettings {
    enum class Security { starttls, tls, none };
    enum class Span { week, month };

    std::string id;  ///< names the list: what was sent is remembered by it
    MailServer server;
    Security security = Security::starttls;
    std::optional<std::string> user;
    std::optional<std::string> password;  ///< a secret's value
    std::optional<std::filesystem::path> ca_file;
    Mailbox from;
    std::vector<Mailbox> to;  ///< at least one
    /// Both empty: every service. Else those that are named or have all the tags.
    std::vector<std::string> services;
    std::vector<std::pair<std::string, std::string>> tags;
    std::optional<MailTime> when;  ///< nothing: only when `slimtax-reporter send` is called
    std::string timezone = "UTC";  ///< a name that exists
    Span period = Span::week;
    std::vector<std::string> attach{"html"};  ///< formats of the report
};

}  // namespace slimtax::schemas
