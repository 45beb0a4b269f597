#include "probes/io/http_client.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <string>

#include "tests/unit/probes/certificates.hpp"
#include "tests/unit/probes/scripted_server.hpp"

namespace slimtax::probes {
namespace {

using namespace std::chrono_literals;

using Answer = tl::expected<HttpResponse, Trouble>;

std::string at(std::uint16_t port, const std::string& path = "/") {
    return "http://127.0.0.1:" + std::to_string(port) + path;
}

std::string named(std::uint16_t port) {
    return "127.0.0.1:" + std::to_string(port);
}

Answer fetch(Engine& engine, HttpRequest request, std::chrono::milliseconds patience = 30s) {
    return engine.loop().run_until_done(engine.http().fetch(std::move(request), Loop::now() + patience));
}

/// Answers each request with what the script says, and closes.
ScriptedServer::Script saying(std::string answer) {
    return [answer = std::move(answer)](ScriptedConnection& connection) {
        connection.read_until("\r\n\r\n");
        connection.send(answer);
    };
}

/// The reason of a fetch that had to fail in that way.
std::string reason_of(const Answer& answer, Trouble::Kind kind) {
    REQUIRE_FALSE(answer.has_value());
    CHECK(static_cast<int>(answer.error().kind) == static_cast<int>(kind));
    return answer.error().reason;
}

std::string refusal_of(ScriptedServer::Script script) {
    Engine engine;
    const ScriptedServer server(std::move(script));
    std::string reason = reason_of(fetch(engine, HttpRequest("GET", at(server.port()))), Trouble::Kind::refused);
    const auto place = reason.find(named(server.port()));
    REQUIRE_MESSAGE(place != std::string::npos, reason);
    return reason.replace(place, named(server.port()).size(), "SERVER");
}

std::string lateness_of(ScriptedServer::Script script) {
    Engine engine;
    const ScriptedServer server(std::move(script));
    std::string reason =
        reason_of(fetch(engine, HttpRequest("GET", at(server.port())), 50ms), Trouble::Kind::timed_out);
    const auto place = reason.find(named(server.port()));
    REQUIRE_MESSAGE(place != std::string::npos, reason);
    return reason.replace(place, named(server.port()).size(), "SERVER");
}

}  // namespace

TEST_CASE("an answer comes with status, headers in lower case, body and times") {
    Engine engine;
    std::string request_text;
    const ScriptedServer server([&](ScriptedConnection& connection) {
        request_text = connection.read_until("\r\n\r\n");
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Thing:  a b \r\n\r\nhello");
    });
    HttpRequest request("GET", at(server.port(), "/page?q=1"));
    request.headers = {{"X-Sent", "yes"}, {"X-Empty", ""}};
    const Answer answer = fetch(engine, std::move(request));
    REQUIRE(answer.has_value());
    CHECK(answer->status == 200);
    CHECK(answer->body == "hello");
    CHECK(answer->bytes == 5);
    CHECK(answer->header("x-thing") == "a b");
    CHECK(answer->header("absent") == "");
    CHECK(answer->peer == named(server.port()));
    CHECK(answer->times.connect.count() > 0);
    CHECK(answer->times.first_byte.count() > 0);
    CHECK(answer->times.tls.count() == 0);
    CHECK_FALSE(answer->certificate_until.has_value());
    CHECK(request_text.starts_with("GET /page?q=1 HTTP/1.1\r\n"));
    CHECK(request_text.find("\r\nX-Sent: yes\r\n") != std::string::npos);
    CHECK(request_text.find("\r\nX-Empty:\r\n") != std::string::npos);
}

TEST_CASE("a POST carries its body, also an empty one, and credentials go as Basic") {
    Engine engine;
    std::string head;
    std::string body;
    const ScriptedServer server([&](ScriptedConnection& connection) {
        head = connection.read_until("\r\n\r\n");
        body = connection.read_bytes(head.find("Content-Length: 4") != std::string::npos ? 4 : 0);
        connection.send("HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n");
    });
    HttpRequest request("POST", at(server.port()));
    request.body = std::string("a\0b\n", 4);
    request.user = "probe";
    request.password = "s3cret";
    const Answer answer = fetch(engine, std::move(request));
    REQUIRE(answer.has_value());
    CHECK(answer->status == 201);
    CHECK(body == std::string("a\0b\n", 4));
    CHECK(head.find("Authorization: Basic cHJvYmU6czNjcmV0") != std::string::npos);
    CHECK(head.find("Expect:") == std::string::npos);

    REQUIRE(fetch(engine, HttpRequest("POST", at(server.port()))).has_value());
    CHECK(head.find("Content-Length: 0") != std::string::npos);
    CHECK(head.find("Authorization") == std::string::npos);  // nothing of the handle's last use is left
}

TEST_CASE("a long body is read to its end, counted whole, and kept up to the limit") {
    Engine engine;
    const std::string body(3'000'000, 'x');
    const ScriptedServer server(saying("HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n" + body));
    HttpRequest request("GET", at(server.port()));
    request.keep_body = 1000;
    const Answer answer = fetch(engine, std::move(request));
    REQUIRE(answer.has_value());
    CHECK(answer->bytes == 3'000'000);
    CHECK(answer->body.size() == 1000);
}

TEST_CASE("a chunked body and one that ends with the connection are whole") {
    Engine engine;
    for (const char* text : {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
                             "HTTP/1.0 200 OK\r\n\r\nabcde"}) {
        const ScriptedServer server(saying(text));
        const Answer answer = fetch(engine, HttpRequest("GET", at(server.port())));
        REQUIRE(answer.has_value());
        CHECK(answer->body == "abcde");
    }
}

TEST_CASE("any status is an answer") {
    Engine engine;
    for (const int status : {204, 304, 404, 503, 599}) {
        const ScriptedServer server(
            saying("HTTP/1.1 " + std::to_string(status) + " Whatever\r\nContent-Length: 0\r\n\r\n"));
        const Answer answer = fetch(engine, HttpRequest("GET", at(server.port())));
        REQUIRE(answer.has_value());
        CHECK(answer->status == status);
    }
}

TEST_CASE("a refused connection names server and cause") {
    Engine engine;
    const RefusingPort port;
    CHECK(reason_of(fetch(engine, HttpRequest("GET", at(port.port()))), Trouble::Kind::refused) ==
          "connection to " + named(port.port()) + " refused");
    const std::string by_name = "http://localhost:" + std::to_string(port.port());
    const std::string reason = reason_of(fetch(engine, HttpRequest("GET", by_name)), Trouble::Kind::refused);
    CHECK(reason.starts_with("connection to localhost:" + std::to_string(port.port()) + " ("));
}

TEST_CASE("a server that never accepts is a time-out of the connection") {
    Engine engine;
    const DeafPort port;
    CHECK(reason_of(fetch(engine, HttpRequest("GET", at(port.port())), 50ms), Trouble::Kind::timed_out) ==
          "connection to " + named(port.port()) + " timed out");
}

TEST_CASE("servers that break off say where") {
    CHECK(refusal_of([](ScriptedConnection& connection) { connection.read_until("\r\n\r\n"); }) ==
          "SERVER closed the connection without an answer");
    CHECK(refusal_of(saying("HTTP/1.1 200 OK\r\nContent-Le")) ==
          "SERVER closed the connection in the middle of its answer's header");
    CHECK(refusal_of(saying("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this")) ==
          "SERVER closed the connection in the middle of its answer's body: 9 bytes came");
    CHECK(refusal_of(saying("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab")) ==
          "SERVER closed the connection in the middle of its answer's body: 2 bytes came");
    CHECK(refusal_of([](ScriptedConnection& connection) {
              connection.read_until("\r\n\r\n");
              connection.reset();
          }) == "connection to SERVER broken before an answer came: Connection reset by peer");
    // Here the reset meets the request anywhere on its way; each way names the server and the break.
    const std::string early = refusal_of([](ScriptedConnection& connection) { connection.reset(); });
    CHECK_MESSAGE(early.starts_with("connection to SERVER "), early);
}

TEST_CASE("garbage is told from HTTP") {
    CHECK(refusal_of(saying("SSH-2.0-OpenSSH_9.2\r\n")) == "SERVER answered with something that is not HTTP");
    CHECK(refusal_of(saying(std::string("\0\1\2\xff", 4))) == "SERVER answered with something that is not HTTP");
    const std::string chunks =
        refusal_of(saying("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzzz\r\nabc\r\n0\r\n\r\n"));
    CHECK(chunks.starts_with("the answer of SERVER is malformed: "));
}

TEST_CASE("servers that hang are told by the phase that they hang in") {
    CHECK(lateness_of([](ScriptedConnection& connection) { connection.hang(); }) ==
          "SERVER did not answer the GET request in time");
    CHECK(lateness_of([](ScriptedConnection& connection) {
              connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n");
              connection.hang();
          }) == "SERVER did not end the header of its answer in time");
    CHECK(lateness_of([](ScriptedConnection& connection) {
              connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this");
              connection.hang();
          }) == "SERVER did not end the body of its answer in time: 9 bytes came");
}

TEST_CASE("an endless body ends at max_body, an endless header at its limit") {
    CHECK(refusal_of([](ScriptedConnection& connection) {
              connection.send("HTTP/1.1 200 OK\r\n\r\n");
              const std::string part(65536, 'x');
              while (connection.send(part)) {
              }
          }) == "SERVER: the body is longer than the 10000000 bytes of max_body");
    const std::string reason = refusal_of([](ScriptedConnection& connection) {
        connection.send("HTTP/1.1 200 OK\r\n");
        while (connection.send("X-More: and more\r\n")) {
        }
    });
    CHECK(reason == "SERVER: the header is longer than 256 KiB");
}

TEST_CASE("redirects are followed when asked for: relative, absolute, and a POST becomes a GET") {
    Engine engine;
    std::vector<std::string> requests;
    std::uint16_t port = 0;
    const ScriptedServer server([&](ScriptedConnection& connection) {
        requests.push_back(connection.read_line());
        const std::string& line = requests.back();
        if (line.starts_with("POST /start")) {
            connection.send("HTTP/1.1 302 Found\r\nLocation: second\r\nContent-Length: 0\r\n\r\n");
        } else if (line.starts_with("GET /second")) {
            connection.send("HTTP/1.1 301 Moved\r\nLocation: http://localhost:" + std::to_string(port) +
                            "/third\r\nContent-Length: 0\r\n\r\n");
        } else {
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone");
        }
    });
    port = server.port();
    HttpRequest request("POST", at(port, "/start"));
    request.redirects = 5;
    const Answer answer = fetch(engine, std::move(request));
    REQUIRE(answer.has_value());
    CHECK(answer->redirects == 2);
    CHECK(answer->body == "done");
    CHECK(answer->url == "http://localhost:" + std::to_string(port) + "/third");
    CHECK(requests ==
          std::vector<std::string>{"POST /start HTTP/1.1\r\n", "GET /second HTTP/1.1\r\n", "GET /third HTTP/1.1\r\n"});
}

TEST_CASE("a redirect that was not asked for is the answer") {
    Engine engine;
    const ScriptedServer server(saying("HTTP/1.1 302 Found\r\nLocation: /on\r\nContent-Length: 0\r\n\r\n"));
    const Answer answer = fetch(engine, HttpRequest("GET", at(server.port())));
    REQUIRE(answer.has_value());
    CHECK(answer->status == 302);
}

TEST_CASE("credentials do not follow a redirect to another server") {
    Engine engine;
    std::string second_head;
    const ScriptedServer second([&](ScriptedConnection& connection) {
        second_head = connection.read_until("\r\n\r\n");
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    });
    const ScriptedServer first(
        saying("HTTP/1.1 307 Elsewhere\r\nLocation: " + at(second.port()) + "\r\nContent-Length: 0\r\n\r\n"));
    HttpRequest request("GET", at(first.port()));
    request.redirects = 1;
    request.user = "probe";
    request.password = "s3cret";
    request.headers = {{"authorization", "Bearer t0ken"}, {"X-Stays", "1"}};
    REQUIRE(fetch(engine, std::move(request)).has_value());
    CHECK(second_head.find("uthorization") == std::string::npos);
    CHECK(second_head.find("X-Stays: 1") != std::string::npos);
}

TEST_CASE("a redirect loop, a redirect to another protocol and one to nowhere are refusals") {
    Engine engine;
    const ScriptedServer loop(saying("HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n"));
    HttpRequest request("GET", at(loop.port()));
    request.redirects = 3;
    CHECK(reason_of(fetch(engine, request), Trouble::Kind::refused) ==
          named(loop.port()) + " redirects once more after 3 redirects");
    CHECK(loop.connections() == 4);

    for (const char* location : {"ftp://127.0.0.1/x", "file:///etc/passwd", "http://"}) {
        const ScriptedServer server(
            saying(std::string("HTTP/1.1 302 Found\r\nLocation: ") + location + "\r\nContent-Length: 0\r\n\r\n"));
        HttpRequest follow("GET", at(server.port()));
        follow.redirects = 3;
        const std::string reason = reason_of(fetch(engine, follow), Trouble::Kind::refused);
        CHECK(reason.starts_with(named(server.port()) + " redirects to nowhere: "));
    }
}

TEST_CASE("cookies are kept from fetch to fetch for whoever brings a place for them, and for nobody else") {
    Engine engine;
    std::string head;
    const ScriptedServer server([&](ScriptedConnection& connection) {
        head = connection.read_until("\r\n\r\n");
        connection.send("HTTP/1.1 200 OK\r\nSet-Cookie: session=abc; Path=/\r\nContent-Length: 0\r\n\r\n");
    });
    std::vector<std::string> cookies;
    HttpRequest request("GET", at(server.port()));
    request.cookies = &cookies;
    REQUIRE(fetch(engine, request).has_value());
    CHECK(head.find("Cookie") == std::string::npos);
    CHECK(cookies.size() == 1);
    REQUIRE(fetch(engine, request).has_value());
    CHECK(head.find("Cookie: session=abc") != std::string::npos);
    request.cookies = nullptr;
    REQUIRE(fetch(engine, request).has_value());
    CHECK(head.find("Cookie") == std::string::npos);
}

TEST_CASE("what is no URL, no HTTP URL, or no header is our own mistake") {
    Engine engine;
    for (const char* url : {"", "http://", "ftp://host/", "http://host:99999/", "nonsense://x"}) {
        CHECK_FALSE(reason_of(fetch(engine, HttpRequest("GET", url)), Trouble::Kind::ours).empty());
    }
    HttpRequest request("GET", "http://127.0.0.1:1/");
    request.headers = {{"X-Bad", "a\r\nX-Injected: b"}};
    const RefusingPort nobody;
    const ScriptedServer server(saying(""));
    request.url = at(server.port());
    CHECK(reason_of(fetch(engine, request), Trouble::Kind::ours) == "the header X-Bad holds a line break");
    for (const char* name : {"two words", "", "colon:", "l\xC3\xA4nge"}) {
        request.headers = {{name, "x"}};
        CHECK(reason_of(fetch(engine, request), Trouble::Kind::ours) ==
              "\"" + std::string(name) + "\" is no name of a header");
    }
}

TEST_CASE("hundreds of fetches at once all end, each with its own answer") {
    Engine engine;
    const ScriptedServer server([](ScriptedConnection& connection) {
        const std::string line = connection.read_until("\r\n\r\n");
        const std::string path = line.substr(5, line.find(' ', 5) - 5);
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(path.size()) + "\r\n\r\n" + path);
    });
    int good = 0;
    const auto one = [](Engine& on, std::string url, std::string path, int& count) -> Task<void> {
        HttpRequest request("GET", url + path);
        const Answer answer = co_await on.http().fetch(std::move(request), Loop::now() + 30s);
        if (answer && answer->body == path) {
            ++count;
        }
    };
    for (int i = 0; i < 300; ++i) {
        engine.loop().spawn(one(engine, at(server.port()), std::to_string(i), good), [&](std::exception_ptr error) {
            CHECK_FALSE(error);
            if (engine.loop().in_flight() == 0) {
                engine.loop().stop();
            }
        });
    }
    engine.loop().run();
    CHECK(good == 300);
}

