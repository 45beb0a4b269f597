// Whether what was promised was kept, whether that is proven, and how that is said to a manager (S4).
#pragma once

#include "reporter/report.hpp"
#include "schemas/definition.hpp"

namespace slimtax::reporter {

/// What the figures of a report prove, by budget and bands:
/// - met: what was spent at most, and all that was not measured with it, fits the budget, and each band's promise is
///   kept by the whole of its 95 % interval;
/// - missed: what is certain overspends the budget, or no value of a band's interval keeps the promise;
/// - not proven: everything between, whichever way the figures themselves point;
/// - not measured: nothing was.
[[nodiscard]] Judgement judge_figures(const ObjectiveReport& report);

/// What could still hide where nobody looked, in the budget's own unit: minutes, or runs that brought no answer.
[[nodiscard]] double unseen(const ObjectiveReport& report);

/// Sets `met` (by the figures as they are), `judgement` (what they prove, mean and rate included) and `verdict_note`.
/// Takes minutes, budget, bands, runs and response times as they are in `report`; `transactions` are those completed
/// in the measured window. To be called again when an amendment changed the figures.
void reach_verdict(ObjectiveReport& report, const schemas::Objective& objective, double transactions);

}  // namespace slimtax::reporter
