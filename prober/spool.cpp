#include "prober/spool.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <thread>

#include "prober/log.hpp"
#include "prober/segment.hpp"
#include "prober/segment_writer.hpp"
#include "prober/spool_files.hpp"

namespace slimtax::prober {
namespace {

const Log& log() {
    static const Log module("spool");
    return module;
}

/// Positions of records that are in memory only: behind everything on disk.
constexpr std::uint64_t memory_segment = UINT64_MAX;

struct Pending {
    std::uint64_t sequence = 0;
    schemas::Instant stamp;
    std::string bytes;
};

}  // namespace

class Spool::Impl {
public:
    Impl(SpoolOptions options, SpoolFolder folder);
    ~Impl();

    Kept append(std::string_view bytes, schemas::Instant stamp);
    std::vector<SpoolEntry> peek(std::size_t most, std::size_t most_bytes);
    void confirm(const SpoolPosition& end);
    tl::expected<std::filesystem::path, std::string> set_aside(const SpoolEntry& entry, std::string_view body,
                                                               std::string_view reason);
    void sync();
    SpoolStats stats();

private:
    bool write_record(std::string_view bytes, schemas::Instant stamp);
    Kept drop(schemas::Instant stamp, const std::string& why);
    void end_of_drops();
    void wake_syncer() {
        if (idle_) {
            wake_.notify_all();
        }
    }
    void flush_pending();
    void confirm_disk(const SpoolPosition& end);
    void note_damage(std::uint64_t segment, std::uint64_t offset, std::uint64_t bytes, std::string_view what);
    bool read_segments(const std::vector<Segment>& segments, SpoolPosition from, std::size_t most,
                       std::size_t most_bytes, std::vector<SpoolEntry>& entries);
    bool sync_files(std::unique_lock<std::mutex>& lock);
    void keep_syncing();
    [[nodiscard]] std::uint64_t used_bytes() const;

    SpoolOptions options_;
    SpoolFolder folder_;
    std::mutex mutex_;  // guards all below
    std::condition_variable wake_;
    bool idle_ = false;  // the syncer has nothing to do; while it does, it looks for itself what came
    std::optional<SegmentWriter> writer_;  // always there
    SpoolPosition confirmed_;
    int confirm_error_ = 0;  // of the latest note of it
    std::deque<Pending> pending_;
    std::uint64_t pending_bytes_ = 0;
    std::uint64_t next_sequence_ = 1;
    std::uint64_t peeked_sequence_ = 0;  // of the latest record handed out from memory and not confirmed
    std::deque<std::pair<std::uint64_t, SpoolPosition>> moved_;       // such records that went to disk meanwhile
    std::vector<std::pair<SpoolPosition, schemas::Instant>> peeked_;  // of the latest peek: not yet confirmed
    bool stopping_ = false;
    bool full_ = false;                 // the latest append was dropped
    std::uint64_t dropped_before_ = 0;  // what was dropped before the present stretch
    SpoolPosition damage_counted_;      // damage before this was counted
    std::uint64_t rejected_bytes_ = 0;
    SpoolStats stats_;
    std::thread syncer_;  // last: uses all of the above
};

Spool::Impl::Impl(SpoolOptions options, SpoolFolder folder) : options_(std::move(options)), folder_(std::move(folder)) {
    if (!options_.write) {
        options_.write = [](int fd, const void* bytes, std::size_t size, off_t offset) {
            return ::pwrite(fd, bytes, size, offset);
        };
    }
    if (!options_.sync) {
        options_.sync = [](int fd) { return ::fdatasync(fd); };
    }
    options_.segment_bytes = std::min(options_.segment_bytes, options_.limit / 8);
    if (const auto place = folder_.read_confirmed()) {
        confirmed_ = {place->first, place->second};
    }
    writer_.emplace(folder_, options_.segment_bytes, options_.write, confirmed_.segment);
    writer_->delete_until(confirmed_);
    std::tie(stats_.rejected, rejected_bytes_) = folder_.rejected();
    syncer_ = std::thread([this] { keep_syncing(); });
}

Spool::Impl::~Impl() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_all();
    syncer_.join();
    sync();
    if (!pending_.empty()) {
        log().error(fmt::format("{} results could not be written to {} and are lost with this process", pending_.size(),
                                options_.folder.string()));
    }
}

