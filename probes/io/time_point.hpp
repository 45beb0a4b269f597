// The monotonic clock: time-outs and measured durations.
#pragma once

#include <chrono>

namespace slimtax::probes {

using SteadyClock = std::chrono::steady_clock;
using TimePoint = SteadyClock::time_point;

/// A deadline that never comes.
inline constexpr TimePoint never = TimePoint::max();

}  // namespace slimtax::probes
