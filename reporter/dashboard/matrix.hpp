// The SLIMTAX matrix of a service (S2): which layer is tested at which level, with what result, and what nothing
// covers yet.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "reporter/dashboard/page.hpp"
#include "reporter/html.hpp"
#include "reporter/render/json_report.hpp"

namespace slimtax::reporter {

/// One probe of a service with what its series say now.
struct ProbeNow {
    const schemas::Probe* probe = nullptr;
    std::vector<SeriesNow> series;
    schemas::Light light = schemas::Light::grey;
    std::string word;  ///< "up", "1 of 4 down", "no data"
};

struct MatrixRow {
    std::string layer;
    std::array<std::vector<ProbeNow>, 5> cells;  ///< A0 … A4
};

/// Top of the stack first. Series that no objective looks at are read from the store.
[[nodiscard]] std::vector<MatrixRow> matrix_of(const ServiceReport& service, Store* store, schemas::Instant now);

[[nodiscard]] Html matrix_table(const std::vector<MatrixRow>& rows);
[[nodiscard]] Json matrix_json(const std::vector<MatrixRow>& rows);

}  // namespace slimtax::reporter
