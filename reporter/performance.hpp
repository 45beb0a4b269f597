// A3: transactions that complete fast enough (S6). What single runs show, what a stretch below target is, and how
// the promises over the whole period are judged.
#pragma once

#include <string>
#include <vector>

#include "reporter/ledger.hpp"
#include "reporter/report.hpp"
#include "reporter/run.hpp"
#include "schemas/definition.hpp"

namespace slimtax::reporter {

/// Judged by verdict, and an ok run slower than the first band's `up_to` is degraded. Such runs get a reason.
[[nodiscard]] JudgedRuns judge_performance(std::vector<Run> runs, const schemas::Objective& objective);

/// `outage_when.below_target_for`: in each reading, a stretch of degraded and down time of at least `least` is down
/// as a whole, from its start. Unmeasured time ends a stretch. Hours and planned work do not: they say what counts,
/// not what the service did.
[[nodiscard]] StateSpans with_outages(const StateSpans& spans, schemas::Duration least);

/// The runs of an objective that count, over a period: what bands, means and rates are judged on.
class RunStatistics {
public:
    void add(const Run& run);

    [[nodiscard]] ResponseTimes response_times() const;

    /// Each band's share of all completed and failed runs. A run that did not complete has no response time: it
    /// lies beyond every `up_to`. Without runs nothing is violated.
    [[nodiscard]] std::vector<BandResult> bands(const std::vector<schemas::Band>& bands) const;

    /// Completed transactions: units of work where runs read work, else completed runs.
    [[nodiscard]] double transactions() const { return transactions_; }
    [[nodiscard]] std::uint64_t completed() const { return responses_.size(); }
    [[nodiscard]] std::uint64_t failed() const { return failed_; }

private:
    std::vector<schemas::Duration> responses_;  ///< of completed runs
    std::uint64_t failed_ = 0;                  ///< failed and timed out
    double transactions_ = 0;
};

}  // namespace slimtax::reporter
