#include "schemas/definitions_schema.hpp"

#include <algorithm>
#include <set>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "schemas/definition_reader.hpp"
#include "schemas/schema_files.hpp"
#include "tests/unit/schemas/fake_catalog.hpp"

using namespace slimtax::schemas;
using Json = nlohmann::json;

namespace {

/// The keys that the reader knows in a table, as it lists them when it meets one that is far from all of them.
std::set<std::string> keys_of_reader(const std::string& text) {
    constexpr std::string_view mark = "unknown key 'zzzzzzzzzzzzzzzzzzzz'";
    for (const Problem& problem : read_definition(text, "f.toml", fake_catalog()).problems) {
        if (!problem.message.starts_with(mark)) {
            continue;
        }
        REQUIRE(problem.hint.starts_with("there are "));
        std::string list = problem.hint.substr(10);
        if (const std::size_t last = list.rfind(" and "); last != std::string::npos) {
            list.replace(last, 5, ", ");
        }
        std::set<std::string> keys;
        for (std::size_t at = 0; at < list.size();) {
            const std::size_t end = std::min(list.size(), list.find(", ", at));
            keys.insert(list.substr(at, end - at));
            at = end + 2;
        }
        return keys;
    }
    FAIL("the reader took an unknown key in\n" << text);
    return {};
}

std::set<std::string> keys_of(const Json& object) {
    std::set<std::string> keys;
    for (const auto& [key, value] : object.at("properties").items()) {
        keys.insert(key);
    }
    return keys;
}

}  // namespace

TEST_CASE("the editor's schema knows exactly the keys that the reader knows") {
    const Json schema = Json::parse(definitions_schema(fake_catalog()));
    const Json& defs = schema.at("$defs");
    const std::string bad = "zzzzzzzzzzzzzzzzzzzz = 1\n";
    struct Row {
        const char* what;
        std::string text;
        const Json& object;
    };
    const Json& objective = defs.at("objective").at("properties");
    const Row rows[] = {
        {"file", bad, schema},
        {"service", "[service]\n" + bad, defs.at("service")},
        {"window", "[window]\n" + bad, defs.at("window")},
        {"maintenance", "[[window.maintenance]]\n" + bad,
         defs.at("window").at("properties").at("maintenance").at("items")},
        {"objective", "[[objective]]\n" + bad, defs.at("objective")},
        {"locations", "[[objective]]\n[objective.locations]\n" + bad, objective.at("locations")},
        {"band", "[[objective]]\n[[objective.bands]]\n" + bad, objective.at("bands").at("items")},
        {"probe", "[[probe]]\n" + bad, defs.at("probe")},
        {"step http.get", "[[probe]]\n[[probe.step]]\ndo = \"http.get\"\n" + bad, defs.at("step http.get")},
        {"step dns.query", "[[probe]]\n[[probe.step]]\ndo = \"dns.query\"\n" + bad, defs.at("step dns.query")},
    };
    for (const Row& row : rows) {
        CAPTURE(row.what);
        CHECK(keys_of(row.object) == keys_of_reader(row.text));
    }
}

TEST_CASE("every operation has its case, with its parameters described") {
    const Json schema = Json::parse(definitions_schema(fake_catalog()));
    const Json& step = schema.at("$defs").at("step");
    CHECK(step.at("properties").at("do").at("enum").size() == fake_catalog().size());
    CHECK(step.at("then").at("allOf").size() == fake_catalog().size());
    const Json& get = schema.at("$defs").at("step http.get");
    CHECK(get.at("required") == Json::array({"do"}));  // the target may fill the address
    CHECK(get.at("properties").at("redirects").at("default") == 5);
    CHECK(get.at("properties").at("redirects").at("anyOf").at(0).at("maximum") == 20);
    CHECK(get.at("properties").at("url").at("examples") == Json::array({"https://${target}/"}));
    CHECK(get.at("properties").at("verify").at("description") == "Check the certificate.");
    CHECK(get.at("properties").at("timeout").at("description") == "How long this step may take.");
    CHECK(get.at("properties").at("timeout").contains("pattern"));
    const Json& connect = schema.at("$defs").at("step tcp.connect");
    CHECK(connect.at("required") == Json::array({"do", "port"}));
    const Json& bind = schema.at("$defs").at("step ldap.bind");
    CHECK(bind.at("properties").at("tls").at("anyOf").at(0).at("enum") == Json::array({"none", "starttls", "ldaps"}));
    CHECK(bind.at("properties").at("expect") == false);
}

TEST_CASE("the editor knows which parameters exclude each other, and of which one is needed") {
    const Json schema = Json::parse(definitions_schema(fake_catalog()));
    const Json& defs = schema.at("$defs");
    const Json both = Json::array({{{"required", {"form", "body"}}}});
    CHECK(defs.at("step http.post").at("allOf") == Json::array({{{"not", {{"anyOf", both}}}}}));
    const Json signs = Json::array({{{"required", {"name"}}}, {{"required", {"command"}}}});
    CHECK(defs.at("step process.exists").at("allOf") == Json::array({{{"anyOf", signs}}}));
    const Json places = Json::array({{{"required", {"port"}}}, {{"required", {"path"}}}});
    CHECK(defs.at("step socket.listening").at("allOf") == Json::array({{{"oneOf", places}}}));
    CHECK_FALSE(defs.at("step http.get").contains("allOf"));
}

TEST_CASE("an array of patterns is one to the editor, too") {
    const Json schema = Json::parse(definitions_schema(fake_catalog()));
    const Json& replies = schema.at("$defs").at("step tcp.exchange").at("properties").at("replies");
    CHECK(replies.at("type") == "array");
    CHECK(replies.at("items") == Json{{"type", "string"}, {"format", "regex"}});
}

TEST_CASE("every key of every step is explained beside the choice of the operation, too") {
    const Json schema = Json::parse(definitions_schema(fake_catalog()));
    const Json& keys = schema.at("$defs").at("step").at("properties");
    const Json& operation = keys.at("do");
    CHECK(operation.at("x-taplo").at("docs").at("enumValues").size() == operation.at("enum").size());
    CHECK(keys.at("within") == Json{{"description", "Slower than this is slow, not failed."}});
    CHECK(keys.at("match").at("description") == "http.get: Must be found in the body.\n\nlog.count: What to count.");
    CHECK(keys.at("port").at("description") ==
          "ldap.bind, ldap.search, socket.listening, ssh.login, tcp.connect, tcp.exchange, xmpp.login: The port.");
    const std::string name = keys.at("name").at("description");
    CHECK(name.starts_with("What the transcript calls this step"));
    CHECK(name.ends_with("process.exists: The process's name."));
}

TEST_CASE("the report's schema is JSON and built into the program") {
    const Json schema = Json::parse(embedded::report_schema_json);
    CHECK(schema.at("title") == "slimtax report");
}
