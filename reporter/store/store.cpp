#include "reporter/store/store.hpp"

namespace slimtax::reporter {
namespace {

StoreError keeps_none() {
    return {"this store keeps no record of amendments and reports", false};
}

}  // namespace

Stored<std::int64_t> Store::amend(const RecordedAmendment& /*amendment*/) {
    return tl::unexpected(keeps_none());
}

Stored<std::size_t> Store::issue(std::span<const IssuedFigure> /*figures*/) {
    return tl::unexpected(keeps_none());
}

Stored<std::vector<IssuedFigure>> Store::issued(const std::string& /*service*/, const std::string& /*objective*/,
                                                schemas::Instant /*from*/, schemas::Instant /*to*/) {
    return std::vector<IssuedFigure>();
}

Stored<std::vector<SeriesDay>> Store::days(const schemas::SeriesKey& key, std::int64_t first, std::int64_t last,
                                           const HoursWanted& /*hours*/) {
    const schemas::Instant from = begin_of_day(first);
    const schemas::Instant to = begin_of_day(last + 1);
    auto found = runs(key, from, to);
    if (!found) {
        return tl::unexpected(found.error());
    }
    std::vector<SeriesDay> days;
    for (Run& run : found->runs) {
        if (run.intended < from || run.intended >= to) {
            continue;
        }
        if (const std::int64_t day = day_of(run.intended); days.empty() || days.back().day != day) {
            days.push_back({day, {}, {}, {}});
        }
        days.back().runs.push_back(std::move(run));
    }
    return days;
}

}  // namespace slimtax::reporter
