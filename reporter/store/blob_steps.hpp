// How blobs are made of rows that lie anywhere, and their `detail` half: the steps of runs. For blob*.cpp and the
// writer of a store; the format stands in blob.hpp.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "reporter/store/blob.hpp"

namespace slimtax::reporter {

/// As encode_hour of blob.hpp. The same intended start may stand there for several series, as in table `batch`. With
/// the seed of the rows' one series (schemas/slots.hpp) runs on its schedule are named by their slots: that is four
/// bytes less for each.
[[nodiscard]] HourBlob encode_rows(std::int64_t hour, std::span<const schemas::RunResult* const> rows,
                                   std::optional<std::uint64_t> seed);

[[nodiscard]] std::string encode_steps(std::span<const schemas::RunResult* const> rows);

/// Fills in the steps of rows whose other fields are there already.
[[nodiscard]] Decoded decode_steps(std::string_view detail, std::span<schemas::RunResult> rows);

}  // namespace slimtax::reporter
