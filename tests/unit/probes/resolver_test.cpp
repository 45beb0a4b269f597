#include "probes/io/resolver.hpp"

#include <doctest/doctest.h>

#include <string>

#include "probes/dns_message.hpp"
#include "probes/io/engine.hpp"
#include "tests/unit/probes/campus_server.hpp"
#include "tests/unit/probes/scripted_server.hpp"

namespace slimtax::probes {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;

using Found = tl::expected<std::vector<Address>, Trouble>;

std::string named(std::uint16_t port) {
    return "127.0.0.1:" + std::to_string(port);
}

Found look_up(Engine& engine, const std::string& host, std::chrono::milliseconds patience = 30s) {
    return engine.loop().run_until_done(engine.resolver().look_up(host, 389, Loop::now() + patience));
}

EngineOptions with_server(const std::string& server) {
    EngineOptions options;
    options.dns_servers = {server};
    return options;
}

/// "refused: reason", "timed_out: reason", "ours: reason", or the addresses.
std::string told(const Found& found) {
    if (!found) {
        const char* const kinds[] = {"refused: ", "timed_out: ", "ours: "};
        return kinds[static_cast<int>(found.error().kind)] + found.error().reason;
    }
    std::string text;
    for (const Address& address : *found) {
        text += (text.empty() ? "" : ", ") + address.text();
    }
    return text;
}

/// A name server that answers every question with that code and nothing else.
ScriptedDatagrams::Script coded(char code) {
    return [code](const std::string& query) { return query.substr(0, 2) + "\x81"s + code + query.substr(4); };
}

}  // namespace

TEST_CASE("numeric addresses need no name server, and get their port") {
    Engine engine(with_server("127.0.0.1:1"));
    CHECK(told(look_up(engine, "192.0.2.1")) == "192.0.2.1:389");
    CHECK(told(look_up(engine, "2001:db8::1")) == "[2001:db8::1]:389");
    CHECK(told(look_up(engine, "[2001:db8::1]")) == "[2001:db8::1]:389");
    const Found found = look_up(engine, "2001:db8::1");
    REQUIRE(found.has_value());
    CHECK(found->front().host() == "2001:db8::1");
    CHECK(host_and_port("2001:db8::1", 443) == "[2001:db8::1]:443");
    CHECK(host_and_port("[2001:db8::1]", 443) == "[2001:db8::1]:443");
    CHECK(host_and_port("im1", 443) == "im1:443");
}

TEST_CASE("names of /etc/hosts need no name server") {
    Engine engine(with_server("127.0.0.1:1"));
    CHECK(told(look_up(engine, "localhost")).find("127.0.0.1:389") != std::string::npos);
}

TEST_CASE("names are looked up at the servers of the options, with their ports") {
    const CampusServer dnsmasq("dnsmasq");
    Engine engine(with_server(named(dnsmasq.port())));
    CHECK(told(look_up(engine, "im1.campus.test")) == "127.0.0.1:389");
    REQUIRE(engine.resolver().servers().size() == 1);
    CHECK(engine.resolver().servers()[0].text() == named(dnsmasq.port()));
}

TEST_CASE("a name that does not exist, one without addresses, and servers that fail or refuse are told apart") {
    const auto told_by = [](ScriptedDatagrams::Script script) {
        const ScriptedDatagrams server(std::move(script));
        Engine engine(with_server(named(server.port())));
        std::string text = told(look_up(engine, "im1.campus.test"));
        const std::string asked = " (asked " + named(server.port()) + ")";
        REQUIRE_MESSAGE(text.ends_with(asked), text);
        return text.substr(0, text.size() - asked.size());
    };
    CHECK(told_by(coded('\x83')) == "refused: the name im1.campus.test does not exist");
    CHECK(told_by(coded('\x80')) == "refused: the name im1.campus.test has no address");
    CHECK(told_by(coded('\x82')) == "refused: the name server failed to look up im1.campus.test: SERVFAIL");
    CHECK(told_by(coded('\x85')) == "refused: the name server refused to look up im1.campus.test: REFUSED");
    CHECK(told_by(coded('\x84')) == "refused: the name server cannot look up im1.campus.test: NOTIMP");
}

