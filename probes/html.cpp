#include "probes/html.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

namespace slimtax::probes {
namespace {

bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}
bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

std::string lower(std::string_view text) {
    std::string result(text);
    std::ranges::transform(result, result.begin(), [](char c) { return lower(c); });
    return result;
}

void append_utf8(std::string& text, std::uint32_t code) {
    if (code == 0 || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) {
        code = 0xFFFD;
    }
    if (code < 0x80) {
        text += static_cast<char>(code);
    } else if (code < 0x800) {
        text += static_cast<char>(0xC0 | code >> 6);
        text += static_cast<char>(0x80 | (code & 0x3F));
    } else if (code < 0x10000) {
        text += static_cast<char>(0xE0 | code >> 12);
        text += static_cast<char>(0x80 | (code >> 6 & 0x3F));
        text += static_cast<char>(0x80 | (code & 0x3F));
    } else {
        text += static_cast<char>(0xF0 | code >> 18);
        text += static_cast<char>(0x80 | (code >> 12 & 0x3F));
        text += static_cast<char>(0x80 | (code >> 6 & 0x3F));
        text += static_cast<char>(0x80 | (code & 0x3F));
    }
}

// The named characters that pages really use; any other name stays as it is written.
constexpr std::array<std::pair<std::string_view, std::uint32_t>, 40> named{
    {{"amp", '&'},      {"lt", '<'},       {"gt", '>'},        {"quot", '"'},      {"apos", '\''},    {"nbsp", 0xA0},
     {"copy", 0xA9},    {"reg", 0xAE},     {"trade", 0x2122},  {"hellip", 0x2026}, {"ndash", 0x2013}, {"mdash", 0x2014},
     {"lsquo", 0x2018}, {"rsquo", 0x2019}, {"sbquo", 0x201A},  {"ldquo", 0x201C},  {"rdquo", 0x201D}, {"bdquo", 0x201E},
     {"laquo", 0xAB},   {"raquo", 0xBB},   {"lsaquo", 0x2039}, {"rsaquo", 0x203A}, {"bull", 0x2022},  {"middot", 0xB7},
     {"euro", 0x20AC},  {"pound", 0xA3},   {"cent", 0xA2},     {"yen", 0xA5},      {"sect", 0xA7},    {"deg", 0xB0},
     {"auml", 0xE4},    {"ouml", 0xF6},    {"uuml", 0xFC},     {"Auml", 0xC4},     {"Ouml", 0xD6},    {"Uuml", 0xDC},
     {"szlig", 0xDF},   {"eacute", 0xE9},  {"times", 0xD7},    {"shy", 0xAD}}};

// The character reference at `at`, the place of its '&'; sets `at` behind it. False when it is none.
bool decode_reference(std::string_view text, std::size_t& at, std::string& out) {
    constexpr std::size_t longest = 10;  // digits or letters
    const std::size_t limit = std::min(text.size(), at + 3 + longest);
    std::size_t i = at + 1;
    if (i < limit && text[i] == '#') {
        ++i;
        const bool hex = i < limit && lower(text[i]) == 'x';
        i += hex ? 1 : 0;
        const std::size_t digits = i;
        std::uint32_t code = 0;
        for (; i < limit; ++i) {
            const char c = lower(text[i]);
            const bool decimal = c >= '0' && c <= '9';
            if (!decimal && !(hex && c >= 'a' && c <= 'f')) {
                break;
            }
            const auto digit = static_cast<std::uint32_t>(decimal ? c - '0' : c - 'a' + 10);
            code = std::min<std::uint32_t>(code * (hex ? 16 : 10) + digit, 0x110000);
        }
        if (i == digits) {
            return false;
        }
        append_utf8(out, code);
    } else {
        const std::size_t start = i;
        while (i < limit && is_letter(text[i])) {
            ++i;
        }
        const auto it =
            std::ranges::find(named, text.substr(start, i - start), &std::pair<std::string_view, std::uint32_t>::first);
        if (it == named.end()) {
            return false;
        }
        append_utf8(out, it->second);
    }
    at = i < text.size() && text[i] == ';' ? i + 1 : i;
    return true;
}

std::string decoded(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t at = 0; at < text.size();) {
        if (text[at] != '&' || !decode_reference(text, at, out)) {
            out += text[at++];
        }
    }
    return out;
}

bool is_raw(std::string_view name) {
    return name == "script" || name == "style" || name == "textarea" || name == "title";
}

}  // namespace

const std::string* HtmlEvent::attribute(std::string_view wanted) const {
    const auto it = std::ranges::find(attributes, wanted, &std::pair<std::string, std::string>::first);
    return it == attributes.end() ? nullptr : &it->second;
}

bool is_void_element(std::string_view name) {
    static constexpr std::array<std::string_view, 14> names{"area",  "base", "br",   "col",    "embed", "hr",  "img",
                                                            "input", "link", "meta", "source", "track", "wbr", "param"};
    return std::ranges::find(names, name) != names.end();
}

