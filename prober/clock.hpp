// The clocks, passed in: only the scheduler knows time, and its tests tick it by hand.
#pragma once

#include "probes/io/loop.hpp"
#include "schemas/time.hpp"

namespace slimtax::prober {

class Clock {
public:
    virtual ~Clock() = default;

    /// UTC; may jump either way at any moment.
    [[nodiscard]] virtual schemas::Instant wall() const = 0;

    /// Never goes back; stands still while the machine is suspended.
    [[nodiscard]] virtual probes::TimePoint steady() const = 0;

    /// How long the machine has been suspended since it booted.
    [[nodiscard]] virtual schemas::Duration suspended() const = 0;
};

class SystemClock final : public Clock {
public:
    [[nodiscard]] schemas::Instant wall() const override;
    [[nodiscard]] probes::TimePoint steady() const override;
    [[nodiscard]] schemas::Duration suspended() const override;
};

}  // namespace slimtax::prober
