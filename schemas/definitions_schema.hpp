// The JSON Schema of definition files, for editors: what is the same for all lies in definitions.base.json, the
// steps' parameters come from the operations' own descriptions.
#pragma once

#include <string>

#include "schemas/operation_info.hpp"

namespace slimtax::schemas {

/// JSON Schema (draft 2020-12) as indented text. Every step is checked against the operation it names.
[[nodiscard]] std::string definitions_schema(Catalog catalog);

}  // namespace slimtax::schemas
