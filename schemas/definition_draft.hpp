// Inside the definition reader: what its parts hand to each other. Each part reads its tables and complains; the
// last one checks what no table can know alone.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "schemas/definition.hpp"
#include "schemas/operation_info.hpp"
#include "schemas/toml_reader.hpp"

namespace slimtax::schemas {

/// No probe runs more often than this.
inline constexpr Duration shortest_interval = std::chrono::milliseconds(10);

/// A definition on its way, with the tables that its parts came from.
struct Draft {
    Definition definition;
    std::vector<const TomlNode*> objective_nodes;  ///< as definition.objectives
    std::vector<const TomlNode*> probe_nodes;      ///< as definition.probes
    /// False when a probe's id, level or purpose could not be read: then nothing can be said about objectives
    /// that seem to have no probe.
    bool probes_known = true;
};

/// `[service]`, from the whole file's table.
void read_service(TableReader& file, Draft& draft);

/// `[window]`.
void read_window(TableReader& file, Draft& draft);

/// Every `[[objective]]`.
void read_objectives(TableReader& file, Draft& draft);

/// Every `[[probe]]` with its steps.
void read_probes(TableReader& file, Draft& draft, Catalog catalog);

/// Every `[[probe.collect]]` of a probe, whose steps are there already; each with its table.
[[nodiscard]] std::vector<std::pair<Probe, const TomlNode*>> read_collects(TableReader& table, const Probe& source,
                                                                           Draft& draft, Catalog catalog);

/// The layer, one of the service's; or else the one that the probe has, where the service has it.
void read_layer(TableReader& table, Probe& probe, const Service& service);

/// False when the purpose could not be read.
[[nodiscard]] bool read_purpose(TableReader& table, Probe& probe);

/// What `save` and `collect` take a value from: an output's name, or a function over the answer.
void read_source_of_value(Complaints& complaints, const OperationInfo& info, const TomlNode& node, std::string& output,
                          std::optional<Extraction>& function);

/// The parameters that a step's operation declares. `saved` are the values that earlier steps save.
void read_parameters(TableReader& table, const OperationInfo& info, const std::vector<std::string>& saved,
                     bool has_targets, Step& step);

/// A regular expression; nothing when it is none, which has then been said.
[[nodiscard]] std::optional<Pattern> read_pattern(Complaints& complaints, const TomlNode& node, std::string_view key);

/// Complains about a key that cannot be the name of a saved value.
void check_saved_name(Complaints& complaints, const TomlNode::Entry& entry);

/// The steps of one probe; its targets, timeout and think time are there already.
void read_steps(TableReader& table, Probe& probe, Catalog catalog);

/// What holds between probes and objectives: ids, levels, schedules, locations, targets; and advice.
void check_definition(Complaints& complaints, const Draft& draft, Catalog catalog);

/// Whether the schedules can support the objectives: enough runs, budgets that can be missed; and advice on levels.
void check_adequacy(Complaints& complaints, const Draft& draft, Catalog catalog);

/// A duration that people would write: rounded down to 5 min, 1 min, 5 s, 1 s or a millisecond.
[[nodiscard]] Duration handy(Duration duration);

/// A level ("A2"), or nothing when it is missing or none; then it has been said.
[[nodiscard]] std::optional<Level> read_level(TableReader& table);

/// The longest that may lie between two runs of a probe.
[[nodiscard]] Duration longest_gap(const Probe& probe);

}  // namespace slimtax::schemas
