#include "schemas/toml_document.hpp"

#include <doctest/doctest.h>

using namespace slimtax::schemas;

namespace {

std::string place(Position at) {
    return std::to_string(at.line) + ":" + std::to_string(at.column);
}

/// The place where a document's only mistake stands.
std::string refused(const std::string& text) {
    Problems problems;
    CHECK(TomlDocument::parse(text, "f.toml", problems) == nullptr);
    REQUIRE(problems.size() == 1);
    return place(problems[0].at) + " " + problems[0].message;
}

}  // namespace

TEST_CASE("keys and values know their places, and tables keep the order of the file") {
    Problems problems;
    const auto document =
        TomlDocument::parse("z = 1\na = \"ü\"  \n[t]\n  inner = { y = true, b = 1.5 }\n", "f.toml", problems);
    REQUIRE(document);
    const auto* entries = document->root().as<TomlNode::Table>();
    REQUIRE(entries);
    REQUIRE(entries->size() == 3);
    CHECK(entries->at(0).key == "z");
    CHECK(entries->at(1).key == "a");
    CHECK(place(entries->at(1).key_at) == "2:1");
    CHECK(place(entries->at(1).node.at) == "2:5");
    CHECK(place(entries->at(2).node.at) == "3:1");
    const TomlNode* inner = entries->at(2).node.find("inner");
    REQUIRE(inner);
    CHECK(inner->as<TomlNode::Table>()->at(0).key == "y");
    CHECK(place(inner->find("b")->at) == "4:27");
    CHECK(inner->find("none") == nullptr);
    CHECK(inner->find("y")->find("deeper") == nullptr);
}

TEST_CASE("columns count code points, not bytes") {
    Problems problems;
    const auto document = TomlDocument::parse("t = { a = \"üöä✓😀\", b = 2 }", "f.toml", problems);
    REQUIRE(document);
    CHECK(place(document->root().find("t")->find("b")->at) == "1:24");
}

TEST_CASE("a place inside a string is found through escapes and line ends") {
    struct Row {
        std::string text;
        std::size_t offset;
        const char* at;
    };
    const Row rows[] = {
        {"a = \"plain\"", 0, "1:6"},
        {"a = \"plain\"", 3, "1:9"},
        {"a = 'C:\\dir'", 4, "1:10"},
        {"a = \"t\\tx\"", 2, "1:9"},
        {"a = \"q\\\"x\"", 1, "1:7"},
        {"a = \"\\u00fcx\"", 2, "1:12"},
        {"a = \"\\U0001F600x\"", 4, "1:16"},
        {"a = \"üx\"", 2, "1:7"},
        {"a = \"\"\"\nfirst\nsecond\"\"\"", 6, "3:1"},
        {"a = \"\"\"first\nsecond\"\"\"", 7, "2:2"},
        {"a = '''\nfirst\n  second'''", 8, "3:3"},
        {"a = \"\"\"one \\\n    two\"\"\"", 4, "2:5"},
        {"a = \"end\"", 3, "1:9"},
        {"a = \"end\"", 300, "1:10"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.text);
        CAPTURE(row.offset);
        Problems problems;
        const auto document = TomlDocument::parse(row.text, "f.toml", problems);
        REQUIRE(document);
        CHECK(place(document->position_in(*document->root().find("a"), row.offset)) == row.at);
    }
}

TEST_CASE("what is no TOML is refused with its place") {
    CHECK(refused("a = 1\nb = \"ü\xff\"") == "2:7 this byte is not UTF-8");
    CHECK(refused(std::string("a = 1\nb\0 = 2", 12)) == "2:2 a NUL byte cannot stand in a TOML file");
    CHECK(refused("a = 1\na = 2").starts_with("2:"));
    CHECK(refused("a = ").starts_with("1:"));
    CHECK(refused("[t\n").starts_with("1:3"));
    CHECK(refused("a = \"open").starts_with("1:"));
    CHECK(refused(std::string(5 * 1024 * 1024, '#')).starts_with("0:0 the file is larger than 1 MiB"));
    CHECK(refused("a = " + std::string(100'000, '[')).starts_with("1:"));
}

TEST_CASE("a key of endlessly many parts is refused before anybody walks them") {
    std::string key = "a";
    for (int i = 0; i < 500'000; ++i) {
        key += ".a";
    }
    CHECK(refused("[" + key + "]\n") == "1:33 this key has more than 16 parts");
    CHECK(refused("x = 1\n" + key + " = 1\n") == "2:32 this key has more than 16 parts");
    CHECK(refused("x = { " + key + " = 1 }\n") == "1:38 this key has more than 16 parts");
    // Dots elsewhere are nobody's business.
    Problems problems;
    const std::string dots(200, '.');
    CHECK(TomlDocument::parse("# " + dots + "\na = \"" + dots + "\\\"" + dots + "\"\nb = '" + dots + "'\nc = '''" +
                                  dots + "'" + dots + "'''\nd = [1.5, 2.5]\n\"e.f.g\".h.\"i\" = 1\n",
                              "f.toml", problems));
}

TEST_CASE("dates, times and their kinds are told apart") {
    using namespace std::chrono;
    Problems problems;
    const auto document = TomlDocument::parse(
        "d = 2026-12-25\nl = 2026-12-06T02:00:00.5\no = 2026-12-06T02:00:00Z\nt = 02:00:00\n", "f.toml", problems);
    REQUIRE(document);
    CHECK(*document->root().find("d")->as<year_month_day>() == year(2026) / 12 / 25);
    CHECK(*document->root().find("l")->as<TomlNode::LocalTime>() ==
          local_days(year(2026) / 12 / 6) + hours(2) + milliseconds(500));
    CHECK(document->root().find("o")->as<TomlNode::OtherTime>()->has_offset);
    CHECK_FALSE(document->root().find("t")->as<TomlNode::OtherTime>()->has_offset);
    CHECK(document->root().kind() == "a table");
}