std::optional<HtmlEvent> HtmlReader::next() {
    while (at_ < page_.size()) {
        const std::size_t start = at_;
        if (!raw_.empty()) {
            at_ = raw_end();
            const bool plain = raw_ == "script" || raw_ == "style";
            raw_.clear();
            if (at_ > start) {
                const std::string_view inside = page_.substr(start, at_ - start);
                HtmlEvent event;
                event.text = plain ? std::string(inside) : decoded(inside);
                return event;
            }
            continue;
        }
        if (page_[at_] == '<') {
            if (auto event = markup()) {
                return event;
            }
            if (at_ > start) {
                continue;  // a comment
            }
            ++at_;  // a lone '<' is text
        }
        at_ = std::min(page_.find('<', at_), page_.size());
        HtmlEvent event;
        event.text = decoded(page_.substr(start, at_ - start));
        return event;
    }
    return std::nullopt;
}

/// At a '<'. Nothing, and at_ where it was, when it begins no markup; nothing, and at_ behind it, for a comment.
std::optional<HtmlEvent> HtmlReader::markup() {
    const std::string_view rest = page_.substr(at_);
    if (rest.starts_with("<!--")) {
        const std::size_t end = page_.find("-->", at_ + 4);
        at_ = end == std::string_view::npos ? page_.size() : end + 3;
        return std::nullopt;
    }
    const char next = rest.size() > 1 ? rest[1] : '\0';
    if (is_letter(next)) {
        return start_tag();
    }
    if (next != '!' && next != '?' && next != '/') {
        return std::nullopt;
    }
    const std::size_t name = at_ + 2;
    const bool is_end = next == '/' && name < page_.size() && is_letter(page_[name]);
    const std::size_t end = page_.find('>', at_);
    at_ = end == std::string_view::npos ? page_.size() : end + 1;
    if (!is_end) {
        return std::nullopt;
    }
    std::size_t name_end = name;
    while (name_end < at_ && !is_blank(page_[name_end]) && page_[name_end] != '>' && page_[name_end] != '/') {
        ++name_end;
    }
    HtmlEvent event;
    event.kind = HtmlEvent::Kind::end;
    event.name = lower(page_.substr(name, name_end - name));
    return event;
}

HtmlEvent HtmlReader::start_tag() {
    const std::size_t name = ++at_;
    while (at_ < page_.size() && !is_blank(page_[at_]) && page_[at_] != '>' && page_[at_] != '/') {
        ++at_;
    }
    HtmlEvent event;
    event.kind = HtmlEvent::Kind::start;
    event.name = lower(page_.substr(name, at_ - name));
    read_attributes(event);
    if (is_raw(event.name)) {
        raw_ = event.name;
    }
    return event;
}

void HtmlReader::read_attributes(HtmlEvent& tag) {
    for (;;) {
        while (at_ < page_.size() && (is_blank(page_[at_]) || page_[at_] == '/')) {
            ++at_;
        }
        if (at_ == page_.size()) {
            return;
        }
        if (page_[at_] == '>') {
            ++at_;
            return;
        }
        const std::size_t name = at_++;  // whatever the first character is, also '='
        while (at_ < page_.size() && !is_blank(page_[at_]) && page_[at_] != '=' && page_[at_] != '>' &&
               page_[at_] != '/') {
            ++at_;
        }
        const std::size_t name_end = at_;
        while (at_ < page_.size() && is_blank(page_[at_])) {
            ++at_;
        }
        std::string_view value;
        if (at_ < page_.size() && page_[at_] == '=') {
            ++at_;
            while (at_ < page_.size() && is_blank(page_[at_])) {
                ++at_;
            }
            const char quote = at_ < page_.size() ? page_[at_] : '\0';
            if (quote == '"' || quote == '\'') {
                const std::size_t end = std::min(page_.find(quote, at_ + 1), page_.size());
                value = page_.substr(at_ + 1, end - at_ - 1);
                at_ = std::min(end + 1, page_.size());
            } else {
                const std::size_t start = at_;
                while (at_ < page_.size() && !is_blank(page_[at_]) && page_[at_] != '>') {
                    ++at_;
                }
                value = page_.substr(start, at_ - start);
            }
        }
        if (tag.attributes.size() < most_attributes) {
            tag.attributes.emplace_back(lower(page_.substr(name, name_end - name)), decoded(value));
        }
    }
}

/// Where the end tag of `raw_` begins, or the page's end.
std::size_t HtmlReader::raw_end() const {
    for (std::size_t at = page_.find("</", at_); at != std::string_view::npos; at = page_.find("</", at + 2)) {
        const std::string_view name = page_.substr(at + 2, raw_.size());
        if (name.size() == raw_.size() && std::ranges::equal(name, raw_, {}, [](char c) { return lower(c); })) {
            return at;
        }
    }
    return page_.size();
}

}  // namespace slimtax::probes
