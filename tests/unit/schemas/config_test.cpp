#include "schemas/config.hpp"

#include <doctest/doctest.h>

#include "tests/unit/schemas/folder.hpp"

using namespace slimtax::schemas;

namespace {

std::optional<std::string> some_secrets(const std::string& variable) {
    if (variable == "SLIMTAX_SECRET_PROBER_TOKEN") {
        return "t0ken-value";
    }
    if (variable == "SLIMTAX_SECRET_VIEWER_PASSWORD") {
        return "viewer-pass";
    }
    return std::nullopt;
}

constexpr const char* whole = R"(definitions = "owners"
[prober]
name = "noc-1"
location = "noc"
reporter = "http://127.0.0.1:8080/"
token = "${secret:prober-token}"
spool = "/var/spool/slimtax"
spool_limit = "512 MiB"
listen = "127.0.0.1:9464"
dns_servers = ["127.0.0.1:5353", "10.0.0.1"]
[secrets]
directory = "secrets"
[reporter]
store = "deep/results.sqlite"
listen = "[::]:8080"
[[reporter.prober]]
name = "noc-1"
location = "noc"
token = "${secret:prober-token}"
[[reporter.viewer]]
name = "managers"
password = "${secret:viewer-password}"
)";

std::string said(const Problems& problems) {
    std::string text;
    for (const Problem& problem : problems) {
        text += to_string(problem) + "\n";
    }
    return text;
}

bool holds(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a configuration is read by both programs, each its own table") {
    const Folder folder;
    const auto file = folder.write("slimtax.toml", whole);
    const auto prober = read_prober_config(file, some_secrets);
    REQUIRE_MESSAGE(prober.config, said(prober.problems));
    CHECK(prober.problems.empty());
    CHECK(prober.config->definitions == folder.path() / "owners");
    CHECK(prober.config->name == "noc-1");
    CHECK(prober.config->location == "noc");
    CHECK(prober.config->reporter == "http://127.0.0.1:8080");
    CHECK(prober.config->token == "t0ken-value");
    CHECK(prober.config->spool == "/var/spool/slimtax");
    CHECK(prober.config->spool_limit == 512ULL * 1024 * 1024);
    REQUIRE(prober.config->listen);
    CHECK(prober.config->listen->text() == "127.0.0.1:9464");
    CHECK(prober.config->dns_servers == std::vector<std::string>{"127.0.0.1:5353", "10.0.0.1"});
    CHECK_FALSE(prober.config->ca_file);
    CHECK(prober.config->secrets->redactor().redact("t0ken-value") == "[secret]");

    const auto reporter = read_reporter_config(file, some_secrets);
    REQUIRE_MESSAGE(reporter.config, said(reporter.problems));
    CHECK(reporter.config->store == folder.path() / "deep/results.sqlite");
    CHECK(reporter.config->listen.text() == "[::]:8080");
    CHECK(reporter.config->listen.host == "::");
    REQUIRE(reporter.config->probers.size() == 1);
    CHECK(reporter.config->probers[0].token == "t0ken-value");
    REQUIRE(reporter.config->viewers.size() == 1);
    CHECK(reporter.config->viewers[0].password == "viewer-pass");
}

