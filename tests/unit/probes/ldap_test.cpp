#include <doctest/doctest.h>

#include <fstream>
#include <iterator>

#include "tests/unit/probes/campus_server.hpp"
#include "tests/unit/probes/certificates.hpp"
#include "tests/unit/probes/step_runner.hpp"

using namespace slimtax::probes;
using slimtax::schemas::Verdict;
using namespace std::chrono_literals;

namespace {

struct Directory {
    std::uint16_t tls_port;
    CampusServer server;

    explicit Directory(const std::string& cert = "server")
        : tls_port(free_port()),
          server("slapd", {"certificates=" + certificates(), "cert=" + cert, "tls_port=" + std::to_string(tls_port)}) {}
};

// One slapd for all tests of this file that do not harm it.
const Directory& directory() {
    static const Directory one;
    return one;
}

// Host, port and trust; `tls` decides the port.
StepRunner::Values at(const Directory& where, const std::string& tls = "none") {
    return {{"host", "127.0.0.1"},
            {"port", tls == "ldaps" ? std::to_string(where.tls_port) : where.server.port_text()},
            {"tls", tls},
            {"ca_file", certificate("ca.pem")}};
}

StepRunner::Values as_user(StepRunner::Values values, const std::string& password = "pw-u001") {
    values["dn"] = "uid=u001,ou=people,dc=campus,dc=test";
    values["password"] = password;
    return values;
}

StepRunner::Values people(StepRunner::Values values, const std::string& filter) {
    values["base"] = "ou=people,dc=campus,dc=test";
    values["filter"] = filter;
    return values;
}

Ran ldap(StepRunner& runner, std::string_view step, const StepRunner::Values& values = {},
         std::chrono::milliseconds timeout = 20s) {
    return runner.run("ldap." + std::string(step), values, timeout);
}

}  // namespace

TEST_CASE("a user binds in the clear, by StartTLS and by ldaps") {
    for (const char* tls : {"none", "starttls", "ldaps"}) {
        CAPTURE(tls);
        StepRunner runner;
        const Ran bind = ldap(runner, "bind", as_user(at(directory(), tls)));
        CHECK(bind.outcome.reason == "");
        REQUIRE(bind.outcome.verdict == Verdict::ok);
        CHECK(bind.timing("lookup"));
        CHECK(bind.timing("connect"));
        CHECK(bind.timing("bind"));
        CHECK(bind.timing("tls").has_value() == (std::string(tls) != "none"));
        CHECK(bind.said().find("pw-u001") == std::string::npos);
        const Ran search = ldap(runner, "search", people(at(directory(), tls), "(uid=u007)"));
        CHECK(search.outcome.reason == "");
        CHECK(search.number("entries") == 1);
        CHECK_FALSE(search.timing("connect"));  // on the bind's connection
        CHECK(ldap(runner, "unbind").outcome.verdict == Verdict::ok);
    }
    CHECK(directory().server.read("log").find("UNBIND") != std::string::npos);
}

TEST_CASE("a wrong password is told in words and never shown") {
    StepRunner runner;
    const Ran bind = ldap(runner, "bind", as_user(at(directory()), "wrong-secret"));
    CHECK(bind.outcome.verdict == Verdict::failed);
    CHECK(bind.outcome.reason ==
          "LDAP bind to 127.0.0.1:" + directory().server.port_text() + " refused: invalid credentials (49)");
    CHECK(bind.said().find("wrong-secret") == std::string::npos);
    CHECK(ldap(runner, "unbind").outcome.verdict == Verdict::ok);
}

TEST_CASE("a bind with a name and no password is refused by us: a server would let it in as nobody") {
    StepRunner runner;
    const Ran empty = ldap(runner, "bind", as_user(at(directory()), ""));
    CHECK(empty.outcome.verdict == Verdict::prober_fault);
    CHECK(empty.outcome.reason.find("needs a password") != std::string::npos);
    StepRunner::Values nameless = at(directory());
    nameless["password"] = "x";
    CHECK(ldap(runner, "bind", nameless).outcome.verdict == Verdict::prober_fault);
    const Ran anonymous = ldap(runner, "bind", at(directory()));
    CHECK(anonymous.outcome.verdict == Verdict::ok);
}

