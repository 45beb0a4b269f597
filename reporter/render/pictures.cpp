#include "reporter/render/pictures.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "reporter/render/words.hpp"

namespace slimtax::reporter {
namespace {

using schemas::Booking;
using schemas::Duration;
using schemas::Instant;
using schemas::Light;

constexpr std::array<const char*, 6> booking_class{"t-up",      "t-slow",       "t-down",
                                                   "t-planned", "t-unmeasured", "t-outside"};
/// Which of several stretches too short to draw is drawn: the worst.
constexpr std::array<int, 6> booking_weight{0, 4, 5, 2, 3, 1};
/// Stretches below this part of a row are drawn together.
constexpr double finest = 0.0008;

std::string percent(double fraction) {
    return fmt::format("{:.3f}%", std::clamp(fraction, 0.0, 1.0) * 100);
}

Html bar_part(const char* kind, double from, double to) {
    return element("rect", {{"class", kind}, {"x", percent(from)}, {"width", percent(to - from)}, {"height", "100%"}});
}

Html mark(const char* kind, double at) {
    return element("line", {{"class", kind}, {"x1", percent(at)}, {"x2", percent(at)}, {"y1", "0"}, {"y2", "100%"}});
}

/// A stretch of a row: from and to as parts of it.
struct Stretch {
    double from = 0;
    double to = 0;
    Booking booking = Booking::up;
};

Html drawn(const Stretch& stretch) {
    Attributes attributes{{"class", booking_class.at(static_cast<std::size_t>(stretch.booking))},
                          {"x", percent(stretch.from)},
                          {"width", percent(stretch.to - stretch.from)},
                          {"height", "100%"}};
    if (stretch.booking == Booking::planned) {
        attributes.push_back(Attribute("fill", "url(#planned)"));
    } else if (stretch.booking == Booking::unmeasured) {
        attributes.push_back(Attribute("fill", "url(#unmeasured)"));
    }
    return element("rect", attributes);
}

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
        parts += drawn(stretch);
    }
    return element("svg", {{"class", "strip-row"}, {"width", "100%"}, {"height", "14"}, {"aria-hidden", "true"}},
                   parts);
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

std::string band_range(const schemas::Band& band) {
    if (band.up_to && !band.from) {
        return "up to " + time_words(*band.up_to);
    }
    if (band.up_to && band.from) {
        return fmt::format("{} to {}", time_words(*band.from), time_words(*band.up_to));
    }
    return band.from ? "over " + time_words(*band.from) : "all";
}

}  // namespace

Html light_icon(Light light) {
    Html shape;
    switch (light) {
        case Light::green: shape = element("circle", {{"cx", "8"}, {"cy", "8"}, {"r", "6.5"}}); break;
        case Light::amber: shape = element("path", {{"d", "M8 1.2 15.2 14H.8z"}}); break;
        case Light::red:
            shape = {element("rect", {{"x", ".5"}, {"y", ".5"}, {"width", "15"}, {"height", "15"}, {"rx", "1.5"}}),
                     element("path", {{"class", "cross"}, {"d", "M4.5 4.5l7 7m0-7l-7 7"}})};
            break;
        case Light::grey:
            shape = element("circle", {{"cx", "8"}, {"cy", "8"}, {"r", "6"}, {"stroke-dasharray", "2.6 2.1"}});
            break;
        case Light::blue: shape = element("path", {{"d", "M8 .6 15.4 8 8 15.4.6 8z"}}); break;
        case Light::hollow: shape = element("circle", {{"cx", "8"}, {"cy", "8"}, {"r", "6"}}); break;
    }
    return element("svg",
                   {{"class", "icon icon-" + std::string(schemas::to_string(light))},
                    {"viewBox", "0 0 16 16"},
                    {"width", "16"},
                    {"height", "16"},
                    {"aria-hidden", "true"}},
                   shape);
}

Html light_with_word(Light light, std::string_view word) {
    return element("span", {{"class", "light light-" + std::string(schemas::to_string(light))}},
                   {light_icon(light), element("span", {{"class", "word"}}, word.empty() ? light_word(light) : word)});
}

Html budget_left_bar(const BudgetUse& budget) {
    const bool over = budget.remaining() < 0;
    const double left = budget.allowed > 0 ? std::max(0.0, budget.remaining() / budget.allowed) : over ? 0.0 : 1.0;
    const char* kind = over ? "b-over" : left <= 0.25 ? "b-low" : "b-left";
    const std::string allowed = budget_words(budget.allowed, budget.in_failures);
    const std::string label =
        over ? fmt::format("budget overspent by {}, {} allowed", budget_words(-budget.remaining(), budget.in_failures),
                           allowed)
             : fmt::format("{} of {} left", budget_words(budget.remaining(), budget.in_failures), allowed);
    return element("svg",
                   {{"class", "bar"}, {"width", "100%"}, {"height", "8"}, {"role", "img"}, {"aria-label", label}},
                   {bar_part("b-track", 0, 1), bar_part(kind, 0, over ? 1 : left)});
}

