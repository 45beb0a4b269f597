// The time that a server says it took itself: the header Server-Timing (https://www.w3.org/TR/server-timing/).
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "schemas/time.hpp"

namespace slimtax::probes {

/// What the Server-Timing headers (names in lower case) state: the `dur` of the metric called total where there is
/// one, else the sum of all. Nothing when none states a time, or when they add up to more than a day.
[[nodiscard]] std::optional<schemas::Duration> stated_server_time(
    const std::vector<std::pair<std::string, std::string>>& headers);

}  // namespace slimtax::probes
