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

struct Outage {
    schemas::Instant from;
    schemas::Instant to;  ///< the period's end (or now) when `ongoing`
    bool ongoing = false;
    bool since_before = false;    ///< it began before the period: `from` is the first moment that counts here
    schemas::Duration nominal{};  ///< of the part that counts: inside the window, not planned
    schemas::Duration at_least{};
    schemas::Duration at_most{};
    std::string cause;                   ///< "network", "application" …; empty: none proposed
    std::string reason;                  ///< the first failed run's sentence
    std::vector<std::string> targets;    ///< that were down
    std::vector<std::string> locations;  ///< that said so
};

struct RunCounts {
    std::uint64_t due = 0;  ///< what the schedule asked for; the rest adds up to at most this
    std::array<std::uint64_t, 6> by_verdict{};
    [[nodiscard]] std::uint64_t of(schemas::Verdict v) const { return by_verdict.at(static_cast<std::size_t>(v)); }
};

/// Response times of completed runs, in milliseconds; all zero when `samples` is.
struct ResponseTimes {
    std::uint64_t samples = 0;
    double mean = 0, min = 0, max = 0, stddev = 0, p50 = 0, p95 = 0, p99 = 0;
};

/// One A3 band as measured.
struct BandResult {
    schemas::Band band;
    double share = 0;  ///< of all completed and failed runs, in [0, 1]
    std::uint64_t runs = 0;
    bool met = true;
};

/// An A4 objective as measured, over the period's measured window.
struct WorkResult {
    std::int64_t peak_active_users = 0;
    double units = 0;          ///< work done in all
    double per_user_hour = 0;  ///< mean work per active user and hour
    double total_per_hour = 0;
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

struct ObjectiveReport {
    std::string id;
    std::string title;
    schemas::Level level = schemas::Level::A2;
    bool met = true;
    /// Why it is not met, or what is not proven, in a manager's words; empty when all is well.
    std::string verdict_note;
    BookedTime minutes;
    BudgetUse budget;
    std::vector<Outage> outages;
    RunCounts runs;
    ResponseTimes response_ms;
    std::vector<BandResult> bands;
    std::optional<WorkResult> work;
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
