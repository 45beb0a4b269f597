// The report that is printed and pinned up: one function a section, worst first.
#include <fmt/format.h>

#include <algorithm>

#include "reporter/assets.hpp"
#include "reporter/html.hpp"
#include "reporter/render/judgement.hpp"
#include "reporter/render/pictures.hpp"
#include "reporter/render/render.hpp"
#include "reporter/render/wall_clock.hpp"
#include "reporter/render/words.hpp"

namespace slimtax::reporter {
namespace {

using schemas::Booking;
using schemas::Duration;
using schemas::Verdict;

/// More outages than this are cut to the longest ones; the JSON has all.
constexpr std::size_t most_outages = 12;

const char* pill_class(Judgement judgement) {
    switch (judgement) {
        case Judgement::met: return "pill pill-kept";
        case Judgement::missed: return "pill pill-missed";
        case Judgement::not_proven: return "pill pill-unproven";
        case Judgement::not_measured: return "pill pill-unproven";
    }
    return "pill";
}

Html pill(const ObjectiveReport& objective) {
    const Judgement judgement = judge(objective);
    return element("span", {{"class", pill_class(judgement)}}, judgement_word(judgement));
}

std::string anchor(const ServiceReport& service) {
    return "service-" + percent_encoded(service.id);
}

Html navigation(const ReportLinks& links) {
    if (links.empty()) {
        return {};
    }
    Html items;
    for (const auto& [words, address] : links) {
        items += element("li", {}, link(address, words));
    }
    return element("nav", {{"aria-label", "Pages"}}, element("ul", {}, items));
}

Html head_section(const Report& report, const WallClock& clock) {
    const Headline line = headline(report);
    const char* kind = line.judgement == Judgement::met      ? "answer answer-kept"
                       : line.judgement == Judgement::missed ? "answer answer-missed"
                                                             : "answer answer-unproven";
    return element(
        "header", {},
        {element("p", {{"class", "overline"}}, "Service report" + std::string(report.so_far ? ", so far" : "")),
         element("h1", {},
                 [&] {
                     std::string title = period_title(report);
                     title.front() = title.front() == 'w' ? 'W' : title.front();
                     return title;
                 }()),
         element("p", {{"class", "period"}}, fmt::format("{} ({})", period_words(report, clock), clock.name())),
         element("p", {{"class", kind}}, {element("strong", {}, line.answer), " ", foreign(line.sentence)})});
}

Html summary_section(const Report& report) {
    Html rows;
    for (const ServiceReport* service : worst_first(report)) {
        bool first = true;
        for (const ObjectiveReport* objective : worst_first(*service)) {
            const Html name = first ? link("#" + anchor(*service), foreign(title_of(*service))) : Html();
            const Html title = {foreign(title_of(*objective)), " ",
                                element("span", {{"class", "level"}}, level_words(objective->level))};
            rows +=
                element("tr", {{"class", first ? "first" : "more"}},
                        {element("th", {{"scope", "row"}}, name), element("td", {{"data-label", "Promise"}}, title),
                         element("td", {{"data-label", "Result"}}, pill(*objective)),
                         element("td", {{"data-label", "Why"}}, foreign(judgement_reason(*objective, report.so_far)))});
            first = false;
        }
    }
    if (rows.empty()) {
        return {};
    }
    const Html head =
        element("tr", {},
                {element("th", {{"scope", "col"}}, "Service"), element("th", {{"scope", "col"}}, "Promise"),
                 element("th", {{"scope", "col"}}, "Result"), element("th", {{"scope", "col"}}, "Why")});
    return element(
        "section", {{"aria-labelledby", "summary"}},
        {element("h2", {{"id", "summary"}}, "At a glance"),
         element("table", {{"class", "glance stack"}}, {element("thead", {}, head), element("tbody", {}, rows)})});
}

Html budget_part(const ObjectiveReport& objective) {
    const BudgetUse& budget = objective.budget;
    std::string text =
        fmt::format("{} of {} spent", budget.spent == 0 ? "None" : budget_words(budget.spent, budget.in_failures),
                    budget_words(budget.allowed, budget.in_failures));
    if (budget.spent_at_most > budget.spent_at_least) {
        text += fmt::format(" (at least {}, at most {})", budget_words(budget.spent_at_least, budget.in_failures),
                            budget_words(budget.spent_at_most, budget.in_failures));
    }
    text += fmt::format("; {}.", left_words(budget));
    return element("div", {{"class", "budget"}},
                   {element("h4", {}, "Budget"), budget_spent_bar(budget), element("p", {}, text)});
}

Html strip_part(const Report& report, const ServiceReport& service, const ObjectiveReport& objective,
                const WallClock& clock) {
    return element("div", {{"class", "strip-part"}},
                   {element("h4", {}, "The time, hour by hour"), strip(objective, shown_period(report, service), clock),
                    sums(objective)});
}

Html outage_time(const Outage& outage, const WallClock& clock) {
    if (outage.ongoing) {
        return {"since ", time_element(outage.from, clock.full(outage.from)), ", still going on"};
    }
    return time_element(outage.from, clock.range(outage.from, outage.to));
}

Html outage_row(const Outage& outage, const WallClock& clock) {
    const std::string bounds = outage.at_most > outage.at_least
                                   ? fmt::format("{} to {}", time_words(outage.at_least), time_words(outage.at_most))
                                   : time_words(outage.nominal);
    std::string where = list_words(outage.targets, 3);
    if (!outage.locations.empty()) {
        where += (where.empty() ? "seen from " : ", seen from ") + list_words(outage.locations, 3);
    }
    return element(
        "tr", {},
        {element("td", {{"data-label", "When"}}, outage_time(outage, clock)),
         element("td", {{"data-label", "Length"}, {"class", "number"}}, time_words(outage.nominal)),
         element("td", {{"data-label", "Between"}, {"class", "number"}}, bounds),
         element("td", {{"data-label", "What happened"}, {"class", "wide"}},
                 {foreign(outage.reason.empty() ? "No reason was recorded." : outage.reason),
                  outage.cause.empty() ? Html() : Html{" ", element("span", {{"class", "tag"}}, outage.cause)}}),
         element("td", {{"data-label", "Where"}}, foreign(where))});
}

Html outages_part(const ObjectiveReport& objective, const WallClock& clock) {
    if (objective.outages.empty()) {
        return element("div", {{"class", "outages"}},
                       {element("h4", {}, "Outages"), element("p", {}, "None was seen.")});
    }
    std::vector<const Outage*> shown;
    for (const Outage& outage : objective.outages) {
        shown.push_back(&outage);
    }
    Html note;
    if (shown.size() > most_outages) {
        std::stable_sort(shown.begin(), shown.end(),
                         [](const Outage* a, const Outage* b) { return a->nominal > b->nominal; });
        Duration rest{};
        for (std::size_t i = most_outages; i < shown.size(); ++i) {
            rest += shown.at(i)->nominal;
        }
        note = element("p", {{"class", "note"}},
                       fmt::format("The {} longest of {} are shown; the others add up to {}.", most_outages,
                                   shown.size(), time_words(rest)));
        shown.resize(most_outages);
        std::sort(shown.begin(), shown.end(), [](const Outage* a, const Outage* b) { return a->from < b->from; });
    }
    Html rows;
    for (const Outage* outage : shown) {
        rows += outage_row(*outage, clock);
    }
    const auto column = [](const char* words, const char* kind) {
        return element("th", {{"scope", "col"}, {"class", kind}}, words);
    };
    const Html head = element("tr", {},
                              {column("When", "when"), column("Length", "number"), column("Between", "number"),
                               column("What happened", "wide"), column("Where", "")});
    return element(
        "div", {{"class", "outages"}},
        {element("h4", {}, counted(objective.outages.size(), "outage")),
         element("table", {{"class", "outage-list stack"}}, {element("thead", {}, head), element("tbody", {}, rows)}),
         note});
}

Html response_part(const ObjectiveReport& objective) {
    const ResponseTimes& times = objective.response_ms;
    if (times.samples == 0 && objective.bands.empty() && !objective.work) {
        return {};
    }
    Html parts = element("h4", {}, objective.work ? "Work done" : "Response times");
    if (objective.work) {
        const WorkResult& work = *objective.work;
        parts += element("p", {},
                         fmt::format("At most {} people were active at once. They did {} units of work: {:.0f} "
                                     "for each active user and hour, {:.4g} an hour in all.",
                                     work.peak_active_users, grouped(static_cast<std::uint64_t>(work.units)),
                                     work.per_user_hour, work.total_per_hour));
    } else if (times.samples > 0) {
        parts +=
            element("p", {},
                    fmt::format("{}: half took up to {}, 95 % up to {}, 99 % up to {}. The fastest took {}, the "
                                "slowest {}, the average {} (standard deviation {}).",
                                counted(times.samples, "completed run"), response_words(times.p50),
                                response_words(times.p95), response_words(times.p99), response_words(times.min),
                                response_words(times.max), response_words(times.mean), response_words(times.stddev)));
    }
    parts += band_bars(objective);
    return element("div", {{"class", "responses"}}, parts);
}

Html unmeasured_part(const ObjectiveReport& objective) {
    const RunCounts& runs = objective.runs;
    std::uint64_t came = 0;
    for (const schemas::Verdict verdict : schemas::all_verdicts) {
        came += runs.of(verdict);
    }
    std::vector<std::string> missing;
    if (runs.due > came) {
        missing.push_back(counted(runs.due - came, "result") + " never came");
    }
    if (runs.of(Verdict::not_run) > 0) {
        missing.push_back(counted(runs.of(Verdict::not_run), "test") + " did not start");
    }
    if (runs.of(Verdict::prober_fault) > 0) {
        missing.push_back(counted(runs.of(Verdict::prober_fault), "test") + " failed on the measuring side");
    }
    const Duration blind = objective.minutes[Booking::unmeasured];
    const Duration open =
        objective.minutes.sum() - objective.minutes[Booking::outside] - objective.minutes[Booking::planned];
    std::string text = blind == Duration::zero()
                           ? "Nothing: somebody looked all the time."
                           : fmt::format("{}, {} of the promised time.", time_words(blind),
                                         share_words(schemas::to_seconds(blind) / schemas::to_seconds(open)));
    text += missing.empty() ? fmt::format(" All {} that were due came.", counted(runs.due, "test"))
                            : fmt::format(" Of {} that were due, {}.", counted(runs.due, "test"), list_words(missing));
    if (objective.longest_gap > Duration::zero()) {
        text +=
            fmt::format(" An outage shorter than {} may fall between two tests.", time_words(objective.longest_gap));
    }
    return element("div", {{"class", "unmeasured"}},
                   {element("h4", {}, "What was not measured"), element("p", {}, text)});
}

Html objective_section(const Report& report, const ServiceReport& service, const ObjectiveReport& objective,
                       const WallClock& clock) {
    return element(
        "section", {{"class", "objective"}},
        {element("h3", {},
                 {foreign(title_of(objective)), " ",
                  element("span", {{"class", "level"}}, level_words(objective.level)), " ", pill(objective)}),
         element("p", {{"class", "promise"}},
                 {element("strong", {}, "Promise: "), foreign(promise(service, objective))}),
         element("p", {{"class", "result"}},
                 {element("strong", {}, "Result: "), foreign(judgement_reason(objective, report.so_far))}),
         budget_part(objective), strip_part(report, service, objective, clock), outages_part(objective, clock),
         response_part(objective), unmeasured_part(objective)});
}

Html window_line(const ServiceReport& service, const Report& report, const WallClock& clock) {
    if (service.source == nullptr) {
        return {};
    }
    const schemas::Window& window = service.source->window;
    Html text = fmt::format("Promised {} ({}).", window_words(window), clock.name());
    for (const schemas::Maintenance& work : window.maintenance) {
        const auto at = clock.instants(work);
        if (at.first < report.period.to && report.period.from < at.second) {
            text += fmt::format(" Planned work {} to {}{}", clock.full(at.first), clock.full(at.second),
                                work.why.empty() ? "." : ": ");
            text += work.why.empty() ? Html() : Html{foreign(work.why), "."};
        }
    }
    return element("p", {{"class", "window"}}, text);
}

Html service_section(const Report& report, const ServiceReport& service) {
    const WallClock clock(service);
    Html facts;
    if (!service.owner.empty()) {
        facts += element("span", {}, {"Owner: ", foreign(service.owner)});
    }
    if (is_safe_link(service.definition)) {
        facts += element("span", {}, link(service.definition, "Service definition"));
    }
    for (const auto& [key, value] : service.tags) {
        facts += element("span", {{"class", "tag"}}, foreign(key + ": " + value));
    }
    Html objectives;
    for (const ObjectiveReport* objective : worst_first(service)) {
        objectives += objective_section(report, service, *objective, clock);
    }
    if (objectives.empty()) {
        objectives = element("p", {}, "No promise is made for this service.");
    }
    return element("section", {{"class", "service"}, {"id", anchor(service)}},
                   {element("h2", {}, foreign(title_of(service))),
                    service.about.empty() ? Html() : element("p", {{"class", "about"}}, foreign(service.about)),
                    facts.empty() ? Html() : element("p", {{"class", "facts"}}, facts),
                    window_line(service, report, clock), objectives});
}

Html reading_section(const Report& report) {
    Html terms;
    for (const auto& [term, meaning] : how_to_read()) {
        terms += element("dt", {}, term) + element("dd", {}, meaning);
    }
    return element("section", {{"class", "reading"}},
                   {element("h2", {}, "How to read this"), element("dl", {}, terms), element("h2", {}, "Method"),
                    element("p", {}, method_words(report))});
}

}  // namespace

std::string render_html(const Report& report, const ReportLinks& links) {
    const WallClock clock = common_clock(report);
    Html services;
    for (const ServiceReport* service : worst_first(report)) {
        services += service_section(report, *service);
    }
    const Html head = {element("meta", {{"charset", "utf-8"}}),
                       element("meta", {{"name", "viewport"}, {"content", "width=device-width, initial-scale=1"}}),
                       element("meta", {{"name", "color-scheme"}, {"content", "light dark"}}),
                       element("title", {}, "Service report, " + period_title(report)), inline_style(asset("base.css")),
                       inline_style(asset("report.css")),
                       // Only in the dashboard: a file of its own asks for nothing.
                       links.empty() ? Html() : element("link", {{"rel", "icon"}, {"href", "/assets/icon.svg"}})};
    const Html body =
        element("body", {{"class", "report"}},
                {navigation(links), element("main", {},
                                            {picture_patterns(), head_section(report, clock), summary_section(report),
                                             services, reading_section(report)})});
    return document({{"lang", "en"}}, head, body).markup();
}

}  // namespace slimtax::reporter
