// What a directory may do wrong: it refuses, closes, resets, answers half, lies, floods, or is something else.
#include <doctest/doctest.h>

#include "probes/ldap_wire.hpp"
#include "tests/unit/probes/certificates.hpp"
#include "tests/unit/probes/scripted_server.hpp"
#include "tests/unit/probes/step_runner.hpp"

using namespace slimtax::probes;
using slimtax::schemas::Verdict;
using namespace std::chrono_literals;

namespace {

// One BER value of less than 64 KB.
std::string ber(char tag, const std::string& content) {
    std::string out(1, tag);
    if (content.size() < 128) {
        out += static_cast<char>(content.size());
    } else {
        out += '\x82';
        out += static_cast<char>(content.size() >> 8);
        out += static_cast<char>(content.size() & 0xFF);
    }
    return out + content;
}

// A message with a result: LDAPResult of that operation, RFC 4511 §4.1.9.
std::string result(int id, char operation, int code, const std::string& text = "") {
    const std::string body = ber('\x0a', std::string(1, static_cast<char>(code))) + ber('\x04', "") + ber('\x04', text);
    return ber('\x30', ber('\x02', std::string(1, static_cast<char>(id))) + ber(operation, body));
}
std::string bind_result(int code, const std::string& text = "") {
    return result(1, '\x61', code, text);
}
std::string entry(int id, const std::string& dn) {
    return ber('\x30',
               ber('\x02', std::string(1, static_cast<char>(id))) + ber('\x64', ber('\x04', dn) + ber('\x30', "")));
}

// One request of a client: all of them are shorter than 128 bytes here.
std::string take_request(ScriptedConnection& connection) {
    const std::string head = connection.read_bytes(2);
    return head.size() < 2 ? head : head + connection.read_bytes(static_cast<unsigned char>(head[1]));
}

struct Tried {
    Verdict verdict;
    std::string reason;  ///< the server's address replaced by SERVER
};

Tried step(const std::string& name, const ScriptedServer::Script& script, const std::string& tls = "none",
           std::chrono::milliseconds timeout = 10s) {
    const ScriptedServer server(script);
    StepRunner runner;
    StepRunner::Values values{
        {"host", "127.0.0.1"}, {"port", std::to_string(server.port())}, {"tls", tls},
        {"dn", "uid=u"},       {"password", "hunter2-secret"},          {"ca_file", certificate("ca.pem")}};
    if (name == "ldap.search") {
        values.erase("dn");
        values.erase("password");
    }
    const Ran ran = runner.run(name, values, timeout);
    CHECK(ran.said().find("hunter2") == std::string::npos);
    std::string reason = ran.outcome.reason;
    const std::string address = "127.0.0.1:" + std::to_string(server.port());
    for (auto at = reason.find(address); at != std::string::npos; at = reason.find(address)) {
        reason.replace(at, address.size(), "SERVER");
    }
    return {ran.outcome.verdict, reason};
}

}  // namespace

TEST_CASE("a good answer from the script is taken: the script speaks LDAP") {
    CHECK(step("ldap.bind", [](ScriptedConnection& c) {
              take_request(c);
              c.send(bind_result(0));
              take_request(c);
          }).reason == "");
}

TEST_CASE("a directory that refuses the connection is named with its port") {
    const RefusingPort port;
    StepRunner runner;
    const Ran ran = runner.run("ldap.bind", {{"host", "127.0.0.1"}, {"port", std::to_string(port.port())}});
    CHECK(ran.outcome.verdict == Verdict::failed);
    CHECK(ran.outcome.reason == "connection to 127.0.0.1:" + std::to_string(port.port()) + " refused");
}

TEST_CASE("result codes come in words, with what the server adds, without the secret") {
    const auto answered = [](int code, const std::string& text) {
        return step("ldap.bind",
                    [code, text](ScriptedConnection& c) {
                        take_request(c);
                        c.send(bind_result(code, text));
                        c.hang();
                    })
            .reason;
    };
    CHECK(answered(53, "") == "LDAP bind to SERVER refused: server is unwilling to perform (53)");
    CHECK(answered(13, "TLS first") == "LDAP bind to SERVER refused: confidentiality required (13), TLS first");
    CHECK(answered(49, "no hunter2-secret\nhere") ==
          "LDAP bind to SERVER refused: invalid credentials (49), no *** here");
    CHECK(answered(51, "") == "LDAP bind to SERVER refused: server is busy (51)");
}

