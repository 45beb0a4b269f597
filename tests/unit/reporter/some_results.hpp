// Results made up at random, and how to compare them, for tests of the store.
#pragma once

#include <random>
#include <string>

#include <doctest/doctest.h>

#include "reporter/store/run.hpp"
#include "schemas/result.hpp"

namespace slimtax::reporter::testing {

/// A result with all that one can have: steps, timings, reasons, users, odd times.
[[nodiscard]] schemas::RunResult some_result(std::mt19937_64& dice, const schemas::SeriesKey& key,
                                             schemas::Instant intended);

/// An ordinary one: ok, one step.
[[nodiscard]] schemas::RunResult plain_result(const schemas::SeriesKey& key, schemas::Instant intended);

/// What a prober would have shipped of a run.
[[nodiscard]] schemas::RunResult result_of(const schemas::SeriesKey& key, const Run& run);

/// Everything of a result as text: equal texts, equal results.
[[nodiscard]] std::string all_of(const schemas::RunResult& result);

}  // namespace slimtax::reporter::testing
