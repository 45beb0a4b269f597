#include "reporter/ledger/ledger.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <tuple>
#include <utility>

namespace slimtax::reporter {
namespace {

using schemas::Duration;
using schemas::Instant;
using schemas::Schedule;
using schemas::State;

constexpr std::size_t none = static_cast<std::size_t>(-1);

/// A run on the time line: it shows its state over [start, hold).
struct Turn {
    Instant start;
    Instant end;   ///< of the run itself
    Instant hold;  ///< where its state ends: the next due run's start, or where that was due
    bool followed = false;
    Instant due;  ///< of the next run
    bool scheduled = true;
    Duration every{};
    State state = State::unmeasured;
    std::size_t next_measured = none;
};

/// Schedules by interval; a series seldom has more than one.
class Schedules {
public:
    explicit Schedules(const SeriesClock& clock) : clock_(clock) {}

    const Schedule& of(Duration every) {
        for (const Schedule& schedule : known_) {
            if (schedule.every() == every) {
                return schedule;
            }
        }
        return known_.emplace_back(clock_.schedule(every));
    }

private:
    const SeriesClock& clock_;
    std::vector<Schedule> known_;
};

Duration interval_of(const SeriesClock& clock, const Run& run) {
    return std::max(Duration(1), run.every > Duration(0) ? run.every : clock.every);
}

/// Fills everything but `hold`, which needs the next turn's start.
Turn make_turn(const SeriesClock& clock, Schedules& schedules, const Run& run, const Run* next, Instant now) {
    Turn turn;
    turn.every = interval_of(clock, run);
    const Schedule schedule = schedules.of(turn.every);
    const std::int64_t slot = schedule.slot_at(run.intended);
    turn.scheduled = schedule.intended_start(slot) == run.intended;
    turn.due = turn.scheduled ? schedule.intended_start(slot + 1) : run.intended + turn.every;
    const bool awaited = turn.due + clock.timeout + clock.arrival_grace > now;
    if (next != nullptr) {
        const bool same =
            turn.scheduled && interval_of(clock, *next) == turn.every && schedule.is_intended(next->intended);
        turn.followed = awaited || run.elided_after > 0 ||
                        (same ? schedule.slot_at(next->intended) == slot + 1
                              : next->intended - run.intended <= schedule.longest_gap());
    } else if (awaited) {
        turn.due = Instant::max();
    }
    const Instant limit = turn.followed ? next->intended : turn.due;
    turn.start = run.started >= run.intended && run.started < limit ? run.started : run.intended;
    turn.end = turn.start + std::clamp(run.length, Duration(0), clock.longest_run());
    return turn;
}

std::vector<Turn> make_turns(const SeriesClock& clock, const JudgedRuns& judged, Instant now) {
    Schedules schedules(clock);
    std::vector<Turn> turns;
    const std::size_t n = judged.runs.size();
    turns.reserve(n);
    for (std::size_t i = 0; i < n; ++i) {
        turns.push_back(make_turn(clock, schedules, judged.runs[i], i + 1 < n ? &judged.runs[i + 1] : nullptr, now));
        turns.back().state = judged.states[i];
    }
    std::size_t next_measured = none;
    for (std::size_t i = n; i-- > 0;) {
        turns[i].hold = turns[i].followed ? turns[i + 1].start : turns[i].due;
        turns[i].next_measured = next_measured;
        if (turns[i].state != State::unmeasured) {
            next_measured = i;
        }
    }
    return turns;
}

/// Trouble that the longest reading still carries because no better run has ended since: one per degree.
class Carried {
public:
    void take(const Turn& turn) {
        for (const State degree : degrees) {
            Entry& entry = entries_.at(index(degree));
            if (turn.state >= degree) {
                entry = {true, Instant::max()};
            } else if (entry.pending) {
                entry.until = std::min(entry.until, turn.end);
            }
        }
    }
    void forget() { entries_ = {}; }

    [[nodiscard]] State at(Instant instant) const {
        State worst = State::up;
        for (const State degree : degrees) {
            const Entry& entry = entries_.at(index(degree));
            worst = entry.pending && instant < entry.until ? degree : worst;
        }
        return worst;
    }
    [[nodiscard]] Instant until(State degree) const { return entries_.at(index(degree)).until; }

    static constexpr std::array degrees{State::degraded, State::down};

private:
    struct Entry {
        bool pending = false;
        Instant until = Instant::max();
    };
    static std::size_t index(State degree) { return degree == State::down ? 1 : 0; }
    std::array<Entry, 2> entries_;
};

/// Trouble that the shortest reading is sure of: a failed run says that there was trouble at some moment between its
/// start and its end. So it is sure from the first such end on, up to the last such start. One per degree.
class Sure {
public:
    /// `chained`: this turn follows the one before without a hole.
    void take(const Turn& turn, bool chained) {
        for (const State degree : Carried::degrees) {
            Instant& since = since_.at(index(degree));
            if (!chained) {
                since = Instant::max();
            }
            since = turn.state >= degree ? std::min(since, turn.end) : Instant::max();
        }
    }