std::uint64_t Spool::Impl::used_bytes() const {
    return pending_bytes_ + rejected_bytes_ + writer_->bytes();
}

Spool::Kept Spool::Impl::append(std::string_view bytes, schemas::Instant stamp) {
    const std::lock_guard lock(mutex_);
    ++stats_.appended;
    const std::uint64_t needed = record_header_bytes + bytes.size();
    if (bytes.size() > max_payload_bytes) {
        return drop(stamp, fmt::format("a result of {} bytes is larger than any should be", bytes.size()));
    }
    if (used_bytes() + needed > options_.limit) {
        return drop(stamp, fmt::format("the spool has reached its spool_limit of {} bytes", options_.limit));
    }
    if (pending_.empty() && write_record(bytes, stamp)) {
        end_of_drops();
        return Kept::on_disk;
    }
    if (pending_bytes_ + needed > options_.memory_limit) {
        return drop(stamp, fmt::format("the disk takes no more, and {} bytes wait in memory", pending_bytes_));
    }
    end_of_drops();
    pending_.push_back({next_sequence_++, stamp, std::string(bytes)});
    pending_bytes_ += needed;
    wake_syncer();
    return Kept::in_memory;
}

Spool::Kept Spool::Impl::drop(schemas::Instant stamp, const std::string& why) {
    ++stats_.dropped;
    stats_.dropped_first = std::min(stats_.dropped_first.value_or(stamp), stamp);
    stats_.dropped_last = std::max(stats_.dropped_last.value_or(stamp), stamp);
    const std::uint64_t in_a_row = stats_.dropped - dropped_before_;
    if (std::has_single_bit(in_a_row)) {  // the 1st, 2nd, 4th …: loud, but no flood
        log().error(
            fmt::format("{}: {}; {} new results dropped so far, the latest due at {}: that time will be unmeasured",
                        options_.folder.string(), why, in_a_row, schemas::to_rfc3339(stamp)));
    }
    full_ = true;
    return Kept::dropped;
}

void Spool::Impl::end_of_drops() {
    if (full_) {
        log().warn(fmt::format("{}: takes results again, after {} were dropped", options_.folder.string(),
                               stats_.dropped - dropped_before_));
        dropped_before_ = stats_.dropped;
        full_ = false;
    }
}

bool Spool::Impl::write_record(std::string_view bytes, schemas::Instant stamp) {
    if (const int error = writer_->append(bytes, stamp); error != 0) {
        ++stats_.write_failures;
        if (pending_.empty()) {  // once for each time that the disk stops taking records
            log().error(fmt::format("{}: cannot write: {}; keeping results in memory, up to {} bytes, until it can",
                                    options_.folder.string(), std::strerror(error), options_.memory_limit));
        }
        return false;
    }
    wake_syncer();
    return true;
}

void Spool::Impl::flush_pending() {
    std::size_t written = 0;
    while (!pending_.empty() && written < 256) {
        const Pending& next = pending_.front();
        if (!write_record(next.bytes, next.stamp)) {
            return;
        }
        if (next.sequence <= peeked_sequence_) {
            moved_.emplace_back(next.sequence, writer_->end());
        }
        pending_bytes_ -= record_header_bytes + next.bytes.size();
        pending_.pop_front();
        ++written;
    }
    if (pending_.empty()) {
        log().warn(fmt::format("{}: the disk takes results again; nothing was lost", options_.folder.string()));
    }
}

