// Reads definition files: TOML → Definition, with every mistake of a file in one go.
#pragma once

#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

#include "schemas/definition.hpp"
#include "schemas/operation_info.hpp"
#include "schemas/problem.hpp"

namespace slimtax::schemas {

struct ReadDefinition {
    std::optional<Definition> definition;  ///< there when `problems` holds no error
    Problems problems;
};

/// Reads one definition from `text`; `file` is only for messages. With an empty catalogue steps are taken
/// unread (the reporter does not run them).
[[nodiscard]] ReadDefinition read_definition(std::string_view text, const std::string& file, Catalog catalog);

struct ReadDefinitions {
    Definitions definitions;  ///< the good files, by service id
    Problems problems;        ///< of all files
};

/// Reads files, and of directories every `*.toml` inside (not recursively, sorted by name). Two files for one
/// service are an error in the second.
[[nodiscard]] ReadDefinitions read_definitions(const std::vector<std::filesystem::path>& paths, Catalog catalog);

}  // namespace slimtax::schemas
