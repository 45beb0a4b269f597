// What the report says of one objective: promise, result, budget, strip, outages, speed, weeks before, causes, blind
// time.
#include <fmt/format.h>

#include <algorithm>

#include "reporter/judgement.hpp"
#include "reporter/render/html_parts.hpp"
#include "reporter/render/pictures.hpp"
#include "reporter/render/statements.hpp"
#include "reporter/words.hpp"

namespace slimtax::reporter {
namespace {

/// More outages than this are cut to the longest ones; the JSON has all.
constexpr std::size_t most_outages = 12;
constexpr std::size_t few_outages = 4;
constexpr std::size_t most_reasons = 6;

const char* pill_class(Judgement judgement) {
    switch (judgement) {
        case Judgement::met: return "pill pill-kept";
        case Judgement::missed: return "pill pill-missed";
        case Judgement::not_proven: return "pill pill-unproven";
        case Judgement::not_measured: return "pill pill-unproven";
    }
    return "pill";
}

Html note(const std::string& words) {
    return words.empty() ? Html() : element("p", {{"class", "note"}}, foreign(words));
}

/// A part of its own, with a heading; nothing without content.
Html part(const char* kind, std::string_view title, const Html& content) {
    return content.empty() ? Html() : element("div", {{"class", kind}}, {element("h4", {}, title), content});
}

/// Two parts side by side where there is room, the first one the wider.
Html pair(const Html& first, const Html& second) {
    return element("div", {{"class", "pair"}}, {first, second});
}

Html budget_part(const ObjectiveReport& objective) {
    const BudgetUse& budget = objective.budget;
    if (budget.text.empty() && budget.allowed == 0) {
        return {};
    }
    return part("budget", "Budget",
                {budget_spent_bar(budget), budget_key(budget), element("p", {}, spent_words(budget)),
                 note(likely_words(budget)), note(nines_words(objective))});
}

Html outages_part(const ObjectiveReport& objective, const WallClock& clock, bool so_far) {
    if (objective.outages.empty()) {
        return part("outages", "Outages", element("p", {}, "None was seen."));
    }
    // One of many that come again and again says what the others say.
    const std::size_t most = objective.periodicity.empty() ? most_outages : few_outages;
    const ShownOutages shown = shown_outages(objective, most);
    Html more;
    if (shown.left_out > 0) {
        more = note(fmt::format("The {} longest of {} are shown; the others add up to {}.", most,
                                objective.outages.size(), time_words(shown.left_out_time)));
    }
    const std::string figures = figures_words(objective);
    return part(
        "outages", outages_title(objective),
        {figures.empty() ? Html() : element("p", {}, figures), outage_table(shown.outages, clock, so_far), more});
}

Html response_part(const ObjectiveReport& objective, const Period& period, const WallClock& clock) {
    const std::string sentence = response_sentence(objective);
    return part("responses", objective.work ? "Work done" : "Response times",
                {sentence.empty() ? Html() : element("p", {}, sentence),
                 objective.work ? work_picture(objective, period, clock) : response_picture(objective, period, clock),
                 band_bars(objective)});
}

Html unmeasured_part(const ObjectiveReport& objective) {
    Html reasons;
    schemas::Duration rest{};
    for (std::size_t i = 0; i < objective.unmeasured.size(); ++i) {
        const UnmeasuredBy& one = objective.unmeasured[i];
        if (i >= most_reasons) {
            rest += one.time;
            continue;
        }
        const std::string from =
            one.locations.empty() ? std::string() : fmt::format(" (from {})", list_words(one.locations, 3));
        reasons += element("li", {}, {time_words(one.time), ": ", foreign(one.reason + from)});
    }
    if (rest > schemas::Duration::zero()) {
        reasons += element("li", {}, time_words(rest) + ": other reasons");
    }
    return part("unmeasured", "What was not measured, and why",
                {element("p", {}, unmeasured_words(objective)), reasons.empty() ? Html() : element("ul", {}, reasons)});
}

}  // namespace

Html pill(const ObjectiveReport& objective) {
    const Judgement judgement = judge(objective);
    return element("span", {{"class", pill_class(judgement)}}, judgement_word(objective));
}

Html objective_section(const Report& report, const ServiceReport& service, const ObjectiveReport& objective,
                       const WallClock& clock) {
    const Period period = shown_period(report, service);
    const std::string revision = revision_words(objective, clock);
    // What fits on a page with others is kept whole in print.
    const bool quiet = objective.outages.empty() && objective.before.empty() && objective.responses.empty();
    return element(
        "section", {{"class", quiet ? "objective quiet" : "objective"}},
        {element("div", {{"class", "objective-head"}},
                 {element("h3", {},
                          {foreign(title_of(objective)), " ",
                           element("span", {{"class", "level"}}, level_words(objective.level)), " ", pill(objective),
                           revision.empty() ? Html() : element("span", {{"class", "pill pill-revised"}}, "revised")}),
                  element("p", {{"class", "promise"}},
                          {element("strong", {}, "Promise: "), foreign(promise(service, objective))}),
                  element("p", {{"class", "result"}},
                          {element("strong", {}, "Result: "), foreign(judgement_reason(objective, report.so_far))}),
                  revision.empty() ? Html()
                                   : element("p", {{"class", "revision"}},
                                             {element("strong", {}, "Revised: "), foreign(revision)})}),
         pair(part("strip-part", "The time, hour by hour", {strip(objective, period, clock), sums(objective)}),
              budget_part(objective)),
         periodic_part(objective, clock),
         objective.outages.empty() ? Html() : outages_part(objective, clock, report.so_far),
         response_part(objective, period, clock),
         part("compare", "Compared with the periods before", past_bars(objective, period, clock)),
         part("causes-part", "What each cause spent of its share", cause_bars(objective)),
         objective.outages.empty() ? pair(unmeasured_part(objective), outages_part(objective, clock, report.so_far))
                                   : unmeasured_part(objective)});
}

}  // namespace slimtax::reporter
