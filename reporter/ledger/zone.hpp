// A time zone: between UTC instants and what the clock on the wall shows. The system's tz data (package tzdata),
// read by Howard Hinnant's library, which stays out of this header.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "schemas/time.hpp"

namespace date {
class time_zone;
}

namespace slimtax::reporter {

/// What a wall clock shows, without saying where.
using LocalTime = std::chrono::local_time<std::chrono::microseconds>;

/// [from, to) in which a zone keeps one distance from UTC.
struct OffsetSpan {
    schemas::Instant from;
    schemas::Instant to;
    std::chrono::seconds offset{};  ///< local = UTC + offset
};

/// Immutable, cheap to copy, usable from several threads. The tz data lives as long as the program.
/// Debian's data lists clock changes up to 2037; later years keep winter time.
class Zone {
public:
    /// UTC.
    Zone();

    /// By IANA name ("America/New_York"). The error is a sentence.
    [[nodiscard]] static tl::expected<Zone, std::string> find(const std::string& name);

    /// The first instant at which local clocks show `local`: of a time that exists twice, the earlier one;
    /// a time that is skipped means the moment of the skip.
    [[nodiscard]] schemas::Instant instant_of(LocalTime local) const;

    /// The start of a local day: 00:00, or the first moment that exists.
    [[nodiscard]] schemas::Instant start_of(std::chrono::local_days day) const { return instant_of(LocalTime(day)); }

    [[nodiscard]] LocalTime local_of(schemas::Instant instant) const;

    /// [from, to) cut at the clock changes.
    [[nodiscard]] std::vector<OffsetSpan> offsets(schemas::Instant from, schemas::Instant to) const;

    [[nodiscard]] const std::string& name() const { return name_; }

private:
    std::string name_;
    const date::time_zone* zone_;
};

}  // namespace slimtax::reporter