TEST_CASE("a directory that goes away is a failure that tells what it owed") {
    const Tried closed = step("ldap.bind", [](ScriptedConnection& c) {
        take_request(c);
        c.close();
    });
    CHECK(closed.verdict == Verdict::failed);
    CHECK(closed.reason == "LDAP server SERVER closed the connection and did not answer the bind request");
    const Tried half = step("ldap.bind", [](ScriptedConnection& c) {
        take_request(c);
        c.send(bind_result(0).substr(0, 6));
        c.close();
    });
    CHECK(half.reason == "LDAP server SERVER closed the connection and did not answer the bind request");
    const Tried reset = step("ldap.bind", [](ScriptedConnection& c) {
        take_request(c);
        c.reset();
    });
    CHECK(reset.verdict == Verdict::failed);
    CHECK(reset.reason == "connection to LDAP server SERVER broken: Connection reset by peer");
    const Tried search = step("ldap.search", [](ScriptedConnection& c) {
        take_request(c);
        c.send(entry(1, "uid=a") + entry(1, "uid=b"));
        c.close();
    });
    CHECK(search.reason == "LDAP server SERVER closed the connection and did not answer the search");
}

TEST_CASE("a directory that sends entries without end is stopped at those that were asked for") {
    const Tried flood = step("ldap.search", [](ScriptedConnection& c) {
        take_request(c);
        std::string many;
        for (int i = 0; i < 1000; ++i) {
            many += entry(1, "uid=x");
        }
        while (c.send(many)) {
        }
    });
    CHECK(flood.verdict == Verdict::failed);
    CHECK(flood.reason == "LDAP server SERVER sends more than the 100 entries that were asked for");
}

TEST_CASE("an answer that never becomes whole is a time-out") {
    const Tried half = step(
        "ldap.bind",
        [](ScriptedConnection& c) {
            take_request(c);
            c.send(bind_result(0).substr(0, 6));
            c.hang();
        },
        "none", 200ms);
    CHECK(half.verdict == Verdict::timeout);
    CHECK(half.reason == "LDAP server SERVER did not answer the bind request within 200 ms");
}

TEST_CASE("what is not LDAP is told") {
    const auto answered = [](const std::string& bytes) {
        return step("ldap.bind", [bytes](ScriptedConnection& c) {
            take_request(c);
            c.send(bytes);
            c.hang();
        });
    };
    const Tried http = answered("HTTP/1.1 400 Bad Request\r\n\r\n");
    CHECK(http.verdict == Verdict::failed);
    CHECK(http.reason == "LDAP server SERVER answered something that is not LDAP: \"HTTP/1.1 400 Bad Request\"");
    // It looks like LDAP at first: a sequence of gigabytes, a length without end, a sequence of something else.
    for (const std::string& bytes :
         {std::string("\x30\x84\x7f\xff\xff\xff\x02\x01\x01", 9), std::string("\x30\x80\x02\x01\x01\x61\x00\x00", 8),
          std::string("\x30\x05\x04\x03one\x30\x05\x04\x03two", 14)}) {
        CAPTURE(bytes.size());
        const Tried tried = answered(bytes);
        CHECK(tried.verdict == Verdict::failed);
        CHECK(tried.reason.starts_with("LDAP server SERVER answered something that is not LDAP"));
    }
    // An answer of the wrong kind.
    CHECK(answered(ber('\x30', ber('\x02', "\x01") + ber('\x61', "rubbish"))).verdict == Verdict::failed);
}

TEST_CASE("answers to nothing that was asked are passed over") {
    CHECK(step("ldap.bind", [](ScriptedConnection& c) {
              take_request(c);
              c.send(entry(77, "uid=ghost") + result(78, '\x65', 0));
              c.send(bind_result(0));
              take_request(c);
          }).reason == "");
}

TEST_CASE("a directory that announces its end and closes is a failure") {
    const Tried notice = step("ldap.bind", [](ScriptedConnection& c) {
        take_request(c);
        c.send(result(0, '\x78', 52, "shutting down"));
        c.close();
    });
    CHECK(notice.verdict == Verdict::failed);
    CHECK(notice.reason ==
          "LDAP server SERVER closed the connection and did not answer the bind request: server is unavailable (52), "
          "shutting down");
}

TEST_CASE("a limit of the server's own below ours is a failure, not a short answer") {
    const Tried limited = step("ldap.search", [](ScriptedConnection& c) {
        take_request(c);
        c.send(entry(1, "uid=a") + result(1, '\x65', 4));
        c.hang();
    });
    CHECK(limited.verdict == Verdict::failed);
    CHECK(limited.reason == "LDAP search below '' at SERVER refused: size limit exceeded (4)");
}

TEST_CASE("a referral is not followed") {
    const Tried referral = step("ldap.search", [](ScriptedConnection& c) {
        take_request(c);
        const std::string body = ber('\x0a', "\x0a") + ber('\x04', "") + ber('\x04', "") +
                                 ber('\xa3', ber('\x04', "ldap://127.0.0.1:1/dc=elsewhere"));
        c.send(ber('\x30', ber('\x02', "\x01") + ber('\x65', body)));
        c.hang();
    });
    CHECK(referral.verdict == Verdict::failed);
    CHECK(referral.reason == "LDAP search below '' at SERVER refused: referral (10)");
}

