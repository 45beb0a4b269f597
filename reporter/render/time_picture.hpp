// What pictures over the period share: an upright axis on the left, days or hours below, curves that fill the width.
#pragma once

#include <functional>
#include <string>

#include "reporter/html.hpp"
#include "reporter/render/scale.hpp"
#include "reporter/render/wall_clock.hpp"
#include "reporter/report.hpp"

namespace slimtax::reporter {

/// Curves are drawn in a box of this size that is stretched to the picture's width.
inline constexpr double curve_width = 2000;
inline constexpr double curve_height = 124;

/// Where a value and a moment lie: pixels from the top, and a part of the width in [0, 1].
[[nodiscard]] double picture_y(const Scale& scale, double value);
[[nodiscard]] double picture_x(const Period& period, schemas::Instant at);

/// One step of a step line: begun with 'M' or joined with 'L'.
[[nodiscard]] std::string picture_step(char join, const Period& period, const Scale& scale, schemas::Instant from,
                                       schemas::Instant to, double value);

/// Paths stretched to the picture's width, lines as thin as elsewhere.
[[nodiscard]] Html curve_box(const Html& paths);

/// A dashed line at what was promised, with its words.
[[nodiscard]] Html limit_line(const Scale& scale, double limit, const std::string& words);

/// A short sample of a line, for the key below a picture.
[[nodiscard]] Html line_sample(const char* kind);

struct TimePicture {
    Scale scale;
    std::function<std::string(double)> tick_words;
    Html curves;        ///< drawn over the grid
    std::string label;  ///< for who cannot see it
    Html key;           ///< what the lines mean
};
[[nodiscard]] Html time_picture(const TimePicture& picture, const Period& period, const WallClock& clock);

}  // namespace slimtax::reporter