    /// At `instant` of the turn taken last, when the next one shows `next`: up where there is none.
    [[nodiscard]] State at(Instant instant, State next) const {
        State sure = State::up;
        for (const State degree : Carried::degrees) {
            sure = next >= degree && instant >= since_.at(index(degree)) ? degree : sure;
        }
        return sure;
    }
    [[nodiscard]] Instant since(State degree) const { return since_.at(index(degree)); }

private:
    static std::size_t index(State degree) { return degree == State::down ? 1 : 0; }
    std::array<Instant, 2> since_{Instant::max(), Instant::max()};
};

/// Turns into spans, cut to [from, to).
class Writer {
public:
    Writer(SeriesLedger& ledger, Duration reach, Instant from, Instant to)
        : ledger_(ledger), reach_(reach), from_(from), to_(to) {}

    void measured(const std::vector<Turn>& turns, std::size_t index, const std::string& reason) {
        const Turn& turn = turns[index];
        const bool adjacent = turn.followed && turn.next_measured == index + 1;
        forget_old_trouble(turns, index);
        carried_.take(turn);
        sure_.take(turn, last_measured_ != none && last_measured_ + 1 == index && turns[last_measured_].followed);

        State after = State::up;   // of the next run, as far as it is sure of anything in this turn
        State ahead = turn.state;  // longest
        if (turn.next_measured != none) {
            const Turn& next = turns[turn.next_measured];
            if (adjacent) {
                after = next.state;
            }
            if (adjacent || next.start - turn.start <= reach_) {
                ahead = std::max(turn.state, next.state);
            }
        }
        std::array cuts{turn.start,
                        carried_.until(State::degraded),
                        carried_.until(State::down),
                        sure_.since(State::degraded),
                        sure_.since(State::down),
                        turn.hold};
        for (Instant& cut : cuts) {
            cut = std::clamp(cut, turn.start, turn.hold);
        }
        std::sort(cuts.begin(), cuts.end());
        for (std::size_t i = 0; i + 1 < cuts.size(); ++i) {
            write({cuts[i], cuts[i + 1], turn.state, sure_.at(cuts[i], after), std::max(ahead, carried_.at(cuts[i]))},
                  reason);
        }
        last_measured_ = index;
    }

    void unmeasured(Instant from, Instant to, const std::string& reason) {
        write({from, to, State::unmeasured, State::unmeasured, State::unmeasured}, reason);
    }

private:
    void forget_old_trouble(const std::vector<Turn>& turns, std::size_t index) {
        if (last_measured_ == none) {
            return;
        }
        const Turn& last = turns[last_measured_];
        const bool adjacent = last_measured_ + 1 == index && last.followed;
        if (!adjacent && turns[index].start - last.start > reach_) {
            carried_.forget();
        }
    }

    void write(StateSpan span, const std::string& reason) {
        if (span.from >= span.to) {
            return;
        }
        if (!state_ || *state_ != span.nominal) {
            if (span.nominal != State::up) {
                ledger_.troubles.push_back({span.from, span.nominal, reason});
            }
            state_ = span.nominal;
        }
        span.from = std::max(span.from, from_);
        span.to = std::min(span.to, to_);
        append(ledger_.spans, span);
    }

