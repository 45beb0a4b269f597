// From runs to a report: the ledger, the calendar and the budgets put together. A pure function of results,
// definitions, period and method version; `now` only says where an open period is cut.
//
// Where nothing much happens, outlines of days stand for runs (outline.hpp): the same comes out.
//
//   runs of a series ─ performance / work ─ ledger ─→ state spans ─┐
//   runs of controls ─ ledger ─→ locations at fault ───────────────┴ combine ─→ state spans of the objective
//   window ─ calendar ─→ open, planned, outside ─────────────────────────────── book ─→ minutes, outages, strip
//                                                                        budget, light ─→ ObjectiveReport
#pragma once

#include <functional>

#include "reporter/ledger/period.hpp"
#include "reporter/report.hpp"
#include "reporter/store/record.hpp"
#include "reporter/store/run_source.hpp"
#include "schemas/definition.hpp"

namespace slimtax::reporter {

/// Gives the newest `limit` whole results of a series intended in [from, to), as Store::results does.
using DetailSource = std::function<Stored<std::vector<schemas::RunResult>>(
    const schemas::SeriesKey& key, schemas::Instant from, schemas::Instant to, std::size_t limit)>;

/// How much of a report is made. `figures`: minutes, runs, response times of the whole period, budgets and verdicts,
/// the same as in a full one; not what outages were caused by and what each cause spent, rhythms, why time was
/// unmeasured, pictures, lights.
enum class Depth { full, figures };

/// What is known about where probers are: the locations that probes without `from` run at, and how long a
/// result may take to arrive before its slot counts as missed.
struct Surroundings {
    std::vector<std::string> locations;
    schemas::Duration arrival_grace = std::chrono::seconds(10);
    /// The control probes of all services (Probe::control), for judging locations. make_report finds those of
    /// its definitions by itself; evaluate knows the interval of those of its own definition, of others only
    /// what their runs say.
    std::vector<schemas::SeriesKey> controls;
    /// What people said of outages.
    Amendments amendments = {};
    /// Every service, to look for what an outage's service depends on; null: not looked for. make_report sets it.
    const schemas::Definitions* services = nullptr;
    /// Whole results, as Store::results gives them, to see where a failing run's time went; empty: not looked for.
    DetailSource details = {};
    Depth depth = Depth::full;
};

/// The series of all control probes.
[[nodiscard]] std::vector<schemas::SeriesKey> find_controls(const schemas::Definitions& definitions,
                                                            const std::vector<std::string>& locations);

/// One objective over a period. `now`: runs due after it are not missed yet; an open period ends there.
[[nodiscard]] Stored<ObjectiveReport> evaluate(const schemas::Definition& definition,
                                               const schemas::Objective& objective, const Period& period,
                                               schemas::Instant now, const Surroundings& surroundings,
                                               const RunSource& runs);

/// All services over the same instants. `period` is cut at `now` when it has not ended.
[[nodiscard]] Stored<Report> make_report(const schemas::Definitions& definitions, const Period& period,
                                         schemas::Instant now, const Surroundings& surroundings, const RunSource& runs);

/// All services, each over the period in its own time zone: a week is every service's own week.
[[nodiscard]] Stored<Report> make_report(const schemas::Definitions& definitions, const AskedPeriod& period,
                                         schemas::Instant now, const Surroundings& surroundings, const RunSource& runs);

}  // namespace slimtax::reporter
