// Work done over the period against what was promised (A4): a step line over an area, and a dashed line. It shows in
// one look whether the users did less, or were fewer, or whether more was promised at some hour than anybody does then.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "reporter/render/pictures.hpp"
#include "reporter/render/time_picture.hpp"
#include "reporter/words.hpp"

namespace slimtax::reporter {
namespace {

std::string amount_words(double amount) {
    return amount < 10 ? fmt::format("{:.2g}", amount) : grouped(static_cast<std::uint64_t>(std::llround(amount)));
}

/// Step lines, each begun anew behind a gap.
std::string steps(const std::vector<WorkStretch>& hours, const Period& period, const Scale& scale,
                  double WorkStretch::*value) {
    std::string path;
    for (std::size_t i = 0; i < hours.size(); ++i) {
        const bool joined = i > 0 && hours[i - 1].to >= hours[i].from;
        path += picture_step(joined ? 'L' : 'M', period, scale, hours[i].from, hours[i].to, hours[i].*value);
    }
    return path;
}

std::string area(const std::vector<WorkStretch>& hours, const Period& period, const Scale& scale) {
    std::string path;
    for (const WorkStretch& one : hours) {
        path += picture_step('M', period, scale, one.from, one.to, one.per_hour) +
                picture_step('L', period, scale, one.to, one.from, 0) + "Z";
    }
    return path;
}

}  // namespace

Html work_picture(const ObjectiveReport& objective, const Period& period, const WallClock& clock) {
    if (!objective.work || objective.work->hours.empty()) {
        return {};
    }
    const std::vector<WorkStretch>& hours = objective.work->hours;
    double most = 0;
    double asked_least = hours.front().asked;
    double asked_most = 0;
    std::size_t below = 0;
    for (const WorkStretch& one : hours) {
        most = std::max({most, one.per_hour, one.asked});
        asked_least = std::min(asked_least, one.asked);
        asked_most = std::max(asked_most, one.asked);
        below += one.per_hour < one.asked ? 1 : 0;
    }
    const Scale scale = scale_over(0, most, std::nullopt, false);
    const bool fixed = asked_least == asked_most;
    Html lines = curve_box(
        {element("path", {{"class", "r-area"}, {"d", area(hours, period, scale)}}),
         element("path", {{"class", "r-half"}, {"d", steps(hours, period, scale, &WorkStretch::per_hour)}}),
         fixed ? Html()
               : element("path", {{"class", "w-asked"}, {"d", steps(hours, period, scale, &WorkStretch::asked)}})});
    if (fixed && asked_most > 0) {
        lines += limit_line(scale, asked_most, amount_words(asked_most) + " promised");
    }
    const bool daily = period.length() > std::chrono::hours(24 * 10);
    const char* unit = daily ? "day by day" : "hour by hour";
    std::string label = fmt::format("Work done {}, in units an hour", unit);
    Html key = element("span", {}, {line_sample("r-half"), "units of work an hour, ", unit});
    if (asked_most > 0) {
        label += fmt::format(": less than promised in {} of {}", below, counted(hours.size(), daily ? "day" : "hour"));
        key +=
            element("span", {}, {line_sample("w-asked"), fixed ? "promised" : "promised for as many as were active"});
        key += element(
            "span", {},
            fmt::format("less than promised in {} of {}", below, counted(hours.size(), daily ? "day" : "hour")));
    }
    return time_picture({scale, amount_words, lines, label, key}, period, clock);
}

}  // namespace slimtax::reporter
