#include <doctest/doctest.h>

#include <string>

#include "tests/unit/probes/campus_server.hpp"
#include "tests/unit/probes/certificates.hpp"
#include "tests/unit/probes/scripted_step.hpp"

namespace slimtax::probes {
namespace {

using namespace std::chrono_literals;

std::string health(ScriptedServer::Script script, Values values = {}, std::chrono::milliseconds patience = 20s) {
    Engine engine;
    return told(engine, "grpc.health", std::move(script), std::move(values), patience);
}

// A frame of HTTP/2 (RFC 9113 §4.1) of the first stream, or of the connection.
std::string frame(int type, int flags, int stream, const std::string& payload) {
    const auto size = payload.size();
    return std::string{static_cast<char>(size >> 16),
                       static_cast<char>(size >> 8),
                       static_cast<char>(size),
                       static_cast<char>(type),
                       static_cast<char>(flags),
                       0,
                       0,
                       0,
                       static_cast<char>(stream)} +
           payload;
}

constexpr int end_stream = 1;
constexpr int end_headers = 4;

using Lines = std::vector<std::pair<std::string, std::string>>;

// Header lines without compression (RFC 7541 §6.2.2); values of at most 126 bytes.
std::string headers(const Lines& lines, int flags = end_headers) {
    std::string block;
    for (const auto& [name, value] : lines) {
        block += std::string{0, static_cast<char>(name.size())} + name + static_cast<char>(value.size()) + value;
    }
    return frame(1, flags, 1, block);
}

std::string data(const std::string& message) {
    return frame(0, 0, 1, std::string{0, 0, 0, 0, static_cast<char>(message.size())} + message);
}

const Lines good{{":status", "200"}, {"content-type", "application/grpc+proto"}};

std::string trailers(const Lines& lines) {
    return headers(lines, end_headers | end_stream);
}

// Takes the client's preface and whole call, and answers with these frames.
ScriptedServer::Script http2(std::string frames, bool closes = false) {
    return [frames = std::move(frames), closes](ScriptedConnection& connection) {
        connection.read_until("\r\n\r\nSM\r\n\r\n");
        connection.send(frame(4, 0, 0, ""));  // SETTINGS
        std::string head;
        do {
            head = connection.read_bytes(9);
            if (head.size() < 9) {
                return;
            }
            connection.read_bytes(static_cast<std::uint8_t>(head[1]) * 256U + static_cast<std::uint8_t>(head[2]));
        } while (head[3] != 0 || (head[4] & end_stream) == 0);  // the end of DATA
        connection.send(frames);
        if (!closes) {
            connection.hang();
        }
    };
}

const std::string server = "failed: gRPC server SERVER ";

}  // namespace

TEST_CASE("grpc.health: a real server, in the clear and with TLS") {
    EngineOptions options;
    options.ca_file = certificate("ca.pem");
    Engine engine(options);
    for (const bool tls : {false, true}) {
        CAPTURE(tls);
        const CampusServer real("grpc", {tls ? "tls=yes" : "tls=no", "certificates=" + certificates()});
        Values values{{"host", "127.0.0.1"}, {"port", std::int64_t(real.port())}, {"tls", tls}};
        const std::string name = "gRPC server 127.0.0.1:" + real.port_text();
        const auto of = [&](const std::string& service, Values more = {}) {
            more.insert(values.begin(), values.end());
            more.emplace("service", service);
            return run_operation(engine, "grpc.health", more);
        };
        const StepRun whole = run_operation(engine, "grpc.health", values);
        CHECK(whole.outcome.reason == "");
        CHECK(whole.text("health") == "SERVING");
        CHECK(whole.has("code"));
        CHECK(whole.number("time.call") > 0);
        CHECK(whole.number("time.connect") > 0);
        CHECK(whole.has("time.tls") == tls);
        CHECK(whole.has("cert.days") == tls);
        CHECK(of("campus.up").outcome.reason == "");
        const StepRun down = of("campus.down");
        CHECK(down.verdict() == "failed");
        CHECK(down.outcome.reason == name + " says NOT_SERVING of the service \"campus.down\"");
        CHECK(down.text("health") == "NOT_SERVING");
        const StepRun unknown = of("campus.other");
        CHECK(unknown.outcome.reason ==
              name +
                  " does not know the service \"campus.other\" (gRPC status 5, NOT_FOUND): unknown service: 100 % ü");
        CHECK(unknown.number("code") == 5);
        CHECK(of("campus.mine").outcome.reason ==
              name +
                  " refused the call (gRPC status 16, UNAUTHENTICATED): who are you?; it may want a log-in "
                  "(`metadata`)");
        const schemas::TextMap metadata{{"authorization", "Bearer pw-grpc"}};
        CHECK(of("campus.mine", {{"metadata", metadata}}).outcome.reason == "");
        real.freeze();
        CHECK(run_operation(engine, "grpc.health", values, 300ms).verdict() == "timeout");
        real.thaw();
    }
    const CampusServer without("grpc", {"health=no"});
    const Values bare{{"host", "127.0.0.1"}, {"port", std::int64_t(without.port())}};
    for (int i = 0; i < 50; ++i) {  // it refuses at the header already
        CHECK(
            run_operation(engine, "grpc.health", bare).outcome.reason ==
            "gRPC server 127.0.0.1:" + without.port_text() +
                " does not offer the health service grpc.health.v1.Health (gRPC status 12, UNIMPLEMENTED): Method not "
                "found!");
    }
}

TEST_CASE("grpc.health: server_name is the name that is asked for and that the certificate must bear") {
    EngineOptions options;
    options.ca_file = certificate("ca.pem");
    Engine engine(options);
    const CampusServer real("grpc", {"tls=yes", "certificates=" + certificates()});
    const auto as = [&](const std::string& name) {
        const StepRun run = run_operation(
            engine, "grpc.health",
            {{"host", "127.0.0.1"}, {"port", std::int64_t(real.port())}, {"tls", true}, {"server_name", name}});
        return run.verdict() + ": " + replaced(run.outcome.reason, "127.0.0.1:" + real.port_text(), "SERVER");
    };
    CHECK(as("campus.test") == "ok: ");
    CHECK(as("elsewhere.test").starts_with("failed: the certificate of SERVER is for localhost, "));
    CHECK(as("elsewhere.test").ends_with(", not for elsewhere.test"));
    CHECK(as("no name").starts_with("prober_fault: server_name is \"no name\", which is no name of a server"));
}

TEST_CASE("grpc.health: servers that speak something else") {
    Engine engine;
    const CampusServer nginx("nginx");
    const StepRun web =
        run_operation(engine, "grpc.health", {{"host", "127.0.0.1"}, {"port", std::int64_t(nginx.port())}});
    const std::string no_http2 = " gave no answer by HTTP/2: perhaps it speaks HTTP/1.1 only, or begins with TLS";
    CHECK(web.verdict() == "failed");
    CHECK(web.outcome.reason == "127.0.0.1:" + nginx.port_text() + no_http2);
    const CampusServer tls("grpc", {"tls=yes", "certificates=" + certificates()});
    CHECK(run_operation(engine, "grpc.health", {{"host", "127.0.0.1"}, {"port", std::int64_t(tls.port())}})
              .outcome.reason == "127.0.0.1:" + tls.port_text() + no_http2);
    CHECK(health(answers({"SSH-2.0-OpenSSH_9.2\r\n"})) == "failed: SERVER" + no_http2);
    CHECK(health(http2("garbage that is no frame at all")) == "failed: SERVER" + no_http2);
    CHECK(health(http2(frame(7, 0, 0, std::string(8, '\0')), true)) == "failed: SERVER" + no_http2);  // GOAWAY
    CHECK(health([](ScriptedConnection& connection) { connection.hang(); }, {}, 300ms) ==
          "timeout: SERVER did not answer the POST request in time");
    CHECK(health([](ScriptedConnection& connection) {
              connection.read_until("\r\n\r\n");
              connection.reset();
          }) == "failed: connection to SERVER broken before an answer came: Connection reset by peer");
    CHECK(health(http2(frame(3, 0, 1, std::string("\0\0\0\x02", 4)))) ==  // RST_STREAM
          "failed: HTTP with SERVER failed: HTTP/2 stream 1 was not closed cleanly: INTERNAL_ERROR (err 2)");
    CHECK(health(http2(headers(good) + data("\x08\x01"), true)) ==
          "failed: SERVER closed the connection in the middle of its answer's body: 7 bytes came");
    const RefusingPort closed;
    CHECK(run_operation(engine, "grpc.health", {{"host", "127.0.0.1"}, {"port", std::int64_t(closed.port())}})
              .outcome.reason == "connection to 127.0.0.1:" + std::to_string(closed.port()) + " refused");
    CHECK(run_operation(engine, "grpc.health", {{"host", "a/b"}}).verdict() == "prober_fault");
}

TEST_CASE("grpc.health: answers that are wrong, by their status, their trailers or their bytes") {
    const Lines ok{{"grpc-status", "0"}};
    const auto answered = [&](const std::string& message) {
        return health(http2(headers(good) + data(message) + trailers(ok)));
    };
    CHECK(answered("\x08\x01") == "ok: ");
    CHECK(answered(std::string("\x12\x02hi\x1d\0\0\0\0\x08\x01", 11)) == "ok: ");  // with fields we do not know
    CHECK(answered("") == server + "says UNKNOWN of the server as a whole");
    CHECK(answered("\x08\x03") == server + "says SERVICE_UNKNOWN of the server as a whole");
    const std::string no_answer = server + "answered the health check with bytes that are no answer to it";
    for (const std::string message :
         {"\x08\x09", "\x08", "\x0a\x7f", "\x0b", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"}) {
        CHECK(answered(message) == no_answer);
    }
    CHECK(health(http2(headers(good) + trailers(ok))) == no_answer);
    CHECK(health(http2(headers(good) + frame(0, 0, 1, std::string("\1\0\0\0\2\x08\1", 7)) + trailers(ok))) ==
          no_answer);
    CHECK(health(http2(headers(good) + frame(0, end_stream, 1, std::string("\0\0\0\0\2\x08\1", 7)))) ==
          server + "ended its answer without a grpc-status: it broke off, or a proxy on the way drops HTTP/2 trailers");
    CHECK(health(http2(trailers({{":status", "404"}, {"content-type", "text/html"}}))) ==
          server + "does not speak gRPC here: it answered with HTTP status 404 and the content-type text/html");
    CHECK(health(http2(trailers({{":status", "200"}}))) ==
          server + "does not speak gRPC here: it answered with HTTP status 200 and no content-type");
    CHECK(health(http2(headers(good) + trailers({{"grpc-status", "fine"}}))) ==
          server + "gave \"fine\" as grpc-status, which is none");
    CHECK(health(http2(headers(good) + trailers({{"grpc-status", "99"}}))) ==
          server + "refused the call (gRPC status 99)");
    CHECK(health(http2(headers(good) +
                       trailers({{"grpc-status", "14"}, {"grpc-message", "no: %0A" + test_secret + "%zz%"}})),
                 {{"metadata", schemas::TextMap{{"authorization", "Bearer " + test_secret}}}}) ==
          server + "refused the call (gRPC status 14, UNAVAILABLE): no:  ***%zz%");
    // Only trailers, and the stream reset without an error: as servers refuse what they have not read to the end.
    CHECK(health(http2(trailers({{":status", "200"}, {"content-type", "application/grpc"}, {"grpc-status", "12"}}) +
                       frame(3, 0, 1, std::string(4, '\0')))) ==
          server + "does not offer the health service grpc.health.v1.Health (gRPC status 12, UNIMPLEMENTED)");
    std::string flood;
    for (int i = 0; i < 10; ++i) {
        flood += frame(0, 0, 1, std::string(16000, 'x'));
    }
    CHECK(health(http2(headers(good) + flood)).find("longer than the 65536 bytes") != std::string::npos);
    CHECK(health(http2(headers(good) + data("\x08\x01")), {}, 500ms).starts_with("timeout: SERVER did not end"));
}

}  // namespace slimtax::probes
