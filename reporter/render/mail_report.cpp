// The report in a mail. Gmail, Outlook and others drop <style>, SVG and classes, know no flex or grid, and cut what is
// longer than 102 kB: here are only tables, inline styles and letters. White ground and dark text are said everywhere,
// so that a dark mail program either leaves both or turns both.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "reporter/html.hpp"
#include "reporter/judgement.hpp"
#include "reporter/render/render.hpp"
#include "reporter/render/statements.hpp"
#include "reporter/render/strip_cells.hpp"
#include "reporter/render/wall_clock.hpp"
#include "reporter/words.hpp"

namespace slimtax::reporter {
namespace {

using schemas::Booking;
using schemas::Instant;

/// Beyond this no further promise is told in full.
constexpr std::size_t full_until = 80'000;
/// Beyond this the table of all promises ends.
constexpr std::size_t table_until = 40'000;
constexpr std::size_t most_outages = 6;
constexpr std::size_t cells = 24;

Html paragraph(const Html& content) {
    return element("p", {Attribute::look("margin:0 0 8px 0")}, content);
}

Html soft(const Html& content) {
    return element("p", {Attribute::look("margin:0 0 8px 0;color:#4a525e;font-size:13px")}, content);
}

Html heading(const Html& content) {
    return element("h3", {Attribute::look("margin:14px 0 4px 0;font-size:14px")}, content);
}

Html judged(Judgement judgement) {
    const auto word = judgement_word(judgement);
    switch (judgement) {
        case Judgement::met: return element("b", {Attribute::look("color:#236b40")}, word);
        case Judgement::missed: return element("b", {Attribute::look("color:#b00c1b")}, word);
        default: return element("b", {Attribute::look("color:#7a4f00")}, word);
    }
}

Html cell(const Html& content) {
    return element("td", {{"valign", "top"}, Attribute::look("padding:5px 10px 5px 0;border-top:1px solid #d9dce1")},
                   content);
}

Html glance(const Report& report) {
    Html rows;
    std::size_t left_out = 0;
    for (const ServiceReport* service : worst_first(report)) {
        for (const ObjectiveReport* objective : worst_first(*service)) {
            if (rows.markup().size() > table_until) {
                ++left_out;
                continue;
            }
            // Two columns only: a telephone shows them beside each other.
            rows += element(
                "tr", {},
                {cell({element("b", {}, foreign(title_of(*service))), element("br"), foreign(title_of(*objective)),
                       " (", level_words(objective->level), ")"}),
                 cell({judged(judge(*objective)), element("br"), foreign(glance_reason(*objective, report.so_far))})});
        }
    }
    const auto head = [](const char* words) {
        return element("th",
                       {{"scope", "col"},
                        {"align", "left"},
                        Attribute::look("padding:0 10px 4px 0;color:#4a525e;font-size:13px;font-weight:normal")},
                       words);
    };
    Html out = element(
        "table",
        {{"cellpadding", 0},
         {"cellspacing", 0},
         {"border", 0},
         {"width", "100%"},
         Attribute::look("font-size:14px;color:#1b1f26;border-collapse:collapse")},
        {element("thead", {}, element("tr", {}, {head("Promise"), head("Result")})), element("tbody", {}, rows)});
    if (left_out > 0) {
        out += soft(fmt::format("Not shown here: {}; none of them did worse.", counted(left_out, "further promise")));
    }
    return out;
}

/// A bar of two or three coloured cells: spent, overspent, left.
Html budget_bar(const BudgetUse& budget) {
    const double most = std::max({budget.allowed, budget.spent, 1e-9});
    const auto part = [&](double amount) { return std::clamp(std::lround(amount / most * 100), 0L, 100L); };
    const long within = part(std::min(budget.spent, budget.allowed));
    const long over = part(std::max(0.0, budget.spent - budget.allowed));
    const long left = std::max(0L, 100 - within - over);
    Html row;
    for (const auto& [width, colour] : {std::pair{within, "#5b7ea6"}, {left, "#dfe2e7"}, {over, "#c00d1e"}}) {
        if (width > 0) {
            row += element("td",
                           {{"width", fmt::format("{}%", width)},
                            {"height", 12},
                            {"bgcolor", colour},
                            Attribute::look("font-size:1px;line-height:12px")},
                           " ");
        }
    }
    return element("table",
                   {{"role", "presentation"},
                    {"cellpadding", 0},
                    {"cellspacing", 0},
                    {"border", 0},
                    {"width", "100%"},
                    Attribute::look("margin:0 0 6px 0")},
                   element("tr", {}, row));
}

/// One line of the strip: neighbours of the same kind share a span.
Html strip_row(const ObjectiveReport& objective, Instant from, Instant to) {
    const auto line = strip_cells(objective, from, to, cells);
    Html out;
    for (std::size_t i = 0; i < line.size();) {
        std::size_t end = i;
        while (end < line.size() && line[end] == line[i]) {
            ++end;
        }
        const Booking kind = line[i].value_or(Booking::outside);
        const std::string signs(end - i, strip_signs.at(static_cast<std::size_t>(kind)));
        switch (kind) {
            case Booking::down:
                out += element("span", {Attribute::look("background-color:#b00c1b;color:#ffffff")}, signs);
                break;
            case Booking::degraded: out += element("span", {Attribute::look("background-color:#ffd98a")}, signs); break;
            case Booking::up: out += element("span", {Attribute::look("background-color:#d5eadc")}, signs); break;
            case Booking::planned: out += element("span", {Attribute::look("background-color:#c9daf4")}, signs); break;
            default: out += signs;
        }
        i = end;
    }
    return out;
}

/// A row a day; nothing for periods that are shorter or longer than a mail can show.
Html strip_text(const ObjectiveReport& objective, const Period& period, const WallClock& clock) {
    if (period.length() <= std::chrono::hours(26) || period.length() > std::chrono::hours(24 * 32)) {
        return {};
    }
    Html rows = fmt::format("{:<10}  {:<6}{:<6}{:<6}{:<6}24 h\n", "", "0", "6", "12", "18");
    for (Instant day = clock.day_start(period.from); day < period.to; day = clock.next_day(day)) {
        rows += Html{fmt::format("{:<10} |", clock.day(day)), strip_row(objective, day, clock.next_day(day)), "|\n"};
    }
    return element("pre", {Attribute::look("margin:0 0 4px 0;font-family:monospace;font-size:12px;line-height:17px")},
                   rows) +
           soft("A sign an hour: . up, ~ slow, # down, = planned work, ? not measured, blank: closed.");
}

Html outages_list(const ObjectiveReport& objective, const WallClock& clock, bool so_far) {
    const ShownOutages shown = shown_outages(objective, most_outages);
    if (shown.outages.empty()) {
        return {};
    }
    Html items;
    for (const Outage* outage : shown.outages) {
        std::string line = when_words(*outage, clock, so_far);
        line += ": " + time_words(outage->nominal);
        if (outage->at_most > outage->at_least) {
            line +=
                fmt::format(" (at least {}, at most {})", time_words(outage->at_least), time_words(outage->at_most));
        }
        line += outage->excused ? fmt::format(", {}", excuse_words(*outage)) : "";
        Html item = {element("b", {}, line), element("br"), foreign(outage_reason(*outage))};
        if (const std::string cause = cause_words(*outage); !cause.empty()) {
            item += {element("br"), foreign(cause)};
        }
        for (const Amendment& one : outage->amendments) {
            item += {element("br"), foreign(amendment_words(one, clock))};
        }
        items += element("li", {Attribute::look("margin:0 0 6px 0")}, item);
    }
    Html out = heading(outages_title(objective)) + paragraph(figures_words(objective)) +
               element("ul", {Attribute::look("margin:0 0 8px 0;padding:0 0 0 18px")}, items);
    if (shown.left_out > 0) {
        out += soft(
            fmt::format("The longest ones; {} more add up to {}.", shown.left_out, time_words(shown.left_out_time)));
    }
    return out;
}

/// What is told in full: all that is not simply in order.
bool is_news(const ObjectiveReport& objective) {
    return judge(objective) != Judgement::met || !objective.outages.empty() || objective.revised ||
           !objective.periodicity.empty();
}

Html objective_part(const Report& report, const ServiceReport& service, const ObjectiveReport& objective) {
    const WallClock clock(service);
    Html out = element(
        "h2", {Attribute::look("margin:26px 0 6px 0;padding:10px 0 0 0;border-top:2px solid #1b1f26;font-size:17px")},
        {foreign(title_of(service)), ": ", foreign(title_of(objective))});
    out += paragraph({level_words(objective.level), ": ", judged(judge(objective)), ". ",
                      foreign(judgement_reason(objective, report.so_far))});
    out += soft({element("b", {}, "Promise: "), foreign(promise(service, objective))});
    if (const std::string revision = revision_words(objective, clock); !revision.empty()) {
        out += paragraph({element("b", {}, "Revised: "), foreign(revision)});
    }
    const BudgetUse& budget = objective.budget;
    if (!budget.text.empty() || budget.allowed > 0) {
        out += heading("Budget") + budget_bar(budget) + paragraph(spent_words(budget));
    }
    out += strip_text(objective, shown_period(report, service), clock) + outages_list(objective, clock, report.so_far);
    for (const Periodicity& one : objective.periodicity) {
        out += paragraph({element("b", {}, "Again and again: "), foreign(one.sentence), "."});
    }
    if (const std::string speed = response_sentence(objective); !speed.empty()) {
        out += heading(objective.work ? "Work done" : "Response times") + paragraph(speed);
    }
    return out + heading("What was not measured") + paragraph(unmeasured_words(objective));
}

Html mail_body(const Report& report, const std::string& attachment) {
    const Headline line = headline(report);
    Html out =
        element("h1", {Attribute::look("margin:0 0 4px 0;font-size:22px")}, "Service report, " + period_title(report));
    out += soft(period_words(report) + (report.so_far ? ", so far" : ""));
    out += element("p", {Attribute::look("margin:12px 0 18px 0;font-size:17px")},
                   {element("b", {}, line.answer), " ", foreign(line.sentence)});
    out += line.others.empty() ? Html() : paragraph(line.others);
    if (!attachment.empty()) {
        out +=
            soft({"The whole report, with pictures and for printing, is the attached file ", foreign(attachment), "."});
    }
    out += glance(report);
    std::size_t left_out = 0;
    for (const ServiceReport* service : worst_first(report)) {
        for (const ObjectiveReport* objective : worst_first(*service)) {
            if (!is_news(*objective)) {
                continue;
            }
            const Html part = objective_part(report, *service, *objective);
            if (out.markup().size() + part.markup().size() > full_until) {
                ++left_out;
                continue;
            }
            out += part;
        }
    }
    if (left_out > 0) {
        out += paragraph(
            fmt::format("Not told in full, for a mail has no room: {}.", counted(left_out, "further promise")));
    }
    return out + soft(method_words(report));
}

}  // namespace

std::string render_mail(const Report& report, const std::string& attachment) {
    const Html head = {element("meta", {{"charset", "utf-8"}}),
                       element("meta", {{"name", "viewport"}, {"content", "width=device-width, initial-scale=1"}}),
                       element("meta", {{"name", "color-scheme"}, {"content", "light"}}),
                       element("title", {}, "Service report, " + period_title(report))};
    const Html body = element(
        "body", {{"bgcolor", "#ffffff"}, Attribute::look("margin:0;padding:0;background-color:#ffffff;color:#1b1f26")},
        element("table",
                {{"role", "presentation"},
                 {"cellpadding", 0},
                 {"cellspacing", 0},
                 {"border", 0},
                 {"width", "100%"},
                 {"bgcolor", "#ffffff"}},
                element("tr", {},
                        element("td",
                                {Attribute::look("padding:16px;max-width:720px;font-family:Arial,Helvetica,sans-serif;"
                                                 "font-size:15px;line-height:1.45;color:#1b1f26;background-color:#"
                                                 "ffffff;overflow-wrap:anywhere;word-break:break-word")},
                                element("main", {}, mail_body(report, attachment))))));
    return document({{"lang", "en"}}, head, body).markup();
}

}  // namespace slimtax::reporter
