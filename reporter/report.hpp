// The report as structures: what report.json says (design §7), before it becomes html, text, json or csv.
// Times are exact (microseconds) here; renderers round for people.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "schemas/definition.hpp"
#include "schemas/series.hpp"
#include "schemas/time.hpp"
#include "schemas/words.hpp"

namespace slimtax::reporter {

/// Named in every report: which rules turned results into minutes.
inline constexpr std::string_view method_version = "slimtax-ledger-1";

/// A stretch of time: [from, to).
struct Period {
    std::string name;  ///< "2026-W47", or "from … to …"
    schemas::Instant from;
    schemas::Instant to;
    [[nodiscard]] schemas::Duration length() const { return to - from; }
};

/// A stretch booked one way.
struct BookedSpan {
    schemas::Instant from;
    schemas::Instant to;
    schemas::Booking booking = schemas::Booking::unmeasured;
};

/// Every second of the period once: up + degraded + down + planned + unmeasured + outside = period.
struct BookedTime {
    std::array<schemas::Duration, 6> time{};
    [[nodiscard]] schemas::Duration& operator[](schemas::Booking b) { return time.at(static_cast<std::size_t>(b)); }
    [[nodiscard]] schemas::Duration operator[](schemas::Booking b) const {
        return time.at(static_cast<std::size_t>(b));
    }
    [[nodiscard]] schemas::Duration sum() const;
};

/// What a person said of an outage afterwards (`slimtax-reporter amend`): appended, never edited, shown in every later
/// report.
struct Amendment {
    enum class Kind : std::uint8_t {
        cause,          ///< names the root cause instead of the proposed one
        not_an_outage,  ///< it spends no budget: the tests were wrong
        planned,        ///< it spends no budget: the work was announced, but not in the definition
        undo,           ///< takes back the amendment `undoes`
    };
    std::int64_t number = 0;  ///< counts the store's amendments, from 1
    Kind kind = Kind::cause;
    std::string cause;  ///< for Kind::cause
    std::string note;   ///< why, in the person's words
    std::string who;
    schemas::Instant when;
    std::int64_t undoes = 0;  ///< for Kind::undo: that amendment's number
    bool undone = false;      ///< by a later one
};

struct Outage {
    /// Names it for `amend`: service, objective and the first failed run's start. The same in every report that shows
    /// it, as long as no late result moves its start.
    std::string id;
    schemas::Instant from;
    schemas::Instant to;  ///< the period's end (or now) when `ongoing`
    bool ongoing = false;
    bool since_before = false;    ///< it began before the period: `from` is the first moment that counts here
    schemas::Duration nominal{};  ///< of the part that counts: inside the window, not planned
    schemas::Duration at_least{};
    schemas::Duration at_most{};
    std::string cause;                   ///< "network", "application" …; empty: none proposed
    std::string evidence;                ///< why that cause is proposed, a sentence; empty: none, or a person said so
    std::string reason;                  ///< the first failed run's sentence
    std::vector<std::string> targets;    ///< that were down
    std::vector<std::string> locations;  ///< that said so
    double user_minutes = 0;             ///< A4: its minutes times the users who were there just before (S7)
    std::vector<Amendment> amendments;   ///< all that was said of it, by number
    /// Set by an amendment: it is listed, but spends no budget.
    std::optional<Amendment::Kind> excused;
};

struct RunCounts {
    std::uint64_t due = 0;  ///< what the schedule asked for; the rest adds up to at most this
    std::array<std::uint64_t, 6> by_verdict{};
    [[nodiscard]] std::uint64_t of(schemas::Verdict v) const { return by_verdict.at(static_cast<std::size_t>(v)); }
};

/// How an objective did (verdict.hpp). `not_proven`: the bounds, the unmeasured time or a 95 % interval straddle what
/// was promised, in either direction. The order is that of badness.
enum class Judgement : std::uint8_t { met, not_measured, not_proven, missed };

/// Response times of completed runs, in milliseconds; all zero when `samples` is.
struct ResponseTimes {
    std::uint64_t samples = 0;
    double mean = 0, min = 0, max = 0, stddev = 0, p50 = 0, p95 = 0, p99 = 0;
};

/// The 95 % interval of a figure that was sampled.
struct Interval {
    double low = 0;
    double high = 0;
};

/// One A3 band as measured.
struct BandResult {
    schemas::Band band;
    double share = 0;  ///< of all completed and failed runs, in [0, 1]
    std::uint64_t runs = 0;
    bool met = true;
    Interval likely = {};  ///< of `share`, by the number of runs
    double p50 = 0;        ///< response time of the runs in the band, in milliseconds; 0 without runs
    double p95 = 0;
};

/// Work in an hour of the period (a day of a longer one), for pictures.
struct WorkStretch {
    schemas::Instant from;
    schemas::Instant to;
    double per_hour = 0;  ///< units an hour over the time that readings cover
    double asked = 0;     ///< promised units an hour; 0: no amount is promised
    double active = 0;    ///< active users, on average
};

/// An A4 objective as measured, over the period's measured window.
struct WorkResult {
    std::int64_t peak_active_users = 0;
    double units = 0;          ///< work done in all
    double per_user_hour = 0;  ///< mean work per active user and hour
    double total_per_hour = 0;
    double user_minutes_lost = 0;         ///< minutes of outage times the users who were there before each
    std::vector<WorkStretch> hours = {};  ///< in order; those without a reading left out
};

/// A root cause's share of the budget (S10).
struct CauseUse {
    std::string cause;
    double allowed = 0;  ///< minutes, scaled like the budget
    double spent = 0;    ///< minutes of outages with that cause
};

struct BudgetUse {
    /// In minutes of outage for `budget`, in failed runs for `max_failures`.
    bool in_failures = false;
    double allowed = 0;  ///< for the period: scaled by local days when it is longer than the budget's own
    double spent = 0;
    double spent_at_least = 0;
    double spent_at_most = 0;
    /// Of `spent`, counting also outages too short to be sure of; none where nothing is sampled (failed runs).
    std::optional<Interval> likely;
    [[nodiscard]] double remaining() const { return allowed - spent; }
    std::string text;              ///< as the owner wrote it: "50 min per week"
    std::vector<CauseUse> causes;  ///< in the definition's order; empty: no shares promised
};

/// The state of one series at the period's end, for lights and drill-down.
struct SeriesNow {
    schemas::SeriesKey key;
    schemas::State state = schemas::State::unmeasured;
    schemas::Instant since;
    std::string reason;
};

/// A failure that comes again and again at a steady interval (M4).
struct Periodicity {
    schemas::Duration every{};   ///< from one to the next
    schemas::Duration length{};  ///< of one, as far as runs can tell
    schemas::Instant since;      ///< the first of them
    schemas::Instant until;      ///< the last one's end
    std::uint64_t times = 0;     ///< that were seen
    std::string sentence;        ///< "about 1 minute, every 10 minutes, since Tuesday 10:02"
};

/// Why time was not measured.
struct UnmeasuredBy {
    std::string reason;  ///< a sentence
    schemas::Duration time{};
    std::vector<std::string> locations;  ///< whose results were missing
};

/// Response times of an hour of the period (a day of a longer one), for pictures.
struct ResponseStretch {
    schemas::Instant from;
    schemas::Instant to;
    std::uint64_t samples = 0;
    double p50 = 0;  ///< in milliseconds
    double p95 = 0;
    double max = 0;
};

/// The same objective in an earlier period of the same kind, for comparison.
struct PastPeriod {
    Period period;
    Judgement judgement = Judgement::not_measured;
    double spent = 0;  ///< in the budget's unit
    double allowed = 0;
    double unmeasured = 0;                     ///< share of the promised time, in [0, 1]
    double p95 = 0;                            ///< in milliseconds; 0 without samples
    std::optional<double> share = {};          ///< A3: of runs in the first band
    std::optional<double> work_per_hour = {};  ///< A4: units of work an hour in all
};

/// A report of this period was issued before, and said something else.
struct Revision {
    schemas::Instant issued;                        ///< when the last report that said something else was
    std::string method;                             ///< its method version
    Judgement judgement = Judgement::not_measured;  ///< then
    double spent = 0;                               ///< then, in the budget's unit
    std::string why;  ///< what changed since: late results, amendments, another definition or method
};

struct ObjectiveReport {
    std::string id;
    std::string title;
    schemas::Level level = schemas::Level::A2;
    bool met = true;  ///< by the figures as counted; whether that is proven says `judgement`
    Judgement judgement = Judgement::not_measured;
    /// Why it is not met, or what is not proven, in a manager's words; empty when all is well.
    std::string verdict_note;
    BookedTime minutes;
    BudgetUse budget;
    std::vector<Outage> outages;
    RunCounts runs;
    ResponseTimes response_ms;
    std::vector<BandResult> bands;
    std::optional<WorkResult> work;
    std::vector<UnmeasuredBy> unmeasured;    ///< longest first; adds up to the unmeasured minutes
    std::vector<Periodicity> periodicity;    ///< most telling first
    std::vector<ResponseStretch> responses;  ///< hour by hour, in order; hours without samples left out
    std::vector<PastPeriod> before;          ///< the periods before, nearest first; only those that measured something
    std::optional<Revision> revised;
    std::vector<BookedSpan> strip;    ///< the whole period, for pictures
    schemas::Duration longest_gap{};  ///< between runs: bounds speak of outages longer than this
    std::vector<SeriesNow> series;
    schemas::Light light = schemas::Light::grey;  ///< at the period's end
    std::string light_reason;                     ///< of the current outage, in words; empty when green
    schemas::Instant light_since;
};

struct ServiceReport {
    std::string id;
    std::string title;
    std::string owner;
    std::string about;
    std::string definition;
    std::vector<std::pair<std::string, std::string>> tags;
    /// What was promised: the window with its time zone, objectives and probes in full. Renderers show times in
    /// that zone and put the promise into words; without it they say UTC.
    std::shared_ptr<const schemas::Definition> source;
    /// The period in this service's time zone, whole also when it has not ended: "2026-W47" begins at each
    /// service's own Monday 00:00.
    Period period;
    std::vector<ObjectiveReport> objectives;
};

struct Report {
    std::string method{method_version};
    /// Of all services together: from the earliest begin to the latest end; cut at "now" when so_far.
    Period period;
    bool so_far = false;  ///< the period has not ended: its end here is "now"
    std::vector<ServiceReport> services;
};

}  // namespace slimtax::reporter
