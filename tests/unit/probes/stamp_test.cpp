#include "probes/io/stamp.hpp"

#include <doctest/doctest.h>

#include <string>
#include <thread>

#include "probes/io/engine.hpp"
#include "probes/io/http_client.hpp"
#include "probes/io/stream.hpp"
#include "tests/unit/probes/certificates.hpp"
#include "tests/unit/probes/scripted_server.hpp"

namespace slimtax::probes {
namespace {

using namespace std::chrono_literals;

/// A server that answers when it has been asked and we keep the loop from reading, and tells when that was.
class PromptServer {
public:
    explicit PromptServer(std::string answer, bool tls = false)
        : server_([this, answer, tls](ScriptedConnection& connection) {
              if (tls && !connection.start_tls(certificate("server.pem"), certificate("server.key"))) {
                  return;
              }
              connection.read_until("\r\n\r\n");
              asked_ = true;
              while (!may_answer_ && !given_up_) {
                  std::this_thread::sleep_for(1ms);
              }
              connection.send(answer);
              said_ = true;
              connection.hang();
          }) {}
    ~PromptServer() { given_up_ = true; }
    PromptServer(const PromptServer&) = delete;
    PromptServer& operator=(const PromptServer&) = delete;
    [[nodiscard]] std::uint16_t port() const { return server_.port(); }
    [[nodiscard]] bool asked() const { return asked_; }
    /// Keeps this thread, and so its loop, until the answer was said and 100 ms more. Returns when it was said at the
    /// latest.
    TimePoint wait_and_block() {
        may_answer_ = true;
        for (int patience = 10'000; !said_ && patience > 0; --patience) {
            std::this_thread::sleep_for(1ms);
        }
        const TimePoint said = Loop::now();
        std::this_thread::sleep_for(100ms);
        return said;
    }

private:
    std::atomic<bool> asked_ = false;
    std::atomic<bool> may_answer_ = false;
    std::atomic<bool> given_up_ = false;
    std::atomic<bool> said_ = false;
    ScriptedServer server_;
};

struct Reading {
    TimePoint said;
    TimePoint arrived;
    std::string trouble;
};

Task<Reading> read_late(Engine& engine, PromptServer& server, bool tls) {
    const TimePoint deadline = Loop::now() + 20s;
    Reading reading;
    auto connected = co_await connect_tcp(engine, "127.0.0.1", server.port(), deadline);
    Stream stream(engine, std::move(connected->socket), "peer");
    if (tls) {
        TlsOptions options;
        options.verify = false;
        const auto secured = co_await stream.start_tls(options, deadline);
        if (!secured) {
            reading.trouble = secured.error().reason;
            co_return reading;
        }
    }
    (void)co_await stream.write_all("now?\r\n\r\n", deadline);
    reading.said = server.wait_and_block();
    char room[100];
    const std::span<char> span(room);
    const auto got = co_await stream.read_some(span, deadline);
    reading.trouble = got ? "" : got.error().reason;
    reading.arrived = stream.arrived();
    co_return reading;
}

}  // namespace

TEST_CASE("what a stream read arrived when the kernel had it, not when the loop came to it") {
    for (const bool tls : {false, true}) {
        Engine engine;
        Reading reading;
        // The kernel begins to stamp a moment after it was first asked to.
        for (int attempt = 0; attempt < 20; ++attempt) {
            PromptServer server("now", tls);
            reading = engine.loop().run_until_done(read_late(engine, server, tls));
            REQUIRE_MESSAGE(reading.trouble.empty(), reading.trouble);
            if (reading.arrived <= reading.said) {
                break;
            }
        }
        const auto late = std::chrono::duration_cast<std::chrono::microseconds>(reading.arrived - reading.said);
        CHECK_MESSAGE(late <= 0us, std::string(tls ? "TLS: " : "plain: "), late.count(), " us later than said");
    }
}

TEST_CASE("the times of an HTTP answer end when the kernel had its bytes") {
    Engine engine;
    PromptServer server("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nnow");
    TimePoint blocked;
    const auto block = [&]() -> Task<void> {
        for (int patience = 10'000; !server.asked() && patience > 0; --patience) {
            (void)co_await engine.loop().sleep_until(Loop::now() + 1ms);
        }
        blocked = server.wait_and_block();
    };
    engine.loop().spawn(block(), [](const std::exception_ptr&) {});
    const TimePoint start = Loop::now();
    HttpRequest request("GET", "http://127.0.0.1:" + std::to_string(server.port()) + "/");
    const auto answer = engine.loop().run_until_done(engine.http().fetch(std::move(request), start + 20s));
    REQUIRE(answer.has_value());
    CHECK(answer->body == "now");
    CHECK(start + answer->times.total() <= blocked);
    CHECK(Loop::now() - start >= 100ms);
}

TEST_CASE("delays that stamps tell are counted") {
    Engine engine;
    std::chrono::nanoseconds longest{};
    engine.loop().observe_delays([&](std::chrono::nanoseconds delay) { longest = std::max(longest, delay); });
    PromptServer server("now");
    (void)engine.loop().run_until_done(read_late(engine, server, false));
    CHECK(longest >= 100ms);
}

TEST_CASE("a loop without a pause is overloaded for as long as that lasts") {
    Engine engine;
    Loop& loop = engine.loop();
    const auto rest = [&]() -> Task<void> { (void)co_await loop.sleep_until(Loop::now() + 20ms); };
    loop.run_until_done(rest());
    const schemas::Duration before = loop.overloaded();
    const auto work = [&]() -> Task<void> {
        for (int i = 0; i < 8; ++i) {
            std::this_thread::sleep_for(10ms);
            (void)co_await loop.sleep_until(Loop::now());
        }
    };
    loop.run_until_done(work());
    loop.run_until_done(rest());
    CHECK(loop.overloaded() - before >= 80ms);
    const schemas::Duration after = loop.overloaded();
    loop.run_until_done(rest());
    CHECK(loop.overloaded() - after < 80ms);
}

}  // namespace slimtax::probes
