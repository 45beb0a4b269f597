#include "reporter/objective_ledger.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <utility>

#include "reporter/performance.hpp"

namespace slimtax::reporter {
namespace {

using schemas::Duration;
using schemas::Instant;
using schemas::State;

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

const Stretch* stretch_at(const std::vector<Stretch>& stretches, Instant instant) {
    const auto after = std::upper_bound(stretches.begin(), stretches.end(), instant,
                                        [](Instant t, const Stretch& stretch) { return t < stretch.to; });
    return after != stretches.end() && after->from <= instant ? &*after : nullptr;
}

std::string fault_sentence(const std::string& location) {
    return "the location " + location + " was at fault itself: its control probes failed too";
}

/// Runs of a location at fault say nothing about the service.
void set_aside(std::span<Run> runs, const std::vector<Stretch>& faults, const SeriesClock& clock) {
    if (faults.empty()) {
        return;
    }
    for (Run& run : runs) {
        if (stretch_at(faults, moment_of(clock, run)) != nullptr) {
            run.verdict = schemas::Verdict::prober_fault;
            run.reason = fault_sentence(clock.key.location);
        }
    }
}

/// The same for the one run before [from, to) and the one after it.
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
        set_aside({&run, 1}, *faults, clock);
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

}  // namespace

Stored<std::vector<Stretch>> Locations::at_fault(const std::string& location, Instant from, Instant to) {
    to = std::min(to, now_);
    const bool judged_here = std::any_of(controls_.begin(), controls_.end(),
                                         [&](const SeriesClock& control) { return control.key.location == location; });
    if (!judged_here || from >= to) {
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
        auto runs = runs_(control.key, from - control.margin(), to + control.margin());
        if (!runs) {
            return tl::unexpected(runs.error());
        }
        const JudgedRuns judged = judge_by_verdict(in_order(std::move(runs->runs), now_));
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
                                              Instant now, const Surroundings& surroundings, const RunSource& runs,
                                              Locations& locations) {
    ObjectiveLedger result;
    result.series = find_series(definition, objective, surroundings);
    const bool work = counts_work(objective);
    Duration margin = work ? trailing_time(objective) : Duration(0);
    for (const SeriesPart& part : result.series) {
        margin = std::max(margin, part.clock.margin() + (work ? trailing_time(objective) : Duration(0)));
    }
    std::vector<PopulationSeries> population;
    for (SeriesPart& part : result.series) {
        auto loaded = runs(part.clock.key, from - margin, to + margin);
        auto faults = locations.at_fault(part.clock.key.location, from - margin, to + margin);
        if (!loaded || !faults) {
            return tl::unexpected(loaded ? faults.error() : loaded.error());
        }
        part.faults = *std::move(faults);
        std::vector<Run> ordered = in_order(std::move(loaded->runs), now);
        set_aside(ordered, part.faults, part.clock);
        if (auto error = set_aside_outer(ordered, from - margin, to + margin, part.clock, locations)) {
            return tl::unexpected(*std::move(error));
        }
        if (work) {
            population.push_back({part.clock, std::move(ordered)});
        } else {
            part.judged = judge_performance(std::move(ordered), objective);
        }
    }
    if (work) {
        JudgedPopulation judged = judge_work(population, objective, now);
        for (std::size_t i = 0; i < result.series.size(); ++i) {
            result.series[i].judged = std::move(judged.series[i]);
            result.series[i].active = std::move(judged.active[i]);
        }
    }
    for (SeriesPart& part : result.series) {
        part.ledger = make_ledger(part.clock, part.judged, from, to, now);
        part.ledger.spans = blanked(part.ledger.spans, part.faults);
    }
    result.spans = combine(members_of(result.series), {objective.agree, objective.need, work}, from, to);
    if (objective.below_target_for) {
        result.spans = with_outages(result.spans, *objective.below_target_for);
    }
    return result;
}

}  // namespace slimtax::reporter
