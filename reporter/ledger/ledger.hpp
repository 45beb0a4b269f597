// From the runs of one series to its states in time (design §6). Pure; linear in the runs.
//
// What comes out, SeriesLedger, grows with the changes of state, not with the runs: it is the seam at which
// spans can be stored later instead of computed.
//
// Rules (docs/how-minutes-are-counted.md says them for managers):
// - A run shows its state from its start until the next due run starts. If that one never came, its state ends at
//   the due run's intended start, and time is unmeasured until the next run that there is.
// - On the computed schedule the next due run is the one of the next slot. Off it (imported runs), and where the
//   interval changed, the next run counts as the due one when it is intended within (1 + jitter)·every.
// - A due run is missed only when intended + time-out + arrival grace is past; until then the state before lasts.
// - A start stamp outside [intended, next intended) is not believed: the clock was wrong. Intended is taken.
//
// Each stretch carries three readings, which agree on what is unmeasured:
//   nominal   as above
//   shortest  the reading kindest to the service. A run speaks of some moment between its start and its end, and of
//             no other. Down for certain: first failed run's end → last failed run's start.
//   longest   the least kind: between two runs the worse of them, and trouble lasts until the first better run has
//             ended. Down at most: last good start → first good end.
// An unmeasured gap ends the shortest reading's trouble. The longest reading looks across a gap that is no longer
// than `reach`. Never is a longer reading better than a shorter one.
#pragma once

#include <string>
#include <vector>

#include "reporter/store/run.hpp"
#include "schemas/series.hpp"
#include "schemas/time.hpp"
#include "schemas/words.hpp"

namespace slimtax::reporter {

/// A stretch [from, to) of one series or objective, in three readings.
struct StateSpan {
    schemas::Instant from;
    schemas::Instant to;
    schemas::State nominal = schemas::State::unmeasured;
    schemas::State shortest = schemas::State::unmeasured;
    schemas::State longest = schemas::State::unmeasured;

    [[nodiscard]] bool same_states(const StateSpan& other) const {
        return nominal == other.nominal && shortest == other.shortest && longest == other.longest;
    }
};

/// In order, without holes, neighbours different in some reading.
using StateSpans = std::vector<StateSpan>;

/// Adds a span at the end: joined with its neighbour when the states are the same, dropped when it is empty.
void append(StateSpans& spans, const StateSpan& next);

/// The span that holds `instant`, or null.
[[nodiscard]] const StateSpan* span_at(const StateSpans& spans, schemas::Instant instant);

/// When the runs of a series are due, and how long one may take.
struct SeriesClock {
    schemas::SeriesKey key;
    schemas::Duration every{};
    double jitter = 0.5;
    schemas::Duration timeout{};
    schemas::Duration arrival_grace{};
    std::string scheduled_as = {};  ///< the probe whose slots these are, where that is another (`[[probe.collect]]`)

    /// The slots of an interval.
    [[nodiscard]] schemas::Schedule schedule(schemas::Duration interval) const;

    /// No two due runs are further apart.
    [[nodiscard]] schemas::Duration longest_gap() const;
    /// How far the longest reading looks across an unmeasured gap.
    [[nodiscard]] schemas::Duration reach() const { return 4 * longest_gap(); }
    /// A run's length counts up to this.
    [[nodiscard]] schemas::Duration longest_run() const { return timeout + every; }
    /// Runs this far before and after a stretch can say something about it.
    [[nodiscard]] schemas::Duration margin() const { return reach() + longest_run(); }
};

/// Runs with what each of them shows: `states` is parallel to `runs`.
struct JudgedRuns {
    std::vector<Run> runs;  ///< by intended start, each once
    std::vector<schemas::State> states;
};

/// Sorts by intended start and keeps one run of each; those intended after `now` are left out. Any order and any
/// repetition of the same runs gives the same.
[[nodiscard]] std::vector<Run> in_order(std::vector<Run> runs, schemas::Instant now);

/// The moment that a run speaks of where no other run is looked at: its start, if that lies within its interval, or
/// else its intended start.
[[nodiscard]] schemas::Instant moment_of(const SeriesClock& clock, const Run& run);

/// Judged by verdict alone (A0 to A2).
[[nodiscard]] JudgedRuns judge_by_verdict(std::vector<Run> runs);

/// Due runs that never came.
struct MissedRuns {
    schemas::Instant first;   ///< intended start of the first of them
    schemas::Instant before;  ///< all are due before this
    schemas::Duration every{};
    bool scheduled = true;  ///< on the computed schedule, or else every `every` from `first` on
};

/// Why a series is not up from an instant on.
struct Trouble {
    schemas::Instant at;
    schemas::State state = schemas::State::down;
    std::string reason;
};

struct SeriesLedger {
    StateSpans spans;               ///< exactly [from, to)
    std::vector<Trouble> troubles;  ///< by time, one for each nominal stretch that is not up
    std::vector<MissedRuns> missed;
    MissedRuns missed_at_first;  ///< those due before the first result; of none where there was one before `from`

    /// Why the series is in its nominal state at `instant`; empty when it is up.
    [[nodiscard]] std::string reason_at(schemas::Instant instant) const;
};

/// The states of a series over [from, to). `judged` should hold the runs intended in [from - margin, to + margin),
/// the one before and the one after. What lies after `now` says nothing: `to` is at most `now`.
[[nodiscard]] SeriesLedger make_ledger(const SeriesClock& clock, const JudgedRuns& judged, schemas::Instant from,
                                       schemas::Instant to, schemas::Instant now);

/// How many of the missed runs were due in [from, to).
[[nodiscard]] std::uint64_t count_missed(const SeriesClock& clock, const MissedRuns& missed, schemas::Instant from,
                                         schemas::Instant to);

}  // namespace slimtax::reporter
