// Says once, not each time, that a series cannot be run as it should.
#pragma once

#include <map>
#include <string>

#include "schemas/result.hpp"

namespace slimtax::prober {

/// Prober faults go to the log when they are new for their series, when their reason changes, and every
/// `repeat_after`; and their end does. One thread.
class FaultLog {
public:
    static constexpr schemas::Duration repeat_after = std::chrono::minutes(10);

    /// A line for the log, or "".
    [[nodiscard]] std::string note(const schemas::RunResult& result);

private:
    struct Fault {
        std::string reason;
        schemas::Instant said;
    };
    std::map<schemas::SeriesKey, Fault> faults_;
};

}  // namespace slimtax::prober
