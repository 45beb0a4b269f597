#include "schemas/extraction.hpp"

#include <array>

#include <doctest/doctest.h>

#include "schemas/condition.hpp"

using namespace slimtax::schemas;

namespace {

using Kind = Extraction::Kind;
using Match = HtmlTest::Match;

Extraction good(std::string_view text) {
    auto extraction = Extraction::parse_whole(text);
    REQUIRE_MESSAGE(extraction, extraction.error().message);
    return *extraction;
}

}  // namespace

TEST_CASE("a JSON pointer is split and unescaped (RFC 6901, section 5)") {
    CHECK(good(R"(json(""))").pointer.empty());
    CHECK(good(R"(json("/foo"))").pointer == std::vector<std::string>{"foo"});
    CHECK(good(R"(json("/foo/0"))").pointer == std::vector<std::string>{"foo", "0"});
    CHECK(good(R"(json("/"))").pointer == std::vector<std::string>{""});
    CHECK(good(R"(json("/a~1b"))").pointer == std::vector<std::string>{"a/b"});
    CHECK(good(R"(json("/m~0n"))").pointer == std::vector<std::string>{"m~n"});
    CHECK(good(R"(json('/k"l'))").pointer == std::vector<std::string>{"k\"l"});
    CHECK(good(R"( json ( "/x" ) )").written == R"(json ( "/x" ))");
}

TEST_CASE("a path of HTML has elements, tests and an attribute") {
    const HtmlPath path = good(R"(css("form#login.wide > div input[name=token][data-x^='a b']@Value"))").path;
    REQUIRE(path.steps.size() == 3);
    CHECK(path.steps[0].tag == "form");
    REQUIRE(path.steps[0].tests.size() == 2);
    CHECK(path.steps[0].tests[0].attribute == "id");
    CHECK(path.steps[0].tests[0].match == Match::equal);
    CHECK(path.steps[0].tests[0].value == "login");
    CHECK(path.steps[0].tests[1].match == Match::word);
    CHECK(path.steps[1].child);
    CHECK_FALSE(path.steps[2].child);
    REQUIRE(path.steps[2].tests.size() == 2);
    CHECK(path.steps[2].tests[1].match == Match::prefix);
    CHECK(path.steps[2].tests[1].value == "a b");
    CHECK(path.attribute == "value");
    CHECK(good("css('*.error')").path.steps[0].tag.empty());
    CHECK(good("css('a[href]')").path.steps[0].tests[0].match == Match::present);
}

TEST_CASE("a sample has a name and labels") {
    const SampleName sample = good(R"(prometheus('http_requests:total{code="2\"00", method="get"}'))").sample;
    CHECK(sample.name == "http_requests:total");
    REQUIRE(sample.labels.size() == 2);
    CHECK(sample.labels[0] == std::pair<std::string, std::string>("code", "2\"00"));
    CHECK(sample.labels[1].second == "get");
    CHECK(good("prometheus('up')").sample.labels.empty());
}

TEST_CASE("a header's name is compared in lower case") {
    CHECK(good("header('Content-Type')").argument == "content-type");
}

TEST_CASE("a bad function says where and what was expected") {
    struct Row {
        std::string text;
        std::size_t column;
        const char* part;
    };
    const Row rows[] = {
        {"jsno('/x')", 0, "there is no function 'jsno'"},
        {"json", 4, "expected json(\"…\"), found the end"},
        {"json()", 5, "expected a quoted text for json(…), found \")\""},
        {"json('/x'", 9, "expected the \")\" of json(…), found the end"},
        {"json('/x", 5, "the closing ' of this text is missing"},
        {"json('/x') + 1", 11, "expected the end after json('/x')"},
        {"json('x')", 6, "a JSON pointer begins with \"/\""},
        {"json(\"/a\\\"~2\")", 10, "after \"~\" a JSON pointer has 0 or 1"},
        {"regex('a(b')", 10, "the pattern is wrong here: missing closing parenthesis"},
        {"css('')", 5, "expected an element such as input[name=token], found the end"},
        {"css('a:hover')", 6, "\":hover\" is not understood"},
        {"css('a[href')", 11, "expected \"]\""},
        {"css('a[href!=x]')", 11, "expected =, ~="},
        {"css('a@')", 7, "expected the name of an attribute after @"},
        {"css('a@href b')", 12, "expected the end after @href"},
        {"css('a >')", 8, "expected an element"},
        {"css('a.')", 7, "expected a name after ."},
        {"css('a, b')", 6, "\", b\" is not understood"},
        {"prometheus('{a=\"b\"}')", 12, "expected the name of a metric"},
        {"prometheus('up{a}')", 16, "expected label=\"value\""},
        {"prometheus('up{a=b}')", 17, "expected the label's value in quotes"},
        {"prometheus('up{a=\"b\"')", 20, "expected \",\" or \"}\""},
        {"prometheus('up{} 1')", 16, "expected the end"},
        {"header('a b')", 9, "a header's name has no such character"},
        {"header('')", 8, "expected the name of a header"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.text);
        const auto extraction = Extraction::parse_whole(row.text);
        REQUIRE_FALSE(extraction);
        CHECK(extraction.error().column == row.column);
        CHECK_MESSAGE(extraction.error().message.find(row.part) != std::string::npos, extraction.error().message);
    }
    CHECK(Extraction::parse_whole("jsno('/x')").error().hint == "did you mean 'json'?");
    CHECK(Extraction::parse_whole("json('items/0')").error().hint == "write /items/0");
}

TEST_CASE("functions stand in conditions beside outputs") {
    static constexpr std::array<Output, 2> outputs{
        {{"status", OutputType::number, "the status"}, {"body", OutputType::text, "the body"}}};
    static constexpr OperationInfo page{.name = "http.get", .outputs = outputs, .text_output = "body"};
    static constexpr OperationInfo bare{.name = "ldap.bind", .outputs = outputs};
    const ConditionScope scope{outputs, &page};
    const auto holds = [&](std::string_view text, const OutputValue& found) {
        CAPTURE(text);
        const auto condition = Condition::parse(text, scope);
        REQUIRE_MESSAGE(condition, condition.error().message);
        Outputs values;
        values.set("status", 200.0);
        return !condition->violated_by(values, [&](const Extraction&) { return found; });
    };
    SUBCASE("a value of JSON is compared as what it is") {
        CHECK(holds(R"(status == 200 and json("/items/0/id") != "")", std::string("x")));
        CHECK(holds("json('/n') >= 3 and status == 200", 3.0));
        CHECK_FALSE(holds("json('/n') >= 3", std::string("3")));
        CHECK_FALSE(holds("json('/n') == 3", std::string("3")));
        CHECK(holds("json('/n') != 3", std::string("3")));
        CHECK(holds("json('/ready') == true", true));
        CHECK_FALSE(holds("json('/ready') == true", std::string("true")));
    }
    SUBCASE("a text that was found counts as a number when it is compared with one") {
        CHECK(holds("regex('(\\d+) loans') >= 3", std::string("12")));
        CHECK_FALSE(holds("regex('(\\d+) loans') >= 3", std::string("2")));
        CHECK_FALSE(holds("regex('(\\d+) loans') >= 3", std::string("12x")));
        CHECK(holds("css('b') == '12'", std::string("12")));
        CHECK(holds("css('b@disabled') == true", std::string("true")));
        CHECK(holds("prometheus('up') == 1", 1.0));
    }
    SUBCASE("what does not hold is said with what was found") {
        const auto condition = Condition::parse("json('/n') == 3", scope);
        CHECK(condition->violated_by({}, [](const Extraction&) { return OutputValue(std::string("3")); }) ==
              "expected json('/n') == 3, but json('/n') is \"3\"");
        CHECK(condition->violated_by({}, [](const Extraction& what) -> tl::expected<OutputValue, std::string> {
            return tl::unexpected("there is no " + what.argument + " in the answer");
        }) == "expected json('/n') == 3, but there is no /n in the answer");
    }
    SUBCASE("types and operations that do not fit are refused") {
        CHECK(Condition::parse("prometheus('up') contains 'x'", scope).error().message ==
              "'prometheus(…)' is a number: it cannot be compared with contains");
        CHECK(Condition::parse("prometheus('up') == 'x'", scope).error().column == 20);
        CHECK(Condition::parse("status == 200 and json('/x') == 1", ConditionScope{outputs, &bare}).error().column ==
              18);
        CHECK(Condition::parse("json('/x') == 1", ConditionScope{outputs, &bare}).error().message ==
              "ldap.bind leaves no text that json(…) could look into");
        CHECK(Condition::parse("header('x') == '1'", scope).error().message ==
              "http.get has no headers that header(…) could look at");
        CHECK(Condition::parse("body matches regex('x')", scope).error().column == 13);
    }
}

TEST_CASE("a condition over saved values compares texts with numbers and flags too") {
    static constexpr std::array<Output, 2> saved{
        {{"save.kind", OutputType::text, ""}, {"save.n", OutputType::text, ""}}};
    const ConditionScope scope{saved, nullptr, true};
    Outputs values;
    values.set("save.kind", std::string("x"));
    values.set("save.n", std::string("12"));
    for (const std::string text : {"save.kind == \"x\"", "save.n > 3 and save.kind != 'y'", "save.n == 12.0",
                                   "save.n matches '^1'", "save.kind != 3"}) {
        CAPTURE(text);
        const auto condition = Condition::parse(text, scope);
        REQUIRE_MESSAGE(condition, condition.error().message);
        CHECK_FALSE(condition->violated_by(values));
    }
    CHECK(Condition::parse("save.kind == 3", scope)->violated_by(values) ==
          "expected save.kind == 3, but save.kind is \"x\"");
    CHECK(Condition::parse("save.knd == 3", scope).error().message == "no earlier step has left 'save.knd'");
    CHECK(Condition::parse("json('/x') == 3", scope).error().message ==
          "there is no answer yet that a function could look into");
}
