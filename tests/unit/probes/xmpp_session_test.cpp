// What a chat server may do after the login: other stanzas meanwhile, refusals, a goodbye that is or is not answered.
#include "tests/unit/probes/scripted_chat.hpp"

using namespace slimtax::probes;

TEST_CASE("the roster is found among other stanzas, and a ping is answered meanwhile") {
    std::string pong;
    const Tried tried = after_login("roster", [&pong](ScriptedConnection& c) {
        c.read_until("</iq>");
        c.send(
            "<presence from='a@b'/><iq type='result' id='other'/>"
            "<iq type='get' id='p&amp;1' from='campus.test'><ping xmlns='urn:xmpp:ping'/></iq>");
        pong = c.read_until("/>");
        c.send(
            "<iq type='result' id='roster1'><query xmlns='jabber:iq:roster'><item jid='a@b'/>"
            "<item jid='c@d'/><other/></query></iq>");
        c.hang();
    });
    CHECK(tried.reason == "");
    CHECK(pong == "<iq type='result' id='p&amp;1' to='campus.test'/>");
}

TEST_CASE("a roster that is refused or is none is a failure") {
    const auto answer = [](const std::string& iq) {
        return after_login("roster",
                           [iq](ScriptedConnection& c) {
                               c.read_until("</iq>");
                               c.send(iq);
                               c.hang();
                           })
            .reason;
    };
    CHECK(answer("<iq type='error' id='roster1'><error type='wait'>"
                 "<resource-constraint xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>") ==
          "XMPP server SERVER did not answer the roster request: resource constraint");
    CHECK(answer("<iq type='error' id='roster1'/>") ==
          "XMPP server SERVER did not answer the roster request: no reason given");
    CHECK(answer("<iq type='result' id='roster1'/>") ==
          "XMPP server SERVER answered the roster request without a roster");
}

TEST_CASE("a logout says goodbye and waits for the server's") {
    std::string heard;
    const Tried polite = after_login("logout", [&heard](ScriptedConnection& c) {
        heard = c.read_until("</stream:stream>");
        c.send("<message/></stream:stream>");
    });
    CHECK(polite.reason == "");
    CHECK(heard == "<presence type='unavailable'/></stream:stream>");
    const Tried curt = after_login("logout", [](ScriptedConnection& c) {
        c.read_until("</stream:stream>");
        c.close();
    });
    CHECK(curt.reason == "");
    const Tried deaf = after_login(
        "logout",
        [](ScriptedConnection& c) {
            c.read_until("</stream:stream>");
            c.hang();
        },
        200ms);
    CHECK(deaf.verdict == Verdict::timeout);
    CHECK(deaf.reason == "XMPP server SERVER did not close the stream within 200 ms");
}

TEST_CASE("a run that ends without a logout closes the connection") {
    std::string rest = "nothing yet";
    {
        const ScriptedServer server([&rest](ScriptedConnection& c) {
            bind_session(c);
            rest = c.read_until("never");
        });
        StepRunner runner;
        REQUIRE(runner.run("xmpp.login", account(server.port())).outcome.reason == "");
        runner.end_run();
    }
    CHECK(rest == "");
}
