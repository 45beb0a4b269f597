#include "reporter/ledger/budget.hpp"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

#include "schemas/units.hpp"

namespace slimtax::reporter {
namespace {

using schemas::BudgetPeriod;
using schemas::Duration;
using schemas::Instant;
using std::chrono::days;
using std::chrono::local_days;
using std::chrono::months;
using std::chrono::year_month_day;

/// Sums of parts of days must not lift a whole number by rounding.
constexpr double rounding = 1e-9;

double days_of(BudgetPeriod per, local_days day) {
    const year_month_day date(day);
    const auto length = [](std::chrono::year_month from, months count) {
        return static_cast<double>((local_days((from + count) / 1) - local_days(from / 1)).count());
    };
    switch (per) {
        case BudgetPeriod::day: return 1;
        case BudgetPeriod::week: return 7;
        case BudgetPeriod::month: return length(date.year() / date.month(), months(1));
        case BudgetPeriod::quarter: {
            const unsigned first = (static_cast<unsigned>(date.month()) - 1) / 3 * 3 + 1;
            return length(date.year() / std::chrono::month(first), months(3));
        }
        case BudgetPeriod::year: return length(date.year() / std::chrono::January, months(12));
    }
    return 1;
}

std::string_view word_of(BudgetPeriod per) {
    switch (per) {
        case BudgetPeriod::day: return "day";
        case BudgetPeriod::week: return "week";
        case BudgetPeriod::month: return "month";
        case BudgetPeriod::quarter: return "quarter";
        case BudgetPeriod::year: return "year";
    }
    return "week";
}

}  // namespace

double budget_periods(BudgetPeriod per, const Period& period, const Zone& zone) {
    double sum = 0;
    local_days day = std::chrono::floor<days>(zone.local_of(period.from));
    Instant start = zone.start_of(day);
    while (start < period.to) {
        const Instant next = zone.start_of(day + days(1));
        const Duration part = std::min(next, period.to) - std::max(start, period.from);
        if (next > start && part > Duration(0)) {
            sum += static_cast<double>(part.count()) / static_cast<double>((next - start).count()) / days_of(per, day);
        }
        day += days(1);
        start = next;
    }
    return sum <= 1 + rounding ? 1 : sum;
}

BudgetUse use_budget(const schemas::Objective& objective, const Period& period, const Zone& zone, const DownTime& down,
                     std::uint64_t failures) {
    BudgetUse use;
    if (objective.max_failures) {
        use.in_failures = true;
        use.allowed = static_cast<double>(objective.max_failures->failures) *
                      budget_periods(objective.max_failures->per, period, zone);
        use.spent = use.spent_at_least = use.spent_at_most = static_cast<double>(failures);
        use.text = fmt::format("{} failed run{} per {}", objective.max_failures->failures,
                               objective.max_failures->failures == 1 ? "" : "s", word_of(objective.max_failures->per));
        return use;
    }
    use.spent = schemas::to_minutes(down.nominal);
    use.spent_at_least = schemas::to_minutes(down.at_least);
    use.spent_at_most = schemas::to_minutes(down.at_most);
    if (objective.budget) {
        const double periods = budget_periods(objective.budget->per, period, zone);
        use.allowed = schemas::to_minutes(objective.budget->allowance) * periods;
        use.text = schemas::to_text(*objective.budget);
        for (const auto& [cause, share] : objective.causes) {
            use.causes.push_back({cause, schemas::to_minutes(share) * periods, 0});
        }
    }
    return use;
}

}  // namespace slimtax::reporter
