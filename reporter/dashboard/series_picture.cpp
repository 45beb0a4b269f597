#include "reporter/dashboard/series_picture.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "reporter/words.hpp"

namespace slimtax::reporter {
namespace {

using schemas::Instant;
using schemas::Verdict;

constexpr std::size_t column_count = 120;
// Pixels: the line of crosses, the plot below it.
constexpr double lane = 12;
constexpr double plot_height = 88;
constexpr double height = lane + plot_height;

std::string percent(double fraction) {
    return fmt::format("{:.2f}%", fraction * 100);
}

double quantile(std::vector<double>& values, double part) {
    if (values.empty()) {
        return 0;
    }
    const auto at = static_cast<std::size_t>(part * static_cast<double>(values.size() - 1) + 0.5);
    std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(at), values.end());
    return values[at];
}

std::optional<double> value_of(const Run& run, Quantity quantity) {
    if (run.verdict != Verdict::ok && run.verdict != Verdict::slow) {
        return std::nullopt;
    }
    if (quantity == Quantity::response) {
        return schemas::to_milliseconds(run.response);
    }
    if (run.work_span <= schemas::Duration::zero()) {
        return std::nullopt;
    }
    return static_cast<double>(run.work) / schemas::to_minutes(run.work_span);
}

std::string value_words(double value, Quantity quantity) {
    return quantity == Quantity::response ? response_words(value) : fmt::format("{:.3g}/min", value);
}

/// Of a round figure: "5 s", not "5.00 s".
std::string tick_words(double tick, Quantity quantity) {
    if (quantity == Quantity::work) {
        return value_words(tick, quantity);
    }
    return tick < 1000 ? fmt::format("{:g} ms", tick) : fmt::format("{:g} s", tick / 1000);
}

double y_of(const Scale& scale, double value) {
    return height - 1 - scale.place(value) * (plot_height - 4);
}

Html plot(const SeriesPicture& picture, const Scale& scale, std::optional<double> limit) {
    Html parts;
    for (const double tick : scale.ticks) {
        const double y = y_of(scale, tick);
        parts += element("line", {{"class", "grid"}, {"x1", "0"}, {"x2", "100%"}, {"y1", y}, {"y2", y}});
    }
    if (limit) {
        const double y = y_of(scale, *limit);
        parts += element("line", {{"class", "limit"}, {"x1", "0"}, {"x2", "100%"}, {"y1", y}, {"y2", y}});
    }
    for (std::size_t i = 0; i < picture.columns.size(); ++i) {
        const PictureColumn& column = picture.columns[i];
        const std::string x = percent((static_cast<double>(i) + 0.5) / static_cast<double>(picture.columns.size()));
        if (column.runs > 1) {
            parts += element("line", {{"class", "range"},
                                      {"x1", x},
                                      {"x2", x},
                                      {"y1", y_of(scale, column.least)},
                                      {"y2", y_of(scale, column.most)}});
        }
        if (column.runs > 0) {
            parts += element("circle", {{"class", "dot"}, {"cx", x}, {"cy", y_of(scale, column.middle)}, {"r", "1.8"}});
        }
        if (column.failed > 0) {
            parts += element("svg", {{"x", x}, {"y", "6"}, {"overflow", "visible"}},
                             element("path", {{"class", "failed"}, {"d", "M-3.5-3.5l7 7m0-7l-7 7"}}));
        } else if (column.unknown > 0) {
            parts += element("circle", {{"class", "unknown"}, {"cx", x}, {"cy", "6"}, {"r", "2.5"}});
        }
    }
    return element("svg", {{"class", "plot"}, {"width", "100%"}, {"height", height}, {"aria-hidden", "true"}}, parts);
}

Html axis(const Scale& scale, Quantity quantity) {
    Html labels;
    for (const double tick : scale.ticks) {
        labels += element("text", {{"x", "100%"}, {"y", y_of(scale, tick) + 3.5}, {"text-anchor", "end"}},
                          tick == 0 ? "0" : tick_words(tick, quantity));
    }
    return element("svg", {{"class", "axis"}, {"width", "58"}, {"height", height}, {"aria-hidden", "true"}}, labels);
}

std::string caption(const SeriesPicture& picture) {
    std::string text =
        picture.completed == 0 ? "no completed run"
        : picture.quantity == Quantity::work
            ? fmt::format("half of the time {} or more, at most {}", value_words(picture.p50, picture.quantity),
                          value_words(picture.most, picture.quantity))
            : fmt::format("half within {}, 95 % within {}", value_words(picture.p50, picture.quantity),
                          value_words(picture.p95, picture.quantity));
    if (picture.failed > 0) {
        text += fmt::format("; {} failed", picture.failed);
    }
    if (picture.unknown > 0) {
        text += fmt::format("; {} told nothing", picture.unknown);
    }
    return text;
}

}  // namespace

