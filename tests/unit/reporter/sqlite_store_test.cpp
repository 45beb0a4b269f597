#include "reporter/store/sqlite_store.hpp"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <thread>

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sqlite3.h>

#include "reporter/store/blob.hpp"
#include "reporter/store/schema.hpp"
#include "some_results.hpp"
#include "temporary_folder.hpp"

namespace slimtax::reporter {
namespace {

using schemas::Duration;
using schemas::Instant;
using schemas::RunResult;
using schemas::SeriesKey;
using std::chrono::hours;
using std::chrono::seconds;
using testing::all_of;
using testing::plain_result;
using testing::TemporaryFolder;

const Instant monday = *schemas::parse_rfc3339("2026-11-16T00:00:00Z");
const SeriesKey noc{"portal", "pages", "web-1", "noc"};
const SeriesKey clinic{"portal", "pages", "web-1", "medical-centre"};

/// doctest makes its message of a good outcome as well.
template <class T>
std::string why(const Stored<T>& outcome) {
    return outcome ? "" : outcome.error().reason;
}

std::unique_ptr<SqliteStore> opened(const std::filesystem::path& file,
                                    SqliteStore::Mode mode = SqliteStore::Mode::create) {
    auto store = SqliteStore::open(file, mode);
    REQUIRE_MESSAGE(store, why(store));
    return std::move(*store);
}

std::string refusal(const std::filesystem::path& file, SqliteStore::Mode mode = SqliteStore::Mode::create) {
    const auto store = SqliteStore::open(file, mode);
    REQUIRE_FALSE(store);
    CHECK_FALSE(store.error().retry);
    return store.error().reason;
}

void execute(const std::filesystem::path& file, const std::string& sql) {
    sqlite3* database = nullptr;
    REQUIRE(sqlite3_open(file.c_str(), &database) == SQLITE_OK);
    REQUIRE(sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK);
    sqlite3_close(database);
}

AddCount added(Store& store, std::span<const RunResult> results) {
    const auto count = store.add(results);
    REQUIRE_MESSAGE(count, why(count));
    return *count;
}

std::vector<std::int64_t> starts(Store& store, const SeriesKey& key, Instant from, Instant to) {
    const auto found = store.runs(key, from, to);
    REQUIRE_MESSAGE(found, why(found));
    std::vector<std::int64_t> minutes;
    for (const Run& run : found->runs) {
        minutes.push_back(std::chrono::floor<std::chrono::minutes>(run.intended - monday).count());
    }
    return minutes;
}

std::vector<RunResult> minutely(const SeriesKey& key, Instant from, int count) {
    std::vector<RunResult> results;
    for (int i = 0; i < count; ++i) {
        results.push_back(plain_result(key, from + std::chrono::minutes(i)));
    }
    return results;
}

/// What the store should be: every identity once, the first result that came.
using Reference = std::map<std::pair<SeriesKey, Instant>, RunResult>;

void compare(Store& store, const Reference& reference, const SeriesKey& key, Instant from, Instant to) {
    std::vector<const RunResult*> inside;
    const RunResult* before = nullptr;
    const RunResult* after = nullptr;
    for (const auto& [identity, result] : reference) {
        if (identity.first != key) {
            continue;
        }
        if (identity.second < from) {
            before = &result;
        } else if (identity.second < to) {
            inside.push_back(&result);
        } else if (after == nullptr) {
            after = &result;
        }
    }
    const auto whole = store.results(key, from, to, 1'000'000);
    REQUIRE(whole);
    REQUIRE(whole->size() == inside.size());
    for (std::size_t i = 0; i < inside.size(); ++i) {
        CHECK(all_of((*whole)[i]) == all_of(*inside[i]));
    }
    const std::size_t limit = inside.size() / 2;
    const auto newest = store.results(key, from, to, limit);
    REQUIRE(newest);
    REQUIRE(newest->size() == limit);
    for (std::size_t i = 0; i < limit; ++i) {
        CHECK(all_of((*newest)[i]) == all_of(*inside[inside.size() - limit + i]));
    }
    if (before != nullptr) {
        inside.insert(inside.begin(), before);
    }
    if (after != nullptr) {
        inside.push_back(after);
    }
    const auto runs = store.runs(key, from, to);
    REQUIRE(runs);
    REQUIRE(runs->runs.size() == inside.size());
    for (std::size_t i = 0; i < inside.size(); ++i) {
        CHECK(runs->runs[i].intended == inside[i]->intended);
        CHECK(runs->runs[i].verdict == inside[i]->verdict);
        CHECK(runs->runs[i].reason == inside[i]->reason);
        CHECK(runs->runs[i].response == inside[i]->response);
    }
}

}  // namespace

TEST_CASE("what is stored comes back whole, also after it was sealed and opened again") {
    const TemporaryFolder folder;
    std::mt19937_64 dice(11);
    std::vector<RunResult> results;
    for (int i = 0; i < 300; ++i) {
        results.push_back(testing::some_result(dice, i % 2 == 0 ? noc : clinic, monday + std::chrono::minutes(i)));
    }
    for (const bool sealed : {false, true}) {
        auto store = opened(folder / "results.sqlite");
        const AddCount count = added(*store, results);
        CHECK(count.stored == (sealed ? 0 : 300));
        CHECK(count.repeated == (sealed ? 300 : 0));
        CHECK(*store->series() == std::vector{clinic, noc});
        if (sealed) {
            CHECK(*store->seal(monday + hours(30)) == 300);
            CHECK(*store->seal(monday + hours(30)) == 0);
            CHECK(added(*store, results).repeated == 300);
        }
        for (const SeriesKey& key : {noc, clinic}) {
            const auto back = store->results(key, monday, monday + hours(24), 1000);
            REQUIRE(back);
            REQUIRE(back->size() == 150);
            for (std::size_t i = 0; i < 150; ++i) {
                CHECK(all_of((*back)[i]) == all_of(results[2 * i + (key == noc ? 0 : 1)]));
            }
        }
    }
}

TEST_CASE("runs of a period come with their neighbours, wherever those are kept") {
    const TemporaryFolder folder;
    auto store = opened(folder / "results.sqlite");
    // One run at minute 10 of hours 0, 5, 6 and 20; the first two get sealed.
    for (const int hour : {0, 5, 6, 20}) {
        added(*store, minutely(noc, monday + hours(hour) + std::chrono::minutes(10), 1));
    }
    for (const bool sealed : {false, true}) {
        if (sealed) {
            CHECK(*store->seal(monday + hours(7)) == 2);
        }
        const auto at = [&](int from, int to) {
            return starts(*store, noc, monday + std::chrono::minutes(from), monday + std::chrono::minutes(to));
        };
        CHECK(at(310, 370) == std::vector<std::int64_t>{10, 310, 370});
        CHECK(at(311, 371) == std::vector<std::int64_t>{310, 370, 1210});
        CHECK(at(0, 5) == std::vector<std::int64_t>{10});
        CHECK(at(600, 600) == std::vector<std::int64_t>{370, 1210});
        CHECK(at(1211, 5000) == std::vector<std::int64_t>{1210});
        CHECK(at(-5000, 5000) == std::vector<std::int64_t>{10, 310, 370, 1210});
    }
    CHECK(store->runs(clinic, monday, monday + hours(1))->runs.empty());
    CHECK(store->runs(noc, Instant::min(), Instant::max())->runs.size() == 4);
}

TEST_CASE("of two results with one identity the first stays, within a batch, later, and after sealing") {
    const TemporaryFolder folder;
    auto store = opened(folder / "results.sqlite");
    RunResult first = plain_result(noc, monday);
    RunResult second = first;
    second.verdict = schemas::Verdict::failed;
    second.reason = "refused";
    CHECK(added(*store, std::vector{first, second}).repeated == 1);
    CHECK(added(*store, std::vector{second}).repeated == 1);
    CHECK(*store->seal(monday + hours(3)) == 1);
    CHECK(added(*store, std::vector{second}).repeated == 1);
    CHECK(*store->seal(monday + hours(3)) == 0);
    CHECK(all_of(store->results(noc, monday, monday + hours(1), 9)->at(0)) == all_of(first));
}

TEST_CASE("any order, repeats and seals in between give what a map would hold") {
    for (unsigned seed = 1; seed <= 8; ++seed) {
        const TemporaryFolder folder;
        std::mt19937_64 dice(seed);
        auto store = opened(folder / "results.sqlite");
        Reference reference;
        std::uint64_t stored = 0;
        for (int round = 0; round < 40; ++round) {
            std::vector<RunResult> batch;
            const auto size = dice() % 30;
            for (unsigned i = 0; i < size; ++i) {
                // Few places in ten hours, so that many repeat.
                const Instant intended = monday + seconds(90 * (dice() % 400));
                batch.push_back(testing::some_result(dice, dice() % 2 == 0 ? noc : clinic, intended));
            }
            std::uint64_t fresh = 0;
            for (const RunResult& result : batch) {
                fresh += reference.try_emplace({result.key, result.intended}, result).second ? 1 : 0;
            }
            const AddCount count = added(*store, batch);
            CHECK(count.stored == fresh);
            CHECK(count.stored + count.repeated == batch.size());
            stored += fresh;
            if (dice() % 4 == 0) {
                REQUIRE(store->seal(monday + hours(dice() % 14)));
            }
            if (dice() % 10 == 0) {
                store.reset();
                store = opened(folder / "results.sqlite");
            }
            if (round % 8 == 0) {
                const Instant from = monday + seconds(dice() % 36'000);
                compare(*store, reference, dice() % 2 == 0 ? noc : clinic, from, from + seconds(dice() % 20'000));
            }
        }
        CHECK(stored == reference.size());
        compare(*store, reference, noc, monday, monday + hours(20));
        compare(*store, reference, clinic, monday, monday + hours(20));
        REQUIRE(store->seal(monday + hours(20)));
        compare(*store, reference, noc, monday, monday + hours(20));
        compare(*store, reference, clinic, monday + hours(3), monday + hours(4));
    }
}

TEST_CASE("the revision grows with every addition and stays otherwise") {
    const TemporaryFolder folder;
    auto store = opened(folder / "results.sqlite");
    const std::uint64_t before = store->revision();
    added(*store, minutely(noc, monday, 3));
    const std::uint64_t after = store->revision();
    CHECK(after > before);
    added(*store, minutely(noc, monday, 3));
    CHECK(store->revision() == after);
    auto other = opened(folder / "results.sqlite");
    added(*other, minutely(clinic, monday, 3));
    CHECK(store->revision() > after);
}

TEST_CASE("many threads add and read at once, and a seal between them loses nothing") {
    const TemporaryFolder folder;
    auto store = opened(folder / "results.sqlite");
    std::atomic<bool> going{true};
    std::atomic<int> wrong{0};
    std::thread sealer([&] {
        while (going) {
            wrong += store->seal(monday + hours(40)) ? 0 : 1;
        }
    });
    std::thread reader([&] {
        std::size_t most = 0;
        while (going) {
            const auto runs = store->runs(noc, monday, monday + hours(40));
            // A row that is being sealed is seen once, not twice and not never: the number only grows.
            wrong += runs && runs->runs.size() >= most ? 0 : 1;
            most = runs ? runs->runs.size() : most;
        }
    });
    std::vector<std::thread> writers;
    for (int writer = 0; writer < 4; ++writer) {
        writers.emplace_back([&, writer] {
            for (int i = 0; i < 25; ++i) {
                const auto results = minutely(noc, monday + std::chrono::minutes(500 * writer + 20 * i), 20);
                const auto count = store->add(results);
                wrong += count && count->stored == 20 ? 0 : 1;
            }
        });
    }
    for (std::thread& writer : writers) {
        writer.join();
    }
    going = false;
    sealer.join();
    reader.join();
    CHECK(wrong == 0);
    CHECK(store->runs(noc, monday, monday + hours(40))->runs.size() == 2000);
}

TEST_CASE("a result that no prober could have made is refused, and with it its batch") {
    const TemporaryFolder folder;
    auto store = opened(folder / "results.sqlite");
    std::vector<RunResult> batch = minutely(noc, monday, 2);
    batch[1].response = Duration(-1);
    const auto count = store->add(batch);
    REQUIRE_FALSE(count);
    CHECK_FALSE(count.error().retry);
    CHECK(count.error().reason ==
          "a result of portal/pages web-1@noc cannot be stored: response_us must be from 0 to 31622400000000 (366 "
          "days), but is -1");
    CHECK(store->series()->empty());
}

TEST_CASE("files that are no store, or another's, are refused and left alone") {
    const TemporaryFolder folder;
    const auto text = folder / "notes.txt";
    std::ofstream(text) << std::string(5000, 'n');
    CHECK(refusal(text).find("is not an SQLite database; name another file") != std::string::npos);

    const auto foreign = folder / "foreign.sqlite";
    execute(foreign, "CREATE TABLE addresses (name TEXT)");
    std::ifstream before(foreign, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator(before), {}};
    CHECK(refusal(foreign).find("is a database of another program") != std::string::npos);
    std::ifstream after(foreign, std::ios::binary);
    CHECK(std::string(std::istreambuf_iterator(after), {}) == bytes);

    CHECK(refusal(folder / "nowhere" / "results.sqlite").find("No such file or directory") != std::string::npos);
    CHECK(refusal(folder / "missing.sqlite", SqliteStore::Mode::read_only).find("No such file") != std::string::npos);
    CHECK_FALSE(std::filesystem::exists(folder / "missing.sqlite"));
}

TEST_CASE("a store made by a newer slimtax is refused by name") {
    const TemporaryFolder folder;
    const auto file = folder / "results.sqlite";
    opened(file).reset();
    execute(file, "PRAGMA user_version = 1000");
    for (const auto mode : {SqliteStore::Mode::create, SqliteStore::Mode::read_only}) {
        CHECK(refusal(file, mode).find("was made by a newer slimtax (store version 1000") != std::string::npos);
    }
}

TEST_CASE("a store opened for reading cannot be written, and one that is written can be read") {
    const TemporaryFolder folder;
    const auto file = folder / "results.sqlite";
    auto writing = opened(file);
    auto reading = opened(file, SqliteStore::Mode::read_only);
    added(*writing, minutely(noc, monday, 5));
    CHECK(reading->runs(noc, monday, monday + hours(1))->runs.size() == 5);
    const auto refused = reading->add(minutely(noc, monday, 1));
    REQUIRE_FALSE(refused);
    CHECK(refused.error().reason.find("opened for reading only") != std::string::npos);
    CHECK_FALSE(reading->seal(monday + hours(9)));
}

TEST_CASE("a damaged blob is an error that says where, not a wrong report") {
    const TemporaryFolder folder;
    const auto file = folder / "results.sqlite";
    auto store = opened(file);
    added(*store, minutely(noc, monday, 30));
    REQUIRE(store->seal(monday + hours(9)));
    execute(file, "UPDATE hour SET core = CAST(replace(core, substr(core, 9, 1), X'01') AS BLOB)");
    const auto runs = store->runs(noc, monday, monday + hours(1));
    REQUIRE_FALSE(runs);
    CHECK_FALSE(runs.error().retry);
    CHECK(runs.error().reason.find("in the hour from 2026-11-16T00:00:00Z") != std::string::npos);
}

TEST_CASE("kill -9 in the middle of writing loses and doubles no acknowledged result") {
    const TemporaryFolder folder;
    std::mt19937_64 dice(3);
    std::uint64_t acknowledged = 0;
    for (int round = 0; round < 6; ++round) {
        int pipe_ends[2];
        REQUIRE(pipe(pipe_ends) == 0);
        const pid_t child = fork();
        if (child == 0) {
            close(pipe_ends[0]);
            auto store = SqliteStore::open(folder / "results.sqlite", SqliteStore::Mode::create);
            for (std::uint64_t n = acknowledged; store; n += 10) {
                // Ten runs that are ten minutes long in all: hours fill, and are sealed between.
                if (!(*store)->add(minutely(noc, monday + std::chrono::minutes(n), 10))) {
                    break;
                }
                const std::uint64_t done = n + 10;
                if (write(pipe_ends[1], &done, sizeof done) != sizeof done) {
                    break;
                }
                if (n % 70 == 0 && !(*store)->seal(monday + std::chrono::minutes(n))) {
                    break;
                }
            }
            _exit(1);
        }
        close(pipe_ends[1]);
        // Killed at some moment after some acknowledgements.
        const std::uint64_t enough = acknowledged + 10 * (5 + dice() % 60);
        std::uint64_t done = 0;
        while (acknowledged < enough && read(pipe_ends[0], &done, sizeof done) == sizeof done) {
            acknowledged = done;
        }
        usleep(static_cast<useconds_t>(dice() % 5000));
        kill(child, SIGKILL);
        while (read(pipe_ends[0], &done, sizeof done) == sizeof done) {
            acknowledged = done;
        }
        close(pipe_ends[0]);
        int status = 0;
        waitpid(child, &status, 0);
        REQUIRE(WIFSIGNALED(status));

        auto store = opened(folder / "results.sqlite");
        const auto runs = store->runs(noc, monday, monday + hours(100'000));
        REQUIRE(runs);
        // A batch whose acknowledgement was cut off may be there as well, but whole.
        CHECK(runs->runs.size() >= acknowledged);
        CHECK(runs->runs.size() <= acknowledged + 10);
        CHECK(runs->runs.size() % 10 == 0);
        for (std::size_t i = 0; i < runs->runs.size(); ++i) {
            CHECK(runs->runs[i].intended == monday + std::chrono::minutes(i));
        }
        acknowledged = runs->runs.size();
    }
    CHECK(acknowledged > 0);
}

TEST_CASE("a full disk is said, loses nothing, and is over when there is room again") {
    const TemporaryFolder folder;
    const auto disk = folder / "disk";
    std::filesystem::create_directory(disk);
    if (mount("tmpfs", disk.c_str(), "tmpfs", 0, "size=3m") != 0) {
        MESSAGE("not tested: mounting a small file system needs root");
        return;
    }
    {
        auto store = opened(disk / "results.sqlite");
        std::uint64_t stored = 0;
        const auto add_hour = [&] {
            auto count = store->add(minutely(noc, monday + std::chrono::minutes(stored), 60));
            stored += count ? count->stored : 0;
            return count;
        };
        const auto all_there = [&] { return store->runs(noc, monday, monday + hours(100'000))->runs.size() == stored; };
        REQUIRE(add_hour());
        const int filler = open((disk / "filler").c_str(), O_CREAT | O_WRONLY, 0600);
        const std::string much(4096, 'f');
        while (write(filler, much.data(), much.size()) > 0) {
        }
        close(filler);
        Stored<AddCount> count = AddCount{};
        for (int i = 0; i < 200 && count; ++i) {
            count = add_hour();  // what was allocated before may still be used
        }
        REQUIRE_FALSE(count);
        CHECK(count.error().retry);
        CHECK(count.error().reason.find("the disk is full") != std::string::npos);
        CHECK(all_there());
        const auto sealed = store->seal(monday + hours(100'000));
        CHECK((sealed || sealed.error().retry));
        CHECK(all_there());

        std::filesystem::remove(disk / "filler");
        REQUIRE(add_hour());
        CHECK(all_there());
        REQUIRE(store->seal(monday + hours(100'000)));
        CHECK(all_there());
    }
    CHECK(umount(disk.c_str()) == 0);
}

TEST_CASE("the sections of store.sql are found") {
    REQUIRE(store_sections().size() >= 1);
    CHECK(store_sections()[0].find("CREATE TABLE hot") != std::string_view::npos);
}

namespace {

std::int64_t number_in(const std::filesystem::path& file, const char* sql) {
    sqlite3* database = nullptr;
    REQUIRE(sqlite3_open(file.c_str(), &database) == SQLITE_OK);
    sqlite3_stmt* statement = nullptr;
    REQUIRE(sqlite3_prepare_v2(database, sql, -1, &statement, nullptr) == SQLITE_OK);
    REQUIRE(sqlite3_step(statement) == SQLITE_ROW);
    const std::int64_t number = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(database);
    return number;
}

std::string hex(const std::string& bytes) {
    std::string text;
    for (const char c : bytes) {
        text += fmt::format("{:02X}", static_cast<unsigned char>(c));
    }
    return "X'" + text + "'";
}

}  // namespace

TEST_CASE("a store of version 1 is upgraded: its fresh results stay, its days get outlines") {
    const TemporaryFolder folder;
    const auto file = folder / "results.sqlite";
    execute(file, std::string(store_sections()[0]) +
                      fmt::format("PRAGMA application_id = {}; PRAGMA user_version = 1; INSERT INTO series VALUES (1, "
                                  "'portal', 'pages', 'web-1', 'noc');",
                                  store_application_id));
    const std::vector<RunResult> old = minutely(noc, monday, 60);
    const HourBlob sealed = encode_hour(hour_of(monday), old);
    execute(file, fmt::format("INSERT INTO hour VALUES ({}, 60, {}, {})", (1 << 24) + hour_of(monday), hex(sealed.core),
                              hex(sealed.detail)));
    for (const RunResult& fresh : minutely(noc, monday + hours(1), 30)) {
        const HourBlob one = encode_hour(hour_of(fresh.intended), {&fresh, 1});
        execute(file, fmt::format("INSERT INTO hot (series, intended, core, detail) VALUES (1, {}, {}, {})",
                                  fresh.intended.time_since_epoch().count(), hex(one.core), hex(one.detail)));
    }
    CHECK(refusal(file, SqliteStore::Mode::read_only).find("made by an older slimtax") != std::string::npos);
    const auto store = opened(file);
    CHECK(starts(*store, noc, monday, monday + hours(5)).size() == 90);
    CHECK(added(*store, minutely(noc, monday, 91)).stored == 1);
    CHECK(number_in(file, "SELECT count(*) FROM hot") == 0);
    CHECK(*store->seal(monday + hours(30)) == 31);
    CHECK(number_in(file, "SELECT count(*) FROM outline") == 1);
    CHECK(starts(*store, noc, monday, monday + hours(5)).size() == 91);
}

TEST_CASE("an outline goes when its day changes, and comes again when that is packed") {
    const TemporaryFolder folder;
    const auto file = folder / "results.sqlite";
    const auto store = opened(file);
    const auto today = std::chrono::floor<std::chrono::days>(monday).time_since_epoch().count();
    const auto outlined = [&] {
        const auto days = store->days(noc, today, today, [](std::int64_t) { return true; });
        REQUIRE_MESSAGE(days, why(days));
        REQUIRE(days->size() == 1);
        CHECK(days->front().outline.has_value() == days->front().hours.has_value());
        return days->front().outline ? static_cast<int>(days->front().outline->totals.completed())
                                     : -static_cast<int>(days->front().runs.size());
    };
    added(*store, minutely(noc, monday, 60));
    CHECK(outlined() == -60);
    REQUIRE(store->seal(monday + hours(20)));
    CHECK(outlined() == -60);  // the day is not over
    REQUIRE(store->seal(monday + hours(25)));
    CHECK(outlined() == 60);
    added(*store, minutely(noc, monday, 61));
    CHECK(outlined() == -61);
    REQUIRE(store->seal(monday + hours(25)));
    CHECK(outlined() == 61);
    execute(file, "DELETE FROM hour WHERE id % 16777216 % 24 = 1");  // whoever changes the hours
    CHECK(number_in(file, "SELECT count(*) FROM outline") == 0);
}

TEST_CASE("what another process adds or seals is seen, and is not stored twice") {
    const TemporaryFolder folder;
    const auto one = opened(folder / "results.sqlite");
    const auto other = opened(folder / "results.sqlite");
    const auto reading = opened(folder / "results.sqlite", SqliteStore::Mode::read_only);
    added(*one, minutely(noc, monday, 10));
    CHECK(added(*other, minutely(noc, monday, 20)).stored == 10);
    CHECK(added(*one, minutely(noc, monday, 25)).stored == 5);
    CHECK(added(*one, minutely(noc, monday, 25)).repeated == 25);
    for (const auto* store : {&one, &other, &reading}) {
        CHECK(starts(**store, noc, monday, monday + hours(1)).size() == 25);
    }
    CHECK(*other->seal(monday + hours(9)) == 25);
    CHECK(*one->seal(monday + hours(9)) == 0);
    CHECK(added(*one, minutely(noc, monday, 30)).stored == 5);
    for (const auto* store : {&one, &other, &reading}) {
        CHECK(starts(**store, noc, monday, monday + hours(1)).size() == 30);
        CHECK((*store)->results(noc, monday, monday + hours(1), 100)->size() == 30);
    }
}

}  // namespace slimtax::reporter
