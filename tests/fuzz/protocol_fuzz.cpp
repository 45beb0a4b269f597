// Mutates what servers say and feeds it to the parsers of probes/: XMPP streams, SCRAM messages, LDAP messages. Meant
// for the dev preset, whose sanitizers are the judges; a mistake of the parsers' own contracts aborts too. By hand:
//
//   protocol-fuzz [SECONDS] [SEED]

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "probes/ldap_wire.hpp"
#include "probes/patience.hpp"
#include "probes/xmpp_sasl.hpp"
#include "probes/xmpp_xml.hpp"
#include "schemas/utf8.hpp"

namespace {

using namespace slimtax::probes;

std::mt19937_64 dice;

std::size_t below(std::size_t limit) {
    return limit == 0 ? 0 : static_cast<std::size_t>(dice() % limit);
}

void must(bool holds, const char* what, const std::string& input) {
    if (!holds) {
        std::fprintf(stderr, "broken: %s, for %zu bytes: %s\n", what, input.size(), input.c_str());
        std::abort();
    }
}

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

std::string mutated(std::string text) {
    for (std::size_t turns = 1 + below(8); turns > 0; --turns) {
        const std::size_t at = below(text.size() + 1);
        switch (below(6)) {
            case 0: text.insert(at, pieces[below(pieces.size())]); break;
            case 1: text.erase(at, below(20)); break;
            case 2:
                if (at < text.size()) {
                    text[at] = static_cast<char>(dice());
                }
                break;
            case 3: text.insert(at, text.substr(below(text.size()), below(100))); break;
            case 4: {
                std::string repeated;
                const std::string piece = text.substr(below(text.size()), 1 + below(30));
                for (std::size_t i = below(400); i > 0; --i) {
                    repeated += piece;
                }
                text.insert(at, repeated);
                break;
            }
            default: text.resize(at); break;
        }
    }
    return text;
}

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

void fuzz_streams() {
    const std::string input = mutated(streams[below(streams.size())]);
    const std::string whole = read_stream(input, false);
    // Size limits are looked at after each piece: only streams well below them must read the same.
    if (input.size() < 900) {
        must(whole == read_stream(input, true), "pieces read as the whole does", input);
    } else {
        (void)read_stream(input, true);
    }
    must(slimtax::schemas::first_invalid_utf8(quotable(input)) == std::string::npos, "a quotation is UTF-8", input);
}

void fuzz_scram() {
    xmpp::Scram exchange(xmpp::ScramHash::sha256, "user", "nonce");
    const std::string challenge = mutated("r=noncemore,s=c2FsdA==,i=4096,x=y");
    if (const auto salt = exchange.read_challenge(challenge)) {
        must(salt->iterations >= 1 && salt->iterations <= xmpp::most_scram_iterations, "iterations", challenge);
        must(!salt->salt.empty(), "salt", challenge);
        (void)exchange.final_message("key");
    }
    const std::string last = mutated("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
    must(!exchange.check_signature(last), "no signature of chance", last);
    const std::string text = mutated(xmpp::base64("any bytes"));
    if (const auto bytes = xmpp::from_base64(text)) {
        must(bytes->size() <= text.size(), "base64 shrinks", text);
    }
}

void fuzz_ldap() {
    static const std::string notice("\x30\x1d\x02\x01\x00\x78\x18\x0a\x01\x34\x04\x00\x04\x11service is leaving", 31);
    const std::string input = mutated(notice);
    const auto size = ldap_message_size(input);
    must(!size || *size <= input.size(), "a message lies inside the bytes", input);
    if (size && *size > 0) {
        (void)ldap_notice_in(input.substr(0, *size));
    }
    (void)ldap_notice_in(input);
}

}  // namespace

int main(int count, char** arguments) {
    const auto seconds = std::chrono::seconds(count > 1 ? std::atoi(arguments[1]) : 10);
    const auto seed = count > 2 ? std::strtoull(arguments[2], nullptr, 10) : std::random_device()();
    dice.seed(seed);
    std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
    const auto end = std::chrono::steady_clock::now() + seconds;
    std::uint64_t rounds = 0;
    while (std::chrono::steady_clock::now() < end) {
        fuzz_streams();
        fuzz_scram();
        fuzz_ldap();
        ++rounds;
    }
    std::printf("%llu rounds, nothing broke\n", static_cast<unsigned long long>(rounds));
}
