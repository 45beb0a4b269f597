#include "simulate/simulated_week.hpp"

#include <algorithm>
#include <cmath>

#include "reporter/ledger/evaluate.hpp"
#include "reporter/ledger/zone.hpp"

namespace slimtax::simulate {
namespace {

using namespace std::chrono_literals;
using reporter::Run;
using schemas::Verdict;

constexpr Duration a_week = 168h;
/// Runs begin so long before the week and end so long after it.
constexpr Duration around = 12h;

void add(std::vector<Stretch>& down, Stretch next, Instant to) {
    next.to = std::min(next.to, to);
    if (next.from < next.to) {
        down.push_back(next);
    }
}

bool is_down(const std::vector<Stretch>& down, Instant t) {
    const auto after =
        std::upper_bound(down.begin(), down.end(), t, [](Instant i, const Stretch& s) { return i < s.to; });
    return after != down.end() && after->from <= t;
}

/// The first moment at or after t at which the service is down; up.
Instant next_down(const std::vector<Stretch>& down, Instant t) {
    const auto after =
        std::upper_bound(down.begin(), down.end(), t, [](Instant i, const Stretch& s) { return i < s.to; });
    return after == down.end() ? Instant::max() : std::max(t, after->from);
}
Instant next_up(const std::vector<Stretch>& down, Instant t) {
    const auto after =
        std::upper_bound(down.begin(), down.end(), t, [](Instant i, const Stretch& s) { return i < s.to; });
    return after == down.end() || after->from > t ? t : after->to;
}

void look(Run& run, const Setting& setting, const std::vector<Stretch>& down, Dice& dice) {
    const Duration quick = dice.between(20ms, std::min<Duration>(4s, setting.timeout));
    const bool refused = dice.fraction() < 0.5;  // or else it hangs until the time-out
    const Instant s = run.started;
    run.length = quick;
    bool fails = false;
    switch (setting.sight) {
        case Sight::at_start: fails = is_down(down, s); break;
        case Sight::within: {
            run.length = refused ? quick : setting.timeout;
            fails = is_down(down, s + dice.between(0us, run.length));
            break;
        }
        case Sight::whole: {
            const Instant hit = next_down(down, s);
            fails = hit < s + quick;
            run.length = !fails ? quick : refused ? hit - s : setting.timeout;
            break;
        }
        case Sight::patient: {
            const Instant back = next_up(down, s);
            fails = back >= s + setting.timeout;
            run.length = fails ? setting.timeout : back - s + quick;
            break;
        }
    }
    if (fails && setting.sight == Sight::at_start && !refused) {
        run.length = setting.timeout;
    }
    run.verdict = !fails ? Verdict::ok : run.length >= setting.timeout ? Verdict::timeout : Verdict::failed;
    run.response = run.length;
}

schemas::Definition definition_of(const Setting& setting) {
    schemas::Definition definition;
    definition.service.id = "simulated";
    definition.window.timezone = setting.timezone;
    definition.window.open = setting.open;
    schemas::Probe probe;
    probe.id = "look";
    probe.every = setting.every;
    probe.timeout = setting.timeout;
    probe.jitter = setting.jitter;
    definition.probes.push_back(probe);
    schemas::Objective objective;
    objective.id = "works";
    objective.budget = schemas::Budget{50min, schemas::BudgetPeriod::week};
    definition.objectives.push_back(objective);
    return definition;
}

/// A place of its own for each seed: the schedule of each week is another one.
schemas::SeriesKey key_of(std::uint64_t seed) {
    return {"simulated", "look", "", "place-" + std::to_string(seed)};
}

/// The open stretches of the week, found quarter by quarter by the clock on the wall.
std::vector<Stretch> open_stretches(const Setting& setting, Instant from, Instant to) {
    if (setting.open.empty()) {
        return {{from, to}};
    }
    const reporter::Zone zone = reporter::Zone::find(setting.timezone).value();
    std::vector<Stretch> open;
    for (Instant t = from; t < to; t += 15min) {
        const reporter::LocalTime local = zone.local_of(t);
        const auto day = std::chrono::floor<std::chrono::days>(local);
        const auto minute = std::chrono::floor<std::chrono::minutes>(local - day).count();
        const bool is_open =
            std::any_of(setting.open.begin(), setting.open.end(), [&](const schemas::WeeklyHours& hours) {
                return hours.day == std::chrono::weekday(day) && hours.from_minute <= minute &&
                       minute < hours.to_minute;
            });
        if (is_open && !open.empty() && open.back().to == t) {
            open.back().to = t + 15min;
        } else if (is_open) {
            open.push_back({t, t + 15min});
        }
    }
    return open;
}

Duration common(const std::vector<Stretch>& one, const std::vector<Stretch>& other) {
    Duration sum{};
    auto b = other.begin();
    for (const Stretch& a : one) {
        while (b != other.end() && b->to <= a.from) {
            ++b;
        }
        for (auto c = b; c != other.end() && c->from < a.to; ++c) {
            sum += std::min(a.to, c->to) - std::max(a.from, c->from);
        }
    }
    return sum;
}

/// A seed's week and what really happened.
struct Drawn {
    Instant from;
    Instant to;
    std::vector<Stretch> down;  ///< from `around` before the week to `around` after it
};

Drawn draw(const Setting& setting, Dice& dice) {
    Drawn drawn;
    const auto weeks = static_cast<double>(setting.mondays.size());
    drawn.from = setting.mondays.at(static_cast<std::size_t>(dice.fraction() * weeks));
    const reporter::Zone zone = reporter::Zone::find(setting.timezone).value();
    const auto monday = std::chrono::floor<std::chrono::days>(zone.local_of(drawn.from));
    drawn.to = zone.start_of(monday + std::chrono::days(7));
    drawn.down = setting.history(dice, drawn.from - around - a_week, drawn.to + around + a_week);
    return drawn;
}

/// The sum of the gaps of a series that begin while the service is down, inside the week; `shift` moves the slots.
Duration count(const Setting& setting, const Drawn& drawn, const schemas::SeriesKey& key, Duration shift) {
    const schemas::Schedule schedule(key, setting.every, setting.jitter);
    Duration sum{};
    for (const Stretch& stretch : drawn.down) {
        std::int64_t slot = schedule.slot_at(stretch.from - shift);
        Instant start = schedule.intended_start(slot) + shift;
        while (start < stretch.to && start < drawn.to) {
            const Instant next = schedule.intended_start(++slot) + shift;
            if (start >= stretch.from && next > drawn.from) {
                sum += std::min(next, drawn.to) - std::max(start, drawn.from);
            }
            start = next;
        }
    }
    return sum;
}

std::vector<schemas::WeeklyHours> hours(int week_from, int week_to, int end_from, int end_to) {
    std::vector<schemas::WeeklyHours> open;
    for (unsigned day = 0; day < 7; ++day) {
        const bool end = day == 0 || day == 6;
        open.push_back({std::chrono::weekday(day), end ? end_from : week_from, end ? end_to : week_to});
    }
    return open;
}

Instant monday(int year, unsigned month, unsigned day, Duration utc_offset) {
    using namespace std::chrono;
    return sys_days(std::chrono::year(year) / std::chrono::month(month) / std::chrono::day(day)) - utc_offset;
}

Setting always_open(std::string name, History history) {
    Setting made;
    made.name = std::move(name);
    made.mondays = {monday(2026, 11, 16, 0h)};
    made.history = std::move(history);
    return made;
}

}  // namespace

Duration Dice::between(Duration least, Duration most) {
    return least + Duration(static_cast<std::int64_t>(fraction() * static_cast<double>((most - least).count() + 1)));
}

Duration Dice::exponential(Duration mean) {
    return Duration(static_cast<std::int64_t>(-std::log1p(-fraction()) * static_cast<double>(mean.count())));
}

History at_random(Duration least, Duration up, Duration down) {
    return [=](Dice& dice, Instant from, Instant to) {
        std::vector<Stretch> stretches;
        // It begins long before, so that nothing is special about the begin.
        for (Instant t = from + dice.exponential(up); t < to;) {
            const Instant end = t + least + dice.exponential(down) + 1us;
            add(stretches, {t, end}, to);
            t = end + least + dice.exponential(up) + 1us;
        }
        return stretches;
    };
}

History in_bursts(Duration least, Duration calm, Duration burst, Duration up, Duration down) {
    return [=](Dice& dice, Instant from, Instant to) {
        std::vector<Stretch> stretches;
        for (Instant t = from + dice.exponential(calm); t < to; t += dice.exponential(calm)) {
            const Instant over = t + dice.exponential(burst);
            while (t < over) {
                const Instant end = t + least + dice.exponential(down) + 1us;
                add(stretches, {t, end}, to);
                t = end + least + dice.exponential(up) + 1us;
            }
        }
        return stretches;
    };
}

History at_intervals(Duration every, Duration length) {
    return [=](Dice& dice, Instant from, Instant to) {
        std::vector<Stretch> stretches;
        for (Instant t = from + dice.between(0us, every); t < to; t += every) {
            add(stretches, {t, t + length}, to);
        }
        return stretches;
    };
}

Week simulate(const Setting& setting, std::uint64_t seed) {
    Dice dice(seed);
    const Drawn drawn = draw(setting, dice);
    const schemas::SeriesKey key = key_of(seed);
    const schemas::Schedule schedule(key, setting.every, setting.jitter);
    reporter::SeriesRuns series{key, {}};
    std::int64_t slot = schedule.slot_at(drawn.from - around);
    for (Instant t = schedule.intended_start(slot); t < drawn.to + around; t = schedule.intended_start(++slot)) {
        Run run;
        run.intended = run.started = t;
        run.every = setting.every;
        look(run, setting, drawn.down, dice);
        series.runs.push_back(std::move(run));
    }
    const schemas::Definition definition = definition_of(setting);
    reporter::Surroundings surroundings;
    surroundings.locations = {key.location};
    const reporter::RunSource runs = [&](const schemas::SeriesKey&, Instant, Instant) { return series; };
    const reporter::ObjectiveReport report =
        reporter::evaluate(definition, definition.objectives.front(), {"", drawn.from, drawn.to}, drawn.to + a_week * 4,
                           surroundings, runs)
            .value();

    Week week;
    const std::vector<Stretch> open = open_stretches(setting, drawn.from, drawn.to);
    week.truth = common(drawn.down, open);
    const auto in_minutes = [](double minutes) {
        return Duration(static_cast<std::int64_t>(std::llround(minutes * 60e6)));
    };
    week.at_least = in_minutes(report.budget.spent_at_least);
    week.nominal = in_minutes(report.budget.spent);
    week.at_most = in_minutes(report.budget.spent_at_most);
    week.likely = report.budget.likely.value_or(reporter::Interval{});
    week.outages = static_cast<std::uint64_t>(std::count_if(
        drawn.down.begin(), drawn.down.end(), [&](const Stretch& one) { return common({one}, open) > Duration(0); }));
    week.noticed = report.outages.size();
    week.rhythms = report.periodicity.size();
    week.always_seen = report.longest_gap;
    return week;
}

double mean_error(const Setting& setting, std::uint64_t seed, int probers) {
    Dice dice(seed);
    const Drawn drawn = draw(setting, dice);
    const Duration truth = common(drawn.down, {{drawn.from, drawn.to}});
    double sum = 0;
    for (int i = 0; i < probers; ++i) {
        schemas::SeriesKey key = key_of(seed);
        key.location += "-" + std::to_string(i);
        sum += schemas::to_minutes(count(setting, drawn, key, setting.every * i / probers) - truth);
    }
    return sum / probers;
}

Duration counted_by_hand(const Setting& setting, std::uint64_t seed) {
    Dice dice(seed);
    return count(setting, draw(setting, dice), key_of(seed), Duration(0));
}

std::vector<Setting> settings_of_long_stretches() {
    // New York's clocks go forward on 8 March 2026 and back on 1 November 2026.
    const std::vector<Instant> changes{monday(2026, 3, 2, -5h), monday(2026, 10, 26, -4h)};
    const auto office = hours(6 * 60, 24 * 60, 90, 22 * 60);  // from 1:30 on the Sunday of the change
    const Duration gap = 450s;                                // of five minutes with half of them jitter
    const Duration longer = gap + 31s;                        // and a run's own time
    std::vector<Setting> settings;
    const auto setting = [&](std::string name, Sight sight, History history) {
        settings.push_back(always_open(std::move(name), std::move(history)));
        settings.back().sight = sight;
        return settings.size() - 1;
    };
    const auto in_new_york = [&](std::size_t index) {
        settings[index].timezone = "America/New_York";
        settings[index].mondays = changes;
        settings[index].open = office;
    };
    setting("random, a few long", Sight::at_start, at_random(gap, 40h, 90min));
    setting("random, as often as can be", Sight::at_start, at_random(gap, 8min, 2min));
    setting("random, mostly down", Sight::at_start, at_random(gap, 5min, 2h));
    setting("bursts", Sight::at_start, in_bursts(gap, 30h, 2h, 5min, 5min));
    setting("periodic, every hour for 8 min", Sight::at_start, at_intervals(1h, 8min));
    setting("periodic, every 15 min 10 s for 7.6 min", Sight::at_start, at_intervals(910s, 455s));
    in_new_york(setting("clock change, random", Sight::at_start, at_random(gap, 5h, 1h)));
    in_new_york(setting("clock change, bursts", Sight::at_start, in_bursts(gap, 8h, 3h, 3min, 4min)));
    in_new_york(setting("clock change, hourly for 10 min", Sight::at_start, at_intervals(1h, 10min)));
    setting("seen at any moment of a run", Sight::within, at_random(longer, 20min, 10min));
    setting("runs that need all of their time", Sight::whole, at_random(longer, 20min, 10min));
    in_new_york(setting("runs that wait for the service", Sight::patient, at_random(longer, 20min, 10min)));
    const std::size_t minute = setting("every minute, no jitter", Sight::at_start, at_random(60s, 6h, 5min));
    settings[minute].every = 60s;
    settings[minute].timeout = 10s;
    settings[minute].jitter = 0;
    const std::size_t overlapping = setting("time-out of two intervals", Sight::at_start, at_random(gap, 1h, 20min));
    settings[overlapping].timeout = 10min;
    const std::size_t wild = setting("jitter 1", Sight::at_start, at_random(600s, 30min, 10min));
    settings[wild].jitter = 1;
    return settings;
}

std::vector<Setting> settings_of_short_stretches() {
    std::vector<Setting> settings;
    const auto setting = [&](std::string name, History history) -> Setting& {
        settings.push_back(always_open(std::move(name), std::move(history)));
        return settings.back();
    };
    setting("10 s, once in two days", at_random(0us, 48h, 10s));
    setting("1 min, ten a day", at_random(0us, 144min, 1min));
    setting("5 min, one a day", at_random(0us, 24h, 5min));
    setting("5 min, in bursts, with 30 s between", in_bursts(0us, 48h, 1h, 30s, 5min));
    setting("20 s, in bursts", in_bursts(0us, 24h, 1h, 2min, 20s));
    setting("1 min on, 1 min off, in bursts", in_bursts(0us, 48h, 1h, 1min, 1min));
    setting("2 h, never short", at_random(30min, 48h, 2h));
    setting("mostly down, up for 1 min", at_random(0us, 1min, 2h));
    setting("1 min, every 173 min", at_intervals(173min, 1min));
    setting("1 min, ten a day, jitter 1", at_random(0us, 144min, 1min)).jitter = 1;
    setting("1 min, ten a day, no jitter", at_random(0us, 144min, 1min)).jitter = 0;
    Setting& often = setting("20 s, ten a day, every 30 s", at_random(0us, 144min, 20s));
    often.every = 30s;
    often.timeout = 10s;
    return settings;
}

std::vector<Setting> settings_in_step() {
    std::vector<Setting> settings{always_open("1 min, every 2 h", at_intervals(2h, 1min)),
                                  always_open("1 min, every 2 h, jitter 1", at_intervals(2h, 1min)),
                                  always_open("5 min, every 2 h", at_intervals(2h, 5min))};
    settings[1].jitter = 1;
    return settings;
}

std::vector<Setting> settings_without_rhythm() {
    std::vector<Setting> settings{always_open("five a week", at_random(0us, 34h, 10min)),
                                  always_open("twenty a week", at_random(0us, 8h, 10min)),
                                  always_open("a hundred a week", at_random(0us, 90min, 10min)),
                                  always_open("four hundred a week", at_random(0us, 18min, 7min)),
                                  always_open("in bursts", in_bursts(0us, 20h, 2h, 12min, 10min)),
                                  always_open("a hundred a week, no jitter", at_random(0us, 90min, 10min)),
                                  always_open("in bursts, no jitter", in_bursts(0us, 20h, 2h, 12min, 10min))};
    settings[5].jitter = settings[6].jitter = 0;
    return settings;
}

}  // namespace slimtax::simulate
