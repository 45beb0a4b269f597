// The spool's folder: names, the lock, the note of what is confirmed, the rejected. What it means: spool.hpp.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tl/expected.hpp>

namespace slimtax::prober {

/// Owns a file descriptor.
class Descriptor {
public:
    explicit Descriptor(int fd = -1) : fd_(fd) {}
    Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Descriptor& operator=(Descriptor&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~Descriptor();
    [[nodiscard]] int get() const { return fd_; }

private:
    int fd_;
};

/// Writes `path` so that it holds either what it held or all of `bytes`, also after a power cut when `durable`.
/// Returns 0 or an errno.
[[nodiscard]] int replace_file(const std::filesystem::path& path, std::string_view bytes, bool durable);

class SpoolFolder {
public:
    /// Makes it where needed and locks it. The error is a sentence.
    [[nodiscard]] static tl::expected<SpoolFolder, std::string> open(const std::filesystem::path& path);

    [[nodiscard]] std::filesystem::path segment_path(std::uint64_t number) const;
    /// Number and size of each segment, by number.
    [[nodiscard]] std::vector<std::pair<std::uint64_t, std::uint64_t>> segments() const;

    /// Segment and offset, or nothing when the note is missing or damaged.
    [[nodiscard]] std::optional<std::pair<std::uint64_t, std::uint64_t>> read_confirmed() const;
    /// Returns 0 or an errno.
    [[nodiscard]] int write_confirmed(std::uint64_t segment, std::uint64_t offset) const;

    struct Rejected {
        std::filesystem::path path;
        bool fresh = true;  ///< false: it was there already
    };
    /// Durable when it returns; the error is a sentence.
    [[nodiscard]] tl::expected<Rejected, std::string> write_rejected(const std::string& name, std::string_view body,
                                                                     std::string_view reason) const;
    /// Number of rejected results and their bytes.
    [[nodiscard]] std::pair<std::uint64_t, std::uint64_t> rejected() const;

    /// Of the folder itself, to sync it by.
    [[nodiscard]] int descriptor() const { return folder_.get(); }

private:
    std::filesystem::path path_;
    Descriptor folder_;
    Descriptor lock_;
    Descriptor confirmed_;
};

}  // namespace slimtax::prober
