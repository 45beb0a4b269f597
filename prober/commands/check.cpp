#include <algorithm>
#include <iostream>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "prober/commands/commands.hpp"
#include "prober/commands/common.hpp"
#include "prober/commands/load.hpp"
#include "schemas/config.hpp"
#include "schemas/expansion.hpp"

namespace slimtax::prober {
namespace {

using schemas::Problem;

// All texts of a parameter that may hold `${...}`.
std::vector<std::string> texts_of(const schemas::Value& value) {
    if (const auto* text = std::get_if<std::string>(&value)) {
        return {*text};
    }
    if (const auto* list = std::get_if<schemas::TextList>(&value)) {
        return *list;
    }
    std::vector<std::string> texts;
    if (const auto* map = std::get_if<schemas::TextMap>(&value)) {
        for (const auto& [name, text] : *map) {
            texts.push_back(text);
        }
    }
    return texts;
}

bool runs_here(const schemas::Probe& probe, const std::string& location) {
    return probe.from.empty() || std::ranges::find(probe.from, location) != probe.from.end();
}

// Each secret that a probe of this location wants and this machine does not have, once.
void look_for_secrets(const schemas::Definitions& definitions, const schemas::ProberConfig& config,
                      schemas::Problems& problems) {
    std::set<std::string> asked;
    const auto ask = [&](const std::string& name, const std::string& file, schemas::Position at) {
        if (!asked.insert(name).second) {
            return;
        }
        if (const auto found = config.secrets->find(name); !found) {
            problems.push_back({Problem::Kind::error, file, at, found.error(), ""});
        }
    };
    for (const auto& definition : definitions) {
        for (const schemas::Probe& probe : definition->probes) {
            if (!runs_here(probe, config.location)) {
                continue;
            }
            for (const schemas::Step& step : probe.steps) {
                for (const auto& [name, value] : step.parameters) {
                    for (const std::string& text : texts_of(value)) {
                        for (const schemas::Reference& reference : schemas::references(text)) {
                            if (reference.kind == schemas::Reference::Kind::secret) {
                                ask(reference.name, definition->file, step.at);
                            }
                        }
                    }
                }
            }
        }
    }
}

nlohmann::json to_json(const Problem& problem) {
    return {{"kind", problem.kind == Problem::Kind::error ? "error" : "advice"},
            {"file", problem.file},
            {"line", problem.at.line},
            {"column", problem.at.column},
            {"message", problem.message},
            {"hint", problem.hint}};
}

std::string count(std::ptrdiff_t number, std::string_view one, std::string_view many) {
    return fmt::format("{} {}", number, number == 1 ? one : many);
}

void print(const CheckOptions& options, const schemas::ReadDefinitions& read) {
    const std::ptrdiff_t errors = std::ranges::count(read.problems, Problem::Kind::error, &Problem::kind);
    const auto advice = static_cast<std::ptrdiff_t>(read.problems.size()) - errors;
    std::size_t probes = 0;
    for (const auto& definition : read.definitions) {
        probes += definition->probes.size();
    }
    if (options.format == "json") {
        nlohmann::json out{{"errors", errors},
                           {"advice", advice},
                           {"services", nlohmann::json::array()},
                           {"problems", nlohmann::json::array()}};
        for (const auto& definition : read.definitions) {
            out["services"].push_back(definition->service.id);
        }
        for (const Problem& problem : read.problems) {
            out["problems"].push_back(to_json(problem));
        }
        std::cout << out.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
        return;
    }
    for (const Problem& problem : read.problems) {
        std::cout << schemas::to_string(problem) << '\n';
    }
    std::cout << fmt::format("{}, {}; good: {} with {}\n", count(errors, "error", "errors"),
                             count(advice, "piece of advice", "pieces of advice"),
                             count(static_cast<std::ptrdiff_t>(read.definitions.size()), "service", "services"),
                             count(static_cast<std::ptrdiff_t>(probes), "probe", "probes"));
}

}  // namespace

int check(const CheckOptions& options) {
    std::vector<std::string> paths = options.paths;
    schemas::ReadDefinitions read;
    std::optional<schemas::ProberConfig> config;
    if (paths.empty() || options.config) {
        const auto file = find_config(options.config);
        if (!file) {
            complain("name a definition file or directory, or --config FILE; there is no slimtax.toml here");
            return usage_error;
        }
        auto read_config = schemas::read_prober_config(*file);
        read.problems = std::move(read_config.problems);
        config = std::move(read_config.config);
        if (paths.empty() && config) {
            paths.push_back(config->definitions.string());
        }
    }
    if (!paths.empty()) {
        schemas::ReadDefinitions definitions = read_inputs(paths);
        read.definitions = std::move(definitions.definitions);
        read.problems.insert(read.problems.end(), definitions.problems.begin(), definitions.problems.end());
    }
    const schemas::Problems load = advise_on_load(read.definitions);
    read.problems.insert(read.problems.end(), load.begin(), load.end());
    if (config) {
        look_for_secrets(read.definitions, *config, read.problems);
    }
    print(options, read);
    return schemas::has_errors(read.problems) ? 1 : 0;
}

}  // namespace slimtax::prober
