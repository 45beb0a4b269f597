// Results as comma-separated values, for `import` and `export` (design §7):
//
//   intended_start,service,probe,target,location,verdict,response_ms,reason
//
// The header is required. RFC 4180: fields with a comma, a quote or a line end stand in double quotes, a quote inside
// is doubled. `intended_start` is RFC 3339 with up to six digits of fraction; `response_ms` may have three decimals and
// is empty when there is none; `target` and `reason` may be empty. Steps, think time and users' work are not in it.
#pragma once

#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "schemas/problem.hpp"
#include "schemas/result.hpp"

namespace slimtax::reporter {

/// The results of a whole text, or everything that is wrong with it: at most `most_problems`, each with its line.
[[nodiscard]] tl::expected<std::vector<schemas::RunResult>, schemas::Problems> read_results_csv(
    std::string_view text, const std::string& file, std::size_t most_problems = 50);

/// Writes the header.
void write_results_header(std::ostream& out);

/// Writes one row a result.
void write_results(std::ostream& out, const std::vector<schemas::RunResult>& results);

}  // namespace slimtax::reporter
