// XMPP streams, SCRAM messages and LDAP messages, as servers send them.

#include <algorithm>
#include <string>
#include <vector>

#include "probes/grpc_message.hpp"
#include "probes/io/server_timing.hpp"
#include "probes/ldap_wire.hpp"
#include "probes/patience.hpp"
#include "probes/websocket_frames.hpp"
#include "probes/xmpp_sasl.hpp"
#include "probes/xmpp_xml.hpp"
#include "schemas/utf8.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace slimtax::fuzz {
namespace {

using namespace slimtax::probes;

const std::vector<std::string> streams{
    "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' "
    "id='1' version='1.0'><stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>"
    "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms></stream:features>",
    "<s:stream xmlns='jabber:client' xmlns:s='http://etherx.jabber.org/streams'><iq type='result' id='r'>"
    "<query xmlns='jabber:iq:roster'><item jid='a@b' name='&lt;&#228;'><group>x</group></item><item/></query></iq>"
    "<presence/> <message><body>hi &amp; bye</body></message></s:stream>",
    "<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b 'cccc'><!ENTITY d '&b;&b;&b;'>]><a>&d;<![CDATA[x]]></a>",
};
const std::vector<std::string> pieces{
    "<",  ">",      "/>",       "</",    "&",       "&#x0;", "&#x10FFFF;",         "]]>",  "<![CDATA[",    "<!--",
    "?>", "'",      "\"",       "xmlns", "xmlns='", "=",     "xmlns:q='urn:long'", "<q:a", "\xEF\xBB\xBF", "\xff",
    "\0", "<a b='", "<!ENTITY", "%",     " ",       "\n",    "</stream:stream>",   "<a>",  "</a>"};

// Everything that comes out, in a form that can be compared.
void describe(const xmpp::Element& element, std::string& out) {
    out += "(" + element.space + "|" + element.name;
    for (const auto& [name, value] : element.attributes) {
        out += " " + name + "=" + value;
    }
    out += ":" + element.text;
    for (const xmpp::Element& child : element.children) {
        describe(child, out);
    }
    out += ")";
}

std::string read_stream(const std::string& bytes, bool in_pieces) {
    xmpp::StreamParser::Limits limits;
    limits.stanza_bytes = 8000;
    limits.tag_bytes = 1000;
    limits.elements = 300;
    limits.depth = 10;
    xmpp::StreamParser parser(limits);
    std::string out;
    for (std::size_t at = 0; at < bytes.size();) {
        const std::size_t size = in_pieces ? 1 + below(40) : bytes.size();
        const auto fed = parser.feed(std::string_view(bytes).substr(at, size));
        at += size;
        while (auto element = parser.take()) {
            must(element->children.size() <= limits.elements, "too many children", bytes);
            must(slimtax::schemas::first_invalid_utf8(element->text) == std::string::npos, "text is UTF-8", bytes);
            describe(*element, out);
        }
        if (!fed) {
            must(!fed.error().empty(), "an error says something", bytes);
            must(!parser.feed("<a/>"), "an error is kept", bytes);
            break;
        }
    }
    return out;
}

void feed_stream(const std::string& input) {
    const std::string whole = read_stream(input, false);
    // Size limits are looked at after each piece: only streams well below them must read the same.
    if (input.size() < 900) {
        must(whole == read_stream(input, true), "pieces read as the whole does", input);
    } else {
        (void)read_stream(input, true);
    }
    must(slimtax::schemas::first_invalid_utf8(quotable(input)) == std::string::npos, "a quotation is UTF-8", input);
}

void feed_scram(const std::string& input) {
    xmpp::Scram exchange(xmpp::ScramHash::sha256, "user", "nonce");
    if (const auto salt = exchange.read_challenge(input)) {
        must(salt->iterations >= 1 && salt->iterations <= xmpp::most_scram_iterations, "iterations", input);
        must(!salt->salt.empty(), "salt", input);
        (void)exchange.final_message("key");
    }
    must(!exchange.check_signature(input), "no signature of chance", input);
    if (const auto bytes = xmpp::from_base64(input)) {
        must(bytes->size() <= input.size(), "base64 shrinks", input);
    }
}

void feed_ldap(const std::string& input) {
    const auto size = ldap_message_size(input);
    must(!size || *size <= input.size(), "a message lies inside the bytes", input);
    if (size && *size > 0) {
        (void)ldap_notice_in(input.substr(0, *size));
    }
    (void)ldap_notice_in(input);
}

const std::vector<std::string> challenges{"r=noncemore,s=c2FsdA==,i=4096,x=y",
                                          "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=", "YW55IGJ5dGVz"};
const std::vector<std::string> notices{
    std::string("\x30\x1d\x02\x01\x00\x78\x18\x0a\x01\x34\x04\x00\x04\x11service is leaving", 31)};

// What a reader makes of the bytes when it gets at most `piece` more of them at a time.
std::string read_frames(const std::string& bytes, std::size_t piece) {
    constexpr std::size_t most = 1000;
    websocket::FrameReader reader(most);
    std::string out;
    std::size_t taken = 0;
    for (std::size_t there = 0; there < bytes.size();) {
        there = std::min(bytes.size(), there + piece);
        for (;;) {
            const auto step = reader.next(std::string_view(bytes).substr(taken, there - taken));
            if (!step) {
                must(!step.error().what.empty(), "an error says something", bytes);
                return out + "! " + step.error().what;
            }
            if (step->used == 0) {
                break;
            }
            taken += step->used;
            must(taken <= there, "a frame lies inside the bytes", bytes);
            if (step->message) {
                const websocket::Message& message = *step->message;
                must(message.data.size() <= most, "messages are bounded", bytes);
                const bool text = message.kind == websocket::Opcode::text || message.kind == websocket::Opcode::close;
                must(!text || slimtax::schemas::first_invalid_utf8(message.data) == std::string::npos, "text is UTF-8",
                     bytes);
                out += std::to_string(static_cast<int>(message.kind)) + message.data + "\n";
            }
        }
    }
    return out;
}

void feed_websocket(const std::string& input) {
    must(read_frames(input, input.size()) == read_frames(input, 3), "pieces read as the whole does", input);
}

// A message that is one stays one, with the same status, behind a field that is not known (14, 64 bits).
void feed_grpc(const std::string& input) {
    const auto framed = [](const std::string& message) {
        std::string bytes(1, '\0');
        for (int shift = 24; shift >= 0; shift -= 8) {
            bytes += static_cast<char>(message.size() >> shift);
        }
        return bytes + message;
    };
    static_cast<void>(grpc::health_in(input));
    const auto bare = grpc::health_in(framed(input));
    const auto behind =
        grpc::health_in(framed("\x71"
                               "12345678" +
                               input));
    must(bare == behind, "unknown fields are passed over", input);
}

void feed_server_timing(const std::string& input) {
    const auto took = stated_server_time({{"server-timing", input}});
    must(!took || (took->count() >= 0 && *took <= std::chrono::hours(24)), "a time is within its bounds", input);
}

const std::vector<std::string> frames{"\x81\x05hello",
                                      std::string("\x01\x02go\x89\x04ping\x80\x02od\x8a\x00\x88\x05\x03\xe8why", 23),
                                      std::string("\x82\x7e\x00\x7e", 4) + std::string(126, 'x')};

}  // namespace

