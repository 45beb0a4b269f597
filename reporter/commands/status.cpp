#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "reporter/commands/commands.hpp"
#include "reporter/commands/workplace.hpp"
#include "reporter/words.hpp"
#include "schemas/time.hpp"

namespace slimtax::reporter {
namespace {

std::string status_text(const Report& report) {
    std::string text;
    for (const ServiceReport& service : report.services) {
        text += fmt::format("{} ({})\n", title_of(service), service.id);
        for (const ObjectiveReport& objective : service.objectives) {
            text += fmt::format("  {:<12} {} {}", light_word(objective.light), to_string(objective.level),
                                title_of(objective));
            if (!objective.light_reason.empty()) {
                text +=
                    fmt::format(": {}, since {}", objective.light_reason, schemas::to_rfc3339(objective.light_since));
            }
            text += '\n';
        }
    }
    return text;
}

}  // namespace

void add_status(CLI::App& app, int& exit_status) {
    CLI::App* command = app.add_subcommand("status", "The lights of all services now, in words");
    command->footer("Example: slimtax-reporter status --config slimtax.toml");
    const auto options = std::make_shared<WorkplaceOptions>();
    add_workplace_options(*command, *options, true);
    command->callback([options, &exit_status] {
        exit_status = 1;
        const auto workplace = open_workplace(*options, SqliteStore::Mode::read_only);
        const auto report = workplace ? report_of(*workplace, {}) : nullptr;
        if (report && write_out(status_text(*report), "")) {
            exit_status = 0;
        }
    });
}

}  // namespace slimtax::reporter
