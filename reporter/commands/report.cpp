#include <CLI/CLI.hpp>

#include "reporter/commands/commands.hpp"
#include "reporter/commands/workplace.hpp"
#include "reporter/render/render.hpp"

namespace slimtax::reporter {

void add_report(CLI::App& app, int& exit_status) {
    CLI::App* command = app.add_subcommand("report", "The report of a week, or of any other period");
    command->footer(
        "Example: slimtax-reporter report --config slimtax.toml --week 2026-W47 --format html --out week.html");
    struct Options {
        WorkplaceOptions workplace;
        PeriodOptions period;
        std::string format = "text";
        std::string out;
    };
    const auto options = std::make_shared<Options>();
    add_workplace_options(*command, options->workplace, true);
    add_period_options(*command, options->period);
    command->add_option("--format", options->format, "html, text, json or csv")
        ->check(CLI::IsMember({"html", "text", "json", "csv"}))
        ->capture_default_str();
    command->add_option("--out", options->out, "a file; standard output when omitted");
    command->callback([options, &exit_status] {
        exit_status = 1;
        const auto workplace = open_workplace(options->workplace, SqliteStore::Mode::read_only);
        const auto report = workplace ? report_of(*workplace, options->period) : nullptr;
        if (report && write_out(render(*report, *parse_format(options->format)), options->out)) {
            exit_status = 0;
        }
    });
}

}  // namespace slimtax::reporter
