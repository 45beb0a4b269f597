#include <doctest/doctest.h>

#include <string>

#include "probes/dns_message.hpp"
#include "tests/unit/probes/campus_server.hpp"
#include "tests/unit/probes/run_operation.hpp"
#include "tests/unit/probes/scripted_server.hpp"

namespace slimtax::probes {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;

std::string named(std::uint16_t port) {
    return "127.0.0.1:" + std::to_string(port);
}

Values asking(std::uint16_t port, const std::string& name) {
    return {{"server", named(port)}, {"name", name}};
}

/// The query with the header's flags and counts replaced, and `rest` after the question.
std::string answer_to(const std::string& query, const std::string& flags, int answers, const std::string& rest) {
    return query.substr(0, 2) + flags + "\0\1"s + '\0' + static_cast<char>(answers) + "\0\0\0\0"s + query.substr(12) +
           rest;
}

const std::string good = "\x81\x80"s;
/// An A record of the question's name: 192.0.2.7 for 300 s.
const std::string address_record = "\xc0\x0c\0\1\0\1\0\0\1\x2c\0\4\xc0\0\2\7"s;

}  // namespace

TEST_CASE("dns.query against dnsmasq: records, code and time to live") {
    Engine engine;
    const CampusServer dnsmasq("dnsmasq");
    const StepRun run = run_operation(engine, "dns.query", asking(dnsmasq.port(), "im1.campus.test"));
    CHECK(run.outcome.reason == "");
    CHECK(run.text("records") == "127.0.0.1");
    CHECK(run.number("answers") == 1);
    CHECK(run.text("rcode") == "NOERROR");
    CHECK(run.has("ttl"));
    CHECK(run.text("server") == named(dnsmasq.port()));

    Values by_tcp = asking(dnsmasq.port(), "IM1.campus.TEST.");
    by_tcp.emplace("tcp", true);
    by_tcp.emplace("records", schemas::TextList{"127.0.0.1"});
    CHECK(run_operation(engine, "dns.query", by_tcp).outcome.reason == "");
}

TEST_CASE("dns.query: the machine's own servers are asked when none is named") {
    const CampusServer dnsmasq("dnsmasq");
    EngineOptions options;
    options.dns_servers = {named(dnsmasq.port())};
    Engine engine(options);
    const StepRun run = run_operation(engine, "dns.query", {{"name", "ldap1.campus.test"}});
    CHECK(run.outcome.reason == "");
    CHECK(run.text("server") == named(dnsmasq.port()));
}

TEST_CASE("dns.query: what is wrong with an answer is said with server, name and type") {
    Engine engine;
    std::string flags = good;
    std::string records = address_record;
    int count = 1;
    const ScriptedDatagrams server([&](const std::string& query) { return answer_to(query, flags, count, records); });
    const auto reason = [&](const Values& more = {}) {
        Values values = more;
        values.merge(asking(server.port(), "im1.test"));
        const StepRun run = run_operation(engine, "dns.query", values);
        return run.verdict() + ": " + run.outcome.reason;
    };
    const std::string subject = "failed: " + named(server.port());
    CHECK(reason() == "ok: ");
    CHECK(reason({{"records", schemas::TextList{"192.0.2.8"}}}) ==
          subject + " answered 192.0.2.7 for im1.test A, expected 192.0.2.8");
    CHECK(reason({{"rcode", "NXDOMAIN"}}) == subject + " answered NOERROR for im1.test A, expected NXDOMAIN");
    CHECK(reason({{"type", "AAAA"}}) == subject + " has no AAAA record for im1.test");
    count = 0;
    records = "";
    CHECK(reason() == subject + " has no A record for im1.test");
    CHECK(reason({{"rcode", "any"}}) == "ok: ");
    for (const auto& [code, name] : {std::pair{'\x83', "NXDOMAIN"}, {'\x82', "SERVFAIL"}, {'\x85', "REFUSED"}}) {
        flags[1] = code;
        CHECK(reason() == subject + " answered " + name + " for im1.test A");
        CHECK(reason({{"rcode", name}}) == "ok: ");
    }
}

