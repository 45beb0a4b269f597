// What a web server may do wrong to the one who probes it: it trickles, floods, breaks off anywhere, sends bytes that
// are no text. A bounded run, a clear reason, and no memory spent on it.
#include <doctest/doctest.h>

#include <atomic>
#include <fstream>
#include <string>
#include <thread>

#include "schemas/utf8.hpp"
#include "tests/unit/probes/run_operation.hpp"
#include "tests/unit/probes/scripted_server.hpp"

namespace slimtax::probes {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using Script = ScriptedServer::Script;

// Far above what a deadline allows, far below a hang: tests run on loaded machines.
constexpr auto hang = 20s;

std::string at(const ScriptedServer& server, const std::string& scheme = "http") {
    return scheme + "://127.0.0.1:" + std::to_string(server.port()) + "/";
}

Script after_request(Script script) {
    return [script = std::move(script)](ScriptedConnection& connection) {
        connection.read_until("\r\n\r\n");
        script(connection);
    };
}

/// The most memory that this process has had so far, in kB.
long high_water() {
    std::ifstream status("/proc/self/status");
    for (std::string word; status >> word;) {
        if (word == "VmHWM:") {
            long kilobytes = 0;
            status >> kilobytes;
            return kilobytes;
        }
    }
    return 0;
}

/// Fit to leave the process: not empty, well-formed, without control characters.
void check_reason(const StepRun& run) {
    CAPTURE(run.outcome.reason);
    CHECK_FALSE(run.outcome.reason.empty());
    CHECK(schemas::first_invalid_utf8(run.outcome.reason) == std::string::npos);
    for (const char c : run.outcome.reason) {
        CHECK(static_cast<unsigned char>(c) >= 0x20);
    }
}

StepRun get(const ScriptedServer& server, Values values = {}, std::chrono::milliseconds patience = 10s,
            const std::string& scheme = "http") {
    Engine engine;
    values.emplace("url", at(server, scheme));
    return run_operation(engine, "http.get", values, patience);
}

/// One byte now and then, for ever.
void trickle(ScriptedConnection& connection, char byte) {
    while (connection.send(std::string(1, byte))) {
        std::this_thread::sleep_for(10ms);
    }
}

}  // namespace

TEST_CASE("a byte now and then, for ever, is a time-out: in the status line, a header, the body and the handshake") {
    struct Row {
        const char* scheme;
        std::string first;
        char byte;
        const char* says;
    };
    const Row rows[] = {
        {"http", "HTTP/1.1 200 ", 'x', "in time"},
        {"http", "HTTP/1.1 200 OK\r\nX: ", 'x', "header"},
        {"http", "HTTP/1.1 200 OK\r\n\r\n", 'x', "body"},
        {"http", "HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n", '\0', "body"},
        {"https", "\x16\x03\x03\x3f\xff"s, '\x02', "TLS handshake"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.first);
        const ScriptedServer server([&row](ScriptedConnection& connection) {
            if (row.scheme == "http"s) {
                connection.read_until("\r\n\r\n");
            }
            connection.send(row.first);
            trickle(connection, row.byte);
        });
        const TimePoint start = Loop::now();
        const StepRun run = get(server, {}, 400ms, row.scheme);
        CHECK(Loop::now() - start < hang);
        CHECK(run.verdict() == "timeout");
        check_reason(run);
        CHECK(run.outcome.reason.find(row.says) != std::string::npos);
    }
}