Html budget_spent_bar(const BudgetUse& budget) {
    const double most = std::max({budget.allowed, budget.spent, budget.spent_at_most});
    const double scale = most > 0 ? most * 1.02 : 1;
    const double spent = budget.spent / scale;
    const double allowed = budget.allowed / scale;
    Html parts = bar_part("b-track", 0, allowed) + bar_part("b-spent", 0, std::min(spent, allowed));
    if (spent > allowed) {
        parts += bar_part("b-over", allowed, spent);
    }
    if (budget.spent_at_most > budget.spent_at_least) {
        const std::string from = percent(budget.spent_at_least / scale);
        const std::string to = percent(budget.spent_at_most / scale);
        parts += element("line", {{"class", "b-whisker"}, {"x1", from}, {"x2", to}, {"y1", "50%"}, {"y2", "50%"}});
        parts += element("line", {{"class", "b-whisker"}, {"x1", from}, {"x2", from}, {"y1", "25%"}, {"y2", "75%"}});
        parts += element("line", {{"class", "b-whisker"}, {"x1", to}, {"x2", to}, {"y1", "25%"}, {"y2", "75%"}});
    }
    parts += mark("b-allowed", allowed);
    const std::string label = fmt::format("{} spent of {} allowed", budget_words(budget.spent, budget.in_failures),
                                          budget_words(budget.allowed, budget.in_failures));
    return element(
        "svg", {{"class", "bar"}, {"width", "100%"}, {"height", "16"}, {"role", "img"}, {"aria-label", label}}, parts);
}

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
        rows += days == 1 ? axis({"0 h", "6", "12", "18", "24"}) : axis({"Day 1", "8"});
    }
    const Html note =
        period.from == whole.from
            ? Html()
            : element("p", {{"class", "strip-note"}}, fmt::format("Not measured before {}.", clock.full(period.from)));
    return element("div", {{"class", "strip"}, {"role", "img"}, {"aria-label", strip_label(objective)}}, rows) + note;
}

Html band_bars(const ObjectiveReport& objective) {
    Html rows;
    for (const BandResult& result : objective.bands) {
        const bool floor = result.band.at_least.has_value();
        const double goal = floor ? *result.band.at_least : result.band.at_most.value_or(1);
        const Html bar =
            element("svg", {{"class", "bar"}, {"width", "100%"}, {"height", "12"}, {"aria-hidden", "true"}},
                    {bar_part("b-track", 0, 1), bar_part(result.met ? "b-spent" : "b-over", 0, result.share),
                     mark("b-allowed", goal)});
        const std::string_view outcome = result.met ? "kept" : "missed";
        rows += element(
            "tr", {},
            {element("th", {{"scope", "row"}}, band_range(result.band)), element("td", {{"class", "bar-cell"}}, bar),
             element("td", {{"class", "number"}}, share_words(result.share)),
             element("td", {}, fmt::format("{} {}: {}", floor ? "at least" : "at most", share_words(goal), outcome))});
    }
    if (rows.empty()) {
        return {};
    }
    const Html head = element(
        "tr", {},
        {element("th", {{"scope", "col"}}, "Response time"),
         element("th", {{"scope", "col"}, {"class", "bar-cell"}}, "Share of runs"),
         element("th", {{"scope", "col"}, {"class", "number"}}, "Share"), element("th", {{"scope", "col"}}, "Goal")});
    return element("table", {{"class", "bands"}}, {element("thead", {}, head), element("tbody", {}, rows)});
}

Html sums(const ObjectiveReport& objective) {
    const auto seconds = whole_units(objective.minutes, std::chrono::seconds(1));
    Html parts;
    std::int64_t total = 0;
    for (std::size_t i = 0; i < seconds.size(); ++i) {
        total += seconds.at(i);
        Attributes fill{{"class", booking_class.at(i)}, {"width", "100%"}, {"height", "100%"}};
        if (schemas::all_bookings.at(i) == Booking::planned) {
            fill.push_back(Attribute("fill", "url(#planned)"));
        } else if (schemas::all_bookings.at(i) == Booking::unmeasured) {
            fill.push_back(Attribute("fill", "url(#unmeasured)"));
        }
        const Html swatch =
            element("svg", {{"class", "swatch"}, {"width", "10"}, {"height", "10"}, {"aria-hidden", "true"}},
                    element("rect", fill));
        parts += element("div", {{"class", seconds.at(i) == 0 ? "sum sum-none" : "sum"}},
                         {element("dt", {}, {swatch, booking_word(schemas::all_bookings.at(i))}),
                          element("dd", {}, hours_words(seconds.at(i)))});
    }
    parts += element("div", {{"class", "sum sum-total"}},
                     {element("dt", {}, "the whole period"), element("dd", {}, hours_words(total))});
    return element("dl", {{"class", "sums"}, {"aria-label", "Hours, minutes and seconds by kind of time"}}, parts);
}

Html picture_patterns() {
    const auto pattern = [](const char* id, const Html& content) {
        return element("pattern", {{"id", id}, {"width", "6"}, {"height", "6"}, {"patternUnits", "userSpaceOnUse"}},
                       content);
    };
    const Html ground = element("rect", {{"width", "6"}, {"height", "6"}, {"class", "p-ground"}});
    return element(
        "svg", {{"class", "patterns"}, {"width", "0"}, {"height", "0"}, {"aria-hidden", "true"}},
        element("defs", {},
                {pattern("unmeasured",
                         {ground, element("path", {{"class", "p-unmeasured"}, {"d", "M-1 7 7-1M-1 1 1-1M5 7 7 5"}})}),
                 pattern("planned", {element("rect", {{"width", "6"}, {"height", "6"}, {"class", "p-planned-ground"}}),
                                     element("path", {{"class", "p-planned"}, {"d", "M0 3h6"}})})}));
}

Html time_element(Instant at, std::string_view text) {
    return element("time", {{"datetime", schemas::to_rfc3339(at)}}, text);
}

}  // namespace slimtax::reporter
