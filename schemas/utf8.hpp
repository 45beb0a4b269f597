// UTF-8: where a text stops being it, and how to make it so. Servers send bytes; JSON and protobuf want characters.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace slimtax::schemas {

/// The offset of the first byte that is not part of well-formed UTF-8, or npos.
[[nodiscard]] std::size_t first_invalid_utf8(std::string_view text);

/// The text itself when it is well-formed, or else with U+FFFD for each byte that is not.
[[nodiscard]] std::string to_valid_utf8(std::string_view text);

/// How many code points a well-formed text has.
[[nodiscard]] std::size_t count_code_points(std::string_view text);

/// At most `bytes` bytes of a text, cut between code points, with "…" where something is missing.
[[nodiscard]] std::string shortened(std::string_view text, std::size_t bytes);

}  // namespace slimtax::schemas
