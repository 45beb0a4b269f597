// What several commands need.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "schemas/definition_reader.hpp"
#include "schemas/problem.hpp"

namespace slimtax::prober {

/// The configuration that was named, or else ./slimtax.toml or /etc/slimtax/slimtax.toml, whichever is there.
[[nodiscard]] std::optional<std::filesystem::path> find_config(const std::optional<std::filesystem::path>& named);

/// Reads definitions from files, directories, or standard input ("-").
[[nodiscard]] schemas::ReadDefinitions read_inputs(const std::vector<std::string>& paths);

/// One line a problem, on standard error.
void complain(const schemas::Problems& problems);

/// One line on standard error, "slimtax-prober: …".
void complain(const std::string& sentence);

}  // namespace slimtax::prober
