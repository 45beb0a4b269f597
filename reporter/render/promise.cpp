#include <fmt/format.h>

#include <array>
#include <map>

#include "reporter/judgement.hpp"
#include "reporter/words.hpp"
#include "schemas/units.hpp"

namespace slimtax::reporter {
namespace {

using schemas::Level;
using schemas::Quorum;

std::string bands_words(const schemas::Objective& objective) {
    std::vector<std::string> parts;
    for (const schemas::Band& band : objective.bands) {
        const bool within = !band.from && band.up_to;
        const std::string range = within                    ? "within " + time_words(*band.up_to)
                                  : band.up_to && band.from ? fmt::format("between {} and {}", time_words(*band.from),
                                                                          time_words(*band.up_to))
                                  : band.from               ? "over " + time_words(*band.from)
                                                            : "at any speed";
        const std::string share = band.at_least  ? "at least " + share_words(*band.at_least)
                                  : band.at_most ? "at most " + share_words(*band.at_most)
                                                 : "any share";
        parts.push_back(share + " " + range);
    }
    return list_words(parts, 9);
}

std::string rate_words(const schemas::WorkRate& rate) {
    const std::string amount = fmt::format("{:g}", rate.amount);
    const std::array<std::pair<schemas::Duration, std::string_view>, 4> names{{{std::chrono::seconds(1), "second"},
                                                                               {std::chrono::minutes(1), "minute"},
                                                                               {std::chrono::hours(1), "hour"},
                                                                               {std::chrono::hours(24), "day"}}};
    for (const auto& [per, name] : names) {
        if (per == rate.per) {
            return fmt::format("{} per {}", amount, name);
        }
    }
    return fmt::format("{} every {}", amount, time_words(rate.per));
}

std::string level_sentence(const schemas::Objective& objective) {
    switch (objective.level) {
        case Level::A0: return "Its key process is there.";
        case Level::A1: return "It works on its own machine: given input becomes the right output.";
        case Level::A2: return "Users can log in over the network.";
        case Level::A3: {
            std::string text = "Key transactions complete fast enough";
            if (!objective.bands.empty()) {
                text += ": " + bands_words(objective);
            }
            if (objective.mean) {
                text +=
                    fmt::format("{} {} on average", objective.bands.empty() ? ":" : ",", time_words(*objective.mean));
            }
            if (objective.rate) {
                text += ", " + rate_words(*objective.rate) + " in all";
            }
            return text + ".";
        }
        case Level::A4: {
            std::string text = "The users get their work done";
            if (objective.work) {
                text += ": at least " + rate_words(*objective.work) + " for each active user";
            }
            if (objective.total) {
                text += fmt::format("{} at least {} in all", objective.work ? "," : ":", rate_words(*objective.total));
            }
            if (objective.users) {
                text += fmt::format(", for {} users (active: did something within {})", objective.users->users,
                                    time_words(objective.users->within));
            }
            return text + ".";
        }
    }
    return {};
}

/// `budget.text` is "50 min per week" or "25 failed runs per week".
std::string budget_sentence(const ObjectiveReport& report, const schemas::Objective* objective) {
    const BudgetUse& budget = report.budget;
    if (budget.text.empty()) {
        return {};
    }
    const std::size_t per = budget.text.find(" per ");
    if (budget.in_failures || per == std::string::npos) {
        return fmt::format(" At most {}{}.", budget.text, budget.in_failures ? "" : " of outage");
    }
    // In the units of all other times: not "1 h" here and "60 min" there.
    const std::string amount = objective != nullptr && objective->budget ? time_words(objective->budget->allowance)
                                                                         : budget.text.substr(0, per);
    return fmt::format(" At most {} of outage{}.", amount, budget.text.substr(per));
}

std::string budget_on_record(const ObjectiveReport& report) {
    const BudgetUse& budget = report.budget;
    if (budget.text.empty()) {
        return {};
    }
    return fmt::format(" At most {}{}.", budget.text, budget.in_failures ? "" : " of outage");
}

std::string redundancy_sentence(const ServiceReport& service, const schemas::Objective& objective) {
    std::size_t targets = 0;
    std::size_t places = 0;
    for (const schemas::Probe* probe : service.source->probes_of(objective)) {
        targets = std::max(targets, probe->targets.size());
        places = std::max(places, probe->from.size());
    }
    std::string text;
    if (targets > 1) {
        switch (objective.need.rule) {
            case Quorum::Rule::any:
                text += fmt::format(" Down only when none of its {} servers works.", targets);
                break;
            case Quorum::Rule::all: text += fmt::format(" Each of its {} servers has to work.", targets); break;
            case Quorum::Rule::majority:
                text += fmt::format(" More than half of its {} servers have to work.", targets);
                break;
            case Quorum::Rule::number:
                text += fmt::format(" {} of its {} servers have to work.", objective.need.number, targets);
                break;
        }
    }
    if (places > 1) {
        constexpr std::array<std::string_view, 3> who{"any place", "the majority of the places", "every place"};
        text += objective.agree.rule == Quorum::Rule::number
                    ? fmt::format(" It counts as down when {} places that measure say so.", objective.agree.number)
                    : fmt::format(" It counts as down when {} that measure{} say{} so.",
                                  who.at(static_cast<std::size_t>(objective.agree.rule)),
                                  objective.agree.rule == Quorum::Rule::majority ? "" : "s", "s");
    }
    return text;
}

/// All words but the budget's are on record, too: see promise_on_record().
std::string promise_with(const ServiceReport& service, const ObjectiveReport& report, const std::string& budget) {
    const schemas::Objective* objective = source_of(service, report);
    if (objective == nullptr) {
        std::string text(schemas::plain_words(report.level));
        text.front() = static_cast<char>(text.front() - 'a' + 'A');
        return text + "." + budget;
    }
    std::string text = level_sentence(*objective) + budget;
    if (objective->below_target_for) {
        text +=
            fmt::format(" Staying below that for {} counts as an outage.", time_words(*objective->below_target_for));
    }
    text += redundancy_sentence(service, *objective);
    if (objective->recovery) {
        text += fmt::format(" An outage is to be over within {}.", time_words(*objective->recovery));
    }
    return text;
}

std::string minute_words(int minute) {
    return fmt::format("{:02}:{:02}", minute / 60, minute % 60);
}

}  // namespace

std::string promise(const ServiceReport& service, const ObjectiveReport& report) {
    return promise_with(service, report, budget_sentence(report, source_of(service, report)));
}

std::string promise_on_record(const ServiceReport& service, const ObjectiveReport& report) {
    return promise_with(service, report, budget_on_record(report));
}

std::string window_words(const schemas::Window& window) {
    if (window.open.empty()) {
        return "at all times";
    }
    constexpr std::array<std::string_view, 7> names{"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
    std::array<std::string, 7> hours;  // Monday first
    for (const schemas::WeeklyHours& open : window.open) {
        std::string& day = hours.at(open.day.iso_encoding() - 1);
        day += fmt::format("{}{}–{}", day.empty() ? "" : " and ", minute_words(open.from_minute),
                           minute_words(open.to_minute));
    }
    std::vector<std::string> parts;
    for (std::size_t first = 0; first < hours.size();) {
        std::size_t last = first;
        while (last + 1 < hours.size() && hours.at(last + 1) == hours.at(first)) {
            ++last;
        }
        if (!hours.at(first).empty()) {
            const std::string days =
                first == last ? std::string(names.at(first)) : fmt::format("{}–{}", names.at(first), names.at(last));
            parts.push_back(first == 0 && last == 6 ? "every day " + hours[0] : days + " " + hours.at(first));
        }
        first = last + 1;
    }
    return list_words(parts, 9);
}

const schemas::Objective* source_of(const ServiceReport& service, const ObjectiveReport& objective) {
    return service.source == nullptr ? nullptr : service.source->find_objective(objective.id);
}

}  // namespace slimtax::reporter
