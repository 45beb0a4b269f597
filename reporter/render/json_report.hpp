// The report's JSON (design §7, schemas/report.schema.json), in pieces, for the API's other answers too.
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

#include "reporter/report.hpp"

namespace slimtax::reporter {

/// Keys stay in the order in which they were put in: easier to read and to compare.
using Json = nlohmann::ordered_json;

[[nodiscard]] Json report_json(const Report& report);
[[nodiscard]] Json period_json(const Report& report);
[[nodiscard]] Json service_json(const ServiceReport& service, bool so_far);
[[nodiscard]] Json objective_json(const ServiceReport& service, const ObjectiveReport& objective, bool so_far);
[[nodiscard]] Json light_json(const ObjectiveReport& objective);
[[nodiscard]] Json budget_json(const BudgetUse& budget);

/// The text of an answer; never fails, whatever bytes the strings hold.
[[nodiscard]] std::string json_text(const Json& json);

}  // namespace slimtax::reporter
