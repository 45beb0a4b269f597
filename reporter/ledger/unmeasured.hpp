// Why time was not measured, in sentences that add up to it.
#pragma once

#include <vector>

#include "reporter/ledger/objective_ledger.hpp"
#include "reporter/report.hpp"

namespace slimtax::reporter {

/// More reasons than this are summed up as others.
inline constexpr std::size_t most_unmeasured_reasons = 20;

/// Why the objective was unmeasured wherever `strip` is: each moment has one reason, the one that most of the series
/// which were not measured then share. Longest first; the times add up to the strip's unmeasured time. Costs as much as
/// the series have runs and changes of state.
[[nodiscard]] std::vector<UnmeasuredBy> explain_unmeasured(const ObjectiveLedger& ledger,
                                                           const std::vector<BookedSpan>& strip);

}  // namespace slimtax::reporter
