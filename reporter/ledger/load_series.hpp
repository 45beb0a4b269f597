// The runs of one series as the ledger and the statistics need them: outlines where they tell as much as the runs,
// all runs of a day where they don't.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "reporter/ledger/combine.hpp"
#include "reporter/ledger/ledger.hpp"
#include "reporter/ledger/open_hours.hpp"
#include "reporter/ledger/performance.hpp"
#include "reporter/store/run_source.hpp"

namespace slimtax::reporter {

/// The stretch that holds `instant`, or null. `stretches` in order, disjoint.
[[nodiscard]] const Stretch* stretch_at(const std::vector<Stretch>& stretches, schemas::Instant instant);

[[nodiscard]] std::string fault_sentence(const std::string& location);

/// A run of a location at fault says nothing about the service.
void set_aside(Run& run, const std::vector<Stretch>& faults, const SeriesClock& clock);

/// What runs add up to in each stretch of a grid: hours or days, counted since 1970 in UTC.
struct GridTotals {
    schemas::Duration width = std::chrono::hours(1);  ///< an hour or a day
    std::map<std::int64_t, RunTotals> cells;

    [[nodiscard]] RunTotals& at(schemas::Instant instant) { return cells[instant.time_since_epoch() / width]; }
};

struct LoadRequest {
    schemas::Instant from;
    schemas::Instant to;
    schemas::Instant now;
    std::optional<schemas::Duration> limit = {};  ///< slower runs are not up
    std::vector<Stretch> faults = {};             ///< of the location, in [from, to)
    /// The runs before `from` and after `to` are the next ones, none left out between.
    bool true_neighbours = false;
    const OpenHours* counted = nullptr;   ///< hours within [from, to) whose runs `statistics` takes in
    RunStatistics* statistics = nullptr;  ///< all three or none
    GridTotals* grid = nullptr;           ///< takes the same runs in
};

/// By intended start, each once, from the last one before `from` to the first one after `to`; those of a location at
/// fault are set aside.
[[nodiscard]] Stored<std::vector<Run>> load_series(const RunSource& source, const SeriesClock& clock,
                                                   const LoadRequest& request);

}  // namespace slimtax::reporter
