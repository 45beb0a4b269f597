// Parts of the report in HTML that the dashboard shows, too.
#pragma once

#include <vector>

#include "reporter/html.hpp"
#include "reporter/render/wall_clock.hpp"
#include "reporter/report.hpp"

namespace slimtax::reporter {

/// The judgement as a coloured word.
[[nodiscard]] Html pill(const ObjectiveReport& objective);

/// Outages with bounds, reason, cause and its evidence, place, and what people said of them afterwards.
[[nodiscard]] Html outage_table(const std::vector<const Outage*>& outages, const WallClock& clock, bool so_far);

/// Failures that come again and again; nothing when there are none.
[[nodiscard]] Html periodic_part(const ObjectiveReport& objective, const WallClock& clock);

/// Everything that the report says of one objective.
[[nodiscard]] Html objective_section(const Report& report, const ServiceReport& service,
                                     const ObjectiveReport& objective, const WallClock& clock);

}  // namespace slimtax::reporter
