// A step's parameters, ready for its operation: `${...}` expanded, omitted ones completed.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>

#include <tl/expected.hpp>

#include "schemas/definition.hpp"
#include "schemas/expansion.hpp"
#include "schemas/operation_info.hpp"
#include "schemas/words.hpp"

namespace slimtax::prober {

using ParameterValues = std::map<std::string, schemas::Value>;

/// The fallbacks of operations, read once each. Not for several threads at once.
class Fallbacks {
public:
    /// Throws std::logic_error when a fallback is not TOML of its parameter's type: our own mistake.
    const ParameterValues& of(const schemas::OperationInfo& info);

private:
    std::unordered_map<const schemas::OperationInfo*, ParameterValues> read_;
};

/// Why a step cannot start.
struct CannotStart {
    schemas::Verdict verdict = schemas::Verdict::prober_fault;
    std::string reason;
    bool saved_missing = false;  ///< it needs what an earlier step did not save
};

/// What `${...}` stands for in this run.
struct ExpansionSources {
    std::string_view target;
    std::string_view location;
    const std::map<std::string, std::string>* saved;  ///< by earlier steps
    std::function<tl::expected<std::string, std::string>(std::string_view name)> secret;
};

/// The parameters as written, expanded and converted to their declared types, then the target in the operation's
/// target parameter when that was left out, then the fallbacks.
[[nodiscard]] tl::expected<ParameterValues, CannotStart> complete_parameters(const schemas::Step& step,
                                                                             const schemas::OperationInfo& info,
                                                                             const ExpansionSources& sources,
                                                                             Fallbacks& fallbacks);

}  // namespace slimtax::prober
