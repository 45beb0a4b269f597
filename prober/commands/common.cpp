#include "prober/commands/common.hpp"

#include <iostream>
#include <iterator>

#include "probes/registry.hpp"

namespace slimtax::prober {

std::optional<std::filesystem::path> find_config(const std::optional<std::filesystem::path>& named) {
    if (named) {
        return named;
    }
    for (const char* place : {"slimtax.toml", "/etc/slimtax/slimtax.toml"}) {
        std::error_code ignored;
        if (std::filesystem::exists(place, ignored)) {
            return place;
        }
    }
    return std::nullopt;
}

schemas::ReadDefinitions read_inputs(const std::vector<std::string>& paths) {
    schemas::ReadDefinitions all;
    std::vector<std::filesystem::path> files;
    for (const std::string& path : paths) {
        if (path != "-") {
            files.emplace_back(path);
            continue;
        }
        const std::string text((std::istreambuf_iterator<char>(std::cin)), std::istreambuf_iterator<char>());
        schemas::ReadDefinition read = schemas::read_definition(text, "<standard input>", probes::catalog());
        if (read.definition) {
            all.definitions.push_back(std::make_shared<const schemas::Definition>(std::move(*read.definition)));
        }
        all.problems.insert(all.problems.end(), read.problems.begin(), read.problems.end());
    }
    if (!files.empty()) {
        schemas::ReadDefinitions read = schemas::read_definitions(files, probes::catalog());
        all.definitions.insert(all.definitions.end(), read.definitions.begin(), read.definitions.end());
        all.problems.insert(all.problems.end(), read.problems.begin(), read.problems.end());
    }
    return all;
}

void complain(const schemas::Problems& problems) {
    for (const schemas::Problem& problem : problems) {
        std::cerr << schemas::to_string(problem) << '\n';
    }
}

void complain(const std::string& sentence) {
    std::cerr << "slimtax-prober: " << sentence << '\n';
}

}  // namespace slimtax::prober
