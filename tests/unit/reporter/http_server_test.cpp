#include "reporter/http/server.hpp"

#include <atomic>
#include <future>
#include <list>
#include <stdexcept>
#include <thread>

#include <doctest/doctest.h>

#include "http_client.hpp"
#include "reporter/http/event_streams.hpp"
#include "reporter/http/policy.hpp"

namespace slimtax::reporter {
namespace {

using testing::Answer;
using testing::ask;
using testing::Connection;

HttpOptions on_any_port() {
    HttpOptions options;
    options.port = 0;
    return options;
}

std::uint16_t started(HttpServer& server) {
    const auto port = server.start();
    REQUIRE_MESSAGE(port, (port ? "" : port.error()));
    return *port;
}

Response echo(const Request& request) {
    std::string text = request.method + " " + request.path + "\n";
    for (const auto& [name, value] : request.query) {
        text += name + "=" + value + "\n";
    }
    return Response::text(
        200, text + "[" + std::string(request.header("x-one")) + "] " + request.user + "\n" + request.body);
}

const std::string stream_request = "GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// "user:password" in Base64 is made by hand below.
const std::string managers = "Authorization: Basic bWFuYWdlcnM6c2VjcmV0\r\n";        // managers:secret
const std::string wrong_password = "Authorization: Basic bWFuYWdlcnM6d3Jvbmc=\r\n";  // managers:wrong

}  // namespace

TEST_CASE("a request arrives decoded, and its answer goes back") {
    HttpServer server(on_any_port());
    server.route("POST", "/echo", echo);
    const std::uint16_t port = started(server);
    const Answer answer = ask(port, "POST", "/echo?a=1%262&b&a=%C3%BC+x", "X-One: first\r\n", "the body");
    CHECK(answer.status == 200);
    CHECK(answer.body == "POST /echo\na=1&2\nb=\na=\xC3\xBC x\n[first] \nthe body");
    CHECK(answer.headers.at("content-type") == "text/plain; charset=utf-8");
}

TEST_CASE("the exact path wins over a prefix, and the longer prefix over the shorter") {
    HttpServer server(on_any_port());
    for (const std::string path : {"/", "/a/", "/a/b/", "/a/b/c"}) {
        server.route("GET", path, [path](const Request&) { return Response::text(200, path); });
    }
    const std::uint16_t port = started(server);
    CHECK(ask(port, "GET", "/").body == "/");
    CHECK(ask(port, "GET", "/a/x").body == "/a/");
    CHECK(ask(port, "GET", "/a/b/x").body == "/a/b/");
    CHECK(ask(port, "GET", "/a/b/c").body == "/a/b/c");
    CHECK(ask(port, "GET", "/z").status == 404);
    const Answer wrong = ask(port, "DELETE", "/a/b/c");
    CHECK(wrong.status == 405);
    CHECK(wrong.headers.at("allow").find("GET") != std::string::npos);
    const Answer head = ask(port, "HEAD", "/a/b/c");
    CHECK(head.status == 200);
    CHECK(head.headers.at("content-length") == "6");
    CHECK(head.body.empty());
}

TEST_CASE("every answer has the headers that keep browsers safe, unless it brings its own") {
    HttpServer server(on_any_port());
    server.route("GET", "/plain", [](const Request&) { return Response::text(200, "x"); });
    server.route("GET", "/own", [](const Request&) {
        Response response = Response::html("x");
        response.headers.emplace_back("Cache-Control", "max-age=60");
        return response;
    });
    const std::uint16_t port = started(server);
    for (const char* path : {"/plain", "/nothing"}) {
        const Answer answer = ask(port, "GET", path);
        CHECK(answer.headers.at("content-security-policy").starts_with("default-src 'self'"));
        CHECK(answer.headers.at("x-content-type-options") == "nosniff");
        CHECK(answer.headers.at("cache-control") == "no-store");
    }
    CHECK(ask(port, "GET", "/own").headers.at("cache-control") == "max-age=60");
}

TEST_CASE("a body beyond its route's limit is a 413, announced or not") {
    HttpServer server(on_any_port());
    RouteOptions small;
    small.body_limit = 1000;
    server.route("POST", "/small", echo, small);
    const std::uint16_t port = started(server);
    CHECK(ask(port, "POST", "/small", "", std::string(1000, 'x')).status == 200);
    CHECK(ask(port, "POST", "/small", "", std::string(1001, 'x')).status == 413);
    CHECK(ask(port, "POST", "/small", "", std::string(3'000'000, 'x')).status == 413);
    Connection chunked(port);
    chunked.send("POST /small HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n");
    for (int i = 0; i < 3; ++i) {
        chunked.send("190\r\n" + std::string(400, 'x') + "\r\n");
    }
    chunked.send("0\r\n\r\n");
    CHECK(chunked.read_all().starts_with("HTTP/1.1 413"));
}

TEST_CASE("a guard refuses before the body counts, and the client gets to read why") {
    HttpServer server(on_any_port());
    RouteOptions guarded;
    guarded.body_limit = 10'000'000;
    guarded.guard = [](const Request& request) -> std::optional<Response> {
        CHECK(request.body.empty());
        if (bearer_token(request) == "good") {
            return std::nullopt;
        }
        return Response::text(401, "whose token is that?");
    };
    server.route("POST", "/in", echo, guarded);
    const std::uint16_t port = started(server);
    const std::string body(2'000'000, 'x');
    CHECK(ask(port, "POST", "/in", "Authorization: Bearer bad\r\n", body).body == "whose token is that?");
    CHECK(ask(port, "POST", "/in", "authorization: bearer good\r\n", body).status == 200);
}

TEST_CASE("a handler that throws is a 500 without details, and the server goes on") {
    HttpServer server(on_any_port());
    server.route("GET", "/bad", [](const Request&) -> Response { throw std::runtime_error("secret detail"); });
    server.route("GET", "/good", echo);
    const std::uint16_t port = started(server);
    const Answer answer = ask(port, "GET", "/bad");
    CHECK(answer.status == 500);
    CHECK(answer.body.find("secret") == std::string::npos);
    CHECK(ask(port, "GET", "/good").status == 200);
}

TEST_CASE("a handler that waits holds nobody up, and stop() sends its answer") {
    HttpServer server(on_any_port());
    std::promise<void> entered;
    std::promise<void> release;
    server.route("POST", "/wait", [&, wait = release.get_future().share()](const Request&) {
        entered.set_value();
        wait.wait();
        return Response::text(200, "done at last");
    });
    server.route("GET", "/quick", echo);
    const std::uint16_t port = started(server);
    auto slow = std::async(std::launch::async, [&] { return ask(port, "POST", "/wait"); });
    entered.get_future().wait();
    CHECK(ask(port, "GET", "/quick").status == 200);
    auto stopping = std::async(std::launch::async, [&] { server.stop(); });
    release.set_value();
    CHECK(slow.get().body == "done at last");
    stopping.get();
    CHECK_THROWS(Connection(port));
    server.stop();
}

TEST_CASE("with viewers the pages ask who is there, and open routes do not") {
    HttpOptions options = on_any_port();
    options.viewers = {{"managers", "secret"}, {"empty", ""}};
    HttpServer server(options);
    RouteOptions open;
    open.access = Access::open;
    server.route("GET", "/page", echo);
    server.route("GET", "/open", echo, open);
    const std::uint16_t port = started(server);
    const Answer asked = ask(port, "GET", "/page");
    CHECK(asked.status == 401);
    CHECK(asked.headers.at("www-authenticate").starts_with("Basic realm="));
    CHECK(ask(port, "GET", "/page", wrong_password).status == 401);
    CHECK(ask(port, "GET", "/page", "Authorization: Basic !!!\r\n").status == 401);
    CHECK(ask(port, "GET", "/page", "Authorization: Basic ZW1wdHk6\r\n").status == 401);  // empty:
    CHECK(ask(port, "GET", "/page", managers).body == "GET /page\n[] managers\n");
    CHECK(ask(port, "GET", "/page", managers + "Host: slimtax.example\r\n").status == 200);
    CHECK(ask(port, "GET", "/open").status == 200);
}

TEST_CASE("without viewers only local names are answered, and nothing is changed for another site") {
    HttpServer server(on_any_port());
    server.route("GET", "/page", echo);
    server.route("POST", "/change", echo);
    const std::uint16_t port = started(server);
    for (const char* host : {"localhost:8080", "LOCALHOST", "127.0.0.1:1", "[::1]:8080", "192.0.2.7"}) {
        CHECK(ask(port, "GET", "/page", std::string("Host: ") + host + "\r\n").status == 200);
    }
    for (const char* host :
         {"evil.example", "127.0.0.1.evil.example:8080", "localhost.evil.example", "[evil]", ":80"}) {
        CHECK(ask(port, "GET", "/page", std::string("Host: ") + host + "\r\n").status == 421);
    }
    CHECK(ask(port, "POST", "/change", "Origin: http://localhost\r\n").status == 200);
    CHECK(ask(port, "POST", "/change", "Origin: http://evil.example\r\n").status == 403);
    CHECK(ask(port, "POST", "/change", "Origin: null\r\n").status == 403);
    CHECK(ask(port, "POST", "/change").status == 200);
}

TEST_CASE("the server refuses to listen where others can reach it without a password") {
    HttpOptions options = on_any_port();
    options.address = "0.0.0.0";
    const auto port = HttpServer(options).start();
    REQUIRE_FALSE(port);
    CHECK(port.error().find("add a [[reporter.viewer]]") != std::string::npos);
    options.viewers = {{"managers", "secret"}};
    HttpServer with_viewers(options);
    CHECK(with_viewers.start());
}

TEST_CASE("a port that is taken is named") {
    HttpServer first(on_any_port());
    HttpOptions same = on_any_port();
    same.port = started(first);
    const auto port = HttpServer(same).start();
    REQUIRE_FALSE(port);
    CHECK(port.error().find("another program listens there") != std::string::npos);
}

TEST_CASE("garbage, half requests and silence do no harm") {
    HttpOptions options = on_any_port();
    options.idle_timeout = std::chrono::seconds(1);
    HttpServer server(options);
    server.route("POST", "/echo", echo);
    const std::uint16_t port = started(server);
    for (const char* bytes :
         {"\x16\x03\x01\x02\x00", "GET\r\n\r\n", "POST /echo HTTP/1.1\r\nContent-Length: 100\r\n\r\nxx",
          "GET / HTTP/1.1\r\nHost", "GET /%00%zz?%=&&= HTTP/1.1\r\n\r\n"}) {
        Connection cut(port);
        cut.send(bytes);
        cut.close();
        Connection silent(port);
        silent.send(bytes);
        silent.read_all();  // until the server closes
    }
    CHECK(ask(port, "POST", "/echo", "", "still there").status == 200);
}

TEST_CASE("a stream begins with the newest event of each name, and then gets every one") {
    EventHub hub;
    HttpServer server(on_any_port());
    server.events("/events", hub);
    const std::uint16_t port = started(server);
    hub.publish("changed", "1");
    hub.publish("changed", "2");
    hub.publish("notice", "two\nlines");
    Connection stream(port);
    stream.send(stream_request);
    const std::string& text = stream.read_until("event: notice\ndata: two\ndata: lines\n\n");
    CHECK(text.find("Content-Type: text/event-stream") != std::string::npos);
    CHECK(text.find("event: changed\ndata: 2\n\n") != std::string::npos);
    CHECK(text.find("data: 1\n") == std::string::npos);
    CHECK(hub.streams() == 1);
    hub.publish("changed", "3");
    CHECK(stream.read_until("data: 3\n\n").find("data: 3\n\n") != std::string::npos);
    hub.publish("changed", "4");
    CHECK(stream.read_until("data: 4\n\n").find("data: 4\n\n") != std::string::npos);
    server.stop();
    CHECK(stream.read_all().ends_with("0\r\n\r\n"));  // ended, not cut
}

TEST_CASE("hundreds of streams all hear, those who left are forgotten, and too many are refused") {
    EventHub hub(300);
    HttpServer server(on_any_port());
    server.events("/events", hub);
    const std::uint16_t port = started(server);
    std::list<Connection> streams;
    for (int i = 0; i < 300; ++i) {
        streams.emplace_back(port).send(stream_request);
    }
    for (Connection& stream : streams) {
        stream.read_until("retry:");
    }
    CHECK(hub.streams() == 300);
    const Answer refused = ask(port, "GET", "/events");
    CHECK(refused.status == 503);
    CHECK(refused.headers.at("retry-after") == "30");
    hub.publish("changed", "7");
    for (Connection& stream : streams) {
        CHECK(stream.read_until("data: 7\n\n").find("data: 7\n\n") != std::string::npos);
    }
    while (streams.size() > 50) {
        streams.pop_back();
    }
    // Who left is noticed when something is sent: the first time the peer answers with a reset.
    for (int i = 0; i < 2000 && hub.streams() > 50; ++i) {
        hub.publish("changed", std::to_string(100 + i));
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    CHECK(hub.streams() == 50);
}

TEST_CASE("a stream that reads slowly gets the newest event only, and holds no more than that") {
    EventHub hub;
    HttpServer server(on_any_port());
    server.events("/events", hub);
    const std::uint16_t port = started(server);
    Connection slow(port);
    slow.send(stream_request);
    slow.read_until("retry:");
    const std::string much(10'000, 'x');
    for (int i = 0; i < 3000; ++i) {
        hub.publish("changed", much + std::to_string(i));
    }
    const std::string& content = slow.read_content_until("x2999\n\n");
    CHECK(content.ends_with(much + "2999\n\n"));
    CHECK(content.size() < 3000 * much.size() / 2);
}

TEST_CASE("publishing from many threads while streams come and go hurts nobody") {
    EventHub hub;
    HttpServer server(on_any_port());
    server.events("/events", hub);
    server.route("GET", "/quick", echo);
    const std::uint16_t port = started(server);
    std::atomic<bool> going{true};
    std::vector<std::thread> publishers;
    for (int i = 0; i < 3; ++i) {
        publishers.emplace_back([&] {
            for (int n = 0; going; ++n) {
                hub.publish("changed", std::to_string(n));
            }
        });
    }
    for (int i = 0; i < 100; ++i) {
        Connection stream(port);
        stream.send(stream_request);
        stream.read_until("event: changed");
        if (i % 10 == 0) {
            CHECK(ask(port, "GET", "/quick").status == 200);
        }
    }
    server.stop();
    going = false;
    for (std::thread& publisher : publishers) {
        publisher.join();
    }
}

TEST_CASE("answers are counted by status") {
    HttpServer server(on_any_port());
    server.route("GET", "/a", echo);
    const std::uint16_t port = started(server);
    static_cast<void>(ask(port, "GET", "/a"));
    static_cast<void>(ask(port, "GET", "/b"));
    const HttpServer::Counts counts = server.counts();
    CHECK(counts.requests == 2);
    CHECK(counts.by_status.at(200) == 1);
    CHECK(counts.by_status.at(404) == 1);
}

}  // namespace slimtax::reporter