bool Spool::Impl::read_segments(const std::vector<Segment>& segments, SpoolPosition from, std::size_t most,
                                std::size_t most_bytes, std::vector<SpoolEntry>& entries) {
    std::size_t bytes = 0;
    for (const Segment& segment : segments) {
        const std::uint64_t start = segment.number == from.segment ? from.offset : 0;
        if (segment.number < from.segment || start >= segment.size) {
            continue;
        }
        const Descriptor file(::open(folder_.segment_path(segment.number).c_str(), O_RDONLY | O_CLOEXEC));
        if (file.get() < 0 && errno != ENOENT) {
            log().error(
                fmt::format("cannot open {}: {}", folder_.segment_path(segment.number).string(), std::strerror(errno)));
            return false;  // no descriptors, perhaps: another time
        }
        if (file.get() < 0) {
            note_damage(segment.number, start, segment.size - start, "the file is gone");
            continue;
        }
        SegmentReader reader(file.get(), segment.number, start, segment.size);
        while (auto record = reader.next()) {
            if (reader.damage_bytes() > 0) {
                note_damage(segment.number, reader.damage_at(), reader.damage_bytes(), "records are damaged");
            }
            bytes += record->payload.size();
            entries.push_back({std::move(record->payload), record->stamp, {segment.number, record->end}});
            if (entries.size() >= most || bytes >= most_bytes) {
                return false;
            }
        }
        if (reader.failed()) {  // a bad block must not hold up all that follows
            note_damage(segment.number, start, segment.size - start, reader.error());
        }
    }
    return true;
}

std::vector<SpoolEntry> Spool::Impl::peek(std::size_t most, std::size_t most_bytes) {
    std::unique_lock lock(mutex_);
    const std::vector<Segment> segments = writer_->segments();
    const SpoolPosition from = confirmed_;
    const SpoolPosition end = writer_->end();
    lock.unlock();
    std::vector<SpoolEntry> entries;
    const bool all_read = read_segments(segments, from, most, most_bytes, entries);
    lock.lock();
    if (all_read && end == writer_->end()) {  // else the records in memory are not the next ones
        for (const Pending& next : pending_) {
            if (entries.size() >= most) {
                break;
            }
            peeked_sequence_ = std::max(peeked_sequence_, next.sequence);
            entries.push_back({next.bytes, next.stamp, {memory_segment, next.sequence}});
        }
    }
    if (entries.empty() && all_read && end > confirmed_) {
        confirm_disk(end);  // nothing but damage was left up to there
    }
    peeked_.clear();
    for (const SpoolEntry& entry : entries) {
        peeked_.emplace_back(entry.end, entry.stamp);
    }
    return entries;
}

void Spool::Impl::confirm(const SpoolPosition& end) {
    const std::lock_guard lock(mutex_);
    const auto counted = std::ranges::upper_bound(peeked_, end, {}, &decltype(peeked_)::value_type::first);
    stats_.confirmed += static_cast<std::uint64_t>(counted - peeked_.begin());
    peeked_.erase(peeked_.begin(), counted);
    if (end.segment != memory_segment) {
        confirm_disk(end);
        return;
    }
    SpoolPosition on_disk = writer_->end();
    if (pending_.empty() || pending_.front().sequence > end.offset) {  // it was written to disk since the peek
        const auto behind = std::ranges::upper_bound(moved_, end.offset, {}, &decltype(moved_)::value_type::first);
        if (behind == moved_.begin()) {
            return;  // confirmed before
        }
        on_disk = std::prev(behind)->second;
    }
    while (!pending_.empty() && pending_.front().sequence <= end.offset) {
        pending_bytes_ -= record_header_bytes + pending_.front().bytes.size();
        pending_.pop_front();
    }
    while (!moved_.empty() && moved_.front().first <= end.offset) {
        moved_.pop_front();
    }
    confirm_disk(on_disk);
}

void Spool::Impl::confirm_disk(const SpoolPosition& end) {
    if (end <= confirmed_) {
        return;
    }
    confirmed_ = end;
    const int error = folder_.write_confirmed(end.segment, end.offset);
    if (error != 0 && error != confirm_error_) {
        log().warn(fmt::format("{}: cannot note what the reporter confirmed: {}; after a restart it is sent again",
                               options_.folder.string(), std::strerror(error)));
    }
    confirm_error_ = error;
    writer_->delete_until(confirmed_);
}

void Spool::Impl::note_damage(std::uint64_t segment, std::uint64_t offset, std::uint64_t bytes, std::string_view what) {
    const std::lock_guard lock(mutex_);
    const SpoolPosition at{segment, offset};
    if (at < damage_counted_) {
        return;  // the same bytes, read again
    }
    damage_counted_ = {segment, offset + bytes};
    ++stats_.damaged;
    stats_.damaged_bytes += bytes;
    log().error(fmt::format("{}: {} from byte {}: {} bytes skipped, the results in them are lost",
                            folder_.segment_path(segment).string(), what, offset, bytes));
}

