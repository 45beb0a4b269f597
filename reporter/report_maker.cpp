#include "reporter/report_maker.hpp"

#include <algorithm>
#include <set>

#include "reporter/judgement.hpp"
#include "reporter/ledger/zone.hpp"
#include "reporter/store/record.hpp"

namespace slimtax::reporter {
namespace {

using schemas::Booking;

PastPeriod past_of(const ServiceReport& service, const ObjectiveReport& objective) {
    const BookedTime& time = objective.minutes;
    const schemas::Duration promised = time.sum() - time[Booking::outside] - time[Booking::planned];
    PastPeriod past;
    past.period = service.period;
    past.judgement = judge(objective);
    past.spent = objective.budget.spent;
    past.allowed = objective.budget.allowed;
    past.unmeasured = promised > schemas::Duration(0)
                          ? schemas::to_seconds(time[Booking::unmeasured]) / schemas::to_seconds(promised)
                          : 0;
    past.p95 = objective.response_ms.p95;
    if (!objective.bands.empty()) {
        past.share = objective.bands.front().share;
    }
    if (objective.work) {
        past.work_per_hour = objective.work->total_per_hour;
    }
    return past;
}

/// Adds an earlier period to each objective that measured something in it. Both are over the same definitions.
void compare(Report& report, const Report& past) {
    for (std::size_t s = 0; s < report.services.size(); ++s) {
        const ServiceReport& then = past.services.at(s);
        for (std::size_t o = 0; o < then.objectives.size(); ++o) {
            const BookedTime& time = then.objectives[o].minutes;
            if (time[Booking::up] + time[Booking::degraded] + time[Booking::down] > schemas::Duration(0)) {
                report.services[s].objectives.at(o).before.push_back(past_of(then, then.objectives[o]));
            }
        }
    }
}

/// The newest amendment of an outage of this objective in this period; 0 without any.
std::int64_t newest_amendment(const Amendments& amendments, const IssuedFigure& figure) {
    std::int64_t newest = 0;
    for (const RecordedAmendment& one : amendments) {
        const bool here = one.service == figure.service && one.objective == figure.objective && one.began < figure.to &&
                          figure.from < one.ended;
        newest = here ? std::max(newest, one.said.number) : newest;
    }
    return newest;
}

/// Says where an earlier report of the same period said something else.
Stored<void> mark_revised(Store& store, Report& report, schemas::Instant now) {
    const auto amendments = store.amendments();
    if (!amendments) {
        return tl::unexpected(amendments.error());
    }
    for (ServiceReport& service : report.services) {
        if (service.period.to > now) {
            continue;
        }
        for (ObjectiveReport& objective : service.objectives) {
            const IssuedFigure figure = figure_of(service, objective, report.method);
            const auto issued = store.issued(figure.service, figure.objective, figure.from, figure.to);
            if (!issued) {
                return tl::unexpected(issued.error());
            }
            objective.revised = revision_of(figure, *issued, newest_amendment(*amendments, figure));
        }
    }
    return {};
}

}  // namespace

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
                           const std::vector<std::string>& locations, const AskedPeriod& period, schemas::Instant now,
                           Depth depth) {
    Surroundings surroundings;
    surroundings.depth = depth;
    surroundings.locations = locations;
    auto amendments = store.amendments();
    if (!amendments) {
        return tl::unexpected(amendments.error());
    }
    surroundings.amendments = *std::move(amendments);
    surroundings.details = [&store](const schemas::SeriesKey& key, schemas::Instant from, schemas::Instant to,
                                    std::size_t limit) { return store.results(key, from, to, limit); };
    return make_report(definitions, period, now, surroundings, RunSource::of(store));
}

Stored<Report> make_full_report(Store& store, const schemas::Definitions& definitions,
                                const std::vector<std::string>& locations, const AskedPeriod& period,
                                schemas::Instant now) {
    auto report = make_report(store, definitions, locations, period, now);
    if (!report) {
        return report;
    }
    for (int count = 1; count <= compared_periods; ++count) {
        const auto past = make_report(store, definitions, locations, earlier(period, count), now, Depth::figures);
        if (!past) {
            return past;
        }
        compare(*report, *past);
    }
    if (auto marked = mark_revised(store, *report, now); !marked) {
        return tl::unexpected(marked.error());
    }
    return report;
}

}  // namespace slimtax::reporter