TEST_CASE("a name server that is not there is told from one that says nothing") {
    std::uint16_t dead_port = 0;
    {
        const ScriptedDatagrams gone([](const std::string&) { return std::nullopt; });
        dead_port = gone.port();
    }
    Engine nobody(with_server(named(dead_port)));
    CHECK(told(look_up(nobody, "im1.campus.test")) ==
          "refused: the name im1.campus.test could not be looked up: no name server listens (asked " +
              named(dead_port) + ")");

    const ScriptedDatagrams silent([](const std::string&) { return std::nullopt; });
    Engine engine(with_server(named(silent.port())));
    CHECK(told(look_up(engine, "im1.campus.test", 60ms)) ==
          "timed_out: no name server answered in time for im1.campus.test (asked " + named(silent.port()) + ")");
    // The answer to what was given up may still come: nobody is waiting for it, and nothing breaks.
    CHECK(told(look_up(engine, "192.0.2.1")) == "192.0.2.1:389");
}

TEST_CASE("a machine without a route to its name server is at fault itself") {
    // Addresses of other families' reserved blocks have no route anywhere: 240.0.0.0/4 is refused by the kernel.
    Engine engine(with_server("255.255.255.255"));
    const std::string text = told(look_up(engine, "im1.campus.test"));
    CHECK_MESSAGE(text.starts_with("ours: the name im1.campus.test could not be looked up"), text);
}

TEST_CASE("the second name server is asked when the first fails or is not there") {
    const CampusServer dnsmasq("dnsmasq");
    const ScriptedDatagrams failing(coded('\x82'));
    EngineOptions options;
    options.dns_servers = {named(failing.port()), named(dnsmasq.port())};
    Engine engine(options);
    CHECK(told(look_up(engine, "im1.campus.test")) == "127.0.0.1:389");
}

TEST_CASE("what is no host name is refused without asking") {
    Engine engine(with_server("127.0.0.1:1"));
    CHECK(told(look_up(engine, "")) == "refused: the host name is empty");
    CHECK(told(look_up(engine, "a..b")).starts_with("refused: "));
    CHECK(told(look_up(engine, std::string(300, 'x'))).starts_with("refused: "));
}

TEST_CASE("name servers that are no addresses are refused when the engine starts") {
    CHECK_THROWS_AS(Engine(with_server("not an address")), std::runtime_error);
}

TEST_CASE("hundreds of look-ups at once share one channel and all come back") {
    const CampusServer dnsmasq("dnsmasq");
    Engine engine(with_server(named(dnsmasq.port())));
    int good = 0;
    const auto one = [](Engine& on, std::string host, int& count) -> Task<void> {
        const Found found = co_await on.resolver().look_up(host, 1, Loop::now() + 30s);
        count += found.has_value() ? 1 : 0;
    };
    for (int i = 0; i < 300; ++i) {
        engine.loop().spawn(one(engine, "host" + std::to_string(i) + ".campus.test", good), [&](std::exception_ptr) {
            if (engine.loop().in_flight() == 0) {
                engine.loop().stop();
            }
        });
    }
    engine.loop().run();
    CHECK(good == 300);
}

TEST_CASE("an engine that goes away with a look-up under way leaves nothing behind") {
    const ScriptedDatagrams silent([](const std::string&) { return std::nullopt; });
    Engine engine(with_server(named(silent.port())));
    const auto one = [](Engine& on) -> Task<void> {
        const Found found = co_await on.resolver().look_up("im1.campus.test", 1, Loop::now() + 30s);
        CHECK_FALSE(found.has_value());
    };
    engine.loop().spawn(one(engine), [](std::exception_ptr) {});
    engine.loop().call_at(Loop::now() + 10ms, [&] { engine.loop().stop(); });
    engine.loop().run();
    CHECK(engine.loop().in_flight() == 1);
}

}  // namespace slimtax::probes
