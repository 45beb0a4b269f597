#include "reporter/ledger/impact.hpp"

#include <algorithm>
#include <optional>

namespace slimtax::reporter {

std::int64_t users_before(const ObjectiveLedger& ledger, schemas::Instant began) {
    std::optional<schemas::Instant> latest;
    std::int64_t users = 0;
    for (const SeriesPart& part : ledger.series) {
        const std::vector<Run>& runs = part.judged.runs;
        const auto after = std::lower_bound(runs.begin(), runs.end(), began,
                                            [](const Run& run, schemas::Instant t) { return run.intended < t; });
        // A run that was due before the outage may have looked in it, and then it is what found it.
        for (auto i = static_cast<std::size_t>(after - runs.begin()); i-- > 0 && i < part.active.size();) {
            const schemas::Instant moment = moment_of(part.clock, runs[i]);
            const bool told =
                part.judged.states[i] == schemas::State::up || part.judged.states[i] == schemas::State::degraded;
            if (told && moment < began) {
                if (!latest || moment > *latest) {
                    latest = moment;
                    users = part.active[i];
                }
                break;
            }
        }
    }
    return users;
}

}  // namespace slimtax::reporter
