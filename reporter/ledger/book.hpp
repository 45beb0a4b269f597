// An objective's states laid under the calendar: what every second of a period is booked as, and the outages.
#pragma once

#include <vector>

#include "reporter/ledger/calendar.hpp"
#include "reporter/ledger/ledger.hpp"
#include "reporter/report.hpp"

namespace slimtax::reporter {

/// Down time inside the window and not planned.
struct DownTime {
    schemas::Duration nominal{};
    schemas::Duration at_least{};
    schemas::Duration at_most{};
};

struct Booked {
    BookedTime time;
    std::vector<BookedSpan> strip;  ///< the calendar's whole stretch, neighbours different
    DownTime down;
};

/// Books the calendar's stretch: outside the window, else planned, else the nominal state. `spans` covers it.
[[nodiscard]] Booked book(const StateSpans& spans, const CalendarSpans& calendar);

/// The outages within the calendar's stretch, in order. `spans` covers it and may reach beyond.
///
/// One outage is one unbroken stretch of nominal `down`, however much of it lies outside the window, in planned
/// work or beyond the period; it is listed when some of it counts. `from` and `to` are its first and last moment
/// that count; hours between that do not count do not split it. Time after which nothing is known (unmeasured)
/// does: what follows is another outage. `at_most` reaches back to the outage before and on to the one after.
/// Targets, locations, cause and reason are left to the caller.
struct FoundOutage {
    Outage outage;
    schemas::Instant began;  ///< of the unbroken stretch, as far as `spans` reaches
    schemas::Instant ended;
    /// Its runs were due in [due_from, due_to): a run starts a little after it was due. As `began` and `ended` until
    /// somebody who knows the runs says better.
    schemas::Instant due_from = {};
    schemas::Instant due_to = {};
};
[[nodiscard]] std::vector<FoundOutage> find_outages(const StateSpans& spans, const CalendarSpans& calendar);

}  // namespace slimtax::reporter
