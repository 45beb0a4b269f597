#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "reporter/commands/commands.hpp"
#include "reporter/commands/workplace.hpp"
#include "reporter/ledger/zone.hpp"
#include "reporter/words.hpp"
#include "schemas/time.hpp"

namespace slimtax::reporter {
namespace {

struct Options {
    WorkplaceOptions workplace;
    PeriodOptions period;
};

std::string outages_text(const Report& report) {
    std::string text;
    std::size_t count = 0;
    for (const ServiceReport& service : report.services) {
        for (const ObjectiveReport& objective : service.objectives) {
            for (const Outage& outage : objective.outages) {
                ++count;
                text += fmt::format(
                    "{}\n  {} · {} ({})\n  {} to {}: {}, at least {}, at most {}{}\n", outage.id, title_of(service),
                    title_of(objective), to_string(objective.level), schemas::to_rfc3339(outage.from),
                    outage.ongoing && report.so_far ? "now"
                    : outage.ongoing                ? schemas::to_rfc3339(outage.to) + " (and on, after this period)"
                                                    : schemas::to_rfc3339(outage.to),
                    time_words(outage.nominal), time_words(outage.at_least), time_words(outage.at_most),
                    outage.excused == Amendment::Kind::planned         ? "; planned, it spends nothing"
                    : outage.excused == Amendment::Kind::not_an_outage ? "; no outage, it spends nothing"
                                                                       : "");
                text += fmt::format("  {}\n", outage.reason.empty() ? "no reason is known" : outage.reason);
                if (!outage.cause.empty()) {
                    text += fmt::format("  cause: {}{}{}\n", outage.cause, outage.evidence.empty() ? "" : ", since ",
                                        outage.evidence);
                }
                for (const Amendment& said : outage.amendments) {
                    text += fmt::format("  amendment {}{} by {}: {}\n", said.number, said.undone ? " (undone)" : "",
                                        said.who, said.note);
                }
                if (!outage.targets.empty()) {
                    text += fmt::format("  targets: {}\n", list_words(outage.targets));
                }
                if (!outage.locations.empty()) {
                    text += fmt::format("  seen from: {}\n", list_words(outage.locations));
                }
                text += '\n';
            }
        }
    }
    return text + (count == 0 ? "No outage" : counted(count, "outage")) + fmt::format(" in {}.\n", report.period.name);
}

}  // namespace

void add_outages(CLI::App& app, int& exit_status) {
    CLI::App* command = app.add_subcommand("outages", "The outages of a period, with length, bounds and reason");
    command->footer("Example: slimtax-reporter outages --config slimtax.toml --from 2026-11-16 --to 2026-11-23");
    const auto options = std::make_shared<Options>();
    add_workplace_options(*command, options->workplace, true);
    add_period_options(*command, options->period);
    command->callback([options, &exit_status] {
        exit_status = 1;
        const auto workplace = open_workplace(options->workplace, SqliteStore::Mode::read_only);
        const auto report = workplace ? report_of(*workplace, options->period) : nullptr;
        if (report && write_out(outages_text(*report), "")) {
            exit_status = 0;
        }
    });
}

}  // namespace slimtax::reporter
