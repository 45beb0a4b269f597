#include "reporter/budget.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>

#include <fmt/format.h>

#include "reporter/render/words.hpp"
#include "schemas/units.hpp"

namespace slimtax::reporter {
namespace {

using schemas::Booking;
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

Duration measured_time(const BookedTime& minutes) {
    return minutes[Booking::up] + minutes[Booking::degraded] + minutes[Booking::down];
}

void add_sentence(std::string& note, const std::string& sentence) {
    note += note.empty() ? "" : " ";
    note += sentence;
}

std::string amount(const BudgetUse& budget, double value) {
    return budget_words(value, budget.in_failures);
}

std::string band_in_words(const schemas::Band& band) {
    if (band.from && band.up_to) {
        return fmt::format("between {} and {}", schemas::to_text(*band.from), schemas::to_text(*band.up_to));
    }
    return band.up_to ? "within " + schemas::to_text(*band.up_to)
                      : "of " + schemas::to_text(band.from.value_or(Duration(0))) + " or more";
}

void judge_budget(ObjectiveReport& report) {
    const BudgetUse& budget = report.budget;
    if (budget.spent > budget.allowed * (1 + rounding)) {
        report.met = false;
        add_sentence(report.verdict_note, fmt::format("{} spent, {} allowed.", amount(budget, budget.spent),
                                                      amount(budget, budget.allowed)));
        if (budget.spent_at_least <= budget.allowed) {
            add_sentence(report.verdict_note,
                         fmt::format("Not proven: only {} are certain.", amount(budget, budget.spent_at_least)));
        }
    } else if (budget.spent_at_most > budget.allowed * (1 + rounding)) {
        add_sentence(report.verdict_note,
                     fmt::format("Within the budget, but not proven: between two runs it may have been {} of {}.",
                                 amount(budget, budget.spent_at_most), amount(budget, budget.allowed)));
    }
}

void judge_performance_promises(ObjectiveReport& report, const schemas::Objective& objective, double transactions) {
    for (const BandResult& band : report.bands) {
        if (!band.met) {
            report.met = false;
            const bool least = band.band.at_least && band.share < *band.band.at_least;
            add_sentence(report.verdict_note,
                         fmt::format("{} of the transactions completed {}, {} {} was promised.",
                                     share_words(band.share), band_in_words(band.band), least ? "at least" : "at most",
                                     share_words(least ? *band.band.at_least : *band.band.at_most)));
        }
    }
    if (objective.mean && report.response_ms.samples > 0 &&
        report.response_ms.mean > schemas::to_milliseconds(*objective.mean)) {
        report.met = false;
        add_sentence(report.verdict_note,
                     fmt::format("Transactions took {} on average, {} was promised.",
                                 response_words(report.response_ms.mean), schemas::to_text(*objective.mean)));
    }
    const Duration measured = measured_time(report.minutes);
    if (objective.rate && measured > Duration(0)) {
        const double per_hour = transactions / (schemas::to_minutes(measured) / 60);
        const double promised = objective.rate->amount / (schemas::to_minutes(objective.rate->per) / 60);
        if (per_hour < promised * (1 - rounding)) {
            report.met = false;
            add_sentence(
                report.verdict_note,
                fmt::format("{:.0f} transactions an hour completed, {:.0f} were promised.", per_hour, promised));
        }
    }
}

/// What could still hide where nobody looked, in the budget's own unit.
double unseen(const ObjectiveReport& report) {
    if (!report.budget.in_failures) {
        return schemas::to_minutes(report.minutes[Booking::unmeasured]);
    }
    using schemas::Verdict;
    const RunCounts& runs = report.runs;
    const std::uint64_t seen =
        runs.of(Verdict::ok) + runs.of(Verdict::slow) + runs.of(Verdict::failed) + runs.of(Verdict::timeout);
    return runs.due > seen ? static_cast<double>(runs.due - seen) : 0;
}

void judge_unmeasured(ObjectiveReport& report) {
    const Duration unmeasured = report.minutes[Booking::unmeasured];
    const Duration measured = measured_time(report.minutes);
    if (measured == Duration(0) && unmeasured > Duration(0)) {
        report.met = false;
        add_sentence(report.verdict_note, "Nothing was measured, so nothing is proven.");
        return;
    }
    const BudgetUse& budget = report.budget;
    const bool within = budget.spent_at_most <= budget.allowed * (1 + rounding);
    if (within && budget.spent_at_most + unseen(report) > budget.allowed * (1 + rounding)) {
        const std::string what =
            budget.in_failures ? fmt::format("{:g} runs that were due brought no answer", unseen(report))
                               : budget_words(unseen(report), false) + " of the service's hours were not measured";
        add_sentence(report.verdict_note, "Not proven: " + what + ", more than what is left of the budget.");
    }
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
        use.text = fmt::format("{} failed runs per {}", objective.max_failures->failures,
                               word_of(objective.max_failures->per));
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

void reach_verdict(ObjectiveReport& report, const schemas::Objective& objective, double transactions) {
    report.met = true;
    report.verdict_note.clear();
    judge_budget(report);
    judge_performance_promises(report, objective, transactions);
    judge_unmeasured(report);
}

}  // namespace slimtax::reporter
