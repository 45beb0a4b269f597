// Durations, counts and rates as owners write them. All carry units; blanks between number and unit are optional.
//
//   duration   "250ms" "30s" "15 min" "2 h" "1 d" "1 w"  (us ms s min h d w; "m" is refused: minutes or months?)
//   think      "1s..4s" or "2s"
//   budget     "50 min per week"       (per day, week, month, quarter, year)
//   failures   "50 per week"
//   users      "200 active within 15 min"
//   work       "30 per user per hour"  (per second, minute, hour, day)
//   total      "12000 per hour"
//   share      "98%" or "98.5 %"
//   size       "2 GB" "512 MiB"      (B kB MB GB TB KiB MiB GiB TiB)
//   hours      "mon-fri 06:00-24:00", "sat,sun 08:00-22:00", "mon 22:00-24:00", "daily 08:00-18:00"
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "schemas/definition.hpp"
#include "schemas/time.hpp"

namespace slimtax::schemas {

/// On bad input each of these returns a sentence: what was expected, with an example.
template <class T>
using Parsed = tl::expected<T, std::string>;

[[nodiscard]] Parsed<Duration> parse_duration(std::string_view text);
[[nodiscard]] Parsed<ThinkTime> parse_think(std::string_view text);
[[nodiscard]] Parsed<Budget> parse_budget(std::string_view text);
[[nodiscard]] Parsed<FailureBudget> parse_failures(std::string_view text);
[[nodiscard]] Parsed<ActiveUsers> parse_users(std::string_view text);
[[nodiscard]] Parsed<WorkRate> parse_work_per_user(std::string_view text);
[[nodiscard]] Parsed<WorkRate> parse_total(std::string_view text);
[[nodiscard]] Parsed<double> parse_share(std::string_view text);
[[nodiscard]] Parsed<std::uint64_t> parse_size(std::string_view text);
[[nodiscard]] Parsed<std::vector<WeeklyHours>> parse_hours(std::string_view text);

/// A short form that reads back the same: "15min", "90s", "1.5s", "250ms".
[[nodiscard]] std::string to_text(Duration duration);

/// "50 min per week".
[[nodiscard]] std::string to_text(const Budget& budget);

}  // namespace slimtax::schemas
