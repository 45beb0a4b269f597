#include "reporter/mail/encoding.hpp"

#include <algorithm>
#include <array>
#include <ctime>

#include <openssl/evp.h>

#include <fmt/format.h>

#include "reporter/html.hpp"

namespace slimtax::reporter {
namespace {

constexpr std::size_t line_length = 76;

std::string base64(std::string_view bytes) {
    std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');
    const int length =
        EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                        reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
    text.resize(static_cast<std::size_t>(length));
    return text;
}

/// Valid UTF-8 on one line, without control characters.
std::string one_line(std::string_view text) {
    std::string clean = clean_text(text);
    std::ranges::replace_if(
        clean, [](char c) { return c == '\n' || c == '\r' || c == '\t'; }, ' ');
    return clean;
}

bool is_plain(std::string_view text) {
    return text.find("=?") == std::string_view::npos &&
           std::ranges::all_of(text, [](char c) { return c >= ' ' && c < '\x7f'; });
}

/// "=?UTF-8?B?…?=" as often as it takes, separated by blanks. Cut between code points.
std::string encoded_words(std::string_view text) {
    constexpr std::size_t bytes_a_word = 39;  // 64 characters: fits beside a header's name
    std::string words;
    while (!text.empty()) {
        std::size_t length = std::min(text.size(), bytes_a_word);
        while (length < text.size() && (static_cast<unsigned char>(text[length]) & 0xC0U) == 0x80U) {
            --length;
        }
        words += fmt::format("{}=?UTF-8?B?{}?=", words.empty() ? "" : " ", base64(text.substr(0, length)));
        text.remove_prefix(length);
    }
    return words;
}

/// Folded before a word where a line would become too long.
std::string folded(std::string_view name, std::string_view text) {
    std::string out = fmt::format("{}:", name);
    std::size_t at = out.size();
    while (!text.empty()) {
        const std::size_t end = std::min(text.size(), text.find(' ', 1));
        const std::string_view word = text.substr(0, end);
        text.remove_prefix(end);
        const bool blank = word.starts_with(' ');
        if (at + word.size() + 1 > line_length && at > name.size() + 1) {
            out += "\r\n";
            at = 0;
        }
        out += blank ? "" : " ";
        out += word;
        at += word.size() + (blank ? 0 : 1);
    }
    return out + "\r\n";
}

std::string address_text(const schemas::Mailbox& mailbox) {
    if (mailbox.name.empty()) {
        return mailbox.address;
    }
    const std::string name = one_line(mailbox.name);
    const bool quotable = is_plain(name) && name.size() <= line_length - 10;
    std::string quoted;
    for (const char c : name) {
        quoted += c == '"' || c == '\\' ? std::string{'\\', c} : std::string(1, c);
    }
    return quotable ? fmt::format("\"{}\" <{}>", quoted, mailbox.address)
                    : fmt::format("{} <{}>", encoded_words(name), mailbox.address);
}

}  // namespace

std::string base64_lines(std::string_view bytes) {
    constexpr std::size_t bytes_a_line = line_length / 4 * 3;
    std::string text;
    text.reserve(bytes.size() / 3 * 4 + bytes.size() / bytes_a_line * 2 + 8);
    for (std::size_t at = 0; at < bytes.size(); at += bytes_a_line) {
        text += base64(bytes.substr(at, bytes_a_line)) + "\r\n";
    }
    return text;
}

std::string quoted_printable(std::string_view text) {
    std::string out;
    std::size_t column = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        const bool at_end = i + 1 == text.size() || text[i + 1] == '\n' || text.substr(i + 1, 2) == "\r\n";
        if (c == '\n' || text.substr(i, 2) == "\r\n") {
            i += c == '\r' ? 1 : 0;
            out += "\r\n";
            column = 0;
            continue;
        }
        const bool plain = (c > ' ' && c < '\x7f' && c != '=') || ((c == ' ' || c == '\t') && !at_end);
        const std::size_t length = plain ? 1 : 3;
        if (column + length >= line_length) {
            out += "=\r\n";
            column = 0;
        }
        out += plain ? std::string(1, c) : fmt::format("={:02X}", static_cast<unsigned char>(c));
        column += length;
    }
    return column == 0 ? out : out + "\r\n";
}

std::string header_line(std::string_view name, std::string_view text) {
    const std::string clean = one_line(text);
    // A word that fills a line cannot be folded.
    std::size_t longest = 0;
    for (std::size_t at = 0; at < clean.size();) {
        const std::size_t end = std::min(clean.size(), clean.find(' ', at));
        longest = std::max(longest, end - at);
        at = end + 1;
    }
    constexpr std::size_t longest_word = 60;
    return folded(name, is_plain(clean) && longest <= longest_word ? clean : encoded_words(clean));
}

std::string address_line(std::string_view name, const std::vector<schemas::Mailbox>& addresses) {
    std::string text;
    for (const schemas::Mailbox& mailbox : addresses) {
        text += (text.empty() ? "" : ", ") + address_text(mailbox);
    }
    return folded(name, text);
}

std::string mail_date(schemas::Instant at) {
    const std::time_t seconds = std::chrono::floor<std::chrono::seconds>(at).time_since_epoch().count();
    std::tm parts{};
    ::gmtime_r(&seconds, &parts);
    // Not strftime: its names of days follow the locale.
    constexpr std::array<std::string_view, 7> days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    constexpr std::array<std::string_view, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} +0000", days.at(static_cast<std::size_t>(parts.tm_wday)),
                       parts.tm_mday, months.at(static_cast<std::size_t>(parts.tm_mon)), parts.tm_year + 1900,
                       parts.tm_hour, parts.tm_min, parts.tm_sec);
}

}  // namespace slimtax::reporter
