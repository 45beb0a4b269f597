#include "reporter/ledger/calendar.hpp"

#include <algorithm>
#include <utility>

namespace slimtax::reporter {
namespace {

using schemas::Instant;
using std::chrono::days;
using std::chrono::local_days;
using std::chrono::minutes;

struct Interval {
    Instant from;
    Instant to;
};
using Intervals = std::vector<Interval>;

/// Sorted, disjoint, touching ones joined.
Intervals joined(Intervals list) {
    std::sort(list.begin(), list.end(), [](const Interval& a, const Interval& b) { return a.from < b.from; });
    Intervals result;
    for (const Interval& next : list) {
        if (next.from >= next.to) {
            continue;
        }
        if (!result.empty() && next.from <= result.back().to) {
            result.back().to = std::max(result.back().to, next.to);
        } else {
            result.push_back(next);
        }
    }
    return result;
}

bool closed_on(const schemas::Window& window, local_days day) {
    return std::find(window.closed.begin(), window.closed.end(), std::chrono::year_month_day(day)) !=
           window.closed.end();
}

/// Adds the open hours of one local day, as far as they lie in a stretch of constant offset.
void add_day(const schemas::Window& window, local_days day, const OffsetSpan& span, Intervals& open) {
    if (closed_on(window, day)) {
        return;
    }
    const auto add = [&](minutes from, minutes to) {
        const Instant start((LocalTime(day) + from).time_since_epoch() - span.offset);
        open.push_back({std::max(start, span.from), std::min(start + (to - from), span.to)});
    };
    if (window.open.empty()) {
        add(minutes(0), days(1));
    }
    for (const schemas::WeeklyHours& hours : window.open) {
        if (hours.day == std::chrono::weekday(day)) {
            add(minutes(hours.from_minute), minutes(hours.to_minute));
        }
    }
}

/// Cutting at the clock changes first makes local time a plain shift of UTC in each part.
Intervals open_hours(const schemas::Window& window, const Zone& zone, Instant from, Instant to) {
    if (window.open.empty() && window.closed.empty()) {
        return {{from, to}};
    }
    Intervals open;
    for (const OffsetSpan& span : zone.offsets(from, to)) {
        const LocalTime first((span.from + span.offset).time_since_epoch());
        const LocalTime end((span.to + span.offset).time_since_epoch());
        for (local_days day = std::chrono::floor<days>(first); LocalTime(day) < end; day += days(1)) {
            add_day(window, day, span, open);
        }
    }
    return joined(std::move(open));
}

void append(CalendarSpans& spans, Instant from, Instant to, Hours hours) {
    if (from >= to) {
        return;
    }
    if (!spans.empty() && spans.back().hours == hours) {
        spans.back().to = to;
    } else {
        spans.push_back({from, to, hours});
    }
}

}  // namespace

tl::expected<Calendar, std::string> Calendar::make(const schemas::Window& window) {
    auto zone = Zone::find(window.timezone);
    if (!zone) {
        return tl::unexpected(zone.error());
    }
    Calendar calendar;
    calendar.zone_ = *std::move(zone);
    calendar.window_ = window;
    for (const schemas::Maintenance& work : window.maintenance) {
        Instant from = calendar.zone_.instant_of(work.from);
        if (work.announced) {
            from = std::max(from, calendar.zone_.instant_of(*work.announced));
        }
        calendar.work_.push_back({from, calendar.zone_.instant_of(work.to), work.why});
    }
    return calendar;
}

CalendarSpans Calendar::spans(Instant from, Instant to) const {
    if (from >= to) {
        return {};
    }
    Intervals planned;
    for (const Work& work : work_) {
        planned.push_back({std::max(work.from, from), std::min(work.to, to)});
    }
    planned = joined(std::move(planned));

    CalendarSpans spans;
    Instant at = from;
    auto work = planned.begin();
    for (const Interval& open : open_hours(window_, zone_, from, to)) {
        append(spans, at, open.from, Hours::outside);
        at = open.from;
        while (at < open.to) {
            while (work != planned.end() && work->to <= at) {
                ++work;
            }
            const bool working = work != planned.end() && work->from <= at;
            const Instant next = work == planned.end() ? open.to : (working ? work->to : work->from);
            const Instant end = std::min(open.to, next);
            append(spans, at, end, working ? Hours::planned : Hours::open);
            at = end;
        }
    }
    append(spans, at, to, Hours::outside);
    return spans;
}

std::string Calendar::why(Instant instant) const {
    for (const Work& work : work_) {
        if (work.from <= instant && instant < work.to) {
            return work.why;
        }
    }
    return {};
}

}  // namespace slimtax::reporter
