#include "reporter/judgement.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "reporter/ledger/verdict.hpp"
#include "reporter/render/wall_clock.hpp"
#include "reporter/words.hpp"

namespace slimtax::reporter {
namespace {

using schemas::Light;

std::string titles(const std::vector<const ServiceReport*>& services) {
    std::vector<std::string> names;
    names.reserve(services.size());
    for (const ServiceReport* service : services) {
        names.push_back(title_of(*service));
    }
    return list_words(names, 3);
}

std::string services_that(std::size_t count, std::size_t all, std::string_view one, std::string_view many) {
    if (all == 1) {
        return fmt::format("the service{}", one);
    }
    // "No. 1 of 7" would be read as "number one of seven".
    const std::string some = count == 1 ? "one" : std::to_string(count);
    return fmt::format("{} of {} services{}", some, all, count == 1 ? one : many);
}

std::string capitalised(std::string text) {
    if (!text.empty() && text.front() >= 'a' && text.front() <= 'z') {
        text.front() = static_cast<char>(text.front() - 'a' + 'A');
    }
    return text;
}

/// What is left of a budget in minutes, half a minute rounded down where what was spent is rounded up: "33 min of
/// outage; 17 min of 50 min left".
double left_of(const BudgetUse& budget) {
    constexpr double in_whole_minutes = 10;
    return budget.remaining() >= in_whole_minutes ? budget.remaining() - 1e-6 : budget.remaining();
}

/// Of the services that the sentence does not speak of.
std::string others_words(std::size_t kept, std::size_t not_proven, std::size_t unseen) {
    std::vector<std::string> parts;
    const auto add = [&](std::size_t count, std::string_view one, std::string_view many) {
        if (count > 0) {
            parts.push_back(fmt::format("{} {}", count, count == 1 ? one : many));
        }
    };
    add(kept, "kept every promise", "kept every promise");
    add(not_proven, "has one that is not proven", "have one that is not proven");
    add(unseen, "was not measured", "were not measured");
    return parts.empty() ? std::string() : fmt::format("Of the others, {}.", list_words(parts));
}

bool probably_missed(const ObjectiveReport& objective) {
    return objective.judgement == Judgement::not_proven && !objective.met;
}

}  // namespace

Judgement judge(const ObjectiveReport& objective) {
    return objective.judgement;
}

std::string_view judgement_word(Judgement judgement) {
    constexpr std::array<std::string_view, 4> words{"kept", "not measured", "not proven", "missed"};
    return words.at(static_cast<std::size_t>(judgement));
}

std::string_view judgement_word(const ObjectiveReport& objective) {
    return probably_missed(objective) ? "probably missed" : judgement_word(objective.judgement);
}

std::string judgement_reason(const ObjectiveReport& objective, bool so_far) {
    const std::string& note = objective.verdict_note;
    const BudgetUse& budget = objective.budget;
    const std::string allowed = allowed_words(budget);
    const Judgement judgement = judge(objective);
    if (judgement == Judgement::met) {
        std::string text;
        if (budget.spent == 0) {
            text = fmt::format("{}{}; {} allowed.", budget.in_failures ? "No failed run" : "No outage",
                               so_far ? " so far" : "", allowed);
        } else {
            // "0 of 30 failed runs", "30 min of 50 min".
            const std::string left =
                budget.in_failures ? fmt::format("{:g}", budget.remaining()) : budget_words(left_of(budget), false);
            text = fmt::format("{}; {} of {} left.", capitalised(outage_words(budget, budget.spent)), left, allowed);
        }
        return note.empty() ? text : text + " " + note;
    }
    if (!note.empty()) {
        return note;
    }
    if (judgement == Judgement::missed) {
        return fmt::format("{}; {} allowed.", capitalised(outage_words(budget, budget.spent)), allowed);
    }
    if (judgement == Judgement::not_measured) {
        return "No run told anything about this time.";
    }
    if (budget.spent_at_most > budget.allowed) {
        return fmt::format("Between {} and {}; {} allowed.", budget_words(budget.spent_at_least, budget.in_failures),
                           budget_words(budget.spent_at_most, budget.in_failures), allowed);
    }
    return fmt::format("{} not measured; an outage in it could have used up the {} that were left.",
                       budget_words(unseen(objective), budget.in_failures),
                       budget_words(budget.remaining(), budget.in_failures));
}

std::string glance_reason(const ObjectiveReport& objective, bool so_far) {
    const std::string reason = judgement_reason(objective, so_far);
    const std::size_t end = reason.find(". ");
    return end == std::string::npos ? reason : reason.substr(0, end + 1);
}

double badness(const ObjectiveReport& objective) {
    const BudgetUse& budget = objective.budget;
    const double rank = static_cast<double>(judge(objective)) + (probably_missed(objective) ? 0.5 : 0);
    // A budget of zero is used up by anything: sorted by what was spent, behind a full unit.
    const double used = budget.allowed > 0 ? budget.spent / budget.allowed : budget.spent > 0 ? 1 + budget.spent : 0;
    return rank * 1e6 + std::min(used, 1e5);
}

std::vector<const ObjectiveReport*> worst_first(const ServiceReport& service) {
    std::vector<const ObjectiveReport*> order;
    for (const ObjectiveReport& objective : service.objectives) {
        order.push_back(&objective);
    }
    std::stable_sort(order.begin(), order.end(),
                     [](const ObjectiveReport* a, const ObjectiveReport* b) { return badness(*a) > badness(*b); });
    return order;
}

std::vector<const ServiceReport*> worst_first(const Report& report) {
    std::vector<std::pair<double, const ServiceReport*>> order;
    for (const ServiceReport& service : report.services) {
        const auto objectives = worst_first(service);
        order.emplace_back(objectives.empty() ? -1 : badness(*objectives.front()), &service);
    }
    std::stable_sort(order.begin(), order.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
    std::vector<const ServiceReport*> services;
    for (const auto& [worst, service] : order) {
        services.push_back(service);
    }
    return services;
}

Headline headline(const Report& report) {
    std::array<std::vector<const ServiceReport*>, 4> by;
    std::vector<const ServiceReport*> probably;
    std::size_t promises = 0;
    for (const ServiceReport* service : worst_first(report)) {
        promises += service->objectives.size();
        const auto objectives = worst_first(*service);
        if (!objectives.empty()) {
            by.at(static_cast<std::size_t>(judge(*objectives.front()))).push_back(service);
            if (probably_missed(*objectives.front())) {
                probably.push_back(service);
            }
        }
    }
    const auto& missed = by[static_cast<std::size_t>(Judgement::missed)];
    const auto& unproven = by[static_cast<std::size_t>(Judgement::not_proven)];
    const auto& unseen = by[static_cast<std::size_t>(Judgement::not_measured)];
    const std::size_t all = report.services.size();
    const auto kept = by[static_cast<std::size_t>(Judgement::met)].size();
    const auto others = [&](std::size_t not_proven) { return others_words(kept, not_proven, unseen.size()); };
    if (promises == 0) {
        return {Judgement::not_measured, "Nothing to say.", "No objective is defined."};
    }
    if (!missed.empty()) {
        return {Judgement::missed, "No.",
                fmt::format("{} missed a promise: {}.", capitalised(services_that(missed.size(), all, "", "")),
                            titles(missed)),
                others(unproven.size())};
    }
    if (!probably.empty()) {
        return {Judgement::not_proven, report.so_far ? "Probably not, so far." : "Probably not.",
                fmt::format("{} missed a promise by what was counted, but that is not proven: {}.",
                            capitalised(services_that(probably.size(), all, "", "")), titles(probably)),
                others(unproven.size() - probably.size())};
    }
    if (!unproven.empty()) {
        return {Judgement::not_proven, report.so_far ? "Not proven so far." : "Not proven.",
                fmt::format("No promise is known to be missed, but for {} it cannot be proven: {}.",
                            services_that(unproven.size(), all, "", ""), titles(unproven)),
                others(0)};
    }
    const auto measured_nothing = [](const ServiceReport* service) {
        return std::ranges::all_of(service->objectives, [](const ObjectiveReport& objective) {
            return judge(objective) == Judgement::not_measured;
        });
    };
    if (!unseen.empty() && unseen.size() == all && std::ranges::all_of(unseen, measured_nothing)) {
        return {Judgement::not_measured, "Unknown.",
                all == 1 ? "Nothing was measured of the service."
                         : fmt::format("Nothing was measured of any of the {} services.", all)};
    }
    if (!unseen.empty()) {
        return {Judgement::not_measured, "Partly unknown.",
                fmt::format("{}: {}. Every promise that was measured was kept.",
                            capitalised(services_that(unseen.size(), all, " was not measured", " were not measured")),
                            titles(unseen))};
    }
    const std::string promised = promises == 1 ? "The one promise" : fmt::format("All {} promises", promises);
    const std::string of = all == 1 ? "the service" : counted(all, "service");
    return {Judgement::met, report.so_far ? "Yes, so far." : "Yes.",
            fmt::format("{} of {} {} kept.", promised, of, promises == 1 ? "was" : "were")};
}

Light worst_light(const ServiceReport& service) {
    constexpr std::array order{Light::red, Light::amber, Light::grey, Light::blue, Light::green, Light::hollow};
    for (const Light light : order) {
        for (const ObjectiveReport& objective : service.objectives) {
            if (objective.light == light) {
                return light;
            }
        }
    }
    return Light::grey;
}

NowLine now_line(const Report& report) {
    std::array<std::vector<const ServiceReport*>, 6> by;
    for (const ServiceReport& service : report.services) {
        by.at(static_cast<std::size_t>(worst_light(service))).push_back(&service);
    }
    const auto with = [&](Light light) -> const auto& {
        return by.at(static_cast<std::size_t>(light));
    };
    const std::size_t all = report.services.size();
    if (all == 0) {
        return {Light::grey, "No service is defined yet."};
    }
    const auto& down = with(Light::red);
    std::vector<const ServiceReport*> slow;
    std::vector<const ServiceReport*> low;  // up, but the budget is nearly spent
    for (const ServiceReport* service : with(Light::amber)) {
        const bool all_low = std::all_of(service->objectives.begin(), service->objectives.end(), [](const auto& one) {
            return one.light != Light::amber || is_budget_low(one);
        });
        (all_low ? low : slow).push_back(service);
    }
    const auto& blind = with(Light::grey);
    std::vector<std::string> parts;
    if (!down.empty()) {
        parts.push_back(down.size() == 1 ? titles(down) + " is down"
                                         : fmt::format("{} services are down: {}", down.size(), titles(down)));
    }
    if (!slow.empty()) {
        parts.push_back(slow.size() == 1 ? titles(slow) + " is slow"
                                         : fmt::format("{} services are slow: {}", slow.size(), titles(slow)));
    }
    if (!low.empty()) {
        parts.push_back(fmt::format("the budget of {} is nearly spent", titles(low)));
    }
    if (!blind.empty()) {
        parts.push_back(blind.size() == all ? "there is no data about any service"
                        : blind.size() == 1
                            ? fmt::format("there is no data about {}", titles(blind))
                            : fmt::format("there is no data about {} services: {}", blind.size(), titles(blind)));
    }
    const Light light = !down.empty() ? Light::red : !slow.empty() || !low.empty() ? Light::amber : Light::grey;
    if (!parts.empty()) {
        std::string sentence;
        for (const std::string& part : parts) {
            sentence += sentence.empty() ? capitalised(part) : "; " + part;
        }
        return {light, sentence + "."};
    }
    if (with(Light::hollow).size() == all) {
        return {Light::hollow, "Every service is closed at this hour."};
    }
    if (!with(Light::blue).empty()) {
        const bool rest = with(Light::blue).size() < all;
        return {Light::blue, fmt::format("{}{} under planned work.", rest ? "Everything else is up; " : "",
                                         with(Light::blue).size() == 1 ? titles(with(Light::blue)) + " is"
                                                                       : titles(with(Light::blue)) + " are")};
    }
    return {Light::green, with(Light::hollow).empty() ? "Everything is up." : "Everything that is open is up."};
}

std::vector<std::pair<std::string, std::string>> how_to_read() {
    return {
        {"Promise", "What the service's owner agreed to: how much outage is allowed in a period, at one level."},
        {"Level",
         "How deep the test looks. A0: the key process exists. A1: it works on its own machine. A2: a user "
         "can log in. A3: key transactions are fast enough. A4: the users get their work done. Levels are "
         "never averaged or compared with each other."},
        {"Budget", "Minutes of outage (or failed tests) that the promise allows in the period."},
        {"Up, slow, down",
         "What the tests found. Slow time is shown, but spends no budget unless the promise says "
         "that staying slow is an outage."},
        {"Planned work", "Announced beforehand. It spends no budget."},
        {"Closed", "Outside the hours for which the service is promised. It spends no budget."},
        {"Not measured",
         "Nobody looked: a test was due and did not run, or its result never came. It counts neither "
         "for nor against the service, and it is always shown."},
        {"At least, at most",
         "Tests run every so often, so an outage's true length lies between two bounds. The "
         "length shown runs from the first failed test to the first good one."},
        {"95 % certain",
         "Of a hundred such statements, ninety-five or more hold. Outages too short to be seen each time are reckoned "
         "in by the share of tests that met one."},
        {"Not proven", "The bounds, or time that was not measured, leave open whether the budget was kept."},
        {"Half of the runs, 95 %",
         "Response times are said by how many were at least as fast: what half of the users, and nearly all of them, "
         "waited at most. The standard deviation says how far from the average they usually lie."},
        {"Likely cause, correction",
         "A likely cause is proposed from what else failed at the same time. People may correct it afterwards, or take "
         "an outage out of the count: who did, when and why is shown, and nothing is ever deleted."},
        {"Revised", "An earlier report of this period said something else: results came late, or were corrected."},
        {"User-minutes", "The minutes of an outage times the users who were active just before it."},
        {"Nines",
         "A translation for comparison with contracts that speak of percentages. It says nothing about when or how "
         "often; the minutes do."},
    };
}

std::string method_words(const Report& report) {
    return fmt::format(
        "Scripts do what users do, at a set interval and from several places. Each run's result holds until the next "
        "run is due; places and servers are combined by the rule of each promise; the calendar of the service is laid "
        "over it. Each second of the period is counted exactly once, so the six kinds of time add up to the period. "
        "Method {}.",
        report.method);
}

}  // namespace slimtax::reporter
