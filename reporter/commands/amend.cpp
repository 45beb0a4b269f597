// What a person says of an outage: put on record, shown in every later report.
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "reporter/commands/commands.hpp"
#include "reporter/commands/workplace.hpp"
#include "reporter/ledger/amendments.hpp"
#include "reporter/report_maker.hpp"
#include "reporter/words.hpp"
#include "schemas/problem.hpp"

namespace slimtax::reporter {
namespace {

using schemas::Instant;

struct Options {
    WorkplaceOptions workplace;
    std::string outage;
    std::string cause;
    bool not_an_outage = false;
    bool planned = false;
    std::int64_t undo = 0;
    std::string note;
    std::string who;
    bool list = false;
};

Instant now() {
    return std::chrono::time_point_cast<schemas::Duration>(std::chrono::system_clock::now());
}

/// The person at the keyboard, as far as the machine knows.
std::string this_person() {
    if (const char* name = std::getenv("SUDO_USER"); name != nullptr && *name != '\0') {
        return name;
    }
    const passwd* entry = getpwuid(getuid());
    return entry != nullptr ? entry->pw_name : fmt::format("user {}", getuid());
}

/// On one line: it stands in lists.
std::string one_line(std::string text) {
    std::ranges::replace_if(
        text, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; }, ' ');
    return text;
}

/// What is wrong with the command line; empty when nothing is.
std::string mistake(const Options& options) {
    const int asked = static_cast<int>(options.cause.find_first_not_of(" \t\n") != std::string::npos) +
                      static_cast<int>(options.not_an_outage) + static_cast<int>(options.planned) +
                      static_cast<int>(options.undo != 0);
    if (options.list) {
        return asked == 0 && options.outage.empty() ? "" : "--list goes alone";
    }
    if (asked != 1) {
        return "say one thing at a time: --cause CAUSE, --not-an-outage, --planned or --undo NUMBER";
    }
    if (options.note.find_first_not_of(" \t\n") == std::string::npos) {
        return "why? Say it with --note \"…\": it stands in every later report";
    }
    if (options.undo != 0) {
        return options.outage.empty() ? "" : "--undo takes the amendment's number alone, as `amend --list` shows it";
    }
    return options.outage.empty() ? "which outage? Name it as `slimtax-reporter outages` does: SERVICE/OBJECTIVE@TIME"
                                  : "";
}

/// The named service, and those whose control probes tell that a location was at fault itself: without them an outage
/// would begin elsewhere than in a report.
schemas::Definitions needed_for(const schemas::Definitions& all, const std::string& service) {
    schemas::Definitions needed;
    std::ranges::copy_if(all, std::back_inserter(needed), [&](const auto& definition) {
        return definition->service.id == service || std::ranges::any_of(definition->probes, &schemas::Probe::control);
    });
    return needed;
}

/// The outages of an objective that a report from a day before the name's time to `after` behind it lists. One that
/// began while the service was closed is listed only where it counts, which may be days later.
Stored<std::vector<RecordedAmendment>> outages_near(Workplace& workplace, const OutageName& name,
                                                    std::chrono::hours after) {
    const AskedPeriod around{"around " + name.began, name.first - std::chrono::hours(24),
                             std::min(name.after + after, std::max(name.after, now()))};
    const auto report = make_report(*workplace.store, needed_for(workplace.definitions, name.service),
                                    workplace.locations, around, now());
    if (!report) {
        return tl::unexpected(report.error());
    }
    std::vector<RecordedAmendment> outages;
    const auto service = std::ranges::find(report->services, name.service, &ServiceReport::id);
    const auto objective = std::ranges::find(service->objectives, name.objective, &ObjectiveReport::id);
    for (const Outage& outage : objective->outages) {
        if (const auto id = parse_outage_id(outage.id)) {
            outages.push_back({name.service, name.objective, id->first, outage.to, {}});
        }
    }
    return outages;
}

/// The outage that a name means, or nothing, which has then been said.
std::optional<RecordedAmendment> find_outage(Workplace& workplace, const std::string& text) {
    const auto name = parse_outage_id(text);
    if (!name) {
        complain(name.error());
        return std::nullopt;
    }
    const auto definition =
        std::ranges::find(workplace.definitions, name->service, [](const auto& one) { return one->service.id; });
    if (definition == workplace.definitions.end() || (*definition)->find_objective(name->objective) == nullptr) {
        complain(definition == workplace.definitions.end()
                     ? fmt::format("there is no service '{}' in the definitions", name->service)
                     : fmt::format("service {} has no objective '{}'", name->service, name->objective));
        return std::nullopt;
    }
    std::vector<std::string> near;
    std::vector<RecordedAmendment> meant;
    for (const int days : {1, 10, 80}) {
        const auto outages = outages_near(workplace, *name, std::chrono::hours(24 * days));
        if (!outages) {
            complain(outages.error().reason);
            return std::nullopt;
        }
        for (const RecordedAmendment& outage : *outages) {
            if (days == 1) {
                near.push_back(outage_id(outage.service, outage.objective, outage.began));
            }
            if (outage.began >= name->first && outage.began < name->after) {
                meant.push_back(outage);
            }
        }
        if (!meant.empty()) {
            break;
        }
    }
    if (meant.size() == 1) {
        return meant.front();
    }
    complain(fmt::format("{} outage of {}/{} began at {}{}", meant.empty() ? "no" : "more than one", name->service,
                         name->objective, name->began, near.empty() ? ", nor within a day of it" : "; there are:"));
    for (const std::string& id : near) {
        complain("  " + id);
    }
    return std::nullopt;
}

/// A cause that the objective's shares do not name is taken, but said: it may be a slip.
void warn_of_cause(const Workplace& workplace, const RecordedAmendment& amendment) {
    for (const auto& definition : workplace.definitions) {
        const schemas::Objective* objective =
            definition->service.id == amendment.service ? definition->find_objective(amendment.objective) : nullptr;
        if (objective == nullptr || objective->causes.empty()) {
            continue;
        }
        std::vector<std::string> known;
        for (const auto& [cause, share] : objective->causes) {
            known.push_back(cause);
        }
        if (std::ranges::find(known, amendment.said.cause) == known.end()) {
            complain(fmt::format("note: the budget's shares are for {}, not for '{}'", list_words(known),
                                 amendment.said.cause));
        }
    }
}

std::optional<RecordedAmendment> find_undone(Workplace& workplace, std::int64_t number) {
    const auto all = workplace.store->amendments();
    if (!all) {
        complain(all.error().reason);
        return std::nullopt;
    }
    const auto undone = std::ranges::find(*all, number, [](const auto& one) { return one.said.number; });
    const bool twice = std::ranges::any_of(
        *all, [&](const auto& one) { return one.said.kind == Amendment::Kind::undo && one.said.undoes == number; });
    if (undone == all->end() || undone->said.kind == Amendment::Kind::undo || twice) {
        complain(undone == all->end() ? fmt::format("there is no amendment {}: see `amend --list`", number)
                 : twice              ? fmt::format("amendment {} is undone already", number)
                         : fmt::format("amendment {} undoes another one: say that one again instead", number));
        return std::nullopt;
    }
    return *undone;
}

std::string words_of(const Amendment& said) {
    switch (said.kind) {
        case Amendment::Kind::cause: return "the cause was " + said.cause;
        case Amendment::Kind::not_an_outage: return "it was no outage";
        case Amendment::Kind::planned: return "it was planned work";
        case Amendment::Kind::undo: return fmt::format("amendment {} is undone", said.undoes);
    }
    return "";
}

bool list_amendments(Store& store) {
    const auto all = store.amendments();
    if (!all) {
        complain(all.error().reason);
        return false;
    }
    std::string text;
    for (const RecordedAmendment& one : *all) {
        text += fmt::format("{}  {}\n   {}: {}\n   {}, {}\n", one.said.number,
                            outage_id(one.service, one.objective, one.began), words_of(one.said), one.said.note,
                            one.said.who, schemas::to_rfc3339(std::chrono::floor<std::chrono::seconds>(one.said.when)));
    }
    return write_out(text.empty() ? "No outage was amended.\n" : text, "");
}

bool run(const Options& options) {
    if (const std::string wrong = mistake(options); !wrong.empty()) {
        complain(wrong);
        return false;
    }
    const auto mode = options.list ? SqliteStore::Mode::read_only : SqliteStore::Mode::existing;
    const auto workplace = open_workplace(options.workplace, mode);
    if (workplace == nullptr) {
        return false;
    }
    if (options.list) {
        return list_amendments(*workplace->store);
    }
    auto amendment =
        options.undo != 0 ? find_undone(*workplace, options.undo) : find_outage(*workplace, options.outage);
    if (!amendment) {
        return false;
    }
    Amendment said;
    said.kind = options.undo != 0       ? Amendment::Kind::undo
                : options.planned       ? Amendment::Kind::planned
                : options.not_an_outage ? Amendment::Kind::not_an_outage
                                        : Amendment::Kind::cause;
    said.cause = one_line(options.cause);
    said.note = one_line(options.note);
    said.who = options.who.empty() ? this_person() : one_line(options.who);
    said.when = now();
    said.undoes = options.undo;
    amendment->said = std::move(said);
    if (amendment->said.kind == Amendment::Kind::cause) {
        warn_of_cause(*workplace, *amendment);
    }
    const auto number = workplace->store->amend(*amendment);
    if (!number) {
        complain(number.error().reason);
        return false;
    }
    return write_out(fmt::format("Amendment {} is on record: {}: {}.\nTake it back with: slimtax-reporter amend --undo "
                                 "{} --note \"…\"\n",
                                 *number, outage_id(amendment->service, amendment->objective, amendment->began),
                                 words_of(amendment->said), *number),
                     "");
}

}  // namespace

