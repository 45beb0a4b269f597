// The text of a new definition file for one operation, made from the operation's own description.
#pragma once

#include <string>

#include "schemas/operation_info.hpp"
#include "schemas/words.hpp"

namespace slimtax::prober {

/// What its author knows already.
struct NewDefinition {
    std::string target;   ///< empty: a name that stands for one, where the operation wants a target
    std::string service;  ///< the service's id; empty: one that stands for it
    schemas::Level level = schemas::Level::A2;
};

/// Where a probe of this operation is most useful: for one that goes to a target the lowest of its levels that is
/// seen over the network, for one that looks at its own machine the first that it names.
[[nodiscard]] schemas::Level usual_level(const schemas::OperationInfo& info);

/// A definition that the reader takes as it stands, with an objective of the level, the steps that the operation
/// leans on and the closing ones that lean on these. Lines to change end in `# <--`; optional parameters are there
/// as comments (`#name = value`), and taking the `#` away leaves the file good.
[[nodiscard]] std::string new_definition(const schemas::OperationInfo& info, schemas::Catalog catalog,
                                         const NewDefinition& wishes);

}  // namespace slimtax::prober
