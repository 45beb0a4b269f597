// The states of one objective over a stretch of time, with the series that they come from: loads runs, judges them
// by the objective's level, sets aside locations that are at fault themselves, and combines.
#pragma once

#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "reporter/ledger/calendar.hpp"
#include "reporter/ledger/combine.hpp"
#include "reporter/ledger/evaluate.hpp"
#include "reporter/ledger/ledger.hpp"
#include "reporter/ledger/load_series.hpp"
#include "reporter/ledger/performance.hpp"
#include "reporter/ledger/work.hpp"

namespace slimtax::reporter {

/// Knows when which location is at fault itself: every control probe there fails. Asks for the controls' runs once
/// for each stretch of time.
class Locations {
public:
    Locations(std::vector<SeriesClock> controls, const RunSource& runs, schemas::Instant now)
        : controls_(std::move(controls)), runs_(runs), now_(now) {}

    /// True when there are control probes at a location.
    [[nodiscard]] bool judges(const std::string& location) const;
    [[nodiscard]] Stored<std::vector<Stretch>> at_fault(const std::string& location, schemas::Instant from,
                                                        schemas::Instant to);

private:
    std::vector<SeriesClock> controls_;
    const RunSource& runs_;
    schemas::Instant now_;
    std::map<std::tuple<std::string, schemas::Instant, schemas::Instant>, std::vector<Stretch>> known_;
};

/// One series of an objective.
struct SeriesPart {
    SeriesClock clock;
    std::size_t probe = 0;
    std::size_t target = 0;
    JudgedRuns judged;                 ///< those that are not up (A4: all)
    std::vector<std::int64_t> active;  ///< A4: active users at each run
    SeriesLedger ledger;
    std::vector<Stretch> faults;  ///< of its location

    /// Since when the series is in the nominal state that it is in at `instant`, as far as the ledger reaches.
    [[nodiscard]] schemas::Instant since(schemas::Instant instant) const;
    [[nodiscard]] std::string reason_at(schemas::Instant instant) const;
};

/// What is counted run by run: due, verdicts, response times, work.
struct Counted {
    RunCounts runs;
    RunStatistics statistics;
    GridTotals grid;  ///< hour by hour, or day by day where that would be too many
    WorkResult work;
};

struct ObjectiveLedger {
    std::vector<SeriesPart> series;
    StateSpans spans;  ///< of the objective, over [from, to)
    Counted counted;   ///< within the open hours of the calendar

    /// The sentence of the run that brought the objective into `state` at `instant`: of the series in that state
    /// (or the nearest worse or milder one), the latest to come into it.
    [[nodiscard]] std::string reason_at(schemas::Instant instant, schemas::State state) const;
};

/// True when users, work or total are promised: then series add up to a population instead of voting.
[[nodiscard]] bool counts_work(const schemas::Objective& objective);

/// The states over [from, to), to <= now, and what is counted in the open hours of `calendar`, which lies within.
/// `surroundings.controls` is not looked at: `locations` knows them.
[[nodiscard]] Stored<ObjectiveLedger> make_objective_ledger(const schemas::Definition& definition,
                                                            const schemas::Objective& objective, schemas::Instant from,
                                                            schemas::Instant to, schemas::Instant now,
                                                            const CalendarSpans& calendar,
                                                            const Surroundings& surroundings, const RunSource& runs,
                                                            Locations& locations);

/// When the runs of a series of a probe are due.
[[nodiscard]] SeriesClock clock_of(const schemas::Probe& probe, schemas::SeriesKey key, schemas::Duration grace);

}  // namespace slimtax::reporter