TEST_CASE("dns.query: a server that is not there, and one that says nothing") {
    Engine engine;
    std::uint16_t dead_port = 0;
    {
        const ScriptedDatagrams gone([](const std::string&) { return std::nullopt; });
        dead_port = gone.port();
    }
    const StepRun refused = run_operation(engine, "dns.query", asking(dead_port, "im1.test"));
    CHECK(refused.verdict() == "failed");
    CHECK(refused.outcome.reason == "no name server listens at " + named(dead_port));

    const ScriptedDatagrams silent([](const std::string&) { return std::nullopt; });
    const StepRun late = run_operation(engine, "dns.query", asking(silent.port(), "im1.test"), 60ms);
    CHECK(late.verdict() == "timeout");
    CHECK(late.outcome.reason.starts_with(named(silent.port()) + " did not answer for im1.test "));
}

TEST_CASE("dns.query: a lost packet is sent again") {
    Engine engine;
    int asked = 0;
    const ScriptedDatagrams server([&](const std::string& query) -> std::optional<std::string> {
        return ++asked == 1 ? std::nullopt : std::optional(answer_to(query, good, 1, address_record));
    });
    const StepRun run = run_operation(engine, "dns.query", asking(server.port(), "im1.test"));
    CHECK(run.outcome.reason == "");
    CHECK(asked == 2);
}

TEST_CASE("dns.query: answers to other questions are not taken for ours") {
    Engine engine;
    const ScriptedDatagrams server([&](const std::string& query) {
        std::string wrong_id = answer_to(query, good, 1, address_record);
        wrong_id[0] = static_cast<char>(wrong_id[0] ^ 1);
        return wrong_id;
    });
    CHECK(run_operation(engine, "dns.query", asking(server.port(), "im1.test"), 60ms).verdict() == "timeout");

    const ScriptedDatagrams liar([&](const std::string& query) {
        std::string other_name = answer_to(query, good, 1, address_record);
        other_name[13] = 'x';
        return other_name;
    });
    CHECK(run_operation(engine, "dns.query", asking(liar.port(), "im1.test"), 60ms).verdict() == "timeout");
}

TEST_CASE("dns.query: an answer that does not fit is asked for again by TCP") {
    Engine engine;
    int by_tcp = 0;
    const ScriptedServer stream([&](ScriptedConnection& connection) {
        ++by_tcp;
        const std::string length = connection.read_bytes(2);
        const std::string query = connection.read_bytes(static_cast<unsigned char>(length[1]));
        const std::string answer = answer_to(query, good, 1, address_record);
        connection.send("\0"s + static_cast<char>(answer.size()) + answer.substr(0, 10));
        connection.send(answer.substr(10));
    });
    // The same port by UDP says "truncated".
    const ScriptedDatagrams datagrams([&](const std::string& query) { return answer_to(query, "\x83\x80"s, 1, ""); },
                                      stream.port());
    const StepRun run = run_operation(engine, "dns.query", asking(stream.port(), "im1.test"));
    CHECK(run.outcome.reason == "");
    CHECK(run.text("records") == "192.0.2.7");
    CHECK(by_tcp == 1);
}

TEST_CASE("dns.query by TCP: a server that hangs up in the middle, and one that answers something else") {
    Engine engine;
    const auto reason = [&](ScriptedServer::Script script) {
        const ScriptedServer server(std::move(script));
        Values values = asking(server.port(), "im1.test");
        values.emplace("tcp", true);
        const StepRun run = run_operation(engine, "dns.query", values);
        CHECK(run.verdict() == "failed");
        CHECK(run.outcome.reason.starts_with(named(server.port()) + " "));
        return run.outcome.reason.substr(named(server.port()).size());
    };
    CHECK(reason([](ScriptedConnection& connection) {
              connection.read_bytes(2);
              connection.send("\0\x40half"s);
          }) == " closed the connection in the middle of its answer");
    CHECK(reason([](ScriptedConnection& connection) {
              connection.read_bytes(12);
              connection.send("\0\x04what"s);
          }) == " answered another question than was asked");
}

