#include "prober/clock.hpp"

#include <ctime>

namespace slimtax::prober {
namespace {

schemas::Duration read(clockid_t id) {
    timespec now{};
    ::clock_gettime(id, &now);
    return std::chrono::duration_cast<schemas::Duration>(std::chrono::seconds(now.tv_sec) +
                                                         std::chrono::nanoseconds(now.tv_nsec));
}

}  // namespace

schemas::Instant SystemClock::wall() const {
    return schemas::Instant(read(CLOCK_REALTIME));
}

probes::TimePoint SystemClock::steady() const {
    return probes::Loop::now();
}

schemas::Duration SystemClock::suspended() const {
    // Linux: CLOCK_BOOTTIME counts suspension, CLOCK_MONOTONIC does not.
    // Two readings: what lies between them must not look like a nap.
    const schemas::Duration asleep = read(CLOCK_BOOTTIME) - read(CLOCK_MONOTONIC);
    return std::chrono::floor<std::chrono::seconds>(asleep + std::chrono::milliseconds(10));
}

}  // namespace slimtax::prober
