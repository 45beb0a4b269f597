// Knows when this process stood still (stopped, swapped out, machine suspended): what was measured meanwhile says
// nothing about a service.
#pragma once

#include "prober/clock.hpp"

namespace slimtax::prober {

class StallWatch {
public:
    static constexpr schemas::Duration period = std::chrono::milliseconds(500);

    explicit StallWatch(const Clock& clock);

    /// To be called by the loop every `period`. Returns how late this call is.
    schemas::Duration tick();

    /// How long the process has stood still since it began, a stall under way included. Lateness below 250 ms is
    /// a busy loop, not a stall.
    [[nodiscard]] schemas::Duration total() const;

private:
    [[nodiscard]] schemas::Duration late() const;

    const Clock& clock_;
    probes::TimePoint last_;
    schemas::Duration suspended_before_;
    schemas::Duration stalled_{};
};

}  // namespace slimtax::prober
