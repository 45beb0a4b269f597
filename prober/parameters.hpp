// A step's parameters with `${...}` expanded, ready for its operation's Arguments.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "schemas/definition.hpp"
#include "schemas/operation_info.hpp"

namespace slimtax::prober {

/// What `${...}` stands for in this run.
struct ExpansionSources {
    std::string_view target;
    std::string_view location;
    const std::map<std::string, std::string>* saved;  ///< by earlier steps
    const std::function<tl::expected<std::string, std::string>(std::string_view name)>* secret;
};

struct ExpandedParameters {
    std::map<std::string, schemas::Value> values;  ///< those that differ from what is written, or are not written
    bool from_saved = false;                       ///< some hold what a service had answered
};

/// Why parameters could not be expanded.
struct ExpansionTrouble {
    std::string reason;
    bool saved_missing = false;  ///< an earlier step did not come so far as to save what is needed here
};

/// The parameters that hold `${...}`, expanded; and the target in the operation's target parameter when that was left
/// out. Fallbacks and conversion are left to Arguments.
[[nodiscard]] tl::expected<ExpandedParameters, ExpansionTrouble> expand_parameters(const schemas::Step& step,
                                                                                   const schemas::OperationInfo& info,
                                                                                   const ExpansionSources& sources);

}  // namespace slimtax::prober