tl::expected<std::filesystem::path, std::string> Spool::Impl::set_aside(const SpoolEntry& entry, std::string_view body,
                                                                        std::string_view reason) {
    const auto crc = crc32_z(0, reinterpret_cast<const Bytef*>(entry.bytes.data()), entry.bytes.size());
    const std::string name = fmt::format("{}-{:08x}", entry.stamp.time_since_epoch().count(), crc);
    auto written = folder_.write_rejected(name, body, reason);
    if (!written) {
        return tl::unexpected(written.error());
    }
    if (written->fresh) {
        const std::lock_guard lock(mutex_);
        ++stats_.rejected;
        rejected_bytes_ += body.size() + reason.size();
    }
    return written->path;
}

/// Syncs what is unsynced, with the lock released meanwhile. False when the disk failed.
bool Spool::Impl::sync_files(std::unique_lock<std::mutex>& lock) {
    const SegmentWriter::Unsynced unsynced = writer_->take_unsynced();
    lock.unlock();
    int error = unsynced.folder && options_.sync(folder_.descriptor()) != 0 ? errno : 0;
    for (const auto& file : unsynced.files) {
        if (options_.sync(file->get()) != 0) {
            error = errno;
        }
    }
    lock.lock();
    if (error != 0) {
        ++stats_.sync_failures;
        if (std::has_single_bit(stats_.sync_failures)) {
            log().error(fmt::format("{}: the disk does not keep what is written: {}; a power cut may lose it",
                                    options_.folder.string(), std::strerror(error)));
        }
        writer_->begin_afresh();  // what the kernel could not write once it may never write: begin a fresh file
    }
    return error == 0;
}

void Spool::Impl::sync() {
    std::unique_lock lock(mutex_);
    if (!pending_.empty()) {
        flush_pending();
    }
    sync_files(lock);
}

void Spool::Impl::keep_syncing() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
        idle_ = true;
        wake_.wait(lock, [this] { return stopping_ || writer_->has_unsynced() || !pending_.empty(); });
        idle_ = false;
        const auto pause = pending_.empty() ? options_.sync_every : options_.retry_every;
        wake_.wait_for(lock, pause, [this] { return stopping_; });
        if (!stopping_ && !pending_.empty()) {
            flush_pending();
        }
        if (!stopping_ && writer_->has_unsynced()) {
            sync_files(lock);
        }
    }
}

SpoolStats Spool::Impl::stats() {
    const std::lock_guard lock(mutex_);
    SpoolStats stats = stats_;
    stats.memory_records = pending_.size();
    stats.waiting_bytes = pending_bytes_;
    for (const Segment& segment : writer_->segments()) {
        const std::uint64_t done = segment.number == confirmed_.segment  ? std::min(confirmed_.offset, segment.size)
                                   : segment.number < confirmed_.segment ? segment.size
                                                                         : std::min(segment.size, std::uint64_t{16});
        stats.waiting_bytes += segment.size - done;
    }
    if (!peeked_.empty()) {
        stats.oldest = peeked_.front().second;
    }
    return stats;
}

tl::expected<std::unique_ptr<Spool>, std::string> Spool::open(SpoolOptions options) {
    auto folder = SpoolFolder::open(options.folder);
    if (!folder) {
        return tl::unexpected(folder.error());
    }
    return std::unique_ptr<Spool>(new Spool(std::make_unique<Impl>(std::move(options), std::move(*folder))));
}

Spool::Spool(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Spool::~Spool() = default;
Spool::Kept Spool::append(std::string_view bytes, schemas::Instant stamp) {
    return impl_->append(bytes, stamp);
}
std::vector<SpoolEntry> Spool::peek(std::size_t most, std::size_t most_bytes) {
    return impl_->peek(most, most_bytes);
}
void Spool::confirm(const SpoolPosition& end) {
    impl_->confirm(end);
}
tl::expected<std::filesystem::path, std::string> Spool::set_aside(const SpoolEntry& entry, std::string_view body,
                                                                  std::string_view reason) {
    return impl_->set_aside(entry, body, reason);
}
void Spool::sync() {
    impl_->sync();
}
SpoolStats Spool::stats() {
    return impl_->stats();
}

}  // namespace slimtax::prober
