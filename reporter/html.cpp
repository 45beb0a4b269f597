#include "reporter/html.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>

#include "reporter/assets.hpp"
#include "schemas/utf8.hpp"

namespace slimtax::reporter {
namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";  // U+FFFD

/// How many bytes at the start of well-formed UTF-8 are a character that has no place in a page; 0: none.
std::size_t unwanted(std::string_view text) {
    const auto byte = [&](std::size_t i) -> unsigned {
        return i < text.size() ? static_cast<unsigned char>(text[i]) : 0;
    };
    const unsigned first = byte(0);
    const unsigned second = byte(1);
    const unsigned third = byte(2);
    if ((first < 0x20 && first != '\t' && first != '\n') || first == 0x7F) {
        return 1;  // C0 and DEL
    }
    if (first == 0xC2 && second < 0xA0) {
        return 2;  // C1: U+0080 … U+009F
    }
    const bool embedding = first == 0xE2 && second == 0x80 && third >= 0xAA && third <= 0xAE;  // U+202A … U+202E
    const bool isolate = first == 0xE2 && second == 0x81 && third >= 0xA6 && third <= 0xA9;    // U+2066 … U+2069
    const bool no_character = first == 0xEF && second == 0xBF && third >= 0xBE;                // U+FFFE, U+FFFF
    return embedding || isolate || no_character ? 3 : 0;
}

std::string escaped(std::string_view text) {
    const std::string clean = clean_text(text);
    std::string out;
    out.reserve(clean.size() + clean.size() / 8);
    for (const char c : clean) {
        switch (c) {
            case '&': out += "&amp;"; break;
            case '<': out += "&lt;"; break;
            case '>': out += "&gt;"; break;
            case '"': out += "&quot;"; break;
            case '\'': out += "&#39;"; break;
            default: out += c;
        }
    }
    return out;
}

bool is_void(std::string_view name) {
    constexpr std::array<std::string_view, 6> names{"br", "hr", "img", "input", "link", "meta"};
    return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

std::string clean_text(std::string_view text) {
    const std::string valid = schemas::to_valid_utf8(text);
    std::string out;
    out.reserve(valid.size());
    for (std::size_t i = 0; i < valid.size();) {
        const std::size_t length = unwanted(std::string_view(valid).substr(i));
        if (length == 0) {
            out += valid[i++];
        } else {
            out += replacement;
            i += length;
        }
    }
    return out;
}

bool is_safe_link(std::string_view address) {
    // Browsers drop blanks and control characters before they look at the scheme: refuse them all.
    for (const char c : address) {
        if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7F || c == '\\') {
            return false;
        }
    }
    std::string lower(address.substr(0, 8));
    std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
    const std::string_view start = lower;
    if (start.starts_with("https://") || start.starts_with("http://") || start.starts_with("mailto:")) {
        return true;
    }
    const bool inside = start.starts_with("#") || start.starts_with("?") || start.starts_with("/");
    return inside && !start.starts_with("//");
}

Attribute::Attribute(MarkupName name, std::string_view value) {
    const bool address = name.view() == "href" || name.view() == "src";
    text_ = fmt::format(R"( {}="{}")", name.view(), escaped(address && !is_safe_link(value) ? "#" : value));
}

Attribute::Attribute(MarkupName name, double value) {
    // -0 and the tail of zeros are noise in a page of ten thousand coordinates.
    std::string number = fmt::format("{:.3f}", std::isfinite(value) ? value : 0.0);
    number.erase(number.find_last_not_of('0') + 1);
    if (number.back() == '.') {
        number.pop_back();
    }
    text_ = fmt::format(R"( {}="{}")", name.view(), number == "-0" ? "0" : number);
}

Attribute Attribute::look(InlineStyle style) {
    Attribute made;
    made.text_ = fmt::format(R"( style="{}")", style.view());
    return made;
}

Html::Html(std::string_view text) : markup_(escaped(text)) {}

Html::Html(std::initializer_list<Html> parts) {
    for (const Html& part : parts) {
        markup_ += part.markup_;
    }
}

Html element(MarkupName name, const Attributes& attributes, const Html& content) {
    Html out;
    out.markup_ = fmt::format("<{}", name.view());
    for (const Attribute& attribute : attributes) {
        out.markup_ += attribute.markup();
    }
    out.markup_ += '>';
    if (!is_void(name.view())) {
        out.markup_ += content.markup_;
        out.markup_ += fmt::format("</{}>", name.view());
    }
    return out;
}

Html inline_style(const Asset& asset) {
    Html out;
    out.markup_ = fmt::format("<style>{}</style>", asset.content);
    return out;
}

Html document(const Attributes& attributes, const Html& head, const Html& body) {
    Html out;
    out.markup_ = "<!doctype html>\n";
    out += element("html", attributes, {element("head", {}, head), "\n", body});
    out.markup_ += '\n';
    return out;
}

Html link(std::string_view address, const Html& text, Attributes attributes) {
    if (!is_safe_link(address)) {
        return text;
    }
    attributes.insert(attributes.begin(), Attribute("href", address));
    return element("a", attributes, text);
}

Html foreign(std::string_view text) {
    return element("bdi", {}, text);
}

std::string percent_encoded(std::string_view text) {
    std::string out;
    for (const char c : text) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                           c == '.' || c == '_' || c == '~';
        if (plain) {
            out += c;
        } else {
            out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
        }
    }
    return out;
}

}  // namespace slimtax::reporter
