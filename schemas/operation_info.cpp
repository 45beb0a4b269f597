#include "schemas/operation_info.hpp"

#include <algorithm>

namespace slimtax::schemas {

const OperationInfo* find_operation(Catalog catalog, std::string_view name) {
    const auto it = std::ranges::find(catalog, name, [](const OperationInfo* info) { return info->name; });
    return it == catalog.end() ? nullptr : *it;
}

}  // namespace slimtax::schemas
