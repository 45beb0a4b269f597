// What a report says of one objective: the same sentences and figures on paper, in a mail and on a terminal.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reporter/render/wall_clock.hpp"
#include "reporter/report.hpp"

namespace slimtax::reporter {

/// "87 min of 50 min spent (at least 85 min, at most 89 min); 37 min too much."
[[nodiscard]] std::string spent_words(const BudgetUse& budget);

/// "With 95 % certainty 83 min to 94 min, counting also outages too short to be sure of."; empty without an interval.
[[nodiscard]] std::string likely_words(const BudgetUse& budget);

/// How often and how long (S15), of the outages that count: excused ones do not.
struct OutageFigures {
    std::size_t count = 0;
    std::size_t excused = 0;
    schemas::Duration longest{};
    schemas::Duration total{};
    /// Mean length; zero without outages.
    schemas::Duration to_restore{};
    /// Mean working time (up and slow, in promised hours) for each outage; zero without outages.
    schemas::Duration between{};
};
[[nodiscard]] OutageFigures outage_figures(const ObjectiveReport& objective);

/// "The longest took 48 min. On average …"; empty without outages that count.
[[nodiscard]] std::string figures_words(const ObjectiveReport& objective);

/// "2 outages", "2 outages and 1 that does not count", "Outages".
[[nodiscard]] std::string outages_title(const ObjectiveReport& objective);

/// The part of the measured time in promised hours that was not down; none when nothing was measured.
[[nodiscard]] std::optional<double> working_share(const ObjectiveReport& objective);

/// The goal's translation for people who think in nines (S4): "In nines: …"; empty when nothing was measured.
[[nodiscard]] std::string nines_words(const ObjectiveReport& objective);

/// A cause's row, and last, where there is something, what has no share: "no cause named", allowed 0.
[[nodiscard]] std::vector<CauseUse> cause_rows(const ObjectiveReport& objective);

/// What a person said of an outage: "Cause set to network by m.tanaka, Mon 23 Nov 08:30: the rack was moved".
[[nodiscard]] std::string amendment_words(const Amendment& amendment, const WallClock& clock);

/// The amendment that named the cause that stands, or null: then the cause was proposed.
[[nodiscard]] const Amendment* cause_amendment(const Outage& outage);

/// "Cause: power, said by m.tanaka." or "Proposed cause: application. WHY"; empty without a cause.
[[nodiscard]] std::string cause_words(const Outage& outage);

/// "im1 and im2, seen from noc".
/// When it was: "Tue 17 Nov 10:02 to 10:50", "since Tue 17 Nov 10:02, still going on". Of a period that is over, an
/// outage at its end went on after it.
[[nodiscard]] std::string when_words(const Outage& outage, const WallClock& clock, bool so_far);

/// Its reason as a sentence of its own, with a capital and without a full stop.
[[nodiscard]] std::string outage_reason(const Outage& outage);

[[nodiscard]] std::string where_words(const Outage& outage);

/// "not counted: planned work"; empty when it counts.
[[nodiscard]] std::string_view excuse_words(const Outage& outage);

/// At most `most` outages in the order of time: the longest ones when there are more.
struct ShownOutages {
    std::vector<const Outage*> outages;
    std::size_t left_out = 0;
    schemas::Duration left_out_time{};
};
[[nodiscard]] ShownOutages shown_outages(const ObjectiveReport& objective, std::size_t most);

/// "The report of Mon 23 Nov 08:00 said: missed, 95 min spent; …: 8 min less. Why: …"
[[nodiscard]] std::string revision_words(const ObjectiveReport& objective, const WallClock& clock);

/// How much was not measured, which tests were missing, and which outages can escape.
[[nodiscard]] std::string unmeasured_words(const ObjectiveReport& objective);

/// The distribution of response times, or the work done; empty when there is neither.
[[nodiscard]] std::string response_sentence(const ObjectiveReport& objective);

/// "up to 8 s", "8 s to 20 s", "over 20 s".
[[nodiscard]] std::string band_range(const schemas::Band& band);

/// "week 46" for "2026-W46" beside a report of another week of that year, else its name or its first day.
[[nodiscard]] std::string past_name(const Period& past, const WallClock& clock);

/// Days of the period that have not 24 hours: "On Sun 1 Nov the clocks changed: that day has 25 hours."; or empty.
[[nodiscard]] std::string clock_change_words(const Period& period, const WallClock& clock);

}  // namespace slimtax::reporter
