#include "reporter/commands/workplace.hpp"

#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <iostream>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "reporter/ledger/zone.hpp"
#include "reporter/report_maker.hpp"
#include "schemas/config.hpp"
#include "schemas/definition_reader.hpp"

namespace slimtax::reporter {
namespace {

void complain_of(const schemas::Problems& problems) {
    for (const schemas::Problem& problem : problems) {
        if (problem.kind == schemas::Problem::Kind::error) {
            std::cerr << to_string(problem) << '\n';
        }
    }
}

}  // namespace

void complain(const std::string& sentence) {
    std::cerr << "slimtax-reporter: " << sentence << '\n';
}

void add_workplace_options(CLI::App& command, WorkplaceOptions& options, bool with_definitions) {
    command.add_option("--config", options.config, "slimtax.toml, which says where everything is");
    command.add_option("--store", options.store, "the results: a SQLite file");
    if (with_definitions) {
        command.add_option("--definitions", options.definitions, "the directory with one TOML file a service");
    }
}

void add_period_options(CLI::App& command, PeriodOptions& options) {
    // An empty one, as of a script's variable that was never set, must not become the running week.
    const CLI::Validator said([](const std::string& text) { return text.empty() ? "nothing is given" : ""; }, "");
    command.add_option("--week", options.week, "2026-W47; also a month 2026-11, a quarter 2026-Q4, a year, a day")
        ->check(said);
    command.add_option("--month", options.month, "2026-11")->excludes("--week")->check(said);
    command.add_option("--from", options.from, "a date (its 00:00 in the service's time zone) or an RFC 3339 time")
        ->check(said);
    command.add_option("--to", options.to, "the same; not part of the period")->check(said);
}

std::unique_ptr<Workplace> open_workplace(const WorkplaceOptions& options, SqliteStore::Mode mode) {
    std::filesystem::path store_file = options.store;
    std::filesystem::path definitions = options.definitions;
    std::vector<std::string> locations;
    if (!options.config.empty()) {
        auto config = schemas::read_reporter_config(options.config);
        if (!config.config) {
            complain_of(config.problems);
            return nullptr;
        }
        store_file = store_file.empty() ? config.config->store : store_file;
        definitions = definitions.empty() ? config.config->definitions : definitions;
        for (const auto& prober : config.config->probers) {
            locations.push_back(prober.location);
        }
    }
    if (store_file.empty()) {
        complain("which results? Give --config FILE or --store FILE");
        return nullptr;
    }
    auto workplace = std::make_unique<Workplace>();
    auto store = SqliteStore::open(store_file, mode);
    if (!store) {
        complain(store.error().reason);
        return nullptr;
    }
    workplace->store = std::move(*store);
    if (!definitions.empty()) {
        auto read = schemas::read_definitions({definitions}, {});
        if (schemas::has_errors(read.problems)) {
            complain_of(read.problems);
            return nullptr;
        }
        workplace->definitions = std::move(read.definitions);
    }
    auto known = known_locations(*workplace->store, std::move(locations));
    if (!known) {
        complain(known.error().reason);
        return nullptr;
    }
    workplace->locations = std::move(*known);
    return workplace;
}

std::string wrong_with_period(const AskedPeriod& asked, const schemas::Definitions& definitions, schemas::Instant now) {
    bool begun = false;
    for (const auto& definition : definitions) {
        const Period period = asked.in(Zone::find(definition->window.timezone).value_or(Zone()));
        if (period.to <= period.from) {
            return fmt::format(
                "the period {} ends before it begins in {}, the time zone of service {}: give both ends "
                "as dates, or both with a time and Z",
                asked.name, definition->window.timezone, definition->service.id);
        }
        begun = begun || period.from < now;
    }
    return begun ? "" : fmt::format("{} has not begun yet: there is nothing to report", asked.name);
}

std::unique_ptr<Report> report_of(Workplace& workplace, const PeriodOptions& asked) {
    if (workplace.definitions.empty()) {
        complain("there are no definitions to report on: give --config FILE or --definitions DIR");
        return nullptr;
    }
    const auto now = std::chrono::time_point_cast<schemas::Duration>(std::chrono::system_clock::now());
    const auto period =
        asked_period(asked.week.empty() ? asked.month : asked.week, asked.from, asked.to, workplace.definitions, now);
    if (!period) {
        complain(period.error());
        return nullptr;
    }
    if (const std::string wrong = wrong_with_period(*period, workplace.definitions, now); !wrong.empty()) {
        complain(wrong);
        return nullptr;
    }
    auto report = make_full_report(*workplace.store, workplace.definitions, workplace.locations, *period, now);
    if (!report) {
        complain(report.error().reason);
        return nullptr;
    }
    return std::make_unique<Report>(std::move(*report));
}

bool write_out(const std::string& text, const std::string& file) {
    if (file.empty() || file == "-") {
        std::cout << text << std::flush;
        if (!std::cout) {
            complain("standard output could not be written");
            return false;
        }
        return true;
    }
    const std::string draft = file + ".part";
    std::ofstream out(draft, std::ios::binary | std::ios::trunc);
    out << text << std::flush;
    out.close();
    std::error_code error;
    if (out) {
        std::filesystem::rename(draft, file, error);
    }
    if (!out || error) {
        complain(fmt::format("{} could not be written: {}", file, error ? error.message() : std::strerror(errno)));
        std::filesystem::remove(draft, error);
        return false;
    }
    return true;
}

}  // namespace slimtax::reporter
