#include <fmt/format.h>

#include "reporter/render/html_parts.hpp"
#include "reporter/render/pictures.hpp"
#include "reporter/render/statements.hpp"
#include "reporter/words.hpp"

namespace slimtax::reporter {
namespace {

/// What people said of it, a line each; what was taken back is struck out.
Html corrections(const Outage& outage, const WallClock& clock) {
    Html lines;
    for (const Amendment& one : outage.amendments) {
        const Html words = foreign(amendment_words(one, clock));
        lines += element("li", {}, one.undone ? element("s", {}, words) : words);
    }
    if (lines.empty()) {
        return {};
    }
    return element("tr", {{"class", "corrections"}},
                   element("td", {{"colspan", 4}, {"data-label", "Said afterwards"}}, element("ul", {}, lines)));
}

Html outage_rows(const Outage& outage, const WallClock& clock, bool so_far) {
    const std::string least = time_words(outage.at_least);
    const std::string most = time_words(outage.at_most);
    // Each time stays in one piece.
    const auto whole = [](const std::string& words) { return element("span", {{"class", "whole"}}, words); };
    const Html bounds = least == most ? whole(most) : Html{whole(least + " to"), " ", whole(most)};
    Html what = foreign(outage_reason(outage));
    std::string where = where_words(outage);
    if (outage.user_minutes > 0) {
        where += fmt::format("{}{} user-minutes lost", where.empty() ? "" : "; ",
                             grouped(static_cast<std::uint64_t>(outage.user_minutes)));
    }
    if (!where.empty()) {
        what += element("p", {{"class", "where"}}, foreign(where));
    }
    if (const std::string cause = cause_words(outage); !cause.empty()) {
        what += element("p", {{"class", "cause"}}, foreign(cause));
    }
    Html length = whole(time_words(outage.nominal));
    if (outage.excused) {
        length = element("s", {}, length);
        what = {element("span", {{"class", "tag"}}, excuse_words(outage)), " ", what};
    }
    return element(
        "tbody", {{"class", outage.excused ? "outage excused" : "outage"}},
        {element("tr", {},
                 {element("td", {{"data-label", "When"}}, time_element(outage.from, when_words(outage, clock, so_far))),
                  element("td", {{"data-label", "Length"}, {"class", "number"}}, length),
                  element("td", {{"data-label", "At least to at most"}, {"class", "number"}}, bounds),
                  element("td", {{"data-label", "What happened"}, {"class", "wide"}}, what)}),
         corrections(outage, clock)});
}

}  // namespace

Html outage_table(const std::vector<const Outage*>& outages, const WallClock& clock, bool so_far) {
    Html rows;
    for (const Outage* outage : outages) {
        rows += outage_rows(*outage, clock, so_far);
    }
    const auto column = [](const char* words, const char* kind) {
        return element("th", {{"scope", "col"}, {"class", kind}}, words);
    };
    const Html head =
        element("tr", {},
                {column("When", "when"), column("Length", "number length"),
                 column("At least, at most", "number bounds"), column("What happened, and where", "wide")});
    return element("table", {{"class", "outage-list stack"}}, {element("thead", {}, head), rows});
}

Html periodic_part(const ObjectiveReport& objective, const WallClock& clock) {
    if (objective.periodicity.empty()) {
        return {};
    }
    Html lines;
    for (const Periodicity& one : objective.periodicity) {
        lines += element("li", {},
                         {foreign(one.sentence), fmt::format(" ({}, the last one ended {}).",
                                                             counted(one.times, "time"), clock.full(one.until))});
    }
    return element("div", {{"class", "periodic"}},
                   {element("h4", {}, "Failures that come again and again"), element("ul", {}, lines)});
}

}  // namespace slimtax::reporter
