#include "reporter/store/blob.hpp"

#include <algorithm>

#include <doctest/doctest.h>

#include "reporter/store/blob_frame.hpp"
#include "reporter/store/blob_steps.hpp"
#include "reporter/store/bytes.hpp"
#include "schemas/slots.hpp"
#include "some_results.hpp"

namespace slimtax::reporter {
namespace {

using schemas::Duration;
using schemas::Instant;
using schemas::RunResult;

constexpr std::int64_t hour = 498'000;  // in October 2026
const schemas::SeriesKey key{"campus-im", "buddy-list", "im1.campus.example", "noc"};

std::vector<RunResult> some_hour(std::mt19937_64& dice, std::size_t rows) {
    std::vector<std::int64_t> starts;
    std::uniform_int_distribution<std::int64_t> within(0, 3'600'000'000 - 1);
    while (starts.size() < rows) {
        starts.push_back(within(dice));
    }
    std::ranges::sort(starts);
    starts.erase(std::ranges::unique(starts).begin(), starts.end());
    std::vector<RunResult> results;
    for (const std::int64_t start : starts) {
        results.push_back(testing::some_result(dice, key, begin_of_hour(hour) + Duration(start)));
    }
    return results;
}

/// The content with the checksum that belongs to it.
std::string with_checksum(const std::string& content) {
    ByteWriter out;
    out.fixed32(blob_frame::checksum(content));
    return content + out.take();
}

}  // namespace

TEST_CASE("numbers of every size come back from varints and zigzag") {
    for (const std::int64_t value :
         {std::int64_t{0}, std::int64_t{-1}, std::int64_t{1}, std::int64_t{127}, std::int64_t{128}, std::int64_t{-64},
          std::numeric_limits<std::int64_t>::max(), std::numeric_limits<std::int64_t>::min()}) {
        ByteWriter out;
        out.signed_varint(value);
        ByteReader in(out.bytes());
        CHECK(in.signed_varint() == value);
        CHECK(in.good());
        CHECK(in.left() == 0);
    }
}

TEST_CASE("a reader that runs out turns bad and stays so") {
    ByteReader in("\x80");
    CHECK(in.varint() == 0);
    CHECK_FALSE(in.good());
    CHECK(in.text().empty());
    CHECK_FALSE(in.good());
}

TEST_CASE("an hour of whole results comes back as it was") {
    std::mt19937_64 dice(1);
    for (const std::size_t rows : {0, 1, 2, 7, 120}) {
        const std::vector<RunResult> put = some_hour(dice, rows);
        const HourBlob blob = encode_hour(hour, put);
        std::vector<RunResult> got;
        const Decoded good = decode_results(hour, blob.core, blob.detail, key, got);
        REQUIRE(good);
        REQUIRE(got.size() == put.size());
        for (std::size_t i = 0; i < put.size(); ++i) {
            CHECK(testing::all_of(got[i]) == testing::all_of(put[i]));
        }
    }
}

TEST_CASE("core alone gives the runs of the ledger") {
    std::mt19937_64 dice(2);
    const std::vector<RunResult> put = some_hour(dice, 60);
    const HourBlob blob = encode_hour(hour, put);
    std::vector<Run> got;
    REQUIRE(decode_runs(hour, blob.core, got));
    std::vector<Instant> starts;
    REQUIRE(decode_intended(hour, blob.core, starts));
    REQUIRE(got.size() == put.size());
    REQUIRE(starts.size() == put.size());
    for (std::size_t i = 0; i < put.size(); ++i) {
        CHECK(starts[i] == put[i].intended);
        CHECK(got[i].intended == put[i].intended);
        CHECK(got[i].started == put[i].started);
        CHECK(got[i].length == put[i].length);
        CHECK(got[i].response == put[i].response);
        CHECK(got[i].every == put[i].every);
        CHECK(got[i].verdict == put[i].verdict);
        CHECK(got[i].reason == put[i].reason);
        CHECK(got[i].work == put[i].work);
        CHECK(got[i].work_span == put[i].work_span);
        CHECK(got[i].users.size() == put[i].users.size());
    }
}

TEST_CASE("an ordinary hour takes few bytes") {
    std::vector<RunResult> results;
    std::mt19937_64 dice(3);
    for (int i = 0; i < 120; ++i) {
        RunResult run = testing::plain_result(key, begin_of_hour(hour) + std::chrono::seconds(30 * i));
        run.started += Duration(100 + dice() % 50);
        run.response = run.length = Duration(18'000 + dice() % 4'000);
        run.steps[0].response = run.response;
        results.push_back(run);
    }
    const HourBlob blob = encode_hour(hour, results);
    CHECK(blob.core.size() < 120 * 12);
    CHECK(blob.detail.size() < 120 * 6);
}

TEST_CASE("bytes that were changed or cut off are an error, whichever they are") {
    std::mt19937_64 dice(4);
    const HourBlob blob = encode_hour(hour, some_hour(dice, 3));
    for (const bool core : {true, false}) {
        const std::string& whole = core ? blob.core : blob.detail;
        for (std::size_t i = 0; i < whole.size(); ++i) {
            std::string changed = whole;
            changed[i] = static_cast<char>(changed[i] ^ (1 << (dice() % 8)));
            const std::string cut = whole.substr(0, i);
            for (const std::string& bad : {changed, cut}) {
                std::vector<RunResult> got;
                const Decoded good = decode_results(hour, core ? bad : blob.core, core ? blob.detail : bad, key, got);
                CHECK_FALSE(good);
                CHECK(got.empty());
            }
        }
    }
}

TEST_CASE("detail without figures is written in the first version, and detail of the first version is read") {
    RunResult run = testing::plain_result(key, begin_of_hour(hour));
    const HourBlob plain = encode_hour(hour, std::span(&run, 1));
    CHECK(plain.detail.front() == 1);
    std::vector<RunResult> got;
    REQUIRE(decode_results(hour, plain.core, plain.detail, key, got));
    CHECK(got.front().steps.front().figures.empty());

    run.steps.front().figures = {{"load1", 0.25, ""}};
    const HourBlob with = encode_hour(hour, std::span(&run, 1));
    CHECK(with.detail.front() == 2);
    CHECK(with.core.front() == 1);
    got.clear();
    REQUIRE(decode_results(hour, with.core, with.detail, key, got));
    REQUIRE(got.front().steps.front().figures.size() == 1);
    CHECK(got.front().steps.front().figures.front().value == 0.25);
}

TEST_CASE("a format from the future is named, not guessed at") {
    const std::string bytes = with_checksum(std::string("\x09\x00", 2));
    std::vector<Run> got;
    const Decoded good = decode_runs(hour, bytes, got);
    REQUIRE_FALSE(good);
    CHECK(good.error().find("format 9") != std::string::npos);
}

TEST_CASE("columns of a right checksum but wrong content never crash") {
    // What a bug could write: every version-1 frame around random columns.
    std::mt19937_64 dice(5);
    const HourBlob whole = encode_hour(hour, some_hour(dice, 5));
    for (int round = 0; round < 3000; ++round) {
        for (const bool core : {true, false}) {
            std::string bad = core ? whole.core : whole.detail;
            for (int changes = 0; changes < 3; ++changes) {
                bad[2 + dice() % (bad.size() - 6)] = static_cast<char>(dice());
            }
            bad = with_checksum(bad.substr(0, bad.size() - 4));
            std::vector<RunResult> got;
            const Decoded good = decode_results(hour, core ? bad : whole.core, core ? whole.detail : bad, key, got);
            CHECK((good.has_value() || got.empty()));
        }
    }
}

TEST_CASE("runs on their schedule are named by their slots, and come back as they were") {
    std::mt19937_64 dice(11);
    for (const double jitter : {0.5, 0.0, 0.3, 0.123}) {
        const schemas::Schedule schedule(key, std::chrono::seconds(10), jitter);
        std::vector<schemas::RunResult> put;
        for (schemas::Instant at = schedule.first_from(begin_of_hour(hour)); at < begin_of_hour(hour + 1);
             at = schedule.first_from(at + schemas::Duration(1))) {
            if (dice() % 20 > 0) {
                put.push_back(testing::plain_result(key, at));
                put.back().every = std::chrono::seconds(10);
            }
        }
        std::vector<const schemas::RunResult*> rows;
        for (const schemas::RunResult& row : put) {
            rows.push_back(&row);
        }
        const HourBlob slots = encode_rows(hour, rows, schemas::seed_of(key));
        const HourBlob plain = encode_rows(hour, rows, {});
        std::vector<Run> a;
        std::vector<Run> b;
        REQUIRE(decode_runs(hour, slots.core, a));
        REQUIRE(decode_runs(hour, plain.core, b));
        std::vector<schemas::Instant> starts;
        REQUIRE(decode_intended(hour, slots.core, starts));
        REQUIRE(a.size() == put.size());
        for (std::size_t i = 0; i < put.size(); ++i) {
            REQUIRE(a[i].intended == put[i].intended);
            REQUIRE(starts[i] == put[i].intended);
            REQUIRE(b[i].intended == put[i].intended);
            REQUIRE(a[i].started == put[i].started);
        }
        // A jitter that nobody would guess is no schedule.
        CHECK((slots.core.size() + 3 * put.size() < plain.core.size()) == (jitter != 0.123));
        for (std::size_t i = 0; i < slots.core.size(); ++i) {
            std::vector<Run> none;
            REQUIRE_FALSE(decode_runs(hour, slots.core.substr(0, i), none));
            REQUIRE(none.empty());
        }
    }
}

}  // namespace slimtax::reporter
