// Runs as bytes: protobuf (result.proto) and the same schema's JSON mapping. What is decoded has been checked.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "schemas/result.hpp"

namespace slimtax::schemas {

/// What one POST carries.
struct Batch {
    std::string prober;    ///< who sends
    std::string location;  ///< where it runs
    std::vector<RunResult> results;
};

/// Bytes of a wire.Batch. Texts that are not UTF-8 (a server's answer in a reason) become so: bad bytes are U+FFFD.
[[nodiscard]] std::string encode(const Batch& batch);

/// The JSON mapping of a wire.Batch, with the field names of result.proto.
[[nodiscard]] std::string encode_json(const Batch& batch);

/// One run as bytes of a wire.Result, for the spool.
[[nodiscard]] std::string encode(const RunResult& run);

/// The batch, or a sentence that says what is wrong with which result: no batch, a missing id, a verdict that does
/// not exist, a negative time, an intended start outside the years 2000 to 2199, text beyond its limit.
[[nodiscard]] tl::expected<Batch, std::string> decode(std::string_view bytes);

/// As `decode`, from JSON. Unknown fields are an error.
[[nodiscard]] tl::expected<Batch, std::string> decode_json(std::string_view text);

/// One run from bytes of a wire.Result.
[[nodiscard]] tl::expected<RunResult, std::string> decode_result(std::string_view bytes);

/// Nothing when the run is one that `decode` would take, or else a sentence.
[[nodiscard]] tl::expected<void, std::string> check(const RunResult& run);

}  // namespace slimtax::schemas
