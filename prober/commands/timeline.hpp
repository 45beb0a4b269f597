// A run's steps as bars over the run's time, drawn while it goes on. Letters tell the parts of a step apart, colours
// only underline them.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "schemas/result.hpp"
#include "schemas/time.hpp"
#include "schemas/words.hpp"

namespace slimtax::prober {

/// One step of a run, as far as it has come.
struct TimelineRow {
    enum class State { waiting, pausing, running, done, skipped };

    std::string label;
    State state = State::waiting;
    schemas::Verdict verdict = schemas::Verdict::ok;  ///< once done
    schemas::Duration pause_at{};                     ///< since the run's start
    schemas::Duration pause{};
    schemas::Duration at{};  ///< of the operation's start, since the run's start
    schemas::Duration took{};
    std::vector<schemas::Timing> parts;  ///< in order; what they leave of `took` is the rest
};

/// The letter of each part that occurs, in order of appearance.
using Legend = std::vector<std::pair<std::string, char>>;

/// The first letter of each name that no earlier one has: lookup l, connect c, tls t, login o.
[[nodiscard]] Legend legend_of(const std::vector<TimelineRow>& rows);

/// One line a step and a last one with the scale and the legend, none wider than `columns`. The bars' left edge is the
/// run's start, their right edge `now`. Too narrow for bars: the lines without them.
[[nodiscard]] std::vector<std::string> timeline(const std::vector<TimelineRow>& rows, schemas::Duration now,
                                                std::size_t columns, bool colours);

}  // namespace slimtax::prober
