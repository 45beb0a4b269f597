#include "probes/mail_letter.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>
#include <stdexcept>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <openssl/rand.h>

#include "probes/patience.hpp"

namespace slimtax::probes {

namespace {

// Something@somewhere, and nothing that could be more than an address.
bool is_address(std::string_view text) {
    const auto at = text.find('@');
    return at != std::string_view::npos && at > 0 && at + 1 < text.size() &&
           std::ranges::none_of(text, [](char c) { return c <= ' ' || c == '<' || c == '>' || c == '\x7f'; });
}

std::string make_token(schemas::Instant now) {
    std::array<unsigned char, 12> random{};
    if (RAND_bytes(random.data(), random.size()) != 1) {
        throw std::runtime_error("no random numbers for a token");
    }
    const auto seconds = std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count();
    return fmt::format("{:x}-{:02x}", seconds, fmt::join(random, ""));
}

// The RFC 5322 form, "Sat, 21 Nov 2026 12:00:00 +0000".
std::string mail_date(schemas::Instant now) {
    const std::time_t seconds = std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count();
    std::tm parts{};
    ::gmtime_r(&seconds, &parts);
    std::array<char, 64> room{};
    std::strftime(room.data(), room.size(), "%a, %d %b %Y %H:%M:%S +0000", &parts);
    return room.data();
}

}  // namespace

tl::expected<Letter, std::string> write_letter(const std::string& from, const std::string& to, schemas::Instant now) {
    Letter letter;
    letter.from = from;
    letter.to = to;
    for (const std::string& address : {letter.from, letter.to}) {
        if (!is_address(address)) {
            return tl::unexpected("\"" + quotable(address) + "\" is no mail address such as probe@campus.example");
        }
    }
    letter.token = make_token(now);
    letter.content = fmt::format(
        "From: <{}>\r\nTo: <{}>\r\nSubject: slimtax probe {}\r\nDate: {}\r\nMessage-ID: <{}@{}>\r\n{}: {}\r\n"
        "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n"
        "This message measures whether mail gets through. It is deleted as soon as it has been found.\r\n",
        letter.from, letter.to, letter.token, mail_date(now), letter.token,
        letter.from.substr(letter.from.find('@') + 1), letter_header, letter.token);
    return letter;
}

std::optional<schemas::Instant> sent_at(std::string_view text) {
    const auto at = text.find(std::string(letter_header) + ": ");
    if (at == std::string_view::npos) {
        return std::nullopt;
    }
    text.remove_prefix(at + letter_header.size() + 2);
    std::int64_t seconds = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), seconds, 16);
    if (read.ec != std::errc() || read.ptr == text.data() + text.size() || *read.ptr != '-' || seconds > 1LL << 40) {
        return std::nullopt;
    }
    return schemas::Instant(std::chrono::seconds(seconds));
}

}  // namespace slimtax::probes
