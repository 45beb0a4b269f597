#include <algorithm>
#include <iostream>
#include <limits>
#include <optional>

#include <CLI/CLI.hpp>

#include "reporter/commands/commands.hpp"
#include "reporter/commands/workplace.hpp"
#include "reporter/csv.hpp"
#include "reporter/ledger/period.hpp"
#include "reporter/ledger/zone.hpp"
#include "reporter/report_maker.hpp"

namespace slimtax::reporter {
namespace {

struct Options {
    WorkplaceOptions workplace;
    PeriodOptions period;
};

constexpr std::size_t all_rows = std::numeric_limits<std::int32_t>::max();
constexpr schemas::Instant beginning{};
constexpr schemas::Instant end_of_days = std::chrono::sys_days(std::chrono::year(9999) / 1 / 1);

/// Writes a series' results page by page. Returns false (after a complaint) when the store cannot be read. `work`: set
/// when work was read, which the form has no column for.
bool export_series(Store& store, const schemas::SeriesKey& key, schemas::Instant from, schemas::Instant to,
                   bool& work) {
    // Days, so that memory stays flat however long the history is.
    for (schemas::Instant day = from; day < to; day += std::chrono::hours(24)) {
        const schemas::Instant end = std::min(day + std::chrono::hours(24), to);
        const auto results = store.results(key, day, end, all_rows);
        if (!results) {
            complain(results.error().reason);
            return false;
        }
        write_results(std::cout, *results);
        work = work || std::ranges::any_of(*results, [](const schemas::RunResult& result) {
                   return result.work_span > schemas::Duration(0);
               });
    }
    return true;
}

/// A period's days are the service's own, where its definition is at hand, or else UTC's.
Zone zone_of(const schemas::Definitions& definitions, const std::string& service) {
    const auto found = std::ranges::find(definitions, service, [](const auto& one) { return one->service.id; });
    auto zone = found == definitions.end() ? tl::expected<Zone, std::string>() : Zone::find((*found)->window.timezone);
    return zone ? *std::move(zone) : Zone();
}

int export_results(const Options& options) {
    const auto workplace = open_workplace(options.workplace, SqliteStore::Mode::read_only);
    if (!workplace) {
        return 1;
    }
    Store& store = *workplace->store;
    const auto series = store.series();
    if (!series) {
        complain(series.error().reason);
        return 1;
    }
    const std::string& name = options.period.week.empty() ? options.period.month : options.period.week;
    std::optional<AskedPeriod> asked;
    if (!name.empty() || !options.period.from.empty() || !options.period.to.empty()) {
        const auto period = asked_period(name, options.period.from, options.period.to, workplace->definitions, {});
        if (!period) {
            complain(period.error());
            return 1;
        }
        asked = *period;
    }
    write_results_header(std::cout);
    bool work = false;
    for (const schemas::SeriesKey& key : *series) {
        // An empty range gives the neighbours on both sides: here the first run of all, and the last.
        const auto first = store.runs(key, beginning, beginning);
        const auto last = store.runs(key, end_of_days, end_of_days);
        if (!first || !last) {
            complain(first ? last.error().reason : first.error().reason);
            return 1;
        }
        if (first->runs.empty() || last->runs.empty()) {
            continue;
        }
        schemas::Instant from = first->runs.front().intended;
        schemas::Instant to = last->runs.back().intended + schemas::Duration(1);
        if (asked) {
            const Period period = asked->in(zone_of(workplace->definitions, key.service));
            from = std::max(period.from, from);
            to = std::min(period.to, to);
        }
        if (!export_series(store, key, from, to, work)) {
            return 1;
        }
    }
    std::cout.flush();
    if (!std::cout) {
        complain("standard output could not be written");
        return 1;
    }
    if (work) {
        complain("note: what users got done (A4) has no column here: imported again, these results tell nothing of it");
    }
    return 0;
}

}  // namespace

void add_export(CLI::App& app, int& exit_status) {
    CLI::App* command = app.add_subcommand("export", "Writes results as CSV, in the form that import takes");
    command->footer("Example: slimtax-reporter export --store results.sqlite --week 2026-W47 > week.csv");
    const auto options = std::make_shared<Options>();
    add_workplace_options(*command, options->workplace, true);
    add_period_options(*command, options->period);
    command->callback([options, &exit_status] { exit_status = export_results(*options); });
}

}  // namespace slimtax::reporter
