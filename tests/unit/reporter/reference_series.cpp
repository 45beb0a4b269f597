#include "unit/reporter/reference_series.hpp"

#include <algorithm>
#include <map>
#include <optional>

namespace slimtax::reporter::testing {
namespace {

using namespace std::chrono_literals;
using schemas::Duration;
using schemas::Instant;
using schemas::Schedule;
using schemas::State;

std::optional<std::size_t> next_measured(const Series& series, std::size_t i) {
    for (std::size_t j = i + 1; j < series.entries.size(); ++j) {
        if (series.entries[j].state != State::unmeasured) {
            return j;
        }
    }
    return std::nullopt;
}

bool adjacent(const Series& series, std::size_t i, std::size_t j) {
    return j == i + 1 && series.entries[i].followed;
}

/// Whether the longest reading looks from measured run i to the next measured run j.
bool linked(const Series& series, std::size_t i, std::size_t j) {
    return adjacent(series, i, j) || series.entries[j].start - series.entries[i].start <= series.reach();
}

/// Whether trouble of that degree, seen at or before run i, may last at t: since then no better run has ended.
bool carried(const Series& series, std::size_t i, State degree, Instant t) {
    std::size_t at = i;
    while (true) {
        const Entry& entry = series.entries[at];
        if (entry.state != State::unmeasured) {
            if (entry.state >= degree) {
                return true;
            }
            if (entry.end <= t) {
                return false;
            }
        }
        std::size_t before = at;
        do {
            if (before == 0) {
                return false;
            }
            --before;
        } while (series.entries[before].state == State::unmeasured);
        if (!linked(series, before, at)) {
            return false;
        }
        at = before;
    }
}

/// Whether run i, or one that leads to it in unbroken trouble of that degree, has ended at t.
bool proven(const Series& series, std::size_t i, State degree, Instant t) {
    for (std::size_t at = i;; --at) {
        const Entry& entry = series.entries[at];
        if (entry.state < degree || entry.state == State::unmeasured) {
            return false;
        }
        if (entry.end <= t) {
            return true;
        }
        if (at == 0 || !adjacent(series, at - 1, at)) {
            return false;
        }
    }
}

}  // namespace

std::vector<Entry> known(const std::vector<Run>& runs, Instant now) {
    std::map<Instant, Run> once;
    for (const Run& run : runs) {
        if (run.intended <= now) {
            once.emplace(run.intended, run);
        }
    }
    std::vector<Entry> entries;
    for (const auto& [intended, run] : once) {
        Entry entry;
        entry.run = run;
        entries.push_back(entry);
    }
    return entries;
}

void lay_out(Series& series, Duration grace, Instant now) {
    auto& entries = series.entries;
    for (std::size_t i = 0; i < entries.size(); ++i) {
        Entry& entry = entries[i];
        const Entry* next = i + 1 < entries.size() ? &entries[i + 1] : nullptr;
        const auto interval = [&](const Run& run) { return run.every > 0s ? run.every : series.probe->every; };
        const Duration every = interval(entry.run);
        const Schedule schedule(series.key, every, series.probe->jitter);
        const bool on_schedule = schedule.is_intended(entry.run.intended);
        const auto due = [&](std::int64_t k) {  // the k-th run after this one
            return on_schedule ? schedule.intended_start(schedule.slot_at(entry.run.intended) + k)
                               : entry.run.intended + k * every;
        };
        const auto overdue = [&](Instant t) { return t + series.probe->timeout + grace <= now; };
        if (next != nullptr) {
            const bool comparable =
                on_schedule && interval(next->run) == every && schedule.is_intended(next->run.intended);
            const bool is_due_one = comparable ? next->run.intended == due(1)
                                               : next->run.intended - entry.run.intended <= schedule.longest_gap();
            entry.followed = is_due_one || !overdue(due(1));
        }
        Instant limit = due(1);
        if (entry.followed) {
            limit = next->run.intended;
        } else if (!overdue(due(1))) {
            limit = Instant::max();
        }
        const bool believed = entry.run.intended <= entry.run.started && entry.run.started < limit;
        entry.start = believed ? entry.run.started : entry.run.intended;
        entry.end = entry.start + std::min(entry.run.length, series.probe->timeout + series.probe->every);
        entry.hold = limit;
        for (std::int64_t k = 1; !entry.followed && overdue(due(k)); ++k) {
            const Duration slack = on_schedule ? 0us : every / 2;
            if (next != nullptr && due(k) >= next->run.intended - slack) {
                break;
            }
            entry.missed.push_back(due(k));
        }
    }
    for (std::size_t i = 0; i + 1 < entries.size(); ++i) {
        if (entries[i].followed) {
            entries[i].hold = entries[i + 1].start;
        }
    }
}

Instant moment_of(const Series& series, const Entry& entry) {
    const Duration every = entry.run.every > 0s ? entry.run.every : series.probe->every;
    const Run& run = entry.run;
    return run.intended <= run.started && run.started < run.intended + every ? run.started : run.intended;
}

State state_at(const Series& series, Instant t, Reading reading) {
    std::optional<std::size_t> index;
    for (std::size_t i = 0; i < series.entries.size(); ++i) {
        if (series.entries[i].start <= t) {
            index = i;
        }
    }
    if (!index || t >= series.entries[*index].hold || series.entries[*index].state == State::unmeasured) {
        return State::unmeasured;
    }
    const Entry& entry = series.entries[*index];
    const auto next = next_measured(series, *index);
    if (reading == Reading::shortest) {
        for (const State degree : {State::down, State::degraded}) {
            if (next && adjacent(series, *index, *next) && series.entries[*next].state >= degree &&
                proven(series, *index, degree, t)) {
                return degree;
            }
        }
        return State::up;
    }
    State state = entry.state;
    if (reading == Reading::longest) {
        if (next && linked(series, *index, *next)) {
            state = std::max(state, series.entries[*next].state);
        }
        for (const State degree : {State::degraded, State::down}) {
            if (carried(series, *index, degree, t)) {
                state = std::max(state, degree);
            }
        }
    }
    return state;
}

}  // namespace slimtax::reporter::testing
