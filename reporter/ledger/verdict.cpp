#include "reporter/ledger/verdict.hpp"

#include <algorithm>
#include <string>

#include <fmt/format.h>

#include "reporter/ledger/uncertainty.hpp"
#include "reporter/words.hpp"

namespace slimtax::reporter {
namespace {

using schemas::Booking;
using schemas::Duration;
using schemas::Verdict;

/// Sums of parts of days must not turn a verdict by rounding.
constexpr double rounding = 1e-9;

Duration measured_time(const BookedTime& minutes) {
    return minutes[Booking::up] + minutes[Booking::degraded] + minutes[Booking::down];
}

bool measured_nothing(const ObjectiveReport& report) {
    return measured_time(report.minutes) == Duration(0);
}

bool exceeds(double value, const BudgetUse& budget) {
    return value > budget.allowed * (1 + rounding);
}

void add_sentence(std::string& note, const std::string& sentence) {
    note += note.empty() ? "" : " ";
    note += sentence;
}

std::string amount(const BudgetUse& budget, double value) {
    return budget_words(value, budget.in_failures);
}

/// A figure beside the one that it is compared with: as exact as it takes to tell them apart.
std::string beside(const BudgetUse& budget, double value) {
    std::string words = amount(budget, value);
    if (!exceeds(value, budget) || words != amount(budget, budget.allowed)) {
        return words;
    }
    return fmt::format("{} and {}", words, amount(budget, value - budget.allowed));
}

std::string share_beside(double share, double promised) {
    std::string words = share_words(share);
    if (share == promised || words != share_words(promised)) {
        return words;
    }
    for (int digits = 2; digits <= 6; ++digits) {
        words = fmt::format("{:.{}f} %", share * 100, digits);
        if (words != fmt::format("{:.{}f} %", promised * 100, digits)) {
            break;
        }
    }
    return words;
}

std::string band_in_words(const schemas::Band& band) {
    if (band.from && band.up_to) {
        return fmt::format("between {} and {}", time_words(*band.from), time_words(*band.up_to));
    }
    return band.up_to ? "within " + time_words(*band.up_to)
                      : "in " + time_words(band.from.value_or(Duration(0))) + " or more, or not at all";
}

/// "9000", "12.3".
std::string rate_words(double rate) {
    return rate < 100 ? fmt::format("{:.3g}", rate) : fmt::format("{:.0f}", rate);
}

/// The same as exact as it takes to tell it from what was promised.
std::string rate_beside(double rate, double promised) {
    const bool told = rate >= promised || rate_words(rate) != rate_words(promised);
    return told ? rate_words(rate) : fmt::format("{:.7g}", rate);
}

std::string response_beside(double milliseconds, double promised) {
    const bool told = milliseconds <= promised || response_words(milliseconds) != response_words(promised);
    return told ? response_words(milliseconds) : fmt::format("{:.7g} ms", milliseconds);
}

Judgement judge_budget(const ObjectiveReport& report) {
    const BudgetUse& budget = report.budget;
    if (exceeds(budget.spent_at_least, budget)) {
        return Judgement::missed;
    }
    return exceeds(std::max(budget.spent, budget.spent_at_most) + unseen(report), budget) ? Judgement::not_proven
                                                                                          : Judgement::met;
}

/// By an interval of the figure and the least and the most that was promised.
Judgement judge_interval(const Interval& likely, std::optional<double> at_least, std::optional<double> at_most) {
    if ((at_least && likely.high < *at_least) || (at_most && likely.low > *at_most)) {
        return Judgement::missed;
    }
    const bool sure = (!at_least || likely.low >= *at_least) && (!at_most || likely.high <= *at_most);
    return sure ? Judgement::met : Judgement::not_proven;
}

std::uint64_t answered(const RunCounts& runs) {
    return runs.of(Verdict::ok) + runs.of(Verdict::slow) + runs.of(Verdict::failed) + runs.of(Verdict::timeout);
}

Judgement judge_band(const ObjectiveReport& report, const BandResult& band) {
    // Without runs nothing is broken and nothing kept.
    return answered(report.runs) == 0 ? Judgement::met
                                      : judge_interval(band.likely, band.band.at_least, band.band.at_most);
}

/// Neither "only none are certain" nor "40 min are certain" where 40 min are allowed.
std::string certain_words(const BudgetUse& budget) {
    if (budget.spent_at_least <= 0) {
        return "none of it is certain";
    }
    const std::string least = budget_words(budget.spent_at_least, budget.in_failures);
    return least == budget_words(budget.allowed, budget.in_failures)
               ? fmt::format("a little less than {} is certain", least)
               : fmt::format("only {} {} certain", least, budget.in_failures ? "are" : "is");
}

/// "87 min of outage", "12 failed runs", as exact as it takes beside what is allowed.
std::string outage_beside(const BudgetUse& budget) {
    return beside(budget, budget.spent) + (budget.in_failures ? "" : " of outage");
}

void explain_budget(ObjectiveReport& report) {
    const BudgetUse& budget = report.budget;
    std::string& note = report.verdict_note;
    if (exceeds(budget.spent, budget)) {
        report.met = false;
        if (exceeds(budget.spent_at_least, budget)) {
            add_sentence(note, fmt::format("{}; {} allowed.", outage_beside(budget), allowed_words(budget)));
        } else {
            add_sentence(note, fmt::format("{} counted; {} allowed. Not proven: {}.", outage_beside(budget),
                                           allowed_words(budget), certain_words(budget)));
        }
    } else if (exceeds(budget.spent_at_most, budget)) {
        add_sentence(note,
                     fmt::format("Within the budget, but not proven: between two tests it may have been up to {}; "
                                 "{} allowed.",
                                 beside(budget, budget.spent_at_most), allowed_words(budget)));
    } else if (exceeds(budget.spent_at_most + unseen(report), budget)) {
        const std::string what =
            budget.in_failures ? fmt::format("{:g} runs that were due brought no answer", unseen(report))
                               : budget_words(unseen(report), false) + " of the service's hours were not measured";
        add_sentence(note, "Not proven: " + what + ", more than what is left of the budget.");
    }
}

void explain_bands(ObjectiveReport& report) {
    for (const BandResult& result : report.bands) {
        const Judgement judgement = judge_band(report, result);
        if (result.met && judgement == Judgement::met) {
            continue;
        }
        report.met = report.met && result.met;
        const schemas::Band& band = result.band;
        const bool least = band.at_least && (!band.at_most || result.likely.low < *band.at_least);
        std::string sentence =
            fmt::format("{} of the transactions completed {}, {} {} was promised",
                        share_beside(result.share, least ? *band.at_least : *band.at_most), band_in_words(band),
                        least ? "at least" : "at most", share_words(least ? *band.at_least : *band.at_most));
        if (judgement == Judgement::not_proven) {
            sentence +=
                fmt::format("; not proven: by {} the true share may be {} to {}", counted(answered(report.runs), "run"),
                            share_words(result.likely.low), share_words(result.likely.high));
        }
        add_sentence(report.verdict_note, sentence + ".");
    }
}

Judgement judge_mean(ObjectiveReport& report, const schemas::Objective& objective) {
    const ResponseTimes& times = report.response_ms;
    if (!objective.mean || times.samples == 0) {
        return Judgement::met;
    }
    const double promised = schemas::to_milliseconds(*objective.mean);
    const double error = likely_error_of_mean(times.stddev, times.samples);
    const Judgement judgement = judge_interval({times.mean - error, times.mean + error}, {}, promised);
    const bool met = times.mean <= promised;
    if (met && judgement == Judgement::met) {
        return judgement;
    }
    report.met = report.met && met;
    std::string sentence = fmt::format("Transactions took {} on average, {} was promised",
                                       response_beside(times.mean, promised), time_words(*objective.mean));
    if (judgement == Judgement::not_proven) {
        sentence +=
            times.samples < 2
                ? "; not proven by a single run"
                : fmt::format("; not proven: by {} the true average may be {} to {}", counted(times.samples, "run"),
                              response_words(std::max(0.0, times.mean - error)), response_words(times.mean + error));
    }
    add_sentence(report.verdict_note, sentence + ".");
    return judgement;
}

/// Work that a log counted is known to the unit. Runs are a sample: which share of them completes is likely to lie in
/// an interval, and how many were tried in an hour is known.
Judgement judge_rate(ObjectiveReport& report, const schemas::Objective& objective, double transactions) {
    const Duration measured = measured_time(report.minutes);
    if (!objective.rate || measured == Duration(0)) {
        return Judgement::met;
    }
    const double hours = schemas::to_minutes(measured) / 60;
    const double per_hour = transactions / hours;
    const double promised = objective.rate->amount / (schemas::to_minutes(objective.rate->per) / 60) * (1 - rounding);
    Interval likely{per_hour, per_hour};
    const auto tried = static_cast<double>(answered(report.runs));
    const auto completed = static_cast<double>(report.runs.of(Verdict::ok) + report.runs.of(Verdict::slow));
    const bool runs_counted = transactions == completed;
    if (runs_counted && completed < tried) {
        const Interval share = likely_share(completed, tried);
        likely = {share.low * tried / hours, share.high * tried / hours};
    }
    const Judgement judgement = judge_interval(likely, promised, {});
    const bool met = per_hour >= promised;
    if (met && judgement == Judgement::met) {
        return judgement;
    }
    report.met = report.met && met;
    std::string sentence = fmt::format("{} transactions an hour completed, {} were promised",
                                       rate_beside(per_hour, promised), rate_words(promised));
    if (judgement == Judgement::not_proven) {
        sentence += fmt::format("; not proven: by {} it may be {} to {}", counted(answered(report.runs), "run"),
                                rate_words(likely.low), rate_words(likely.high));
    }
    add_sentence(report.verdict_note, sentence + ".");
    return judgement;
}

}  // namespace

double unseen(const ObjectiveReport& report) {
    if (!report.budget.in_failures) {
        return schemas::to_minutes(report.minutes[Booking::unmeasured]);
    }
    const std::uint64_t seen = answered(report.runs);
    return report.runs.due > seen ? static_cast<double>(report.runs.due - seen) : 0;
}

Judgement judge_figures(const ObjectiveReport& report) {
    if (measured_nothing(report)) {
        // Without a second that counts nothing was due: closed, or under planned work all the time.
        return report.minutes[Booking::unmeasured] > Duration(0) ? Judgement::not_measured : Judgement::met;
    }
    Judgement worst = judge_budget(report);
    for (const BandResult& band : report.bands) {
        worst = std::max(worst, judge_band(report, band));
    }
    return worst;
}

void reach_verdict(ObjectiveReport& report, const schemas::Objective& objective, double transactions) {
    report.met = true;
    report.verdict_note.clear();
    report.judgement = judge_figures(report);
    if (report.judgement == Judgement::not_measured) {
        report.met = false;
        report.verdict_note = "Nothing was measured, so nothing is proven.";
        return;
    }
    if (measured_nothing(report)) {
        return;
    }
    explain_budget(report);
    explain_bands(report);
    report.judgement = std::max(report.judgement, judge_mean(report, objective));
    report.judgement = std::max(report.judgement, judge_rate(report, objective, transactions));
}

}  // namespace slimtax::reporter