const Target websocket_frames{
    "websocket",
    frames,
    {"\x81", "\x80", std::string("\x01\x00", 2), "\x88\x02\x03\xe8", "\x82\x7e\x03\xe9", "\x82\x7f\xff\xff", "\xc3\xa9",
     std::string("\x82\x7f\0\0\0\0\0\0\0\x05", 10), "\x89\x7d"},
    feed_websocket};
const Target grpc_health{"grpc",
                         {"\x08\x01", "",
                          "\x08\x02\x12\x03xyz\x1d"
                          "1234",
                          "\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"},
                         {"\x08",
                          "\x12\x02"
                          "ab",
                          "\xff", "\x80",
                          "\x09"
                          "12345678",
                          std::string("\0\0\0\0\2", 5)},
                         feed_grpc};
const Target server_timing{"server-timing",
                           {"miss, db;dur=53, app;dur=47.2", "cache;desc=\"Cache Read\";dur=23.2", "total;dur=1e3"},
                           {",", ";", "dur", "=", "\"", "\\", "total", "1e309", "-1", "nan", "inf", " "},
                           feed_server_timing};
const Target xml{"xml", streams, pieces, feed_stream};
const Target scram{"scram", challenges, {"r=", ",s=", ",i=", "=", ",", "99999999999", "v="}, feed_scram};
const Target ldap{
    "ldap", notices, {std::string("\x30\x84\xff\xff\xff\xff", 6), std::string("\x04\x00", 2), "\x78"}, feed_ldap};

}  // namespace slimtax::fuzz
