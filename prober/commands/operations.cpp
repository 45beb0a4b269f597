#include "prober/commands/operations.hpp"

#include <algorithm>
#include <cctype>

#include <fmt/format.h>

#include "schemas/problem.hpp"

namespace slimtax::prober {
namespace {

using schemas::OperationInfo;

bool is_letter(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0;
}

bool same_letter(char a, char b) {
    return std::tolower(static_cast<unsigned char>(a)) == std::tolower(static_cast<unsigned char>(b));
}

/// Whether `word` stands in `text` between characters that belong to no word.
bool holds_word(std::string_view text, std::string_view word) {
    for (auto at = text.begin();; ++at) {
        at = std::search(at, text.end(), word.begin(), word.end(), same_letter);
        if (at == text.end()) {
            return false;
        }
        const auto end = at + static_cast<std::ptrdiff_t>(word.size());
        if ((at == text.begin() || !is_letter(at[-1])) && (end == text.end() || !is_letter(*end))) {
            return true;
        }
    }
}

bool speaks_of(const OperationInfo& info, std::string_view word) {
    return holds_word(info.summary, word) || std::ranges::any_of(info.parameters, [&](const auto& parameter) {
               return holds_word(parameter.help, word) || holds_word(parameter.name, word);
           });
}

template <class Accept>
std::vector<const OperationInfo*> those(schemas::Catalog catalog, const Accept& accept) {
    std::vector<const OperationInfo*> found;
    std::ranges::copy_if(catalog, std::back_inserter(found), accept);
    return found;
}

}  // namespace

std::vector<const OperationInfo*> find_operations(schemas::Catalog catalog, const std::string& word) {
    if (word.empty()) {
        return {};
    }
    if (const OperationInfo* exact = schemas::find_operation(catalog, word)) {
        return {exact};
    }
    auto found = those(catalog, [&](const OperationInfo* info) { return holds_word(info->name, word); });
    // A misspelt name is no search: "ldap.bnd" must not find what speaks of LDAP.
    if (found.empty() && word.find('.') == std::string::npos && word.size() >= 3) {
        found = those(catalog, [&](const OperationInfo* info) { return speaks_of(*info, word); });
    }
    return found;
}

std::string unknown_operation(schemas::Catalog catalog, const std::string& word) {
    std::vector<std::string_view> names;
    for (const OperationInfo* info : catalog) {
        names.push_back(info->name);
    }
    std::string near = schemas::nearest_word(word, names);
    // "http" for "http.get": the first part of a name is enough to mean it.
    for (auto name = names.begin(); near.empty() && name != names.end(); ++name) {
        if (!word.empty() && name->starts_with(word)) {
            near = *name;
        }
    }
    return fmt::format("there is no operation '{}'{} 'slimtax-prober list' shows all", word,
                       near.empty() ? ";" : fmt::format(", did you mean '{}'?", near));
}

}  // namespace slimtax::prober
