#include "prober/segment_writer.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "prober/segment.hpp"

namespace slimtax::prober {

SegmentWriter::SegmentWriter(const SpoolFolder& folder, std::uint64_t segment_bytes, Write write,
                             std::uint64_t last_number)
    : folder_(folder), segment_bytes_(segment_bytes), write_(std::move(write)) {
    for (const auto& [number, size] : folder_.segments()) {
        segments_.push_back({number, size});
    }
    next_number_ = std::max(last_number, segments_.empty() ? 0 : segments_.back().number) + 1;
}

SpoolPosition SegmentWriter::end() const {
    return segments_.empty() ? SpoolPosition{} : SpoolPosition{segments_.back().number, segments_.back().size};
}

std::uint64_t SegmentWriter::bytes() const {
    std::uint64_t bytes = 0;
    for (const Segment& segment : segments_) {
        bytes += segment.size;
    }
    return bytes;
}

int SegmentWriter::start_segment() {
    const std::uint64_t number = next_number_++;
    constexpr int flags = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC;
    auto file = std::make_shared<Descriptor>(::open(folder_.segment_path(number).c_str(), flags, 0600));
    if (file->get() < 0) {
        return errno;
    }
    active_ = std::move(file);
    segments_.push_back({number, 0});
    unsynced_.folder = true;
    return 0;
}

int SegmentWriter::append(std::string_view bytes, schemas::Instant stamp) {
    if (!active_ || segments_.back().size >= segment_bytes_) {
        if (const int error = start_segment(); error != 0) {
            return error;
        }
    }
    Segment& segment = segments_.back();
    const std::uint64_t offset = std::max<std::uint64_t>(segment.size, segment_header.size());
    std::string data(segment.size == 0 ? segment_header : "");
    data += encode_record(bytes, stamp, segment.number, offset);
    std::size_t written = 0;
    while (written < data.size()) {
        const ssize_t wrote = write_(active_->get(), data.data() + written, data.size() - written,
                                     static_cast<off_t>(segment.size + written));
        if (wrote < 0 && errno == EINTR) {
            continue;
        }
        if (wrote <= 0) {
            const int error = wrote == 0 ? ENOSPC : errno;
            take_back();
            return error;
        }
        written += static_cast<std::size_t>(wrote);
    }
    segment.size += written;
    if (std::ranges::find(unsynced_.files, active_) == unsynced_.files.end()) {
        unsynced_.files.push_back(active_);
    }
    return 0;
}

/// Removes what was written of a record that could not be written whole.
void SegmentWriter::take_back() {
    const Segment& segment = segments_.back();
    if (segment.size == 0) {  // an empty segment is no use: the next attempt starts another
        ::unlink(folder_.segment_path(segment.number).c_str());
        segments_.pop_back();
        active_.reset();
    } else if (::ftruncate(active_->get(), static_cast<off_t>(segment.size)) != 0) {
        active_.reset();  // what is behind segment.size is then a torn tail, which readers ignore
    }
}

void SegmentWriter::delete_until(const SpoolPosition& confirmed) {
    const std::uint64_t written_to = active_ ? segments_.back().number : 0;
    std::erase_if(segments_, [&](const Segment& segment) {
        if (segment.number == written_to || SpoolPosition{segment.number, segment.size} > confirmed) {
            return false;
        }
        ::unlink(folder_.segment_path(segment.number).c_str());
        return true;
    });
}

}  // namespace slimtax::prober