void add_amend(CLI::App& app, int& exit_status) {
    CLI::App* command = app.add_subcommand("amend", "Say of an outage what the tests could not know");
    command->footer(
        "Example: slimtax-reporter amend --config slimtax.toml campus-im/sign-in@2026-11-17T15:02 --cause network "
        "--note \"The core switch was replaced\"\n"
        "What is said is appended with who, when and why, and shown in every later report; results are never changed.");
    const auto options = std::make_shared<Options>();
    add_workplace_options(*command, options->workplace, true);
    command->add_option("outage", options->outage,
                        "SERVICE/OBJECTIVE@TIME as `outages` shows it; the time in UTC, as exact as need be");
    command->add_option("--cause", options->cause, "the root cause: network, application, platform …");
    command->add_flag("--not-an-outage", options->not_an_outage, "the tests were wrong: it spends no budget");
    command->add_flag("--planned", options->planned, "it was announced work: it spends no budget");
    command->add_option("--undo", options->undo, "take back the amendment of this number")
        ->check(CLI::Validator(
            [](const std::string& text) {
                const bool number = !text.empty() && text.size() < 19 && text != "0" &&
                                    text.find_first_not_of("0123456789") == std::string::npos;
                return number ? std::string()
                              : fmt::format("'{}' is no amendment's number, as `amend --list` shows it", text);
            },
            "NUMBER"));
    command->add_option("--note", options->note, "why, in a sentence");
    command->add_option("--who", options->who, "who says so; you, when omitted");
    command->add_flag("--list", options->list, "show every amendment on record");
    command->callback([options, &exit_status] { exit_status = run(*options) ? 0 : 1; });
}

}  // namespace slimtax::reporter
