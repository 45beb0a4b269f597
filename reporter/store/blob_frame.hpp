// What core and detail of a blob have in common: version, rows, columns, checksum (blob.hpp). For blob*.cpp only.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <zlib.h>

#include "reporter/store/blob.hpp"
#include "reporter/store/bytes.hpp"

namespace slimtax::reporter::blob_frame {

inline constexpr std::uint8_t blob_version = 1;
/// Of detail with figures.
inline constexpr std::uint8_t blob_version_with_figures = 2;
inline constexpr std::size_t checksum_bytes = 4;

inline std::uint32_t checksum(std::string_view bytes) {
    return static_cast<std::uint32_t>(
        crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<z_size_t>(bytes.size())));
}

inline std::uint64_t number(schemas::Duration duration) {
    return static_cast<std::uint64_t>(duration.count());
}

inline schemas::Duration duration(std::uint64_t number) {
    return schemas::Duration(static_cast<std::int64_t>(number));
}

/// a + b that wraps: what is read may be damaged, and still must not be undefined.
inline schemas::Duration sum(schemas::Duration a, schemas::Duration b) {
    return duration(number(a) + number(b));
}

/// Columns whose every value is 0 are left out.
inline std::string unless_zero(RunsWriter& column, bool any) {
    return any ? column.take() : std::string();
}

template <std::size_t N>
std::string framed(std::size_t rows, const std::array<std::string, N>& columns, std::uint8_t version = blob_version) {
    ByteWriter out;
    out.byte(version);
    out.varint(rows);
    for (const std::string& column : columns) {
        out.text(column);
    }
    out.fixed32(checksum(out.bytes()));
    return out.take();
}

/// The columns of a blob, after its version and checksum were found right.
template <std::size_t N>
struct BlobColumns {
    std::size_t rows = 0;
    std::array<std::string_view, N> columns;
};

template <std::size_t N>
tl::expected<BlobColumns<N>, std::string> open_blob(std::string_view bytes, std::uint8_t version = blob_version) {
    if (bytes.size() < 1 + 1 + checksum_bytes) {
        return tl::unexpected(fmt::format("cut off after {} bytes", bytes.size()));
    }
    const std::string_view content = bytes.substr(0, bytes.size() - checksum_bytes);
    std::uint32_t stored = 0;
    for (std::size_t i = 0; i < checksum_bytes; ++i) {
        stored |= static_cast<std::uint32_t>(static_cast<std::uint8_t>(bytes[content.size() + i])) << (8 * i);
    }
    if (stored != checksum(content)) {
        return tl::unexpected<std::string>("damaged: the checksum differs");
    }
    ByteReader in(content);
    if (const std::uint8_t found = in.byte(); found != version) {
        return tl::unexpected(fmt::format("written in format {}, which this program does not know", found));
    }
    BlobColumns<N> opened;
    opened.rows = in.varint();
    for (std::string_view& column : opened.columns) {
        column = in.text();
    }
    // Every row has at least a byte in the first column of core; detail is only read with its core.
    if (!in.good() || in.left() != 0) {
        return tl::unexpected<std::string>("damaged: its columns do not fill it");
    }
    return opened;
}

inline Decoded inconsistent() {
    return tl::unexpected<std::string>("damaged: a column ends too early");
}

}  // namespace slimtax::reporter::blob_frame
