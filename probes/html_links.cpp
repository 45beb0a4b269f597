#include "probes/html_links.hpp"

#include <algorithm>
#include <set>

#include "probes/html.hpp"
#include "probes/io/http_transfer.hpp"

namespace slimtax::probes {
namespace {

bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && is_blank(text.front())) {
        text.remove_prefix(1);
    }
    while (!text.empty() && is_blank(text.back())) {
        text.remove_suffix(1);
    }
    return text;
}

std::string lower(std::string_view text) {
    std::string result(text);
    std::ranges::transform(result, result.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    return result;
}

/// `rel` holds words; an alternate style sheet is not fetched unless its reader asks for it.
bool is_fetched(const std::string* rel) {
    if (rel == nullptr) {
        return false;
    }
    const std::string words = " " + lower(*rel) + " ";
    const bool alternate = words.find(" alternate ") != std::string::npos;
    return words.find(" icon ") != std::string::npos || (words.find(" stylesheet ") != std::string::npos && !alternate);
}

/// The address that an element makes a browser fetch, or null.
const std::string* fetched_by(const HtmlEvent& tag) {
    if (tag.name == "img" || tag.name == "script") {
        return tag.attribute("src");
    }
    if (tag.name == "link") {
        return is_fetched(tag.attribute("rel")) ? tag.attribute("href") : nullptr;
    }
    if (tag.name == "input") {
        const std::string* type = tag.attribute("type");
        return type != nullptr && lower(*type) == "image" ? tag.attribute("src") : nullptr;
    }
    return nullptr;
}

/// False for what a browser has no server to ask for: data:, blob:, about:.
bool is_for_a_server(std::string_view address) {
    const auto colon = address.find(':');
    const auto first = address.find_first_of("/?#");
    if (colon == std::string_view::npos || first < colon) {
        return true;
    }
    const std::string scheme = lower(address.substr(0, colon));
    return scheme == "http" || scheme == "https";
}

}  // namespace

std::vector<std::string> page_parts(std::string_view page, const std::string& url) {
    std::string base = url;
    bool has_base = false;
    std::vector<std::string> parts;
    std::set<std::string> seen;
    HtmlReader reader(page);
    while (const auto event = reader.next()) {
        if (event->kind != HtmlEvent::Kind::start) {
            continue;
        }
        if (const std::string* href = event->name == "base" ? event->attribute("href") : nullptr;
            href != nullptr && !has_base) {
            has_base = true;
            if (auto target = parse_http_url(std::string(trimmed(*href)), url)) {
                base = target->url;
            }
            continue;
        }
        const std::string* written = fetched_by(*event);
        const std::string_view address = written != nullptr ? trimmed(*written) : std::string_view();
        if (address.empty() || !is_for_a_server(address)) {
            continue;
        }
        const auto target = parse_http_url(std::string(address), base);
        std::string whole = target ? target->url : std::string(address);
        whole.resize(std::min(whole.find('#'), whole.size()));
        if (seen.insert(whole).second) {
            parts.push_back(std::move(whole));
        }
    }
    return parts;
}

}  // namespace slimtax::probes
