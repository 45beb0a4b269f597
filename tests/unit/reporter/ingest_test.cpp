#include "reporter/ingest.hpp"

#include <doctest/doctest.h>

#include "reporter/store/sqlite_store.hpp"
#include "schemas/result_wire.hpp"
#include "some_results.hpp"
#include "temporary_folder.hpp"

namespace slimtax::reporter {
namespace {

using schemas::Batch;
using schemas::Instant;
using schemas::RunResult;

const Instant now = *schemas::parse_rfc3339("2026-11-16T12:00:00Z");
const schemas::SeriesKey noc{"portal", "pages", "web-1", "noc"};

/// A store that can be told to fail.
class MoodyStore : public Store {
public:
    explicit MoodyStore(Store& behind) : behind_(behind) {}
    Stored<AddCount> add(std::span<const RunResult> results) override {
        return error ? Stored<AddCount>(tl::unexpected(*error)) : behind_.add(results);
    }
    Stored<std::vector<schemas::SeriesKey>> series() override { return behind_.series(); }
    Stored<SeriesRuns> runs(const schemas::SeriesKey& key, Instant from, Instant to) override {
        return behind_.runs(key, from, to);
    }
    Stored<std::vector<RunResult>> results(const schemas::SeriesKey& key, Instant from, Instant to,
                                           std::size_t limit) override {
        return behind_.results(key, from, to, limit);
    }
    [[nodiscard]] std::uint64_t revision() const override { return behind_.revision(); }
    Stored<std::uint64_t> seal(Instant at) override { return behind_.seal(at); }

    std::optional<StoreError> error;

private:
    Store& behind_;
};

struct House {
    testing::TemporaryFolder folder;
    std::unique_ptr<SqliteStore> sqlite =
        std::move(*SqliteStore::open(folder / "results.sqlite", SqliteStore::Mode::create));
    MoodyStore store{*sqlite};
    int changes = 0;
    Ingest ingest{IngestPlace{&store, [] { return now; }, [this] { ++changes; }}};

    House() {
        ingest.set_probers({{"noc-1", "noc", "token-of-noc"}, {"clinic-1", "medical-centre", "token-of-clinic"}});
    }

    Response send(const std::string& body, const std::string& type = "application/x-protobuf",
                  const std::string& token = "token-of-noc") {
        Request request;
        request.method = "POST";
        request.path = "/api/v1/results";
        request.headers["authorization"] = "Bearer " + token;
        request.headers["content-type"] = type;
        request.body = body;
        if (auto no = ingest.refuse(request)) {
            return *no;
        }
        return ingest.take(request);
    }
    Response send(const Batch& batch) { return send(schemas::encode(batch)); }

