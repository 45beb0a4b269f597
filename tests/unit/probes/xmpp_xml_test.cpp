#include "probes/xmpp_xml.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace slimtax::probes::xmpp;

namespace {

const std::string header =
    "<?xml version='1.0'?><stream:stream xmlns='jabber:client' "
    "xmlns:stream='http://etherx.jabber.org/streams' id='s1' version='1.0'>";

// What the parser says to a stream of these bytes: the error, or "".
std::string complaint(const std::string& bytes, const StreamParser::Limits& limits = {}) {
    StreamParser parser(limits);
    const auto fed = parser.feed(bytes);
    return fed ? "" : fed.error();
}

}  // namespace

TEST_CASE("stanzas come one by one, however the bytes are cut") {
    const std::string bytes = header +
                              "<iq type='result' id='r&amp;1'><query xmlns='jabber:iq:roster'>"
                              "<item jid='a@b'><group>x &lt;y&gt; &#228;</group></item><item jid='c@d'/></query></iq>"
                              " \n <message from='x@y'/></stream:stream>";
    for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, bytes.size()}) {
        CAPTURE(piece);
        StreamParser parser;
        std::vector<Element> stanzas;
        for (std::size_t at = 0; at < bytes.size(); at += piece) {
            REQUIRE(parser.feed(std::string_view(bytes).substr(at, piece)));
            while (auto stanza = parser.take()) {
                stanzas.push_back(std::move(*stanza));
            }
        }
        REQUIRE(parser.header() != nullptr);
        CHECK(parser.header()->is("http://etherx.jabber.org/streams", "stream"));
        CHECK(parser.header()->attribute("id") == "s1");
        CHECK(parser.closed());
        REQUIRE(stanzas.size() == 2);
        CHECK(stanzas[0].is("jabber:client", "iq"));
        CHECK(stanzas[0].attribute("id") == "r&1");
        const Element* query = stanzas[0].child("jabber:iq:roster", "query");
        REQUIRE(query != nullptr);
        REQUIRE(query->children.size() == 2);
        CHECK(query->children[0].child("jabber:iq:roster", "group")->text == "x <y> ä");
        CHECK(query->children[1].attribute("jid") == "c@d");
        CHECK(query->child("jabber:client", "item") == nullptr);
        CHECK(stanzas[1].attribute("to") == "");
    }
}

TEST_CASE("an entity bomb is refused at its document type") {
    std::string bomb = "<?xml version='1.0'?><!DOCTYPE lolz [<!ENTITY lol \"lol\">";
    for (int i = 1; i < 10; ++i) {
        bomb += "<!ENTITY lol" + std::to_string(i) + " \"";
        for (int k = 0; k < 10; ++k) {
            bomb += "&lol" + (i == 1 ? std::string() : std::to_string(i - 1)) + ";";
        }
        bomb += "\">";
    }
    bomb += "]><stream:stream xmlns:stream='http://etherx.jabber.org/streams'>&lol9;";
    CHECK(complaint(bomb) == "a document type, which XMPP forbids");
}

TEST_CASE("what XMPP forbids and what is no XML is refused with a reason") {
    CHECK(complaint("HTTP/1.1 400 Bad Request\r\n\r\n") == "not well-formed (invalid token)");
    CHECK(complaint("hello <") == "syntax error");
    CHECK(complaint(header + "<!-- hello -->") == "a comment, which XMPP forbids");
    CHECK(complaint(header + "<?php echo 1 ?>") == "a processing instruction, which XMPP forbids");
    CHECK(complaint(header + "<a>&unknown;</a>") == "undefined entity");
    CHECK(complaint(header + "<a></b>") == "mismatched tag");
    CHECK(complaint(header + "<a b='\x01'/>") == "not well-formed (invalid token)");
    CHECK(complaint(header + "<a>\xff\xfe</a>") == "not well-formed (invalid token)");
    CHECK(complaint(header + "<x:a/>") == "unbound prefix");
    CHECK(complaint(header + "hello") == "text between stanzas");
    CHECK(complaint(header + "</stream:stream>junk") == "junk after document element");
}

TEST_CASE("an error is kept: nothing is read after it") {
    StreamParser parser;
    CHECK_FALSE(parser.feed(header + "<!-- x -->"));
    const auto again = parser.feed("<message/>");
    REQUIRE_FALSE(again);
    CHECK(again.error() == "a comment, which XMPP forbids");
    CHECK_FALSE(parser.take());
}

TEST_CASE("a giant stanza is refused as soon as it exceeds the limit, in whatever form it comes") {
    StreamParser::Limits limits;
    limits.stanza_bytes = 100'000;
    limits.elements = 1000;
    std::string much;
    SUBCASE("as text") {
        much = "<a>" + std::string(200'000, 'x');
        CHECK(complaint(header + much, limits) == "a stanza that is too large");
    }
    SUBCASE("as one tag") {
        much = "<a b='" + std::string(90'000, 'x');
        CHECK(complaint(header + much, limits) == "a tag that is too long");
    }
    SUBCASE("as many elements") {
        for (int i = 0; i < 1001; ++i) {
            much += "<b/>";
        }
        CHECK(complaint(header + "<a>" + much, limits) == "a stanza of too many elements");
    }
    SUBCASE("as short prefixes of a long namespace") {
        much = "<a xmlns:p='" + std::string(10'000, 'n') + "'>";
        for (int i = 0; i < 500; ++i) {
            much += "<p:b/>";
        }
        CHECK(complaint(header + much, limits) == "a stanza that is too large");
    }
    SUBCASE("as depth") {
        for (int i = 0; i < 25; ++i) {
            much += "<b>";
        }
        CHECK(complaint(header + much, limits) == "elements that are nested too deeply");
    }
}

TEST_CASE("many stanzas that are each small pass, and so do blanks between them") {
    StreamParser::Limits limits;
    limits.stanza_bytes = 40'000;
    StreamParser parser(limits);
    REQUIRE(parser.feed(header));
    for (int i = 0; i < 1000; ++i) {
        REQUIRE(parser.feed("<message><body>" + std::string(200, 'x') + "</body></message>" + std::string(200, ' ')));
        REQUIRE(parser.take());
    }
}

TEST_CASE("escaped text reads back the same, without what XML cannot carry") {
    const std::string nasty = "a<b>&\"c'\x01\x1f\td";
    CHECK(escape(nasty) == "a&lt;b&gt;&amp;&quot;c&apos;\td");
    StreamParser parser;
    REQUIRE(parser.feed(header + "<a b='" + escape("<&'\">") + "'>" + escape("<&'\">") + "</a>"));
    const auto stanza = parser.take();
    REQUIRE(stanza);
    CHECK(stanza->text == "<&'\">");
    CHECK(stanza->attribute("b") == "<&'\">");
}
