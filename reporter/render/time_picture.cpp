#include "reporter/render/time_picture.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "reporter/render/svg_parts.hpp"

namespace slimtax::reporter {
namespace {

using schemas::Instant;

constexpr double top = 14;  ///< pixels: a limit's words stand above its line

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

}  // namespace

double picture_y(const Scale& scale, double value) {
    return curve_height - 1 - scale.place(value) * (curve_height - top);
}

double picture_x(const Period& period, Instant at) {
    const double part = static_cast<double>((at - period.from).count()) / static_cast<double>(period.length().count());
    return std::clamp(part, 0.0, 1.0);
}

std::string picture_step(char join, const Period& period, const Scale& scale, Instant from, Instant to, double value) {
    return fmt::format("{}{:.0f} {:.1f}H{:.0f}", join, picture_x(period, from) * curve_width, picture_y(scale, value),
                       picture_x(period, to) * curve_width);
}

Html curve_box(const Html& paths) {
    return element("svg",
                   {{"viewBox", fmt::format("0 0 {:.0f} {:.0f}", curve_width, curve_height)},
                    {"preserveAspectRatio", "none"},
                    {"width", "100%"},
                    {"height", curve_height}},
                   paths);
}

Html limit_line(const Scale& scale, double limit, const std::string& words) {
    const double y = picture_y(scale, limit);
    return element("line", {{"class", "limit"}, {"x1", "0"}, {"x2", "100%"}, {"y1", y}, {"y2", y}}) +
           element("text", {{"class", "limit-words"}, {"x", "100%"}, {"y", y - 3}, {"text-anchor", "end"}}, words);
}

Html line_sample(const char* kind) {
    return element("svg", {{"class", "key"}, {"width", "22"}, {"height", "10"}, {"aria-hidden", "true"}},
                   element("path", {{"class", kind}, {"d", "M0 5H22"}}));
}

Html time_picture(const TimePicture& picture, const Period& period, const WallClock& clock) {
    Html plot;
    Html axis;
    for (const double tick : picture.scale.ticks) {
        const double y = picture_y(picture.scale, tick);
        plot += element("line", {{"class", "grid"}, {"x1", "0"}, {"x2", "100%"}, {"y1", y}, {"y2", y}});
        axis += element("text", {{"x", "100%"}, {"y", std::min(y + 3.5, curve_height - 1)}, {"text-anchor", "end"}},
                        tick == 0 ? "0" : picture.tick_words(tick));
    }
    Html below;
    const bool daily = period.length() > std::chrono::hours(26) && period.length() <= std::chrono::hours(24 * 10 + 1);
    for (const auto& [at, words] : marks_of(period, clock)) {
        plot += mark("day", picture_x(period, at));
        // "Mon 16" is too wide for a seventh of a telephone: the day's number stands below its name.
        const std::size_t cut = daily ? words.find(' ') : std::string::npos;
        below += element("text", {{"x", percent(picture_x(period, at))}, {"y", "12"}}, words.substr(0, cut));
        if (cut != std::string::npos) {
            below += element("text", {{"x", percent(picture_x(period, at))}, {"y", "25"}}, words.substr(cut + 1));
        }
    }
    plot += picture.curves;
    return element(
        "div", {{"class", "response-picture"}},
        {element(
             "div", {{"class", "picture-row"}, {"role", "img"}, {"aria-label", picture.label}},
             {element("svg", {{"class", "axis"}, {"width", "52"}, {"height", curve_height}, {"aria-hidden", "true"}},
                      axis),
              element("svg", {{"class", "plot"}, {"width", "100%"}, {"height", curve_height}, {"aria-hidden", "true"}},
                      plot)}),
         element(
             "div", {{"class", "days"}},
             element("svg",
                     {{"class", "axis"}, {"width", "100%"}, {"height", daily ? "29" : "16"}, {"aria-hidden", "true"}},
                     below)),
         element("p", {{"class", "bar-key"}}, picture.key)});
}

}  // namespace slimtax::reporter
