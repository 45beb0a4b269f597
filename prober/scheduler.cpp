#include "prober/scheduler.hpp"

#include <algorithm>
#include <map>
#include <optional>

#include <fmt/format.h>

#include "prober/text.hpp"

namespace slimtax::prober {
namespace {

using probes::TimePoint;
using schemas::Duration;
using schemas::Instant;

// Slots handled in one turn: after a jump there may be many to record, and runs under way want the loop too.
constexpr int slots_per_turn = 512;

struct Interval {
    std::int64_t first;
    std::int64_t end;  // the first slot after it
};

Duration elapsed(TimePoint from, TimePoint to) {
    return std::chrono::duration_cast<Duration>(to - from);
}

}  // namespace

// What one series costs while it is idle: this, its heap entry, and its share of the definition.
struct Scheduler::Series {
    Series(std::shared_ptr<const schemas::Definition> a_definition, const schemas::Probe& a_probe, std::string a_target,
           const std::string& location)
        : definition(std::move(a_definition)),
          probe(&a_probe),
          target(std::move(a_target)),
          schedule(schemas::SeriesKey{definition->service.id, a_probe.id, target, location}, a_probe.every,
                   a_probe.jitter) {}

    [[nodiscard]] schemas::SeriesKey key(const std::string& location) const {
        return {definition->service.id, probe->id, target, location};
    }

    // A new series begins with the first slot that starts at `wall` or later.
    void begin_from(Instant wall) { first = next = schedule.slot_at(schedule.first_from(wall)); }

    // Forgets nothing of [first, next), and goes on from slot `from` as if new.
    void leap_to(std::int64_t from) {
        if (first < next) {
            if (done == nullptr) {
                done = std::make_unique<std::vector<Interval>>();
            }
            Interval whole{first, next};
            std::erase_if(*done, [&whole](const Interval& other) {
                const bool touches = other.first <= whole.end && whole.first <= other.end;
                if (touches) {
                    whole = {std::min(whole.first, other.first), std::max(whole.end, other.end)};
                }
                return touches;
            });
            done->push_back(whole);
        }
        first = from;
        next = from;
        leap_over_done();
    }

    // `next` has its outcome now.
    void advance() {
        ++next;
        leap_over_done();
    }

    void leap_over_done() {
        if (done == nullptr) {
            return;
        }
        for (bool moved = true; moved;) {
            moved = false;
            for (const Interval& interval : *done) {
                if (next >= interval.first && next < interval.end) {
                    next = interval.end;
                    moved = true;
                }
            }
        }
    }

