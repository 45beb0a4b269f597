// Results wait here, on disk, until the reporter has them: through kill -9 and days without a reporter.
// The spool does not look into what it keeps: byte strings, each with a stamp for people.
//
// What lies in the folder:
//   lock                       held (flock) by the prober that owns the folder; its process number in it
//   0000000000000007.segment   records, in the order of append (format: segment.hpp); deleted when confirmed
//   confirmed                  how far the reporter has confirmed: "SLC1", segment u64, offset u64, CRC-32 u32,
//                              rewritten in place. Unreadable: everything that is there is sent again, which is
//                              harmless, since a result is stored once however often it is sent
//   rejected/                  what the reporter refuses for good: NAME.body (as it was sent) and NAME.reason
//
// What is safe when. `append` has written its record to the file when it returns: kill -9, an abort or the OOM
// killer lose nothing of it. The disk is told to keep it (fdatasync) by a thread of the spool's own, `sync_every`
// (half a second) after the first unsynced append, all of them in one go: a power cut or a kernel crash may lose what
// was appended in the last half second and the time that a sync takes, nothing older. No caller ever waits for a sync.
//
// When the folder has reached `limit`, new records are dropped and what is there stays, because (1) `append` has
// promised to keep it, (2) deleting the oldest would race with its being sent, and (3) either way the same length
// of time goes unmeasured, and so it is the time at hand: counted, logged and on /metrics while somebody can still
// do something. A dropped result is a run that never arrived: unmeasured time in every report, not silence.
//
// When the disk is full (or a write fails otherwise), records are kept in memory up to `memory_limit` and written
// as soon as the disk takes them again; they are sent from memory meanwhile. What does not fit is dropped as above.
//
// Threading: `append`, `stats` and `sync` from any thread; `peek`, `confirm` and `set_aside` from one consumer at
// a time (it may be a worker thread: `peek` reads files, and appends go on meanwhile).
#pragma once

#include <compare>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include <tl/expected.hpp>

#include "schemas/time.hpp"

namespace slimtax::prober {

struct SpoolOptions {
    std::filesystem::path folder;
    std::uint64_t limit = 2'000'000'000;          ///< bytes of the folder, rejected results included
    std::uint64_t memory_limit = 32u << 20;       ///< bytes kept in memory while the disk takes none
    std::uint64_t segment_bytes = 8u << 20;       ///< a segment is closed beyond this; at most limit / 8
    std::chrono::milliseconds sync_every{500};    ///< what a power cut may lose
    std::chrono::milliseconds retry_every{1000};  ///< how often a disk that takes nothing is tried again
    // The file layer, for tests that need a disk to misbehave: as pwrite(2) and fdatasync(2).
    std::function<ssize_t(int fd, const void* bytes, std::size_t size, off_t offset)> write;
    std::function<int(int fd)> sync;
};

/// A place between two records.
struct SpoolPosition {
    std::uint64_t segment = 0;
    std::uint64_t offset = 0;
    auto operator<=>(const SpoolPosition&) const = default;
};

struct SpoolEntry {
    std::string bytes;
    schemas::Instant stamp;
    SpoolPosition end;  ///< behind it: confirming this confirms it and all before it
};

struct SpoolStats {
    std::uint64_t appended = 0;                     ///< records, since the start
    std::uint64_t confirmed = 0;                    ///< records, since the start
    std::uint64_t waiting_bytes = 0;                ///< not confirmed, on disk and in memory
    std::uint64_t memory_records = 0;               ///< not on disk, because the disk takes none
    std::optional<schemas::Instant> oldest;         ///< stamp of the next record to be sent, as the latest peek saw it
    std::uint64_t dropped = 0;                      ///< records, for want of room
    std::optional<schemas::Instant> dropped_first;  ///< least and greatest stamp of the dropped
    std::optional<schemas::Instant> dropped_last;
    std::uint64_t damaged = 0;  ///< damaged stretches that were skipped
    std::uint64_t damaged_bytes = 0;
    std::uint64_t write_failures = 0;
    std::uint64_t sync_failures = 0;
    std::uint64_t rejected = 0;  ///< files set aside, also by earlier processes
};

class Spool {
public:
    /// Where an appended record is now.
    enum class Kept { on_disk, in_memory, dropped };

    /// Opens or makes the folder. The error is a sentence: not writable, or held by another prober.
    [[nodiscard]] static tl::expected<std::unique_ptr<Spool>, std::string> open(SpoolOptions options);
    /// Syncs what is there.
    ~Spool();
    Spool(const Spool&) = delete;
    Spool& operator=(const Spool&) = delete;

    /// Keeps `bytes` (at most 4 MiB; more is dropped). `stamp` is the run's intended start.
    Kept append(std::string_view bytes, schemas::Instant stamp);

    /// The oldest unconfirmed records, in order: at most `most`, and about `most_bytes` of them. Changes nothing:
    /// the same again until they are confirmed.
    [[nodiscard]] std::vector<SpoolEntry> peek(std::size_t most, std::size_t most_bytes = 4u << 20);

    /// The records up to `end` (a SpoolEntry's, of the latest peek) are stored for good: forget them.
    void confirm(const SpoolPosition& end);

    /// Puts a refused record into rejected/ with the reason, on disk for good when it returns; confirm it then.
    /// `body` is what was sent. Again for the same entry: the same files.
    [[nodiscard]] tl::expected<std::filesystem::path, std::string> set_aside(const SpoolEntry& entry,
                                                                             std::string_view body,
                                                                             std::string_view reason);

    /// Blocks until everything on file is on disk.
    void sync();

    [[nodiscard]] SpoolStats stats();

private:
    class Impl;
    explicit Spool(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace slimtax::prober
