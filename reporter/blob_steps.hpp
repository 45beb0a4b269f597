// The `detail` half of a blob: the steps of runs. For blob.cpp; the format stands in blob.hpp.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "reporter/blob.hpp"

namespace slimtax::reporter {

[[nodiscard]] std::string encode_steps(std::span<const schemas::RunResult> rows);

/// Fills in the steps of rows whose other fields are there already.
[[nodiscard]] Decoded decode_steps(std::string_view detail, std::span<schemas::RunResult> rows);

}  // namespace slimtax::reporter
