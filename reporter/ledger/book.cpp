#include "reporter/ledger/book.hpp"

#include <algorithm>
#include <optional>

namespace slimtax::reporter {
namespace {

using schemas::Booking;
using schemas::Duration;
using schemas::Instant;
using schemas::State;

Booking booking_of(State state) {
    switch (state) {
        case State::up: return Booking::up;
        case State::degraded: return Booking::degraded;
        case State::down: return Booking::down;
        case State::unmeasured: return Booking::unmeasured;
    }
    return Booking::unmeasured;
}

/// Calls piece(span, hours, from, to) for each stretch with one state and one kind of hours.
template <class Piece>
void sweep(const StateSpans& spans, const CalendarSpans& calendar, Piece&& piece) {
    auto span = spans.begin();
    for (const CalendarSpan& hours : calendar) {
        while (span != spans.end() && span->to <= hours.from) {
            ++span;
        }
        for (; span != spans.end() && span->from < hours.to; ++span) {
            piece(*span, hours.hours, std::max(span->from, hours.from), std::min(span->to, hours.to));
            if (span->to > hours.to) {
                break;  // it goes on in the next hours
            }
        }
    }
}

bool down_for_certain(const StateSpan& span) {
    return span.shortest == State::down && span.nominal == State::down;
}
bool down_at_most(const StateSpan& span) {
    return span.longest == State::down || span.nominal == State::down;
}

void append_booked(std::vector<BookedSpan>& strip, Instant from, Instant to, Booking booking) {
    if (!strip.empty() && strip.back().booking == booking && strip.back().to == from) {
        strip.back().to = to;
    } else {
        strip.push_back({from, to, booking});
    }
}

/// The time of [from, to) that counts: open hours. Looked up by sums, so that many outages stay cheap.
class OpenTime {
public:
    explicit OpenTime(const CalendarSpans& calendar) {
        for (const CalendarSpan& span : calendar) {
            if (span.hours == Hours::open) {
                open_.push_back(span);
                before_.push_back(sum_);
                sum_ += span.to - span.from;
            }
        }
    }

    [[nodiscard]] Duration in(Instant from, Instant to) const {
        return from < to ? until(to) - until(from) : Duration(0);
    }

    /// The first moment that counts at or after, and the last one at or before an instant.
    [[nodiscard]] Instant first_from(Instant at) const {
        const auto span = ending_after(at);
        return span == open_.end() ? at : std::max(at, span->from);
    }
    [[nodiscard]] Instant last_to(Instant at) const {
        const auto after = std::lower_bound(open_.begin(), open_.end(), at,
                                            [](const CalendarSpan& span, Instant t) { return span.from < t; });
        return after == open_.begin() ? at : std::min(at, std::prev(after)->to);
    }

private:
    using Iterator = CalendarSpans::const_iterator;
    [[nodiscard]] Iterator ending_after(Instant at) const {
        return std::upper_bound(open_.begin(), open_.end(), at,
                                [](Instant t, const CalendarSpan& span) { return t < span.to; });
    }
    [[nodiscard]] Duration until(Instant at) const {
        const auto span = ending_after(at);
        if (span == open_.end()) {
            return sum_;
        }
        const auto index = static_cast<std::size_t>(span - open_.begin());
        return before_[index] + std::max(Duration(0), at - span->from);
    }

    CalendarSpans open_;
    std::vector<Duration> before_;
    Duration sum_{};
};

/// A run of neighbouring spans, [first, end).
struct Block {
    std::size_t first = 0;
    std::size_t end = 0;
};

std::vector<Block> nominal_outages(const StateSpans& spans) {
    std::vector<Block> blocks;
    for (std::size_t i = 0; i < spans.size(); ++i) {
        if (spans[i].nominal != State::down) {
            continue;
        }
        if (!blocks.empty() && blocks.back().end == i) {
            ++blocks.back().end;
        } else {
            blocks.push_back({i, i + 1});
        }
    }
    return blocks;
}

/// The block grown by the neighbours that may have been down too, up to the outages before and after.
Block grown(const StateSpans& spans, Block block) {
    while (block.first > 0 && spans[block.first - 1].nominal != State::down && down_at_most(spans[block.first - 1])) {
        --block.first;
    }
    while (block.end < spans.size() && spans[block.end].nominal != State::down && down_at_most(spans[block.end])) {
        ++block.end;
    }
    return block;
}

}  // namespace

Booked book(const StateSpans& spans, const CalendarSpans& calendar) {
    Booked booked;
    sweep(spans, calendar, [&](const StateSpan& span, Hours hours, Instant from, Instant to) {
        const Booking booking = hours == Hours::outside   ? Booking::outside
                                : hours == Hours::planned ? Booking::planned
                                                          : booking_of(span.nominal);
        booked.time[booking] += to - from;
        append_booked(booked.strip, from, to, booking);
        if (hours == Hours::open) {
            booked.down.nominal += span.nominal == State::down ? to - from : Duration(0);
            booked.down.at_least += down_for_certain(span) ? to - from : Duration(0);
            booked.down.at_most += down_at_most(span) ? to - from : Duration(0);
        }
    });
    return booked;
}

std::vector<FoundOutage> find_outages(const StateSpans& spans, const CalendarSpans& calendar) {
    std::vector<FoundOutage> outages;
    if (calendar.empty()) {
        return outages;
    }
    const Instant period_from = calendar.front().from;
    const Instant period_to = calendar.back().to;
    const OpenTime open(calendar);
    for (const Block& block : nominal_outages(spans)) {
        FoundOutage found;
        found.began = spans[block.first].from;
        found.ended = spans[block.end - 1].to;
        found.due_from = found.began;
        found.due_to = found.ended;
        Outage& outage = found.outage;
        outage.nominal = open.in(found.began, found.ended);
        if (outage.nominal == Duration(0)) {
            continue;
        }
        for (std::size_t i = block.first; i < block.end; ++i) {
            outage.at_least += down_for_certain(spans[i]) ? open.in(spans[i].from, spans[i].to) : Duration(0);
        }
        const Block most = grown(spans, block);
        outage.at_most = open.in(spans[most.first].from, spans[most.end - 1].to);
        outage.since_before = found.began < period_from;
        outage.from = open.first_from(std::max(found.began, period_from));
        // At the very end of what is known an outage is not over.
        outage.ongoing = found.ended > period_to || (found.ended == period_to && spans.back().to == period_to);
        outage.to = outage.ongoing ? period_to : open.last_to(found.ended);
        outages.push_back(std::move(found));
    }
    return outages;
}

}  // namespace slimtax::reporter