TEST_CASE("a search finds entries, values and nothing") {
    StepRunner runner;
    const std::string where = "127.0.0.1:" + directory().server.port_text();
    {
        StepRunner::Values query = people(at(directory()), "(mail=u007@campus.test)");
        query["attributes"] = "mail";
        const Ran one = ldap(runner, "search", query);
        REQUIRE(one.outcome.reason == "");
        CHECK(one.number("entries") == 1);
        CHECK(one.text("dn") == "uid=u007,ou=people,dc=campus,dc=test");
        CHECK(one.text("value") == "u007@campus.test");
        CHECK(one.text("values") == "u007@campus.test");
        CHECK_FALSE(one.flag("truncated"));
        CHECK(one.timing("search"));
        CHECK_FALSE(one.timing("bind"));
    }
    const Ran all = ldap(runner, "search", people(at(directory()), "(objectClass=inetOrgPerson)"));
    CHECK(all.number("entries") == 20);
    const Ran nobody = ldap(runner, "search", people(at(directory()), "(uid=nobody)"));
    CHECK(nobody.outcome.verdict == Verdict::ok);
    CHECK(nobody.number("entries") == 0);
    CHECK(nobody.text("dn") == "");
    {
        StepRunner::Values query = people(at(directory()), "(objectClass=inetOrgPerson)");
        query["limit"] = "5";
        const Ran some = ldap(runner, "search", query);
        CHECK(some.outcome.reason == "");
        CHECK(some.number("entries") == 5);
        CHECK(some.flag("truncated"));
    }
    {
        StepRunner::Values query = people(at(directory()), "(objectClass=*)");
        query["scope"] = "base";
        CHECK(ldap(runner, "search", query).text("dn") == "ou=people,dc=campus,dc=test");
    }
    {
        StepRunner::Values query = at(directory());
        query["base"] = "ou=nowhere,dc=campus,dc=test";
        const Ran missing = ldap(runner, "search", query);
        CHECK(missing.outcome.verdict == Verdict::failed);
        CHECK(missing.outcome.reason ==
              "LDAP search below 'ou=nowhere,dc=campus,dc=test' at " + where + " refused: no such object (32)");
    }
    const Ran bad = ldap(runner, "search", people(at(directory()), "(uid="));
    CHECK(bad.outcome.verdict == Verdict::prober_fault);
    CHECK(bad.outcome.reason == "the LDAP filter '(uid=' is not a filter; it must look like (uid=x)");
}

TEST_CASE("a search with a name of its own binds first, whoever is bound already") {
    StepRunner runner;
    REQUIRE(ldap(runner, "bind", at(directory())).outcome.verdict == Verdict::ok);
    const Ran own = ldap(runner, "search", as_user(people(at(directory()), "(uid=u001)")));
    CHECK(own.number("entries") == 1);
    CHECK(own.timing("bind"));
    const Ran refused = ldap(runner, "search", as_user(people(at(directory()), "(uid=u001)"), "wrong"));
    CHECK(refused.outcome.reason.find("invalid credentials (49)") != std::string::npos);
    REQUIRE(ldap(runner, "bind", as_user(at(directory()))).outcome.verdict == Verdict::ok);
    const Ran shared = ldap(runner, "search", as_user(people(at(directory()), "(uid=u001)")));
    CHECK(shared.number("entries") == 1);
    CHECK_FALSE(shared.timing("bind"));
    StepRunner::Values elsewhere = people(at(directory()), "(uid=u001)");
    elsewhere["host"] = "localhost";
    CHECK(ldap(runner, "search", elsewhere).timing("connect"));
}

TEST_CASE("a certificate that does not fit ends the step before the password is sent") {
    for (const auto& [file, words] : std::vector<std::pair<std::string, std::string>>{
             {"expired", "expired on"}, {"wrong-name", "elsewhere.test"}, {"self-signed", "self-signed"}}) {
        const Directory bad(file);
        for (const char* tls : {"starttls", "ldaps"}) {
            CAPTURE(file);
            CAPTURE(tls);
            StepRunner runner;
            const Ran bind = ldap(runner, "bind", as_user(at(bad, tls)));
            CHECK(bind.outcome.verdict == Verdict::failed);
            CHECK(bind.outcome.reason.find(words) != std::string::npos);
            CHECK(bind.outcome.reason.find("127.0.0.1") != std::string::npos);
            StepRunner::Values trusting = as_user(at(bad, tls));
            trusting["verify"] = "false";
            CHECK(ldap(runner, "bind", trusting).outcome.verdict == Verdict::ok);
        }
        // Only the trusting ones came so far.
        std::size_t binds = 0;
        const std::string log = bad.server.read("log");
        for (auto found = log.find(" BIND dn="); found != std::string::npos; found = log.find(" BIND dn=", found + 1)) {
            ++binds;
        }
        CHECK(binds == 4);  // two lines each: the request, and what it was mapped to
    }
}

