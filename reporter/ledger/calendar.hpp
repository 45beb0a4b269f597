// When a service has to be available: its window laid over a stretch of time (design §6, S8).
//
// The rules, all in the window's time zone:
// - An instant is inside when the wall clock shows a time within the weekly hours, on a date that is not closed.
//   So an hour that the clock change skips is never open, and one that exists twice is open twice.
// - 24:00 is the end of the day; Monday until 24:00 and Tuesday from 00:00 are one stretch.
// - Announced maintenance is one stretch of real time from its begin to its end; of a time that exists twice the
//   first is meant, and one that is skipped means the skip. What passed before it was announced is not planned.
#pragma once

#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "reporter/ledger/zone.hpp"
#include "schemas/definition.hpp"
#include "schemas/time.hpp"

namespace slimtax::reporter {

enum class Hours : std::uint8_t {
    open,     ///< inside the window: this time counts
    planned,  ///< inside the window, but announced maintenance
    outside,
};

struct CalendarSpan {
    schemas::Instant from;
    schemas::Instant to;
    Hours hours = Hours::open;

    bool operator==(const CalendarSpan&) const = default;
};

/// [from, to) with all of it once, in order, neighbours different.
using CalendarSpans = std::vector<CalendarSpan>;

class Calendar {
public:
    /// The error (an unknown time zone) is a sentence.
    [[nodiscard]] static tl::expected<Calendar, std::string> make(const schemas::Window& window);

    [[nodiscard]] CalendarSpans spans(schemas::Instant from, schemas::Instant to) const;

    /// Why work is going on at that instant; empty when none is announced.
    [[nodiscard]] std::string why(schemas::Instant instant) const;

    [[nodiscard]] const Zone& zone() const { return zone_; }

private:
    struct Work {
        schemas::Instant from;
        schemas::Instant to;
        std::string why;
    };

    Zone zone_;
    schemas::Window window_;
    std::vector<Work> work_;
};

}  // namespace slimtax::reporter
