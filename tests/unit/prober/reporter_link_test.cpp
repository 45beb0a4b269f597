#include "prober/reporter_link.hpp"

#include <memory>
#include <mutex>

#include <doctest/doctest.h>

#include "probes/io/engine.hpp"
#include "tests/unit/probes/scripted_server.hpp"

using namespace slimtax;
using namespace slimtax::prober;
using namespace std::chrono_literals;
using probes::ScriptedConnection;
using probes::ScriptedServer;

namespace {

/// A reporter that answers every request with the same bytes, and keeps what it got.
class Answering {
public:
    explicit Answering(std::string answer)
        : server([this, answer = std::move(answer)](ScriptedConnection& connection) {
              std::string head = connection.read_until("\r\n\r\n");
              const std::size_t at = head.find("Content-Length: ");
              const std::string body =
                  at == std::string::npos ? "" : connection.read_bytes(std::stoul(head.substr(at + 16)));
              {
                  const std::lock_guard lock(mutex);
                  request = head + body;
              }
              connection.send(answer);
          }) {}

    [[nodiscard]] std::string got() {
        const std::lock_guard lock(mutex);
        return request;
    }

    std::mutex mutex;
    std::string request;
    ScriptedServer server;
};

SendReply send(std::uint16_t port, const std::string& body, std::chrono::milliseconds timeout = 20s) {
    probes::Engine engine;
    const auto token = std::make_shared<const std::string>("the-token");
    const SendBatch sender = send_to_reporter(engine, "http://127.0.0.1:" + std::to_string(port), token);
    return engine.loop().run_until_done(sender(body, probes::Loop::now() + timeout));
}

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a batch is posted as it is, with the token") {
    Answering reporter("HTTP/1.1 200 OK\r\nContent-Length: 26\r\n\r\n{\"stored\":1,\"repeated\":0}\n");
    const std::string body("\x0a\x05noc-1\0\xff", 9);
    const SendReply reply = send(reporter.server.port(), body);
    CHECK(reply.status == 200);
    CHECK(has(reply.text, "\"stored\":1"));
    const std::string request = reporter.got();
    CHECK(request.starts_with("POST /api/v1/results HTTP/1.1\r\n"));
    CHECK(has(request, "\r\nAuthorization: Bearer the-token\r\n"));
    CHECK(has(request, "\r\nContent-Type: application/x-protobuf\r\n"));
    CHECK(request.ends_with("\r\n\r\n" + body));
}

TEST_CASE("the reporter's words and its Retry-After come back") {
    Answering reporter("HTTP/1.1 503 Busy\r\nRetry-After: 17\r\nContent-Length: 12\r\n\r\ndisk is full");
    const SendReply reply = send(reporter.server.port(), "x");
    CHECK(reply.status == 503);
    CHECK(reply.text == "disk is full");
    CHECK(reply.retry_after == 17s);
}

TEST_CASE("a redirect is not followed: it would take the token elsewhere") {
    Answering elsewhere("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    Answering reporter("HTTP/1.1 301 Moved\r\nLocation: http://127.0.0.1:" + std::to_string(elsewhere.server.port()) +
                       "/\r\nContent-Length: 0\r\n\r\n");
    const SendReply reply = send(reporter.server.port(), "x");
    CHECK(reply.status == 301);
    CHECK(elsewhere.server.connections() == 0);
}

TEST_CASE("no answer is no status, with the reason, and never the token") {
    ScriptedServer resets([](ScriptedConnection& connection) { connection.reset(); });
    ScriptedServer hangs([](ScriptedConnection& connection) { connection.hang(); });
    probes::RefusingPort refuses;
    for (const SendReply& reply :
         {send(resets.port(), "x"), send(hangs.port(), "x", 200ms), send(refuses.port(), "x")}) {
        CHECK(reply.status == 0);
        CHECK(has(reply.text, "127.0.0.1"));
        CHECK(!has(reply.text, "the-token"));
    }
}

TEST_CASE("a body of several megabytes arrives whole") {
    Answering reporter("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    const std::string body(5 << 20, 'b');
    CHECK(send(reporter.server.port(), body).status == 200);
    CHECK(reporter.got().ends_with(body));
}
