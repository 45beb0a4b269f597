// What a chat server may do wrong at a login: at every stage it refuses, hangs, closes, resets, lies or floods.
#include "probes/xmpp_sasl.hpp"
#include "tests/unit/probes/scripted_chat.hpp"

using namespace slimtax::probes;

TEST_CASE("a chat server that refuses the connection is named with its port") {
    const RefusingPort port;
    StepRunner runner;
    const Ran ran = runner.run("xmpp.login", account(port.port()));
    CHECK(ran.outcome.verdict == Verdict::failed);
    CHECK(without_address(ran.outcome.reason, port.port()) == "connection to SERVER refused");
}

TEST_CASE("a user that is no JID is our own mistake, not the server's") {
    StepRunner runner;
    StepRunner::Values values = account(1);
    values["user"] = "nobody";
    const Ran ran = runner.run("xmpp.login", values);
    CHECK(ran.outcome.verdict == Verdict::prober_fault);
    CHECK(ran.outcome.reason == "the user of an XMPP login must be user@domain");
}

TEST_CASE("a chat server that hangs is a time-out that names the stage") {
    const auto hang = [](ScriptedConnection& connection) { connection.hang(); };
    struct Row {
        const char* stage;
        ScriptedServer::Script script;
        const char* tls;
        const char* reason;
    };
    const std::vector<Row> rows{
        {"at once", hang, "none", "open its XMPP stream"},
        {"in its greeting",
         [](ScriptedConnection& c) {
             c.send("<?xml version='1.0'?><stream:str");
             c.hang();
         },
         "none", "open its XMPP stream"},
        {"before its features",
         [](ScriptedConnection& c) {
             take_header(c);
             c.send(header);
             c.hang();
         },
         "none", "open its XMPP stream"},
        {"when asked for TLS",
         [](ScriptedConnection& c) {
             take_header(c);
             c.send(header + features("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"));
             c.hang();
         },
         "required", "agree to start TLS"},
        {"in the TLS handshake",
         [](ScriptedConnection& c) {
             take_header(c);
             c.send(header + features("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"));
             c.read_until("/>");
             c.send("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
             c.hang();
         },
         "required", "finish the TLS handshake"},
        {"when given the password",
         [](ScriptedConnection& c) {
             take_header(c);
             c.send(header + plain_only);
             c.hang();
         },
         "none", "answer the login"},
        {"in SCRAM",
         [](ScriptedConnection& c) {
             take_header(c);
             c.send(header + scram_only);
             c.read_until("</auth>");
             c.send("<challenge xmlns='" + ns_sasl + "'>cj1");
             c.hang();
         },
         "none", "answer the login"},
        {"after the login",
         [](ScriptedConnection& c) {
             take_header(c);
             c.send(header + plain_only);
             c.read_until("</auth>");
             c.send("<success xmlns='" + ns_sasl + "'/>");
             c.hang();
         },
         "none", "open its XMPP stream"},
        {"when asked for a session",
         [](ScriptedConnection& c) {
             let_in(c);
             c.hang();
         },
         "none", "open the session"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.stage);
        const Tried tried = login(row.script, row.tls, 200ms);
        CHECK(tried.verdict == Verdict::timeout);
        CHECK(tried.reason == "XMPP server SERVER did not " + std::string(row.reason) + " within 200 ms");
    }
}

TEST_CASE("a chat server that never stops talking is a time-out too") {
    const auto endless = [](ScriptedConnection& c) {
        while (c.send("<message from='x@y'><body>more and more</body></message>")) {
        }
    };
    const Tried tried = after_login("roster", endless, 300ms);
    CHECK(tried.verdict == Verdict::timeout);
    CHECK(tried.reason == "XMPP server SERVER did not answer the roster request within 300 ms");
}

TEST_CASE("a chat server that goes away is a failure that tells what it owed") {
    const Tried closed = login([](ScriptedConnection& c) {
        take_header(c);
        c.send(header + plain_only);
        c.read_until("</auth>");
        c.close();
    });
    CHECK(closed.verdict == Verdict::failed);
    CHECK(closed.reason == "XMPP server SERVER closed the connection and did not answer the login");

    const Tried ended = login([](ScriptedConnection& c) {
        take_header(c);
        c.send(header + plain_only);
        c.read_until("</auth>");
        c.send("</stream:stream>");
        c.hang();
    });
    CHECK(ended.verdict == Verdict::failed);
    CHECK(ended.reason == "XMPP server SERVER closed the stream and did not answer the login");

    const Tried reset = login([](ScriptedConnection& c) {
        take_header(c);
        c.reset();
    });
    CHECK(reset.verdict == Verdict::failed);
    CHECK(reset.reason == "connection to XMPP server SERVER broken: Connection reset by peer");

    const Tried roster = after_login("roster", [](ScriptedConnection& c) {
        c.read_until("</iq>");
        c.send("<iq type='result' id='roster1'><query xmlns='jabber:iq:roster'><item jid='a@b'");
        c.close();
    });
    CHECK(roster.verdict == Verdict::failed);
    CHECK(roster.reason == "XMPP server SERVER closed the connection and did not answer the roster request");
}

TEST_CASE("what is not XMPP is told with its first words") {
    const Tried http = login([](ScriptedConnection& c) {
        c.send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        c.hang();
    });
    CHECK(http.verdict == Verdict::failed);
    CHECK(http.reason ==
          "XMPP server SERVER answered something that is not XMPP: \"HTTP/1.1 400 Bad Request  Content-Len…\"");
    const Tried other_xml = login([](ScriptedConnection& c) {
        c.send("<html><body>hello</body></html>");
        c.hang();
    });
    CHECK(other_xml.reason ==
          "XMPP server SERVER answered something that is not XMPP: \"<html><body>hello</body></html>\"");
    const Tried bytes = login([](ScriptedConnection& c) {
        c.send(std::string("\x16\x03\x01\x00\xff", 5));
        c.hang();
    });
    CHECK(bytes.verdict == Verdict::failed);
    CHECK(bytes.reason.find("not XMPP") != std::string::npos);
}

TEST_CASE("bad, giant and poisonous XML ends the session with a reason") {
    const auto after_header = [](const std::string& bytes) {
        return login([bytes](ScriptedConnection& c) {
            take_header(c);
            c.send(header + bytes);
            c.hang();
        });
    };
    CHECK(after_header("<a></b>").reason == "XMPP server SERVER sent bad XML: mismatched tag");
    CHECK(after_header("<a b='" + std::string(100'000, 'x')).reason ==
          "XMPP server SERVER sent bad XML: a tag that is too long");
    CHECK(after_header("<message><body>" + std::string(5'000'000, 'x')).reason ==
          "XMPP server SERVER sent bad XML: a stanza that is too large");
    const Tried bomb = login([](ScriptedConnection& c) {
        c.send("<?xml version='1.0'?><!DOCTYPE l [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;'>]>" +
               header + "&b;");
        c.hang();
    });
    CHECK(bomb.verdict == Verdict::failed);
    CHECK(bomb.reason.find("not XMPP") != std::string::npos);
}

TEST_CASE("a stream error is told in the server's words") {
    const Tried tried = login([](ScriptedConnection& c) {
        take_header(c);
        c.send(header +
               "<stream:error><host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>"
               "<text xmlns='urn:ietf:params:xml:ns:xmpp-streams'>not hunter2-secret here</text></stream:error>");
        c.close();
    });
    CHECK(tried.reason == "XMPP server SERVER ended the session: host unknown (not *** here)");
}

TEST_CASE("without TLS a password is not given away unless the definition says so") {
    const ScriptedServer::Script no_tls = [](ScriptedConnection& c) {
        take_header(c);
        c.send(header + plain_only);
        CHECK(c.read_until("</auth>") == "");
    };
    const Tried required = login(no_tls, "required");
    CHECK(required.verdict == Verdict::failed);
    CHECK(required.reason == "XMPP server SERVER offers no TLS, which this step requires");
    const Tried optional = login(no_tls, "optional");
    CHECK(optional.reason ==
          "XMPP server SERVER wants the password in the clear without TLS, which only tls = \"none\" allows");
}

TEST_CASE("what came in the clear before TLS is not believed after it") {
    const std::string pem = certificate("server.pem");
    const std::string key = certificate("server.key");
    const Tried tried = login(
        [&](ScriptedConnection& c) {
            take_header(c);
            c.send(header + features("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"));
            c.read_until("/>");
            // Somebody in between adds features of his own, in the same packet.
            c.send("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>" + header + plain_only);
            if (c.start_tls(pem, key)) {
                take_header(c);
                CHECK(c.read_until("</auth>") == "");
            }
        },
        "required", 300ms);
    CHECK(tried.verdict != Verdict::ok);
}

TEST_CASE("a server that refuses TLS after it had offered it is a failure") {
    const Tried tried = login(
        [](ScriptedConnection& c) {
            take_header(c);
            c.send(header + features("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"));
            c.read_until("/>");
            c.send("<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:stream>");
        },
        "required");
    CHECK(tried.reason == "XMPP server SERVER offers TLS, but refused to start it");
}

TEST_CASE("a server that cannot prove that it knows the password is not believed") {
    // It accepts everybody, with a signature of its own making or with none.
    const auto impostor = [](const std::string& last) {
        return login([last](ScriptedConnection& c) {
            take_header(c);
            c.send(header + scram_only);
            const std::string request = c.read_until("</auth>");
            const auto from = request.find('>') + 1;
            const std::string first = xmpp::from_base64(request.substr(from, request.find("</auth>") - from)).value();
            const std::string nonce = first.substr(first.find("r=") + 2);
            c.send("<challenge xmlns='" + ns_sasl + "'>" + xmpp::base64("r=" + nonce + "server,s=c2FsdA==,i=4096") +
                   "</challenge>");
            c.read_until("</response>");
            c.send(last);
            c.hang();
        });
    };
    const std::string success = "<success xmlns='" + ns_sasl + "'>";
    const Tried wrong =
        impostor(success + xmpp::base64("v=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=") + "</success>");
    CHECK(wrong.verdict == Verdict::failed);
    CHECK(wrong.reason == "XMPP server SERVER did not prove that it knows the password (wrong SCRAM server signature)");
    const Tried none = impostor("<success xmlns='" + ns_sasl + "'/>");
    CHECK(none.verdict == Verdict::failed);
    CHECK(none.reason == "XMPP server SERVER did not prove that it knows the password (no SCRAM server signature)");
    CHECK(impostor(success + "!!!</success>").reason == "XMPP server SERVER sent a SASL message that is not base64");
}

TEST_CASE("a SCRAM challenge that asks for hours of work is refused") {
    const Tried tried = login([](ScriptedConnection& c) {
        take_header(c);
        c.send(header + scram_only);
        c.read_until("</auth>");
        c.send("<challenge xmlns='" + ns_sasl + "'>" + xmpp::base64("r=x,s=c2FsdA==,i=2000000000") + "</challenge>");
        c.hang();
    });
    CHECK(tried.verdict == Verdict::failed);
}

TEST_CASE("success before any challenge is not believed") {
    const Tried tried = login([](ScriptedConnection& c) {
        take_header(c);
        c.send(header + scram_only);
        c.read_until("</auth>");
        c.send("<success xmlns='" + ns_sasl + "'>" + xmpp::base64("v=") + "</success>");
        c.hang();
    });
    CHECK(tried.verdict == Verdict::failed);
    CHECK(tried.reason == "XMPP server SERVER did not prove that it knows the password (no SCRAM server signature)");
}

TEST_CASE("a login without a known mechanism, a session or a name is a failure") {
    const auto offers = [](const std::string& what) {
        return login([what](ScriptedConnection& c) {
                   take_header(c);
                   c.send(header + what);
                   c.hang();
               })
            .reason;
    };
    CHECK(offers(features("")) == "XMPP server SERVER offers no way to log in");
    CHECK(
        offers(mechanisms("<mechanism>GSSAPI</mechanism>")) ==
        "XMPP server SERVER offers no way to log in that is known here (SCRAM-SHA-256, SCRAM-SHA-1, PLAIN) but GSSAPI");
    CHECK(offers("<message/>") == "XMPP server SERVER sent <message> where it was to open its XMPP stream");
    const Tried nameless = login([](ScriptedConnection& c) {
        let_in(c);
        c.read_until("</iq>");
        c.send("<iq type='result' id='bind'/>");
        c.hang();
    });
    CHECK(nameless.reason == "XMPP server SERVER opened a session without a name (no JID)");
    const Tried conflict = login([](ScriptedConnection& c) {
        let_in(c);
        c.read_until("</iq>");
        c.send(
            "<iq type='error' id='bind'><error type='cancel'>"
            "<conflict xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>");
        c.hang();
    });
    CHECK(conflict.reason == "XMPP server SERVER did not open the session: conflict");
}

TEST_CASE("a login cut off at any byte of its last answer, by a close or a reset, is a failure with a reason") {
    const std::string answer =
        "<iq type='result' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>u@campus.test/x</jid></bind>"
        "</iq>";
    for (const bool with_reset : {false, true}) {
        for (std::size_t cut = 0; cut < answer.size(); ++cut) {
            CAPTURE(cut);
            CAPTURE(with_reset);
            const Tried tried = login([&](ScriptedConnection& connection) {
                let_in(connection);
                connection.read_until("</iq>");
                connection.send(std::string_view(answer).substr(0, cut));
                if (with_reset) {
                    connection.reset();
                }
            });
            CHECK(tried.verdict == Verdict::failed);
            CHECK(tried.reason.find("SERVER") != std::string::npos);
        }
    }
}

TEST_CASE("a stream's beginning cut off at any byte is a failure with a reason") {
    const std::string answer = header + plain_only;
    for (std::size_t cut = 0; cut < answer.size(); ++cut) {
        CAPTURE(cut);
        const Tried tried = login([&](ScriptedConnection& connection) {
            take_header(connection);
            connection.send(std::string_view(answer).substr(0, cut));
        });
        CHECK(tried.verdict == Verdict::failed);
        CHECK(tried.reason.find("SERVER") != std::string::npos);
    }
}