TEST_CASE("an engine that goes away in the middle of a fetch takes the fetch with it") {
    const ScriptedServer server([](ScriptedConnection& connection) { connection.hang(); });
    Engine engine;
    bool ended = false;
    const auto one = [](Engine& on, std::string url, bool& done) -> Task<void> {
        HttpRequest request("GET", url);
        const Answer answer = co_await on.http().fetch(std::move(request), Loop::now() + 30s);
        done = !answer && answer.error().kind == Trouble::Kind::ours;
    };
    engine.loop().spawn(one(engine, at(server.port()), ended), [](std::exception_ptr) {});
    engine.loop().call_at(Loop::now() + 20ms, [&] { engine.loop().stop(); });
    engine.loop().run();
    CHECK(engine.loop().shut_down(30s) == 0);
    CHECK(ended);
}

TEST_CASE("the time of a slow body is part of the answer's time") {
    Engine engine;
    const ScriptedServer server([](ScriptedConnection& connection) {
        connection.read_until("\r\n\r\n");
        std::this_thread::sleep_for(30ms);
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na");
        std::this_thread::sleep_for(40ms);
        connection.send("b");
    });
    const Answer answer = fetch(engine, HttpRequest("GET", at(server.port())));
    REQUIRE(answer.has_value());
    CHECK(answer->times.first_byte >= 30ms);
    CHECK(answer->times.body >= 39ms);
    CHECK(answer->times.total() < 20s);  // only guards against nonsense; precision is measured in tests/bench
}

}  // namespace slimtax::probes
