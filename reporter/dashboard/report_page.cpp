// `/report` and what lies behind the pictures: the report of any period in any format, and the runs of a series.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "reporter/assets.hpp"
#include "reporter/dashboard/layout.hpp"
#include "reporter/dashboard/page.hpp"
#include "reporter/render/render.hpp"

namespace slimtax::reporter {
namespace {

using schemas::Instant;

/// A day of runs at ten seconds is 8,640; more than this in one answer is refused with advice.
constexpr std::size_t most_runs = 100'000;
constexpr std::size_t most_detailed_runs = 10'000;

std::string value_of(const Query& query, std::string_view name) {
    const auto found = query.find(name);
    return found == query.end() ? std::string() : found->second;
}

ReportLinks links_of(const Report& report, const std::string& same) {
    ReportLinks links{{"Lights", "/"}};
    const std::string before = neighbour_period(report, -1);
    const std::string after = report.so_far ? std::string() : neighbour_period(report, 1);
    const bool week = before.find("-W") != std::string::npos;
    if (!before.empty()) {
        links.emplace_back(fmt::format("{} before: {}", week ? "Week" : "Period", before), "/report?week=" + before);
    }
    if (!after.empty()) {
        links.emplace_back(fmt::format("{} after: {}", week ? "Week" : "Period", after), "/report?week=" + after);
    }
    for (const char* format : {"text", "json", "csv", "xlsx"}) {
        links.emplace_back(format, fmt::format("/report?{}format={}", same, format));
    }
    return links;
}

Page rendered(const PageContext& context, const Query& query, Format fallback, bool api) {
    const std::string word = value_of(query, "format");
    const auto format = word.empty() ? fallback : parse_format(word);
    if (!format) {
        return error_page(400, fmt::format("The format {} is not known: html, text, json, csv or xlsx.", word), api);
    }
    const AskedReport asked{value_of(query, "week"), value_of(query, "from"), value_of(query, "to")};
    const auto report = context.report_for(asked);
    if (!report) {
        return error_page(400, report.error(), api);
    }
    Page page{200,
              std::string(media_type(*format)),
              {},
              {{"X-Content-Type-Options", "nosniff"}, {"Cache-Control", "no-store"}}};
    std::string name = "slimtax-";
    for (const char c : report->period.name) {
        name += (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' ? c : '_';
    }
    if (*format == Format::csv || *format == Format::xlsx) {
        page.headers.emplace_back("Content-Disposition",
                                  fmt::format("attachment; filename=\"{}.{}\"", name, to_string(*format)));
    }
    if (*format != Format::html) {
        page.body = render(*report, *format);
        return page;
    }
    std::string same;
    for (const auto& [key, value] : query) {
        if (key != "format") {
            same += fmt::format("{}={}&", percent_encoded(key), percent_encoded(value));
        }
    }
    page.body = render_html(*report, links_of(*report, same));
    // One file with its styles inside: admitted by their hashes.
    page.headers.emplace_back("Content-Security-Policy",
                              fmt::format("default-src 'none'; style-src {} {}; img-src 'self'; base-uri 'none'; "
                                          "form-action 'none'; frame-ancestors 'none'",
                                          policy_hash(asset("base.css")), policy_hash(asset("report.css"))));
    page.headers.emplace_back("Referrer-Policy", "no-referrer");
    return page;
}

/// Of a Run or a RunResult: the fields have the same names.
Json run_json(const auto& run) {
    Json out;
    out["intended"] = schemas::to_rfc3339(run.intended);
    out["started"] = schemas::to_rfc3339(run.started);
    out["verdict"] = std::string(schemas::to_string(run.verdict));
    out["response_ms"] = schemas::to_milliseconds(run.response);
    out["length_ms"] = schemas::to_milliseconds(run.length);
    out["reason"] = run.reason;
    if (run.work_span > schemas::Duration::zero()) {
        out["work"] = run.work;
        out["work_span_s"] = schemas::to_seconds(run.work_span);
        out["active_users"] = run.users.size();
    }
    return out;
}

Json steps_json(const std::vector<schemas::StepResult>& steps) {
    Json out = Json::array();
    for (const schemas::StepResult& step : steps) {
        Json one;
        one["name"] = step.name;
        one["operation"] = step.operation;
        one["verdict"] = std::string(schemas::to_string(step.verdict));
        one["response_ms"] = schemas::to_milliseconds(step.response);
        one["reason"] = step.reason;
        one["timings_ms"] = Json::object();
        for (const schemas::Timing& timing : step.timings) {
            one["timings_ms"][timing.name] = schemas::to_milliseconds(timing.took);
        }
        one["figures"] = Json::array();
        for (const schemas::Figure& figure : step.figures) {
            one["figures"].push_back({{"name", figure.name}, {"value", figure.value}, {"unit", figure.unit}});
        }
        out.push_back(std::move(one));
    }
    return out;
}

/// The runs with all their steps.
Page with_steps(Store& store, const schemas::SeriesKey& key, Instant from, Instant to, Json out) {
    const auto results = store.results(key, from, to, most_detailed_runs + 1);
    if (!results) {
        return error_page(503, results.error().reason, true);
    }
    if (results->size() > most_detailed_runs) {
        return error_page(400, fmt::format("More than {} runs with steps; ask for a shorter time.", most_detailed_runs),
                          true);
    }
    for (const schemas::RunResult& result : *results) {
        Json one = run_json(result);
        one["steps"] = steps_json(result.steps);
        out["runs"].push_back(std::move(one));
    }
    return json_page(out);
}

Json key_json(const schemas::SeriesKey& key) {
    Json out;
    out["service"] = key.service;
    out["probe"] = key.probe;
    out["target"] = key.target;
    out["location"] = key.location;
    return out;
}

std::string series_address(const schemas::SeriesKey& key) {
    return fmt::format("/api/v1/series?service={}&probe={}&target={}&location={}", percent_encoded(key.service),
                       percent_encoded(key.probe), percent_encoded(key.target), percent_encoded(key.location));
}

Page series_list(const PageContext& context, const Query& query) {
    const auto all = context.store->series();
    if (!all) {
        return error_page(503, all.error().reason, true);
    }
    Json out;
    out["series"] = Json::array();
    const std::string service = value_of(query, "service");
    for (const schemas::SeriesKey& key : *all) {
        if (service.empty() || key.service == service) {
            Json one = key_json(key);
            one["links"]["runs"] = series_address(key);
            out["series"].push_back(std::move(one));
        }
    }
    out["links"]["status"] = "/api/v1/status";
    return json_page(out);
}

}  // namespace

Page report_page(const PageContext& context, const Query& query) {
    return rendered(context, query, Format::html, false);
}

Page report_answer(const PageContext& context, const Query& query) {
    return rendered(context, query, Format::json, true);
}

Page series_answer(const PageContext& context, const Query& query) {
    if (context.store == nullptr) {
        return error_page(503, "This reporter has no store to read from.", true);
    }
    if (value_of(query, "probe").empty()) {
        return series_list(context, query);
    }
    const schemas::SeriesKey key{value_of(query, "service"), value_of(query, "probe"), value_of(query, "target"),
                                 value_of(query, "location")};
    Instant to = context.now();
    Instant from = to - std::chrono::hours(1);
    for (const auto& [name, edge] : {std::pair{"from", &from}, std::pair{"to", &to}}) {
        const std::string text = value_of(query, name);
        const auto read = schemas::parse_rfc3339(text);
        if (!text.empty() && !read) {
            return error_page(400, fmt::format("{}={} is no RFC 3339 time, such as 2026-11-21T08:30:00Z.", name, text),
                              true);
        }
        *edge = read.value_or(*edge);
    }
    if (from >= to) {
        return error_page(400, "from has to lie before to; from is an hour before now unless it is given.", true);
    }
    Json out = key_json(key);
    out["from"] = schemas::to_rfc3339(from);
    out["to"] = schemas::to_rfc3339(to);
    out["runs"] = Json::array();
    out["links"]["service"] = "/api/v1" + service_address(key.service);
    if (value_of(query, "detail") == "steps") {
        return with_steps(*context.store, key, from, to, std::move(out));
    }
    const auto runs = context.store->runs(key, from, to);
    if (!runs) {
        return error_page(503, runs.error().reason, true);
    }
    if (runs->runs.size() > most_runs) {
        return error_page(400, fmt::format("That would be {} runs; ask for a shorter time.", runs->runs.size()), true);
    }
    for (const Run& run : runs->runs) {
        if (run.intended >= from && run.intended < to) {
            out["runs"].push_back(run_json(run));
        }
    }
    return json_page(out);
}

}  // namespace slimtax::reporter
