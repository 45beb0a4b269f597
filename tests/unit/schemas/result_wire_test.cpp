#include "schemas/result_wire.hpp"

#include <doctest/doctest.h>

#include <limits>

#include "schemas/utf8.hpp"

using namespace slimtax::schemas;
using namespace std::chrono_literals;

namespace {

constexpr Instant some_day = std::chrono::sys_days(std::chrono::year(2026) / 11 / 21);

RunResult a_run() {
    RunResult run;
    run.key = {"campus-im", "buddy-list", "im1", "noc"};
    run.intended = some_day + 8h;
    run.started = some_day + 8h + 12us;
    run.every = 30s;
    run.length = 3s;
    run.response = 1500ms;
    run.verdict = Verdict::slow;
    run.reason = "the buddy list took 9s, more than 8s";
    run.steps = {{"log in", "xmpp.login", Verdict::ok, 1s, 900ms, 100ms, {{"connect", 10ms}, {"tls", 20ms}}, "", {}},
                 {"list",
                  "xmpp.roster",
                  Verdict::slow,
                  1100ms,
                  0s,
                  1400ms,
                  {},
                  "slow",
                  {{"load1", -0.25, ""}, {"/var free", 1e12, "MB"}}}};
    run.work = 7;
    run.work_span = 60s;
    run.users = {{"u:5f2a", 7}};
    return run;
}

void check_same(const RunResult& a, const RunResult& b) {
    CHECK(a.key == b.key);
    CHECK(a.intended == b.intended);
    CHECK(a.started == b.started);
    CHECK(a.every == b.every);
    CHECK(a.length == b.length);
    CHECK(a.response == b.response);
    CHECK(a.verdict == b.verdict);
    CHECK(a.reason == b.reason);
    REQUIRE(a.steps.size() == b.steps.size());
    for (std::size_t i = 0; i < a.steps.size(); ++i) {
        CHECK(a.steps[i].name == b.steps[i].name);
        CHECK(a.steps[i].operation == b.steps[i].operation);
        CHECK(a.steps[i].verdict == b.steps[i].verdict);
        CHECK(a.steps[i].offset == b.steps[i].offset);
        CHECK(a.steps[i].think == b.steps[i].think);
        CHECK(a.steps[i].response == b.steps[i].response);
        CHECK(a.steps[i].reason == b.steps[i].reason);
        REQUIRE(a.steps[i].timings.size() == b.steps[i].timings.size());
        for (std::size_t j = 0; j < a.steps[i].timings.size(); ++j) {
            CHECK(a.steps[i].timings[j].name == b.steps[i].timings[j].name);
            CHECK(a.steps[i].timings[j].took == b.steps[i].timings[j].took);
        }
        REQUIRE(a.steps[i].figures.size() == b.steps[i].figures.size());
        for (std::size_t j = 0; j < a.steps[i].figures.size(); ++j) {
            CHECK(a.steps[i].figures[j].name == b.steps[i].figures[j].name);
            CHECK(a.steps[i].figures[j].value == b.steps[i].figures[j].value);
            CHECK(a.steps[i].figures[j].unit == b.steps[i].figures[j].unit);
        }
    }
    CHECK(a.work == b.work);
    CHECK(a.work_span == b.work_span);
    REQUIRE(a.users.size() == b.users.size());
    for (std::size_t i = 0; i < a.users.size(); ++i) {
        CHECK(a.users[i].user == b.users[i].user);
        CHECK(a.users[i].units == b.users[i].units);
    }
}

}  // namespace

TEST_CASE("a batch survives the way over the wire, as protobuf and as JSON") {
    Batch batch{"noc-1", "noc", {a_run(), a_run()}};
    batch.results[1].key.target = "";
    batch.results[1].verdict = Verdict::not_run;
    batch.results[1].started = batch.results[1].intended;
    batch.results[1].steps.clear();
    for (const auto& decoded : {decode(encode(batch)), decode_json(encode_json(batch))}) {
        REQUIRE_MESSAGE(decoded, decoded.error());
        CHECK(decoded->prober == "noc-1");
        CHECK(decoded->location == "noc");
        REQUIRE(decoded->results.size() == 2);
        check_same(decoded->results[0], batch.results[0]);
        check_same(decoded->results[1], batch.results[1]);
    }
}

TEST_CASE("one run survives the way into the spool and back") {
    const auto decoded = decode_result(encode(a_run()));
    REQUIRE(decoded);
    check_same(*decoded, a_run());
}

TEST_CASE("a person can write a batch as JSON by hand") {
    const auto batch = decode_json(R"({"prober": "by hand", "location": "noc", "results": [
        {"service": "campus-im", "probe": "sign-in", "location": "noc", "intended_us": 1795248000000000,
         "verdict": "failed", "reason": "refused", "response_us": "1200"}]})");
    REQUIRE_MESSAGE(batch, batch.error());
    const RunResult& run = batch->results.at(0);
    CHECK(run.verdict == Verdict::failed);
    CHECK(run.started == run.intended);
    CHECK(run.response == 1200us);
}