SeriesPicture picture_of(const SeriesRuns& runs, Quantity quantity, Instant from, Instant to) {
    SeriesPicture out{runs.key, quantity, from, to, std::vector<PictureColumn>(column_count), 0, 0, 0, 0, 0, 0, 0};
    std::vector<std::vector<double>> values(column_count);
    std::vector<double> all;
    const auto length = static_cast<double>((to - from).count());
    for (const Run& run : runs.runs) {
        if (run.intended < from || run.intended >= to) {
            continue;
        }
        const double part = static_cast<double>((run.intended - from).count()) / length;
        const std::size_t at = std::min(column_count - 1, static_cast<std::size_t>(part * column_count));
        const schemas::State state = schemas::state_of(run.verdict);
        out.columns[at].failed += state == schemas::State::down ? 1 : 0;
        out.columns[at].unknown += state == schemas::State::unmeasured ? 1 : 0;
        out.failed += state == schemas::State::down ? 1 : 0;
        out.unknown += state == schemas::State::unmeasured ? 1 : 0;
        if (const auto value = value_of(run, quantity)) {
            values[at].push_back(*value);
            all.push_back(*value);
        }
    }
    for (std::size_t i = 0; i < column_count; ++i) {
        if (!values[i].empty()) {
            const auto [least, most] = std::minmax_element(values[i].begin(), values[i].end());
            out.columns[i].least = *least;
            out.columns[i].most = *most;
            out.columns[i].runs = values[i].size();
            out.columns[i].middle = quantile(values[i], 0.5);
        }
    }
    out.completed = all.size();
    if (!all.empty()) {
        const auto [least, most] = std::minmax_element(all.begin(), all.end());
        out.least = *least;
        out.most = *most;
        out.p50 = quantile(all, 0.5);
        out.p95 = quantile(all, 0.95);
    }
    return out;
}

Scale scale_for(const std::vector<SeriesPicture>& pictures, std::optional<double> limit) {
    double least = 0;
    double most = 0;
    bool times = true;
    for (const SeriesPicture& picture : pictures) {
        times = picture.quantity == Quantity::response;
        if (picture.completed > 0) {
            most = std::max(most, picture.most);
            least = least == 0 ? picture.least : std::min(least, picture.least);
        }
    }
    return scale_over(least, most, limit, times);
}

Html drawn(const SeriesPicture& picture, const Scale& scale, std::optional<double> limit, const WallClock& clock) {
    std::string name = picture.key.target;
    name += (name.empty() ? "from " : " from ") + picture.key.location;
    // Everything is far below the promise: the line would only be a lie at the upper edge.
    const bool shown = limit && *limit <= scale.most;
    const std::string words = caption(picture);
    const Html times = element("div", {{"class", "times"}, {"aria-hidden", "true"}},
                               {element("span", {}, clock.clock(picture.from)),
                                element("span", {}, clock.clock(picture.from + (picture.to - picture.from) / 2)),
                                element("span", {}, clock.clock(picture.to))});
    return element("figure", {{"class", "picture"}, {"data-key", picture.key.probe + " " + name}},
                   {element("figcaption", {}, {element("strong", {}, foreign(name)), " ", element("span", {}, words)}),
                    element("div", {{"class", "picture-row"}, {"role", "img"}, {"aria-label", name + ": " + words}},
                            {axis(scale, picture.quantity), plot(picture, scale, shown ? limit : std::nullopt)}),
                    times});
}

}  // namespace slimtax::reporter
