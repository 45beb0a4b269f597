// What the spool's tests share: a spool in a folder of its own, numbered records, a disk that fills up.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "prober/spool.hpp"
#include "tests/unit/prober/folder.hpp"

namespace slimtax::prober {

using namespace std::chrono_literals;
using tests::Folder;
using tests::read_file;
using tests::write_file;

inline constexpr schemas::Instant noon{std::chrono::seconds{1'770'000'000}};

inline SpoolOptions options_in(const std::filesystem::path& folder) {
    SpoolOptions options;
    options.folder = folder;
    options.retry_every = 1ms;
    return options;
}

inline std::unique_ptr<Spool> open_spool(SpoolOptions options) {
    auto spool = Spool::open(std::move(options));
    REQUIRE_MESSAGE(spool.has_value(), (spool ? "" : spool.error()));
    return std::move(*spool);
}

inline std::unique_ptr<Spool> open_spool(const std::filesystem::path& folder) {
    return open_spool(options_in(folder));
}

inline std::vector<std::string> texts(const std::vector<SpoolEntry>& entries) {
    std::vector<std::string> result;
    for (const SpoolEntry& entry : entries) {
        result.push_back(entry.bytes);
    }
    return result;
}

inline std::vector<std::string> numbered(int from, int to) {
    std::vector<std::string> result;
    for (int i = from; i < to; ++i) {
        result.push_back("result " + std::to_string(i));
    }
    return result;
}

inline void append_numbered(Spool& spool, int from, int to) {
    for (int i = from; i < to; ++i) {
        REQUIRE(spool.append("result " + std::to_string(i), noon + i * 1s) == Spool::Kept::on_disk);
    }
}

inline std::vector<std::filesystem::path> segments(const std::filesystem::path& folder) {
    std::set<std::filesystem::path> found;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        if (entry.path().extension() == ".segment") {
            found.insert(entry.path());
        }
    }
    return {found.begin(), found.end()};
}

/// Runs `work` in a process of its own and returns how that ended (as waitpid tells).
template <class Work>
int in_child(Work work) {
    const pid_t child = ::fork();
    if (child == 0) {
        work();
        ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return status;
}

/// A disk that takes so many bytes, and no more until told otherwise.
struct SmallDisk {
    std::atomic<std::int64_t> room{0};
    std::atomic<bool> sync_fails{false};
    std::atomic<int> syncs{0};

    SpoolOptions options(const std::filesystem::path& folder) {
        SpoolOptions options = options_in(folder);
        options.write = [this](int fd, const void* bytes, std::size_t size, off_t offset) -> ssize_t {
            const auto fits = static_cast<std::size_t>(std::min<std::int64_t>(room, static_cast<std::int64_t>(size)));
            if (fits == 0) {
                errno = ENOSPC;
                return -1;
            }
            room -= static_cast<std::int64_t>(fits);
            return ::pwrite(fd, bytes, fits, offset);
        };
        options.sync = [this](int fd) {
            ++syncs;
            if (sync_fails) {
                errno = EIO;
                return -1;
            }
            return ::fdatasync(fd);
        };
        return options;
    }
};

/// Waits for another thread to have done something; the bound only guards against a hang.
template <class Condition>
bool eventually(Condition condition) {
    for (int i = 0; i < 20'000; ++i) {
        if (condition()) {
            return true;
        }
        std::this_thread::sleep_for(1ms);
    }
    return false;
}

}  // namespace slimtax::prober
