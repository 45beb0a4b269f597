// The intended starts of a series' slots, from numbers alone (series.hpp says what they are for).
#pragma once

#include <cstdint>

#include "schemas/series.hpp"
#include "schemas/time.hpp"

namespace slimtax::schemas {

/// What a series' schedule comes from, whatever its key was: FNV-1a 64 over the key's parts.
[[nodiscard]] std::uint64_t seed_of(const SeriesKey& key);

/// Schedule::intended_start, of that seed.
[[nodiscard]] Instant intended_start(std::uint64_t seed, Duration every, double jitter, std::int64_t slot);

}  // namespace slimtax::schemas
