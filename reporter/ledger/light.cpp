#include "reporter/ledger/light.hpp"

#include <fmt/format.h>

#include "reporter/ledger/budget.hpp"
#include "reporter/words.hpp"

namespace slimtax::reporter {
namespace {

using schemas::Duration;
using schemas::Instant;
using schemas::Light;
using schemas::State;

SeriesNow series_now(const SeriesPart& part, Instant last) {
    SeriesNow now{part.clock.key, State::unmeasured, part.since(last), part.reason_at(last)};
    if (const StateSpan* span = span_at(part.ledger.spans, last)) {
        now.state = span->nominal;
    }
    return now;
}

Instant since(const StateSpans& spans, Instant last) {
    const StateSpan* span = span_at(spans, last);
    while (span != nullptr && span != spans.data() && std::prev(span)->nominal == span->nominal) {
        --span;
    }
    return span == nullptr ? last : span->from;
}

/// Up, but for how long? Amber when little of the budget is left.
void set_light_when_up(ObjectiveReport& report) {
    const BudgetUse& budget = report.budget;
    const bool nearly = budget.spent > 0 && budget.spent >= nearly_spent * budget.allowed;
    report.light = nearly ? Light::amber : Light::green;
    if (nearly) {
        report.light_reason =
            fmt::format("up, but {} of {} allowed are spent", budget_words(budget.spent, budget.in_failures),
                        budget_words(budget.allowed, budget.in_failures));
    }
}

}  // namespace

void set_lights(ObjectiveReport& report, const ObjectiveLedger& ledger, const Calendar& calendar,
                const CalendarSpans& hours) {
    const Instant last = hours.back().to - Duration(1);
    for (const SeriesPart& part : ledger.series) {
        report.series.push_back(series_now(part, last));
    }
    if (hours.back().hours != Hours::open) {
        const bool planned = hours.back().hours == Hours::planned;
        const std::string why = planned ? calendar.why(last) : std::string();
        report.light = planned ? Light::blue : Light::hollow;
        report.light_reason = !planned      ? "outside the service's hours"
                              : why.empty() ? "planned work"
                                            : "planned work: " + why;
        report.light_since = hours.back().from;
        return;
    }
    const StateSpan* span = span_at(ledger.spans, last);
    const State state = span == nullptr ? State::unmeasured : span->nominal;
    report.light_since = since(ledger.spans, last);
    report.light_reason = ledger.reason_at(state == State::down ? report.light_since : last, state);
    switch (state) {
        case State::down: report.light = Light::red; break;
        case State::degraded: report.light = Light::amber; break;
        case State::up: set_light_when_up(report); break;
        case State::unmeasured:
            report.light = Light::grey;
            if (ledger.series.empty()) {
                report.light_reason = "no location measures this";
            }
            break;
    }
}

}  // namespace slimtax::reporter
