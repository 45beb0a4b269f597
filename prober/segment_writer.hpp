// The segments of a spool from the writing side: which there are, and the one that is appended to. No locking.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "prober/spool.hpp"
#include "prober/spool_files.hpp"

namespace slimtax::prober {

struct Segment {
    std::uint64_t number = 0;
    std::uint64_t size = 0;  ///< bytes of whole records, header included
};

class SegmentWriter {
public:
    using Write = std::function<ssize_t(int fd, const void* bytes, std::size_t size, off_t offset)>;

    /// Takes up the segments that are in the folder; new ones get numbers beyond theirs and beyond `last_number`.
    SegmentWriter(const SpoolFolder& folder, std::uint64_t segment_bytes, Write write, std::uint64_t last_number);

    /// Appends a record. Returns 0, or an errno when it could not be written whole: then nothing of it counts.
    [[nodiscard]] int append(std::string_view bytes, schemas::Instant stamp);

    /// By number.
    [[nodiscard]] const std::vector<Segment>& segments() const { return segments_; }
    /// Behind the last record.
    [[nodiscard]] SpoolPosition end() const;
    /// Bytes of all segments.
    [[nodiscard]] std::uint64_t bytes() const;

    /// Deletes the segments that end at or before the position, but for the one that is appended to.
    void delete_until(const SpoolPosition& confirmed);

    /// What has to be synced since the last call.
    struct Unsynced {
        std::vector<std::shared_ptr<Descriptor>> files;
        bool folder = false;  ///< segments were added to it
        [[nodiscard]] bool empty() const { return files.empty() && !folder; }
    };
    [[nodiscard]] Unsynced take_unsynced() { return std::exchange(unsynced_, {}); }
    [[nodiscard]] bool has_unsynced() const { return !unsynced_.empty(); }

    /// The next append begins a segment.
    void begin_afresh() { active_.reset(); }

private:
    int start_segment();
    void take_back();

    const SpoolFolder& folder_;
    std::uint64_t segment_bytes_;
    Write write_;
    std::uint64_t next_number_ = 1;
    std::vector<Segment> segments_;       // while active_, the last is written to
    std::shared_ptr<Descriptor> active_;  // null: the next append starts a segment
    Unsynced unsynced_;
};

}  // namespace slimtax::prober
