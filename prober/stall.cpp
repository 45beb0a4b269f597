#include "prober/stall.hpp"

#include <algorithm>

namespace slimtax::prober {
namespace {
constexpr schemas::Duration tolerance = std::chrono::milliseconds(250);
}

StallWatch::StallWatch(const Clock& clock)
    : clock_(clock), last_(clock.steady()), suspended_before_(clock.suspended()) {}

schemas::Duration StallWatch::late() const {
    const auto passed = std::chrono::duration_cast<schemas::Duration>(clock_.steady() - last_);
    return std::max(passed - period, schemas::Duration::zero());
}

schemas::Duration StallWatch::tick() {
    const schemas::Duration lateness = late();
    if (lateness > tolerance) {
        stalled_ += lateness;
    }
    last_ = clock_.steady();
    return lateness;
}

schemas::Duration StallWatch::total() const {
    const schemas::Duration lateness = late();
    const schemas::Duration asleep = std::max(clock_.suspended() - suspended_before_, schemas::Duration::zero());
    return stalled_ + asleep + (lateness > tolerance ? lateness : schemas::Duration::zero());
}

}  // namespace slimtax::prober
