// The strip in a row of letters, for what has no pictures: terminals and mails.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

#include "reporter/report.hpp"

namespace slimtax::reporter {

/// A sign for each kind of time, in the order of schemas::all_bookings: up slow down planned unmeasured outside. They
/// are readable without colour.
inline constexpr std::string_view strip_signs = ".~#=? ";

/// The worst kind of time in each of `cells` equal parts of [from, to); none where the strip says nothing.
[[nodiscard]] std::vector<std::optional<schemas::Booking>> strip_cells(const ObjectiveReport& objective,
                                                                       schemas::Instant from, schemas::Instant to,
                                                                       std::size_t cells);

}  // namespace slimtax::reporter
