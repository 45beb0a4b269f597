#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <random>

#include <doctest/doctest.h>

#include "probes/log_reader.hpp"
#include "tests/unit/prober/folder.hpp"
#include "tests/unit/probes/local_step.hpp"

namespace slimtax::probes {
std::span<const Operation> log_operations();
}

using namespace slimtax;
using namespace slimtax::probes;
using namespace std::chrono_literals;
using schemas::Verdict;
using slimtax::tests::append_file;
using slimtax::tests::Folder;
using slimtax::tests::read_file;
using slimtax::tests::write_file;
namespace fs = std::filesystem;

namespace {

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

std::string message(const std::string& user) {
    return "info message from=" + user + " to=somebody\n";
}

/// A log and a series that reads it.
class Log {
public:
    Log() : step(log_operations(), "log.count"), file((folder / "info.log").string()) {}

    LocalStep::Ran read(std::chrono::milliseconds timeout = 60s) {
        LocalStep::Values values = more;
        values.insert({{"file", file}, {"match", pattern("message from=(?<user>\\S+) ")}});
        return step.run(std::move(values), timeout);
    }

    /// Reads, and returns how many lines matched.
    double count() {
        const auto ran = read();
        REQUIRE_MESSAGE(ran.outcome.verdict == Verdict::ok, ran.outcome.reason);
        CHECK(ran.number("lines") == static_cast<double>(ran.report.work));
        return ran.number("lines");
    }

    void write(int lines, const std::string& user = "ann") {
        for (int i = 0; i < lines; ++i) {
            append_file(file, message(user));
        }
    }

    Folder folder;
    LocalStep step;
    std::string file;
    LocalStep::Values more;
};

}  // namespace

TEST_CASE("the first reading starts at the end and reads no work") {
    Log log;
    log.write(5);
    const auto ran = log.read();
    CHECK(ran.outcome.verdict == Verdict::ok);
    CHECK(ran.report.work == 0);
    CHECK(ran.report.work_span == 0s);
    CHECK(ran.number("lines") == 0);
}

TEST_CASE("matching lines since the last reading are work, and their users are told apart") {
    Log log;
    log.write(1);
    log.read();
    log.write(3, "ann");
    log.write(2, "bob");
    append_file(log.file, "debug nothing of interest\n");
    const auto ran = log.read();
    CHECK(ran.outcome.verdict == Verdict::ok);
    CHECK(ran.report.work == 5);
    CHECK(ran.report.work_span > 0s);
    CHECK(ran.report.work_span < 1h);
    auto users = ran.report.users;
    std::ranges::sort(users);
    CHECK(users == std::vector<std::pair<std::string, std::uint64_t>>{{"ann", 3}, {"bob", 2}});
    CHECK(ran.number("lines") == 5);
    CHECK(ran.number("users") == 2);
    CHECK(ran.number("read") == 6);
    CHECK(ran.number("behind") == 0);
    CHECK(!ran.flag("lost"));
    CHECK(log.count() == 0);
}

TEST_CASE("a pattern without the group counts lines alone") {
    Log log;
    log.more.emplace("match", pattern("message"));
    log.write(1);
    log.read();
    log.write(4);
    const auto ran = log.read();
    CHECK(ran.report.work == 4);
    CHECK(ran.report.users.empty());
}

TEST_CASE("an unfinished last line waits for its end, also at the first reading") {
    Log log;
    append_file(log.file, "old\ninfo message from=ann ");
    CHECK(log.count() == 0);
    append_file(log.file, "to=bob");
    CHECK(log.count() == 0);
    append_file(log.file, "\n" + message("cat") + "info mess");
    CHECK(log.count() == 2);
    append_file(log.file, "age from=dan to=eve\n");
    CHECK(log.count() == 1);
}

