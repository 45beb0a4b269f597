// The report that is printed and pinned up: one function a section, worst first.
#include <fmt/format.h>

#include "reporter/assets.hpp"
#include "reporter/html.hpp"
#include "reporter/judgement.hpp"
#include "reporter/render/html_parts.hpp"
#include "reporter/render/pictures.hpp"
#include "reporter/render/render.hpp"
#include "reporter/render/wall_clock.hpp"
#include "reporter/words.hpp"

namespace slimtax::reporter {
namespace {

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

Html head_section(const Report& report) {
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
         element("p", {{"class", "period"}}, period_words(report)),
         element("p", {{"class", kind}},
                 {element("strong", {}, line.answer), " ", foreign(line.sentence),
                  line.others.empty() ? Html() : element("span", {{"class", "others"}}, {" ", line.others})})});
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
                         element("td", {{"data-label", "Why"}}, foreign(glance_reason(*objective, report.so_far)))});
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

/// What each service's promises rest on; the addresses are readable on paper, too.
Html definitions_section(const Report& report) {
    Html rows;
    for (const ServiceReport* service : worst_first(report)) {
        Html where = is_safe_link(service->definition) ? link(service->definition, foreign(service->definition))
                                                       : Html("no address is given");
        if (!service->owner.empty()) {
            where += {"; owner: ", foreign(service->owner)};
        }
        rows += element("li", {}, {foreign(title_of(*service)), ": ", where});
    }
    if (rows.empty()) {
        return {};
    }
    return element("h2", {}, "Definitions") + element("p", {}, "What is promised, in the words of its owners:") +
           element("ul", {{"class", "definitions"}}, rows);
}

Html reading_section(const Report& report) {
    Html terms;
    for (const auto& [term, meaning] : how_to_read()) {
        terms += element("div", {}, element("dt", {}, term) + element("dd", {}, meaning));
    }
    return element("section", {{"class", "reading"}},
                   {element("h2", {}, "How to read this"), element("dl", {}, terms), element("h2", {}, "Method"),
                    element("p", {}, method_words(report)), definitions_section(report)});
}

}  // namespace

std::string render_html(const Report& report, const ReportLinks& links) {
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
                                            {picture_patterns(), head_section(report), summary_section(report),
                                             services, reading_section(report)})});
    return document({{"lang", "en"}}, head, body).markup();
}

}  // namespace slimtax::reporter