TEST_CASE("what is left out has its default") {
    const Folder folder;
    const auto file = folder.write("slimtax.toml",
                                   "[prober]\nname = \"a\"\nlocation = \"b\"\nreporter = \"https://r\"\n"
                                   "token = \"${secret:prober-token}\"\n[reporter]\n");
    const auto prober = read_prober_config(file, some_secrets);
    REQUIRE_MESSAGE(prober.config, said(prober.problems));
    CHECK(prober.config->definitions == folder.path() / "definitions");
    CHECK(prober.config->spool == folder.path() / "spool");
    CHECK(prober.config->spool_limit == 2'000'000'000);
    CHECK_FALSE(prober.config->listen);
    const auto reporter = read_reporter_config(file, some_secrets);
    REQUIRE(reporter.config);
    CHECK(reporter.config->store == folder.path() / "results.sqlite");
    CHECK(reporter.config->listen.text() == "127.0.0.1:8080");
}

TEST_CASE("all mistakes of a prober's configuration are said at once, each with its place") {
    const Folder folder;
    const auto file = folder.write("slimtax.toml", R"(definitons = "x"
[prober]
name = "noc 1"
reporter = "reporter.example"
token = "${secret:missing}"
spool_limit = "2 parsecs"
listen = "9464"
ca_file = "no-such.pem"
dns_servers = ["::1:53:"]
spol = "x"
)");
    const auto read = read_prober_config(file, some_secrets);
    CHECK_FALSE(read.config);
    const std::string text = said(read.problems);
    for (const char* part :
         {":1:1: error: unknown key 'definitons' in this file (did you mean 'definitions'?)",
          ":2:1: error: [prober] lacks 'location', expected an id", ":3:8: error: 'noc 1' cannot be an id",
          ":4:12: error: expected an address such as", ":5:9: error: token: the secret 'missing' is not there",
          ":6:15: error: spool_limit: expected a size such as", ":7:10: error: listen: expected an address and port",
          ":8:11: error: there is no file", ":9:15: error: dns_servers: expected an address and port",
          ":10:1: error: unknown key 'spol' in [prober] (did you mean 'spool'?)"}) {
        CHECK_MESSAGE(holds(text, part), part << "\nis not in\n" << text);
    }
    CHECK(read.problems.size() == 10);
}

TEST_CASE("a reporter that other machines can reach needs viewers") {
    const Folder folder;
    for (const std::string listen : {"0.0.0.0:8080", "10.1.2.3:80", "[::]:8080", "reporter.example:8080"}) {
        CAPTURE(listen);
        const auto read = read_reporter_config(
            folder.write("slimtax.toml", "[reporter]\nlisten = \"" + listen + "\"\n"), some_secrets);
        CHECK_FALSE(read.config);
        CHECK(holds(said(read.problems), "needs a [[reporter.viewer]]"));
    }
    for (const std::string listen : {"127.0.0.1:0", "127.1.2.3:80", "[::1]:8080", "localhost:8080"}) {
        CAPTURE(listen);
        const auto read = read_reporter_config(
            folder.write("slimtax.toml", "[reporter]\nlisten = \"" + listen + "\"\n"), some_secrets);
        CHECK_MESSAGE(read.config, said(read.problems));
    }
}

TEST_CASE("a token in the file itself is taken, with advice that does not repeat it") {
    const Folder folder;
    const auto read = read_reporter_config(
        folder.write("slimtax.toml",
                     "[reporter]\n[[reporter.prober]]\nname = \"a\"\nlocation = \"b\"\ntoken = \"plain-token\"\n"),
        some_secrets);
    REQUIRE(read.config);
    const std::string text = said(read.problems);
    CHECK(holds(text, "advice: 'token' stands in the file for all to read (write token = \"${secret:NAME}\")"));
    CHECK_FALSE(holds(text, "plain-token"));
    CHECK(read.config->secrets->redactor().redact("plain-token") == "[secret]");
}

TEST_CASE("two probers of one name, and a missing table or file, are errors") {
    const Folder folder;
    const std::string prober =
        "[[reporter.prober]]\nname = \"a\"\nlocation = \"b\"\ntoken = \"${secret:prober-token}\"\n";
    CHECK(holds(
        said(read_reporter_config(folder.write("two.toml", "[reporter]\n" + prober + prober), some_secrets).problems),
        ":7:8: error: there are two probers 'a'"));
    CHECK(holds(said(read_prober_config(folder.write("none.toml", ""), some_secrets).problems),
                ":1:1: error: this file lacks 'prober', expected a table"));
    CHECK(holds(said(read_prober_config(folder.path() / "absent.toml", some_secrets).problems),
                "absent.toml: error: cannot be read: No such file or directory"));
    CHECK(holds(said(read_prober_config(folder.path(), some_secrets).problems), "is a directory"));
}
