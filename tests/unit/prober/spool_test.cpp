#include "prober/spool.hpp"

#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <set>
#include <thread>

#include <doctest/doctest.h>

#include "prober/segment.hpp"
#include "tests/unit/prober/folder.hpp"

using namespace slimtax;
using namespace slimtax::prober;
using namespace std::chrono_literals;
using slimtax::tests::Folder;
using slimtax::tests::read_file;
using slimtax::tests::write_file;

namespace {

constexpr schemas::Instant noon{std::chrono::seconds{1'770'000'000}};

SpoolOptions options_in(const std::filesystem::path& folder) {
    SpoolOptions options;
    options.folder = folder;
    options.retry_every = 1ms;
    return options;
}

std::unique_ptr<Spool> open_spool(SpoolOptions options) {
    auto spool = Spool::open(std::move(options));
    REQUIRE_MESSAGE(spool.has_value(), (spool ? "" : spool.error()));
    return std::move(*spool);
}

std::unique_ptr<Spool> open_spool(const std::filesystem::path& folder) {
    return open_spool(options_in(folder));
}

std::vector<std::string> texts(const std::vector<SpoolEntry>& entries) {
    std::vector<std::string> result;
    for (const SpoolEntry& entry : entries) {
        result.push_back(entry.bytes);
    }
    return result;
}

std::vector<std::string> numbered(int from, int to) {
    std::vector<std::string> result;
    for (int i = from; i < to; ++i) {
        result.push_back("result " + std::to_string(i));
    }
    return result;
}

void append_numbered(Spool& spool, int from, int to) {
    for (int i = from; i < to; ++i) {
        REQUIRE(spool.append("result " + std::to_string(i), noon + i * 1s) == Spool::Kept::on_disk);
    }
}

std::vector<std::filesystem::path> segments(const std::filesystem::path& folder) {
    std::set<std::filesystem::path> found;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        if (entry.path().extension() == ".segment") {
            found.insert(entry.path());
        }
    }
    return {found.begin(), found.end()};
}

/// A folder with one segment of `count` records, closed.
void make_one_segment(const std::filesystem::path& folder, int count) {
    const auto spool = open_spool(folder);
    append_numbered(*spool, 0, count);
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

/// A mount namespace of this process's own, from which nothing reaches the others. False: no right to one.
bool own_mount_namespace() {
    const uid_t user = ::getuid();
    if (::unshare(CLONE_NEWNS) != 0) {
        if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) {
            return false;
        }
        write_file("/proc/self/uid_map", "0 " + std::to_string(user) + " 1\n");
    }
    return ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
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

}  // namespace

TEST_CASE("records come back in order, with their stamps, until they are confirmed") {
    const Folder folder;
    const auto spool = open_spool(folder.path());
    append_numbered(*spool, 0, 10);
    const auto first = spool->peek(4);
    CHECK(texts(first) == numbered(0, 4));
    CHECK(first[3].stamp == noon + 3s);
    CHECK(texts(spool->peek(4)) == numbered(0, 4));
    spool->confirm(first[1].end);
    CHECK(texts(spool->peek(100)) == numbered(2, 10));
    CHECK(spool->stats().confirmed == 2);
    CHECK(spool->stats().oldest == noon + 2s);
}

TEST_CASE("payloads are kept byte for byte, the empty and the largest too") {
    const Folder folder;
    const std::string largest(max_payload_bytes, '\xff');
    const std::string tricky("SLR1\0\0\0\0SLR1slimtax spool 1\n", 28);
    {
        const auto spool = open_spool(folder.path());
        for (const std::string& bytes : {std::string(), tricky, largest}) {
            REQUIRE(spool->append(bytes, noon) == Spool::Kept::on_disk);
        }
        CHECK(spool->append(largest + "x", noon) == Spool::Kept::dropped);
    }
    const auto entries = open_spool(folder.path())->peek(10, SIZE_MAX);
    REQUIRE(entries.size() == 3);
    CHECK(entries[0].bytes.empty());
    CHECK(entries[1].bytes == tricky);
    CHECK((entries[2].bytes == largest));
}

TEST_CASE("a peek takes no more bytes than asked for, but always at least one record") {
    const Folder folder;
    const auto spool = open_spool(folder.path());
    append_numbered(*spool, 0, 10);
    CHECK(spool->peek(10, 1).size() == 1);
    CHECK(spool->peek(10, 3 * 8).size() == 3);
}

TEST_CASE("kill -9 in the middle of appending loses nothing that append had taken") {
    const Folder folder;
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    const pid_t child = ::fork();
    if (child == 0) {
        SpoolOptions options = options_in(folder.path());
        options.segment_bytes = 4096;  // so that it also dies while it begins segments
        auto spool = Spool::open(options);
        for (std::int64_t i = 0; spool; ++i) {
            (*spool)->append("result " + std::to_string(i), noon);
            (void)!::write(ends[1], &i, sizeof i);
        }
        ::_exit(1);
    }
    ::close(ends[1]);
    std::int64_t taken = -1;
    std::int64_t read_back = 0;
    while (taken < 5000 && ::read(ends[0], &read_back, sizeof read_back) == sizeof read_back) {
        taken = read_back;
    }
    ::kill(child, SIGKILL);
    while (::read(ends[0], &read_back, sizeof read_back) == sizeof read_back) {
        taken = read_back;
    }
    ::waitpid(child, nullptr, 0);
    ::close(ends[0]);

    const auto spool = open_spool(folder.path());
    const auto entries = spool->peek(SIZE_MAX, SIZE_MAX);
    REQUIRE(taken >= 5000);
    REQUIRE(static_cast<std::int64_t>(entries.size()) >= taken + 1);
    REQUIRE(static_cast<std::int64_t>(entries.size()) <= taken + 2);  // taken, but not yet told
    CHECK(texts(entries) == numbered(0, static_cast<int>(entries.size())));
    CHECK(spool->stats().damaged == 0);
}

TEST_CASE("a truncated last record is ignored, not an error, wherever it was cut") {
    const Folder folder;
    make_one_segment(folder.path(), 3);
    const auto segment = segments(folder.path()).at(0);
    const std::string whole = read_file(segment);
    const std::size_t record = record_header_bytes + std::string("result 2").size();
    for (std::size_t cut = 1; cut <= record; ++cut) {
        CAPTURE(cut);
        write_file(segment, whole.substr(0, whole.size() - cut));
        const auto spool = open_spool(folder.path());
        CHECK(texts(spool->peek(10)) == numbered(0, 2));
        CHECK(spool->stats().damaged == 0);
    }
}

TEST_CASE("a segment cut inside its header, or empty, holds nothing and is cleared away") {
    for (const std::size_t size : {std::size_t{0}, std::size_t{7}, segment_header.size()}) {
        const Folder folder;
        make_one_segment(folder.path(), 1);
        const auto segment = segments(folder.path()).at(0);
        write_file(segment, read_file(segment).substr(0, size));
        const auto spool = open_spool(folder.path());
        CHECK(spool->peek(10).empty());
        CHECK(segments(folder.path()).empty());
        append_numbered(*spool, 0, 1);
        CHECK(texts(spool->peek(10)) == numbered(0, 1));
    }
}

TEST_CASE("a last record of zeros, as a power cut leaves it, is ignored") {
    const Folder folder;
    make_one_segment(folder.path(), 2);
    slimtax::tests::append_file(segments(folder.path()).at(0), std::string(4096, '\0'));
    const auto spool = open_spool(folder.path());
    CHECK(texts(spool->peek(10)) == numbered(0, 2));
    CHECK(spool->stats().damaged == 0);
}

TEST_CASE("any flipped bit costs the record it lies in, and no other") {
    const Folder folder;
    make_one_segment(folder.path(), 3);
    const auto segment = segments(folder.path()).at(0);
    const std::string whole = read_file(segment);
    const std::size_t record = record_header_bytes + std::string("result 0").size();
    for (std::size_t at = 0; at < 2 * record; ++at) {
        for (int bit = 0; bit < 8; ++bit) {
            CAPTURE(at);
            std::string flipped = whole;
            flipped[segment_header.size() + at] = static_cast<char>(flipped[segment_header.size() + at] ^ (1 << bit));
            write_file(segment, flipped);
            const auto spool = open_spool(folder.path());
            auto expected = numbered(0, 3);
            expected.erase(expected.begin() + static_cast<std::ptrdiff_t>(at / record));
            REQUIRE(texts(spool->peek(10)) == expected);
            REQUIRE(spool->stats().damaged == 1);
            REQUIRE(spool->stats().damaged_bytes == record);
        }
    }
}

TEST_CASE("damage is counted once, however often it is read over") {
    const Folder folder;
    make_one_segment(folder.path(), 3);
    const auto segment = segments(folder.path()).at(0);
    std::string bytes = read_file(segment);
    bytes[segment_header.size() + 5] = 'x';
    write_file(segment, bytes);
    const auto spool = open_spool(folder.path());
    for (int i = 0; i < 3; ++i) {
        CHECK(texts(spool->peek(10)) == numbered(1, 3));
    }
    CHECK(spool->stats().damaged == 1);
}

TEST_CASE("a record copied to another place does not pass for one") {
    const Folder folder;
    make_one_segment(folder.path(), 2);
    const auto segment = segments(folder.path()).at(0);
    const std::string whole = read_file(segment);
    write_file(segment, whole + whole.substr(segment_header.size()));
    CHECK(texts(open_spool(folder.path())->peek(10)) == numbered(0, 2));
}

TEST_CASE("what was confirmed before a crash is not sent again, what was not is") {
    const Folder folder;
    const int status = in_child([&folder] {
        auto spool = Spool::open(options_in(folder.path()));
        for (int i = 0; i < 10; ++i) {
            (*spool)->append("result " + std::to_string(i), noon);
        }
        (*spool)->confirm((*spool)->peek(6).back().end);
        ::raise(SIGKILL);
    });
    REQUIRE(WIFSIGNALED(status));
    CHECK(texts(open_spool(folder.path())->peek(100)) == numbered(6, 10));
}

TEST_CASE("a damaged note of what is confirmed means sending again, never losing") {
    const Folder folder;
    {
        const auto spool = open_spool(folder.path());
        append_numbered(*spool, 0, 4);
        spool->confirm(spool->peek(2).back().end);
    }
    const std::string note = read_file(folder / "confirmed");
    for (std::size_t at = 0; at < note.size(); ++at) {
        std::string damaged = note;
        damaged[at] = static_cast<char>(damaged[at] ^ 1);
        write_file(folder / "confirmed", damaged);
        REQUIRE(texts(open_spool(folder.path())->peek(10)) == numbered(0, 4));
    }
    write_file(folder / "confirmed", note);
    CHECK(texts(open_spool(folder.path())->peek(10)) == numbered(2, 4));
}

TEST_CASE("segments are deleted when the reporter has confirmed them, and not before") {
    const Folder folder;
    SpoolOptions options = options_in(folder.path());
    options.segment_bytes = 300;  // about ten records
    const auto spool = open_spool(options);
    append_numbered(*spool, 0, 100);
    const std::size_t many = segments(folder.path()).size();
    REQUIRE(many >= 8);
    const auto all = spool->peek(100);
    CHECK(segments(folder.path()).size() == many);
    spool->confirm(all[49].end);
    CHECK(segments(folder.path()).size() < many);
    CHECK(texts(spool->peek(100)) == numbered(50, 100));
    spool->confirm(all[99].end);
    CHECK(segments(folder.path()).size() <= 1);
    CHECK(spool->stats().waiting_bytes == 0);
    append_numbered(*spool, 100, 105);
    CHECK(texts(spool->peek(100)) == numbered(100, 105));
}

TEST_CASE("records of several processes' lives come in the order in which they were appended") {
    const Folder folder;
    for (int life = 0; life < 5; ++life) {
        const auto spool = open_spool(folder.path());
        append_numbered(*spool, life * 10, life * 10 + 10);
        spool->confirm(spool->peek(3).back().end);
    }
    CHECK(texts(open_spool(folder.path())->peek(100)) == numbered(15, 50));
}

TEST_CASE("a full spool keeps the oldest, drops the newest, and tells how many and of which time") {
    const Folder folder;
    SpoolOptions options = options_in(folder.path());
    options.limit = 4000;
    const auto spool = open_spool(options);
    int kept = 0;
    while (spool->append("result " + std::to_string(kept), noon + kept * 1s) == Spool::Kept::on_disk) {
        ++kept;
    }
    CHECK(kept > 100);
    for (int i = kept + 1; i < kept + 5; ++i) {
        CHECK(spool->append("result " + std::to_string(i), noon + i * 1s) == Spool::Kept::dropped);
    }
    CHECK(spool->stats().dropped == 5);
    CHECK(spool->stats().dropped_first == noon + kept * 1s);
    CHECK(spool->stats().dropped_last == noon + (kept + 4) * 1s);
    CHECK(texts(spool->peek(1000)) == numbered(0, kept));
    SUBCASE("and takes results again as soon as some are confirmed") {
        spool->confirm(spool->peek(100).back().end);
        CHECK(spool->append("later", noon) == Spool::Kept::on_disk);
        CHECK(spool->stats().dropped == 5);
    }
}

TEST_CASE("when the disk is full, results wait in memory, in order, and can be sent from there") {
    const Folder folder;
    SmallDisk disk;
    disk.room = 70;  // the header, one record, and a part of the next
    const auto spool = open_spool(disk.options(folder.path()));
    CHECK(spool->append("result 0", noon) == Spool::Kept::on_disk);
    for (int i = 1; i < 5; ++i) {
        CHECK(spool->append("result " + std::to_string(i), noon) == Spool::Kept::in_memory);
    }
    CHECK(texts(spool->peek(10)) == numbered(0, 5));
    CHECK(spool->stats().memory_records == 4);
    CHECK(spool->stats().write_failures >= 1);
    SUBCASE("and are forgotten when confirmed") {
        spool->confirm(spool->peek(10)[2].end);
        CHECK(texts(spool->peek(10)) == numbered(3, 5));
        CHECK(spool->stats().memory_records == 2);
    }
    SUBCASE("and go to disk as soon as it has room, where another process finds them") {
        disk.room = 1 << 20;
        CHECK(eventually([&] { return spool->stats().memory_records == 0; }));
        CHECK(spool->append("result 5", noon) == Spool::Kept::on_disk);
        CHECK(texts(spool->peek(10)) == numbered(0, 6));
        const Folder copy;
        std::filesystem::copy(folder.path(), copy.path(), std::filesystem::copy_options::recursive);
        CHECK(texts(open_spool(copy.path())->peek(10)) == numbered(0, 6));
    }
    SUBCASE("and a confirmation counts although they went to disk since the peek") {
        const auto seen = spool->peek(3);
        disk.room = 1 << 20;
        CHECK(eventually([&] { return spool->stats().memory_records == 0; }));
        spool->confirm(seen.back().end);
        CHECK(texts(spool->peek(10)) == numbered(3, 5));
        spool->confirm(seen.back().end);
        CHECK(texts(spool->peek(10)) == numbered(3, 5));
    }
}

TEST_CASE("a segment that cannot be begun costs nothing of the one before") {
    const Folder folder;
    SpoolOptions options = options_in(folder.path());
    options.segment_bytes = 100;
    const auto spool = open_spool(options);
    write_file(folder / "0000000000000002.segment", "in the way");
    append_numbered(*spool, 0, 3);
    CHECK(spool->append("result 3", noon) == Spool::Kept::in_memory);
    CHECK(texts(spool->peek(10)) == numbered(0, 4));
    CHECK(eventually([&] { return spool->stats().memory_records == 0; }));
    CHECK(texts(spool->peek(10)) == numbered(0, 4));
}

TEST_CASE("what neither disk nor memory can hold is dropped, and counted") {
    const Folder folder;
    SmallDisk disk;
    SpoolOptions options = disk.options(folder.path());
    options.memory_limit = 60;
    const auto spool = open_spool(options);
    CHECK(spool->append("result 0", noon) == Spool::Kept::in_memory);
    CHECK(spool->append("result 1", noon) == Spool::Kept::in_memory);
    CHECK(spool->append("result 2", noon) == Spool::Kept::dropped);
    CHECK(spool->stats().dropped == 1);
    CHECK(texts(spool->peek(10)) == numbered(0, 2));
    spool->confirm(spool->peek(10).back().end);
    CHECK(spool->append("result 3", noon) == Spool::Kept::in_memory);
}

TEST_CASE("a really full file system neither crashes the spool nor damages what was taken") {
    // A tmpfs of the child's own, in a mount namespace of its own; without the right to make one there is no
    // such file system to test on, and the other disk-full tests stand alone.
    const Folder folder;
    constexpr int no_tmpfs = 77;
    const int status = in_child([&folder] {
        if (!own_mount_namespace() || ::mount("tmpfs", folder.path().c_str(), "tmpfs", 0, "size=128k") != 0) {
            ::_exit(no_tmpfs);
        }
        auto spool = Spool::open(options_in(folder.path()));
        int count = 0;
        const std::string padding(1000, '.');
        while ((*spool)->append(std::to_string(count) + padding, noon) == Spool::Kept::on_disk) {
            ++count;
        }
        ++count;  // that one is in memory
        const auto entries = (*spool)->peek(10'000, SIZE_MAX);
        bool good = count > 50 && static_cast<int>(entries.size()) == count;
        for (int i = 0; good && i < count; ++i) {
            good = entries[static_cast<std::size_t>(i)].bytes == std::to_string(i) + padding;
        }
        (*spool)->confirm(entries.back().end);
        good = good && eventually([&] { return (*spool)->append("again", noon) == Spool::Kept::on_disk; });
        good = good && (*spool)->stats().dropped == 0 && (*spool)->stats().damaged == 0;
        ::_exit(good ? 0 : 1);
    });
    REQUIRE(WIFEXITED(status));
    if (WEXITSTATUS(status) == no_tmpfs) {
        MESSAGE("no right to mount a tmpfs here");
    } else {
        CHECK(WEXITSTATUS(status) == 0);
    }
}

TEST_CASE("one sync puts any number of appends on disk") {
    const Folder folder;
    SmallDisk disk;
    disk.room = 1 << 20;
    SpoolOptions options = disk.options(folder.path());
    options.sync_every = 1h;
    const auto spool = open_spool(options);
    append_numbered(*spool, 0, 100);
    CHECK(disk.syncs == 0);
    spool->sync();
    CHECK(disk.syncs == 2);  // the segment and the folder that names it
    append_numbered(*spool, 100, 200);
    spool->sync();
    CHECK(disk.syncs == 3);
}

TEST_CASE("a disk that fails to sync is counted, and a fresh segment begun") {
    const Folder folder;
    SmallDisk disk;
    disk.room = 1 << 20;
    SpoolOptions options = disk.options(folder.path());
    options.sync_every = 1ms;
    const auto spool = open_spool(options);
    disk.sync_fails = true;
    append_numbered(*spool, 0, 1);
    CHECK(eventually([&] { return spool->stats().sync_failures > 0; }));
    disk.sync_fails = false;
    append_numbered(*spool, 1, 3);
    CHECK(segments(folder.path()).size() == 2);
    CHECK(texts(spool->peek(10)) == numbered(0, 3));
}

TEST_CASE("a second prober on the same folder is refused, with the process that has it") {
    const Folder folder;
    const auto spool = open_spool(folder.path());
    const auto second = Spool::open(options_in(folder.path()));
    REQUIRE(!second.has_value());
    CHECK(second.error().find("in use by another prober (process " + std::to_string(::getpid()) + ")") !=
          std::string::npos);
}

TEST_CASE("a folder that cannot be made is refused with a sentence") {
    const Folder folder;
    write_file(folder / "file", "");
    const auto spool = Spool::open(options_in(folder / "file"));
    REQUIRE(!spool.has_value());
    CHECK(spool.error().find("cannot be made") != std::string::npos);
}

TEST_CASE("a rejected record is set aside once, with the body and the reason") {
    const Folder folder;
    std::filesystem::path path;
    {
        const auto spool = open_spool(folder.path());
        append_numbered(*spool, 0, 1);
        const SpoolEntry entry = spool->peek(1).front();
        for (int i = 0; i < 2; ++i) {
            const auto written = spool->set_aside(entry, "as sent", "the reporter said no");
            REQUIRE(written.has_value());
            path = *written;
        }
        CHECK(spool->stats().rejected == 1);
    }
    CHECK(read_file(path) == "as sent");
    CHECK(read_file(path.replace_extension(".reason")) == "the reporter said no");
    CHECK(open_spool(folder.path())->stats().rejected == 1);
}

TEST_CASE("appends from several threads while another ships: every record once, each thread's in order") {
    const Folder folder;
    SpoolOptions options = options_in(folder.path());
    options.segment_bytes = 2000;
    options.sync_every = 1ms;
    const auto spool = open_spool(options);
    constexpr int threads = 3;
    constexpr int each = 2000;
    std::vector<std::thread> appenders;
    for (int t = 0; t < threads; ++t) {
        appenders.emplace_back([&spool, t] {
            for (int i = 0; i < each; ++i) {
                spool->append(std::to_string(t) + " " + std::to_string(i), noon);
            }
        });
    }
    std::array<int, threads> next{};
    int received = 0;
    bool ordered = true;
    CHECK(eventually([&] {
        const auto entries = spool->peek(100);
        for (const SpoolEntry& entry : entries) {
            const auto t = static_cast<std::size_t>(entry.bytes[0] - '0');
            ordered = ordered && entry.bytes.substr(2) == std::to_string(next.at(t)++);
        }
        received += static_cast<int>(entries.size());
        if (!entries.empty()) {
            spool->confirm(entries.back().end);
        }
        return received >= threads * each;
    }));
    for (std::thread& appender : appenders) {
        appender.join();
    }
    CHECK(ordered);
    CHECK(received == threads * each);
    CHECK(spool->stats().confirmed == threads * each);
    CHECK(spool->peek(1).empty());
}
