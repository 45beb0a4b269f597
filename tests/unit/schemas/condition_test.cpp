#include "schemas/condition.hpp"

#include <array>

#include <doctest/doctest.h>

using namespace slimtax::schemas;

namespace {

constexpr std::array<Output, 5> outputs{{{"status", OutputType::number, "the HTTP status"},
                                         {"body", OutputType::text, "the body"},
                                         {"encrypted", OutputType::boolean, "over TLS"},
                                         {"time.first_byte", OutputType::duration, "until the first byte"},
                                         {"items", OutputType::number, "how many"}}};

Outputs an_answer() {
    Outputs values;
    values.set("status", 200.0);
    values.set("body", std::string("hello \"campus\" 42"));
    values.set("encrypted", true);
    values.set("time.first_byte", 0.2504);
    values.set("items", 0.0);
    return values;
}

}  // namespace

TEST_CASE("a condition that holds says nothing") {
    for (const std::string text :
         {"status == 200", "status==200", "status != 404", "status >= 200 and status < 300", "items <= 0", "items > -1",
          "time.first_byte < 300ms", "time.first_byte < 1 s and items == 0", "body contains \"hello\"",
          "body contains '\"campus\"'", "body contains \"\\\"campus\\\"\"", "body matches \"\\d+$\"",
          "body matches '^hel+o'", "body != ''", "encrypted == true", "encrypted != false",
          "  status  ==  200  and items==0.0 "}) {
        CAPTURE(text);
        const auto condition = Condition::parse(text, outputs);
        REQUIRE_MESSAGE(condition, condition.error().message);
        CHECK_FALSE(condition->violated_by(an_answer()));
        CHECK(condition->text() == text);
    }
}

TEST_CASE("a condition that does not hold names the first comparison and the value") {
    struct Row {
        std::string text;
        const char* sentence;
    };
    const Row rows[] = {
        {"items >= 1", "expected items >= 1, but items is 0"},
        {"status == 200 and items >= 1 and items >= 2", "expected items >= 1, but items is 0"},
        {"time.first_byte < 200ms", "expected time.first_byte < 200ms, but time.first_byte is 250.4ms"},
        {"body contains 'bye'", "expected body contains 'bye', but body is \"hello \"campus\" 42\""},
        {"body matches '^bye'", "expected body matches '^bye', but body is \"hello \"campus\" 42\""},
        {"encrypted == false", "expected encrypted == false, but encrypted is true"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.text);
        CHECK(Condition::parse(row.text, outputs)->violated_by(an_answer()) == row.sentence);
    }
    CHECK(Condition::parse("status == 200", outputs)->violated_by({}) ==
          "expected status == 200, but there is no status");
}

TEST_CASE("what a server sent is shortened and made printable in the sentence") {
    Outputs values;
    values.set("body", std::string("line\nline\xff") + std::string(500, 'x'));
    const auto sentence = Condition::parse("body == ''", outputs)->violated_by(values);
    REQUIRE(sentence);
    CHECK(sentence->size() < 150);
    CHECK(sentence->find('\n') == std::string::npos);
    CHECK(sentence->find('\xff') == std::string::npos);
}

TEST_CASE("a bad condition says where and what was expected") {
    struct Row {
        std::string text;
        std::size_t column;
        const char* part;
    };
    const Row rows[] = {
        {"", 0, "expected the name of an output, found the end"},
        {"200 == status", 0, "expected the name of an output"},
        {"stauts == 200", 0, "no output 'stauts'"},
        {"status", 6, "expected ==, !=, <"},
        {"status = 200", 7, "expected ==, !=, <"},
        {"status ==", 9, "found the end"},
        {"status == ok", 10, "found \"ok\""},
        {"status == 'ok'", 10, "'status' is a number, but it is compared with a text"},
        {"status == 200 or status == 204", 14, "expected \"and\""},
        {"status == 200 and", 17, "expected the name of an output"},
        {"status contains '2'", 7, "'status' is a number: it cannot be compared with contains"},
        {"body < 'a'", 5, "'body' is a text: it cannot be compared with <"},
        {"body contains 5", 14, "expected a quoted text"},
        {"body contains 'open", 14, "the closing ' of this text is missing"},
        {"body matches 'a(b'", 17, "the pattern is wrong here: missing closing parenthesis"},
        {"body matches '*'", 14, "quantifier"},
        {"encrypted > false", 10, "'encrypted' is true or false: it cannot be compared with >"},
        {"encrypted == yes", 13, "expected a number"},
        {"time.first_byte < 300", 18, "'time.first_byte' is a duration, but it is compared with a number"},
        {"time.first_byte < 300 m", 18, "minutes or months"},
        {"items >= 1s", 9, "'items' is a number, but it is compared with a duration"},
        {"items >= 1 items <= 2", 11, "expected \"and\""},
        {"items ~ 1", 6, "expected ==, !=, <"},
        {"body is 'x'", 5, "expected ==, !=, <"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.text);
        const auto condition = Condition::parse(row.text, outputs);
        REQUIRE_FALSE(condition);
        CHECK(condition.error().column == row.column);
        CHECK_MESSAGE(condition.error().message.find(row.part) != std::string::npos, condition.error().message);
    }
    CHECK(Condition::parse("stauts == 200", outputs).error().hint == "did you mean 'status'?");
    CHECK(Condition::parse("time.first_byte < 300", outputs).error().hint == "write the unit: 300ms, 2s");
}

TEST_CASE("without declared outputs names and types are not checked, and a wrong type does not hold") {
    const auto condition = Condition::parse("anything == 'x'", std::span<const Output>());
    REQUIRE(condition);
    Outputs values;
    values.set("anything", 1.0);
    CHECK(condition->violated_by(values) == "expected anything == 'x', but anything is 1");
    values.set("anything", std::string("x"));
    CHECK_FALSE(condition->violated_by(values));
}
