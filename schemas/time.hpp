// Instants and durations, and their RFC 3339 form. Nothing here reads a clock.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace slimtax::schemas {

/// All durations of the house; from the monotonic clock wherever they are measured.
using Duration = std::chrono::microseconds;

/// A stamp: UTC, microseconds since 1970-01-01T00:00:00Z, no leap seconds.
using Instant = std::chrono::sys_time<std::chrono::microseconds>;

/// "2026-11-21T08:30:00.000123Z"; the fraction is left out when it is zero.
[[nodiscard]] std::string to_rfc3339(Instant instant);

/// Reads RFC 3339 with `Z` or a numeric offset and up to nine digits of fraction (cut to microseconds).
/// Nothing when the text is anything else, or has a date or time that does not exist.
[[nodiscard]] std::optional<Instant> parse_rfc3339(std::string_view text);

/// Minutes as a number, for people and JSON.
[[nodiscard]] constexpr double to_minutes(Duration duration) {
    return static_cast<double>(duration.count()) / 60e6;
}

/// Seconds as a number.
[[nodiscard]] constexpr double to_seconds(Duration duration) {
    return static_cast<double>(duration.count()) / 1e6;
}

/// Milliseconds as a number.
[[nodiscard]] constexpr double to_milliseconds(Duration duration) {
    return static_cast<double>(duration.count()) / 1e3;
}

}  // namespace slimtax::schemas