    std::size_t stored() {
        return store.runs(noc, now - std::chrono::hours(24), now + std::chrono::hours(48))->runs.size();
    }
};

Batch batch_of(int count, Instant first = now - std::chrono::minutes(30)) {
    Batch batch{"noc-1", "noc", {}};
    for (int i = 0; i < count; ++i) {
        batch.results.push_back(testing::plain_result(noc, first + std::chrono::seconds(i)));
    }
    return batch;
}

}  // namespace

TEST_CASE("a batch is stored, in protobuf and in JSON, and the answer counts") {
    House house;
    const Response first = house.send(batch_of(3));
    CHECK(first.status == 200);
    CHECK(first.body == "{\"stored\":3,\"repeated\":0}\n");
    const Response again = house.send(schemas::encode_json(batch_of(5)), "application/json; charset=utf-8");
    CHECK(again.body == "{\"stored\":2,\"repeated\":3}\n");
    CHECK(house.stored() == 5);
    CHECK(house.changes == 2);
    CHECK(house.send(batch_of(5)).body == "{\"stored\":0,\"repeated\":5}\n");
    CHECK(house.changes == 2);  // nothing new
    const Response empty = house.send(Batch{"noc-1", "noc", {}});
    CHECK(empty.body == "{\"stored\":0,\"repeated\":0}\n");
}

TEST_CASE("no token, and a token that nobody has, are refused with a way out") {
    House house;
    const std::string body = schemas::encode(batch_of(1));
    CHECK(house.send(body, "application/x-protobuf", "").status == 401);
    CHECK(house.send(body, "application/x-protobuf", "token-of-no").status == 401);
    const Response wrong = house.send(body, "application/x-protobuf", "token-of-nobody");
    CHECK(wrong.status == 401);
    CHECK(wrong.body.find("[[reporter.prober]]") != std::string::npos);
    CHECK(wrong.body.find("token-of") == std::string::npos);
    CHECK(house.ingest.refused_tokens() == 3);
    CHECK(house.stored() == 0);
}

TEST_CASE("a token is good for its own location only, in the batch and in every result") {
    House house;
    Batch elsewhere = batch_of(2);
    elsewhere.location = "medical-centre";
    CHECK(house.send(elsewhere).status == 403);
    Batch mixed = batch_of(2);
    mixed.results[1].key.location = "medical-centre";
    const Response refused = house.send(mixed);
    CHECK(refused.status == 403);
    CHECK(refused.body ==
          "the token of prober noc-1 is for location 'noc', but the results are from 'medical-centre'\n");
    CHECK(house.stored() == 0);
    CHECK(house.send(schemas::encode(batch_of(1)), "application/x-protobuf", "token-of-clinic").status == 403);
}

TEST_CASE("what is no batch is refused for good, and the sentence says why") {
    House house;
    CHECK(house.send(std::string("\xff\xff")).status == 400);
    CHECK(house.send("{\"results\":[{\"servce\":\"x\"}]}", "application/json").status == 400);
    CHECK(house.send("service=x", "application/x-www-form-urlencoded").status == 415);
    Batch bad = batch_of(2);
    bad.results[1].key.service = "";
    CHECK(house.send(bad).body == "result 2 of 2: service is missing\n");
    CHECK(house.ingest.contacts()[1].rejected == 4);
    CHECK(house.stored() == 0);
}

TEST_CASE("a stamp from the future is refused beyond a day, which a wrong zone cannot explain") {
    House house;
    CHECK(house.send(batch_of(1, now + std::chrono::hours(24))).status == 200);
    const Response refused = house.send(batch_of(1, now + std::chrono::hours(24) + schemas::Duration(1)));
    CHECK(refused.status == 400);
    CHECK(refused.body ==
          "result 1 of 1: 2026-11-17T12:00:00.000001Z is more than a day in the future; is the clock of prober noc-1 "
          "right?\n");
}

TEST_CASE("a store that cannot write is a 503 that says to try again, and it is over when it is") {
    House house;
    house.store.error = StoreError{"the store cannot grow: the disk is full", true};
    const Response refused = house.send(batch_of(1));
    CHECK(refused.status == 503);
    CHECK(refused.body == "the store cannot grow: the disk is full\n");
    CHECK(refused.headers == std::vector<std::pair<std::string, std::string>>{{"Retry-After", "5"}});
    CHECK(house.ingest.trouble() == "the store cannot grow: the disk is full");
    house.store.error.reset();
    CHECK(house.send(batch_of(1)).status == 200);
    CHECK(house.ingest.trouble().empty());
}

TEST_CASE("probers are known by their last contact, and keep it over a reload") {
    House house;
    CHECK_FALSE(house.ingest.contacts()[1].last);
    static_cast<void>(house.send(batch_of(4)));
    house.ingest.set_probers({{"noc-1", "noc", "new-token"}});
    REQUIRE(house.ingest.contacts().size() == 1);
    const ProberContact contact = house.ingest.contacts()[0];
    CHECK(contact.last == now);
    CHECK(contact.stored == 4);
    CHECK(contact.batches == 1);
    CHECK(house.send(batch_of(1)).status == 401);
}

TEST_CASE("results that no definition knows are stored and counted until one does") {
    House house;
    static_cast<void>(house.send(batch_of(1)));
    CHECK(house.ingest.undefined() == std::vector{noc});
    CHECK(house.stored() == 1);
    auto definition = std::make_shared<schemas::Definition>();
    definition->service.id = "portal";
    schemas::Probe probe;
    probe.id = "pages";
    probe.targets = {"web-1", "web-2"};
    definition->probes.push_back(probe);
    house.ingest.set_definitions({definition});
    CHECK(house.ingest.undefined().empty());
    static_cast<void>(house.send(batch_of(2)));
    CHECK(house.ingest.undefined().empty());
}

TEST_CASE("a series is defined when service, probe, target and location all fit") {
    auto definition = std::make_shared<schemas::Definition>();
    definition->service.id = "portal";
    schemas::Probe probe;
    probe.id = "pages";
    probe.from = {"noc"};
    definition->probes.push_back(probe);
    const schemas::Definitions all{definition};
    CHECK(is_defined(all, {"portal", "pages", "", "noc"}));
    CHECK_FALSE(is_defined(all, {"portal", "pages", "web-1", "noc"}));
    CHECK_FALSE(is_defined(all, {"portal", "pages", "", "clinic"}));
    CHECK_FALSE(is_defined(all, {"portal", "other", "", "noc"}));
    CHECK_FALSE(is_defined(all, {"other", "pages", "", "noc"}));
}

}  // namespace slimtax::reporter
