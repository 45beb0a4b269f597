#include <algorithm>
#include <chrono>
#include <fstream>
#include <iostream>
#include <iterator>
#include <set>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "reporter/commands/commands.hpp"
#include "reporter/commands/workplace.hpp"
#include "reporter/csv.hpp"
#include "reporter/words.hpp"

namespace slimtax::reporter {
namespace {

struct Options {
    WorkplaceOptions workplace;
    std::string file;
};

/// The whole file, or nothing (after a complaint).
std::optional<std::string> contents(const std::string& file) {
    if (file == "-") {
        return std::string(std::istreambuf_iterator<char>(std::cin), {});
    }
    std::error_code error;
    const bool directory = std::filesystem::is_directory(file, error);  // reading one would throw
    std::ifstream in(file, std::ios::binary);
    std::string text;
    if (in.is_open() && !directory) {
        text.assign(std::istreambuf_iterator<char>(in), {});
    }
    if (!in.is_open() || in.bad() || directory) {
        complain(fmt::format("{} cannot be read: it is not there, not a file, or not readable for you", file));
        return std::nullopt;
    }
    return text;
}

bool counts(const schemas::SeriesKey& key, const schemas::Definitions& definitions) {
    return std::ranges::any_of(definitions, [&](const auto& definition) {
        const schemas::Probe* probe =
            definition->service.id == key.service ? definition->find_probe(key.probe) : nullptr;
        if (probe == nullptr) {
            return false;
        }
        const auto targets = probe->series_targets();
        return std::ranges::find(targets, key.target) != targets.end() &&
               (probe->from.empty() || std::ranges::find(probe->from, key.location) != probe->from.end());
    });
}

/// What was taken but will count for less than was meant: said, for it may be a slip.
void note(const std::vector<schemas::RunResult>& results, const schemas::Definitions& definitions) {
    std::set<schemas::SeriesKey> series;
    const schemas::SeriesKey* last = nullptr;
    std::size_t without_time = 0;
    for (const schemas::RunResult& result : results) {
        if (last == nullptr || *last != result.key) {
            series.insert(result.key);
            last = &result.key;
        }
        const bool completed = result.verdict == schemas::Verdict::ok || result.verdict == schemas::Verdict::slow;
        without_time += completed && result.response == schemas::Duration(0) ? 1 : 0;
    }
    std::vector<std::string> unknown;
    for (const schemas::SeriesKey& key : series) {
        if (!definitions.empty() && !counts(key, definitions)) {
            unknown.push_back(schemas::to_string(key));
        }
    }
    if (!unknown.empty()) {
        constexpr std::size_t most = 5;
        complain(fmt::format("note: no definition has {}: what was imported for it counts in no report until one does",
                             list_words(unknown, most)));
    }
    if (without_time > 0) {
        complain(fmt::format("note: {} of the completed runs {} no response_ms: bands and averages take them as 0 ms",
                             without_time, without_time == 1 ? "has" : "have"));
    }
}

int import_results(const Options& options) {
    const auto text = contents(options.file);
    if (!text) {
        return 1;
    }
    const auto results = read_results_csv(*text, options.file == "-" ? "standard input" : options.file);
    if (!results) {
        for (const schemas::Problem& problem : results.error()) {
            std::cerr << to_string(problem) << '\n';
        }
        complain("nothing was imported; mend the lines above and import again");
        return 1;
    }
    const auto workplace = open_workplace(options.workplace, SqliteStore::Mode::create);
    if (!workplace) {
        return 1;
    }
    const auto count = workplace->store->add(*results);
    if (!count) {
        complain(fmt::format("nothing was imported: {}", count.error().reason));
        return 1;
    }
    note(*results, workplace->definitions);
    // Old hours need not wait for a running reporter to seal them. Whatever becomes of this, the results are stored.
    const auto now = std::chrono::time_point_cast<schemas::Duration>(std::chrono::system_clock::now());
    if (const auto sealed = workplace->store->seal(now); !sealed) {
        complain(fmt::format("the results are stored, but not yet packed: {}", sealed.error().reason));
    }
    std::cout << fmt::format("{} results imported, {} were there already\n", count->stored, count->repeated);
    return 0;
}

}  // namespace

void add_import(CLI::App& app, int& exit_status) {
    CLI::App* command = app.add_subcommand("import", "Takes results from a CSV file: all of them, or none");
    command->footer(
        "The first line is the header:\n"
        "  intended_start,service,probe,target,location,verdict,response_ms,reason\n"
        "Example: slimtax-reporter import --store results.sqlite last-year.csv");
    const auto options = std::make_shared<Options>();
    add_workplace_options(*command, options->workplace, true);
    command->add_option("FILE", options->file, "the file; - for standard input")->required();
    command->callback([options, &exit_status] { exit_status = import_results(*options); });
}

}  // namespace slimtax::reporter
