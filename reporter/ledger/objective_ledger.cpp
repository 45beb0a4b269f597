#include "reporter/ledger/objective_ledger.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <span>
#include <utility>

#include "reporter/ledger/load_series.hpp"
#include "reporter/ledger/open_hours.hpp"
#include "reporter/ledger/performance.hpp"

namespace slimtax::reporter {
namespace {

using schemas::Duration;
using schemas::Instant;
using schemas::State;

/// Longer stretches are counted by days instead of hours.
constexpr std::chrono::days hourly_up_to{32};

bool excluded(const schemas::Objective& objective, const std::string& location) {
    const auto& list = objective.exclude_locations;
    return std::find(list.begin(), list.end(), location) != list.end();
}

/// The series of an objective that count, without their runs.
std::vector<SeriesPart> find_series(const schemas::Definition& definition, const schemas::Objective& objective,
                                    const Surroundings& surroundings) {
    std::vector<SeriesPart> parts;
    std::size_t index = 0;
    for (const schemas::Probe* probe : definition.probes_of(objective)) {
        const std::vector<std::string> targets = probe->series_targets();
        for (std::size_t target = 0; target < targets.size(); ++target) {
            for (const std::string& location : probe->from.empty() ? surroundings.locations : probe->from) {
                if (!excluded(objective, location)) {
                    SeriesPart part;
                    part.clock = clock_of(*probe, {definition.service.id, probe->id, targets[target], location},
                                          surroundings.arrival_grace);
                    part.probe = index;
                    part.target = target;
                    parts.push_back(std::move(part));
                }
            }
        }
        // A probe that runs nowhere says nothing.
        index += !parts.empty() && parts.back().probe == index ? 1 : 0;
    }
    return parts;
}

/// Sets aside the one run before [from, to) and the one after it, where they come from a location at fault.
std::optional<StoreError> set_aside_outer(std::vector<Run>& runs, Instant from, Instant to, const SeriesClock& clock,
                                          Locations& locations) {
    for (Run& run : runs) {
        const Instant moment = moment_of(clock, run);
        if (moment >= from && moment < to) {
            continue;
        }
        auto faults = locations.at_fault(clock.key.location, moment, moment + Duration(1));
        if (!faults) {
            return faults.error();
        }
        set_aside(run, *faults, clock);
    }
    return std::nullopt;
}

/// Makes members from series; targets of a probe that no location measures are members that never measure.
std::vector<Member> members_of(const std::vector<SeriesPart>& series) {
    std::vector<Member> members;
    for (const SeriesPart& part : series) {
        members.push_back({part.probe, part.target, &part.ledger.spans});
    }
    return members;
}

const StateSpan* begin_of_state(const StateSpans& spans, Instant instant) {
    const StateSpan* span = span_at(spans, instant);
    while (span != nullptr && span != spans.data() && std::prev(span)->nominal == span->nominal) {
        --span;
    }
    return span;
}

/// Leaves the runs that are not up: the ledger is made, and a day can have thousands of others.
void leave_troubles(JudgedRuns& judged) {
    JudgedRuns left;
    for (std::size_t i = 0; i < judged.runs.size(); ++i) {
        if (judged.states[i] != State::up) {
            left.runs.push_back(std::move(judged.runs[i]));
            left.states.push_back(judged.states[i]);
        }
    }
    judged = std::move(left);
}

/// Work of one series; see WorkResult.
struct SeriesWork {
    double units = 0;
    double hours = 0;
    double user_hours = 0;
};

/// Units an hour that are promised while so many are active; 0: no amount is.
double asked_per_hour(const schemas::Objective& objective, double active) {
    const auto per_hour = [](const schemas::WorkRate& rate) {
        return rate.amount / schemas::to_minutes(rate.per) * 60;
    };
    double asked = objective.total ? per_hour(*objective.total) : 0;
    if (objective.work) {
        const double users = objective.users ? static_cast<double>(objective.users->users) : active;
        asked = std::max(asked, users * per_hour(*objective.work));
    }
    return asked;
}

/// The same by stretches of the grid. A reading belongs to the one in which it begins to cover.
std::vector<WorkStretch> work_over_time(const std::vector<SeriesPart>& series, const OpenHours& open,
                                        const schemas::Objective& objective, Duration width, Instant from, Instant to) {
    struct Cell {
        double per_hour = 0;
        double hours = 0;
        double user_hours = 0;
    };
    std::map<std::int64_t, Cell> cells;
    for (const SeriesPart& part : series) {
        std::map<std::int64_t, SeriesWork> own;
        for (std::size_t i = 0; i < part.judged.runs.size(); ++i) {
            const Run& run = part.judged.runs[i];
            const Instant begin = run.intended - run.work_span;
            if (run.work_span <= Duration(0) || begin < from || !open.hold(run.intended)) {
                continue;
            }
            SeriesWork& work = own[begin.time_since_epoch() / width];
            const double span = schemas::to_seconds(run.work_span) / 3600;
            work.units += static_cast<double>(run.work);
            work.hours += span;
            work.user_hours += span * static_cast<double>(part.active[i]);
        }
        for (const auto& [at, work] : own) {
            Cell& cell = cells[at];
            cell.per_hour += work.units / work.hours;
            cell.hours += work.hours;
            cell.user_hours += work.user_hours;
        }
    }
    std::vector<WorkStretch> stretches;
    for (const auto& [at, cell] : cells) {
        const Instant begin(at * width);
        const double active = cell.user_hours / cell.hours;
        stretches.push_back({std::max(from, begin), std::min(to, begin + width), cell.per_hour,
                             asked_per_hour(objective, active), active});
    }
    return stretches;
}

WorkResult count_work(const std::vector<SeriesPart>& series, const OpenHours& open) {
    WorkResult result;
    double hours = 0;
    double user_hours = 0;
    for (const SeriesPart& part : series) {
        SeriesWork work;
        for (std::size_t i = 0; i < part.judged.runs.size(); ++i) {
            const Run& run = part.judged.runs[i];
            if (!open.hold(run.intended)) {
                continue;
            }
            const double span = schemas::to_seconds(run.work_span) / 3600;
            work.units += static_cast<double>(run.work);
            work.hours += span;
            work.user_hours += span * static_cast<double>(part.active[i]);
            result.peak_active_users = std::max(result.peak_active_users, part.active[i]);
        }
        result.units += work.units;
        result.total_per_hour += work.hours > 0 ? work.units / work.hours : 0;
        hours += work.hours;
        user_hours += work.user_hours;
    }
    if (user_hours > 0) {
        result.per_user_hour = result.total_per_hour / (user_hours / hours);
    }
    return result;
}

/// Runs by verdict, and those that were due.
void count_runs(ObjectiveLedger& ledger, const OpenHours& open) {
    RunCounts& counts = ledger.counted.runs;
    counts.by_verdict = ledger.counted.statistics.totals().by_verdict;
    for (const std::uint64_t count : counts.by_verdict) {
        counts.due += count;
    }
    for (const SeriesPart& part : ledger.series) {
        counts.due += open.missed(part.clock, part.ledger.missed_at_first);
        for (const MissedRuns& missed : part.ledger.missed) {
            counts.due += open.missed(part.clock, missed);
        }
    }
}

}  // namespace

bool Locations::judges(const std::string& location) const {
    return std::any_of(controls_.begin(), controls_.end(),
                       [&](const SeriesClock& control) { return control.key.location == location; });
}

Stored<std::vector<Stretch>> Locations::at_fault(const std::string& location, Instant from, Instant to) {
    to = std::min(to, now_);
    if (!judges(location) || from >= to) {
        return std::vector<Stretch>();
    }
    const auto known = known_.find({location, from, to});
    if (known != known_.end()) {
        return known->second;
    }
    std::vector<SeriesLedger> ledgers;
    for (const SeriesClock& control : controls_) {
        if (control.key.location != location) {
            continue;
        }
        auto runs = load_series(runs_, control, {from - control.margin(), to + control.margin(), now_});
        if (!runs) {
            return tl::unexpected(runs.error());
        }
        const JudgedRuns judged = judge_by_verdict(*std::move(runs));
        ledgers.push_back(make_ledger(control, judged, from, to, now_));
    }
    std::vector<const StateSpans*> spans;
    for (const SeriesLedger& ledger : ledgers) {
        spans.push_back(&ledger.spans);
    }
    return known_[{location, from, to}] = faults(spans);
}

Instant SeriesPart::since(Instant instant) const {
    const StateSpan* span = begin_of_state(ledger.spans, instant);
    return span == nullptr ? instant : span->from;
}

std::string SeriesPart::reason_at(Instant instant) const {
    return stretch_at(faults, instant) != nullptr ? fault_sentence(clock.key.location) : ledger.reason_at(instant);
}

std::string ObjectiveLedger::reason_at(Instant instant, State state) const {
    using Order = std::array<State, 2>;
    const Order order = state == State::down       ? Order{State::down, State::degraded}
                        : state == State::degraded ? Order{State::degraded, State::down}
                                                   : Order{state, state};
    for (const State wanted : order) {
        const SeriesPart* latest = nullptr;
        for (const SeriesPart& part : series) {
            const StateSpan* span = span_at(part.ledger.spans, instant);
            if (span != nullptr && span->nominal == wanted &&
                (latest == nullptr || part.since(instant) > latest->since(instant))) {
                latest = &part;
            }
        }
        if (latest != nullptr) {
            return latest->reason_at(instant);
        }
    }
    return {};
}

bool counts_work(const schemas::Objective& objective) {
    return objective.users.has_value() || objective.work.has_value() || objective.total.has_value();
}

SeriesClock clock_of(const schemas::Probe& probe, schemas::SeriesKey key, Duration grace) {
    return {std::move(key), probe.every, probe.jitter, probe.timeout, grace, probe.scheduled_as()};
}

Stored<ObjectiveLedger> make_objective_ledger(const schemas::Definition& definition,
                                              const schemas::Objective& objective, Instant from, Instant to,
                                              Instant now, const CalendarSpans& calendar,
                                              const Surroundings& surroundings, const RunSource& runs,
                                              Locations& locations) {
    ObjectiveLedger result;
    result.series = find_series(definition, objective, surroundings);
    const bool work = counts_work(objective);
    Duration margin = work ? trailing_time(objective) : Duration(0);
    for (const SeriesPart& part : result.series) {
        margin = std::max(margin, part.clock.margin() + (work ? trailing_time(objective) : Duration(0)));
    }
    // Work is judged from every reading.
    const RunSource every_run(
        [&runs](const schemas::SeriesKey& key, Instant begin, Instant end) { return runs(key, begin, end); });
    const OpenHours open(calendar);
    result.counted.statistics = RunStatistics(objective.bands);
    LoadRequest request{from - margin, to + margin, now};
    request.limit = first_limit(objective);
    request.counted = &open;
    request.statistics = &result.counted.statistics;
    request.grid = &result.counted.grid;
    const bool long_period = !calendar.empty() && calendar.back().to - calendar.front().from > hourly_up_to;
    if (long_period || surroundings.depth == Depth::figures) {
        request.grid->width = std::chrono::days(1);
    }
    std::vector<PopulationSeries> population;
    for (SeriesPart& part : result.series) {
        auto faults = locations.at_fault(part.clock.key.location, request.from, request.to);
        if (!faults) {
            return tl::unexpected(faults.error());
        }
        part.faults = *std::move(faults);
        request.faults = part.faults;
        request.true_neighbours = locations.judges(part.clock.key.location);
        auto loaded = load_series(work ? every_run : runs, part.clock, request);
        if (!loaded) {
            return tl::unexpected(loaded.error());
        }
        if (auto error = set_aside_outer(*loaded, request.from, request.to, part.clock, locations)) {
            return tl::unexpected(*std::move(error));
        }
        if (work) {
            population.push_back({part.clock, *std::move(loaded)});
            continue;
        }
        part.judged = judge_performance(*std::move(loaded), objective);
        part.ledger = make_ledger(part.clock, part.judged, from, to, now);
        leave_troubles(part.judged);
    }
    if (work) {
        JudgedPopulation judged = judge_work(population, objective, now);
        for (std::size_t i = 0; i < result.series.size(); ++i) {
            SeriesPart& part = result.series[i];
            part.judged = std::move(judged.series[i]);
            part.active = std::move(judged.active[i]);
            part.ledger = make_ledger(part.clock, part.judged, from, to, now);
        }
        result.counted.work = count_work(result.series, open);
        if (!calendar.empty()) {
            result.counted.work.hours = work_over_time(result.series, open, objective, result.counted.grid.width,
                                                       calendar.front().from, calendar.back().to);
        }
    }
    for (SeriesPart& part : result.series) {
        part.ledger.spans = blanked(part.ledger.spans, part.faults);
    }
    count_runs(result, open);
    result.spans = combine(members_of(result.series), {objective.agree, objective.need, work}, from, to);
    if (objective.below_target_for) {
        result.spans = with_outages(result.spans, *objective.below_target_for);
    }
    return result;
}

}  // namespace slimtax::reporter