TEST_CASE("dns.query: a name that cannot be asked for is the prober's fault") {
    Engine engine;
    for (const std::string& name : {"a..b"s, ".a"s, std::string(64, 'x') + ".test", std::string(300, 'x')}) {
        const StepRun run = run_operation(engine, "dns.query", asking(1, name));
        CHECK(run.verdict() == "prober_fault");
        CHECK(run.outcome.reason.find("is no valid name") != std::string::npos);
    }
}

TEST_CASE("dns.query: a resolver that validates by DNSSEC, one zone that holds, one that does not, one unsigned") {
    const CampusServer unbound("unbound");
    Engine engine;
    const auto ask = [&](const char* name, Values more = {}) {
        more.merge(asking(unbound.port(), name));
        return run_operation(engine, "dns.query", more);
    };
    const StepRun good = ask("im1.signed.test", {{"dnssec", true}, {"records", schemas::TextList{"127.0.0.1"}}});
    CHECK(good.outcome.reason == "");
    CHECK(good.flag("validated"));
    CHECK(good.flag("signed"));
    CHECK_FALSE(good.flag("tcp"));
    const StepRun unasked = ask("im1.signed.test");
    CHECK(unasked.outcome.reason == "");
    CHECK_FALSE(unasked.flag("signed"));
    const StepRun bogus = ask("im1.bogus.test", {{"dnssec", true}});
    CHECK(bogus.verdict() == "failed");
    CHECK(bogus.outcome.reason ==
          named(unbound.port()) + " answered SERVFAIL for im1.bogus.test A: it may be that DNSSEC does not hold");
    const StepRun plain = ask("im1.plain.test", {{"dnssec", true}});
    CHECK(plain.verdict() == "failed");
    CHECK(plain.outcome.reason ==
          named(unbound.port()) + " has not validated its answer for im1.plain.test A by DNSSEC");
    CHECK(ask("im1.plain.test").outcome.reason == "");
}

TEST_CASE("dns.query: an answer too large for the size of EDNS comes by TCP") {
    const CampusServer unbound("unbound");
    Engine engine;
    const auto ask = [&](Values more) {
        more.merge(asking(unbound.port(), "big.signed.test"));
        more.insert({"type", std::string("TXT")});
        return run_operation(engine, "dns.query", more);
    };
    const StepRun small = ask({{"edns_size", std::int64_t{1232}}});
    CHECK(small.outcome.reason == "");
    CHECK(small.number("answers") == 8);
    CHECK(small.flag("tcp"));
    const StepRun asked = ask({{"tcp", true}});
    CHECK(asked.outcome.reason == "");
    CHECK(asked.flag("tcp"));
}

TEST_CASE("dns.query: what it asks for, byte by byte: class CHAOS, the size of EDNS, the flags of DNSSEC") {
    DnsAsk ask;
    ask.id = 1;
    ask.type = 16;
    ask.record_class = dns_class_chaos;
    CHECK(dns_query(ask, "x") == "\0\1\1\0\0\1\0\0\0\0\0\0\1x\0\0\x10\0\3"s);
    ask.edns_size = 1232;
    CHECK(dns_query(ask, "x") == "\0\1\1\0\0\1\0\0\0\0\0\1\1x\0\0\x10\0\3\0\0\x29\4\xd0\0\0\0\0\0\0"s);
    ask.dnssec = true;
    CHECK(dns_query(ask, "x") == "\0\1\1\x20\0\1\0\0\0\0\0\1\1x\0\0\x10\0\3\0\0\x29\4\xd0\0\0\x80\0\0\0"s);
}

TEST_CASE("a DNS query has the bytes of RFC 1035, section 4.1") {
    CHECK(dns_query({.id = 0x1234, .type = 1}, "im1.test") == "\x12\x34\1\0\0\1\0\0\0\0\0\0\3im1\4test\0\0\1\0\1"s);
    CHECK(dns_query({.id = 1, .type = 1}, "im1.test.").value().substr(12) ==
          dns_query({.id = 2, .type = 1}, "im1.test").value().substr(12));
    CHECK(dns_query({.id = 1, .type = 2}, "").value().substr(12) == "\0\0\2\0\1"s);  // the root
}

