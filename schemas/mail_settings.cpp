#include "schemas/mail_settings.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>

#include "schemas/config.hpp"
#include "schemas/utf8.hpp"

namespace slimtax::schemas {
namespace {

constexpr std::array<std::string_view, 7> day_words{"sun", "mon", "tue", "wed", "thu", "fri", "sat"};
constexpr std::size_t longest_address = 254;  // RFC 5321, 4.5.3.1.3
constexpr std::size_t most_shown = 100;

bool is_control(char c) {
    return static_cast<unsigned char>(c) < ' ' || c == '\x7f';
}

/// Something@somewhere, and nothing that could be more than one address, a header or a command.
bool is_address(std::string_view text) {
    const std::size_t at = text.find('@');
    return at != std::string_view::npos && at > 0 && at + 1 < text.size() && text.rfind('@') == at &&
           text.size() <= longest_address && std::ranges::none_of(text, [](char c) {
               return static_cast<unsigned char>(c) <= ' ' || static_cast<unsigned char>(c) >= 0x7f ||
                      std::string_view("<>()[],;:\\\"").find(c) != std::string_view::npos;
           });
}

std::string_view trim(std::string_view text) {
    const std::size_t first = text.find_first_not_of(" \t");
    return first == std::string_view::npos ? std::string_view()
                                           : text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

/// "07:30" as minutes since midnight.
std::optional<std::chrono::minutes> parse_clock(std::string_view text) {
    unsigned hours = 0;
    unsigned minutes = 0;
    if (text.size() != 5 || text[2] != ':') {
        return std::nullopt;
    }
    const auto number = [](std::string_view digits, unsigned& value) {
        const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
        return error == std::errc() && end == digits.data() + digits.size();
    };
    if (!number(text.substr(0, 2), hours) || !number(text.substr(3, 2), minutes) || hours > 23 || minutes > 59) {
        return std::nullopt;
    }
    return std::chrono::hours(hours) + std::chrono::minutes(minutes);
}

}  // namespace

tl::expected<Mailbox, std::string> parse_mailbox(std::string_view text) {
    const auto wrong = [text] {
        return tl::unexpected(
            fmt::format("expected a mail address such as \"reports@campus.example\" or \"Service reports "
                        "<reports@campus.example>\", found \"{}\"",
                        shortened(text, most_shown)));
    };
    if (std::ranges::any_of(text, is_control)) {
        return tl::unexpected(std::string("a mail address holds no line ends and no other control characters"));
    }
    std::string_view rest = trim(text);
    std::string_view name;
    if (const std::size_t open = rest.find('<'); open != std::string_view::npos) {
        if (!rest.ends_with('>')) {
            return wrong();
        }
        name = trim(rest.substr(0, open));
        rest = rest.substr(open + 1, rest.size() - open - 2);
    }
    if (name.size() >= 2 && name.starts_with('"') && name.ends_with('"')) {
        name = name.substr(1, name.size() - 2);
    }
    if (!is_address(rest)) {
        return wrong();
    }
    return Mailbox{std::string(name), std::string(rest)};
}

std::string MailServer::text() const {
    return Endpoint{host, port}.text();
}

std::string MailServer::url() const {
    return fmt::format("{}://{}", tls_first ? "smtps" : "smtp", text());
}

tl::expected<MailServer, std::string> parse_mail_server(std::string_view text) {
    MailServer server;
    std::string_view rest = text;
    constexpr std::string_view plain = "smtp://";
    constexpr std::string_view tls = "smtps://";
    constexpr std::uint16_t tls_port = 465;
    if (rest.starts_with(tls)) {
        server.tls_first = true;
        server.port = tls_port;
        rest.remove_prefix(tls.size());
    } else if (rest.starts_with(plain)) {
        rest.remove_prefix(plain.size());
    } else {
        rest = {};
    }
    if (rest.ends_with('/')) {
        rest.remove_suffix(1);
    }
    const bool has_port =
        rest.starts_with('[') ? rest.find("]:") != std::string_view::npos : rest.find(':') != std::string_view::npos;
    const auto endpoint = parse_endpoint(has_port ? std::string(rest) : fmt::format("{}:{}", rest, server.port));
    if (rest.empty() || !endpoint || endpoint->port == 0) {
        return tl::unexpected(
            fmt::format("expected a mail server such as \"smtp://mail.campus.example:587\" or "
                        "\"smtps://mail.campus.example\", found \"{}\"",
                        shortened(text, most_shown)));
    }
    server.host = endpoint->host;
    server.port = endpoint->port;
    return server;
}

tl::expected<MailTime, std::string> parse_mail_time(std::string_view text) {
    const auto wrong = [text](std::string_view more = "") {
        return tl::unexpected(
            fmt::format("expected a time such as \"mon 07:00\" (every week) or \"day 1 07:00\" (every month), found "
                        "\"{}\"{}",
                        shortened(text, most_shown), more));
    };
    MailTime time;
    std::string_view rest = trim(text);
    const auto next_word = [&rest] {
        const std::size_t end = std::min(rest.size(), rest.find(' '));
        const std::string_view word = rest.substr(0, end);
        rest = trim(rest.substr(end));
        return word;
    };
    std::string_view word = next_word();
    if (word == "day") {
        constexpr unsigned last_day = 28;
        word = next_word();
        const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), time.day);
        if (error != std::errc() || end != word.data() + word.size() || time.day < 1 || time.day > last_day) {
            return wrong(": the day is 1 to 28, which every month has");
        }
        time.monthly = true;
    } else {
        const auto* const day = std::ranges::find(day_words, word);
        if (day == day_words.end()) {
            return wrong();
        }
        time.weekday = std::chrono::weekday(static_cast<unsigned>(day - day_words.begin()));
    }
    const auto clock = parse_clock(rest);
    if (!clock) {
        return wrong(": the time of day is 00:00 to 23:59");
    }
    time.clock = *clock;
    return time;
}

}  // namespace slimtax::schemas
