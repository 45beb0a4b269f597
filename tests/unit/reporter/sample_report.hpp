// A week of several services as the ledger would report it, made by hand: everything that a page has to show.
#pragma once

#include "reporter/report.hpp"
#include "schemas/definition.hpp"

namespace slimtax::reporter::sample {

/// 2026-11-16T00:00 in New York, a Monday.
[[nodiscard]] schemas::Instant week_start();

/// Thursday 14:20 of that week in New York: "now" of the open report.
[[nodiscard]] schemas::Instant now();

/// The whole week, closed: all good, missed, not proven, not measured, planned, closed, long and hostile names.
[[nodiscard]] Report week();

/// The same until `now`, with outages that are still going on.
[[nodiscard]] Report so_far();

/// The definitions of the services above.
[[nodiscard]] schemas::Definitions definitions();

/// Text that breaks pages which forget to escape it.
extern const char* const hostile;

}  // namespace slimtax::reporter::sample
