#include "reporter/dashboard/layout.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "reporter/assets.hpp"
#include "reporter/ledger/period.hpp"
#include "reporter/render/pictures.hpp"
#include "reporter/render/wall_clock.hpp"
#include "reporter/words.hpp"

namespace slimtax::reporter {
namespace {

using schemas::Instant;

/// Nothing from elsewhere, no script or style but our own files.
constexpr std::string_view policy =
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'";

/// The address changes with the content, so that browsers may keep it for ever.
std::string asset_address(std::string_view name) {
    std::uint64_t hash = 14695981039346656037ULL;
    for (const char c : asset(name).content) {
        hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
    }
    return fmt::format("/assets/{}?v={:08x}", name, hash >> 32U);
}

Html head(const Frame& frame) {
    Html out = {element("meta", {{"charset", "utf-8"}}),
                element("meta", {{"name", "viewport"}, {"content", "width=device-width, initial-scale=1"}}),
                element("meta", {{"name", "color-scheme"}, {"content", "light dark"}}),
                element("title", {}, frame.title),
                element("link", {{"rel", "icon"}, {"type", "image/svg+xml"}, {"href", asset_address("icon.svg")}}),
                element("link", {{"rel", "stylesheet"}, {"href", asset_address("base.css")}}),
                element("link", {{"rel", "stylesheet"}, {"href", asset_address("dashboard.css")}}),
                element("link", {{"rel", "alternate"}, {"type", "application/json"}, {"href", frame.api}})};
    if (frame.live) {
        out += element("script", {{"src", asset_address("live.js")}, {"defer", true}});
        out += element("noscript", {}, element("meta", {{"http-equiv", "refresh"}, {"content", "30"}}));
    }
    return out;
}

Html top(const Frame& frame) {
    const auto entry = [&](const char* id, const char* words, const std::string& address) {
        Attributes attributes;
        if (frame.current == id) {
            attributes.push_back(Attribute("aria-current", "page"));
        }
        return element("li", {}, link(address, words, attributes));
    };
    const Html entries = {entry("lights", "Lights", "/"), entry("report", "Report", "/report"),
                          frame.api.empty() ? Html() : entry("json", "JSON", frame.api)};
    const Html made = frame.live ? element("p", {{"id", "connection"}, {"class", "connection"}, {"role", "status"}},
                                           "As of " + frame.as_of)
                                 : Html();
    return element("header", {{"class", "top"}},
                   {element("span", {{"class", "brand"}}, "slimtax"),
                    element("nav", {{"aria-label", "Pages"}}, element("ul", {}, entries)), made});
}

}  // namespace

Page framed(const Frame& frame, const Html& content, const Query& query) {
    const Html main = element("main", {{"id", "live"}, {"data-title", frame.title}, {"data-as-of", frame.as_of}},
                              {picture_patterns(), content});
    Page page;
    page.type = "text/html; charset=utf-8";
    const auto part = query.find("part");
    if (part != query.end() && part->second == "main") {
        page.body = main.markup();
    } else {
        const Html skip = link("#live", "To the content", {{"class", "skip"}});
        page.body = document({{"lang", "en"}}, head(frame), element("body", {}, {skip, top(frame), main})).markup();
    }
    page.headers = {{"Content-Security-Policy", std::string(policy)},
                    {"X-Content-Type-Options", "nosniff"},
                    {"Referrer-Policy", "no-referrer"},
                    {"Cache-Control", "no-store"}};
    return page;
}

Page json_page(const Json& json, int status) {
    return {status,
            "application/json",
            json_text(json),
            {{"X-Content-Type-Options", "nosniff"}, {"Cache-Control", "no-store"}}};
}

Page asset_answer(std::string_view name) {
    for (const Asset& asset : assets()) {
        if (asset.name == name) {
            return {200,
                    std::string(asset.type),
                    std::string(asset.content),
                    {{"X-Content-Type-Options", "nosniff"}, {"Cache-Control", "max-age=31536000, immutable"}}};
        }
    }
    return error_page(404, "There is no such file.", false);
}

Page error_page(int status, std::string_view sentence, bool json) {
    if (json) {
        Json out;
        out["error"] = clean_text(sentence);
        out["links"]["status"] = "/api/v1/status";
        return json_page(out, status);
    }
    Frame frame;
    frame.title = status == 404 ? "Not found" : status < 500 ? "That did not work" : "Something broke here";
    frame.live = false;
    const Html content =
        element("section", {{"class", "error"}},
                {element("h1", {}, frame.title), element("p", {}, foreign(sentence)),
                 element("p", {}, {link("/", "All lights"), " or ", link("/report", "the report"), "."})});
    Page page = framed(frame, content, {});
    page.status = status;
    return page;
}

std::string service_address(std::string_view id) {
    return "/services/" + percent_encoded(id);
}

std::string neighbour_period(const Report& report, int step) {
    using namespace std::chrono;
    const Instant at = step < 0 ? report.period.from - hours(12) : report.period.to + hours(12);
    const local_days day(floor<days>(seconds(common_clock(report).local_seconds(at))));
    const year_month_day date(day);
    const auto month = static_cast<unsigned>(date.month());
    const std::string& name = report.period.name;
    const std::string shape = [&] {
        std::string letters = name;
        for (char& c : letters) {
            c = c >= '0' && c <= '9' ? '0' : c;
        }
        return letters;
    }();
    const int year = static_cast<int>(date.year());
    if (shape == "0000-W00") {
        return week_of(day).name;
    }
    if (shape == "0000-00") {
        return fmt::format("{:04}-{:02}", year, month);
    }
    if (shape == "0000-Q0") {
        return fmt::format("{:04}-Q{}", year, (month + 2) / 3);
    }
    if (shape == "0000") {
        return fmt::format("{:04}", year);
    }
    if (shape == "0000-00-00") {
        return fmt::format("{:04}-{:02}-{:02}", year, month, static_cast<unsigned>(date.day()));
    }
    return {};
}

Html since_words(const ServiceReport& service, schemas::Instant since, schemas::Instant now) {
    const WallClock clock(service);
    const bool today = clock.day_start(since) == clock.day_start(now);
    const std::string begun = today ? clock.clock(since) : clock.full(since);
    return {"since ", time_element(since, begun),
            now > since ? ", for " + time_words(std::chrono::floor<std::chrono::seconds>(now - since)) : std::string()};
}

std::string budget_left_words(const BudgetUse& budget) {
    const std::string allowed = budget_words(budget.allowed, budget.in_failures);
    if (budget.remaining() < 0) {
        return fmt::format("{} over the {} allowed", budget_words(-budget.remaining(), budget.in_failures), allowed);
    }
    return budget.spent == 0 ? "all " + allowed + " left" : fmt::format("{} of {}", left_words(budget), allowed);
}

Html scrollable(std::string_view label, const Html& content) {
    return element("div", {{"class", "scroll"}, {"role", "region"}, {"tabindex", 0}, {"aria-label", label}}, content);
}

}  // namespace slimtax::reporter
