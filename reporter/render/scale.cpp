#include "reporter/render/scale.hpp"

#include <algorithm>
#include <cmath>

namespace slimtax::reporter {
namespace {

/// 1, 2 or 5 times a power of ten, at least `value`.
double round_up(double value) {
    const double power = std::pow(10, std::floor(std::log10(value)));
    for (const double step : {1.0, 2.0, 5.0}) {
        if (step * power >= value * 0.999999) {
            return step * power;
        }
    }
    return 10 * power;
}

}  // namespace

double Scale::place(double value) const {
    double part = 0;
    if (logarithmic) {
        part = std::log(std::max(value, least) / least) / std::log(most / least);
    } else {
        part = (value - least) / (most - least);
    }
    return std::clamp(part, 0.0, 1.0);
}

Scale scale_over(double least, double most, std::optional<double> limit, bool may_bend) {
    Scale scale;
    if (limit && *limit < 3 * most) {
        most = std::max(most, *limit);
    }
    if (most <= 0) {
        most = 1;
    }
    scale.logarithmic = may_bend && least > 0 && most / least > 20;
    if (scale.logarithmic) {
        scale.least = std::pow(10, std::floor(std::log10(least)));
        scale.most = round_up(most);
        const double decades = std::log10(scale.most / scale.least);
        const double step = decades > 4 ? 100 : 10;
        for (double tick = scale.least; tick <= scale.most * 1.001; tick *= step) {
            scale.ticks.push_back(tick);
        }
    } else {
        const double step = round_up(most / 3);
        scale.most = step * std::ceil(most / step - 1e-9);
        for (double tick = 0; tick <= scale.most * 1.001; tick += step) {
            scale.ticks.push_back(tick);
        }
    }
    return scale;
}

}  // namespace slimtax::reporter
