// Regular expressions (PCRE2 with JIT where there is one), with bounded work: a hostile text cannot hang a match.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

namespace slimtax::schemas {

struct PatternError {
    std::size_t offset = 0;  ///< in code units of the pattern
    std::string message;
};

/// A compiled pattern: immutable, cheap to copy, usable from several threads at once. Texts are bytes, never
/// assumed to be valid UTF-8.
class Pattern {
public:
    /// An empty pattern, which matches everything.
    Pattern() = default;

    [[nodiscard]] static tl::expected<Pattern, PatternError> compile(std::string_view text);

    /// True when the pattern is found anywhere in `text`. A match that exceeds the work limit counts as not found.
    [[nodiscard]] bool found_in(std::string_view text) const;

    /// The groups of the first match (0 is the whole), or nothing. Views point into `text`.
    [[nodiscard]] std::optional<std::vector<std::string_view>> match(std::string_view text) const;

    /// The number of the group of that name, or nothing.
    [[nodiscard]] std::optional<int> group(std::string_view name) const;

    [[nodiscard]] const std::string& text() const;

private:
    struct Compiled;
    std::shared_ptr<const Compiled> compiled_;
};

}  // namespace slimtax::schemas
