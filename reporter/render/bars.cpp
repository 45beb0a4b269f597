#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "reporter/judgement.hpp"
#include "reporter/render/pictures.hpp"
#include "reporter/render/statements.hpp"
#include "reporter/render/svg_parts.hpp"
#include "reporter/words.hpp"

namespace slimtax::reporter {
namespace {

Html column(const char* words, const char* kind = "") {
    return element("th", {{"scope", "col"}, {"class", kind}}, words);
}

/// A line from `from` to `to` with an upright end on each side, at a height between 0 and 1.
Html whisker(const char* kind, double from, double to, double middle, double reach) {
    const auto line = [&](double x1, double x2, double y1, double y2) {
        return element(
            "line",
            {{"class", kind}, {"x1", percent(x1)}, {"x2", percent(x2)}, {"y1", percent(y1)}, {"y2", percent(y2)}});
    };
    return line(from, to, middle, middle) + line(from, from, middle - reach, middle + reach) +
           line(to, to, middle - reach, middle + reach);
}

/// Words above or below a place of a bar, kept inside the picture.
Html words_at(double at, const char* y, const std::string& words) {
    const char* anchor = at < 0.2 ? "start" : at > 0.8 ? "end" : "middle";
    return element("text", {{"class", "b-words"}, {"x", percent(at)}, {"y", y}, {"text-anchor", anchor}}, words);
}

/// Spent beside allowed, on a scale that several rows share.
Html small_bar(double spent, double allowed, double most) {
    const double scale = most > 0 ? most : 1;
    Html parts = bar_part("b-track", 0, allowed / scale) + bar_part("b-spent", 0, std::min(spent, allowed) / scale);
    if (spent > allowed) {
        parts += bar_part("b-over", allowed / scale, spent / scale);
    }
    parts += mark("b-allowed", std::min(allowed / scale, 0.997));
    return element("svg", {{"class", "bar"}, {"width", "100%"}, {"height", "12"}, {"aria-hidden", "true"}}, parts);
}

}  // namespace

Html budget_left_bar(const BudgetUse& budget) {
    const bool over = budget.remaining() < 0;
    const double left = budget.allowed > 0 ? std::max(0.0, budget.remaining() / budget.allowed) : over ? 0.0 : 1.0;
    const char* kind = over ? "b-over" : left <= 0.25 ? "b-low" : "b-left";
    const std::string allowed = budget_words(budget.allowed, budget.in_failures);
    const std::string label =
        over ? fmt::format("budget overspent by {}, {} allowed", budget_words(-budget.remaining(), budget.in_failures),
                           allowed)
             : fmt::format("{} of {} left", budget_words(budget.remaining(), budget.in_failures), allowed);
    return element("svg",
                   {{"class", "bar"}, {"width", "100%"}, {"height", "8"}, {"role", "img"}, {"aria-label", label}},
                   {bar_part("b-track", 0, 1), bar_part(kind, 0, over ? 1 : left)});
}

Html budget_spent_bar(const BudgetUse& budget) {
    const double likely = budget.likely ? budget.likely->high : 0;
    const double most = std::max({budget.allowed, budget.spent, budget.spent_at_most, likely});
    const double scale = most > 0 ? most * 1.02 : 1;
    const double spent = budget.spent / scale;
    const double allowed = budget.allowed / scale;
    Html parts = bar_part("b-track", 0, allowed) + bar_part("b-spent", 0, std::min(spent, allowed));
    if (spent > allowed) {
        parts += bar_part("b-over", allowed, spent);
    }
    if (budget.spent_at_most > budget.spent_at_least) {
        parts += whisker("b-whisker", budget.spent_at_least / scale, budget.spent_at_most / scale, 0.3, 0.2);
    }
    if (budget.likely && budget.likely->high > budget.likely->low) {
        parts += whisker("b-likely", budget.likely->low / scale, budget.likely->high / scale, 0.75, 0.14);
    }
    parts += mark("b-allowed", allowed);
    const std::string said = budget_words(budget.allowed, budget.in_failures) + " allowed";
    const std::string label = fmt::format("{} spent of {}", budget_words(budget.spent, budget.in_failures), said);
    return element("svg",
                   {{"class", "bar"}, {"width", "100%"}, {"height", "20"}, {"role", "img"}, {"aria-label", label}},
                   parts) +
           element("svg", {{"class", "bar-words"}, {"width", "100%"}, {"height", "16"}, {"aria-hidden", "true"}},
                   (allowed > 0.12 ? words_at(0, "12", "0") : Html()) + words_at(allowed, "12", said));
}

Html budget_key(const BudgetUse& budget) {
    const bool bounds = budget.spent_at_most > budget.spent_at_least;
    const bool likely = budget.likely && budget.likely->high > budget.likely->low;
    if (!bounds && !likely) {
        return {};
    }
    const auto sample = [](const char* kind) {
        return element("svg", {{"class", "key"}, {"width", "22"}, {"height", "10"}, {"aria-hidden", "true"}},
                       whisker(kind, 0.05, 0.95, 0.5, 0.4));
    };
    Html parts;
    if (bounds) {
        parts += element("span", {}, {sample("b-whisker"), "at least to at most"});
    }
    if (likely) {
        parts += element("span", {}, {sample("b-likely"), "95 % certain"});
    }
    return element("p", {{"class", "bar-key"}}, parts);
}

Html band_bars(const ObjectiveReport& objective) {
    Html rows;
    for (const BandResult& result : objective.bands) {
        const bool floor = result.band.at_least.has_value();
        const double goal = floor ? *result.band.at_least : result.band.at_most.value_or(1);
        Html parts = {bar_part("b-track", 0, 1), bar_part(result.met ? "b-spent" : "b-over", 0, result.share)};
        std::string likely;
        if (result.likely.high > result.likely.low) {
            parts += whisker("b-likely", result.likely.low, result.likely.high, 0.5, 0.3);
            likely = fmt::format("{} to {}", share_words(result.likely.low), share_words(result.likely.high));
        }
        const Html bar =
            element("svg", {{"class", "bar"}, {"width", "100%"}, {"height", "14"}, {"aria-hidden", "true"}},
                    parts + mark("b-allowed", goal));
        const std::string_view outcome = result.met ? "kept" : "missed";
        rows += element(
            "tr", {},
            {element("th", {{"scope", "row"}}, band_range(result.band)), element("td", {{"class", "bar-cell"}}, bar),
             element("td", {{"class", "number"}, {"data-label", "Share"}}, share_words(result.share)),
             element("td", {{"class", "number"}, {"data-label", "95 % certain"}}, likely),
             element("td", {{"class", "number"}, {"data-label", "Half of these within"}},
                     result.p50 > 0 ? response_words(result.p50) : std::string()),
             element("td", {{"data-label", "Goal"}},
                     fmt::format("{} {}: {}", floor ? "at least" : "at most", share_words(goal), outcome))});
    }
    if (rows.empty()) {
        return {};
    }
    const Html head = element("tr", {},
                              {column("Response time"), column("Share of runs", "bar-cell"), column("Share", "number"),
                               column("95 % certain", "number"), column("Half within", "number"), column("Goal")});
    return element("table", {{"class", "bands stack"}}, {element("thead", {}, head), element("tbody", {}, rows)});
}

namespace {

std::string also_words(const PastPeriod& past) {
    return past.share           ? share_words(*past.share)
           : past.work_per_hour ? grouped(static_cast<std::uint64_t>(std::llround(*past.work_per_hour)))
                                : std::string("not known");
}

}  // namespace

Html past_bars(const ObjectiveReport& objective, const Period& period, const WallClock& clock) {
    if (objective.before.empty()) {
        return {};
    }
    PastPeriod now;
    now.period = period;
    now.judgement = judge(objective);
    now.spent = objective.budget.spent;
    now.allowed = objective.budget.allowed;
    const double open = schemas::to_seconds(objective.minutes.sum() - objective.minutes[schemas::Booking::outside] -
                                            objective.minutes[schemas::Booking::planned]);
    now.unmeasured = open > 0 ? schemas::to_seconds(objective.minutes[schemas::Booking::unmeasured]) / open : 0;
    now.p95 = objective.response_ms.samples > 0 ? objective.response_ms.p95 : 0;
    if (!objective.bands.empty()) {
        now.share = objective.bands.front().share;
    }
    if (objective.work) {
        now.work_per_hour = objective.work->total_per_hour;
    }
    std::vector<PastPeriod> all{now};
    all.insert(all.end(), objective.before.begin(), objective.before.end());
    double most = 0;
    bool times = false;
    // What was promised of the period as a whole tells why one is "missed" whose budget was kept.
    std::string also;
    if (!objective.bands.empty()) {
        also = "Share " + band_range(objective.bands.front().band);
    } else if (objective.work) {
        also = "Work an hour";
    }
    for (const PastPeriod& one : all) {
        most = std::max({most, one.spent, one.allowed});
        times = times || (one.p95 > 0 && also.empty());
    }
    const auto amount = [&](double value) {
        return objective.budget.in_failures ? fmt::format("{:g}", value) : budget_words(value, false);
    };
    Html rows;
    for (const PastPeriod& one : all) {
        const bool this_one = &one == &all.front();
        Html name = past_name(one.period, clock);
        name = this_one ? element("strong", {}, {name, ", this one"}) : name;
        rows += element(
            "tr", {},
            {element("th", {{"scope", "row"}}, name),
             element("td", {{"data-label", "Result"}},
                     this_one ? judgement_word(objective) : judgement_word(one.judgement)),
             element("td", {{"class", "bar-cell"}}, small_bar(one.spent, one.allowed, most)),
             element("td", {{"class", "number"}, {"data-label", "Spent"}},
                     fmt::format("{} of {}", one.spent == 0 ? "none" : amount(one.spent), amount(one.allowed))),
             element("td", {{"class", "number"}, {"data-label", "Not measured"}},
                     one.unmeasured > 0 ? share_words(one.unmeasured) : std::string("none")),
             also.empty() ? Html() : element("td", {{"class", "number"}, {"data-label", also}}, also_words(one)),
             times ? element("td", {{"class", "number"}, {"data-label", "95 % answered within"}},
                             one.p95 > 0 ? response_words(one.p95) : std::string("not known"))
                   : Html()});
    }
    const Html head = element("tr", {},
                              {column("Period"), column("Result"), column("Budget", "bar-cell"),
                               column(objective.budget.in_failures ? "Failed runs" : "Spent", "number"),
                               column("Not measured", "number"), also.empty() ? Html() : column(also.c_str(), "number"),
                               times ? column("95 % answered within", "number") : Html()});
    return element("table", {{"class", "past stack"}}, {element("thead", {}, head), element("tbody", {}, rows)});
}

Html cause_bars(const ObjectiveReport& objective) {
    const auto causes = cause_rows(objective);
    if (causes.empty()) {
        return {};
    }
    double most = 0;
    for (const CauseUse& one : causes) {
        most = std::max({most, one.spent, one.allowed});
    }
    Html rows;
    for (const CauseUse& one : causes) {
        const bool shared = one.allowed > 0;
        const double left = one.allowed - one.spent;
        const std::string result = !shared     ? "no share of its own"
                                   : left >= 0 ? time_words(schemas::Duration(std::llround(left * 60e6))) + " left"
                                               : budget_words(-left, false) + " too much";
        rows += element("tr", {},
                        {element("th", {{"scope", "row"}}, foreign(one.cause)),
                         element("td", {{"class", "bar-cell"}}, small_bar(one.spent, one.allowed, most)),
                         element("td", {{"class", "number"}, {"data-label", "Spent"}}, budget_words(one.spent, false)),
                         element("td", {{"class", "number"}, {"data-label", "Allowed"}},
                                 shared ? budget_words(one.allowed, false) : std::string("none")),
                         element("td", {{"data-label", "Result"}}, result)});
    }
    const Html head = element("tr", {},
                              {column("Cause"), column("Share of the budget", "bar-cell"), column("Spent", "number"),
                               column("Allowed", "number"), column("Result")});
    return element("table", {{"class", "causes stack"}}, {element("thead", {}, head), element("tbody", {}, rows)});
}

}  // namespace slimtax::reporter
