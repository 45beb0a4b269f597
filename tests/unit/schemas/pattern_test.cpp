#include "schemas/pattern.hpp"

#include <thread>

#include <doctest/doctest.h>

using namespace slimtax::schemas;

TEST_CASE("a pattern is found anywhere in a text") {
    const auto pattern = Pattern::compile("connection (refused|reset)");
    REQUIRE(pattern);
    CHECK(pattern->found_in("the connection refused us"));
    CHECK_FALSE(pattern->found_in("the connection stands"));
    CHECK_FALSE(pattern->found_in(""));
    CHECK(pattern->text() == "connection (refused|reset)");
}

TEST_CASE("groups are views into the text; a group that took no part is empty") {
    const auto pattern = Pattern::compile(R"(from=(?<user>\S+)( to=(\S+))?)");
    REQUIRE(pattern);
    const std::string line = "message from=ann";
    const auto groups = pattern->match(line);
    REQUIRE(groups);
    REQUIRE(groups->size() == 4);
    CHECK(groups->at(0) == "from=ann");
    CHECK(groups->at(1) == "ann");
    CHECK(groups->at(1).data() == line.data() + 13);
    CHECK(groups->at(3).empty());
    CHECK(pattern->group("user") == 1);
    CHECK_FALSE(pattern->group("nobody"));
    CHECK_FALSE(pattern->match("nothing here"));
}

TEST_CASE("an empty pattern matches everything") {
    const Pattern made_of_nothing;
    const auto compiled = Pattern::compile("");
    REQUIRE(compiled);
    for (const Pattern& pattern : {made_of_nothing, *compiled}) {
        CHECK(pattern.found_in("anything"));
        CHECK(pattern.found_in(""));
        CHECK(pattern.match("anything")->at(0).empty());
        CHECK(pattern.text().empty());
        CHECK_FALSE(pattern.group("user"));
    }
}

TEST_CASE("a bad pattern says where and why") {
    struct Row {
        std::string text;
        std::size_t offset;
        const char* part;
    };
    const Row rows[] = {
        {"a(b", 3, "missing closing parenthesis"},
        {"a[b", 3, "missing terminating ]"},
        {"*a", 0, "quantifier does not follow"},
        {"(?<user>a)(?<user>b)", 18, "two named subpatterns"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.text);
        const auto pattern = Pattern::compile(row.text);
        REQUIRE_FALSE(pattern);
        CHECK(pattern.error().offset == row.offset);
        CHECK_MESSAGE(pattern.error().message.find(row.part) != std::string::npos, pattern.error().message);
    }
    CHECK_FALSE(Pattern::compile(std::string(100'000, 'a')));
}

TEST_CASE("texts are bytes: Latin-1 and zero bytes do not end a match") {
    const auto pattern = Pattern::compile("M.ller=(.)");
    REQUIRE(pattern);
    const std::string line("name\0 M\xfcller=7", 15);
    const auto groups = pattern->match(line);
    REQUIRE(groups);
    CHECK(groups->at(1) == "7");
}

TEST_CASE("a hostile text cannot hang a match: beyond the limit it is not found") {
    const auto pattern = Pattern::compile("^(a+)+$");
    REQUIRE(pattern);
    CHECK_FALSE(pattern->found_in(std::string(40, 'a') + "b"));
    const auto deep = Pattern::compile("^(?:(?:ab|cd)\\d?)*$");
    REQUIRE(deep);
    std::string text;
    for (int i = 0; i < 200'000; ++i) {
        text += "ab1";
    }
    static_cast<void>(deep->found_in(text));  // whatever the answer: it comes, and nothing overflows
    CHECK(deep->found_in("ab1cd"));
}

TEST_CASE("a pattern can be used from several threads at once") {
    const auto pattern = Pattern::compile(R"((\d+)-(\d+))");
    REQUIRE(pattern);
    std::vector<std::thread> threads;
    std::vector<int> good(4);
    for (std::size_t t = 0; t < good.size(); ++t) {
        threads.emplace_back([&, t] {
            for (int i = 0; i < 1000; ++i) {
                const std::string text = std::to_string(i) + "-" + std::to_string(t);
                const auto groups = pattern->match(text);
                good[t] += groups && groups->at(1) == std::to_string(i) ? 1 : 0;
            }
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    for (const int count : good) {
        CHECK(count == 1000);
    }
}
