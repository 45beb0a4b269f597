// Times of day as people at the service's place read them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "reporter/report.hpp"

namespace date {
class time_zone;
}

namespace slimtax::reporter {

/// The clock on the wall in a service's time zone. An unknown name falls back to UTC and says so in `name()`.
class WallClock {
public:
    explicit WallClock(std::string_view name);
    explicit WallClock(const ServiceReport& service);

    [[nodiscard]] const std::string& name() const { return name_; }
    [[nodiscard]] std::string day(schemas::Instant at) const;      ///< "Tue 17 Nov"
    [[nodiscard]] std::string clock(schemas::Instant at) const;    ///< "10:32"
    [[nodiscard]] std::string seconds(schemas::Instant at) const;  ///< "10:32:05"
    [[nodiscard]] std::string full(schemas::Instant at) const;     ///< "Tue 17 Nov 10:32"
    [[nodiscard]] std::string offset(schemas::Instant at) const;   ///< "EST"
    /// "Tue 17 Nov 10:02 to 10:50": the second day only when it is another, seconds when it is short.
    [[nodiscard]] std::string range(schemas::Instant from, schemas::Instant to) const;
    /// "Monday 9 to Sunday 15 November 2026": the days of two moments.
    [[nodiscard]] std::string days(schemas::Instant first, schemas::Instant last) const;

    /// What the clock shows, as seconds since its own 1970-01-01 00:00: for programs that know no zones.
    [[nodiscard]] std::int64_t local_seconds(schemas::Instant at) const;
    /// Local midnights: the last one at or before `at`, and the first one after it.
    [[nodiscard]] schemas::Instant day_start(schemas::Instant at) const;
    [[nodiscard]] schemas::Instant next_day(schemas::Instant at) const;
    /// When a piece of planned work begins and ends. By the calendar's rule: of a time that exists twice
    /// the first is meant, and one that is skipped means the skip.
    [[nodiscard]] std::pair<schemas::Instant, schemas::Instant> instants(const schemas::Maintenance& work) const;

private:
    const date::time_zone* zone_;
    std::string name_;
};

/// The zone that all services share, else UTC: for times that belong to no single service.
[[nodiscard]] WallClock common_clock(const Report& report);

/// "Monday 16 to Sunday 22 November 2026 (Europe/Berlin)"; with the time of day where it does not begin and end at
/// midnight. Services in several zones: the days that are the same for each, "each service by its own clock".
[[nodiscard]] std::string period_words(const Report& report);

/// "week 47 of 2026" for "2026-W47"; other names as they are.
[[nodiscard]] std::string period_title(const Report& report);

}  // namespace slimtax::reporter
