#include "reporter/report_maker.hpp"

#include <set>

#include "reporter/zone.hpp"

namespace slimtax::reporter {

tl::expected<AskedPeriod, std::string> asked_period(std::string_view name, std::string_view from, std::string_view to,
                                                    const schemas::Definitions& definitions, schemas::Instant now) {
    if (!name.empty() && !(from.empty() && to.empty())) {
        return tl::unexpected(std::string("name a week, or give from and to: not both"));
    }
    if (!name.empty()) {
        return parse_period(name);
    }
    if (!from.empty() || !to.empty()) {
        if (from.empty() || to.empty()) {
            return tl::unexpected(std::string("from and to go together: give both, e.g. 2026-11-16 and 2026-11-23"));
        }
        return parse_period(from, to);
    }
    Zone zone;
    if (!definitions.empty()) {
        if (auto found = Zone::find(definitions.front()->window.timezone)) {
            zone = std::move(*found);
        }
    }
    return week_of(now, zone);
}

Stored<std::vector<std::string>> known_locations(Store& store, std::vector<std::string> configured) {
    if (!configured.empty()) {
        return configured;
    }
    const auto series = store.series();
    if (!series) {
        return tl::unexpected(series.error());
    }
    std::set<std::string> seen;
    for (const schemas::SeriesKey& key : *series) {
        seen.insert(key.location);
    }
    return std::vector<std::string>(seen.begin(), seen.end());
}

Stored<Report> make_report(Store& store, const schemas::Definitions& definitions,
                           const std::vector<std::string>& locations, const AskedPeriod& period, schemas::Instant now) {
    Surroundings surroundings;
    surroundings.locations = locations;
    const RunSource runs = [&store](const schemas::SeriesKey& key, schemas::Instant from, schemas::Instant to) {
        return store.runs(key, from, to);
    };
    return make_report(definitions, period, now, surroundings, runs);
}

}  // namespace slimtax::reporter