    SeriesLedger& ledger_;
    Duration reach_;
    Instant from_;
    Instant to_;
    Carried carried_;
    Sure sure_;
    std::size_t last_measured_ = none;
    std::optional<State> state_;
};

/// Runs due from `from` on, before the first that there is: before the first result nothing is measured either.
MissedRuns missed_before_first(const SeriesClock& clock, const std::vector<Run>& runs, Instant from,
                               Instant missed_by) {
    from = std::max(from, Instant());  // whoever asks for all of time has no period to count them in
    if (runs.empty()) {
        return {from, missed_by, std::max(Duration(1), clock.every), true};
    }
    const Run& first = runs.front();
    const Duration every = interval_of(clock, first);
    if (clock.schedule(every).is_intended(first.intended)) {
        return {from, std::min(missed_by, first.intended), every, true};
    }
    const auto count = std::max<Duration>(Duration(0), first.intended - from) / every;
    return {first.intended - count * every, std::min(missed_by, first.intended), every, false};
}

auto identity(const Run& run) {
    return std::tie(run.intended, run.started, run.verdict, run.length, run.response, run.every, run.work,
                    run.work_span, run.reason);
}

}  // namespace

void append(StateSpans& spans, const StateSpan& next) {
    if (next.from >= next.to) {
        return;
    }
    if (!spans.empty() && spans.back().same_states(next)) {
        spans.back().to = next.to;
    } else {
        spans.push_back(next);
    }
}

const StateSpan* span_at(const StateSpans& spans, Instant instant) {
    const auto after = std::upper_bound(spans.begin(), spans.end(), instant,
                                        [](Instant t, const StateSpan& span) { return t < span.to; });
    return after != spans.end() && after->from <= instant ? &*after : nullptr;
}

Duration SeriesClock::longest_gap() const {
    return schedule(every).longest_gap();
}

Schedule SeriesClock::schedule(Duration interval) const {
    schemas::SeriesKey named = key;
    named.probe = scheduled_as.empty() ? key.probe : scheduled_as;
    return {named, interval, jitter};
}

std::vector<Run> in_order(std::vector<Run> runs, Instant now) {
    std::erase_if(runs, [&](const Run& run) { return run.intended > now; });
    const auto before = [](const Run& a, const Run& b) { return identity(a) < identity(b); };
    if (!std::is_sorted(runs.begin(), runs.end(), before)) {
        std::sort(runs.begin(), runs.end(), before);
    }
    const auto same = [](const Run& a, const Run& b) { return a.intended == b.intended; };
    runs.erase(std::unique(runs.begin(), runs.end(), same), runs.end());
    return runs;
}

Instant moment_of(const SeriesClock& clock, const Run& run) {
    const bool believed = run.started >= run.intended && run.started < run.intended + interval_of(clock, run);
    return believed ? run.started : run.intended;
}

JudgedRuns judge_by_verdict(std::vector<Run> runs) {
    JudgedRuns judged{std::move(runs), {}};
    judged.states.reserve(judged.runs.size());
    for (const Run& run : judged.runs) {
        judged.states.push_back(schemas::state_of(run.verdict));
    }
    return judged;
}

std::string SeriesLedger::reason_at(Instant instant) const {
    const StateSpan* span = span_at(spans, instant);
    if (span == nullptr || span->nominal == State::up) {
        return {};
    }
    const auto after = std::upper_bound(troubles.begin(), troubles.end(), instant,
                                        [](Instant t, const Trouble& trouble) { return t < trouble.at; });
    return after == troubles.begin() ? std::string() : std::prev(after)->reason;
}

SeriesLedger make_ledger(const SeriesClock& clock, const JudgedRuns& judged, Instant from, Instant to, Instant now) {
    SeriesLedger ledger;
    const std::vector<Turn> turns = make_turns(clock, judged, now);
    Writer writer(ledger, clock.reach(), from, to);
    const Instant missed_by = now - clock.timeout - clock.arrival_grace + Duration(1);

    writer.unmeasured(from, turns.empty() ? to : turns.front().start, "no result yet");
    ledger.missed_at_first = missed_before_first(clock, judged.runs, from, missed_by);
    for (std::size_t i = 0; i < turns.size(); ++i) {
        const Turn& turn = turns[i];
        const std::string& reason = judged.runs[i].reason;
        if (turn.state == State::unmeasured) {
            writer.unmeasured(turn.start, turn.hold, reason.empty() ? "the run was not executed" : reason);
        } else {
            writer.measured(turns, i, reason);
        }
        if (!turn.followed && turn.hold < now) {
            const bool last = i + 1 == turns.size();
            writer.unmeasured(turn.hold, last ? to : turns[i + 1].start, "no result arrived");
            Instant before = missed_by;
            if (!last) {
                // Imported runs wander a little: one due within half an interval of the next run is that run.
                const Duration slack = turn.scheduled ? Duration(0) : turn.every / 2;
                before = std::min(before, judged.runs[i + 1].intended - slack);
            }
            ledger.missed.push_back({turn.hold, before, turn.every, turn.scheduled});
        }
    }
    return ledger;
}

std::uint64_t count_missed(const SeriesClock& clock, const MissedRuns& missed, Instant from, Instant to) {
    const Instant first = std::max(from, missed.first);
    const Instant end = std::min(to, missed.before);
    if (first >= end) {
        return 0;
    }
    if (missed.scheduled) {
        const Schedule schedule = clock.schedule(missed.every);
        const auto slot_of_first = [&](Instant t) { return schedule.slot_at(schedule.first_from(t)); };
        return static_cast<std::uint64_t>(slot_of_first(end) - slot_of_first(first));
    }
    const auto due_before = [&](Instant t) {  // of missed.first + k·every, k >= 0
        return (t - missed.first + missed.every - Duration(1)) / missed.every;
    };
    return static_cast<std::uint64_t>(due_before(end) - due_before(first));
}

}  // namespace slimtax::reporter
