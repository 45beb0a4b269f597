// One execution of a probe's script, asked for: what the scheduler hands to the script runner.
#pragma once

#include <memory>
#include <string>

#include "schemas/definition.hpp"
#include "schemas/result.hpp"

namespace slimtax::prober {

/// One execution to make.
struct RunRequest {
    std::shared_ptr<const schemas::Definition> definition;  ///< keeps the probe alive over a reload
    const schemas::Probe* probe = nullptr;                  ///< one of the definition's
    std::string target;                                     ///< may be empty
    std::string location;
    schemas::Instant intended;
    schemas::Instant started;  ///< the wall clock when it really starts

    [[nodiscard]] schemas::SeriesKey key() const { return {definition->service.id, probe->id, target, location}; }
};

/// An `always` step without a time-out of its own may take this long.
inline constexpr schemas::Duration always_allowance = std::chrono::seconds(5);

/// The longest that a run of this probe takes when every operation keeps its deadline.
[[nodiscard]] schemas::Duration longest_run(const schemas::Probe& probe);

/// The outcome of a slot that was not run, and why.
[[nodiscard]] schemas::RunResult not_run(const RunRequest& request, std::string reason);

}  // namespace slimtax::prober
