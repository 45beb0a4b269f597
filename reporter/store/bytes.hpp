// Bytes in and out for the store's blobs: varints, zigzag, runs of equal values, dictionaries of texts. A reader
// never reads past its end and never throws: it turns bad, and stays so, and the caller looks once at the end.
#pragma once

#include <bit>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace slimtax::reporter {

/// Signed numbers near zero become small unsigned ones: 0, -1, 1, -2 … → 0, 1, 2, 3 …
[[nodiscard]] constexpr std::uint64_t zigzag(std::int64_t value) {
    return (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63);
}
[[nodiscard]] constexpr std::int64_t unzigzag(std::uint64_t value) {
    return static_cast<std::int64_t>(value >> 1) ^ -static_cast<std::int64_t>(value & 1);
}

class ByteWriter {
public:
    void byte(std::uint8_t value) { bytes_.push_back(static_cast<char>(value)); }
    /// Seven bits a byte, the low ones first; the top bit says that more follow.
    void varint(std::uint64_t value) {
        while (value >= 0x80) {
            byte(static_cast<std::uint8_t>(value | 0x80));
            value >>= 7;
        }
        byte(static_cast<std::uint8_t>(value));
    }
    void signed_varint(std::int64_t value) { varint(zigzag(value)); }
    /// Length, then the bytes.
    void text(std::string_view value) {
        varint(value.size());
        bytes_.append(value);
    }
    /// Four bytes, the low one first.
    void fixed32(std::uint32_t value) {
        for (int shift = 0; shift < 32; shift += 8) {
            byte(static_cast<std::uint8_t>(value >> shift));
        }
    }

    /// Eight bytes of an IEEE 754 number, the low one first.
    void real(double value) {
        const auto bits = std::bit_cast<std::uint64_t>(value);
        fixed32(static_cast<std::uint32_t>(bits));
        fixed32(static_cast<std::uint32_t>(bits >> 32));
    }

    [[nodiscard]] const std::string& bytes() const { return bytes_; }
    [[nodiscard]] std::string take() { return std::move(bytes_); }

private:
    std::string bytes_;
};

class ByteReader {
public:
    ByteReader() = default;
    explicit ByteReader(std::string_view bytes) : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

    [[nodiscard]] std::uint8_t byte() {
        if (at_ == end_) {
            good_ = false;
            return 0;
        }
        return static_cast<std::uint8_t>(*at_++);
    }
    [[nodiscard]] std::uint64_t varint() {
        std::uint64_t value = 0;
        for (int shift = 0; shift < 64 && at_ != end_; shift += 7) {
            const auto next = static_cast<std::uint8_t>(*at_++);
            value |= static_cast<std::uint64_t>(next & 0x7f) << shift;
            if (next < 0x80) {
                return value;
            }
        }
        good_ = false;
        at_ = end_;
        return 0;
    }
    [[nodiscard]] std::int64_t signed_varint() { return unzigzag(varint()); }
    [[nodiscard]] std::string_view text() {
        const std::uint64_t length = varint();
        if (length > left()) {
            good_ = false;
            at_ = end_;
            return {};
        }
        const std::string_view value(at_, length);
        at_ += length;
        return value;
    }
    [[nodiscard]] double real() {
        std::uint64_t bits = 0;
        for (int shift = 0; shift < 64; shift += 8) {
            bits |= static_cast<std::uint64_t>(byte()) << shift;
        }
        return std::bit_cast<double>(bits);
    }
    /// How many things, each at least one byte long, follow: more than there are bytes is bad, and 0.
    [[nodiscard]] std::size_t count() {
        const std::uint64_t value = varint();
        if (value > left()) {
            good_ = false;
            return 0;
        }
        return value;
    }

    [[nodiscard]] std::size_t left() const { return static_cast<std::size_t>(end_ - at_); }
    [[nodiscard]] bool good() const { return good_; }
    void spoil() { good_ = false; }

private:
    const char* at_ = nullptr;
    const char* end_ = nullptr;
    bool good_ = true;
};

/// A column of which many values in a row are equal: pairs of value and how often.
class RunsWriter {
public:
    void add(std::uint64_t value) {
        if (repeats_ > 0 && value == value_) {
            ++repeats_;
            return;
        }
        flush();
        value_ = value;
        repeats_ = 1;
    }
    [[nodiscard]] std::string take() {
        flush();
        return out_.take();
    }

private:
    void flush() {
        if (repeats_ > 0) {
            out_.varint(value_);
            out_.varint(repeats_);
        }
        repeats_ = 0;
    }
    ByteWriter out_;
    std::uint64_t value_ = 0;
    std::uint64_t repeats_ = 0;
};

class RunsReader {
public:
    RunsReader() = default;
    explicit RunsReader(std::string_view bytes) : in_(bytes) {}
    [[nodiscard]] std::uint64_t next() {
        if (repeats_ == 0) {
            value_ = in_.varint();
            repeats_ = in_.varint();
            if (repeats_ == 0) {
                in_.spoil();
                return 0;
            }
        }
        --repeats_;
        return value_;
    }
    [[nodiscard]] bool good() const { return in_.good(); }

private:
    ByteReader in_;
    std::uint64_t value_ = 0;
    std::uint64_t repeats_ = 0;
};

/// Texts by number, in the order of their first use; 0 is the empty text and not written.
class DictionaryWriter {
public:
    [[nodiscard]] std::uint64_t number_of(std::string_view text);
    [[nodiscard]] std::string take();

private:
    std::vector<std::string_view> texts_;  ///< of the rows that are being written: they outlive the writer
    std::unordered_map<std::string_view, std::uint64_t> numbers_;
};

class DictionaryReader {
public:
    explicit DictionaryReader(std::string_view bytes);
    [[nodiscard]] std::string_view text(std::uint64_t number);
    [[nodiscard]] bool good() const { return good_; }

private:
    std::vector<std::string_view> texts_;  ///< views into the blob
    bool good_ = true;
};

}  // namespace slimtax::reporter
