#include "probes/log_reader.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <tuple>
#include <utility>
#include <vector>

namespace slimtax::probes {
namespace {

constexpr std::size_t chunk_bytes = 256u << 10;
constexpr std::uint64_t fingerprint_bytes = 256;

/// An open regular file.
class File {
public:
    /// Errno in `error` when it cannot be had; ENOTSUP when it is no regular file.
    File(const std::string& path, int& error) : path_(path) {
        fd_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        error = fd_ < 0 || ::fstat(fd_, &stat_) != 0 ? errno : S_ISREG(stat_.st_mode) ? 0 : ENOTSUP;
    }
    File(File&& other) noexcept
        : path_(std::move(other.path_)), stat_(other.stat_), fd_(std::exchange(other.fd_, -1)) {}
    File& operator=(File&& other) noexcept {
        std::swap(path_, other.path_);
        std::swap(stat_, other.stat_);
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~File() {
        if (fd_ >= 0) {
            ::close(fd_);
        }
    }

    [[nodiscard]] const std::string& path() const { return path_; }
    [[nodiscard]] std::uint64_t size() const { return static_cast<std::uint64_t>(stat_.st_size); }
    [[nodiscard]] bool same_file(std::uint64_t device, std::uint64_t inode) const {
        return stat_.st_dev == device && stat_.st_ino == inode;
    }
    [[nodiscard]] bool same_file(const File& other) const { return same_file(other.stat_.st_dev, other.stat_.st_ino); }
    [[nodiscard]] std::pair<std::int64_t, std::int64_t> modified() const {
        return {stat_.st_mtim.tv_sec, stat_.st_mtim.tv_nsec};
    }

    /// Bytes from `offset`, at most `room`; fewer only at the end. -1: errno.
    ssize_t read(std::uint64_t offset, char* to, std::size_t room) const {
        std::size_t filled = 0;
        while (filled < room) {
            const ssize_t got = ::pread(fd_, to + filled, room - filled, static_cast<off_t>(offset + filled));
            if (got < 0 && errno == EINTR) {
                continue;
            }
            if (got < 0) {
                return -1;
            }
            if (got == 0) {
                break;
            }
            filled += static_cast<std::size_t>(got);
        }
        return static_cast<ssize_t>(filled);
    }

    /// FNV-1a 64 over the first and the last bytes before `offset`.
    [[nodiscard]] std::uint64_t fingerprint(std::uint64_t offset) const {
        std::uint64_t hash = 14695981039346656037U;
        std::array<char, fingerprint_bytes> bytes{};
        const std::uint64_t length = std::min(offset, fingerprint_bytes);
        for (const std::uint64_t from : {std::uint64_t{0}, offset - length}) {
            const ssize_t got = read(from, bytes.data(), length);
            for (ssize_t i = 0; i < got; ++i) {
                hash = (hash ^ static_cast<unsigned char>(bytes[static_cast<std::size_t>(i)])) * 1099511628211U;
            }
        }
        return hash;
    }

    [[nodiscard]] bool holds(const LogPosition& position) const {
        return size() >= position.offset &&
               (position.offset == 0 || fingerprint(position.offset) == position.fingerprint);
    }

    [[nodiscard]] LogPosition at(std::uint64_t offset) const {
        return {stat_.st_dev, stat_.st_ino, offset, offset == 0 ? 0 : fingerprint(offset)};
    }

    [[nodiscard]] std::uint64_t inode() const { return stat_.st_ino; }

    [[nodiscard]] std::optional<schemas::Instant> born() const {
        struct statx more {};
        if (::statx(fd_, "", AT_EMPTY_PATH, STATX_BTIME, &more) != 0 || (more.stx_mask & STATX_BTIME) == 0) {
            return std::nullopt;
        }
        return schemas::Instant(std::chrono::seconds(more.stx_btime.tv_sec) +
                                std::chrono::microseconds(more.stx_btime.tv_nsec / 1000));
    }

private:
    std::string path_;
    struct stat stat_ {};
    int fd_ = -1;
};

/// The place of "info.log.1", "info.log-20261121", "info-20261121.log" or "info.1.log" among the rotated files of
/// "info.log": greater is later; .1 is later than .2. Nothing for other names, and for compressed ones.
std::optional<std::int64_t> rotation_rank(const std::filesystem::path& log, std::string_view name) {
    const std::string stem = log.stem().string();
    const std::string extension = log.extension().string();
    if (!name.starts_with(stem)) {
        return std::nullopt;
    }
    name.remove_prefix(stem.size());
    if (name.starts_with(extension)) {
        name.remove_prefix(extension.size());
    } else if (name.ends_with(extension)) {
        name.remove_suffix(extension.size());
    } else {
        return std::nullopt;
    }
    std::int64_t number = 0;
    int digits = 0;
    for (const char c : name) {
        if (c >= '0' && c <= '9' && ++digits <= 18) {
            number = number * 10 + (c - '0');
        } else if (std::string_view(".-_T").find(c) == std::string_view::npos) {
            return std::nullopt;
        }
    }
    constexpr int digits_of_a_short_date = 6;
    return digits == 0 ? std::nullopt : std::optional(digits < digits_of_a_short_date ? -number : number);
}

/// A file beside the log that was, or could be, rotated away from its path.
struct Sibling {
    File file;
    std::pair<std::int64_t, std::int64_t> modified;
    std::int64_t rank;

