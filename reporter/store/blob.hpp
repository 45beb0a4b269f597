// The store's blobs: runs of ONE series within ONE hour, as two strings of bytes. `core` holds what the ledger
// needs and is all that a report reads; `detail` holds the steps, for drill-down and export. A result that is not
// sealed yet is an hour of one run in the same format.
//
// Either string is
//
//   version   one byte: 1; of detail 2 where a step has figures; of core 2 where runs are named by their slots
//   rows      varint
//   columns   each: varint length, then its bytes; in the order given below
//   checksum  CRC-32 (that of zlib) over all before it, four bytes, low byte first
//
// Numbers are varints (bytes.hpp), times are microseconds, rows stand by intended start, each once. "runs of X"
// means pairs (X, how often), since neighbours are mostly equal. An empty column means: 0, or no text, in each row.
// A text is its number in the column of texts, from 1; 0 is the empty one.
//
// Columns of core
//   1 intended   first the microseconds since the hour began, then the differences (> 0). In version 2, of runs that
//                all lie on one computed schedule: its seed (8 bytes, low one first), every, jitter (IEEE 754), the
//                first slot, then runs of differences of slots
//   2 started    zigzag of started - intended
//   3 response
//   4 rest       zigzag of length - response: think time and our own doings
//   5 every      runs of
//   6 verdict    runs of
//   7 reason     runs of text numbers
//   8 work       runs of units
//   9 work span  runs of
//  10 users      per row: how many, then for each text number and units
//  11 texts      how many, then for each its length and bytes
//
// Columns of detail. A row's *shape* is its list of steps without their times: most rows of an hour share one.
//   1 shapes     how many, then for each: steps; per step: name, operation, timings; per timing: name
//   2 shape      runs of shape numbers, from 0
//   3 offsets    per step: zigzag of offset - (offset + response of the step before)
//   4 think      runs of, over all steps
//   5 responses  per step, but for a row's last one: zigzag of its response - (run's response - the steps before)
//   6 timings    per timing
//   7 outcomes   of steps that are not plainly ok: how many, then for each: steps since the one before (counted
//                over all rows), verdict, reason's text number
//   8 texts      as above
//   9 figures    only in version 2; of steps that have any: how many, then for each: steps since the one before
//                (counted over all rows), how many figures, for each: name's and unit's text number, value (IEEE 754)
//
// A change of the format is a new version; readers read every version that ever was.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "reporter/store/run.hpp"
#include "schemas/result.hpp"

namespace slimtax::reporter {

struct HourBlob {
    std::string core;
    std::string detail;
};

/// The hour that an instant lies in, counted since 1970.
[[nodiscard]] std::int64_t hour_of(schemas::Instant instant);
[[nodiscard]] schemas::Instant begin_of_hour(std::int64_t hour);

/// Rows must be of one series and of this hour, by intended start, each intended start once, and such as
/// schemas::check takes.
[[nodiscard]] HourBlob encode_hour(std::int64_t hour, std::span<const schemas::RunResult> rows);

/// Errors are sentences about the bytes: cut off, checksum, a version from the future.
using Decoded = tl::expected<void, std::string>;

/// Appends the intended starts.
[[nodiscard]] Decoded decode_intended(std::int64_t hour, std::string_view core, std::vector<schemas::Instant>& out);

/// Appends the runs.
[[nodiscard]] Decoded decode_runs(std::int64_t hour, std::string_view core, std::vector<Run>& out);

/// Runs of one series within any stretch of time [begin, end), in the format of `core`.
[[nodiscard]] std::string encode_runs(schemas::Instant begin, std::span<const Run> runs);
[[nodiscard]] Decoded decode_runs(schemas::Instant begin, schemas::Instant end, std::string_view bytes,
                                  std::vector<Run>& out);

/// Appends the whole results.
[[nodiscard]] Decoded decode_results(std::int64_t hour, std::string_view core, std::string_view detail,
                                     const schemas::SeriesKey& key, std::vector<schemas::RunResult>& out);

}  // namespace slimtax::reporter
