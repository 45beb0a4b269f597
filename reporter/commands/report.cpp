#include <unistd.h>

#include <chrono>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "reporter/commands/commands.hpp"
#include "reporter/commands/workplace.hpp"
#include "reporter/render/render.hpp"

namespace slimtax::reporter {
namespace {

schemas::Instant now() {
    return std::chrono::time_point_cast<schemas::Duration>(std::chrono::system_clock::now());
}

/// What is put on record of a report. Only a period that is over can be reported for good: else nothing, which has
/// then been said.
std::vector<IssuedFigure> figures_to_issue(const Report& report) {
    std::vector<IssuedFigure> figures = figures_of(report, now());
    if (figures.empty()) {
        complain(fmt::format("{} is not over yet: what is said of it so far is not put on record", report.period.name));
    }
    return figures;
}

/// Complains and returns false when it cannot.
bool issue(Store& store, const std::vector<IssuedFigure>& figures) {
    const auto issued = store.issue(figures);
    if (!issued) {
        complain(fmt::format("the report was written, but is not on record as given out: {}", issued.error().reason));
    }
    return issued.has_value();
}

}  // namespace

void add_report(CLI::App& app, int& exit_status) {
    CLI::App* command = app.add_subcommand("report", "The report of a week, or of any other period");
    command->footer(
        "Example: slimtax-reporter report --config slimtax.toml --week 2026-W47 --format html --out week.html");
    struct Options {
        WorkplaceOptions workplace;
        PeriodOptions period;
        std::string format = "text";
        std::string out;
        bool issue = false;
    };
    const auto options = std::make_shared<Options>();
    add_workplace_options(*command, options->workplace, true);
    add_period_options(*command, options->period);
    command->add_option("--format", options->format, "html, text, json, csv or xlsx")
        ->check(CLI::IsMember({"html", "text", "json", "csv", "xlsx"}))
        ->capture_default_str();
    command->add_option("--out", options->out, "a file; standard output when omitted (xlsx: - for a pipe)");
    command->add_flag("--issue", options->issue,
                      "put on record what it says: a later report that says something else is marked \"revised\"");
    command->callback([options, &exit_status] {
        exit_status = 1;
        if (options->format == "xlsx" && (options->out.empty() || (options->out == "-" && ::isatty(1) != 0))) {
            complain("a spreadsheet is nothing for a terminal: --format xlsx needs --out FILE (or --out - in a pipe)");
            exit_status = 2;
            return;
        }
        const auto mode = options->issue ? SqliteStore::Mode::existing : SqliteStore::Mode::read_only;
        const auto workplace = open_workplace(options->workplace, mode);
        const auto report = workplace ? report_of(*workplace, options->period) : nullptr;
        if (!report) {
            return;
        }
        const auto figures = options->issue ? figures_to_issue(*report) : std::vector<IssuedFigure>();
        if (options->issue && figures.empty()) {
            return;
        }
        // Nothing was given out before it is written.
        if (write_out(render(*report, *parse_format(options->format)), options->out) &&
            (figures.empty() || issue(*workplace->store, figures))) {
            exit_status = 0;
        }
    });
}

}  // namespace slimtax::reporter
