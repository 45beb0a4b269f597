#include "schemas/problem.hpp"

#include <doctest/doctest.h>

using namespace slimtax::schemas;

TEST_CASE("a problem reads file:line:column, kind, message and hint") {
    const Problem whole{Problem::Kind::error, "im.toml", {3, 7}, "unknown key 'tmeout'", "did you mean 'timeout'?"};
    CHECK(to_string(whole) == "im.toml:3:7: error: unknown key 'tmeout' (did you mean 'timeout'?)");
    CHECK(to_string(Problem{Problem::Kind::advice, "im.toml", {}, "no recovery", ""}) ==
          "im.toml: advice: no recovery");
    CHECK(to_string(Problem{Problem::Kind::error, "", {}, "no file", ""}) == "error: no file");
}

TEST_CASE("only errors make a file bad, advice does not") {
    CHECK_FALSE(has_errors({}));
    CHECK_FALSE(has_errors({{Problem::Kind::advice, "f", {}, "m", ""}}));
    CHECK(has_errors({{Problem::Kind::advice, "f", {}, "m", ""}, {Problem::Kind::error, "f", {}, "m", ""}}));
}

TEST_CASE("the nearest word is found by edits, and none when all are far") {
    const std::vector<std::string_view> keys{"timeout", "every",     "think",      "targets",
                                             "from",    "ldap.bind", "ldap.search"};
    struct Row {
        std::string word;
        const char* nearest;
    };
    const Row rows[] = {
        {"timeout", "timeout"},
        {"tmeout", "timeout"},
        {"timeuot", "timeout"},
        {"TIMEOUT", "timeout"},
        {"time_out", "timeout"},
        {"evry", "every"},
        {"target", "targets"},
        {"form", "from"},
        {"ldap.bnid", "ldap.bind"},
        {"ldapsearch", "ldap.search"},
        {"interval", ""},
        {"x", ""},
        {"", ""},
    };
    for (const Row& row : rows) {
        CAPTURE(row.word);
        CHECK(nearest_word(row.word, keys) == row.nearest);
    }
    CHECK(nearest_word(std::string(1'000'000, 'x'), keys).empty());
    CHECK(nearest_word("a", {}).empty());
}
