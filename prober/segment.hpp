// One file of the spool: how records lie in it, and how they are found again whatever happened to the file.
//
// A segment is named by its number, sixteen digits and ".segment", and never appended to by a second process: a
// prober that starts begins a new one, with a number that was never used before. Its bytes, integers little-endian:
//
//   segment := "slimtax spool 1\n" record*
//   record  := "SLR1"        so that the next record can be found behind a damaged one
//              length  u32   of the payload
//              stamp   i64   UTC microseconds, as given to append
//              check   u32   CRC-32 of (segment number u64, offset of the record u64, length, stamp, payload)
//              payload
//
// The check covers the record's own place, so that neither a stale disk block nor a payload that holds the image
// of a record can pass for one. Reading goes from record to record; where none is valid the reader looks for the
// next place where one is. Damage that is followed by a valid record is counted as skipped; damage that reaches
// the end of the file is an append that a power cut or a full disk cut short: ignored, not an error.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "schemas/time.hpp"

namespace slimtax::prober {

inline constexpr std::string_view segment_header = "slimtax spool 1\n";
inline constexpr std::size_t record_header_bytes = 20;
/// Larger payloads are refused: a length beyond this is damage.
inline constexpr std::size_t max_payload_bytes = 4u << 20;

/// The bytes of a record that is to lie at `offset` of segment `number`.
[[nodiscard]] std::string encode_record(std::string_view payload, schemas::Instant stamp, std::uint64_t number,
                                        std::uint64_t offset);

/// Reads the records of one segment in order. Does not own the descriptor.
class SegmentReader {
public:
    struct Record {
        std::string payload;
        schemas::Instant stamp;
        std::uint64_t end = 0;  ///< offset behind the record
    };

    /// Reads from offset `from` (0: behind the header) up to offset `end`.
    SegmentReader(int fd, std::uint64_t number, std::uint64_t from, std::uint64_t end);

    /// The next valid record, or nothing at the end (and at a read error, which `failed` tells).
    [[nodiscard]] std::optional<Record> next();

    /// Damage passed by the latest `next`: offset and bytes; 0 bytes when there was none.
    [[nodiscard]] std::uint64_t damage_at() const { return damage_at_; }
    [[nodiscard]] std::uint64_t damage_bytes() const { return damage_bytes_; }
    /// True when reading the file failed: errno text in `error`.
    [[nodiscard]] bool failed() const { return !error_.empty(); }
    [[nodiscard]] const std::string& error() const { return error_; }

private:
    std::string_view window(std::uint64_t offset, std::size_t wanted);
    std::optional<Record> record_at(std::uint64_t offset);
    std::uint64_t next_magic(std::uint64_t offset);

    int fd_;
    std::uint64_t number_;
    std::uint64_t position_;
    std::uint64_t end_;
    std::uint64_t damage_at_ = 0;
    std::uint64_t damage_bytes_ = 0;
    std::uint64_t buffer_at_ = 0;
    std::string buffer_;
    std::string error_;
};

}  // namespace slimtax::prober
