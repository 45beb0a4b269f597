// Lists of exit codes as owners write them: "0", "0, 2-3", "any".
#pragma once

#include <optional>
#include <string_view>

namespace slimtax::probes {

/// Whether the code is in the list; nothing when the text is no such list.
[[nodiscard]] std::optional<bool> holds_code(std::string_view codes, int code);

}  // namespace slimtax::probes
