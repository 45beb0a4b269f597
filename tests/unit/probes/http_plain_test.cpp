// Answers read without libcurl, and the cookies that they set. What whole exchanges do is in http_client_test.cpp and
// http_misbehaviour_test.cpp, which are run over this way and over curl's.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "probes/io/http_answer.hpp"
#include "probes/io/http_cookies.hpp"

namespace slimtax::probes {
namespace {

using namespace std::string_literals;
using State = HttpAnswer::State;

constexpr schemas::Instant now{std::chrono::seconds(1'800'000'000)};

/// How an answer ends that comes in pieces of that size, the connection's end included.
struct Read {
    State state = State::head;
    std::string reason;
    HttpResponse response;
};

Read read(const std::string& bytes, std::size_t piece, const std::string& method = "GET") {
    const HttpRequest request(method, "http://im1/");
    HttpAnswer answer(request, "im1:80");
    Read result;
    for (std::size_t at = 0; at < bytes.size() && result.state < State::ended; at += piece) {
        result.state = answer.take(std::string_view(bytes).substr(at, piece));
    }
    if (result.state < State::ended) {
        result.state = answer.take_end();
    }
    result.reason = answer.reason();
    result.response = answer.response();
    return result;
}

std::vector<std::string> cookies_of(const std::vector<std::string>& headers,
                                    const std::string& host = "a.campus.example",
                                    const std::string& path = "/x/page?q=/") {
    std::vector<std::string> lines;
    for (const std::string& header : headers) {
        take_cookie(header, host, path, now, lines);
    }
    return lines;
}

}  // namespace

TEST_CASE("an answer is the same however its bytes are cut into pieces") {
    const std::string answers[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A:  b c \r\n\r\nhello and more",
        "HTTP/1.0 200\nContent-Length: 5\nX-A: b c\n\nhello",
        "HTTP/1.1 100 Continue\r\nX-A: no\r\n\r\nHTTP/1.1 200 OK\r\nX-A: b c\r\nTransfer-Encoding: Chunked\r\n\r\n"
        "3;n=v\r\nhel\r\n02 \r\nlo\r\n0\r\nTrailer: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX-A: b c\r\n folded: on\r\n\r\nhello",
    };
    for (const std::string& bytes : answers) {
        for (const std::size_t piece : {1UL, 2UL, 3UL, 7UL, 1000UL}) {
            CAPTURE(bytes);
            CAPTURE(piece);
            const Read got = read(bytes, piece);
            CHECK(got.reason == "");
            CHECK(got.state == State::ended);
            CHECK(got.response.status == 200);
            CHECK(got.response.body == "hello");
            CHECK(got.response.bytes == 5);
            CHECK(got.response.header("x-a") == "b c");
        }
    }
}

TEST_CASE("an answer without a body ends with its header") {
    CHECK(read("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", 100, "HEAD").state == State::ended);
    CHECK(read("HTTP/1.1 204 No Content\r\n\r\n", 100).state == State::ended);
    CHECK(read("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", 100).state == State::ended);
    CHECK(read("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 100).state == State::ended);
}

TEST_CASE("what is no answer is told at its first byte or line") {
    const std::string others[] = {"S",
                                  "HTTP/2 200\r\n",
                                  "HTTP/1.1 20\r\n",
                                  "HTTP/1.1 099 x\r\n",
                                  "HTTP/1.1 2000 x\r\n",
                                  "HTTP/1.1 200 OK\r\nno colon\r\n",
                                  "HTTP/1.1 200 OK\r\nX: a\0b\r\n"s};
    for (const std::string& bytes : others) {
        CAPTURE(bytes);
        const Read got = read(bytes, 1);
        CHECK(got.state == State::broken);
        CHECK(got.reason == "im1:80 answered with something that is not HTTP");
    }
}

TEST_CASE("lengths that cannot be are malformed") {
    const std::string head = "HTTP/1.1 200 OK\r\n";
    const std::string lies[] = {
        head + "Content-Length: -1\r\n\r\n",
        head + "Content-Length: +1\r\n\r\n",
        head + "Content-Length: 1, 1\r\n\r\n",
        head + "Content-Length:\r\n\r\n",
        head + "Content-Length: 99999999999999999999\r\n\r\n",
        head + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
        head + "Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n",
        head + "Transfer-Encoding: chunked\r\n\r\n3\r\nhello\r\n0\r\n\r\n",
        head + "Transfer-Encoding: chunked\r\n\r\n" + std::string(20'000, '0'),
        head + "Transfer-Encoding: chunked\r\n\r\n8000000000000000\r\n",
    };
    for (const std::string& bytes : lies) {
        CAPTURE(bytes.substr(0, 200));
        const Read got = read(bytes, 5);
        CHECK(got.state == State::broken);
        CHECK(got.reason.starts_with("the answer of im1:80 is malformed: "));
    }
    CHECK(read(head + "Transfer-Encoding: gzip\r\n\r\n", 100).reason ==
          "HTTP with im1:80 failed: its answer has a transfer coding that was not asked for");
}

TEST_CASE("trailers without end are broken off like headers") {
    std::string bytes = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n";
    while (bytes.size() < 300 * 1024) {
        bytes += "X-More: and more\r\n";
    }
    CHECK(read(bytes, 1000).reason == "im1:80: the header is longer than 256 KiB");
}

TEST_CASE("cookies are kept in curl's form, with the host and path that they belong to") {
    using Lines = std::vector<std::string>;
    CHECK(cookies_of({"session=abc"}) == Lines{"a.campus.example\tFALSE\t/x\tFALSE\t0\tsession\tabc"});
    CHECK(cookies_of({" s = a=b ; Path=/ ; HttpOnly"}) ==
          Lines{"#HttpOnly_a.campus.example\tFALSE\t/\tFALSE\t0\ts\ta=b"});
    CHECK(cookies_of({"s=1; Domain=.Campus.example; path=/y"}) == Lines{".campus.example\tTRUE\t/y\tFALSE\t0\ts\t1"});
    CHECK(cookies_of({"s=1; Max-Age=60"}) == Lines{"a.campus.example\tFALSE\t/x\tFALSE\t1800000060\ts\t1"});
    CHECK(cookies_of({"s=1; expires=Tue, 19 Jan 2038 03:14:07 GMT"}) ==
          Lines{"a.campus.example\tFALSE\t/x\tFALSE\t2147483647\ts\t1"});
    CHECK(cookies_of({"s=1; Secure"}, "127.0.0.1", "/") == Lines{"127.0.0.1\tFALSE\t/\tTRUE\t0\ts\t1"});
    CHECK(cookies_of({"s=1"}, "im1", "/").size() == 1);
}

TEST_CASE("a cookie replaces its namesake, and one that has expired removes it") {
    CHECK(cookies_of({"s=1", "t=2", "s=3"}).size() == 2);
    CHECK(cookies_of({"s=1", "s=3; path=/y"}).size() == 2);
    CHECK(cookies_of({"s=1", "s=; Max-Age=0"}).empty());
    CHECK(cookies_of({"s=1", "s=; Max-Age=-99999999999999999999"}).empty());
    CHECK(cookies_of({"s=1", "s=; expires=Thu, 01 Jan 1970 00:00:00 GMT"}).empty());
    CHECK(cookies_of({"s=1; Max-Age=99999999999999999999"}).size() == 1);
}

TEST_CASE("cookies that the server may not set are passed over") {
    for (const char* header : {"s=1; Domain=example", "s=1; Domain=other.example", "s=1; Domain=b.a.campus.example",
                               "s=1; Secure", "__Secure-s=1", "__Host-s=1; Path=/", "=1", "nothing", "", "s=a\tb"}) {
        CAPTURE(header);
        CHECK(cookies_of({header}).empty());
    }
    CHECK(cookies_of({"s=1; Domain=co.uk"}, "shop.co.uk").empty());
    CHECK(cookies_of({"s=1; Domain=shop.co.uk"}, "www.shop.co.uk").size() == 1);
    CHECK(cookies_of({"s=1; Domain=0.0.1"}, "127.0.0.1").empty());
    CHECK(cookies_of({"s=" + std::string(5000, 'x')}).empty());
}

}  // namespace slimtax::probes
