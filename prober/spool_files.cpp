#include "prober/spool_files.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>

namespace slimtax::prober {
namespace {

constexpr std::string_view confirmed_magic = "SLC1";
constexpr std::size_t confirmed_bytes = 24;

void put_u64(char* at, std::uint64_t value) {
    for (int i = 0; i < 8; ++i) {
        at[i] = static_cast<char>(value >> (8 * i));
    }
}

std::uint64_t get_u64(const char* at) {
    std::uint64_t value = 0;
    for (int i = 0; i < 8; ++i) {
        value |= std::uint64_t{static_cast<unsigned char>(at[i])} << (8 * i);
    }
    return value;
}

std::array<char, confirmed_bytes> confirmed_note(std::uint64_t segment, std::uint64_t offset) {
    std::array<char, confirmed_bytes> note{};
    std::ranges::copy(confirmed_magic, note.begin());
    put_u64(note.data() + 4, segment);
    put_u64(note.data() + 12, offset);
    const auto crc = crc32_z(0, reinterpret_cast<const Bytef*>(note.data()), 20);
    for (int i = 0; i < 4; ++i) {
        note[20 + static_cast<std::size_t>(i)] = static_cast<char>(crc >> (8 * i));
    }
    return note;
}

}  // namespace

Descriptor::~Descriptor() {
    if (fd_ >= 0) {
        ::close(fd_);
    }
}

int replace_file(const std::filesystem::path& path, std::string_view bytes, bool durable) {
    const std::filesystem::path fresh = path.string() + ".new";
    const Descriptor file(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    int error = file.get() < 0 ? errno : 0;
    while (error == 0 && !bytes.empty()) {
        const ssize_t wrote = ::write(file.get(), bytes.data(), bytes.size());
        if (wrote < 0 && errno != EINTR) {
            error = errno;
        }
        bytes.remove_prefix(wrote > 0 ? static_cast<std::size_t>(wrote) : 0);
    }
    if (error == 0 && durable && ::fsync(file.get()) != 0) {
        error = errno;
    }
    if (error == 0 && ::rename(fresh.c_str(), path.c_str()) != 0) {
        error = errno;
    }
    if (error != 0) {
        ::unlink(fresh.c_str());
    } else if (durable) {
        const Descriptor folder(::open(path.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        error = ::fsync(folder.get()) != 0 ? errno : 0;
    }
    return error;
}

tl::expected<SpoolFolder, std::string> SpoolFolder::open(const std::filesystem::path& path) {
    const auto refuse = [&path](const std::string& what) {
        return tl::unexpected(fmt::format("spool folder {}: {}", path.string(), what));
    };
    std::error_code error;
    std::filesystem::create_directories(path / "rejected", error);
    if (error) {
        return refuse(fmt::format("cannot be made: {}; give the prober a folder it may write to ([prober] spool)",
                                  error.message()));
    }
    ::chmod(path.c_str(), 0700);
    SpoolFolder folder;
    folder.path_ = path;
    folder.folder_ = Descriptor(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    folder.lock_ = Descriptor(::open((path / "lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (folder.lock_.get() < 0) {
        return refuse(fmt::format("cannot open its lock file: {}", std::strerror(errno)));
    }
    if (::flock(folder.lock_.get(), LOCK_EX | LOCK_NB) != 0) {
        std::array<char, 32> owner{};
        const ssize_t size = ::pread(folder.lock_.get(), owner.data(), owner.size() - 1, 0);
        const std::string_view digits(owner.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
        return refuse(
            fmt::format("in use by another prober (process {}); each prober needs a folder of its own "
                        "([prober] spool)",
                        digits.substr(0, digits.find('\n'))));
    }
    const std::string pid = std::to_string(::getpid()) + "\n";
    if (::ftruncate(folder.lock_.get(), 0) == 0) {
        (void)!::pwrite(folder.lock_.get(), pid.data(), pid.size(), 0);  // for people only
    }
    folder.confirmed_ = Descriptor(::open((path / "confirmed").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (folder.confirmed_.get() < 0) {
        return refuse(fmt::format("cannot open the file 'confirmed': {}", std::strerror(errno)));
    }
    return folder;
}

std::filesystem::path SpoolFolder::segment_path(std::uint64_t number) const {
    return path_ / fmt::format("{:016}.segment", number);
}

std::vector<std::pair<std::uint64_t, std::uint64_t>> SpoolFolder::segments() const {
    std::vector<std::pair<std::uint64_t, std::uint64_t>> found;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(path_, error)) {
        const std::string name = entry.path().filename().string();
        std::uint64_t number = 0;
        const auto [end, bad] = std::from_chars(name.data(), name.data() + name.size(), number);
        if (bad == std::errc() && std::string_view(end) == ".segment") {
            std::error_code gone;
            const std::uint64_t size = entry.file_size(gone);
            found.emplace_back(number, gone ? 0 : size);
        }
    }
    std::ranges::sort(found);
    return found;
}

std::optional<std::pair<std::uint64_t, std::uint64_t>> SpoolFolder::read_confirmed() const {
    std::array<char, confirmed_bytes> note{};
    if (::pread(confirmed_.get(), note.data(), note.size(), 0) != ssize_t{confirmed_bytes}) {
        return std::nullopt;
    }
    const std::uint64_t segment = get_u64(note.data() + 4);
    const std::uint64_t offset = get_u64(note.data() + 12);
    if (note != confirmed_note(segment, offset)) {
        return std::nullopt;
    }
    return std::pair(segment, offset);
}

int SpoolFolder::write_confirmed(std::uint64_t segment, std::uint64_t offset) const {
    const auto note = confirmed_note(segment, offset);
    const ssize_t wrote = ::pwrite(confirmed_.get(), note.data(), note.size(), 0);
    if (wrote == ssize_t{confirmed_bytes}) {
        return 0;
    }
    return wrote < 0 ? errno : ENOSPC;
}

tl::expected<SpoolFolder::Rejected, std::string> SpoolFolder::write_rejected(const std::string& name,
                                                                             std::string_view body,
                                                                             std::string_view reason) const {
    const std::filesystem::path path = path_ / "rejected" / (name + ".body");
    std::filesystem::path why = path;
    why.replace_extension(".reason");
    std::error_code ignored;
    const bool fresh = !std::filesystem::exists(path, ignored);
    int error = replace_file(why, reason, true);
    error = error != 0 ? error : replace_file(path, body, true);
    if (error != 0) {
        return tl::unexpected(fmt::format("cannot write {}: {}", path.string(), std::strerror(error)));
    }
    return Rejected{path, fresh};
}

std::pair<std::uint64_t, std::uint64_t> SpoolFolder::rejected() const {
    std::pair<std::uint64_t, std::uint64_t> sum;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(path_ / "rejected", error)) {
        std::error_code gone;
        const std::uint64_t size = entry.file_size(gone);
        sum.first += entry.path().extension() == ".body" ? 1 : 0;
        sum.second += gone ? 0 : size;
    }
    return sum;
}

}  // namespace slimtax::prober