TEST_CASE("a body of ten gigabytes ends at max_body, and what is read of it takes no memory") {
    const ScriptedServer server(after_request([](ScriptedConnection& connection) {
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n");
        const std::string part(256 * 1024, 'x');
        while (connection.send(part)) {
        }
    }));
    const StepRun usual = get(server, {}, 60s);
    CHECK(usual.verdict() == "failed");
    CHECK(usual.outcome.reason.find("10000000 bytes of max_body") != std::string::npos);
    const long before = high_water();
    REQUIRE(before > 0);
    const StepRun large = get(server, {{"max_body", std::int64_t(300'000'000)}}, 120s);
    CHECK(large.verdict() == "failed");
    CHECK(large.outcome.reason.find("300000000 bytes of max_body") != std::string::npos);
    CHECK(high_water() - before < 40'000);
}

TEST_CASE("chunks, headers and interim answers without end are broken off") {
    const char* const floods[] = {
        "HTTP/1.1 100 Continue\r\n\r\n",
        "X-Header: something that goes on and on\r\n",
    };
    for (const char* const flood : floods) {
        CAPTURE(flood);
        const ScriptedServer server(after_request([flood](ScriptedConnection& connection) {
            connection.send("HTTP/1.1 100 Continue\r\n"s + (flood[0] == 'H' ? "\r\n" : ""));
            std::string many;
            for (int i = 0; i < 200; ++i) {
                many += flood;
            }
            while (connection.send(many)) {
            }
        }));
        const long before = high_water();
        const StepRun run = get(server, {}, 5s);
        CHECK(run.verdict() != "ok");
        check_reason(run);
        CHECK(high_water() - before < 40'000);
    }
}

TEST_CASE("a server that redirects for ever is left after as many redirects as are allowed") {
    std::atomic<int> asked = 0;
    const ScriptedServer server(after_request([&asked](ScriptedConnection& connection) {
        connection.send("HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: /" + std::to_string(++asked) +
                        "\r\n\r\n");
    }));
    const StepRun run = get(server, {{"redirects", std::int64_t(7)}});
    CHECK(run.verdict() == "failed");
    CHECK(run.outcome.reason.find("after 7 redirects") != std::string::npos);
    CHECK(asked == 8);
}

TEST_CASE("no compression is asked for, and what comes compressed all the same is not unpacked") {
    std::string request;
    const std::string bomb = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03"s + std::string(500, '\x55');
    const ScriptedServer server([&](ScriptedConnection& connection) {
        request = connection.read_until("\r\n\r\n");
        connection.send("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: identity\r\nContent-Length: " +
                        std::to_string(bomb.size()) + "\r\n\r\n" + bomb);
    });
    const StepRun run = get(server);
    CHECK(run.outcome.reason == "");
    CHECK(run.number("bytes") == static_cast<double>(bomb.size()));
    CHECK(run.text("body") == bomb);
    for (char& c : request) {
        c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
    CHECK(request.find("accept-encoding") == std::string::npos);
}

TEST_CASE("an answer cut off at any byte, by a close or a reset, is a failure with a reason") {
    const std::string answer =
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 8\r\nSet-Cookie: a=b\r\n\r\n12345678";
    std::atomic<std::size_t> cut = 0;
    std::atomic<bool> reset = false;
    const ScriptedServer server(after_request([&](ScriptedConnection& connection) {
        connection.send(std::string_view(answer).substr(0, cut));
        if (reset) {
            connection.reset();
        }
    }));
    Engine engine;
    for (const bool with_reset : {false, true}) {
        reset = with_reset;
        for (cut = 0; cut < answer.size(); ++cut) {
            const StepRun run = run_operation(engine, "http.get", {{"url", at(server)}});
            CAPTURE(cut.load());
            CAPTURE(with_reset);
            CHECK(run.verdict() == "failed");
            check_reason(run);
            CHECK(run.outcome.reason.find("127.0.0.1:" + std::to_string(server.port())) != std::string::npos);
        }
    }
    reset = false;
    CHECK(run_operation(engine, "http.get", {{"url", at(server)}}).verdict() == "ok");
}

TEST_CASE("a chunked answer cut off at any byte is a failure, and so are chunks that lie about their size") {
    const std::string answer =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n3;x=y\r\nefg\r\n0\r\n\r\n";
    Engine engine;
    // A server for each text: its thread may still send when the client has seen enough.
    const auto check_fails = [&engine](const std::string& sent) {
        const ScriptedServer server(after_request([sent](ScriptedConnection& connection) { connection.send(sent); }));
        const StepRun run = run_operation(engine, "http.get", {{"url", at(server)}});
        CHECK(run.verdict() == "failed");
        check_reason(run);
    };
    const std::size_t whole = answer.size() - 2;  // the last line's end is more than curl waits for
    for (std::size_t cut = 0; cut < whole; ++cut) {
        CAPTURE(cut);
        check_fails(answer.substr(0, cut));
    }
    const std::string head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (const char* const lie : {"ffffffffffffffffff\r\nabc", "-4\r\nabcd\r\n0\r\n\r\n", "zz\r\n", "\r\n\r\n\r\n"}) {
        CAPTURE(lie);
        check_fails(head + lie);
    }
}

TEST_CASE("NULs and bytes that are no UTF-8 in status line, headers and body break no reason") {
    const std::string odd = "a\0b\xff\xfe\xc3(\x1b[31m\x7f"s;
    const std::string answers[] = {
        "HTTP/1.1 500 " + odd + "\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 5\xff\0 x\r\n\r\n"s,
        odd + "\r\n\r\n",
        "HTTP/1.1 500 x\r\nX-" + odd + ": " + odd + "\r\nContent-Type: " + odd + "\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 302 x\r\nLocation: http://" + odd + "/\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: " + odd + "\r\n\r\n" + odd,
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n" + odd,
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n" + odd,
    };
    for (const std::string& answer : answers) {
        const ScriptedServer server(
            after_request([&answer](ScriptedConnection& connection) { connection.send(answer); }));
        const StepRun run = get(server, {{"match", pattern("not in there")}});
        CAPTURE(answer);
        CHECK(run.verdict() == "failed");
        check_reason(run);
    }
    SUBCASE("a pattern finds bytes behind a NUL") {
        const ScriptedServer server(after_request([&odd](ScriptedConnection& connection) {
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(odd.size()) + "\r\n\r\n" + odd);
        }));
        const StepRun run = get(server, {{"match", pattern(R"(\x00b\xff)")}});
        CHECK(run.outcome.reason == "");
        CHECK(run.text("body") == odd);
    }
}

TEST_CASE("broken TLS records end the handshake with a reason") {
    const std::string records[] = {
        "\x16\x03\x03\xff\xff"s + std::string(70'000, '\x01'),  // longer than any record may be
        "\x16\x03\x03\x00\x04\x02\xff\xff\xff"s,                // a ServerHello of 16 MB
        "\x15\x03\x03\x00\x02\x02\x28"s,                        // an alert: handshake failure
        "\x15\x03\x03\x00\x02\x02\xee"s,                        // an alert that there is not
        "\x17\x03\x03\x00\x05hello"s,                           // data before the handshake
        "\x14\x03\x03\x00\x01\x01"s,                            // a change of ciphers out of turn
        "\x80\x2e\x01\x00\x02"s + std::string(50, '\0'),        // SSL 2
        "\x16\x09\x09\x00\x01\x00"s,                            // a version from the future
        std::string(100, '\0'),
        "HTTP/1.1 400 Bad Request\r\n\r\n",
        "",
    };
    for (const std::string& record : records) {
        const ScriptedServer server([&record](ScriptedConnection& connection) {
            connection.read_bytes(5);
            connection.send(record);
        });
        const StepRun run = get(server, {}, 10s, "https");
        CAPTURE(record.substr(0, 20));
        CHECK(run.verdict() == "failed");
        check_reason(run);
        CHECK(run.outcome.reason.find("TLS handshake") != std::string::npos);
    }
}

}  // namespace slimtax::probes
