// `/services/ID`: what was promised, how it does, what tests it, how fast it answers.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

#include "reporter/dashboard/layout.hpp"
#include "reporter/dashboard/matrix.hpp"
#include "reporter/dashboard/page.hpp"
#include "reporter/dashboard/series_picture.hpp"
#include "reporter/judgement.hpp"
#include "reporter/render/html_parts.hpp"
#include "reporter/render/pictures.hpp"
#include "reporter/render/statements.hpp"
#include "reporter/words.hpp"

namespace slimtax::reporter {
namespace {

using schemas::Instant;
using schemas::Light;

/// More pictures a probe than this would hide each other; the JSON has all series.
constexpr std::size_t most_pictures = 24;
constexpr std::size_t most_outages = 8;

const ServiceReport* find_service(const Report& report, std::string_view id) {
    const auto found = std::find_if(report.services.begin(), report.services.end(),
                                    [&](const ServiceReport& service) { return service.id == id; });
    return found == report.services.end() ? nullptr : &*found;
}

Html head_section(const Report& report, const ServiceReport& service) {
    const Light light = worst_light(service);
    Html facts;
    if (!service.owner.empty()) {
        facts += element("span", {}, {"Owner: ", foreign(service.owner)});
    }
    if (is_safe_link(service.definition)) {
        facts += link(service.definition, "What is promised", {{"rel", "noreferrer"}});
    }
    if (service.source != nullptr) {
        facts +=
            element("span", {},
                    fmt::format("Promised {} ({})", window_words(service.source->window), WallClock(service).name()));
    }
    // The report's own place of this service, this week and the week before.
    const std::string place = "#service-" + percent_encoded(service.id);
    facts += link("/report" + place, report.so_far ? "Report of this week so far" : "Report of this week");
    if (const std::string before = neighbour_period(report, -1); !before.empty()) {
        facts += link("/report?week=" + before + place, "Week before: " + before);
    }
    for (const auto& [key, value] : service.tags) {
        facts += element("span", {{"class", "tag"}}, foreign(key + ": " + value));
    }
    return element(
        "section", {{"class", "service-top"}},
        {element("h1", {}, foreign(title_of(service))), element("p", {{"class", "big-light"}}, light_with_word(light)),
         service.about.empty() ? Html() : element("p", {{"class", "about"}}, foreign(service.about)),
         facts.empty() ? Html() : element("p", {{"class", "facts"}}, facts)});
}

Html outages_part(const ServiceReport& service, const ObjectiveReport& objective) {
    if (objective.outages.empty()) {
        return element("p", {{"class", "none"}}, "No outage this week.");
    }
    const WallClock clock(service);
    // The last ones, the newest first: here somebody looks for what happens now.
    std::vector<const Outage*> last;
    for (std::size_t i = objective.outages.size(); i-- > 0 && last.size() < most_outages;) {
        last.push_back(&objective.outages[i]);
    }
    const std::size_t earlier = objective.outages.size() - last.size();
    return element(
        "div", {{"class", "outages"}},
        {element("h3", {}, outages_title(objective) + " this week"), outage_table(last, clock, true),
         earlier > 0 ? element("p", {{"class", "none"}},
                               {fmt::format("{} earlier ones are in the ", earlier), link("/report", "report"), "."})
                     : Html(),
         periodic_part(objective, clock)});
}

Html objective_card(const Report& report, const ServiceReport& service, const ObjectiveReport& objective, Instant now) {
    const std::string heading = "o-" + percent_encoded(objective.id);
    Html reason;
    if (objective.light != Light::green && objective.light != Light::hollow) {
        reason = element("p", {{"class", "reason"}},
                         {foreign(objective.light_reason), " ", since_words(service, objective.light_since, now)});
    }
    return element(
        "section", {{"class", "objective"}, {"aria-labelledby", heading}, {"data-key", objective.id}},
        {element(
             "h2", {{"id", heading}},
             {foreign(title_of(objective)), " ", element("span", {{"class", "level"}}, level_words(objective.level))}),
         element("p", {{"class", "objective-light"}}, light_with_word(objective.light, light_word(objective))), reason,
         element("p", {{"class", "promise"}}, foreign(promise(service, objective))),
         element(
             "div", {{"class", "left-bar"}},
             {budget_left_bar(objective.budget), element("p", {}, budget_left_words(objective.budget) + " this week")}),
         strip(objective, shown_period(report, service), WallClock(service)), sums(objective),
         outages_part(service, objective)});
}

Html matrix_section(const ServiceReport& service, Store* store, Instant now) {
    const auto rows = matrix_of(service, store, now);
    if (rows.empty()) {
        return {};
    }
    return element("section", {{"class", "matrix-part"}, {"aria-labelledby", "matrix"}},
                   {element("h2", {{"id", "matrix"}}, "What is tested"),
                    element("p", {{"class", "hint"}},
                            "Rows are the layers that the service is built of, columns how deep a test looks. An empty "
                            "place is where an outage could hide."),
                    matrix_table(rows)});
}

/// What a response has to keep: the first band's edge, or a step's `within`.
std::optional<double> limit_of(const schemas::Definition& definition, const schemas::Probe& probe) {
    for (const schemas::Objective& objective : definition.objectives) {
        const auto probes = definition.probes_of(objective);
        const bool mine = std::find(probes.begin(), probes.end(), &probe) != probes.end();
        if (mine && !objective.bands.empty() && objective.bands.front().up_to) {
            return schemas::to_milliseconds(*objective.bands.front().up_to);
        }
    }
    for (const schemas::Step& step : probe.steps) {
        if (step.within) {
            return schemas::to_milliseconds(*step.within);
        }
    }
    return std::nullopt;
}

Html probe_pictures(const ServiceReport& service, const schemas::Probe& probe, Store& store,
                    const std::vector<schemas::SeriesKey>& stored, Instant from, Instant to) {
    const bool reads_work = probe.level == schemas::Level::A4 &&
                            std::any_of(probe.steps.begin(), probe.steps.end(), [](const schemas::Step& step) {
                                return step.operation == "log.count" || step.operation.starts_with("counter.");
                            });
    const Quantity quantity = reads_work ? Quantity::work : Quantity::response;
    std::vector<SeriesPicture> pictures;
    std::size_t more = 0;
    for (const schemas::SeriesKey& key : stored) {
        if (key.service != service.id || key.probe != probe.id) {
            continue;
        }
        if (pictures.size() == most_pictures) {
            ++more;
            continue;
        }
        if (const auto runs = store.runs(key, from, to)) {
            pictures.push_back(picture_of(*runs, quantity, from, to));
        }
    }
    if (pictures.empty()) {
        return {};
    }
    const auto limit = reads_work ? std::nullopt : limit_of(*service.source, probe);
    const Scale scale = scale_for(pictures, limit);
    const WallClock clock(service);
    Html figures;
    for (const SeriesPicture& picture : pictures) {
        figures += drawn(picture, scale, limit, clock);
    }
    std::string note = reads_work ? "units of work a minute" : "response time";
    note += scale.logarithmic ? ", logarithmic scale" : "";
    note += limit && *limit <= scale.most
                ? fmt::format(", dashed: {} promised", time_words(schemas::Duration(std::llround(*limit * 1000))))
                : "";
    note += more > 0 ? fmt::format("; {} more series in the JSON", more) : "";
    return element(
        "section", {{"class", "probe"}, {"data-key", probe.id}},
        {element("h3", {},
                 {foreign(probe.title.empty() ? probe.id : probe.title), " ",
                  element("span", {{"class", "level"}}, fmt::format("{}, {}", schemas::to_string(probe.level), note))}),
         element("div", {{"class", "pictures"}}, figures)});
}

Html pictures_section(const ServiceReport& service, const PageContext& context, const Query& query) {
    if (context.store == nullptr || service.source == nullptr) {
        return {};
    }
    const auto stored = context.store->series();
    if (!stored) {
        return element("section", {},
                       {element("h2", {}, "Response times"), element("p", {}, foreign(stored.error().reason))});
    }
    const auto asked = query.find("range");
    const bool day = asked != query.end() && asked->second == "day";
    const Instant to = context.now();
    const Instant from = to - (day ? std::chrono::hours(24) : std::chrono::hours(1));
    Html probes;
    for (const schemas::Probe& probe : service.source->probes) {
        probes += probe_pictures(service, probe, *context.store, *stored, from, to);
    }
    const auto choice = [&](const char* words, const char* range, bool here) {
        Attributes attributes;
        if (here) {
            attributes.push_back(Attribute("aria-current", "true"));
        }
        return link(fmt::format("{}?range={}", service_address(service.id), range), words, attributes);
    };
    return element(
        "section", {{"class", "pictures-part"}, {"aria-labelledby", "pictures"}},
        {element("h2", {{"id", "pictures"}}, "Response times"),
         element("p", {{"class", "range"}}, {choice("last hour", "hour", !day), choice("last 24 hours", "day", day)}),
         probes.empty() ? element("p", {{"class", "none"}}, "No run came in that time.") : probes,
         element("p", {{"class", "hint"}},
                 "A dot is the median of the runs around that time, the line behind it runs from the fastest "
                 "to the slowest. A cross is a failed run, a ring a run that could tell nothing about the "
                 "service.")});
}

}  // namespace

Page service_page(const PageContext& context, std::string_view id, const Query& query) {
    const auto report = context.current();
    const ServiceReport* service = find_service(*report, id);
    if (service == nullptr) {
        return error_page(404, fmt::format("There is no service called {}.", id), false);
    }
    const Instant now = context.now();
    Html objectives;
    for (const ObjectiveReport& objective : service->objectives) {
        objectives += objective_card(*report, *service, objective, now);
    }
    Frame frame;
    frame.title = fmt::format("{}: {}", title_of(*service), light_word(worst_light(*service)));
    frame.api = "/api/v1" + service_address(service->id);
    const WallClock clock(*service);
    frame.as_of = fmt::format("{} {}", clock.seconds(now), clock.name());
    const Html content = {head_section(*report, *service), element("div", {{"class", "objectives"}}, objectives),
                          matrix_section(*service, context.store, now), pictures_section(*service, context, query)};
    return framed(frame, content, query);
}

Page service_answer(const PageContext& context, std::string_view id) {
    const auto report = context.current();
    const ServiceReport* service = find_service(*report, id);
    if (service == nullptr) {
        return error_page(404, fmt::format("There is no service called {}.", id), true);
    }
    Json out = service_json(*service, report->so_far);
    out["as_of"] = schemas::to_rfc3339(context.now());
    out["period"] = period_json(*report);
    out["matrix"] = matrix_json(matrix_of(*service, context.store, context.now()));
    out["links"]["self"] = "/api/v1" + service_address(id);
    out["links"]["page"] = service_address(id);
    out["links"]["series"] = "/api/v1/series?service=" + percent_encoded(id);
    out["links"]["status"] = "/api/v1/status";
    return json_page(out);
}

}  // namespace slimtax::reporter
