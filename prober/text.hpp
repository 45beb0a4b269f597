// Words for people: durations, and sentences made fit to leave the process.
#pragma once

#include <string>
#include <string_view>

#include "schemas/time.hpp"

namespace slimtax::prober {

/// "850 µs", "12.3 ms", "9.21 s", "3 min 20 s", "2 h 5 min".
[[nodiscard]] std::string plain(schemas::Duration duration);

/// The longest reason that a result carries, in bytes.
inline constexpr std::size_t longest_reason = 500;

/// `text` as one line of valid UTF-8, at most `limit` bytes: each byte that is no UTF-8 becomes U+FFFD, control
/// characters become blanks, and what is cut off leaves an ellipsis.
[[nodiscard]] std::string tidy_sentence(std::string_view text, std::size_t limit = longest_reason);

}  // namespace slimtax::prober
