// The upright axis of a picture of response times.
#pragma once

#include <optional>
#include <vector>

namespace slimtax::reporter {

/// From zero, or logarithmic when the values span more than a factor of 20.
struct Scale {
    double least = 0;
    double most = 1;
    bool logarithmic = false;
    std::vector<double> ticks;

    /// 0 at the bottom, 1 at the top; values beyond the ends lie on them.
    [[nodiscard]] double place(double value) const;
};

/// For values from `least` to `most`, in any unit; `may_bend`: it may be logarithmic. `limit` belongs into the picture
/// unless everything lies far below it: then it lies beyond the scale's `most` and is not to be drawn.
[[nodiscard]] Scale scale_over(double least, double most, std::optional<double> limit, bool may_bend);

}  // namespace slimtax::reporter
