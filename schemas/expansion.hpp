// `${target}`, `${location}`, `${save.NAME}` and `${secret:NAME}` inside strings. `$${` writes a plain `${`.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

namespace slimtax::schemas {

/// One `${...}` of a text.
struct Reference {
    enum class Kind { target, location, save, secret, unknown };
    Kind kind = Kind::unknown;
    std::string name;        ///< of the saved value or the secret; for `unknown` the whole inside
    std::size_t offset = 0;  ///< of the `$`, in bytes
    bool closed = true;      ///< false: the `}` is missing
};

/// All references of a text, in order, the unknown and the unclosed included.
[[nodiscard]] std::vector<Reference> references(std::string_view text);

/// The text with each reference replaced by what `value_of` says, or its first error (a sentence).
[[nodiscard]] tl::expected<std::string, std::string> expand(
    std::string_view text, const std::function<tl::expected<std::string, std::string>(const Reference&)>& value_of);

}  // namespace slimtax::schemas
