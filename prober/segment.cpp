#include "prober/segment.hpp"

#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace slimtax::prober {
namespace {

constexpr std::string_view magic = "SLR1";
constexpr std::size_t read_ahead = 256u << 10;

template <class Integer>
void put(std::string& bytes, Integer value) {
    for (std::size_t i = 0; i < sizeof value; ++i) {
        bytes.push_back(static_cast<char>(static_cast<std::uint64_t>(value) >> (8 * i)));
    }
}

std::uint64_t get(std::string_view bytes, std::size_t offset, std::size_t size) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < size; ++i) {
        value |= std::uint64_t{static_cast<unsigned char>(bytes[offset + i])} << (8 * i);
    }
    return value;
}

std::uint32_t checksum(std::uint64_t number, std::uint64_t offset, std::string_view length_and_stamp,
                       std::string_view payload) {
    std::string place;
    put(place, number);
    put(place, offset);
    uLong crc = crc32_z(0, reinterpret_cast<const Bytef*>(place.data()), place.size());
    crc = crc32_z(crc, reinterpret_cast<const Bytef*>(length_and_stamp.data()), length_and_stamp.size());
    crc = crc32_z(crc, reinterpret_cast<const Bytef*>(payload.data()), payload.size());
    return static_cast<std::uint32_t>(crc);
}

}  // namespace

std::string encode_record(std::string_view payload, schemas::Instant stamp, std::uint64_t number,
                          std::uint64_t offset) {
    std::string record;
    record.reserve(record_header_bytes + payload.size());
    record += magic;
    put(record, static_cast<std::uint32_t>(payload.size()));
    put(record, std::int64_t{stamp.time_since_epoch().count()});
    put(record, checksum(number, offset, std::string_view(record).substr(4, 12), payload));
    record += payload;
    return record;
}

SegmentReader::SegmentReader(int fd, std::uint64_t number, std::uint64_t from, std::uint64_t end)
    : fd_(fd), number_(number), position_(from == 0 ? segment_header.size() : from), end_(end) {}

std::string_view SegmentReader::window(std::uint64_t offset, std::size_t wanted) {
    if (offset >= end_) {
        return {};
    }
    wanted = static_cast<std::size_t>(std::min<std::uint64_t>(wanted, end_ - offset));
    const bool buffered = offset >= buffer_at_ && offset + wanted <= buffer_at_ + buffer_.size();
    if (!buffered) {
        const std::size_t room =
            static_cast<std::size_t>(std::min<std::uint64_t>(std::max(wanted, read_ahead), end_ - offset));
        buffer_.resize(room);
        buffer_at_ = offset;
        std::size_t filled = 0;
        while (filled < room) {
            const ssize_t got = ::pread(fd_, buffer_.data() + filled, room - filled, off_t(offset + filled));
            if (got < 0 && errno == EINTR) {
                continue;
            }
            if (got < 0) {
                error_ = std::strerror(errno);
            }
            if (got <= 0) {
                break;
            }
            filled += static_cast<std::size_t>(got);
        }
        buffer_.resize(filled);
    }
    return std::string_view(buffer_).substr(offset - buffer_at_, wanted);
}

std::optional<SegmentReader::Record> SegmentReader::record_at(std::uint64_t offset) {
    const std::string_view header = window(offset, record_header_bytes);
    if (header.size() < record_header_bytes || !header.starts_with(magic)) {
        return std::nullopt;
    }
    const std::string length_and_stamp(header.substr(4, 12));
    const std::uint64_t length = get(header, 4, 4);
    const auto stamp = static_cast<std::int64_t>(get(header, 8, 8));
    const auto expected = static_cast<std::uint32_t>(get(header, 16, 4));
    if (length > max_payload_bytes) {
        return std::nullopt;
    }
    const std::string_view payload = window(offset + record_header_bytes, length);
    if (payload.size() < length || checksum(number_, offset, length_and_stamp, payload) != expected) {
        return std::nullopt;
    }
    return Record{std::string(payload), schemas::Instant(schemas::Duration(stamp)),
                  offset + record_header_bytes + length};
}

std::uint64_t SegmentReader::next_magic(std::uint64_t offset) {
    while (offset < end_) {
        const std::string_view bytes = window(offset, read_ahead);
        if (bytes.size() < magic.size()) {
            break;
        }
        if (const std::size_t found = bytes.find(magic); found != std::string_view::npos) {
            return offset + found;
        }
        offset += bytes.size() - (magic.size() - 1);
    }
    return end_;
}

std::optional<SegmentReader::Record> SegmentReader::next() {
    damage_bytes_ = 0;
    for (std::uint64_t at = position_; at < end_ && error_.empty(); at = next_magic(at + 1)) {
        if (std::optional<Record> record = record_at(at)) {
            damage_at_ = position_;
            damage_bytes_ = at - position_;
            position_ = record->end;
            return record;
        }
    }
    return std::nullopt;
}

}  // namespace slimtax::prober