TEST_CASE("records of every type are read as a zone file writes them") {
    const std::string query = dns_query({.id = 7, .type = 1}, "x.test").value();
    struct Row {
        std::string type_and_data;  // type, then data with its length
        std::string text;
    };
    const Row rows[] = {
        {"\0\1|\0\4\xc0\0\2\7"s, "192.0.2.7"},
        {"\0\x1c|\0\x10\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1"s, "2001:db8::1"},
        {"\0\5|\0\4\1y\xc0\x0e"s, "y.test"},
        {"\0\x0f|\0\6\0\x0a\1M\xc0\x0e"s, "10 m.test"},
        {"\0\x21|\0\x0a\0\1\0\2\x14\x66\1s\xc0\x0e"s, "1 2 5222 s.test"},
        {"\0\x10|\0\7\2ab\3cde"s, "abcde"},
        {"\0\6|\0\x1c\1n\xc0\x0e\1h\xc0\x0e\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\5"s, "n.test h.test 1 2 3 4 5"},
        {"\1\1|\0\x0b\0\5issueca.x"s, "0 issue \"ca.x\""},
        {"\0\x63|\0\2\xab\x01"s, "\\# 2 ab01"},
        // What is no text is escaped, so that it can neither break a line nor pass for a dot.
        {"\0\5|\0\7\4a.\0\xff\xc0\x0e"s, "a\\.\\000\\255.test"},
        {"\0\x10|\0\6\5\xc3\xa9 \n\\"s, "\u00e9 \\010\\"},
        {"\0\x10|\0\3\2\xc3."s, "\\195."},
    };
    for (const Row& row : rows) {
        const auto bar = row.type_and_data.find('|');
        const std::string record =
            "\xc0\x0c"s + row.type_and_data.substr(0, bar) + "\0\1\0\0\0\x3c"s + row.type_and_data.substr(bar + 1);
        const auto message = parse_dns(answer_to(query, good, 1, record));
        REQUIRE_MESSAGE(message.has_value(), row.text);
        REQUIRE(message->answers.size() == 1);
        CHECK(message->answers[0].text == row.text);
        CHECK(message->answers[0].name == "x.test");
        CHECK(message->answers[0].ttl == 60);
    }
}

TEST_CASE("damaged DNS messages are errors: cut anywhere, pointing forward, at themselves, or out of the message") {
    const std::string query = dns_query({.id = 7, .type = 1}, "x.test").value();
    const std::string whole = answer_to(query, good, 1, address_record);
    REQUIRE(parse_dns(whole).has_value());
    for (std::size_t length = 0; length < whole.size(); ++length) {
        CHECK_FALSE(parse_dns(whole.substr(0, length)).has_value());
    }
    const std::string end = "\0\1\0\1\0\0\0\1\0\4\1\2\3\4"s;
    for (const std::string& pointer : {"\xc0\x18"s, "\xc0\x40"s, "\xff\xff"s, "\xc0"s, "\x80\1"s}) {
        CHECK_FALSE(parse_dns(answer_to(query, good, 1, pointer + end)).has_value());
    }
    // Data longer or shorter than its type, and data that reads beyond its length.
    CHECK_FALSE(parse_dns(answer_to(query, good, 1, "\xc0\x0c\0\1\0\1\0\0\0\1\0\5\1\2\3\4\5"s)).has_value());
    CHECK_FALSE(parse_dns(answer_to(query, good, 1, "\xc0\x0c\0\1\0\1\0\0\0\1\0\3\1\2\3"s)).has_value());
    CHECK_FALSE(parse_dns(answer_to(query, good, 1, "\xc0\x0c\0\x10\0\1\0\0\0\1\0\3\7ab"s)).has_value());
    // Every single byte changed: anything but a crash.
    for (std::size_t place = 0; place < whole.size(); ++place) {
        for (int value = 0; value < 256; value += 5) {
            std::string changed = whole;
            changed[place] = static_cast<char>(value);
            [[maybe_unused]] const auto parsed = parse_dns(changed);
        }
    }
}

}  // namespace slimtax::probes
