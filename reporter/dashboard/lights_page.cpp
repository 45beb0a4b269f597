// `/`: is everything all right now, and if not, what and why.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "reporter/dashboard/layout.hpp"
#include "reporter/dashboard/page.hpp"
#include "reporter/judgement.hpp"
#include "reporter/render/pictures.hpp"
#include "reporter/render/wall_clock.hpp"
#include "reporter/words.hpp"

namespace slimtax::reporter {
namespace {

using schemas::Instant;
using schemas::Light;

Html now_section(const Report& report) {
    const NowLine line = now_line(report);
    return element("section", {{"class", "now now-" + std::string(schemas::to_string(line.light))}},
                   {light_icon(line.light), element("h1", {}, foreign(line.sentence))});
}

/// What is wrong, a line each, red before amber.
Html trouble_section(const Report& report, Instant now) {
    Html items;
    for (const Light light : {Light::red, Light::amber}) {
        for (const ServiceReport& service : report.services) {
            for (const ObjectiveReport& objective : service.objectives) {
                if (objective.light != light) {
                    continue;
                }
                const Html name = link(service_address(service.id), foreign(title_of(service)));
                items +=
                    element("li", {{"data-key", service.id + "/" + objective.id}},
                            {light_with_word(light, light_word(objective)),
                             element("div", {},
                                     {element("p", {},
                                              {element("strong", {}, {name, ", ", foreign(title_of(objective))}), " ",
                                               element("span", {{"class", "since"}},
                                                       since_words(service, objective.light_since, now))}),
                                      element("p", {}, foreign(objective.light_reason))})});
            }
        }
    }
    if (items.empty()) {
        return {};
    }
    return element("section", {{"class", "trouble"}, {"aria-label", "What is wrong now"}}, element("ul", {}, items));
}

Html reason_cell(const ServiceReport& service, const ObjectiveReport& objective, Instant now) {
    if (objective.light == Light::green || objective.light == Light::hollow) {
        return {};
    }
    Html out = element("span", {{"class", "since"}}, since_words(service, objective.light_since, now));
    if (!objective.light_reason.empty()) {
        out = Html{foreign(objective.light_reason), " ", out};
    }
    return out;
}

Html objective_row(const ServiceReport& service, const ObjectiveReport& objective, Instant now) {
    return element("tr", {{"data-key", objective.id}},
                   {element("td", {{"class", "c-light"}}, light_with_word(objective.light, light_word(objective))),
                    element("th", {{"scope", "row"}, {"class", "c-objective"}},
                            {foreign(title_of(objective)), " ",
                             element("span", {{"class", "level"}}, level_words(objective.level))}),
                    element("td", {{"class", "c-budget"}},
                            {budget_left_bar(objective.budget),
                             element("span", {{"class", "left"}}, budget_left_words(objective.budget))}),
                    element("td", {{"class", "c-reason"}}, reason_cell(service, objective, now))});
}

Html service_section(const ServiceReport& service, Instant now) {
    const std::string heading = "s-" + percent_encoded(service.id);
    Html facts;
    if (is_safe_link(service.definition)) {
        facts += link(service.definition,
                      {"What is promised", element("span", {{"class", "hidden"}}, {" for ", title_of(service)})},
                      {{"rel", "noreferrer"}});
    }
    for (const auto& [key, value] : service.tags) {
        facts += element("span", {{"class", "tag"}}, foreign(key + ": " + value));
    }
    Html rows;
    for (const ObjectiveReport& objective : service.objectives) {
        rows += objective_row(service, objective, now);
    }
    const Light light = worst_light(service);
    const auto column = [](const char* kind, const char* words) {
        return element("th", {{"scope", "col"}, {"class", kind}}, element("span", {{"class", "hidden"}}, words));
    };
    const Html head = element("tr", {},
                              {column("c-light", "Light"), column("c-objective", "Promise"),
                               column("c-budget", "Budget left"), column("c-reason", "Why")});
    return element("section",
                   {{"class", "service service-" + std::string(schemas::to_string(light))},
                    {"aria-labelledby", heading},
                    {"data-key", service.id}},
                   {element("div", {{"class", "service-head"}},
                            {element("h2", {{"id", heading}},
                                     {light_icon(light), link(service_address(service.id), foreign(title_of(service))),
                                      element("span", {{"class", "hidden"}}, fmt::format(": {}", light_word(light)))}),
                             facts.empty() ? Html() : element("p", {{"class", "facts"}}, facts)}),
                    rows.empty() ? element("p", {{"class", "none"}}, "No promise is made for this service.")
                                 : element("table", {{"class", "lights"}},
                                           {element("thead", {}, head), element("tbody", {}, rows)})});
}

Html legend() {
    Html items;
    for (const Light light : {Light::green, Light::amber, Light::red, Light::grey, Light::blue, Light::hollow}) {
        items += element("li", {}, light_with_word(light));
    }
    return element("footer", {{"class", "legend"}}, element("ul", {{"aria-label", "What the lights mean"}}, items));
}

}  // namespace

Page lights_page(const PageContext& context, const Query& query) {
    const auto report = context.current();
    const Instant now = context.now();
    const WallClock clock = common_clock(*report);
    Html services;
    for (const ServiceReport& service : report->services) {
        services += service_section(service, now);
    }
    if (services.empty()) {
        services = element("p", {{"class", "none"}},
                           "Put a definition file into the definitions directory, and its lights appear here.");
    }
    Frame frame;
    frame.title = now_line(*report).sentence;
    frame.api = "/api/v1/status";
    frame.current = "lights";
    frame.as_of = fmt::format("{} {}", clock.seconds(now), clock.name());
    const Html content = {now_section(*report), trouble_section(*report, now),
                          element("div", {{"class", "services"}}, services), legend()};
    return framed(frame, content, query);
}

Page status_answer(const PageContext& context) {
    const auto report = context.current();
    const NowLine line = now_line(*report);
    Json out;
    out["as_of"] = schemas::to_rfc3339(context.now());
    out["light"] = std::string(schemas::to_string(line.light));
    out["sentence"] = line.sentence;
    out["period"] = period_json(*report);
    out["services"] = Json::array();
    for (const ServiceReport& service : report->services) {
        Json one;
        one["id"] = service.id;
        one["title"] = title_of(service);
        const Light light = worst_light(service);
        one["light"] = std::string(schemas::to_string(light));
        one["word"] = std::string(light_word(light));
        one["definition"] = service.definition;
        one["tags"] = Json::object();
        for (const auto& [key, value] : service.tags) {
            one["tags"][key] = value;
        }
        one["objectives"] = Json::array();
        for (const ObjectiveReport& objective : service.objectives) {
            Json goal;
            goal["id"] = objective.id;
            goal["title"] = title_of(objective);
            goal["level"] = std::string(schemas::to_string(objective.level));
            goal["light"] = light_json(objective);
            goal["budget"] = budget_json(objective.budget);
            one["objectives"].push_back(std::move(goal));
        }
        one["links"]["self"] = "/api/v1" + service_address(service.id);
        one["links"]["page"] = service_address(service.id);
        out["services"].push_back(std::move(one));
    }
    out["links"]["page"] = "/";
    out["links"]["report"] = "/api/v1/report";
    out["links"]["events"] = "/events";
    return json_page(out);
}

}  // namespace slimtax::reporter
