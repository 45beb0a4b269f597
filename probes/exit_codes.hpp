// Lists of exit codes as owners write them: "0", "0, 2-3", "any".
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace slimtax::probes {

/// Whether the code is in the list; nothing when the text is no such list.
[[nodiscard]] std::optional<bool> holds_code(std::string_view codes, int code);

/// What is wrong with a text as such a list; empty: nothing.
[[nodiscard]] std::string exit_codes_flaw(std::string_view codes);

}  // namespace slimtax::probes
