// The report for terminals and mails: 78 columns of plain text.
#include <fmt/format.h>

#include <algorithm>

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

constexpr std::size_t width = 78;
constexpr std::size_t most_outages = 10;

/// Columns that the text takes on a terminal: code points, near enough for names.
std::size_t columns(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(
        text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

/// One paragraph; further lines are indented by `indent`, the first one by `first`. Newlines become blanks.
std::string wrapped(std::string_view text, std::size_t first = 0, std::size_t indent = 0) {
    const std::string clean = clean_text(text);
    std::string out(first, ' ');
    std::size_t at = first;
    std::size_t pos = 0;
    bool line_start = true;
    while (pos < clean.size()) {
        const std::size_t end = std::min(clean.find_first_of(" \t\n", pos), clean.size());
        const std::string_view word = std::string_view(clean).substr(pos, end - pos);
        pos = end + 1;
        if (word.empty()) {
            continue;
        }
        if (!line_start && at + 1 + columns(word) > width) {
            out += "\n" + std::string(indent, ' ');
            at = indent;
            line_start = true;
        }
        if (!line_start) {
            out += ' ';
            ++at;
        }
        out += word;
        at += columns(word);
        line_start = false;
    }
    return out + "\n";
}

std::string strip_line(const ObjectiveReport& objective, Instant from, Instant to, std::size_t cells) {
    std::string line;
    for (const auto& cell : strip_cells(objective, from, to, cells)) {
        line += cell ? strip_signs.at(static_cast<std::size_t>(*cell)) : ' ';
    }
    return line;
}

std::string strip_text(const ObjectiveReport& objective, const Period& whole, const WallClock& clock) {
    const Period period = measured_part(objective, whole);
    if (period.length() <= std::chrono::hours(26)) {
        const bool short_one = period.length() < std::chrono::minutes(20);
        const auto tick = [&](Instant at) { return short_one ? clock.seconds(at) : clock.clock(at); };
        return fmt::format("    {} |{}| {}\n", tick(period.from), strip_line(objective, period.from, period.to, 48),
                           tick(period.to));
    }
    std::string out = fmt::format("    {:<10} {:<12}{:<12}{:<12}{:<12}24 h\n", "", " 0", " 6", " 12", " 18");
    std::size_t days = 0;
    for (Instant day = clock.day_start(period.from); day < period.to; day = clock.next_day(day)) {
        if (++days > 45) {
            return out + "    (more days than a text can show: see the html report)\n";
        }
        out += fmt::format("    {:<10} |{}|\n", clock.day(day), strip_line(objective, day, clock.next_day(day), 48));
    }
    return out;
}

std::string sums_text(const ObjectiveReport& objective) {
    const auto seconds = whole_units(objective.minutes, std::chrono::seconds(1));
    std::string out;
    std::int64_t total = 0;
    for (std::size_t i = 0; i < seconds.size(); ++i) {
        total += seconds.at(i);
        out += fmt::format("    {} {:<14}{:>12}\n", strip_signs.at(i), booking_word(schemas::all_bookings.at(i)),
                           hours_words(seconds.at(i)));
    }
    return out + fmt::format("      {:<14}{:>12}   (hours:minutes:seconds)\n", "whole period", hours_words(total));
}

/// A reason with a full stop at its end.
std::string sentence(const std::string& reason) {
    if (reason.empty()) {
        return "No reason was recorded.";
    }
    return reason.ends_with('.') ? reason : reason + ".";
}

/// A paragraph of an objective; nothing without words.
std::string said(std::string_view title, const std::string& words) {
    return words.empty() ? std::string() : wrapped(fmt::format("{}: {}", title, words), 4, 6);
}

std::string outage_text(const Outage& outage, const WallClock& clock, bool so_far) {
    std::string line = when_words(outage, clock, so_far);
    line += ": " + time_words(outage.nominal);
    if (outage.at_most > outage.at_least) {
        line += fmt::format(" (at least {}, at most {})", time_words(outage.at_least), time_words(outage.at_most));
    }
    line += outage.excused ? fmt::format(", {}", excuse_words(outage)) : "";
    line += ". " + sentence(outage_reason(outage));
    if (outage.user_minutes > 0) {
        line += fmt::format(" {} user-minutes lost.", grouped(static_cast<std::uint64_t>(outage.user_minutes)));
    }
    const std::string cause = cause_words(outage);
    line += cause.empty() ? "" : " " + cause;
    if (!outage.locations.empty()) {
        line += fmt::format(" Seen from {}.", list_words(outage.locations, 3));
    }
    std::string out = wrapped("- " + line, 4, 6);
    for (const Amendment& one : outage.amendments) {
        out += wrapped(amendment_words(one, clock), 6, 8);
    }
    return out;
}

std::string outages_text(const ObjectiveReport& objective, const WallClock& clock, bool so_far) {
    if (objective.outages.empty()) {
        return "    Outages: none was seen.\n";
    }
    const ShownOutages shown = shown_outages(objective, most_outages);
    const std::string figures = figures_words(objective);
    std::string out = wrapped(outages_title(objective) + (figures.empty() ? ":" : ". " + figures), 4, 6);
    for (const Outage* outage : shown.outages) {
        out += outage_text(*outage, clock, so_far);
    }
    if (shown.left_out > 0) {
        out += fmt::format("      and {} shorter ones, {} in all\n", shown.left_out, time_words(shown.left_out_time));
    }
    return out;
}

/// Earlier periods, causes' shares, what comes again, what was not measured.
std::string further_text(const ObjectiveReport& objective, const WallClock& clock) {
    std::string out;
    const bool failures = objective.budget.in_failures;
    for (const Periodicity& one : objective.periodicity) {
        out += said("Again and again", fmt::format("{} ({}).", one.sentence, counted(one.times, "time")));
    }
    std::vector<std::string> before;
    for (const PastPeriod& one : objective.before) {
        before.push_back(fmt::format("{} {}, {}", past_name(one.period, clock), judgement_word(one.judgement),
                                     one.spent == 0 ? "nothing spent" : budget_words(one.spent, failures)));
    }
    std::string weeks;
    for (const std::string& one : before) {
        weeks += (weeks.empty() ? "" : "; ") + one;
    }
    out += said("Before", weeks.empty() ? weeks : weeks + ".");
    std::vector<std::string> causes;
    for (const CauseUse& one : cause_rows(objective)) {
        causes.push_back(one.allowed > 0 ? fmt::format("{} {} of {}", one.cause, budget_words(one.spent, false),
                                                       budget_words(one.allowed, false))
                                         : fmt::format("{} {}", one.cause, budget_words(one.spent, false)));
    }
    out += said("Causes' shares", causes.empty() ? std::string() : list_words(causes, 12) + ".");
    out += said("Not measured", unmeasured_words(objective));
    for (const UnmeasuredBy& one : objective.unmeasured) {
        out += wrapped(fmt::format("- {}: {}", time_words(one.time), sentence(one.reason)), 6, 8);
    }
    return out;
}

std::string loud_word(const ObjectiveReport& objective) {
    std::string word(judgement_word(objective));
    std::transform(word.begin(), word.end(), word.begin(), [](unsigned char c) { return std::toupper(c); });
    return word;
}

/// Every promise in a line or two, the worst first.
std::string glance_text(const Report& report) {
    constexpr std::size_t words = 17;  // "[PROBABLY MISSED]"
    std::string out = "\n";
    for (const ServiceReport* service : worst_first(report)) {
        for (const ObjectiveReport* objective : worst_first(*service)) {
            std::string line =
                wrapped(fmt::format("{}, {} ({}): {}", title_of(*service), title_of(*objective),
                                    schemas::to_string(objective->level), glance_reason(*objective, report.so_far)),
                        words + 1, words + 1);
            const std::string word = fmt::format("[{}]", loud_word(*objective));
            out += line.replace(0, word.size(), word);
        }
    }
    return out;
}

std::string objective_text(const Report& report, const ServiceReport& service, const ObjectiveReport& objective,
                           const WallClock& clock) {
    std::string out = wrapped(fmt::format("[{}] {} ({}: {})", loud_word(objective), title_of(objective),
                                          schemas::to_string(objective.level), schemas::plain_words(objective.level)),
                              2, 4);
    out += wrapped("Result: " + judgement_reason(objective, report.so_far), 4, 6);
    out += wrapped("Promise: " + promise(service, objective), 4, 6);
    out += said("Revised", revision_words(objective, clock));
    if (!objective.budget.text.empty() || objective.budget.allowed > 0) {
        const std::string likely = likely_words(objective.budget);
        out += said("Budget", spent_words(objective.budget) + (likely.empty() ? "" : " " + likely));
    }
    out += sums_text(objective) + strip_text(objective, shown_period(report, service), clock) +
           outages_text(objective, clock, report.so_far);
    out += said(objective.work ? "Work" : "Response times", response_sentence(objective));
    for (const BandResult& band : objective.bands) {
        const bool floor = band.band.at_least.has_value();
        out += wrapped(fmt::format("- {}: {} of the runs; {} {} promised: {}", band_range(band.band),
                                   share_words(band.share), floor ? "at least" : "at most",
                                   share_words(floor ? *band.band.at_least : band.band.at_most.value_or(1)),
                                   band.met ? "kept" : "missed"),
                       6, 8);
    }
    out += further_text(objective, clock) + wrapped(nines_words(objective), 4, 6);
    return out + "\n";
}

}  // namespace

std::string render_text(const Report& report) {
    const Headline line = headline(report);
    std::string out =
        wrapped(line.answer + " " + line.sentence) + (line.others.empty() ? std::string() : wrapped(line.others));
    out += wrapped(fmt::format("Service report{}, {}: {}.", report.so_far ? " so far" : "", period_title(report),
                               period_words(report)));
    out += glance_text(report);
    for (const ServiceReport* service : worst_first(report)) {
        const WallClock clock(*service);
        const std::string title = clean_text(title_of(*service));
        out += "\n" + wrapped(title) + std::string(std::min(width, columns(title)), '-') + "\n";
        if (!service->about.empty()) {
            out += wrapped(service->about);
        }
        if (service->source != nullptr) {
            out += wrapped(fmt::format("Promised {} ({}).", window_words(service->source->window), clock.name()));
        }
        for (const ObjectiveReport* objective : worst_first(*service)) {
            out += objective_text(report, *service, *objective, clock);
        }
        if (service->objectives.empty()) {
            out += "  No promise is made for this service.\n";
        }
    }
    out += "\nHow to read this\n----------------\n";
    for (const auto& [term, meaning] : how_to_read()) {
        out += wrapped(term + ": " + meaning, 0, 2);
    }
    return out + "\n" + wrapped("Method: " + method_words(report));
}

}  // namespace slimtax::reporter
