// Outage budgets: how much is allowed in a period, and how much is spent (S4).
#pragma once

#include "reporter/ledger/book.hpp"
#include "reporter/ledger/zone.hpp"
#include "reporter/report.hpp"
#include "schemas/definition.hpp"

namespace slimtax::reporter {

/// How many budget periods a period holds, at least 1: a day of a weekly budget has the whole of it, a year of a
/// weekly one 365/7 of it. Each local day counts 1/(days of the budget period that it lies in), so that a quarter
/// holds exactly three months; parts of a day in proportion.
[[nodiscard]] double budget_periods(schemas::BudgetPeriod per, const Period& period, const Zone& zone);

/// What an objective may spend in a period, and what it has spent: in minutes of outage, or in failed runs for
/// `max_failures` (failures have no bounds: the runs are counted).
[[nodiscard]] BudgetUse use_budget(const schemas::Objective& objective, const Period& period, const Zone& zone,
                                   const DownTime& down, std::uint64_t failures);

/// From this share of the budget on, the light is amber.
inline constexpr double nearly_spent = 0.8;

}  // namespace slimtax::reporter
