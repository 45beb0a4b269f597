#include "prober/shipper.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "schemas/result_wire.hpp"
#include "tests/unit/prober/folder.hpp"

using namespace slimtax;
using namespace slimtax::prober;
using namespace std::chrono_literals;
using probes::Loop;
using probes::Task;
using probes::TimePoint;
using slimtax::tests::Folder;
using slimtax::tests::read_file;

namespace {

constexpr schemas::Instant noon{std::chrono::seconds{1'770'000'000}};

schemas::RunResult run_result(int number) {
    schemas::RunResult run;
    run.key = {"campus-im", "sign-in", "im1", "noc"};
    run.intended = noon + number * 30s;
    run.started = run.intended;
    run.reason = std::string(static_cast<std::size_t>(number % 200), 'r');
    return run;
}

/// A reporter as the shipper sees it. Stores the numbers of the runs it takes, by script.
class FakeReporter {
public:
    explicit FakeReporter(Loop& loop) : loop_(loop) {}

    Task<SendReply> take(std::string body) {
        const auto batch = schemas::decode(body);
        REQUIRE(batch.has_value());
        CHECK(batch->prober == "noc-1");
        CHECK(batch->location == "noc");
        sizes.push_back(batch->results.size());
        SendReply reply = answer ? answer(numbers_of(*batch)) : SendReply{200, "", 0s};
        if (reply.status == 200) {
            for (const int number : numbers_of(*batch)) {
                stored.insert(number);
                ++stores;
            }
        }
        if (stop_at && stop_at()) {
            loop_.stop();
        }
        co_return reply;
    }

    static std::vector<int> numbers_of(const schemas::Batch& batch) {
        std::vector<int> numbers;
        for (const schemas::RunResult& run : batch.results) {
            numbers.push_back(static_cast<int>((run.intended - noon) / 30s));
        }
        return numbers;
    }

    std::function<SendReply(const std::vector<int>&)> answer;
    std::function<bool()> stop_at;
    std::vector<std::size_t> sizes;
    std::set<int> stored;
    std::size_t stores = 0;

private:
    Loop& loop_;
};

/// A loop, a spool, a reporter, and a shipper between them that hurries.
class House {
public:
    House() : reporter(loop) {
        SpoolOptions options;
        options.folder = folder.path();
        auto opened = Spool::open(options);
        REQUIRE(opened.has_value());
        spool = std::move(*opened);
    }

    void append(int from, int to) {
        for (int i = from; i < to; ++i) {
            REQUIRE(spool->append(schemas::encode(run_result(i)), noon + i * 30s) == Spool::Kept::on_disk);
        }
    }

    static ShipperOptions options() {
        ShipperOptions options;
        options.prober = "noc-1";
        options.location = "noc";
        options.pause = 1ms;
        options.first_wait = 1ms;
        options.longest_wait = 4ms;
        options.random = [] { return 0.999; };
        return options;
    }

    /// Ships until `done`, which is asked after every attempt and every millisecond.
    ShipperStats ship_until(const std::function<bool()>& done, ShipperOptions options = House::options()) {
        SendBatch send = [this](std::string body, TimePoint) { return reporter.take(std::move(body)); };
        Shipper shipper(loop, spool, std::move(send), std::move(options));
        bool ended = false;
        loop.spawn(shipper.run(), [&](std::exception_ptr error) {
            CHECK(error == nullptr);
            ended = true;
            loop.stop();
        });
        std::function<void()> look = [&] {
            if (done()) {
                shipper.stop();
            } else {
                loop.call_at(Loop::now() + 1ms, look);
            }
        };
        look();
        const Loop::TimerId guard = loop.call_at(Loop::now() + 60s, [this] { loop.stop(); });
        loop.run();
        loop.cancel(guard);
        REQUIRE(ended);
        return shipper.stats();
    }

    [[nodiscard]] bool spool_empty() { return spool->stats().waiting_bytes == 0; }

    [[nodiscard]] std::vector<std::filesystem::path> rejected() const {
        std::vector<std::filesystem::path> bodies;
        for (const auto& entry : std::filesystem::directory_iterator(folder / "rejected")) {
            if (entry.path().extension() == ".body") {
                bodies.push_back(entry.path());
            }
        }
        return bodies;
    }

    Folder folder;
    Loop loop;
    FakeReporter reporter;
    std::shared_ptr<Spool> spool;
};

}  // namespace

TEST_CASE("results go to the reporter in batches of at most 500, each once, and leave the spool") {
    House house;
    house.append(0, 1234);
    const ShipperStats stats = house.ship_until([&] { return house.spool_empty(); });
    CHECK(house.reporter.sizes == std::vector<std::size_t>{500, 500, 234});
    CHECK(house.reporter.stored.size() == 1234);
    CHECK(stats.shipped == 1234);
    CHECK(stats.batches == 3);
    CHECK(stats.failures == 0);
}

TEST_CASE("results that come while it waits are taken along") {
    House house;
    house.append(0, 3);
    bool more = false;
    house.ship_until([&] {
        if (house.spool_empty() && !more) {
            more = true;
            house.append(3, 5);
        }
        return more && house.spool_empty();
    });
    CHECK(house.reporter.stored == std::set<int>{0, 1, 2, 3, 4});
}

TEST_CASE("a batch that the reporter refuses is halved until only the bad results stand alone") {
    for (const int status : {400, 413}) {
        House house;
        house.append(0, 100);
        const std::set<int> bad{7, 50, 99};
        house.reporter.answer = [&](const std::vector<int>& numbers) {
            const bool any = std::ranges::any_of(numbers, [&](int number) { return bad.contains(number); });
            return any ? SendReply{status, "result 0 has no service", 0s} : SendReply{200, "", 0s};
        };
        const ShipperStats stats = house.ship_until([&] { return house.spool_empty(); });
        CHECK(house.reporter.stored.size() == 97);
        CHECK(house.reporter.stores == 97);
        CHECK(stats.rejected == 3);
        CHECK(stats.shipped == 97);
        std::set<int> aside;
        for (auto path : house.rejected()) {
            const auto batch = schemas::decode(read_file(path));  // a body that could be posted as it is
            REQUIRE(batch.has_value());
            aside.merge(std::set<int>{FakeReporter::numbers_of(*batch).at(0)});
            CHECK(read_file(path.replace_extension(".reason")) ==
                  "HTTP " + std::to_string(status) + ": result 0 has no service\n");
        }
        CHECK(aside == bad);
    }
}

TEST_CASE("a refused result that cannot be set aside stays in the spool") {
    House house;
    house.append(0, 3);
    std::filesystem::remove_all(house.folder / "rejected");
    tests::write_file(house.folder / "rejected", "in the way");
    int attempts = 0;
    house.reporter.answer = [&](const std::vector<int>& numbers) {
        ++attempts;
        return numbers.front() <= 1 && numbers.back() >= 1 ? SendReply{400, "bad", 0s} : SendReply{200, "", 0s};
    };
    house.ship_until([&] { return attempts > 6; });
    const auto left = house.spool->peek(10);
    REQUIRE(left.size() == 2);
    CHECK(schemas::decode_result(left[0].bytes)->intended == run_result(1).intended);
    std::filesystem::remove(house.folder / "rejected");
    std::filesystem::create_directory(house.folder / "rejected");
    house.ship_until([&] { return house.spool_empty(); });
    CHECK(house.rejected().size() == 1);
    CHECK(house.reporter.stored == std::set<int>{0, 2});
}

TEST_CASE("no answer, a wrong token, a full store: nothing is lost, and all goes when the trouble is over") {
    for (const int status : {0, 401, 403, 404, 408, 429, 500, 502, 503, 301, 204}) {
        CAPTURE(status);
        House house;
        house.append(0, 10);
        int attempts = 0;
        house.reporter.answer = [&](const std::vector<int>&) {
            return ++attempts <= 5 ? SendReply{status, "trouble", 0s} : SendReply{200, "", 0s};
        };
        const ShipperStats stats = house.ship_until([&] { return house.spool_empty(); });
        CHECK(house.reporter.stored.size() == 10);
        CHECK(attempts == 6);
        CHECK(stats.failures == 5);
        CHECK(stats.failures_in_a_row == 0);
        CHECK(house.rejected().empty());
    }
}

TEST_CASE("the waits between attempts double up to the longest, less a random part of at most half") {
    for (const double random : {0.0, 0.999}) {
        House house;
        house.append(0, 1);
        ShipperOptions options = House::options();
        options.first_wait = 2ms;
        options.longest_wait = 16ms;
        options.random = [random] { return random; };
        std::vector<TimePoint> attempts;
        house.reporter.answer = [&](const std::vector<int>&) {
            attempts.push_back(Loop::now());
            return SendReply{503, "", 0s};
        };
        house.ship_until([&] { return attempts.size() >= 7; }, options);
        const std::vector<std::chrono::milliseconds> longest{2ms, 4ms, 8ms, 16ms, 16ms, 16ms};
        for (std::size_t i = 0; i < longest.size(); ++i) {
            const auto waited = attempts[i + 1] - attempts[i];
            // Only the lower bound can be held on a busy machine. One millisecond is lost to rounding.
            CHECK(waited >= (random == 0.0 ? longest[i] / 2 : longest[i] - 1ms));
        }
    }
}

TEST_CASE("Retry-After is respected, but not beyond the longest wait") {
    House house;
    house.append(0, 1);
    ShipperOptions options = House::options();
    options.longest_wait = 30ms;
    std::vector<TimePoint> attempts;
    house.reporter.answer = [&](const std::vector<int>&) {
        attempts.push_back(Loop::now());
        return SendReply{503, "", 3600s};
    };
    house.ship_until([&] { return attempts.size() >= 2; }, options);
    CHECK(attempts[1] - attempts[0] >= 30ms);
}

TEST_CASE("results whose confirmation got lost on the way are sent again") {
    House house;
    house.append(0, 5);
    std::vector<std::vector<int>> received;
    house.reporter.answer = [&](const std::vector<int>& numbers) {
        received.push_back(numbers);
        return received.size() == 1 ? SendReply{0, "connection reset", 0s} : SendReply{200, "", 0s};
    };
    house.ship_until([&] { return house.spool_empty(); });
    const std::vector<int> all{0, 1, 2, 3, 4};
    CHECK(received == std::vector<std::vector<int>>{all, all});
}

TEST_CASE("shutting the loop down ends the shipper, whatever it waits for") {
    House house;
    house.append(0, 1);
    house.reporter.answer = [&](const std::vector<int>&) { return SendReply{503, "", 3600s}; };
    ShipperOptions options = House::options();
    options.longest_wait = 1h;
    SendBatch send = [&house](std::string body, TimePoint) { return house.reporter.take(std::move(body)); };
    Shipper shipper(house.loop, house.spool, std::move(send), options);
    bool ended = false;
    house.loop.spawn(shipper.run(), [&](std::exception_ptr) { ended = true; });
    house.reporter.stop_at = [] { return true; };
    house.loop.run();
    CHECK(house.loop.shut_down(10s) == 0);
    CHECK(ended);
    CHECK(house.spool->peek(10).size() == 1);
}
