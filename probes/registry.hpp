// The table of all operations.
#pragma once

#include <string_view>

#include "probes/operation.hpp"
#include "schemas/operation_info.hpp"

namespace slimtax::probes {

/// The row of that name ("http.get"), or null.
[[nodiscard]] const Operation* find_operation(std::string_view name);

/// All self-descriptions, sorted by name; lives as long as the program.
[[nodiscard]] schemas::Catalog catalog();

}  // namespace slimtax::probes
