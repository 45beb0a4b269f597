// A3: transactions that complete fast enough (S6). What single runs show, what a stretch below target is, and how
// the promises over the whole period are judged.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "reporter/ledger/ledger.hpp"
#include "reporter/report.hpp"
#include "reporter/store/run.hpp"
#include "reporter/store/run_totals.hpp"
#include "schemas/definition.hpp"

namespace slimtax::reporter {

/// The first band's `up_to`: ok runs that are slower are degraded.
[[nodiscard]] std::optional<schemas::Duration> first_limit(const schemas::Objective& objective);

/// Judged by verdict, and an ok run slower than the first band's `up_to` is degraded. Such runs get a reason.
[[nodiscard]] JudgedRuns judge_performance(std::vector<Run> runs, const schemas::Objective& objective);

/// `outage_when.below_target_for`: in each reading, a stretch of degraded and down time of at least `least` is down
/// as a whole, from its start. Unmeasured time ends a stretch. Hours and planned work do not: they say what counts,
/// not what the service did.
[[nodiscard]] StateSpans with_outages(const StateSpans& spans, schemas::Duration least);

/// The runs of an objective that count, over a period: what bands, means and rates are judged on. Takes single runs
/// and totals of many, and says the same whichever it was given.
class RunStatistics {
public:
    /// `bands` are the promises that bands() will answer.
    explicit RunStatistics(std::vector<schemas::Band> bands = {});

    void add(const Run& run);

    /// True when totals can be taken: no band's limit lies where they cannot tell. Then they are, or else nothing is.
    [[nodiscard]] bool take(const RunTotals& totals);

    /// Mean, least, greatest and deviation are exact; percentiles are right within 0.4 %.
    [[nodiscard]] ResponseTimes response_times() const;

    /// Each band's share of all completed and failed runs. A run that did not complete has no response time: it
    /// lies beyond every `up_to`. Without runs nothing is violated.
    [[nodiscard]] std::vector<BandResult> bands() const;

    /// Completed transactions: units of work where runs read work, else completed runs.
    [[nodiscard]] double transactions() const {
        return static_cast<double>(totals_.completed() - totals_.work_runs + totals_.work);
    }
    [[nodiscard]] std::uint64_t completed() const { return totals_.completed(); }
    [[nodiscard]] std::uint64_t failed() const { return totals_.failed(); }
    [[nodiscard]] const RunTotals& totals() const { return totals_; }

private:
    /// Where a band begins or ends, and how many response times lie before it.
    struct Limit {
        schemas::Duration at;
        bool or_at = false;  ///< a response time of exactly `at` lies before it
        std::uint64_t before = 0;
    };
    [[nodiscard]] std::uint64_t before(schemas::Duration at, bool or_at) const;

    std::vector<schemas::Band> bands_;
    std::vector<Limit> limits_;
    RunTotals totals_;
};

}  // namespace slimtax::reporter
