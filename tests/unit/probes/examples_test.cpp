#include <doctest/doctest.h>

#include <filesystem>
#include <set>
#include <string>

#include "probes/registry.hpp"
#include "schemas/definition_reader.hpp"

namespace slimtax::probes {

TEST_CASE("the examples of the documentation are taken as they stand, and use every operation there is") {
    const auto folder = std::filesystem::path(SLIMTAX_SOURCE_DIR) / "docs/examples";
    const schemas::ReadDefinitions read = schemas::read_definitions({folder}, catalog());
    for (const schemas::Problem& problem : read.problems) {
        CHECK_MESSAGE(false, schemas::to_string(problem));
    }
    std::set<std::string_view> used;
    for (const auto& definition : read.definitions) {
        for (const schemas::Probe& probe : definition->probes) {
            for (const schemas::Step& step : probe.steps) {
                used.insert(step.operation);
            }
        }
    }
    for (const schemas::OperationInfo* info : catalog()) {
        CHECK_MESSAGE(used.contains(info->name), "no example in docs/examples uses ", std::string(info->name));
    }
}

}  // namespace slimtax::probes
