// The ledger once more, slow and obvious: at every moment where anything could change it asks, from scratch and by
// the rules' own words, what the state is. It shares with the real one only the schedule and the time zone.
#pragma once

#include <array>
#include <map>
#include <vector>

#include "reporter/report.hpp"
#include "reporter/store/run.hpp"
#include "schemas/definition.hpp"

namespace slimtax::reporter::testing {

/// What has to come out.
struct ReferenceReport {
    BookedTime minutes;
    schemas::Duration spent{};
    schemas::Duration spent_at_least{};
    schemas::Duration spent_at_most{};
    std::vector<schemas::Duration> outages;  ///< counted length of each, in order
    std::uint64_t due = 0;
};

/// `runs` in any order, with any repetitions. `locations` are those of probes without `from`.
[[nodiscard]] ReferenceReport reference_report(const schemas::Definition& definition,
                                               const schemas::Objective& objective,
                                               const std::map<schemas::SeriesKey, std::vector<Run>>& runs,
                                               const std::vector<std::string>& locations,
                                               schemas::Duration arrival_grace, const Period& period,
                                               schemas::Instant now);

}  // namespace slimtax::reporter::testing
