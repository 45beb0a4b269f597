#include <doctest/doctest.h>

#include <string>

#include "probes/websocket_frames.hpp"
#include "tests/unit/probes/campus_server.hpp"
#include "tests/unit/probes/certificates.hpp"
#include "tests/unit/probes/scripted_step.hpp"

namespace slimtax::probes {
namespace {

using namespace std::chrono_literals;
using websocket::FrameReader;
using websocket::Opcode;

schemas::TextList list(std::initializer_list<std::string> texts) {
    return texts;
}

std::string exchange(ScriptedServer::Script script, Values values = {}, std::chrono::milliseconds patience = 20s) {
    Engine engine;
    return told(engine, "websocket.exchange", std::move(script), std::move(values), patience);
}

// Reads the upgrade and answers it as it should be.
void consent(ScriptedConnection& connection, const std::string& more = "") {
    const std::string request = connection.read_until("\r\n\r\n");
    const std::string name = "Sec-WebSocket-Key: ";
    const auto at = request.find(name);
    const std::string key = at == std::string::npos ? "" : request.substr(at + name.size(), 24);
    connection.send(
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n"
        "Sec-WebSocket-Accept: " +
        websocket::accept_of(key) + "\r\n" + more + "\r\n");
}

// Consents, and sends these bytes.
ScriptedServer::Script sends(std::string bytes) {
    return [bytes = std::move(bytes)](ScriptedConnection& connection) {
        consent(connection);
        connection.send(bytes);
        connection.hang();
    };
}

ScriptedServer::Script answers_upgrade(std::string head) {
    return [head = std::move(head)](ScriptedConnection& connection) {
        connection.read_until("\r\n\r\n");
        connection.send(head);
        connection.hang();
    };
}

// A server's frame with a payload of at most 125 bytes.
std::string frame(int first, const std::string& payload) {
    return std::string{static_cast<char>(first), static_cast<char>(payload.size())} + payload;
}

std::string told_close(const std::string& payload) {
    return exchange(sends(frame(0x88, payload)), {{"greeting", pattern("x")}});
}

const std::string refused = "failed: WebSocket server SERVER refused the upgrade to a WebSocket: ";

}  // namespace

TEST_CASE("websocket.exchange: a real server, in the clear and with TLS") {
    EngineOptions options;
    options.ca_file = certificate("ca.pem");
    Engine engine(options);
    for (const bool tls : {false, true}) {
        CAPTURE(tls);
        const CampusServer server("websocket", {tls ? "tls=yes" : "tls=no", "certificates=" + certificates()});
        Values values{{"host", "127.0.0.1"}, {"port", std::int64_t(server.port())}, {"tls", tls}};
        const auto run = [&](Values more) {
            more.insert(values.begin(), values.end());
            return run_operation(engine, "websocket.exchange", more);
        };
        const std::string name = "WebSocket server 127.0.0.1:" + server.port_text();

        const StepRun greeted = run({{"path", "/greeting"},
                                     {"greeting", pattern("\"hello\"")},
                                     {"subprotocol", "echo"},
                                     {"send", list({"one", "two", std::string(70000, 'x') + "three"})},
                                     {"replies", list({"^one$", "", "three$"})}});
        CHECK(greeted.outcome.reason == "");
        CHECK(greeted.text("said").size() == 70005);
        CHECK(greeted.number("messages") == 4);
        CHECK(greeted.flag("closed"));
        CHECK(greeted.has("cert.days") == tls);
        for (const char* part : {"time.upgrade", "time.greeting", "time.reply"}) {
            CHECK(greeted.number(part) > 0);
        }
        CHECK(greeted.report.measured.has_value());

        const StepRun pinged = run({{"path", "/ping"}, {"greeting", pattern("^the ping was answered, in fragments$")}});
        CHECK(pinged.outcome.reason == "");
        CHECK(run({}).outcome.reason == "");
        CHECK(run({{"path", "/own"}}).outcome.reason ==
              name +
                  " refused the upgrade to a WebSocket: 403 Forbidden; it may want a log-in (`headers`) or another "
                  "`origin`");
        CHECK(run({{"path", "/own"}, {"origin", "https://own.campus.test"}}).outcome.reason == "");
        const schemas::TextMap headers{{"Authorization", "Bearer pw-websocket"}};
        CHECK(run({{"path", "/secret"}, {"headers", headers}}).outcome.reason == "");
        CHECK(run({{"send", list({"bye"})}, {"replies", list({"bye"})}}).outcome.reason ==
              name +
                  " closed the WebSocket with 1008 (policy violation): token expired and did not say anything that "
                  "holds 'bye'");
        CHECK(run({{"subprotocol", "chat"}}).outcome.reason == name + " did not agree to the subprotocol chat");
        server.freeze();
        const StepRun frozen = run_operation(engine, "websocket.exchange", values, 300ms);
        CHECK(frozen.verdict() == "timeout");
        server.thaw();
    }
}

TEST_CASE("websocket.exchange: answers to the upgrade that are none") {
    CHECK(exchange(answers_upgrade("SSH-2.0-OpenSSH_9.2\r\n")) ==
          "failed: WebSocket server SERVER answered the upgrade to a WebSocket with \"SSH-2.0-OpenSSH_9.2\", which is "
          "not HTTP");
    CHECK(exchange(answers_upgrade("HTTP/1.1 200 OK\r\n\r\n")) ==
          refused + "200 OK; at this `path` may be no WebSocket");
    CHECK(exchange(answers_upgrade("HTTP/1.1 302 Found\r\nLocation: https://login.test/\r\n\r\n")) ==
          refused + "302 Found, and points to https://login.test/");
    CHECK(exchange(answers_upgrade("HTTP/1.1 503 " + test_secret + "\r\n\r\n"),
                   {{"headers", schemas::TextMap{{"Authorization", "Bearer " + test_secret}}}}) == refused + "503 ***");
    CHECK(exchange(answers_upgrade("HTTP/1.1 101 Yes\r\n\r\n")) ==
          "failed: WebSocket server SERVER consented to the upgrade without the headers Upgrade and Connection");
    CHECK(
        exchange(answers_upgrade("HTTP/1.1 101 Yes\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                                 "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"))
            .starts_with("failed: WebSocket server SERVER consented to the upgrade with a wrong Sec-WebSocket-Accept"));
    CHECK(exchange(answers_upgrade("HTTP/1.1 101 Yes\r\n" + std::string(20000, 'x'))) ==
          "failed: WebSocket server SERVER sent a line longer than 16384 bytes");
    std::string lines = "HTTP/1.1 101 Yes\r\n";
    for (int i = 0; i < 300; ++i) {
        lines += "a: b\r\n";
    }
    CHECK(exchange(answers_upgrade(lines)) ==
          "failed: WebSocket server SERVER does not end the header of its answer to the upgrade");
    CHECK(exchange(answers_upgrade("HTTP/1.1 101 Yes\r\n"), {}, 300ms) ==
          "timeout: WebSocket server SERVER did not answer the upgrade to a WebSocket within 300 ms");
    CHECK(exchange([](ScriptedConnection& connection) {
              connection.read_until("\r\n\r\n");
              connection.reset();
          }) == "failed: connection to WebSocket server SERVER broken: Connection reset by peer");
    CHECK(exchange([](ScriptedConnection& connection) {
              consent(connection, "Sec-WebSocket-Extensions: permessage-deflate\r\n");
              connection.hang();
          }) == "failed: WebSocket server SERVER uses an extension that was not asked for: permessage-deflate");
    CHECK(exchange([](ScriptedConnection& connection) {
              consent(connection, "Sec-WebSocket-Protocol: chat\r\n");
              connection.hang();
          }) == "failed: WebSocket server SERVER wants to speak the subprotocol chat, which was not asked for");
}

TEST_CASE("websocket.exchange: frames that no server may send, silence, and no good-bye") {
    const Values awaiting{{"greeting", pattern("^good$")}};
    const std::string server = "failed: WebSocket server SERVER ";
    const auto says = [&](std::string bytes) { return exchange(sends(std::move(bytes)), awaiting); };
    CHECK(says(frame(0x81, "other") + frame(0x82, "good") + frame(0x88, "")) == "ok: ");
    CHECK(says(frame(0x01, "go") + frame(0x89, "ping") + frame(0x80, "od") + frame(0x88, "")) == "ok: ");
    CHECK(says(std::string("\x81\x84\0\0\0\0good", 10)) == server + "sent a masked frame, which only clients may");
    CHECK(says(frame(0xC1, "good")) == server + "sent a frame of an extension that was not agreed on");
    CHECK(says(frame(0x83, "good")) == server + "sent a frame of the unknown kind 3");
    CHECK(says(frame(0x80, "good")) == server + "sent a fragment that continues no message");
    CHECK(says(frame(0x01, "go") + frame(0x81, "good")) == server + "began a message inside of another one");
    CHECK(says(frame(0x09, "")) == server + "sent a control frame that is too long or in fragments");
    CHECK(says(frame(0x81, "\xff\xfe")) == server + "sent a text that is not UTF-8");
    CHECK(says(std::string("\x81\x7f\xff\xff\xff\xff\xff\xff\xff\xff", 10)) ==
          server + "sent a message of more than 1048576 bytes");
    CHECK(told_close("") == server + "closed the WebSocket and did not say anything that holds 'x'");
    CHECK(told_close("\x03\xe8").find("with 1000 (normal)") != std::string::npos);
    CHECK(told_close("\x0f\xa1why").find("with 4001: why") != std::string::npos);
    CHECK(told_close("\x03") == server + "closed with a code that is none");
    CHECK(told_close("\x03\xee") == server + "closed with a code that is none");  // 1006
    CHECK(told_close("\x03\xe8\xff") == server + "closed with a reason that is not UTF-8");
    CHECK(exchange(sends(frame(0x81, "other")), awaiting, 300ms) ==
          "timeout: WebSocket server SERVER said \"other\" last, which does not hold '^good$', and nothing that does "
          "within 300 ms");
    CHECK(exchange(sends(""), awaiting, 300ms) ==
          "timeout: WebSocket server SERVER did not say anything that holds '^good$' within 300 ms");
    CHECK(exchange(
              [](ScriptedConnection& connection) {
                  consent(connection);
                  connection.send("\x81\x04go");
              },
              awaiting) == server + "broke the connection off without closing the WebSocket");
    CHECK(exchange(
              [](ScriptedConnection& connection) {
                  consent(connection);
                  while (connection.send(frame(0x89, std::string(125, 'p')))) {
                  }
              },
              awaiting, 2s)
              .find("WebSocket server SERVER") != std::string::npos);

    Engine engine;
    const ScriptedServer silent(sends(frame(0x81, "good")));
    const StepRun run =
        run_operation(engine, "websocket.exchange",
                      {{"host", "127.0.0.1"}, {"port", std::int64_t(silent.port())}, {"greeting", pattern("good")}});
    CHECK(run.verdict() == "ok");
    CHECK_FALSE(run.flag("closed"));
    REQUIRE(run.report.measured);
}

TEST_CASE("websocket.exchange: what cannot be sent is our own side's trouble") {
    const auto fault = [](Values values) { return exchange(sends(""), std::move(values)); };
    CHECK(fault({{"path", "chat"}}) == "prober_fault: path = \"chat\" is none: it begins with / and holds no blanks");
    CHECK(fault({{"path", "/ HTTP/1.1\r\nX: y"}}).starts_with("prober_fault: path"));
    CHECK(fault({{"origin", "a\r\nX: y"}}).starts_with("prober_fault: the header 'Origin' cannot be sent"));
    CHECK(fault({{"send", list({"\xff"})}}).starts_with("prober_fault: a text in `send` is not UTF-8"));
    CHECK(fault({{"replies", list({"x"})}}).starts_with("prober_fault: there are 1 `replies` to 0 texts"));
}

TEST_CASE(
    "websocket: a client's frames have the shortest length that fits and are masked; the accept of RFC 6455 §1.3") {
    CHECK(websocket::accept_of("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    CHECK(websocket::client_frame(Opcode::text, "Hello", 0x37FA213D) == "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");
    CHECK(websocket::client_frame(Opcode::binary, std::string(126, 'x'), 0)
              .starts_with(std::string("\x82\xfe\0\x7e", 4)));
    CHECK(websocket::client_frame(Opcode::binary, std::string(65536, 'x'), 0)
              .starts_with(std::string("\x82\xff\0\0\0\0\0\x01\0\0", 10)));
    FrameReader reader(10);
    CHECK(reader.next(frame(0x01, "sixsix")).has_value());
    const auto more = reader.next(frame(0x80, "fives"));  // eleven in all
    REQUIRE_FALSE(more.has_value());
    CHECK(more.error().code == 1009);
}

}  // namespace slimtax::probes
