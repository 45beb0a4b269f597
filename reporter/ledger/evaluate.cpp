#include "reporter/ledger/evaluate.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "reporter/ledger/amendments.hpp"
#include "reporter/ledger/book.hpp"
#include "reporter/ledger/budget.hpp"
#include "reporter/ledger/calendar.hpp"
#include "reporter/ledger/diagnosis.hpp"
#include "reporter/ledger/impact.hpp"
#include "reporter/ledger/light.hpp"
#include "reporter/ledger/looks.hpp"
#include "reporter/ledger/objective_ledger.hpp"
#include "reporter/ledger/performance.hpp"
#include "reporter/ledger/periodicity.hpp"
#include "reporter/ledger/uncertainty.hpp"
#include "reporter/ledger/unmeasured.hpp"
#include "reporter/ledger/verdict.hpp"

namespace slimtax::reporter {
namespace {

using schemas::Duration;
using schemas::Instant;
using schemas::State;

/// How far before a running period the begin of a state is looked for.
constexpr Duration look_back = std::chrono::hours(24);

/// Which series were part of an outage: down in it, or below target where that is an outage.
void name_series(Outage& outage, const ObjectiveLedger& ledger, Instant from, Instant to, bool degraded_counts) {
    std::set<std::string> targets;
    std::set<std::string> locations;
    for (const SeriesPart& part : ledger.series) {
        const StateSpan* span = span_at(part.ledger.spans, from);
        const StateSpan* end = part.ledger.spans.data() + part.ledger.spans.size();
        for (; span != nullptr && span != end && span->from < to; ++span) {
            if (span->nominal == State::down || (degraded_counts && span->nominal == State::degraded)) {
                targets.insert(part.clock.key.target);
                locations.insert(part.clock.key.location);
                break;
            }
        }
    }
    targets.erase("");
    outage.targets.assign(targets.begin(), targets.end());
    outage.locations.assign(locations.begin(), locations.end());
}

std::vector<FoundOutage> describe_outages(const schemas::Definition& definition, const schemas::Objective& objective,
                                          const ObjectiveLedger& ledger, const CalendarSpans& calendar) {
    std::vector<FoundOutage> outages = find_outages(ledger.spans, calendar);
    for (FoundOutage& found : outages) {
        found.outage.id = outage_id(definition.service.id, objective.id, found.began);
        found.outage.reason = ledger.reason_at(found.began, State::down);
        name_series(found.outage, ledger, found.began, std::min(found.ended, calendar.back().to),
                    objective.below_target_for > Duration(0));
        if (counts_work(objective)) {
            found.outage.user_minutes =
                static_cast<double>(users_before(ledger, found.began)) * schemas::to_minutes(found.outage.nominal);
        }
    }
    return outages;
}

/// Says of excused outages when their runs were due, from the first that was not good to the last.
void find_due_runs(std::vector<FoundOutage>& outages, const ObjectiveLedger& ledger) {
    for (FoundOutage& found : outages) {
        if (!found.outage.excused) {
            continue;
        }
        Instant first = Instant::max();
        Instant last = Instant::min();
        for (const SeriesPart& part : ledger.series) {
            for (std::size_t i = 0; i < part.judged.runs.size(); ++i) {
                const State state = part.judged.states[i];
                const Instant moment = moment_of(part.clock, part.judged.runs[i]);
                if ((state == State::down || state == State::degraded) && found.began <= moment &&
                    moment < found.ended) {
                    first = std::min(first, part.judged.runs[i].intended);
                    last = std::max(last, part.judged.runs[i].intended);
                }
            }
        }
        if (first <= last) {
            found.due_from = first;
            found.due_to = last + Duration(1);
        }
    }
}

/// Promised shares of the budget by cause, filled with what the outages of each cause spent.
void share_out(BudgetUse& budget, const std::vector<Outage>& outages) {
    for (CauseUse& use : budget.causes) {
        for (const Outage& outage : outages) {
            if (outage.cause == use.cause && !outage.excused) {
                use.spent += schemas::to_minutes(outage.nominal);
            }
        }
    }
}

std::vector<ResponseStretch> over_time(const GridTotals& grid, Instant from, Instant to) {
    std::vector<ResponseStretch> stretches;
    for (const auto& [cell, totals] : grid.cells) {
        const Instant begin(cell * grid.width);
        if (totals.completed() > 0) {
            stretches.push_back({std::max(from, begin), std::min(to, begin + grid.width), totals.completed(),
                                 totals.response_at(0.5), totals.response_at(0.95),
                                 static_cast<double>(totals.most) / 1e3});
        }
    }
    return stretches;
}

/// Everything that the evaluation of any objective of a report needs.
struct Context {
    Instant now;
    const Surroundings& surroundings;
    const RunSource& runs;
    Locations& locations;
};

/// The ledger of the period, reaching back to the begin of an outage that goes on at its edge: the same outage has the
/// same begin, and so the same name, in every report.
Stored<ObjectiveLedger> ledger_from_begin(const schemas::Definition& definition, const schemas::Objective& objective,
                                          const Period& period, Duration back, Duration beyond,
                                          const CalendarSpans& hours, const Context& context) {
    constexpr std::array further{std::chrono::hours(24), std::chrono::hours(24 * 9), std::chrono::hours(24 * 80)};
    auto next = further.begin();
    while (true) {
        auto ledger =
            make_objective_ledger(definition, objective, period.from - back, std::min(period.to + beyond, context.now),
                                  context.now, hours, context.surroundings, context.runs, context.locations);
        const bool began_before = ledger && !ledger->spans.empty() && ledger->spans.front().nominal == State::down;
        while (next != further.end() && *next <= back) {
            ++next;
        }
        if (!began_before || next == further.end()) {
            return ledger;
        }
        back = *next;
    }
}

Stored<ObjectiveReport> evaluate_objective(const schemas::Definition& definition, const schemas::Objective& objective,
                                           const Period& period, const Calendar& calendar, const Context& context) {
    ObjectiveReport report;
    report.id = objective.id;
    report.title = objective.title.empty() ? objective.id : objective.title;
    report.level = objective.level;
    const Instant cut = std::min(period.to, context.now);
    if (cut <= period.from) {
        report.met = false;
        report.verdict_note = "The period has not begun.";
        report.light_reason = report.verdict_note;
        report.light_since = period.from;
        report.budget = use_budget(objective, period, calendar.zone(), {}, 0);
        return report;
    }
    // A stretch below target that is an outage as a whole may lie across the period's edges. The moment before the
    // period tells whether an outage began there; of a running period a day before it tells since when.
    const Duration beyond = objective.below_target_for.value_or(Duration(0));
    const Duration back = std::max(beyond, context.now < period.to ? look_back : Duration(1));
    const CalendarSpans hours = calendar.spans(period.from, cut);
    auto ledger = ledger_from_begin(definition, objective, period, back, beyond, hours, context);
    if (!ledger) {
        return tl::unexpected(ledger.error());
    }
    std::vector<FoundOutage> found = describe_outages(definition, objective, *ledger, hours);
    const bool full = context.surroundings.depth == Depth::full;
    if (full) {
        if (auto done = diagnose(found, definition, objective, *ledger, cut, context.surroundings, context.runs);
            !done) {
            return tl::unexpected(done.error());
        }
    }
    amend(found, definition.service.id, objective.id, context.surroundings.amendments);
    find_due_runs(found, *ledger);
    const Excused left = excuse(ledger->spans, hours, found);
    Booked booked = book(left.spans, left.calendar);
    report.minutes = booked.time;
    report.strip = std::move(booked.strip);
    for (FoundOutage& one : found) {
        report.outages.push_back(std::move(one.outage));
    }

    if (left.counted != hours) {
        // Runs of excused time do not count.
        auto again = ledger_from_begin(definition, objective, period, back, beyond, left.counted, context);
        if (!again) {
            return tl::unexpected(again.error());
        }
        ledger->counted = std::move(again->counted);
    }
    const Counted& counted = ledger->counted;
    report.runs = counted.runs;
    report.response_ms = counted.statistics.response_times();
    report.bands = counted.statistics.bands();
    for (BandResult& band : report.bands) {
        band.likely = likely_share(static_cast<double>(band.runs),
                                   static_cast<double>(counted.statistics.completed() + counted.statistics.failed()));
    }
    if (full) {
        report.responses = over_time(counted.grid, period.from, cut);
    }
    if (counts_work(objective)) {
        report.work = counted.work;
        for (const Outage& outage : report.outages) {
            report.work->user_minutes_lost += outage.excused ? 0 : outage.user_minutes;
        }
    }
    report.budget = use_budget(objective, period, calendar.zone(), booked.down, counted.statistics.failed());
    share_out(report.budget, report.outages);
    const Looks looks = looks_of(*ledger, objective);
    report.longest_gap = looks.always_seen;
    if (!report.budget.in_failures && looks.effective_gap > 0) {
        report.budget.likely = likely_minutes(report.strip, looks.effective_gap);
    }
    reach_verdict(report, objective, counted.statistics.transactions());
    if (full) {
        report.unmeasured = explain_unmeasured(*ledger, report.strip);
        report.periodicity = find_periodicity(report.outages, looks.always_seen, calendar.zone());
        set_lights(report, *ledger, calendar, hours);
    }
    return report;
}

std::vector<SeriesClock> control_clocks(const std::vector<schemas::SeriesKey>& keys,
                                        const std::vector<const schemas::Definition*>& definitions, Duration grace) {
    std::vector<SeriesClock> clocks;
    for (const schemas::SeriesKey& key : keys) {
        // Of a control that no definition at hand describes, the runs tell the interval.
        SeriesClock clock{key, std::chrono::minutes(1), 0.5, std::chrono::seconds(10), grace};
        for (const schemas::Definition* definition : definitions) {
            const schemas::Probe* probe =
                definition->service.id == key.service ? definition->find_probe(key.probe) : nullptr;
            if (probe != nullptr) {
                clock = clock_of(*probe, key, grace);
            }
        }
        clocks.push_back(std::move(clock));
    }
    return clocks;
}

Stored<Calendar> calendar_of(const schemas::Definition& definition) {
    auto calendar = Calendar::make(definition.window);
    if (!calendar) {
        return tl::unexpected(
            StoreError{fmt::format("service {}: {}", definition.service.id, calendar.error()), false});
    }
    return *std::move(calendar);
}

Stored<ServiceReport> report_service(const std::shared_ptr<const schemas::Definition>& definition,
                                     const std::function<Period(const Zone&)>& period_in, const Context& context) {
    const schemas::Service& service = definition->service;
    auto calendar = calendar_of(*definition);
    if (!calendar) {
        return tl::unexpected(calendar.error());
    }
    ServiceReport report;
    report.id = service.id;
    report.title = service.title.empty() ? service.id : service.title;
    report.owner = service.owner;
    report.about = service.about;
    report.definition = service.definition;
    report.tags = service.tags;
    report.source = definition;
    report.period = period_in(calendar->zone());
    for (const schemas::Objective& objective : definition->objectives) {
        auto evaluated = evaluate_objective(*definition, objective, report.period, *calendar, context);
        if (!evaluated) {
            return tl::unexpected(evaluated.error());
        }
        report.objectives.push_back(*std::move(evaluated));
    }
    return report;
}

Stored<Report> report_all(const schemas::Definitions& definitions, const std::function<Period(const Zone&)>& period_in,
                          Instant now, const Surroundings& surroundings, const RunSource& runs) {
    std::vector<const schemas::Definition*> known;
    for (const auto& definition : definitions) {
        known.push_back(definition.get());
    }
    std::vector<schemas::SeriesKey> controls = find_controls(definitions, surroundings.locations);
    controls.insert(controls.end(), surroundings.controls.begin(), surroundings.controls.end());
    std::sort(controls.begin(), controls.end());
    controls.erase(std::unique(controls.begin(), controls.end()), controls.end());
    Locations locations(control_clocks(controls, known, surroundings.arrival_grace), runs, now);
    Surroundings with_services = surroundings;
    with_services.services = &definitions;
    const Context context{now, with_services, runs, locations};

    Report report;
    report.period = period_in(Zone());
    for (const auto& definition : definitions) {
        auto service = report_service(definition, period_in, context);
        if (!service) {
            return tl::unexpected(service.error());
        }
        const bool first = report.services.empty();
        const Period& own = service->period;
        report.period.from = first ? own.from : std::min(report.period.from, own.from);
        report.period.to = first ? own.to : std::max(report.period.to, own.to);
        report.services.push_back(*std::move(service));
    }
    report.so_far = now < report.period.to;
    report.period.to = std::max(report.period.from, std::min(report.period.to, now));
    return report;
}

}  // namespace

std::vector<schemas::SeriesKey> find_controls(const schemas::Definitions& definitions,
                                              const std::vector<std::string>& locations) {
    std::vector<schemas::SeriesKey> keys;
    for (const auto& definition : definitions) {
        for (const schemas::Probe& probe : definition->probes) {
            if (!probe.control) {
                continue;
            }
            for (const std::string& target : probe.series_targets()) {
                for (const std::string& location : probe.from.empty() ? locations : probe.from) {
                    keys.push_back({definition->service.id, probe.id, target, location});
                }
            }
        }
    }
    return keys;
}

Stored<ObjectiveReport> evaluate(const schemas::Definition& definition, const schemas::Objective& objective,
                                 const Period& period, Instant now, const Surroundings& surroundings,
                                 const RunSource& runs) {
    auto calendar = calendar_of(definition);
    if (!calendar) {
        return tl::unexpected(calendar.error());
    }
    Locations locations(control_clocks(surroundings.controls, {&definition}, surroundings.arrival_grace), runs, now);
    return evaluate_objective(definition, objective, period, *calendar, {now, surroundings, runs, locations});
}

Stored<Report> make_report(const schemas::Definitions& definitions, const Period& period, Instant now,
                           const Surroundings& surroundings, const RunSource& runs) {
    return report_all(
        definitions, [&](const Zone&) { return period; }, now, surroundings, runs);
}

Stored<Report> make_report(const schemas::Definitions& definitions, const AskedPeriod& period, Instant now,
                           const Surroundings& surroundings, const RunSource& runs) {
    return report_all(
        definitions, [&](const Zone& zone) { return period.in(zone); }, now, surroundings, runs);
}

}  // namespace slimtax::reporter
