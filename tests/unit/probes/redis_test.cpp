#include <doctest/doctest.h>

#include <string>

#include "tests/unit/probes/campus_server.hpp"
#include "tests/unit/probes/certificates.hpp"
#include "tests/unit/probes/scripted_step.hpp"

namespace slimtax::probes {
namespace {

using namespace std::chrono_literals;

std::string ping(ScriptedServer::Script script, Values values = {}, std::chrono::milliseconds patience = 20s) {
    Engine engine;
    return told(engine, "redis.ping", std::move(script), std::move(values), patience);
}

// Says nothing first, as Redis does; then each text for a whole command, whose last line is its last word.
ScriptedServer::Script redis(std::vector<std::string> texts) {
    return [texts = std::move(texts)](ScriptedConnection& connection) {
        for (const std::string& text : texts) {
            const std::string head = connection.read_line();
            const int words = head.size() > 1 ? std::stoi(head.substr(1)) : 0;
            for (int i = 0; i < 2 * words; ++i) {
                connection.read_line();
            }
            connection.send(text);
        }
        connection.hang();
    };
}

}  // namespace

TEST_CASE("redis.ping: a real server, with the default user and one of the access list, in the clear and with TLS") {
    EngineOptions options;
    options.ca_file = certificate("ca.pem");
    Engine engine(options);
    const std::uint16_t tls_port = free_port();
    const CampusServer server("redis", {"tls_port=" + std::to_string(tls_port), "certificates=" + certificates()});
    for (const bool tls : {false, true}) {
        CAPTURE(tls);
        Values values{{"host", "127.0.0.1"}, {"port", std::int64_t(tls ? tls_port : server.port())}, {"tls", tls}};
        const StepRun nobody = run_operation(engine, "redis.ping", values);
        CHECK(nobody.verdict() == "failed");
        CHECK(nobody.outcome.reason.ends_with(" refused PING: NOAUTH Authentication required."));
        values["password"] = "pw-redis";
        CHECK(run_operation(engine, "redis.ping", values).outcome.reason == "");
        values["user"] = "u001";
        values["password"] = "pw-u001";
        const StepRun run = run_operation(engine, "redis.ping", values);
        CHECK(run.outcome.reason == "");
        CHECK(run.number("time.ping") > 0);
        CHECK(run.number("time.authenticate") > 0);
        CHECK(run.has("cert.days") == tls);
        values["password"] = "wrong";
        const std::string address = "127.0.0.1:" + std::to_string(tls ? tls_port : server.port());
        CHECK(run_operation(engine, "redis.ping", values).outcome.reason ==
              "Redis server " + address +
                  " refused the log-in of u001: WRONGPASS invalid username-password pair or user is disabled.");
    }
    server.freeze();
    const StepRun frozen =
        run_operation(engine, "redis.ping", {{"host", "127.0.0.1"}, {"port", std::int64_t(server.port())}}, 2s);
    CHECK(frozen.outcome.reason == "Redis server 127.0.0.1:" + server.port_text() + " did not answer PING within 2 s");
}

TEST_CASE("redis.ping: a server that refuses, lies, repeats the secret, floods, resets or goes away") {
    const Values secret{{"password", test_secret}};
    CHECK(ping(redis({"+PONG\r\n", "+OK\r\n"})) == "ok: ");
    CHECK(ping(redis({"+OK\r\n", "+PONG\r\n", "+OK\r\n"}), secret) == "ok: ");
    CHECK(ping(redis({"-ERR wrong: " + test_secret + "\r\n"}), secret) ==
          "failed: Redis server SERVER refused the log-in of the default user: ERR wrong: ***");
    CHECK(ping(redis({"-LOADING Redis is loading the dataset in memory\r\n"})) ==
          "failed: Redis server SERVER refused PING: LOADING Redis is loading the dataset in memory");
    CHECK(ping(redis({"+PANG\r\n"})) == "failed: Redis server SERVER answered PING with \"+PANG\"");
    CHECK(ping(redis({"HTTP/1.1 400 Bad Request\r\n"})) ==
          "failed: Redis server SERVER answered PING with \"HTTP/1.1 400 Bad Request\"");
    CHECK(ping(redis({"+PO"}), {}, 2s) == "timeout: Redis server SERVER did not answer PING within 2 s");
    CHECK(ping([](ScriptedConnection& connection) { connection.read_line(); }).starts_with("failed: "));
    CHECK(ping([](ScriptedConnection& connection) {
              connection.read_line();
              connection.reset();
          }) == "failed: connection to Redis server SERVER broken: Connection reset by peer");
    CHECK(ping([](ScriptedConnection& connection) {
              const std::string part(65536, 'x');
              while (connection.send(part)) {
              }
          }) == "failed: Redis server SERVER sent a line longer than 8192 bytes");
    CHECK(ping(redis({}), {{"user", "somebody"}}) == "prober_fault: a user of Redis needs a password");
}

TEST_CASE("redis.ping: a password of any bytes arrives as it is") {
    std::string seen;
    const std::string password = "two words\r\n*1";
    CHECK(ping(
              [&seen](ScriptedConnection& connection) {
                  seen = connection.read_bytes(42);
                  connection.send("-NO\r\n");
                  connection.hang();
              },
              {{"user", "me"}, {"password", password}}) == "failed: Redis server SERVER refused the log-in of me: NO");
    CHECK(seen == "*3\r\n$4\r\nAUTH\r\n$2\r\nme\r\n$13\r\ntwo words\r\n*1\r\n");
}

}  // namespace slimtax::probes