    /// Later writing is later; the clock of file systems is coarse, so the name decides between equals.
    [[nodiscard]] auto age() const { return std::tie(modified, rank); }
};

/// The log's siblings, the oldest first: by their names, or because they are the file of `wanted`. Not `current`.
std::vector<Sibling> siblings(const std::string& path, const File* current, const std::optional<LogPosition>& wanted) {
    std::error_code error;
    std::vector<std::filesystem::path> folders{std::filesystem::path(path).parent_path()};
    if (std::filesystem::is_symlink(path, error)) {
        folders.push_back(std::filesystem::canonical(path, error).parent_path());
    }
    std::vector<Sibling> found;
    for (const auto& folder : folders) {
        std::filesystem::directory_iterator it(folder.empty() ? "." : folder, error);
        for (; !error && it != std::filesystem::directory_iterator(); it.increment(error)) {
            struct stat entry {};
            if (::stat(it->path().c_str(), &entry) != 0 || !S_ISREG(entry.st_mode)) {
                continue;
            }
            const bool same = wanted && entry.st_dev == wanted->device && entry.st_ino == wanted->inode;
            const auto rank = rotation_rank(path, it->path().filename().string());
            int failed = 0;
            if (same || rank) {
                File file(it->path().string(), failed);
                const bool known = std::ranges::any_of(found, [&](const Sibling& s) { return s.file.same_file(file); });
                if (failed == 0 && !known && (current == nullptr || !file.same_file(*current))) {
                    const auto modified = file.modified();
                    found.push_back({std::move(file), modified, rank.value_or(0)});
                }
            }
        }
    }
    std::ranges::sort(found, [](const Sibling& one, const Sibling& other) { return one.age() < other.age(); });
    return found;
}

std::string group_name(gid_t group) {
    std::array<char, 4096> room{};
    ::group entry{};
    ::group* result = nullptr;
    ::getgrgid_r(group, &entry, room.data(), room.size(), &result);
    return result == nullptr ? std::to_string(group) : std::string(result->gr_name);
}

std::string cannot_open(const std::string& path, int error) {
    const std::string what = fmt::format("log file {} cannot be read: ", path);
    if (error == ENOENT) {
        return what + "there is no such file; check `file`, and that the service logs there";
    }
    if (error == ENOTSUP) {
        return what + "it is no regular file";
    }
    struct stat entry {};
    if (error == EACCES && ::stat(path.c_str(), &entry) == 0 && (entry.st_mode & S_IRGRP) != 0) {
        return what + fmt::format("permission denied; run the prober in group {}", group_name(entry.st_gid));
    }
    if (error == EACCES) {
        return what + "permission denied; let the prober's user read it and enter its folder (often: group adm)";
    }
    return what + std::generic_category().message(error);
}

/// Reads lines of several files one after another, within the limits.
class LineReader {
public:
    LineReader(const LogLimits& limits, const std::function<void(std::string_view)>& take)
        : limits_(limits), take_(take) {}

