// Where a report's runs come from.
#pragma once

#include <concepts>
#include <functional>
#include <utility>
#include <vector>

#include "reporter/store/store.hpp"

namespace slimtax::reporter {

/// Gives the runs of a series that matter for [from, to), as Store::runs does, and, if it can, its days, as
/// Store::days does. A report is the same with and without the second.
class RunSource {
public:
    using Runs =
        std::function<Stored<SeriesRuns>(const schemas::SeriesKey& key, schemas::Instant from, schemas::Instant to)>;
    using Days = std::function<Stored<std::vector<SeriesDay>>(const schemas::SeriesKey& key, std::int64_t first,
                                                              std::int64_t last, const HoursWanted& hours)>;

    template <std::convertible_to<Runs> F>
    RunSource(F runs, Days days = {}) : runs_(std::move(runs)), days_(std::move(days)) {}

    [[nodiscard]] static RunSource of(Store& store) {
        return {[&store](const schemas::SeriesKey& key, schemas::Instant from, schemas::Instant to) {
                    return store.runs(key, from, to);
                },
                [&store](const schemas::SeriesKey& key, std::int64_t first, std::int64_t last,
                         const HoursWanted& hours) { return store.days(key, first, last, hours); }};
    }

    [[nodiscard]] Stored<SeriesRuns> operator()(const schemas::SeriesKey& key, schemas::Instant from,
                                                schemas::Instant to) const {
        return runs_(key, from, to);
    }
    [[nodiscard]] bool has_days() const { return static_cast<bool>(days_); }
    [[nodiscard]] Stored<std::vector<SeriesDay>> days(const schemas::SeriesKey& key, std::int64_t first,
                                                      std::int64_t last, const HoursWanted& hours) const {
        return days_(key, first, last, hours);
    }

private:
    Runs runs_;
    Days days_;
};

}  // namespace slimtax::reporter