    std::shared_ptr<const schemas::Definition> definition;
    const schemas::Probe* probe;
    std::string target;
    schemas::Schedule schedule;
    std::int64_t first = 0;  // slots in [first, next) have had their outcome …
    std::int64_t next = 0;
    std::unique_ptr<std::vector<Interval>> done;  // … and these, before the clock went back
    std::optional<std::int64_t> waiting;          // a slot of an exclusive series that waits for the run before
    std::uint32_t in_flight = 0;
};

Scheduler::Scheduler(const Clock& clock, std::string location, SchedulerActions actions, std::size_t room, Weigh weigh)
    : clock_(clock),
      location_(std::move(location)),
      actions_(std::move(actions)),
      room_(room),
      weigh_(weigh),
      wall_before_(clock.wall()),
      steady_before_(clock.steady()),
      suspended_before_(clock.suspended()) {}

Scheduler::~Scheduler() = default;

SeriesChange Scheduler::set_definitions(const schemas::Definitions& definitions) {
    const Instant wall = clock_.wall();
    std::map<schemas::SeriesKey, std::shared_ptr<Series>> old;
    for (auto& series : series_) {
        old.emplace(series->key(location_), std::move(series));
    }
    series_.clear();
    SeriesChange change;
    const auto take = [&](const std::shared_ptr<const schemas::Definition>& definition, const schemas::Probe& probe,
                          const std::string& target) {
        const auto it = old.find({definition->service.id, probe.id, target, location_});
        const bool same = it != old.end() && it->second != nullptr && it->second->probe->every == probe.every &&
                          it->second->probe->jitter == probe.jitter;
        if (same) {
            ++change.kept;
            it->second->definition = definition;
            it->second->probe = &probe;
            series_.push_back(std::move(it->second));
            return;
        }
        ++change.added;
        series_.push_back(std::make_shared<Series>(definition, probe, target, location_));
        series_.back()->begin_from(wall);
    };
    for (const auto& definition : definitions) {
        for (const schemas::Probe& probe : definition->probes) {
            if (probe.collect) {
                continue;  // its source's runs make its results
            }
            if (probe.from.empty() || std::ranges::find(probe.from, location_) != probe.from.end()) {
                for (const std::string& target : probe.series_targets()) {
                    take(definition, probe, target);
                }
            }
        }
    }
    for (const auto& [key, series] : old) {
        if (series != nullptr) {
            ++change.removed;
            if (series->waiting) {
                skip(*series, *series->waiting, "the probe was taken out or rescheduled by a reload");
                series->waiting.reset();
            }
        }
    }
    rebuild_heap();
    return change;
}

void Scheduler::rebuild_heap() {
    heap_.clear();
    heap_.reserve(series_.size());
    for (std::uint32_t i = 0; i < series_.size(); ++i) {
        heap_.push_back({series_[i]->schedule.intended_start(series_[i]->next), i});
    }
    std::ranges::make_heap(heap_, std::ranges::greater(), &Due::start);
}

TimePoint Scheduler::turn() {
    const Instant wall = clock_.wall();
    const TimePoint steady = clock_.steady();
    if (stopped_) {
        return steady + longest_sleep;
    }
    notice_jump(wall, steady);
    for (int handled = 0; !heap_.empty() && heap_.front().start <= wall; ++handled) {
        if (handled == slots_per_turn) {
            return steady;
        }
        std::ranges::pop_heap(heap_, std::ranges::greater(), &Due::start);
        Due& entry = heap_.back();
        const std::shared_ptr<Series>& series = series_[entry.series];
        const std::int64_t slot = series->next;
        const Instant start = entry.start;
        series->advance();
        entry.start = series->schedule.intended_start(series->next);
        std::ranges::push_heap(heap_, std::ranges::greater(), &Due::start);
        due(series, slot, start, wall);
    }
    const Duration until = heap_.empty() ? longest_sleep : std::min(heap_.front().start - wall, longest_sleep);
    return steady + until;
}

void Scheduler::notice_jump(Instant wall, TimePoint steady) {
    const Duration suspended = clock_.suspended();
    const Duration asleep = suspended - suspended_before_;
    const Duration jump = (wall - wall_before_) - elapsed(steady_before_, steady);
    wall_before_ = wall;
    steady_before_ = steady;
    suspended_before_ = suspended;
    if (jump <= -smallest_jump) {
        jumped_back(wall);
        actions_.notice(fmt::format(
            "the clock of this machine went back by {}; runs that were made already are not made again, so {} of {} "
            "series wait until the clock has caught up",
            plain(-jump), waiting_for_clock(), series_.size()));
    } else if (jump >= smallest_jump) {
        const bool slept = asleep >= smallest_jump;
        skip_until_ = wall;
        skip_reason_ = slept ? fmt::format("the prober's machine was suspended for {}", plain(asleep))
                             : fmt::format("the clock of the prober's machine jumped ahead by {}", plain(jump));
        jumped_ahead(wall);
        actions_.notice(skip_reason_ + "; the runs that were due meanwhile are recorded as not run");
    }
}

// Slots of a time that is long gone get no outcome: after a jump of years there would be millions.
void Scheduler::jumped_ahead(Instant wall) {
    for (const auto& series : series_) {
        const std::int64_t oldest = series->schedule.slot_at(wall - longest_skip);
        if (series->next < oldest) {
            series->leap_to(oldest);
        }
    }
    rebuild_heap();
}

void Scheduler::jumped_back(Instant wall) {
    skip_until_ = Instant::min();
    for (const auto& series : series_) {
        const std::int64_t slot = series->schedule.slot_at(series->schedule.first_from(wall));
        if (slot < series->next) {
            series->leap_to(slot);
        }
    }
    rebuild_heap();
}

std::size_t Scheduler::waiting_for_clock() const {
    const Instant wall = clock_.wall();
    return static_cast<std::size_t>(std::ranges::count_if(series_, [wall](const auto& series) {
        return series->next > series->schedule.slot_at(series->schedule.first_from(wall));
    }));
}

void Scheduler::due(const std::shared_ptr<Series>& series, std::int64_t slot, Instant start, Instant wall) {
    if (series->waiting) {
        // The next start lies beyond the end of the slot that waits.
        skip(*series, *series->waiting,
             fmt::format(
                 "the run before was still under way at the end of this one's slot of {}, and the probe is exclusive",
                 plain(series->schedule.every())));
        series->waiting.reset();
    }
    if (start <= skip_until_) {
        skip(*series, slot, skip_reason_);
    } else if (wall - start > series->schedule.every()) {
        skip(*series, slot,
             fmt::format("the prober was {} late: it was stopped, or its machine overloaded", plain(wall - start)));
    } else if (series->probe->exclusive && series->in_flight > 0) {
        series->waiting = slot;
    } else {
        begin(series, slot);
    }
}

void Scheduler::begin(const std::shared_ptr<Series>& series, std::int64_t slot) {
    const std::size_t weight = weigh_(*series->probe);
    if (taken_ + weight > room_ && taken_ > 0) {
        skip(
            *series, slot,
            fmt::format("the prober is overloaded: {} runs are under way, the most that it allows", in_flight_.size()));
        return;
    }
    const auto overlaps = static_cast<std::uint32_t>(longest_run(*series->probe) / series->schedule.every() + 2);
    if (series->in_flight >= overlaps) {
        skip(*series, slot,
             fmt::format("{} earlier runs of this probe are still under way, beyond all their time-outs",
                         series->in_flight));
        return;
    }
    RunRequest request = request_for(*series, slot);
    const RunId id = ++last_id_;
    ++series->in_flight;
    taken_ += weight;
    in_flight_.emplace(id, InFlight{series, request, weight});
    actions_.start(id, std::move(request));
}

void Scheduler::finished(RunId id) {
    const auto it = in_flight_.find(id);
    if (it == in_flight_.end()) {
        return;
    }
    const std::shared_ptr<Series> series = std::move(it->second.series);
    taken_ -= it->second.weight;
    in_flight_.erase(it);
    --series->in_flight;
    if (!series->waiting || series->in_flight > 0) {
        return;
    }
    const std::int64_t slot = *series->waiting;
    series->waiting.reset();
    if (series->schedule.slot_at(clock_.wall()) > slot) {
        skip(*series, slot,
             fmt::format(
                 "the run before was still under way at the end of this one's slot of {}, and the probe is exclusive",
                 plain(series->schedule.every())));
    } else {
        begin(series, slot);
    }
}

void Scheduler::stop() {
    stopped_ = true;
    for (const auto& series : series_) {
        if (series->waiting) {
            skip(*series, *series->waiting, "the prober was stopped");
            series->waiting.reset();
        }
    }
}

void Scheduler::abandon(const std::string& reason) {
    for (const auto& [id, run] : in_flight_) {
        record_not_run(run.request, reason);
        --run.series->in_flight;
    }
    in_flight_.clear();
    taken_ = 0;
}

void Scheduler::skip(const Series& series, std::int64_t slot, std::string reason) {
    record_not_run(request_for(series, slot), reason);
}

// What a run would have fed has its outcome, too.
void Scheduler::record_not_run(RunRequest request, const std::string& reason) {
    actions_.record(not_run(request, reason));
    for (const schemas::Probe* indicator : request.definition->fed_by(*request.probe)) {
        request.probe = indicator;
        actions_.record(not_run(request, reason));
    }
}

RunRequest Scheduler::request_for(const Series& series, std::int64_t slot) const {
    RunRequest request;
    request.definition = series.definition;
    request.probe = series.probe;
    request.target = series.target;
    request.location = location_;
    request.intended = series.schedule.intended_start(slot);
    request.started = clock_.wall();
    return request;
}

}  // namespace slimtax::prober