    /// Reads `file` from `offset`; `last_line` tells whether an unfinished last line counts. False when a limit
    /// stopped it, or reading failed.
    bool read(const File& file, std::uint64_t offset, bool last_line);

    [[nodiscard]] std::uint64_t lines() const { return lines_; }
    [[nodiscard]] std::uint64_t offset() const { return offset_; }  ///< where it stopped in the latest file
    [[nodiscard]] int error() const { return error_; }

private:
    void give(std::string_view line) {
        ++lines_;
        take_(line.substr(0, limits_.line_bytes));
    }

    const LogLimits& limits_;
    const std::function<void(std::string_view)>& take_;
    std::uint64_t left_ = limits_.bytes;
    std::uint64_t lines_ = 0;
    std::uint64_t offset_ = 0;
    int error_ = 0;
};

bool LineReader::read(const File& file, std::uint64_t offset, bool last_line) {
    offset_ = offset;
    std::string begun;             // of a line whose end has not been read yet: at most line_bytes of it
    std::uint64_t ahead = offset;  // how far the file has been read
    std::vector<char> chunk(chunk_bytes);
    while (true) {
        if (left_ == 0 || Loop::now() >= limits_.deadline) {
            // A line longer than all that may be read at once would never be passed: skip what was read of it.
            offset_ = ahead - offset_ >= limits_.bytes ? ahead : offset_;
            return false;
        }
        const ssize_t got = file.read(ahead, chunk.data(), std::min<std::uint64_t>(chunk.size(), left_));
        if (got < 0) {
            error_ = errno;
            return false;
        }
        if (got == 0) {
            if (last_line && ahead > offset_) {
                give(begun);
                offset_ = ahead;
            }
            return true;
        }
        left_ -= static_cast<std::uint64_t>(got);
        std::string_view bytes(chunk.data(), static_cast<std::size_t>(got));
        const std::uint64_t chunk_at = std::exchange(ahead, ahead + bytes.size());
        std::size_t start = 0;
        for (std::size_t end = 0; (end = bytes.find('\n', start)) != std::string_view::npos; start = end + 1) {
            if (begun.empty()) {
                give(bytes.substr(start, end - start));
            } else {
                begun.append(bytes.substr(start, std::min(end - start, limits_.line_bytes)));
                give(begun);
                begun.clear();
            }
            offset_ = chunk_at + end + 1;
        }
        const std::string_view rest = bytes.substr(start);
        begun.append(rest.substr(0, limits_.line_bytes - std::min(begun.size(), limits_.line_bytes)));
    }
}

/// The end of the file, or the beginning of its unfinished last line.
std::uint64_t end_of_lines(const File& file, const LogLimits& limits) {
    std::vector<char> bytes(std::min<std::uint64_t>(file.size(), limits.line_bytes));
    const std::uint64_t from = file.size() - bytes.size();
    const ssize_t got = file.read(from, bytes.data(), bytes.size());
    for (ssize_t i = got; i > 0; --i) {
        if (bytes[static_cast<std::size_t>(i - 1)] == '\n') {
            return from + static_cast<std::uint64_t>(i);
        }
    }
    return from == 0 ? 0 : file.size();
}

/// A file to read, and from where.
struct Part {
    const File* file;
    std::uint64_t offset;
};

/// The file that `from` was in, and those rotated after it, oldest first; nothing when it cannot be found.
std::vector<Part> rotated_parts(const std::vector<Sibling>& siblings, const LogPosition& from) {
    auto old = std::ranges::find_if(siblings, [&from](const Sibling& sibling) {
        return sibling.file.same_file(from.device, from.inode) && sibling.file.holds(from);
    });
    if (old == siblings.end() && from.offset > 0) {  // a copy has another inode; nothing read proves nothing
        old = std::ranges::find_if(siblings, [&from](const Sibling& sibling) { return sibling.file.holds(from); });
    }
    std::vector<Part> parts;
    for (auto it = old; it != siblings.end(); ++it) {
        parts.push_back({&it->file, it == old ? from.offset : 0});
    }
    return parts;
}

/// The copies that were made of a log since it was empty, when `from` was taken.
std::vector<Part> new_copies(const std::vector<Sibling>& siblings, const LogPosition& from) {
    const auto newest_then = std::ranges::find_if(
        siblings, [&from](const Sibling& sibling) { return sibling.file.inode() == from.fingerprint; });
    std::vector<Part> parts;
    // Where the newest of then is gone, all that was older is gone too.
    for (auto it = newest_then == siblings.end() ? siblings.begin() : newest_then + 1; it != siblings.end(); ++it) {
        parts.push_back({&it->file, 0});
    }
    return parts;
}

LogReading read_parts(const std::vector<Part>& parts, LineReader& lines, LogReading reading) {
    for (std::size_t i = 0; i < parts.size(); ++i) {
        const Part& part = parts[i];
        const bool last = i + 1 == parts.size();
        const bool read_all = lines.read(*part.file, part.offset, !last);
        if (lines.error() != 0) {
            reading.trouble = cannot_open(part.file->path(), lines.error());
            return reading;
        }
        if (!read_all || last) {
            reading.position = part.file->at(lines.offset());
            reading.behind = part.file->size() - std::min(part.file->size(), lines.offset());
            for (std::size_t later = i + 1; later < parts.size(); ++later) {
                reading.behind += parts[later].file->size();
            }
            break;
        }
    }
    reading.lines = lines.lines();
    return reading;
}

/// Reads on where the file at the path is no longer the one that `from` was in, or no longer what it was.
LogReading read_across(const std::string& path, const File* current, int error, const LogPosition& from,
                       LineReader& lines) {
    LogReading reading;
    const std::vector<Sibling> others = siblings(path, current, from);
    const bool emptied = current != nullptr && from.offset == 0 && current->same_file(from.device, from.inode);
    std::vector<Part> parts = emptied ? new_copies(others, from) : rotated_parts(others, from);
    if (!parts.empty()) {
        reading.rotated = parts.front().file->path();
    } else if (current == nullptr) {
        reading.trouble = cannot_open(path, error);
        return reading;
    } else if (!emptied) {
        reading.lost = true;
        reading.begun = current->born();
    }
    // An empty new file beside a renamed old one: the writer still has the old one open.
    const bool renamed = !parts.empty() && parts.front().file->same_file(from.device, from.inode);
    if (current != nullptr && !(renamed && current->size() == 0)) {
        parts.push_back({current, 0});
    }
    return read_parts(parts, lines, std::move(reading));
}

}  // namespace

LogReading read_log(const std::string& path, const std::optional<LogPosition>& from, const LogLimits& limits,
                    const std::function<void(std::string_view line)>& take) {
    LogReading reading;
    int error = 0;
    const File current(path, error);
    if (error != 0 && (error != ENOENT || !from)) {
        reading.trouble = cannot_open(path, error);
        return reading;
    }
    LineReader lines(limits, take);
    if (!from) {
        reading.position = current.at(end_of_lines(current, limits));
        reading.behind = current.size() - reading.position.offset;
    } else if (error == 0 && from->offset > 0 && current.same_file(from->device, from->inode) && current.holds(*from)) {
        reading = read_parts({{&current, from->offset}}, lines, std::move(reading));
    } else {
        reading = read_across(path, error == 0 ? &current : nullptr, error, *from, lines);
    }
    if (reading.position.offset == 0 && reading.trouble.empty()) {
        // Nothing to take a fingerprint of. Should it be copied and truncated before it is read again, a copy newer
        // than the newest of now tells.
        const std::vector<Sibling> others = siblings(path, error == 0 ? &current : nullptr, std::nullopt);
        reading.position.fingerprint = others.empty() ? 0 : others.back().file.inode();
    }
    return reading;
}

}  // namespace slimtax::probes
