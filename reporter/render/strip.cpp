#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "reporter/render/pictures.hpp"
#include "reporter/render/statements.hpp"
#include "reporter/render/svg_parts.hpp"
#include "reporter/words.hpp"

namespace slimtax::reporter {
namespace {

using schemas::Booking;
using schemas::Duration;
using schemas::Instant;

/// Which of several stretches too short to draw is drawn: the worst.
constexpr std::array<int, 6> booking_weight{0, 4, 5, 2, 3, 1};
/// Stretches below this part of a row are drawn together.
constexpr double finest = 0.0008;

/// A stretch of a row: from and to as parts of it.
struct Stretch {
    double from = 0;
    double to = 0;
    Booking booking = Booking::up;
};

std::vector<Stretch> joined(const std::vector<Stretch>& all) {
    std::vector<Stretch> out;
    bool open = false;  // the last of `out` gathers stretches too short to draw
    for (const Stretch& one : all) {
        const bool tiny = one.to - one.from < finest;
        if (tiny && open && out.back().to - out.back().from < finest) {
            Stretch& last = out.back();
            last.to = one.to;
            if (booking_weight.at(static_cast<std::size_t>(one.booking)) >
                booking_weight.at(static_cast<std::size_t>(last.booking))) {
                last.booking = one.booking;
            }
        } else {
            out.push_back(one);
            open = tiny;
        }
    }
    return out;
}

/// A line every hour of a day, or every day of a week.
Html hour_lines(Duration length) {
    const auto hours = std::chrono::round<std::chrono::hours>(length);
    switch (hours.count()) {
        case 23: return element("use", {{"href", "#hours-23"}});
        case 24: return element("use", {{"href", "#hours-24"}});
        case 25: return element("use", {{"href", "#hours-25"}});
        case 167:
        case 168:
        case 169: return element("use", {{"href", "#days-7"}});
        default: return {};
    }
}

Html strip_row(const ObjectiveReport& objective, Instant from, Instant to) {
    const auto part = [&](Instant at) {
        return static_cast<double>((at - from).count()) / static_cast<double>((to - from).count());
    };
    std::vector<Stretch> stretches;
    for (const BookedSpan& span : objective.strip) {
        const Instant begin = std::max(span.from, from);
        const Instant end = std::min(span.to, to);
        if (begin < end) {
            stretches.push_back({part(begin), part(end), span.booking});
        }
    }
    stretches = joined(stretches);
    // Down last: its outline keeps the shortest outage visible.
    std::stable_sort(stretches.begin(), stretches.end(), [](const Stretch& a, const Stretch& b) {
        return booking_weight.at(static_cast<std::size_t>(a.booking)) <
               booking_weight.at(static_cast<std::size_t>(b.booking));
    });
    Html parts;
    for (const Stretch& stretch : stretches) {
        parts += booking_part(stretch.booking, stretch.from, stretch.to);
    }
    return element("svg", {{"class", "strip-row"}, {"width", "100%"}, {"height", "16"}, {"aria-hidden", "true"}},
                   parts + hour_lines(to - from));
}

Html axis(const std::vector<std::string>& labels) {
    Html ticks;
    for (const std::string& label : labels) {
        ticks += element("span", {}, label);
    }
    return element("div", {{"class", "strip-axis"}, {"aria-hidden", "true"}}, ticks);
}

std::string strip_label(const ObjectiveReport& objective) {
    std::string text = title_of(objective) + ":";
    for (const Booking booking : schemas::all_bookings) {
        if (objective.minutes[booking] > Duration::zero()) {
            text += fmt::format("{} {} {}", text.ends_with(':') ? "" : ",", booking_word(booking),
                                time_words(objective.minutes[booking]));
        }
    }
    return text;
}

}  // namespace

Html strip(const ObjectiveReport& objective, const Period& whole, const WallClock& clock) {
    const Period period = measured_part(objective, whole);
    Html rows;
    if (period.length() <= std::chrono::hours(26)) {
        rows += element("div", {{"class", "strip-line"}},
                        {element("span", {{"class", "strip-day"}}, clock.day(period.from)),
                         strip_row(objective, period.from, period.to)});
        const bool short_one = period.length() < std::chrono::minutes(20);
        const Instant middle = period.from + period.length() / 2;
        const auto tick = [&](Instant at) { return short_one ? clock.seconds(at) : clock.clock(at); };
        rows += axis({tick(period.from), tick(middle), tick(period.to)});
    } else {
        const int days = period.length() > std::chrono::hours(24 * 45) ? 7 : 1;
        for (Instant day = clock.day_start(period.from); day < period.to;) {
            Instant next = clock.next_day(day);
            for (int more = 1; more < days; ++more) {
                next = clock.next_day(next);
            }
            rows +=
                element("div", {{"class", "strip-line"}},
                        {element("span", {{"class", "strip-day"}}, clock.day(day)), strip_row(objective, day, next)});
            day = next;
        }
        if (days == 1) {
            rows += axis({"0 h", "6", "12", "18", "24"});
        } else {
            std::vector<std::string> names;
            for (Instant day = clock.day_start(period.from); names.size() < 7; day = clock.next_day(day)) {
                names.push_back(clock.day(day).substr(0, 3));
            }
            names.emplace_back();
            rows += axis(names);
        }
    }
    std::string words = clock_change_words(period, clock);
    if (period.from != whole.from) {
        words += fmt::format("{}Not measured before {}.", words.empty() ? "" : " ", clock.full(period.from));
    }
    const Html note = words.empty() ? Html() : element("p", {{"class", "strip-note"}}, words);
    return element("div", {{"class", "strip"}, {"role", "img"}, {"aria-label", strip_label(objective)}}, rows) + note;
}

Html sums(const ObjectiveReport& objective) {
    const auto seconds = whole_units(objective.minutes, std::chrono::seconds(1));
    Html parts;
    std::int64_t total = 0;
    for (std::size_t i = 0; i < seconds.size(); ++i) {
        total += seconds.at(i);
        const Html swatch =
            element("svg", {{"class", "swatch"}, {"width", "12"}, {"height", "12"}, {"aria-hidden", "true"}},
                    booking_part(schemas::all_bookings.at(i), 0, 1));
        parts += element("div", {{"class", seconds.at(i) == 0 ? "sum sum-none" : "sum"}},
                         {element("dt", {}, {swatch, booking_word(schemas::all_bookings.at(i))}),
                          element("dd", {}, hours_words(seconds.at(i)))});
    }
    parts += element("div", {{"class", "sum sum-total"}},
                     {element("dt", {}, "the whole period"), element("dd", {}, hours_words(total))});
    return element("dl", {{"class", "sums"}, {"aria-label", "Hours, minutes and seconds by kind of time"}}, parts);
}

}  // namespace slimtax::reporter
