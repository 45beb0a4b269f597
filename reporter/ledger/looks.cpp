#include "reporter/ledger/looks.hpp"

#include <algorithm>

#include "reporter/ledger/uncertainty.hpp"

namespace slimtax::reporter {

Looks looks_of(const ObjectiveLedger& ledger, const schemas::Objective& objective) {
    Looks looks;
    std::vector<SeriesGap> longest;
    for (const SeriesPart& part : ledger.series) {
        schemas::Duration every = part.judged.runs.empty() ? part.clock.every : schemas::Duration(0);
        for (const Run& run : part.judged.runs) {
            every = std::max(every, run.every > schemas::Duration(0) ? run.every : part.clock.every);
        }
        longest.push_back({part.probe, part.target, part.clock.schedule(every).longest_gap()});
        looks.effective_gap = std::max(looks.effective_gap, effective_gap(every, part.clock.jitter));
    }
    looks.always_seen = always_seen(longest, objective);
    return looks;
}

}  // namespace slimtax::reporter
