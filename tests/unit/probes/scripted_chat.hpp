// A chat server that follows a script, and a user who logs in to it.
#pragma once

#include <chrono>
#include <string>

#include <doctest/doctest.h>

#include "tests/unit/probes/certificates.hpp"
#include "tests/unit/probes/scripted_server.hpp"
#include "tests/unit/probes/step_runner.hpp"

namespace slimtax::probes {

using schemas::Verdict;
using namespace std::chrono_literals;

inline const std::string header =
    "<?xml version='1.0'?><stream:stream xmlns='jabber:client' "
    "xmlns:stream='http://etherx.jabber.org/streams' id='s1' from='campus.test' version='1.0'>";
inline const std::string ns_sasl = "urn:ietf:params:xml:ns:xmpp-sasl";

inline std::string features(const std::string& inside) {
    return "<stream:features>" + inside + "</stream:features>";
}

inline std::string mechanisms(const std::string& names) {
    return features("<mechanisms xmlns='" + ns_sasl + "'>" + names + "</mechanisms>");
}
inline const std::string plain_only = mechanisms("<mechanism>PLAIN</mechanism>");
inline const std::string scram_only = mechanisms("<mechanism>SCRAM-SHA-256</mechanism>");
inline const std::string bindable = features("<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>");

inline void take_header(ScriptedConnection& connection) {
    connection.read_until("http://etherx.jabber.org/streams'>");
}

/// The server's side up to the point where the login is accepted.
inline void let_in(ScriptedConnection& connection) {
    take_header(connection);
    connection.send(header + plain_only);
    connection.read_until("</auth>");
    connection.send("<success xmlns='" + ns_sasl + "'/>");
    take_header(connection);
    connection.send(header + bindable);
}

inline void bind_session(ScriptedConnection& connection) {
    let_in(connection);
    connection.read_until("</iq>");
    connection.send(
        "<iq type='result' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"
        "<jid>u@campus.test/x</jid></bind></iq>");
}

inline StepRunner::Values account(std::uint16_t port, const std::string& tls = "none") {
    return {{"user", "u@campus.test"},
            {"password", "hunter2-secret"},
            {"host", "127.0.0.1"},
            {"port", std::to_string(port)},
            {"tls", tls},
            {"ca_file", certificate("ca.pem")}};
}

struct Tried {
    Verdict verdict;
    std::string reason;  ///< the server's address replaced by SERVER
};

inline std::string without_address(std::string text, std::uint16_t port) {
    const std::string address = "127.0.0.1:" + std::to_string(port);
    for (auto at = text.find(address); at != std::string::npos; at = text.find(address)) {
        text.replace(at, address.size(), "SERVER");
    }
    return text;
}

/// One login against a server that follows the script.
inline Tried login(const ScriptedServer::Script& script, const std::string& tls = "none",
                   std::chrono::milliseconds timeout = 10s) {
    const ScriptedServer server(script);
    StepRunner runner;
    const Ran ran = runner.run("xmpp.login", account(server.port(), tls), timeout);
    CHECK(ran.said().find("hunter2") == std::string::npos);
    return {ran.outcome.verdict, without_address(ran.outcome.reason, server.port())};
}

/// One step after a good login.
inline Tried after_login(const std::string& step, const ScriptedServer::Script& script,
                         std::chrono::milliseconds timeout = 10s) {
    const ScriptedServer server([&script](ScriptedConnection& connection) {
        bind_session(connection);
        script(connection);
    });
    StepRunner runner;
    const Ran entered = runner.run("xmpp.login", account(server.port()));
    REQUIRE(entered.outcome.reason == "");
    const Ran ran = runner.run("xmpp." + step, {}, timeout);
    CHECK(ran.said().find("hunter2") == std::string::npos);
    return {ran.outcome.verdict, without_address(ran.outcome.reason, server.port())};
}

}  // namespace slimtax::probes
