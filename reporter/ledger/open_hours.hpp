// The open hours of a calendar, looked up by instant.
#pragma once

#include <algorithm>
#include <iterator>

#include "reporter/ledger/calendar.hpp"
#include "reporter/ledger/ledger.hpp"

namespace slimtax::reporter {

class OpenHours {
public:
    explicit OpenHours(const CalendarSpans& calendar) {
        std::copy_if(calendar.begin(), calendar.end(), std::back_inserter(open_),
                     [](const CalendarSpan& span) { return span.hours == Hours::open; });
    }

    [[nodiscard]] bool hold(schemas::Instant instant) const {
        const auto span = ending_after(instant);
        return span != open_.end() && span->from <= instant;
    }
    /// All of [from, to) is open.
    [[nodiscard]] bool hold_all(schemas::Instant from, schemas::Instant to) const {
        const auto span = ending_after(from);
        return span != open_.end() && span->from <= from && to <= span->to;
    }
    /// Some of [from, to) is open.
    [[nodiscard]] bool touch(schemas::Instant from, schemas::Instant to) const {
        const auto span = ending_after(from);
        return span != open_.end() && span->from < to;
    }
    [[nodiscard]] std::uint64_t missed(const SeriesClock& clock, const MissedRuns& missed) const {
        std::uint64_t count = 0;
        for (auto span = ending_after(missed.first); span != open_.end() && span->from < missed.before; ++span) {
            count += count_missed(clock, missed, span->from, span->to);
        }
        return count;
    }

private:
    [[nodiscard]] CalendarSpans::const_iterator ending_after(schemas::Instant instant) const {
        return std::upper_bound(open_.begin(), open_.end(), instant,
                                [](schemas::Instant t, const CalendarSpan& span) { return t < span.to; });
    }
    CalendarSpans open_;
};

}  // namespace slimtax::reporter
