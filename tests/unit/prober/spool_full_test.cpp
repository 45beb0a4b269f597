// A spool that has no room left, by its own bound or by the disk.
#include <sched.h>
#include <sys/mount.h>

#include "tests/unit/prober/spool_room.hpp"

using namespace slimtax;
using namespace slimtax::prober;

namespace {

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

}  // namespace

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
