// Response times over the period, drawn as two step lines: what half of the runs and what 95 % of them took at most.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "reporter/render/pictures.hpp"
#include "reporter/render/scale.hpp"
#include "reporter/render/statements.hpp"
#include "reporter/render/svg_parts.hpp"
#include "reporter/words.hpp"

namespace slimtax::reporter {
namespace {

using schemas::Duration;
using schemas::Instant;

// Pixels.
constexpr double height = 124;
constexpr double top = 14;  ///< a limit's words stand above its line
/// The curves are drawn in a box of this size that is stretched to the picture's width.
constexpr double box_width = 2000;

double y_of(const Scale& scale, double value) {
    return height - 1 - scale.place(value) * (height - top);
}

double x_of(const Period& period, Instant at) {
    const double part = static_cast<double>((at - period.from).count()) / static_cast<double>(period.length().count());
    return std::clamp(part, 0.0, 1.0);
}

/// Of a round figure: "100 ms", "8 s", "2.5 s".
std::string round_words(double milliseconds) {
    return milliseconds < 1000 ? fmt::format("{:g} ms", milliseconds) : fmt::format("{:g} s", milliseconds / 1000);
}

/// The limits that are promised: the bands' edges, in milliseconds.
std::vector<double> limits_of(const ObjectiveReport& objective) {
    std::set<double> limits;
    for (const BandResult& result : objective.bands) {
        for (const auto& edge : {result.band.from, result.band.up_to}) {
            if (edge) {
                limits.insert(schemas::to_milliseconds(*edge));
            }
        }
    }
    return {limits.begin(), limits.end()};
}

/// Stretches that follow each other without a gap.
std::vector<std::vector<ResponseStretch>> runs_of(const ObjectiveReport& objective) {
    std::vector<std::vector<ResponseStretch>> runs;
    for (const ResponseStretch& one : objective.responses) {
        if (one.samples == 0) {
            continue;
        }
        if (runs.empty() || runs.back().back().to < one.from) {
            runs.emplace_back();
        }
        runs.back().push_back(one);
    }
    return runs;
}

/// A step line from left to right, begun by `begin`: "M" for a line of its own.
std::string steps(const std::vector<ResponseStretch>& run, const Period& period, const Scale& scale,
                  double ResponseStretch::*value, char begin) {
    std::string path;
    for (const ResponseStretch& one : run) {
        path += fmt::format("{}{:.0f} {:.1f}H{:.0f}", path.empty() ? begin : 'L', x_of(period, one.from) * box_width,
                            y_of(scale, one.*value), x_of(period, one.to) * box_width);
    }
    return path;
}

Html curves(const ObjectiveReport& objective, const Period& period, const Scale& scale) {
    std::string area;
    std::string half;
    std::string most;
    for (const auto& run : runs_of(objective)) {
        half += steps(run, period, scale, &ResponseStretch::p50, 'M');
        most += steps(run, period, scale, &ResponseStretch::p95, 'M');
        area += steps(run, period, scale, &ResponseStretch::p95, 'M');
        for (auto one = run.rbegin(); one != run.rend(); ++one) {
            area += fmt::format("L{:.0f} {:.1f}H{:.0f}", x_of(period, one->to) * box_width, y_of(scale, one->p50),
                                x_of(period, one->from) * box_width);
        }
        area += 'Z';
    }
    return element(
        "svg",
        {{"viewBox", fmt::format("0 0 {:.0f} {:.0f}", box_width, height)},
         {"preserveAspectRatio", "none"},
         {"width", "100%"},
         {"height", height}},
        {element("path", {{"class", "r-area"}, {"d", area}}), element("path", {{"class", "r-most"}, {"d", most}}),
         element("path", {{"class", "r-half"}, {"d", half}})});
}

/// Where the lower edge is marked: the hours of a day, the days of a week, else every seventh day.
std::vector<std::pair<Instant, std::string>> marks_of(const Period& period, const WallClock& clock) {
    std::vector<std::pair<Instant, std::string>> marks;
    if (period.length() <= std::chrono::hours(26)) {
        for (int i = 0; i < 4; ++i) {
            const Instant at = period.from + period.length() * i / 4;
            marks.emplace_back(at, clock.clock(at));
        }
        return marks;
    }
    const auto days = std::chrono::round<std::chrono::hours>(period.length()).count() / 24;
    const auto step = days <= 10 ? 1 : days <= 45 ? 7 : (days + 11) / 12;
    std::int64_t count = 0;
    for (Instant day = period.from; day < period.to; day = clock.next_day(day), ++count) {
        if (count % step == 0) {
            const std::string name = clock.day(day);  // "Tue 17 Nov"
            marks.emplace_back(day, step == 1 ? name.substr(0, 6) : name.substr(4));
        }
    }
    return marks;
}

Html limit_line(const Scale& scale, double limit) {
    const double y = y_of(scale, limit);
    return element("line", {{"class", "limit"}, {"x1", "0"}, {"x2", "100%"}, {"y1", y}, {"y2", y}}) +
           element("text", {{"class", "limit-words"}, {"x", "100%"}, {"y", y - 3}, {"text-anchor", "end"}},
                   round_words(limit) + " promised");
}

}  // namespace

Html response_picture(const ObjectiveReport& objective, const Period& period, const WallClock& clock) {
    double least = 0;
    double most = 0;
    for (const ResponseStretch& one : objective.responses) {
        if (one.samples > 0) {
            least = least == 0 ? one.p50 : std::min(least, one.p50);
            most = std::max(most, one.p95);
        }
    }
    if (most == 0) {
        return {};
    }
    const std::vector<double> limits = limits_of(objective);
    // The scale reaches up to the highest limit that is near what was measured.
    std::optional<double> highest;
    for (const double limit : limits) {
        highest = limit < 3 * most ? limit : highest;
    }
    const Scale scale = scale_over(least, most, highest, true);
    Html plot;
    Html axis;
    for (const double tick : scale.ticks) {
        const double y = y_of(scale, tick);
        plot += element("line", {{"class", "grid"}, {"x1", "0"}, {"x2", "100%"}, {"y1", y}, {"y2", y}});
        axis += element("text", {{"x", "100%"}, {"y", std::min(y + 3.5, height - 1)}, {"text-anchor", "end"}},
                        tick == 0 ? "0" : round_words(tick));
    }
    Html below;
    const bool daily = period.length() > std::chrono::hours(26) && period.length() <= std::chrono::hours(24 * 10 + 1);
    for (const auto& [at, words] : marks_of(period, clock)) {
        plot += mark("day", x_of(period, at));
        // "Mon 16" is too wide for a seventh of a telephone: the day's number stands below its name.
        const std::size_t cut = daily ? words.find(' ') : std::string::npos;
        below += element("text", {{"x", percent(x_of(period, at))}, {"y", "12"}}, words.substr(0, cut));
        if (cut != std::string::npos) {
            below += element("text", {{"x", percent(x_of(period, at))}, {"y", "25"}}, words.substr(cut + 1));
        }
    }
    plot += curves(objective, period, scale);
    Html beyond;
    for (const double limit : limits) {
        if (limit <= scale.most) {
            plot += limit_line(scale, limit);
        } else {
            beyond += fmt::format(" All lies far below the {} promised.", round_words(limit));
        }
    }
    const char* unit = period.length() > std::chrono::hours(24 * 10) ? "day by day" : "hour by hour";
    const std::string label = fmt::format("Response times {}: half of the runs took {} or more, 95 % took {} at most",
                                          unit, response_words(least), response_words(most));
    const auto sample = [](const char* kind) {
        return element("svg", {{"class", "key"}, {"width", "22"}, {"height", "10"}, {"aria-hidden", "true"}},
                       element("path", {{"class", kind}, {"d", "M0 5H22"}}));
    };
    const Html key = element("p", {{"class", "bar-key"}},
                             {element("span", {}, {sample("r-half"), "half of the runs took at most this, ", unit}),
                              element("span", {}, {sample("r-most"), "95 % took at most this"}),
                              scale.logarithmic ? element("span", {}, "each line up is ten times slower") : Html(),
                              beyond.empty() ? Html() : element("span", {}, beyond)});
    return element(
        "div", {{"class", "response-picture"}},
        {element(
             "div", {{"class", "picture-row"}, {"role", "img"}, {"aria-label", label}},
             {element("svg", {{"class", "axis"}, {"width", "52"}, {"height", height}, {"aria-hidden", "true"}}, axis),
              element("svg", {{"class", "plot"}, {"width", "100%"}, {"height", height}, {"aria-hidden", "true"}},
                      plot)}),
         element(
             "div", {{"class", "days"}},
             element("svg",
                     {{"class", "axis"}, {"width", "100%"}, {"height", daily ? "29" : "16"}, {"aria-hidden", "true"}},
                     below)),
         key});
}

}  // namespace slimtax::reporter