TEST_CASE("a result that cannot be is refused, and the sentence names it") {
    struct Row {
        const char* what;
        void (*spoil)(RunResult&);
        const char* part;
    };
    const Row rows[] = {
        {"no service", [](RunResult& r) { r.key.service = ""; }, "service is missing"},
        {"no probe", [](RunResult& r) { r.key.probe = ""; }, "probe is missing"},
        {"no location", [](RunResult& r) { r.key.location = ""; }, "location is missing"},
        {"long target", [](RunResult& r) { r.key.target = std::string(300, 'x'); }, "target is longer than 256"},
        {"line end in an id", [](RunResult& r) { r.key.probe = "a\nb"; }, "probe holds a control character"},
        {"NUL in a target", [](RunResult& r) { r.key.target = std::string(1, '\0'); }, "target holds a control"},
        {"before 2000", [](RunResult& r) { r.intended = Instant(1s); }, "intended_us must be"},
        {"after 2199", [](RunResult& r) { r.intended = Instant(Duration::max()); }, "intended_us must be"},
        {"started then", [](RunResult& r) { r.started = Instant(-1s); }, "started_us must be"},
        {"negative response", [](RunResult& r) { r.response = -1us; }, "response_us must be from 0"},
        {"endless", [](RunResult& r) { r.length = Duration::max(); }, "length_us must be from 0"},
        {"negative every", [](RunResult& r) { r.every = -30s; }, "every_us must be from 0"},
        {"negative work span", [](RunResult& r) { r.work_span = -30s; }, "work_span_us must be from 0"},
        {"verdict 6", [](RunResult& r) { r.verdict = static_cast<Verdict>(6); }, "verdict must be from 0 (OK) to 5"},
        {"step verdict", [](RunResult& r) { r.steps[0].verdict = static_cast<Verdict>(99); }, "steps.verdict"},
        {"step offset", [](RunResult& r) { r.steps[0].offset = -1us; }, "steps.offset_us"},
        {"nameless step", [](RunResult& r) { r.steps[1].name = ""; }, "steps.name is missing"},
        {"timing", [](RunResult& r) { r.steps[0].timings[0].took = -1us; }, "timings.took_us"},
        {"nameless user", [](RunResult& r) { r.users[0].user = ""; }, "users.user is missing"},
        {"steps without end", [](RunResult& r) { r.steps.resize(1001, r.steps[0]); }, "more than 1000 steps"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.what);
        Batch batch{"noc-1", "noc", {a_run(), a_run()}};
        row.spoil(batch.results[1]);
        const auto decoded = decode(encode(batch));
        REQUIRE_FALSE(decoded);
        CHECK_MESSAGE(decoded.error().find(row.part) != std::string::npos, decoded.error());
        CHECK_MESSAGE(decoded.error().starts_with("result 2 of 2: "), decoded.error());
    }
}

TEST_CASE("what is no batch at all is refused") {
    const std::string good = encode(Batch{"noc-1", "noc", {a_run()}});
    CHECK_FALSE(decode(good.substr(0, good.size() - 1)));
    CHECK_FALSE(decode("\xff\xff\xff\xff"));
    CHECK_FALSE(decode("<html>hello</html>"));
    for (const std::string text : {"", "[]", "{", "{\"prober\": 5}", "{\"results\": 5}", "{\"reslts\": []}",
                                   "{\"results\": [{\"verdict\": \"fine\"}]}", "{\"prober\": \"\xff\"}"}) {
        CAPTURE(text);
        const auto decoded = decode_json(text);
        REQUIRE_FALSE(decoded);
        CHECK(decoded.error().starts_with("the body is not"));
    }
}

TEST_CASE("no cut or flipped byte of a batch crashes the decoder") {
    const std::string good = encode(Batch{"noc-1", "noc", {a_run()}});
    std::size_t refused = 0;
    for (std::size_t i = 0; i < good.size(); ++i) {
        refused += decode(good.substr(0, i)) ? 0U : 1U;
        for (const unsigned bit : {0x01U, 0x80U}) {
            std::string bad = good;
            bad[i] = static_cast<char>(static_cast<unsigned char>(bad[i]) ^ bit);
            refused += decode(bad) ? 0U : 1U;
        }
    }
    CHECK(refused > good.size());
}

TEST_CASE("a server's bytes in a reason do not spoil the batch") {
    RunResult run = a_run();
    run.reason = "the server said \xff\xfe and " + std::string(10'000, 'x');
    const auto decoded = decode(encode(Batch{"noc-1", "noc", {run}}));
    REQUIRE_MESSAGE(decoded, decoded.error());
    CHECK(first_invalid_utf8(decoded->results[0].reason) == std::string_view::npos);
    CHECK(decoded->results[0].reason.size() <= 4096);
}

TEST_CASE("figures that are none, or too many, are refused") {
    const auto refused = [](std::vector<Figure> figures) {
        RunResult run = a_run();
        run.steps.front().figures = std::move(figures);
        const auto good = check(run);
        return good ? std::string("taken") : good.error();
    };
    CHECK(refused({{"load", 1, ""}}) == "taken");
    CHECK(refused({{"", 1, ""}}) == "figures.name is missing");
    CHECK(refused({{"load", 1, "a\nb"}}) == "figures.unit holds a control character");
    CHECK(refused({{"load", std::numeric_limits<double>::infinity(), ""}}) == "figures.value is no finite number");
    CHECK(refused(std::vector<Figure>(most_figures, {"load", 1, ""})) == "taken");
    CHECK(refused(std::vector<Figure>(most_figures + 1, {"load", 1, ""})) == "more than 32 figures in a step");
}