TEST_CASE("a directory that hangs is a time-out that tells what was waited for") {
    const Directory frozen;
    StepRunner runner;
    REQUIRE(ldap(runner, "bind", as_user(at(frozen))).outcome.reason == "");
    frozen.server.freeze();
    const std::string server = "LDAP server 127.0.0.1:" + frozen.server.port_text();
    const Ran search = ldap(runner, "search", people(at(frozen), "(uid=u001)"), 200ms);
    CHECK(search.outcome.verdict == Verdict::timeout);
    CHECK(search.outcome.reason == server + " did not answer the search within 200 ms");
    CHECK(ldap(runner, "bind", as_user(at(frozen)), 200ms).outcome.reason ==
          server + " did not answer the bind request within 200 ms");
    CHECK(ldap(runner, "bind", as_user(at(frozen, "starttls")), 200ms).outcome.reason ==
          server + " did not agree to start TLS within 200 ms");
    CHECK(ldap(runner, "bind", as_user(at(frozen, "ldaps")), 200ms).outcome.reason ==
          "LDAP server 127.0.0.1:" + std::to_string(frozen.tls_port) +
              " did not finish the TLS handshake within 200 ms");
    frozen.server.thaw();
    CHECK(ldap(runner, "bind", as_user(at(frozen))).outcome.reason == "");
}

TEST_CASE("a client's certificate binds by SASL EXTERNAL, over ldaps and StartTLS") {
    const auto pem = [](const std::string& name) {
        std::ifstream file(certificate(name));
        return std::string(std::istreambuf_iterator<char>(file), {});
    };
    const auto external = [&](const std::string& tls, const std::string& shown, const std::string& key) {
        StepRunner::Values values = at(directory(), tls);
        values.emplace("mechanism", "external");
        values.emplace("certificate", shown);
        values.emplace("key", key);
        StepRunner runner;
        return ldap(runner, "bind", values);
    };
    const std::string ours = pem("client.pem");
    const std::string key = pem("client.key");
    CHECK(external("ldaps", ours, key).outcome.reason == "");
    CHECK(external("starttls", ours + pem("ca.pem"), key).outcome.reason == "");
    const Ran stranger = external("ldaps", pem("self-signed.pem"), pem("self-signed.key"));
    CHECK(stranger.outcome.verdict == Verdict::failed);
    const std::string own_side[] = {
        external("ldaps", ours, pem("server.key")).outcome.reason, external("ldaps", "no PEM", key).outcome.reason,
        external("ldaps", ours, "no PEM").outcome.reason, external("none", ours, key).outcome.reason,
        external("ldaps", ours, "").outcome.reason};
    CHECK(own_side[0] == "the key of our own certificate for TLS belongs to another certificate");
    CHECK(own_side[1] == "our own certificate for TLS cannot be read: it must be a text of PEM that begins with it");
    CHECK(own_side[2] ==
          "the key of our own certificate for TLS cannot be read: it must be a text of PEM, not encrypted");
    CHECK(own_side[3] == "a certificate is shown in TLS: set tls = \"starttls\" or \"ldaps\"");
    CHECK(own_side[4] == own_side[2]);
    StepRunner nobody;
    StepRunner::Values without = at(directory(), "ldaps");
    without.emplace("mechanism", "external");
    CHECK(ldap(nobody, "bind", without).outcome.verdict == Verdict::failed);
}

TEST_CASE("a user of this machine binds by SASL EXTERNAL at the directory's Unix socket") {
    const CampusServer server("slapd", {"socket=yes"});
    const std::string path = (server.folder() / "ldapi").string();
    StepRunner runner;
    const Ran bind = ldap(runner, "bind", {{"path", path}, {"mechanism", "external"}});
    CHECK(bind.outcome.reason == "");
    CHECK(bind.timing("connect"));
    CHECK(bind.timing("bind"));
    CHECK_FALSE(bind.timing("lookup"));
    // Nobody but the administrator sees passwords.
    const StepRunner::Values look{{"path", path},
                                  {"base", "uid=u001,ou=people,dc=campus,dc=test"},
                                  {"scope", "base"},
                                  {"attributes", "userPassword"}};
    const Ran search = ldap(runner, "search", look);
    CHECK(search.outcome.reason == "");
    CHECK_FALSE(search.timing("connect"));
    CHECK(search.text("value") == "pw-u001");
    StepRunner other;
    CHECK(ldap(other, "search", look).text("value") == "");

    const Ran by_tcp =
        ldap(other, "bind", {{"host", "127.0.0.1"}, {"port", server.port_text()}, {"mechanism", "external"}});
    CHECK(by_tcp.outcome.verdict == Verdict::failed);
    CHECK(by_tcp.outcome.reason.starts_with("LDAP bind to 127.0.0.1:" + server.port_text() + " refused: "));
    const Ran missing = ldap(other, "bind", {{"path", path + ".no"}, {"mechanism", "external"}});
    CHECK(missing.outcome.verdict == Verdict::failed);
    CHECK(missing.outcome.reason == "there is no socket " + path + ".no");
    CHECK(ldap(other, "bind", {{"mechanism", "external"}}).outcome.verdict == Verdict::prober_fault);
    CHECK(ldap(other, "bind", {{"path", path}, {"mechanism", "external"}, {"dn", "cn=x"}, {"password", "y"}})
              .outcome.verdict == Verdict::prober_fault);
}