TEST_CASE("a log that is renamed is read to its end, then the new one from its beginning") {
    Log log;
    log.write(2);
    log.read();
    log.write(3);
    fs::rename(log.file, log.file + ".1");
    SUBCASE("the writer has not opened the new one yet: nothing there") {
        CHECK(log.count() == 3);
        append_file(log.file + ".1", message("late"));
        CHECK(log.count() == 1);
        log.write(2);
        append_file(log.file + ".1", message("later"));
        CHECK(log.count() == 3);
    }
    SUBCASE("logrotate has created the new one, but the writer still has the old one") {
        write_file(log.file, "");
        CHECK(log.count() == 3);
        append_file(log.file + ".1", message("late"));
        CHECK(log.count() == 1);
        log.write(2);
        CHECK(log.count() == 2);
    }
    SUBCASE("the new one is in use") {
        log.write(4);
        const auto ran = log.read();
        CHECK(ran.report.work == 7);
        CHECK(!ran.flag("lost"));
    }
    SUBCASE("its last line was never finished") {
        append_file(log.file + ".1", "info message from=zoe to");
        log.write(1);
        CHECK(log.count() == 5);
    }
    log.write(1);
    CHECK(log.count() == 1);
    CHECK(log.count() == 0);
}

TEST_CASE("several rotations between two readings lose nothing, whatever the scheme of names") {
    for (const std::string& scheme : {std::string("number"), std::string("date"), std::string("extension")}) {
        CAPTURE(scheme);
        Log log;
        const auto name = [&](int age) {
            return scheme == "number" ? log.file + "." + std::to_string(age)
                   : scheme == "date" ? log.file + "-2026112" + std::to_string(9 - age)
                                      : (log.folder / ("info-2026112" + std::to_string(9 - age) + ".log")).string();
        };
        const auto rotate = [&] {
            for (int age = 3; age >= 1; --age) {
                if (fs::exists(name(age))) {
                    fs::rename(name(age), name(age + 1));
                }
            }
            fs::rename(log.file, name(1));
        };
        log.write(1);
        rotate();
        write_file(log.folder / "info.log.bak", message("unrelated"));
        write_file(log.folder / "info.log.9.gz", message("unrelated"));
        log.write(2);
        log.read();
        log.write(3);
        rotate();
        log.write(4);
        rotate();
        log.write(5);
        const auto ran = log.read();
        CHECK(ran.report.work == 12);
        CHECK(!ran.flag("lost"));
        CHECK(log.count() == 0);
    }
}

TEST_CASE("a log that is copied and truncated is read to the copy's end, then from its beginning") {
    Log log;
    log.write(2);
    log.read();
    log.write(3);
    fs::copy_file(log.file, log.file + ".1");
    fs::resize_file(log.file, 0);
    SUBCASE("nothing new yet") {
        CHECK(log.count() == 3);
        log.write(2);
        CHECK(log.count() == 2);
    }
    SUBCASE("a little new") {
        log.write(1);
        CHECK(log.count() == 4);
    }
    SUBCASE("already longer than before") {
        log.write(20, "somebody-else");
        CHECK(log.count() == 23);
    }
    CHECK(log.count() == 0);
}

TEST_CASE("a log that was truncated without a copy is read from its beginning, and says that lines may be missing") {
    Log log;
    log.write(5);
    log.read();
    log.write(3);
    fs::resize_file(log.file, 0);
    log.write(2);
    const auto ran = log.read();
    CHECK(ran.outcome.verdict == Verdict::ok);
    CHECK(ran.report.work == 2);
    CHECK(ran.flag("lost"));
    CHECK(ran.report.work_span > 0s);
    CHECK(log.count() == 0);
}

