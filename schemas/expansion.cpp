#include "schemas/expansion.hpp"

#include <algorithm>
#include <optional>

namespace slimtax::schemas {
namespace {

bool is_name(std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
               c == '.';
    });
}

Reference reference_of(std::string_view inside, std::size_t offset) {
    constexpr std::string_view save = "save.";
    constexpr std::string_view secret = "secret:";
    Reference reference{Reference::Kind::unknown, std::string(inside), offset, true};
    if (inside == "target") {
        reference.kind = Reference::Kind::target;
        reference.name.clear();
    } else if (inside == "location") {
        reference.kind = Reference::Kind::location;
        reference.name.clear();
    } else if (inside.starts_with(save) && is_name(inside.substr(save.size()))) {
        reference.kind = Reference::Kind::save;
        reference.name = inside.substr(save.size());
    } else if (inside.starts_with(secret) && is_name(inside.substr(secret.size()))) {
        reference.kind = Reference::Kind::secret;
        reference.name = inside.substr(secret.size());
    }
    return reference;
}

/// Calls `plain(text)` and `found(reference)` for the parts of a text, from left to right.
template <class Plain, class Found>
void walk(std::string_view text, const Plain& plain, const Found& found) {
    std::size_t done = 0;
    for (;;) {
        const std::size_t open = text.find("${", done);
        if (open == std::string_view::npos) {
            plain(text.substr(done));
            return;
        }
        if (open > done && text[open - 1] == '$') {  // $${ stands for ${
            plain(text.substr(done, open - 1 - done));
            plain("${");
            done = open + 2;
            continue;
        }
        plain(text.substr(done, open - done));
        const std::size_t close = text.find('}', open);
        if (close == std::string_view::npos) {
            found(Reference{Reference::Kind::unknown, std::string(text.substr(open + 2)), open, false});
            return;
        }
        found(reference_of(text.substr(open + 2, close - open - 2), open));
        done = close + 1;
    }
}

}  // namespace

std::vector<Reference> references(std::string_view text) {
    std::vector<Reference> all;
    walk(
        text, [](std::string_view) {}, [&all](Reference reference) { all.push_back(std::move(reference)); });
    return all;
}

tl::expected<std::string, std::string> expand(
    std::string_view text, const std::function<tl::expected<std::string, std::string>(const Reference&)>& value_of) {
    std::string expanded;
    std::optional<std::string> error;
    walk(
        text, [&expanded](std::string_view plain) { expanded += plain; },
        [&](const Reference& reference) {
            if (error) {
                return;
            }
            if (auto value = value_of(reference)) {
                expanded += *value;
            } else {
                error = std::move(value.error());
            }
        });
    if (error) {
        return tl::unexpected(std::move(*error));
    }
    return expanded;
}

}  // namespace slimtax::schemas
