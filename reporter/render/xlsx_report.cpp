// The report as a spreadsheet: what was promised and kept, the outages, the hours, and how it was measured.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "reporter/judgement.hpp"
#include "reporter/render/render.hpp"
#include "reporter/render/statements.hpp"
#include "reporter/render/xlsx_book.hpp"
#include "reporter/words.hpp"

namespace slimtax::reporter {
namespace {

using schemas::Booking;
using schemas::Instant;
using schemas::Verdict;

double minutes(schemas::Duration duration) {
    return schemas::to_minutes(duration);
}

template <class Do>
void each_objective(const Report& report, Do act) {
    for (const ServiceReport* service : worst_first(report)) {
        const WallClock clock(*service);
        for (const ObjectiveReport* objective : worst_first(*service)) {
            act(*service, *objective, clock);
        }
    }
}

void add_objectives(XlsxBook& book, const Report& report) {
    XlsxSheet sheet = book.sheet("Objectives", {{"Service", 26},
                                                {"Promise", 22},
                                                {"Level", 6},
                                                {"Result", 13},
                                                {"Why", 44},
                                                {"What was promised", 50},
                                                {"From", 19},
                                                {"To", 19},
                                                {"Time zone", 17},
                                                {"Budget's unit", 11},
                                                {"Allowed", 9},
                                                {"Spent", 9},
                                                {"At least", 9},
                                                {"At most", 9},
                                                {"95 % certain: from", 9},
                                                {"95 % certain: to", 9},
                                                {"Left", 9},
                                                {"Period, min", 10},
                                                {"Up, min", 10},
                                                {"Slow, min", 10},
                                                {"Down, min", 10},
                                                {"Planned work, min", 10},
                                                {"Not measured, min", 10},
                                                {"Closed, min", 10},
                                                {"Outages", 9},
                                                {"Not counted", 9},
                                                {"Longest, min", 9},
                                                {"Mean time to restore, min", 11},
                                                {"Mean time between, min", 11},
                                                {"Tests due", 9},
                                                {"Good", 9},
                                                {"Slow", 9},
                                                {"Failed", 9},
                                                {"Timed out", 9},
                                                {"Measuring side failed", 10},
                                                {"Not started", 9},
                                                {"Half within, ms", 10},
                                                {"95 % within, ms", 10},
                                                {"99 % within, ms", 10},
                                                {"Average, ms", 10},
                                                {"Slowest, ms", 10},
                                                {"Active users at most", 9},
                                                {"Work done", 10},
                                                {"User-minutes lost", 10},
                                                {"Revised", 9},
                                                {"Owner", 26}});
    each_objective(report, [&](const ServiceReport& service, const ObjectiveReport& one, const WallClock& clock) {
        const Period period = shown_period(report, service);
        const BudgetUse& budget = one.budget;
        sheet.row().text(title_of(service)).text(title_of(one)).text(schemas::to_string(one.level));
        sheet.text(judgement_word(judge(one))).text(judgement_reason(one, report.so_far)).text(promise(service, one));
        sheet.time(period.from, clock).time(period.to, clock).text(clock.name());
        sheet.text(budget.in_failures ? "failed runs" : "minutes").number(budget.allowed).number(budget.spent);
        sheet.number(budget.spent_at_least).number(budget.spent_at_most);
        budget.likely ? sheet.number(budget.likely->low).number(budget.likely->high) : sheet.empty().empty();
        sheet.number(budget.remaining()).number(minutes(one.minutes.sum()));
        for (const Booking kind :
             {Booking::up, Booking::degraded, Booking::down, Booking::planned, Booking::unmeasured, Booking::outside}) {
            sheet.number(minutes(one.minutes[kind]));
        }
        const OutageFigures figures = outage_figures(one);
        sheet.count(figures.count).count(figures.excused);
        if (figures.count > 0) {
            sheet.number(minutes(figures.longest)).number(minutes(figures.to_restore)).number(minutes(figures.between));
        } else {
            sheet.empty().empty().empty();
        }
        sheet.count(one.runs.due);
        for (const Verdict verdict : schemas::all_verdicts) {
            sheet.count(one.runs.of(verdict));
        }
        const ResponseTimes& times = one.response_ms;
        for (const double value : {times.p50, times.p95, times.p99, times.mean, times.max}) {
            times.samples > 0 ? sheet.number(value) : sheet.empty();
        }
        if (one.work) {
            sheet.count(static_cast<std::uint64_t>(one.work->peak_active_users)).number(one.work->units);
            sheet.number(one.work->user_minutes_lost);
        } else {
            sheet.empty().empty().empty();
        }
        sheet.text(one.revised ? "revised" : "").text(service.owner);
    });
}

void add_outages(XlsxBook& book, const Report& report) {
    XlsxSheet sheet = book.sheet("Outages", {{"Service", 26},
                                             {"Promise", 22},
                                             {"Level", 6},
                                             {"From", 19},
                                             {"To", 19},
                                             {"Time zone", 17},
                                             {"State", 12},
                                             {"Minutes", 9},
                                             {"At least", 9},
                                             {"At most", 9},
                                             {"Counts", 26},
                                             {"Cause", 16},
                                             {"Why this cause", 44},
                                             {"What happened", 50},
                                             {"Servers", 30},
                                             {"Seen from", 22},
                                             {"User-minutes lost", 10},
                                             {"Said afterwards", 50},
                                             {"Identifier", 44}});
    each_objective(report, [&](const ServiceReport& service, const ObjectiveReport& one, const WallClock& clock) {
        for (const Outage& outage : one.outages) {
            std::string said;
            for (const Amendment& amendment : outage.amendments) {
                said += (said.empty() ? "" : "\n") + amendment_words(amendment, clock);
            }
            sheet.row().text(title_of(service)).text(title_of(one)).text(schemas::to_string(one.level));
            sheet.time(outage.from, clock).time(outage.to, clock).text(clock.name());
            sheet.text(outage.ongoing ? "goes on" : "over").number(minutes(outage.nominal));
            sheet.number(minutes(outage.at_least)).number(minutes(outage.at_most));
            sheet.text(outage.excused ? excuse_words(outage) : "counted").text(outage.cause);
            const Amendment* person = cause_amendment(outage);
            sheet.text(person != nullptr ? "said by " + person->who : outage.evidence).text(outage.reason);
            sheet.text(list_words(outage.targets, 20)).text(list_words(outage.locations, 20));
            outage.user_minutes > 0 ? sheet.number(outage.user_minutes) : sheet.empty();
            sheet.text(said).text(outage.id);
        }
    });
}

/// One row of the hours: a stretch and what was booked in it.
struct Stretch {
    Instant from;
    Instant to;
    BookedTime booked;
};

/// The period in hours, or in local days, each with its time by kind. The strip is in order.
std::vector<Stretch> stretches(const ObjectiveReport& objective, const Period& period, const WallClock& clock,
                               bool days) {
    std::vector<Stretch> out;
    std::size_t first = 0;
    for (Instant at = period.from; at < period.to;) {
        Stretch one{at, std::min(period.to, days ? clock.next_day(at) : at + std::chrono::hours(1)), {}};
        for (std::size_t i = first; i < objective.strip.size() && objective.strip[i].from < one.to; ++i) {
            const BookedSpan& span = objective.strip[i];
            const auto common = std::min(span.to, one.to) - std::max(span.from, one.from);
            if (common > schemas::Duration::zero()) {
                one.booked[span.booking] += common;
            }
            first = span.to <= one.to ? i + 1 : first;
        }
        at = one.to;
        out.push_back(one);
    }
    return out;
}

void add_hours(XlsxBook& book, const Report& report) {
    XlsxSheet sheet = book.sheet("Hours", {{"Service", 26},
                                           {"Promise", 22},
                                           {"Level", 6},
                                           {"From", 19},
                                           {"To", 19},
                                           {"Time zone", 17},
                                           {"Up, min", 9},
                                           {"Slow, min", 9},
                                           {"Down, min", 9},
                                           {"Planned work, min", 9},
                                           {"Not measured, min", 9},
                                           {"Closed, min", 9},
                                           {"Completed tests", 10},
                                           {"Half within, ms", 10},
                                           {"95 % within, ms", 10},
                                           {"Slowest, ms", 10}});
    std::size_t objectives = 0;
    for (const ServiceReport& service : report.services) {
        objectives += service.objectives.size();
    }
    const auto hours = static_cast<std::size_t>(report.period.length() / std::chrono::hours(1)) + 2;
    const bool days = report.period.length() > std::chrono::hours(24 * 45) || hours * objectives > 400'000;
    std::uint32_t rows = 0;
    each_objective(report, [&](const ServiceReport& service, const ObjectiveReport& one, const WallClock& clock) {
        std::map<Instant, const ResponseStretch*> speeds;
        for (const ResponseStretch& speed : one.responses) {
            speeds.emplace(speed.from, &speed);
        }
        for (const Stretch& stretch : stretches(one, shown_period(report, service), clock, days)) {
            if (++rows > XlsxSheet::most_rows) {
                return;
            }
            sheet.row().text(title_of(service)).text(title_of(one)).text(schemas::to_string(one.level));
            sheet.time(stretch.from, clock).time(stretch.to, clock).text(clock.name());
            for (const Booking kind : {Booking::up, Booking::degraded, Booking::down, Booking::planned,
                                       Booking::unmeasured, Booking::outside}) {
                sheet.number(minutes(stretch.booked[kind]));
            }
            const auto speed = speeds.lower_bound(stretch.from);
            if (speed != speeds.end() && speed->first < stretch.to && speed->second->samples > 0) {
                sheet.count(speed->second->samples).number(speed->second->p50);
                sheet.number(speed->second->p95).number(speed->second->max);
            }
        }
    });
}

void add_method(XlsxBook& book, const Report& report) {
    const Headline line = headline(report);
    XlsxSheet sheet = book.sheet("Method", {{"Term", 28}, {"Meaning", 110}});
    const auto pair = [&](std::string_view term, std::string_view meaning) { sheet.row().text(term).text(meaning); };
    pair("Was it all right?", line.answer + " " + line.sentence);
    pair("Period", fmt::format("{}: {}", period_title(report), period_words(report)));
    pair("So far", report.so_far ? "yes: the period has not ended" : "no: the period is over");
    for (const auto& [term, meaning] : how_to_read()) {
        pair(term, meaning);
    }
    pair("How minutes were found", method_words(report));
    for (const ServiceReport* service : worst_first(report)) {
        pair("Definition of " + title_of(*service), service->definition);
    }
}

}  // namespace

std::string render_xlsx(const Report& report) {
    XlsxBook book("Service report, " + period_title(report), report.period.to);
    add_objectives(book, report);
    add_outages(book, report);
    add_hours(book, report);
    add_method(book, report);
    return book.bytes();
}

}  // namespace slimtax::reporter
