// Response times over the period, drawn as two step lines: what half of the runs and what 95 % of them took at most.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "reporter/render/pictures.hpp"
#include "reporter/render/scale.hpp"
#include "reporter/render/statements.hpp"
#include "reporter/render/time_picture.hpp"
#include "reporter/words.hpp"

namespace slimtax::reporter {
namespace {

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

/// A step line from left to right.
std::string steps(const std::vector<ResponseStretch>& run, const Period& period, const Scale& scale,
                  double ResponseStretch::*value) {
    std::string path;
    for (const ResponseStretch& one : run) {
        path += picture_step(path.empty() ? 'M' : 'L', period, scale, one.from, one.to, one.*value);
    }
    return path;
}

Html curves(const ObjectiveReport& objective, const Period& period, const Scale& scale) {
    std::string area;
    std::string half;
    std::string most;
    for (const auto& run : runs_of(objective)) {
        half += steps(run, period, scale, &ResponseStretch::p50);
        most += steps(run, period, scale, &ResponseStretch::p95);
        area += steps(run, period, scale, &ResponseStretch::p95);
        for (auto one = run.rbegin(); one != run.rend(); ++one) {
            area += picture_step('L', period, scale, one->to, one->from, one->p50);
        }
        area += 'Z';
    }
    return curve_box({element("path", {{"class", "r-area"}, {"d", area}}),
                      element("path", {{"class", "r-most"}, {"d", most}}),
                      element("path", {{"class", "r-half"}, {"d", half}})});
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
    Html plot = curves(objective, period, scale);
    Html beyond;
    for (const double limit : limits) {
        if (limit <= scale.most) {
            plot += limit_line(scale, limit, round_words(limit) + " promised");
        } else {
            beyond += fmt::format(" All lies far below the {} promised.", round_words(limit));
        }
    }
    const char* unit = period.length() > std::chrono::hours(24 * 10) ? "day by day" : "hour by hour";
    const std::string label = fmt::format("Response times {}: half of the runs took {} or more, 95 % took {} at most",
                                          unit, response_words(least), response_words(most));
    const Html key = {element("span", {}, {line_sample("r-half"), "half of the runs took at most this, ", unit}),
                      element("span", {}, {line_sample("r-most"), "95 % took at most this"}),
                      scale.logarithmic ? element("span", {}, "each line up is ten times slower") : Html(),
                      beyond.empty() ? Html() : element("span", {}, beyond)};
    return time_picture({scale, round_words, plot, label, key}, period, clock);
}

}  // namespace slimtax::reporter
