#include "reporter/store/record.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "reporter/judgement.hpp"
#include "reporter/words.hpp"

namespace slimtax::reporter {
namespace {

/// Amounts are kept in millionths, as they are printed at most.
std::int64_t millionths(double amount) {
    return std::llround(amount * 1e6);
}

}  // namespace

bool says_the_same(const IssuedFigure& a, const IssuedFigure& b) {
    return a.judgement == b.judgement && millionths(a.spent) == millionths(b.spent) &&
           millionths(a.spent_at_least) == millionths(b.spent_at_least) &&
           millionths(a.spent_at_most) == millionths(b.spent_at_most) && a.unmeasured == b.unmeasured &&
           a.promise == b.promise;
}

std::vector<IssuedFigure> figures_of(const Report& report, schemas::Instant now) {
    std::vector<IssuedFigure> figures;
    for (const ServiceReport& service : report.services) {
        if (service.period.to > now) {
            continue;  // what is said so far may change
        }
        for (const ObjectiveReport& objective : service.objectives) {
            figures.push_back(figure_of(service, objective, report.method));
            figures.back().issued = now;
        }
    }
    return figures;
}

IssuedFigure figure_of(const ServiceReport& service, const ObjectiveReport& objective, std::string_view method) {
    IssuedFigure figure;
    figure.service = service.id;
    figure.objective = objective.id;
    figure.period = service.period.name;
    figure.from = service.period.from;
    figure.to = service.period.to;
    figure.method = method;
    figure.judgement = judge(objective);
    figure.spent = objective.budget.spent;
    figure.spent_at_least = objective.budget.spent_at_least;
    figure.spent_at_most = objective.budget.spent_at_most;
    figure.unmeasured = objective.minutes[schemas::Booking::unmeasured];
    figure.promise = promise_on_record(service, objective);
    return figure;
}

std::optional<Revision> revision_of(const IssuedFigure& now, const std::vector<IssuedFigure>& issued,
                                    std::int64_t newest_amendment) {
    const auto old = std::ranges::find_if(issued, [&](const IssuedFigure& one) { return !says_the_same(one, now); });
    if (old == issued.end()) {
        return std::nullopt;
    }
    std::vector<std::string> why;
    if (old->method != now.method) {
        why.push_back(fmt::format("it was counted by another method ({})", old->method));
    }
    if (old->promise != now.promise) {
        why.emplace_back("something else was promised");
    }
    if (newest_amendment > old->amendments) {
        why.emplace_back("outages were amended since");
    }
    if (why.empty()) {
        why.emplace_back("results came in after it, or its definition was changed");
    }
    return Revision{old->issued, old->method, old->judgement, old->spent, list_words(why)};
}

}  // namespace slimtax::reporter
