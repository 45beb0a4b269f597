// Finding operations by what people type.
#pragma once

#include <string>
#include <vector>

#include "schemas/operation_info.hpp"

namespace slimtax::prober {

/// The operation of that name alone; or else all whose name holds the word as a part between dots ("ldap",
/// "login"); or else all whose name, summary or parameters' help hold it as a word; or none.
[[nodiscard]] std::vector<const schemas::OperationInfo*> find_operations(schemas::Catalog catalog,
                                                                         const std::string& word);

/// "there is no operation 'ldap.bnd', did you mean 'ldap.bind'? 'slimtax-prober list' shows all".
[[nodiscard]] std::string unknown_operation(schemas::Catalog catalog, const std::string& word);

}  // namespace slimtax::prober
