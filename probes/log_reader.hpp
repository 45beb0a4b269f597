// Reads what was added to a log file since the last time, across everything that is done to logs.
//
// A position names the file by device and inode, and by a fingerprint of what was read of it (its first and its
// last bytes before the position), since inode numbers are used again. Where the file at the path is another one:
//   renamed       (logrotate's default) the old file is found by its inode beside the new one, its rest is read
//                 first, then the files that were rotated after it, then the new one from its beginning. While the
//                 new one is empty the old one is kept to: its writer has not changed over yet
//   copytruncate  the copy is found by the fingerprint, its rest is read, then the file itself from its beginning
//   gone          (compressed at once, or truncated by hand) reading goes on at the new beginning, and `lost` is
//                 true: what was written in between was not seen
// Only whole lines are read; a last line without its end waits for it, except in a file that was rotated away.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "probes/io/loop.hpp"
#include "schemas/time.hpp"

namespace slimtax::probes {

/// Where reading stopped.
struct LogPosition {
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::uint64_t offset = 0;
    std::uint64_t fingerprint = 0;  ///< at offset 0: the inode of the newest rotated file instead

    bool operator==(const LogPosition&) const = default;
};

struct LogLimits {
    /// Read at most so much; the rest is for the next time. Of a single line longer than this the rest counts as
    /// another line.
    std::uint64_t bytes = 64u << 20;
    std::size_t line_bytes = 64u << 10;     ///< of a longer line only the beginning is looked at
    TimePoint deadline = TimePoint::max();  ///< stop reading then
};

struct LogReading {
    std::string trouble;  ///< why nothing could be read, and what to do about it; empty: all is well
    LogPosition position;
    std::uint64_t lines = 0;   ///< given to `take`
    std::uint64_t behind = 0;  ///< bytes that are left for the next time, a last line's beginning included
    bool lost = false;         ///< lines may have been written that nobody can read any more
    /// When the file that reading goes on with came into being; only with `lost`, where the file system knows. A
    /// truncated file came into being before it was truncated.
    std::optional<schemas::Instant> begun;
    std::string rotated;  ///< the file whose rest was read, for the transcript
};

/// Reads the lines after `from` and gives each, without its end, to `take`. Without `from` it reads nothing: the
/// position is then the end of the file, or the beginning of its unfinished last line. Blocks; any thread.
[[nodiscard]] LogReading read_log(const std::string& path, const std::optional<LogPosition>& from,
                                  const LogLimits& limits, const std::function<void(std::string_view line)>& take);

}  // namespace slimtax::probes
