// RFC 4180: CRLF, a header, quotes where needed.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "reporter/html.hpp"
#include "reporter/judgement.hpp"
#include "reporter/render/render.hpp"
#include "reporter/render/statements.hpp"
#include "reporter/words.hpp"

namespace slimtax::reporter {
namespace {

using schemas::Booking;
using schemas::Verdict;

class Row {
public:
    Row& number(double value) {
        // At most six decimals, none for nothing.
        std::string text = fmt::format("{:.6f}", value);
        text.erase(text.find_last_not_of('0') + 1);
        if (text.back() == '.') {
            text.pop_back();
        }
        return raw(text == "-0" ? "0" : text);
    }
    Row& count(std::uint64_t value) { return raw(std::to_string(value)); }
    Row& text(std::string_view value) {
        std::string clean = clean_text(value);
        // A spreadsheet runs what begins like this: =cmd|… in a server's answer must stay text.
        constexpr std::string_view formula = "=+-@\t";
        if (!clean.empty() && formula.find(clean.front()) != std::string_view::npos) {
            clean.insert(clean.begin(), '\'');
        }
        if (clean.find_first_of(",\"\n\r") == std::string::npos) {
            return raw(clean);
        }
        std::string quoted = "\"";
        for (const char c : clean) {
            quoted += c == '"' ? "\"\"" : std::string(1, c);
        }
        return raw(quoted + "\"");
    }
    [[nodiscard]] std::string line() const { return line_ + "\r\n"; }

private:
    Row& raw(std::string_view value) {
        if (!first_) {
            line_ += ',';
        }
        first_ = false;
        line_ += value;
        return *this;
    }
    std::string line_;
    bool first_ = true;
};

constexpr std::array<std::string_view, 54> columns{"period",
                                                   "from",
                                                   "to",
                                                   "service",
                                                   "service_title",
                                                   "objective",
                                                   "objective_title",
                                                   "level",
                                                   "result",
                                                   "note",
                                                   "minutes_period",
                                                   "minutes_outside",
                                                   "minutes_planned",
                                                   "minutes_unmeasured",
                                                   "minutes_up",
                                                   "minutes_degraded",
                                                   "minutes_down",
                                                   "budget_unit",
                                                   "budget_allowed",
                                                   "budget_spent",
                                                   "budget_spent_at_least",
                                                   "budget_spent_at_most",
                                                   "budget_remaining",
                                                   "outages",
                                                   "longest_outage_minutes",
                                                   "runs_due",
                                                   "runs_ok",
                                                   "runs_slow",
                                                   "runs_failed",
                                                   "runs_timeout",
                                                   "runs_prober_fault",
                                                   "runs_not_run",
                                                   "response_samples",
                                                   "response_mean_ms",
                                                   "response_min_ms",
                                                   "response_max_ms",
                                                   "response_stddev_ms",
                                                   "response_p50_ms",
                                                   "response_p95_ms",
                                                   "response_p99_ms",
                                                   "peak_active_users",
                                                   "work_units",
                                                   "user_minutes_lost",
                                                   "budget_likely_low",
                                                   "budget_likely_high",
                                                   "outages_excused",
                                                   "mean_time_to_restore_minutes",
                                                   "mean_time_between_outages_minutes",
                                                   "working_share",
                                                   "longest_gap_seconds",
                                                   "revised",
                                                   "previously_spent",
                                                   "slowest_hour_p95_ms",
                                                   "method"};

std::string objective_row(const Report& report, const ServiceReport& service, const ObjectiveReport& objective) {
    const auto parts = whole_units(objective.minutes, schemas::Duration(60));
    std::int64_t total = 0;
    for (const std::int64_t part : parts) {
        total += part;
    }
    const auto part = [&](Booking booking) {
        return static_cast<double>(parts.at(static_cast<std::size_t>(booking))) / 1e6;
    };
    const OutageFigures figures = outage_figures(objective);
    double slowest_hour = 0;
    for (const ResponseStretch& stretch : objective.responses) {
        slowest_hour = std::max(slowest_hour, stretch.p95);
    }
    Row row;
    row.text(report.period.name)
        .text(schemas::to_rfc3339(report.period.from))
        .text(schemas::to_rfc3339(report.period.to));
    row.text(service.id).text(title_of(service)).text(objective.id).text(title_of(objective));
    row.text(schemas::to_string(objective.level)).text(judgement_word(objective));
    row.text(judgement_reason(objective, report.so_far));
    row.number(static_cast<double>(total) / 1e6).number(part(Booking::outside)).number(part(Booking::planned));
    row.number(part(Booking::unmeasured)).number(part(Booking::up)).number(part(Booking::degraded));
    row.number(part(Booking::down));
    const BudgetUse& budget = objective.budget;
    row.text(budget.in_failures ? "failed runs" : "minutes").number(budget.allowed).number(budget.spent);
    row.number(budget.spent_at_least).number(budget.spent_at_most).number(budget.remaining());
    row.count(figures.count).number(schemas::to_minutes(figures.longest)).count(objective.runs.due);
    for (const Verdict verdict : schemas::all_verdicts) {
        row.count(objective.runs.of(verdict));
    }
    const ResponseTimes& times = objective.response_ms;
    row.count(times.samples);
    for (const double value : {times.mean, times.min, times.max, times.stddev, times.p50, times.p95, times.p99}) {
        row.number(value);
    }
    row.count(objective.work ? static_cast<std::uint64_t>(objective.work->peak_active_users) : 0);
    row.number(objective.work ? objective.work->units : 0);
    row.number(objective.work ? objective.work->user_minutes_lost : 0);
    budget.likely ? row.number(budget.likely->low).number(budget.likely->high) : row.text("").text("");
    row.count(figures.excused);
    if (figures.count > 0) {
        row.number(schemas::to_minutes(figures.to_restore)).number(schemas::to_minutes(figures.between));
    } else {
        row.text("").text("");
    }
    const auto share = working_share(objective);
    share ? row.number(*share) : row.text("");
    row.number(schemas::to_seconds(objective.longest_gap)).text(objective.revised ? "yes" : "no");
    objective.revised ? row.number(objective.revised->spent) : row.text("");
    row.number(slowest_hour).text(report.method);
    return row.line();
}

}  // namespace

std::string render_csv(const Report& report) {
    Row header;
    for (const std::string_view column : columns) {
        header.text(column);
    }
    std::string out = header.line();
    for (const ServiceReport& service : report.services) {
        for (const ObjectiveReport& objective : service.objectives) {
            out += objective_row(report, service, objective);
        }
    }
    return out;
}

}  // namespace slimtax::reporter
