// What the script makes of a step's report: several times added up, values saved.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "probes/operation.hpp"
#include "schemas/definition.hpp"

namespace slimtax::prober {

/// An output as people read it.
[[nodiscard]] std::string to_text(const schemas::OutputValue& value, schemas::OutputType type);

/// Adds what earlier times of a repeated step left: the outputs are the last one's; times, work and transcript are
/// everyone's.
void add_up(probes::StepReport before, probes::StepReport& report);

/// Each timing becomes an output "time.NAME", where the operation did not leave one itself.
void offer_timings(probes::StepReport& report);

/// Does what a step's `save` says; or why it cannot be done: "there is no 'cookie' to save as 'n'".
[[nodiscard]] std::optional<std::string> save_values(const schemas::Step& step, const schemas::Outputs& outputs,
                                                     const schemas::ValueOf& value_of,
                                                     std::map<std::string, std::string>& saved);

}  // namespace slimtax::prober
