// A service with one objective and what its probers saw, for tests of the ledger.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "reporter/ledger/evaluate.hpp"
#include "schemas/definition.hpp"

namespace slimtax::reporter::testing {

using schemas::Duration;
using schemas::Instant;
using schemas::Verdict;

[[nodiscard]] Instant at(std::string_view rfc3339);

/// Every day of the week, local hours.
[[nodiscard]] std::vector<schemas::WeeklyHours> daily(int from_hour, int to_hour);

/// Monday to Friday, local hours.
[[nodiscard]] std::vector<schemas::WeeklyHours> weekdays(int from_hour, int to_hour);

struct Scenario {
    /// Service "im" with probe and objective "login" (A2), every minute exactly (no jitter), time-out 10 s, one
    /// location "noc", always open, budget 50 min per week, all targets needed, majority of locations.
    Scenario();

    schemas::Definition definition;
    std::map<schemas::SeriesKey, std::vector<Run>> runs;
    Surroundings surroundings;

    [[nodiscard]] schemas::Objective& objective() { return definition.objectives.front(); }
    [[nodiscard]] schemas::Probe& probe() { return definition.probes.front(); }
    [[nodiscard]] schemas::SeriesKey key(const std::string& location = "noc", const std::string& target = "") const {
        return {"im", "login", target, location};
    }

    /// Runs of a series on its schedule, intended in [from, to), with what `verdict` says of each intended start.
    /// Each takes 200 ms; failures say "refused by TARGET at HH:MM".
    void play(const schemas::SeriesKey& key, Instant from, Instant to, const std::function<Verdict(Instant)>& verdict);

    /// Changes the verdicts of the runs of a series that are intended in [from, to).
    void spoil(const schemas::SeriesKey& key, Instant from, Instant to, Verdict verdict);

    /// Takes away the runs of a series that are intended in [from, to).
    void lose(const schemas::SeriesKey& key, Instant from, Instant to);

    /// As Store::runs answers.
    [[nodiscard]] RunSource source() const;

    [[nodiscard]] ObjectiveReport report(Instant from, Instant to, Instant now) const;
    /// Long after the period.
    [[nodiscard]] ObjectiveReport report(Instant from, Instant to) const {
        return report(from, to, to + std::chrono::hours(24 * 30));
    }
};

/// "up 5 down 3 …" in minutes (with fractions), what is zero left out.
[[nodiscard]] std::string shown(const BookedTime& time);

/// "HH:MM-HH:MM N (least-most)" for each outage, in UTC and minutes.
[[nodiscard]] std::string shown(const std::vector<Outage>& outages);

}  // namespace slimtax::reporter::testing