TEST_CASE("StartTLS: a refusal, a broken handshake, a hang in it and what was slipped in before it") {
    const Tried refused = step(
        "ldap.bind",
        [](ScriptedConnection& c) {
            take_request(c);
            c.send(result(1, '\x78', 2, "no TLS here"));
            c.hang();
        },
        "starttls");
    CHECK(refused.verdict == Verdict::failed);
    CHECK(refused.reason == "LDAP StartTLS at SERVER refused: protocol error (2), no TLS here");
    const Tried broken = step(
        "ldap.bind",
        [](ScriptedConnection& c) {
            take_request(c);
            c.send(result(1, '\x78', 0));
            c.read_bytes(16);
            c.send("this is not TLS");
            c.hang();
        },
        "starttls");
    CHECK(broken.verdict == Verdict::failed);
    CHECK(broken.reason.find("SERVER") != std::string::npos);
    const Tried hung = step(
        "ldap.bind",
        [](ScriptedConnection& c) {
            take_request(c);
            c.send(result(1, '\x78', 0));
            c.hang();
        },
        "starttls", 200ms);
    CHECK(hung.verdict == Verdict::timeout);
    CHECK(hung.reason == "LDAP server SERVER did not finish the TLS handshake within 200 ms");
    const Tried slipped = step(
        "ldap.bind",
        [](ScriptedConnection& c) {
            take_request(c);
            c.send(result(1, '\x78', 0) + result(2, '\x61', 0));
            c.hang();
        },
        "starttls");
    CHECK(slipped.verdict == Verdict::failed);
    CHECK(slipped.reason == "LDAP server SERVER sent more in the clear after it had agreed to start TLS");
}

TEST_CASE("a run that ends without an unbind says goodbye all the same") {
    std::string goodbye;
    {
        const ScriptedServer server([&goodbye](ScriptedConnection& c) {
            take_request(c);
            c.send(bind_result(0));
            goodbye = take_request(c);
        });
        StepRunner runner;
        const StepRunner::Values values{{"host", "127.0.0.1"}, {"port", std::to_string(server.port())}};
        REQUIRE(runner.run("ldap.bind", values).outcome.reason == "");
        runner.end_run();
        // The server's end is awaited with it.
        while (server.connections() == 0) {
        }
    }
    CHECK(goodbye == std::string("\x30\x05\x02\x01\x02\x42\x00", 7));
}

TEST_CASE("a message's size is known from its head, and what is no message is refused") {
    CHECK(ldap_message_size("") == 0);
    CHECK(ldap_message_size("\x30") == 0);
    CHECK(ldap_message_size("\x30\x02") == 0);
    CHECK(ldap_message_size("\x30\x02\x02y") == 4);
    CHECK(ldap_message_size("\x30\x02\x02yz") == 4);
    CHECK(ldap_message_size("\x30\x81") == 0);
    CHECK(ldap_message_size("\x30\x81\x01\x02") == 4);
    CHECK(ldap_message_size("\x30\x82\x01") == 0);
    CHECK(ldap_message_size(std::string("\x30\x84\x00\x00\x00\x01\x02", 7)) == 7);
    CHECK_FALSE(ldap_message_size(std::string("\x30\x00", 2)));
    CHECK_FALSE(ldap_message_size("\x30\x02xy"));
    CHECK_FALSE(ldap_message_size("\x31\x02\x02y"));
    CHECK_FALSE(ldap_message_size("\x30\x80"));
    CHECK_FALSE(ldap_message_size("\x30\x85\x01\x01\x01\x01\x01"));
    CHECK_FALSE(ldap_message_size("\x30\x84\x7f\xff\xff\xff"));
    CHECK_FALSE(ldap_message_size("HTTP/1.1"));
}

TEST_CASE("result codes in words") {
    CHECK(ldap_words(49) == "invalid credentials (49)");
    CHECK(ldap_words(32) == "no such object (32)");
    CHECK(ldap_words(0) == "success (0)");
}

TEST_CASE("an answer cut off at any byte, by a close or a reset, is a failure with a reason") {
    const std::string answer = entry(1, "uid=probe,dc=x") + entry(1, "uid=other,dc=x") + result(1, '\x65', 0);
    for (const bool with_reset : {false, true}) {
        for (std::size_t cut = 0; cut < answer.size(); ++cut) {
            CAPTURE(cut);
            CAPTURE(with_reset);
            const Tried tried = step("ldap.search", [&](ScriptedConnection& c) {
                take_request(c);
                c.send(std::string_view(answer).substr(0, cut));
                if (with_reset) {
                    c.reset();
                }
            });
            CHECK(tried.verdict == Verdict::failed);
            CHECK(tried.reason.find("SERVER") != std::string::npos);
        }
    }
}
