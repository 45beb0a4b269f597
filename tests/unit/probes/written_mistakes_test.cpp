// What `check` says of parameters that are texts in TOML's eyes, and no sizes, addresses or hashes in the operation's:
// a mistake in a file is told when the file is read, and not as a run that fails.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "probes/registry.hpp"
#include "schemas/definition_reader.hpp"

using namespace slimtax;

namespace {

std::vector<std::string> said_of(const std::string& step, schemas::Problem::Kind kind = schemas::Problem::Kind::error) {
    const std::string text =
        "[service]\nid = \"t\"\n[[objective]]\nid = \"o\"\nlevel = \"A1\"\nbudget = \"50 min per week\"\n"
        "recovery = \"15 min\"\n[[probe]]\nid = \"p\"\nlevel = \"A1\"\ntargets = [\"www1\"]\nevery = \"60s\"\n"
        "timeout = \"5s\"\n[[probe.step]]\n" +
        step + "\n";
    std::vector<std::string> said;
    for (const schemas::Problem& problem : schemas::read_definition(text, "t.toml", probes::catalog()).problems) {
        if (problem.kind == kind) {
            said.push_back(problem.message);
        }
    }
    return said;
}

}  // namespace

TEST_CASE("texts that an operation cannot read are mistakes of the file") {
    struct Row {
        std::string step;
        std::string said;
    };
    const std::vector<Row> rows{
        {"do = \"file.check\"\nfile = \"/x\"\nmin_size = \"1 XB\"", "min_size: expected"},
        {"do = \"file.check\"\nfile = \"/x\"\nmax_size = \"big\"", "max_size: expected"},
        {"do = \"file.check\"\nfile = \"/x\"\nmode = \"rw-r--r--\"", "mode: \"rw-r--r--\" is no octal number"},
        {"do = \"file.check\"\nfile = \"/x\"\nmode = \"0999\"", "mode: \"0999\" is no octal number"},
        {"do = \"file.check\"\nfile = \"/x\"\nsha256 = \"abc\"", "sha256: \"abc\" is no SHA-256 hash"},
        {"do = \"command.run\"\nargv = [\"/bin/true\"]\nexit = \"zero\"", "exit: \"zero\" is no list of exit codes"},
        {"do = \"http.get\"\nstatus = \"OK\"", "status: \"OK\" is no list of statuses"},
        {"do = \"http.page\"\nurl = \"gopher://www1/\"", "url: \"gopher\" is not http or https"},
        {"do = \"http.get\"\nurl = \"http://www1:99999/\"", "is no URL"},
        {"do = \"counter.http\"\nnumber = \"jsn('/n')\"", "number: "},
        {"do = \"dns.query\"\nname = \"im..campus.test\"", "name: \"im..campus.test\" is no valid name"},
        {"do = \"ldap.search\"\nfilter = \"(uid=x\"", "filter: \"(uid=x\" is no LDAP filter"},
        {"do = \"ldap.search\"\nfilter = \"uid\"", "filter: \"uid\" is no LDAP filter"},
        {"do = \"ldap.bind\"\ndn = \"cn=x\"", "an LDAP bind with a dn needs a password"},
        {"do = \"ldap.bind\"\ncertificate = \"${secret:c}\"\nkey = \"${secret:k}\"", "a certificate is shown in TLS"},
        {"do = \"ssh.login\"\nuser = \"u\"", "step ssh.login lacks 'password', 'key' or 'key_file'"},
        {"do = \"ssh.login\"\nuser = \"u\"\nkey_file = \"/k\"\nhost_key = \"SHA256:short\"", "is no fingerprint"},
        {"do = \"ssh.login\"\nuser = \"u\"\nkey_file = \"/k\"\nhost_key = \"nonsense\"", "is no host key"},
        {"do = \"ssh.run\"\ncommand = \"true\"\nkey_file = \"/k\"", "a password or key needs the user"},
        {"do = \"ssh.run\"\ncommand = \"true\"\nuser = \"u\"", "a user needs a password, key or key_file"},
        {"do = \"tcp.exchange\"\nport = 1\nsend = [\"a\"]\nreplies = ['a', 'b']", "there are 2 `replies` to 1 text in"},
        {"do = \"unix.exchange\"\npath = \"/s\"\nreplies = ['a']", "there are 1 `replies` to 0 texts in"},
        {"do = \"websocket.exchange\"\nreplies = ['a']", "there are 1 `replies` to 0 texts in"},
        {"do = \"redis.ping\"\nuser = \"u\"", "a user of Redis needs a password"},
        {"do = \"xmpp.login\"\nuser = \"probe\"\npassword = \"${secret:x}\"", "user: \"probe\" is no user@domain"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.step);
        const auto said = said_of(row.step);
        REQUIRE(said.size() == 1);
        CAPTURE(said.front());
        CHECK(said.front().find(row.said) != std::string::npos);
    }
}

TEST_CASE("texts that an operation can read, or that are known only when it runs, are none") {
    const std::vector<std::string> steps{
        "do = \"file.check\"\nfile = \"/x\"\nmin_size = \"1 MB\"\nmode = \"0640\"",
        "do = \"command.run\"\nargv = [\"/bin/true\"]\nexit = \"0, 2-3\"",
        "do = \"http.get\"\nurl = \"www1/path\"\nstatus = \"200, 301-303, 4xx\"",
        "do = \"http.get\"\nurl = \"${target}/path\"",
        "do = \"counter.http\"\nnumber = 'json(\"/n\")'",
        "do = \"dns.query\"\nname = \"${target}\"",
        "do = \"ldap.search\"\nfilter = \"(&(uid=x)(!(cn=\\\\28*)))\"",
        "do = \"ldap.bind\"\npath = \"/run/ldapi\"\nmechanism = \"external\"",
        "do = \"ldap.bind\"\ntls = \"ldaps\"\ncertificate = \"${secret:c}\"\nkey = \"${secret:k}\"",
        "do = \"ssh.login\"\nuser = \"u\"\nkey_file = \"/k\"\n"
        "host_key = \"SHA256:uNiVztksCsDhcc0u9e8BrwQFXb6sh6Vq5fGuY0GdSks\"",
        "do = \"ssh.run\"\ncommand = \"true\"",
        "do = \"tcp.exchange\"\nport = 1\nsend = [\"a\", \"b\"]\nreplies = ['a']",
        "do = \"file.check\"\nfile = \"/x\"\nmin_size = \"${location}\"",
    };
    for (const std::string& step : steps) {
        CAPTURE(step);
        for (const std::string& said : said_of(step)) {
            FAIL_CHECK(said);
        }
    }
}

TEST_CASE("a password in the file is advised against") {
    constexpr auto advice = schemas::Problem::Kind::advice;
    const auto said = said_of("do = \"imap.login\"\nuser = \"u\"\npassword = \"hush\"", advice);
    REQUIRE(said.size() == 1);
    CHECK(said.front() == "'password' stands in the file for all to read");
    CHECK(said_of("do = \"imap.login\"\nuser = \"u\"\npassword = \"${secret:mail}\"", advice).empty());
}