TEST_CASE("a rotated log that is gone covers only the time since the new one began") {
    Log log;
    log.write(5);
    log.read();
    // As if the last reading were an hour ago: the bookmark's steady and wall times are its sixth and seventh words.
    std::string& mark = log.step.remembered.begin()->second;
    std::vector<std::string> words;
    for (std::size_t at = 0; at < mark.size();) {
        const std::size_t end = std::min(mark.find(' ', at), mark.size());
        words.push_back(mark.substr(at, end - at));
        at = end + 1;
    }
    REQUIRE(words.size() == 8);
    words[1] = words[2] = "1";  // and the file another one
    words[5] = std::to_string(std::stoll(words[5]) - 3'600'000'000);
    words[6] = std::to_string(std::stoll(words[6]) - 3'600'000'000);
    mark.clear();
    for (const std::string& word : words) {
        mark += (mark.empty() ? "" : " ") + word;
    }
    const auto ran = log.read();
    CHECK(ran.outcome.verdict == Verdict::ok);
    CHECK(ran.flag("lost"));
    CHECK(ran.report.work == 5);
    struct statx born {};
    if (::statx(AT_FDCWD, log.file.c_str(), 0, STATX_BTIME, &born) == 0 && (born.stx_mask & STATX_BTIME) != 0) {
        CHECK(ran.report.work_span < 30min);
    }
}

TEST_CASE("the position survives a restart of the prober, and the span is the time between the readings") {
    Log log;
    log.write(1);
    log.read();
    log.write(2);
    LocalStep restarted(log_operations(), "log.count");
    restarted.remembered = log.step.remembered;
    const auto ran = restarted.run({{"file", log.file}, {"match", pattern("message from=(?<user>\\S+) ")}});
    CHECK(ran.report.work == 2);
    CHECK(ran.report.work_span > 0s);
}

TEST_CASE("a bookmark that cannot be read means a first reading") {
    Log log;
    log.write(1);
    log.read();
    for (const std::string& text :
         {std::string(), std::string("2 1 1 1 1 1 1 x"), std::string("nonsense"), std::string("1 2 3")}) {
        log.step.remembered.begin()->second = text;
        const auto ran = log.read();
        CHECK(ran.outcome.verdict == Verdict::ok);
        CHECK(ran.report.work_span == 0s);
    }
}

TEST_CASE("what exceeds the bytes of one reading is read the next time, each line once") {
    Log log;
    log.more.emplace("max_bytes", std::int64_t{65536});
    log.write(1);
    log.read();
    constexpr int lines = 10'000;
    std::string text;
    for (int i = 0; i < lines; ++i) {
        text += message("user" + std::to_string(i));
    }
    append_file(log.file, text);
    double sum = 0;
    int readings = 0;
    for (double behind = 1; behind > 0 && readings < 100; ++readings) {
        const auto ran = log.read();
        CHECK(ran.number("read") < 3000);
        sum += ran.number("lines");
        behind = ran.number("behind");
    }
    CHECK(sum == lines);
    CHECK(readings > 4);
}

TEST_CASE("the rest of a rotated log that is too much for one reading is read the next times") {
    Log log;
    log.more.emplace("max_bytes", std::int64_t{65536});
    log.write(1);
    log.read();
    log.write(3000);
    fs::rename(log.file, log.file + ".1");
    log.write(3000);
    double sum = 0;
    for (int i = 0; i < 10; ++i) {
        sum += log.count();
    }
    CHECK(sum == 6000);
}

TEST_CASE("of an overlong line only the beginning is looked at, and it counts once") {
    Log log;
    log.more.emplace("max_line", std::int64_t{256});
    log.write(1);
    log.read();
    append_file(log.file, message("ann").substr(0, 30) + " " + std::string(3'000'000, 'x') + message("hidden"));
    append_file(log.file, std::string(1'000'000, 'y') + message("hidden") + message("bob"));
    const auto ran = log.read();
    CHECK(ran.number("lines") == 2);
    CHECK(ran.number("read") == 3);
}

TEST_CASE("users beyond the most are counted as work without a name") {
    Log log;
    log.more.emplace("max_users", std::int64_t{3});
    log.write(1);
    log.read();
    for (int i = 0; i < 10; ++i) {
        log.write(2, "user" + std::to_string(i));
    }
    const auto ran = log.read();
    CHECK(ran.report.work == 20);
    CHECK(ran.report.users.size() == 3);
}

TEST_CASE("bytes of all kinds do no harm") {
    Log log;
    log.write(1);
    log.read();
    std::string noise(300'000, '\0');
    std::mt19937 random(7);
    std::ranges::generate(noise, [&] { return static_cast<char>(random()); });
    append_file(log.file, noise + "\n" + message("\xff\xfe") + std::string(5000, '\0') + "\n");
    CHECK(log.count() == 1);
}

TEST_CASE("a log that cannot be read is our fault, and the reason says what to do") {
    Log log;
    const auto missing = log.read();
    CHECK(missing.outcome.verdict == Verdict::prober_fault);
    CHECK(missing.outcome.reason ==
          "log file " + log.file +
              " cannot be read: there is no such file; check `file`, and that the service logs there");
    fs::create_directory(log.file);
    CHECK(has(log.read().outcome.reason, "it is no regular file"));
    fs::remove(log.file);
    REQUIRE(::mkfifo(log.file.c_str(), 0600) == 0);
    CHECK(has(log.read().outcome.reason, "it is no regular file"));
}

TEST_CASE("without the permission to read the reason names the group that has it") {
    // Root may read all: the reading is done by a child that is nobody.
    const Folder folder;
    const std::string file = (folder / "info.log").string();
    write_file(file, "line\n");
    ::chmod(folder.path().c_str(), 0755);
    ::chmod(file.c_str(), 0640);
    REQUIRE(::getuid() == ::geteuid());
    if (::getuid() == 0) {
        REQUIRE(::chown(file.c_str(), 0, 4) == 0);  // Debian's adm
    } else {
        ::chmod(file.c_str(), 0040);
    }
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    const pid_t child = ::fork();
    if (child == 0) {
        if (::getuid() == 0 && (::setgid(65534) != 0 || ::setuid(65534) != 0)) {
            ::_exit(1);
        }
        const std::string trouble = read_log(file, std::nullopt, LogLimits(), [](std::string_view) {}).trouble;
        (void)!::write(ends[1], trouble.data(), trouble.size());
        ::_exit(0);
    }
    ::close(ends[1]);
    std::string trouble(4096, '\0');
    const ssize_t got = ::read(ends[0], trouble.data(), trouble.size());
    ::close(ends[0]);
    ::waitpid(child, nullptr, 0);
    trouble.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    CHECK_MESSAGE(has(trouble, "permission denied; run the prober in group"), trouble);
    if (::getuid() == 0) {
        CHECK(has(trouble, "in group adm"));
    }
}

TEST_CASE("whatever is done to a log, each line is counted once") {
    // Random writes, readings and rotations of both kinds; a reader that may never be late by more than one
    // truncation, since what a truncation without a copy takes is gone.
    for (unsigned seed = 0; seed < 30; ++seed) {
        CAPTURE(seed);
        std::mt19937 random(seed);
        Log log;
        log.more.emplace("max_bytes", std::int64_t{65536});
        log.write(1, "first");
        log.read();
        int written = 0;
        double counted = 0;
        int rotations = 0;
        const bool copying = seed % 2 == 0;  // a log is rotated in one way or the other, never in both
        const auto rotate = [&] {
            for (int age = rotations++; age >= 1; --age) {
                if (fs::exists(log.file + "." + std::to_string(age))) {
                    fs::rename(log.file + "." + std::to_string(age), log.file + "." + std::to_string(age + 1));
                }
            }
            if (copying) {
                fs::copy_file(log.file, log.file + ".1");
                fs::resize_file(log.file, 0);
            } else {
                fs::rename(log.file, log.file + ".1");
                write_file(log.file, "");
            }
        };
        for (int i = 0; i < 60; ++i) {
            switch (random() % 4) {
                case 0: counted += log.count(); break;
                case 1:
                    if (fs::file_size(log.file) > 0) {
                        rotate();
                    }
                    break;
                default: {
                    const int lines = static_cast<int>(random() % 40);
                    std::string text;
                    for (int n = 0; n < lines; ++n) {
                        text += message("user" + std::to_string(written++));
                    }
                    append_file(log.file, text);
                }
            }
        }
        for (int i = 0; i < 5; ++i) {
            counted += log.count();
        }
        CHECK(counted == written);
    }
}
