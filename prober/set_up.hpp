// What `run` and `try` set up alike: the engine's options and what scripts run in.
#pragma once

#include <cstddef>
#include <memory>

#include "prober/script.hpp"
#include "prober/stall.hpp"
#include "probes/io/engine.hpp"
#include "schemas/config.hpp"

namespace slimtax::prober {

[[nodiscard]] probes::EngineOptions engine_options(const schemas::ProberConfig& config);

/// The registry of operations, secrets and their redaction, randomness of its own, and the watch for stalls, which
/// must outlive the environment.
void equip(ScriptEnvironment& environment, std::shared_ptr<const schemas::Secrets> secrets, const StallWatch& stall);

/// Raises the limit on descriptors as far as it goes; returns how many of them runs may have open at a time.
[[nodiscard]] std::size_t descriptors_for_runs();

/// How many descriptors a run of the probe may have open: what its steps need together, since a later one may use
/// what an earlier one left open. At least one.
[[nodiscard]] std::size_t descriptors_of(const schemas::Probe& probe);

}  // namespace slimtax::prober
