#include "unit/reporter/reference_ledger.hpp"

#include <algorithm>
#include <optional>
#include <set>

#include "reporter/ledger/zone.hpp"
#include "unit/reporter/reference_series.hpp"

namespace slimtax::reporter::testing {
namespace {

using namespace std::chrono_literals;
using schemas::Booking;
using schemas::Duration;
using schemas::Instant;
using schemas::SeriesKey;
using schemas::State;
using schemas::Verdict;

struct World {
    const schemas::Definition& definition;
    const schemas::Objective& objective;
    Duration grace;
    Instant now;
    Zone zone;
    std::vector<Series> controls;
    std::vector<Series> series;
};

// ── Locations at fault ──────────────────────────────────────────────────────────────────────────────────────

bool at_fault(const World& world, const std::string& location, Instant t) {
    int measured = 0;
    int down = 0;
    for (const Series& control : world.controls) {
        if (control.key.location == location) {
            const State state = state_at(control, t, Reading::longest);
            measured += state == State::unmeasured ? 0 : 1;
            down += state == State::down ? 1 : 0;
        }
    }
    return measured > 0 && down == measured;
}

State member_state(const World& world, const Series& series, Instant t, Reading reading) {
    return at_fault(world, series.key.location, t) ? State::unmeasured : state_at(series, t, reading);
}

// ── Levels ──────────────────────────────────────────────────────────────────────────────────────────────────

bool promises_work(const schemas::Objective& objective) {
    return objective.users || objective.work || objective.total;
}

bool reads_work(const Entry& entry) {
    const Verdict verdict = entry.run.verdict;
    return (verdict == Verdict::ok || verdict == Verdict::slow) && entry.run.work_span > 0us;
}

State judge_reading(const World& world, Instant t) {
    const schemas::Objective& objective = world.objective;
    const Duration within = objective.users ? objective.users->within : 15min;
    std::set<std::string> active;
    double per_second = 0;
    bool all_measured = true;
    for (const Series& series : world.series) {
        double units = 0;
        double seconds = 0;
        Series readings = series;
        for (Entry& entry : readings.entries) {
            entry.state = reads_work(entry) ? State::up : State::unmeasured;
            const Instant at = moment_of(series, entry);
            if (!reads_work(entry) || at <= t - within || at > t) {
                continue;
            }
            const Duration inside = std::min(entry.run.work_span, at - (t - within));
            const double share = schemas::to_seconds(inside) / schemas::to_seconds(entry.run.work_span);
            units += static_cast<double>(entry.run.work) * share;
            seconds += schemas::to_seconds(inside);
            for (const schemas::UserWork& user : entry.run.users) {
                if (user.units > 0) {
                    active.insert(user.user);
                }
            }
        }
        per_second += seconds > 0 ? units / seconds : 0;
        all_measured = all_measured && state_at(readings, t, Reading::nominal) != State::unmeasured;
    }
    bool enough = true;
    const auto promised = [](const schemas::WorkRate& rate) { return rate.amount / schemas::to_seconds(rate.per); };
    if (objective.work) {
        const double users =
            static_cast<double>(objective.users ? objective.users->users : static_cast<std::int64_t>(active.size()));
        enough = enough && per_second >= users * promised(*objective.work) * (1 - 1e-9);
    }
    if (objective.total) {
        enough = enough && per_second >= promised(*objective.total) * (1 - 1e-9);
    }
    return enough ? State::up : all_measured ? State::down : State::unmeasured;
}

void set_states(World& world) {
    std::optional<Duration> limit;
    if (!world.objective.bands.empty()) {
        limit = world.objective.bands.front().up_to;
    }
    for (Series& series : world.series) {
        for (Entry& entry : series.entries) {
            if (at_fault(world, series.key.location, moment_of(series, entry))) {
                entry.run.verdict = Verdict::prober_fault;
            }
            entry.state = schemas::state_of(entry.run.verdict);
            if (entry.state == State::up && limit && entry.run.response > *limit) {
                entry.state = State::degraded;
            }
        }
    }
    if (!promises_work(world.objective)) {
        return;
    }
    for (Series& series : world.series) {
        for (Entry& entry : series.entries) {
            if (reads_work(entry)) {
                entry.state = judge_reading(world, moment_of(series, entry));
            } else if (entry.state != State::down) {
                entry.state = State::unmeasured;
            }
        }
    }
}

// ── Votes ───────────────────────────────────────────────────────────────────────────────────────────────────

int count(const std::vector<State>& states, State wanted) {
    return static_cast<int>(std::count(states.begin(), states.end(), wanted));
}

State locations_say(const std::vector<State>& states, const schemas::Quorum& agree) {
    const int all = static_cast<int>(states.size());
    const int measured = all - count(states, State::unmeasured);
    const int down = count(states, State::down);
    const int troubled = down + count(states, State::degraded);
    const auto enough = [&](int votes) {
        switch (agree.rule) {
            case schemas::Quorum::Rule::any: return votes >= 1;
            case schemas::Quorum::Rule::majority: return 2 * votes > measured;
            case schemas::Quorum::Rule::all: return votes == measured;
            case schemas::Quorum::Rule::number: return votes >= std::min(agree.number, all);
        }
        return false;
    };
    if (measured == 0) {
        return State::unmeasured;
    }
    if (enough(down)) {
        return State::down;
    }
    if (agree.rule == schemas::Quorum::Rule::number && enough(down + all - measured)) {
        return State::unmeasured;
    }
    return enough(troubled) ? State::degraded : State::up;
}

State targets_say(const std::vector<State>& states, const schemas::Quorum& need) {
    const int all = static_cast<int>(states.size());
    const int needed = need.rule == schemas::Quorum::Rule::any        ? 1
                       : need.rule == schemas::Quorum::Rule::all      ? all
                       : need.rule == schemas::Quorum::Rule::majority ? all / 2 + 1
                                                                      : std::min(need.number, all);
    const int up = count(states, State::up);
    const int serving = up + count(states, State::degraded);
    const int perhaps = serving + count(states, State::unmeasured);
    return up >= needed        ? State::up
           : serving >= needed ? State::degraded
           : perhaps < needed  ? State::down
                               : State::unmeasured;
}

State objective_state(const World& world, Instant t, Reading reading) {
    if (promises_work(world.objective)) {
        State worst = State::unmeasured;
        for (const Series& series : world.series) {
            const State state = member_state(world, series, t, reading);
            if (state != State::unmeasured && (worst == State::unmeasured || state > worst)) {
                worst = state;
            }
        }
        return worst;
    }
    std::map<std::string, std::map<std::string, std::vector<State>>> said;
    for (const Series& series : world.series) {
        said[series.key.probe][series.key.target].push_back(member_state(world, series, t, reading));
    }
    std::vector<State> probes;
    for (const auto& [probe, targets] : said) {
        std::vector<State> states;
        for (const auto& [target, locations] : targets) {
            states.push_back(locations_say(locations, world.objective.agree));
        }
        probes.push_back(targets_say(states, world.objective.need));
    }
    return probes.empty()                         ? State::unmeasured
           : count(probes, State::down) > 0       ? State::down
           : count(probes, State::unmeasured) > 0 ? State::unmeasured
           : count(probes, State::degraded) > 0   ? State::degraded
                                                  : State::up;
}

// ── Calendar ────────────────────────────────────────────────────────────────────────────────────────────────

Booking hours_at(const World& world, Instant t) {  // up stands for open
    const schemas::Window& window = world.definition.window;
    const LocalTime local = world.zone.local_of(t);
    const auto day = std::chrono::floor<std::chrono::days>(local);
    const auto minute = std::chrono::floor<std::chrono::minutes>(local - day).count();
    bool open = window.open.empty();
    for (const schemas::WeeklyHours& hours : window.open) {
        open =
            open || (hours.day == std::chrono::weekday(day) && hours.from_minute <= minute && minute < hours.to_minute);
    }
    for (const std::chrono::year_month_day closed : window.closed) {
        open = open && std::chrono::local_days(closed) != day;
    }
    if (!open) {
        return Booking::outside;
    }
    for (const schemas::Maintenance& work : window.maintenance) {
        const bool announced = !work.announced || world.zone.instant_of(*work.announced) <= t;
        if (announced && world.zone.instant_of(work.from) <= t && t < world.zone.instant_of(work.to)) {
            return Booking::planned;
        }
    }
    return Booking::up;
}

// ── All together ────────────────────────────────────────────────────────────────────────────────────────────

std::vector<Series> find_series(const schemas::Definition& definition, const std::vector<const schemas::Probe*>& probes,
                                const std::map<SeriesKey, std::vector<Run>>& runs,
                                const std::vector<std::string>& locations, Instant now) {
    std::vector<Series> result;
    for (const schemas::Probe* probe : probes) {
        for (const std::string& target : probe->series_targets()) {
            for (const std::string& location : probe->from.empty() ? locations : probe->from) {
                Series series{{definition.service.id, probe->id, target, location}, probe, {}};
                const auto found = runs.find(series.key);
                series.entries = known(found == runs.end() ? std::vector<Run>() : found->second, now);
                result.push_back(std::move(series));
            }
        }
    }
    return result;
}

/// Every moment at which anything may change, within [from, to].
std::vector<Instant> moments(const World& world, Instant from, Instant to) {
    std::set<Instant> all{from, to};
    const auto add = [&](Instant t) {
        if (t > from && t < to) {
            all.insert(t);
        }
    };
    for (const auto* list : {&world.series, &world.controls}) {
        for (const Series& series : *list) {
            for (const Entry& entry : series.entries) {
                for (const Instant t : {entry.start, entry.end, entry.hold}) {
                    add(t);
                }
            }
        }
    }
    // Hours begin and end at quarters of an hour, in the tests' zones in UTC too.
    for (Instant t = std::chrono::ceil<std::chrono::hours>(from); t < to; t += 15min) {
        add(t);
    }
    return {all.begin(), all.end()};
}

struct Piece {
    Instant from;
    Instant to;
    std::array<State, 3> states{};
};

/// Stretches below target for long enough are down.
void declare_outages(std::vector<Piece>& pieces, std::size_t reading, Duration least) {
    const std::vector<Piece> before = pieces;
    const auto below = [&](std::size_t i) {
        return before[i].states.at(reading) == State::degraded || before[i].states.at(reading) == State::down;
    };
    for (std::size_t i = 0; i < before.size(); ++i) {
        std::size_t first = i;
        std::size_t last = i;
        while (below(i) && first > 0 && below(first - 1)) {
            --first;
        }
        while (below(i) && last + 1 < before.size() && below(last + 1)) {
            ++last;
        }
        if (below(i) && before[last].to - before[first].from >= least) {
            pieces[i].states.at(reading) = State::down;
        }
    }
}

std::uint64_t count_due(const World& world, Instant from, Instant to) {
    std::uint64_t due = 0;
    const auto counts = [&](Instant t) { return t >= from && t < to && hours_at(world, t) == Booking::up; };
    const auto overdue = [&](const Series& series, Instant t) {
        return t + series.probe->timeout + world.grace <= world.now;
    };
    for (const Series& series : world.series) {
        const Run* first = series.entries.empty() ? nullptr : &series.entries.front().run;
        const Duration every = first != nullptr && first->every > Duration(0) ? first->every : series.probe->every;
        const schemas::Schedule schedule(series.key, every, series.probe->jitter);
        const bool on_schedule = first == nullptr || schedule.is_intended(first->intended);
        const Instant end = first == nullptr ? to : first->intended;
        Instant t = on_schedule ? schedule.first_from(from) : end - (end - std::min(end, from)) / every * every;
        while (t < end) {
            due += counts(t) && overdue(series, t) ? 1 : 0;
            t = on_schedule ? schedule.intended_start(schedule.slot_at(t) + 1) : t + every;
        }
        for (const Entry& entry : series.entries) {
            due += counts(entry.run.intended) ? 1 : 0;
            due += static_cast<std::uint64_t>(std::count_if(entry.missed.begin(), entry.missed.end(), counts));
        }
    }
    return due;
}

}  // namespace

ReferenceReport reference_report(const schemas::Definition& definition, const schemas::Objective& objective,
                                 const std::map<SeriesKey, std::vector<Run>>& runs,
                                 const std::vector<std::string>& locations, Duration arrival_grace,
                                 const Period& period, Instant now) {
    World world{definition, objective, arrival_grace, now, Zone::find(definition.window.timezone).value(), {}, {}};
    std::vector<const schemas::Probe*> controls;
    for (const schemas::Probe& probe : definition.probes) {
        if (probe.control) {
            controls.push_back(&probe);
        }
    }
    world.controls = find_series(definition, controls, runs, locations, now);
    world.series = find_series(definition, definition.probes_of(objective), runs, locations, now);
    std::erase_if(world.series, [&](const Series& series) {
        const auto& excluded = objective.exclude_locations;
        return std::find(excluded.begin(), excluded.end(), series.key.location) != excluded.end();
    });
    for (Series& control : world.controls) {
        lay_out(control, world.grace, world.now);
        for (Entry& entry : control.entries) {
            entry.state = schemas::state_of(entry.run.verdict);
        }
    }
    for (Series& series : world.series) {
        lay_out(series, world.grace, world.now);
    }
    set_states(world);

    const Duration beyond = objective.below_target_for.value_or(0s) * 3;
    const Instant cut = std::min(period.to, now);
    std::vector<Instant> times = moments(world, period.from - beyond - 1h, std::min(period.to + beyond, now));
    times.push_back(period.from);
    times.push_back(cut);
    std::sort(times.begin(), times.end());
    std::vector<Piece> pieces;
    for (std::size_t i = 0; i + 1 < times.size(); ++i) {
        if (times[i] < times[i + 1]) {
            Piece piece{times[i], times[i + 1], {}};
            for (const Reading reading : all_readings) {
                piece.states.at(static_cast<std::size_t>(reading)) = objective_state(world, times[i], reading);
            }
            pieces.push_back(piece);
        }
    }
    if (objective.below_target_for) {
        for (std::size_t reading = 0; reading < 3; ++reading) {
            declare_outages(pieces, reading, *objective.below_target_for);
        }
    }

    ReferenceReport report;
    bool in_outage = false;
    Duration counted{};
    for (const Piece& piece : pieces) {
        const bool down = piece.states[0] == State::down;
        if (in_outage && !down) {
            if (counted > 0us) {
                report.outages.push_back(counted);
            }
            counted = 0us;
        }
        in_outage = down;
        if (piece.from < period.from || piece.from >= cut) {
            continue;
        }
        const Duration length = piece.to - piece.from;
        const Booking hours = hours_at(world, piece.from);
        if (hours != Booking::up) {
            report.minutes[hours] += length;
            continue;
        }
        constexpr std::array bookings{Booking::up, Booking::degraded, Booking::down, Booking::unmeasured};
        report.minutes[bookings.at(static_cast<std::size_t>(piece.states[0]))] += length;
        report.spent += down ? length : 0us;
        report.spent_at_least += down && piece.states[1] == State::down ? length : 0us;
        report.spent_at_most += down || piece.states[2] == State::down ? length : 0us;
        counted += down ? length : 0us;
    }
    if (in_outage && counted > 0us) {
        report.outages.push_back(counted);
    }
    report.due = count_due(world, period.from, cut);
    return report;
}

}  // namespace slimtax::reporter::testing
