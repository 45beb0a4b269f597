// The pictures that reports and pages share, as inline SVG. Each says in its label what it shows; no picture
// speaks by colour alone. Colours come from base.css by class; lengths are percentages, so that a picture is as
// wide as its place without being stretched out of shape.
#pragma once

#include "reporter/html.hpp"
#include "reporter/render/wall_clock.hpp"
#include "reporter/report.hpp"

namespace slimtax::reporter {

/// A circle, triangle, square, dashed circle, diamond or ring: silent, since a word stands beside it.
[[nodiscard]] Html light_icon(schemas::Light light);

/// The icon and its word. `word` replaces the usual one ("some down").
[[nodiscard]] Html light_with_word(schemas::Light light, std::string_view word = {});

/// How much of the budget is left: full at the start of a period, empty when spent, red when overspent.
[[nodiscard]] Html budget_left_bar(const BudgetUse& budget);

/// How much of the budget was spent, with the allowance as a mark, the bounds and the 95 % interval as lines.
[[nodiscard]] Html budget_spent_bar(const BudgetUse& budget);

/// What the lines on that bar mean; nothing when there are none.
[[nodiscard]] Html budget_key(const BudgetUse& budget);

/// The period as bands of colour: a row a local day (a row a week beyond 45 days, one row up to 26 hours).
/// Where it was first measured within the last day, it begins there.
[[nodiscard]] Html strip(const ObjectiveReport& objective, const Period& period, const WallClock& clock);

/// Each A3 band's share of runs against its goal.
[[nodiscard]] Html band_bars(const ObjectiveReport& objective);

/// This period and the ones before it: result, budget, blind time, speed. Nothing without earlier ones.
[[nodiscard]] Html past_bars(const ObjectiveReport& objective, const Period& period, const WallClock& clock);

/// What each root cause spent of its share (S10). Nothing when no shares are promised.
[[nodiscard]] Html cause_bars(const ObjectiveReport& objective);

/// Response times over the period against the bands' limits: a line at what half of the runs took at most, an area up
/// to what 95 % took at most. Nothing without response times.
[[nodiscard]] Html response_picture(const ObjectiveReport& objective, const Period& period, const WallClock& clock);

/// Work done over the period against what was promised (A4). Nothing without readings.
[[nodiscard]] Html work_picture(const ObjectiveReport& objective, const Period& period, const WallClock& clock);

/// The six kinds of time that add up to the period; also the legend of the strip.
[[nodiscard]] Html sums(const ObjectiveReport& objective);

/// Hatchings and hour lines that the other pictures refer to: once a page, before them.
[[nodiscard]] Html picture_patterns();

/// `<time>`: exact for machines, short for people.
[[nodiscard]] Html time_element(schemas::Instant at, std::string_view text);

}  // namespace slimtax::reporter
