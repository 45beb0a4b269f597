#include "probes/io/stream.hpp"

#include <doctest/doctest.h>

#include <string>

#include <sys/resource.h>

#include "tests/unit/probes/certificates.hpp"
#include "tests/unit/probes/scripted_server.hpp"

namespace slimtax::probes {
namespace {

using namespace std::chrono_literals;

/// What a conversation with a server came to: its text, and the trouble at its end.
struct Talk {
    std::string heard;
    std::string trouble;
};

/// Connects, begins TLS if asked, sends, and reads to the end.
Task<Talk> talk(Engine& engine, std::uint16_t port, std::string text, bool tls, TimePoint deadline) {
    Talk result;
    auto connected = co_await connect_tcp(engine, "127.0.0.1", port, deadline);
    if (!connected) {
        result.trouble = connected.error().reason;
        co_return result;
    }
    Stream stream(engine, std::move(connected->socket), "peer");
    if (tls) {
        TlsOptions options;
        options.server_name = "localhost";
        const auto secured = co_await stream.start_tls(options, deadline);
        if (!secured) {
            result.trouble = secured.error().reason;
            co_return result;
        }
    }
    const auto sent = co_await stream.write_all(text, deadline);
    if (!sent) {
        result.trouble = sent.error().reason;
        co_return result;
    }
    for (;;) {
        char room[1000];
        const std::span<char> span(room);
        const auto got = co_await stream.read_some(span, deadline);
        if (!got) {
            result.trouble = got.error().reason;
            break;
        }
        if (*got == 0) {
            break;
        }
        result.heard.append(room, *got);
    }
    co_return result;
}

EngineOptions trusting() {
    EngineOptions options;
    options.ca_file = certificate("ca.pem");
    return options;
}

}  // namespace

TEST_CASE("a peer that never pauses does not keep the loop from others") {
    const ScriptedServer server([](ScriptedConnection& connection) {
        const std::string much(65536, 'x');
        while (connection.send(much)) {
        }
    });
    Engine engine;
    const auto reader = [](Engine& on, std::uint16_t port, const bool& enough) -> Task<bool> {
        const TimePoint deadline = Loop::now() + 20s;
        auto connected = co_await connect_tcp(on, "127.0.0.1", port, deadline);
        Stream stream(on, std::move(connected->socket), "peer");
        while (!enough && Loop::now() < deadline) {
            char room[100];  // small: there is always more
            const std::span<char> span(room);
            const auto got = co_await stream.read_some(span, deadline);
            if (!got || *got == 0) {
                co_return false;
            }
        }
        co_return enough;
    };
    int ticks = 0;
    bool enough = false;
    std::function<void()> tick = [&] {
        enough = ++ticks == 20;
        if (!enough) {
            engine.loop().call_at(Loop::now() + 1ms, tick);
        }
    };
    engine.loop().call_at(Loop::now() + 1ms, tick);
    CHECK(engine.loop().run_until_done(reader(engine, server.port(), enough)));
}

TEST_CASE("megabytes go both ways, in the clear and encrypted") {
    Engine engine(trusting());
    const std::string text(3'000'000, 'x');
    for (const bool tls : {false, true}) {
        const std::string certificate_file = certificate("server.pem");
        const std::string key_file = certificate("server.key");
        const ScriptedServer server([&](ScriptedConnection& connection) {
            if (tls && !connection.start_tls(certificate_file, key_file)) {
                return;
            }
            connection.send(connection.read_bytes(text.size()));
        });
        const Talk result = engine.loop().run_until_done(talk(engine, server.port(), text, tls, Loop::now() + 60s));
        CHECK(result.trouble == "");
        CHECK(result.heard == text);
    }
}

TEST_CASE("a peer that takes nothing, says nothing, or resets") {
    Engine engine;
    const ScriptedServer mute([](ScriptedConnection& connection) {
        connection.read_bytes(1);
        std::this_thread::sleep_for(300ms);
    });
    const std::string flood(50'000'000, 'x');
    CHECK(engine.loop().run_until_done(talk(engine, mute.port(), flood, false, Loop::now() + 50ms)).trouble ==
          "peer took no data in time");
    const ScriptedServer silent([](ScriptedConnection& connection) { connection.hang(); });
    CHECK(engine.loop().run_until_done(talk(engine, silent.port(), "x", false, Loop::now() + 50ms)).trouble ==
          "peer sent nothing in time");
    const ScriptedServer resetting([](ScriptedConnection& connection) {
        connection.read_bytes(1);
        connection.reset();
    });
    CHECK(engine.loop().run_until_done(talk(engine, resetting.port(), "x", false, Loop::now() + 30s)).trouble ==
          "connection to peer broken: Connection reset by peer");
}

TEST_CASE("a TLS peer that closes without saying so is broken, one that says so is not") {
    Engine engine(trusting());
    const std::string certificate_file = certificate("server.pem");
    const std::string key_file = certificate("server.key");
    for (const bool polite : {true, false}) {
        const ScriptedServer server([&](ScriptedConnection& connection) {
            connection.start_tls(certificate_file, key_file);
            connection.read_bytes(1);
            connection.send("bye");
            if (!polite) {
                connection.reset();
            }
        });
        const Talk result = engine.loop().run_until_done(talk(engine, server.port(), "x", true, Loop::now() + 30s));
        CHECK(result.trouble.empty() == polite);
        if (polite) {
            CHECK(result.heard == "bye");
        }
    }
}

TEST_CASE("a reader and a writer of one stream wait side by side") {
    Engine engine;
    const ScriptedServer server([](ScriptedConnection& connection) {
        connection.send("greeting");
        connection.read_bytes(3'000'000);
        connection.send("done");
    });
    const auto both = [](Engine& on, std::uint16_t port) -> Task<std::string> {
        auto connected = co_await connect_tcp(on, "127.0.0.1", port, Loop::now() + 30s);
        REQUIRE(connected.has_value());
        Stream stream(on, std::move(connected->socket), "peer");
        bool written = false;
        const auto write = [](Stream& to, bool& done) -> Task<void> {
            const std::string text(3'000'000, 'x');
            const auto sent = co_await to.write_all(text, Loop::now() + 30s);
            done = sent.has_value();
        };
        on.loop().spawn(write(stream, written), [](std::exception_ptr) {});
        std::string heard;
        for (;;) {
            char room[100];
            const std::span<char> span(room);
            const auto got = co_await stream.read_some(span, Loop::now() + 30s);
            if (!got || *got == 0) {
                break;
            }
            heard.append(room, *got);
        }
        CHECK(written);
        co_return heard;
    };
    CHECK(engine.loop().run_until_done(both(engine, server.port())) == "greetingdone");
}

TEST_CASE("without descriptors a connection is the prober's fault") {
    Engine engine;
    const ScriptedServer server([](ScriptedConnection& connection) { connection.hang(); });
    REQUIRE(engine.loop().run_until_done(talk(engine, server.port(), "", false, Loop::now() + 20ms)).trouble != "");
    rlimit before{};
    ::getrlimit(RLIMIT_NOFILE, &before);
    rlimit none = before;
    none.rlim_cur = 3;
    ::setrlimit(RLIMIT_NOFILE, &none);
    const auto connected =
        engine.loop().run_until_done(connect_tcp(engine, "127.0.0.1", server.port(), Loop::now() + 30s));
    ::setrlimit(RLIMIT_NOFILE, &before);
    REQUIRE_FALSE(connected.has_value());
    CHECK(connected.error().kind == Trouble::Kind::ours);
    CHECK(connected.error().reason ==
          "no connection to 127.0.0.1:" + std::to_string(server.port()) + ": this prober has no descriptors left");
}

}  // namespace slimtax::probes
