// An operation's parameters and outputs in words: the same on the command line, in templates and in the reference.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "schemas/operation_info.hpp"

namespace slimtax::schemas {

/// "whole number", "table of texts".
[[nodiscard]] std::string_view word_of(ParameterType type);
[[nodiscard]] std::string_view word_of(OutputType type);

/// What may be written: "whole number, 1 to 65535", "none | starttls | ldaps".
[[nodiscard]] std::string type_text(const Parameter& parameter);

/// What holds when it is not written: "required", "default: the target", "default: 443"; empty: nothing.
[[nodiscard]] std::string when_omitted(const OperationInfo& info, const Parameter& parameter);

/// What else of the operation's parameters it stands with or instead of: "or 'path', not both", "this or 'no_match' is
/// needed"; empty: nothing.
[[nodiscard]] std::string alternatives_text(const OperationInfo& info, const Parameter& parameter);

/// A value that the reader takes, as TOML text: the row's example, or its default, or one made from the type.
[[nodiscard]] std::string sample_value(const Parameter& parameter);

/// The levels where an operation is at home, one word each.
[[nodiscard]] std::vector<std::string_view> levels_of(const OperationInfo& info);

/// With a capital letter and a full stop, however its author wrote it; empty stays empty.
[[nodiscard]] std::string as_sentence(std::string_view text);

}  // namespace slimtax::schemas
