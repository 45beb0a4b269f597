// The reference page of the operations, from their own descriptions.
#pragma once

#include <string>

#include "schemas/operation_info.hpp"

namespace slimtax::schemas {

/// Markdown: one section an operation, with its parameters, outputs and an example.
[[nodiscard]] std::string operations_reference(Catalog catalog);

/// The section of one operation.
[[nodiscard]] std::string operation_reference(const OperationInfo& info);

}  // namespace slimtax::schemas
