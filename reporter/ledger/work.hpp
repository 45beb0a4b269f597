// A4: a population of users gets given units of work done (S7).
//
// All series of an objective watch one population: each front-end's log holds part of it. So they are not voted on;
// their readings add up. At each reading, what every series read in the trailing `within` is looked at:
// - active users: distinct users with work in that time;
// - the rate of work: of each series its units over the time that its readings cover, summed over the series. A
//   reading that reaches back beyond the trailing time counts in proportion.
// The state is down when the rate is below users·work, or below total; with `work` alone, below work for each active
// user; with `users` alone, when fewer are active. If a series is not measured just then, missing work may be work
// not seen: instead of down the state is unmeasured, but a target reached without it is up all the same.
// A run that failed or timed out is down as everywhere; one that read no work says nothing.
#pragma once

#include <cstdint>
#include <vector>

#include "reporter/ledger/ledger.hpp"
#include "schemas/definition.hpp"

namespace slimtax::reporter {

/// The trailing time when the objective names none.
inline constexpr schemas::Duration default_within = std::chrono::minutes(15);

/// One series of a population.
struct PopulationSeries {
    SeriesClock clock;
    std::vector<Run> runs;  ///< by intended start, each once
};

struct JudgedPopulation {
    std::vector<JudgedRuns> series;                 ///< parallel to what was given
    std::vector<std::vector<std::int64_t>> active;  ///< active users at each run, parallel to the runs
};

/// Judges every run of all series. Linear in runs and users, with the number of series as a factor.
[[nodiscard]] JudgedPopulation judge_work(const std::vector<PopulationSeries>& series,
                                          const schemas::Objective& objective, schemas::Instant now);

/// The trailing time that an objective looks at.
[[nodiscard]] schemas::Duration trailing_time(const schemas::Objective& objective);

}  // namespace slimtax::reporter
