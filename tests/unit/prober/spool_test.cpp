#include "prober/spool.hpp"

#include <signal.h>
#include <sys/wait.h>

#include "prober/segment.hpp"
#include "tests/unit/prober/spool_room.hpp"

using namespace slimtax;
using namespace slimtax::prober;

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
