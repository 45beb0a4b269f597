#include "probes/operation.hpp"

#include <doctest/doctest.h>

#include <map>
#include <stdexcept>
#include <utility>

#include "tests/unit/probes/run_operation.hpp"

namespace slimtax::probes {
namespace {

using namespace std::chrono_literals;
using schemas::Parameter;
using schemas::ParameterType;

constexpr std::string_view colours[] = {"red", "green"};

constexpr Parameter parameters[] = {
    {.name = "text"},
    {.name = "text_with_default", .fallback = "\"/\""},
    {.name = "port", .type = ParameterType::integer, .fallback = "443", .least = 1, .most = 65535},
    {.name = "free", .type = ParameterType::integer},
    {.name = "flag", .type = ParameterType::boolean, .fallback = "true"},
    {.name = "wait", .type = ParameterType::duration, .fallback = "\"1.5s\""},
    {.name = "list", .type = ParameterType::text_list, .fallback = "[\"a\", \"b\"]"},
    {.name = "map", .type = ParameterType::text_map, .fallback = "{ x = \"1\" }"},
    {.name = "match", .type = ParameterType::pattern, .fallback = "'^a+$'"},
    {.name = "replies", .type = ParameterType::pattern_list},
    {.name = "colour", .type = ParameterType::choice, .fallback = "\"red\"", .choices = colours},
};

constexpr schemas::OperationInfo info = {.name = "test.all",
                                         .levels = "A1",
                                         .summary = "everything",
                                         .parameters = parameters,
                                         .outputs = {},
                                         .example = ""};

}  // namespace

TEST_CASE("what a step leaves out has the default of its row, or is empty") {
    const Arguments arguments(info, {});
    CHECK_FALSE(arguments.has("text"));
    CHECK(arguments.text("text").empty());
    CHECK(arguments.text("text_with_default") == "/");
    CHECK(arguments.integer("port") == 443);
    CHECK(arguments.integer("free") == 0);
    CHECK(arguments.flag("flag"));
    CHECK(arguments.duration("wait") == 1500ms);
    CHECK(arguments.list("list") == schemas::TextList{"a", "b"});
    CHECK(arguments.map("map") == schemas::TextMap{{"x", "1"}});
    REQUIRE(arguments.pattern("match") != nullptr);
    CHECK(arguments.pattern("match")->found_in("aaa"));
    CHECK(arguments.text("colour") == "red");
}

TEST_CASE("what a step writes counts") {
    const Arguments arguments(
        info, {{"text", "t"}, {"port", std::int64_t(5222)}, {"flag", false}, {"wait", schemas::Duration(2s)}});
    CHECK(arguments.has("text"));
    CHECK(arguments.text("text") == "t");
    CHECK(arguments.integer("port") == 5222);
    CHECK_FALSE(arguments.flag("flag"));
    CHECK(arguments.duration("wait") == 2s);
}

TEST_CASE("an array of patterns comes compiled, and texts for one are compiled once") {
    CHECK(Arguments(info, {}).patterns("replies").empty());
    const Arguments compiled(info, {{"replies", schemas::PatternList{*schemas::Pattern::compile("^b+$")}}});
    REQUIRE(compiled.patterns("replies").size() == 1);
    CHECK(compiled.patterns("replies")[0].found_in("bb"));
    const Arguments texts(info, {{"replies", schemas::TextList{"^a$", ""}}});
    REQUIRE(texts.patterns("replies").size() == 2);
    CHECK(texts.patterns("replies")[0].found_in("a"));
    CHECK_FALSE(texts.patterns("replies")[0].found_in("ab"));
    CHECK_THROWS_AS(Arguments(info, {{"replies", schemas::TextList{"(a"}}}), std::invalid_argument);
    CHECK_THROWS_AS(Arguments(info, {{"replies", "a"}}), std::invalid_argument);
}

TEST_CASE("texts that an expansion made become what the parameter wants") {
    const Arguments arguments(info, {{"port", "5222"}, {"flag", "false"}, {"wait", "250ms"}, {"colour", "green"}});
    CHECK(arguments.integer("port") == 5222);
    CHECK_FALSE(arguments.flag("flag"));
    CHECK(arguments.duration("wait") == 250ms);
    CHECK(arguments.text("colour") == "green");
}

TEST_CASE("what expansion changed or added stands in place of what is written") {
    const std::map<std::string, schemas::Value> written{
        {"text", "of ${target}"}, {"colour", "green"}, {"port", "5222"}, {"list", schemas::TextList{"x"}}};
    Arguments made(info, written, {{"text", "of im1"}, {"free", "7"}});
    const Arguments arguments = std::move(made);
    CHECK(arguments.text("text") == "of im1");
    CHECK(arguments.integer("free") == 7);
    CHECK(arguments.text("colour") == "green");
    CHECK(arguments.integer("port") == 5222);
    CHECK(arguments.list("list") == schemas::TextList{"x"});
    CHECK(arguments.text("text_with_default") == "/");
    CHECK_THROWS_AS(Arguments(info, {{"txet", "x"}}, {}), std::logic_error);
}

TEST_CASE("a text that cannot become that is refused with a sentence") {
    const auto refusal = [](const std::string& name, const std::string& text) {
        try {
            const Arguments arguments(info, {{name, text}});
        } catch (const std::invalid_argument& error) {
            return std::string(error.what());
        }
        return std::string("taken");
    };
    CHECK(refusal("port", "http") == "port is \"http\": expected a whole number");
    CHECK(refusal("port", "") == "port is \"\": expected a whole number");
    CHECK(refusal("port", "443 ") == "port is \"443 \": expected a whole number");
    CHECK(refusal("port", "99999999999999999999") == "port is \"99999999999999999999\": expected a whole number");
    CHECK(refusal("port", "70000") == "port is \"70000\": expected a number from 1 to 65535");
    CHECK(refusal("flag", "yes") == "flag is \"yes\": expected true or false");
    CHECK(refusal("wait", "soon").starts_with("wait is \"soon\": expected "));
    CHECK(refusal("colour", "blue") == "colour is \"blue\": expected one of its choices");
    CHECK(refusal("free", "-7") == "taken");
}

TEST_CASE("asking for what is not declared, or as another type, is a mistake of ours") {
    const Arguments arguments(info, {});
    CHECK_THROWS_AS((void)arguments.text("txet"), std::logic_error);
    CHECK_THROWS_AS((void)arguments.has("txet"), std::logic_error);
    CHECK_THROWS_AS((void)arguments.integer("text_with_default"), std::logic_error);
    CHECK_THROWS_AS(Arguments(info, {{"txet", "x"}}), std::logic_error);
}

TEST_CASE("a session gives each step what an earlier one left, by type, and closes it in reverse order") {
    std::string closed;
    struct Stream {
        explicit Stream(std::string& into) : closed(into) {}
        ~Stream() { closed += "stream "; }
        std::string& closed;
    };
    struct Login {
        explicit Login(std::string& into) : closed(into) {}
        ~Login() { closed += "login "; }
        std::string& closed;
    };
    {
        Session session;
        CHECK(session.find<Stream>() == nullptr);
        Stream& stream = session.put(std::make_shared<Stream>(closed));
        CHECK(session.find<Stream>() == &stream);
        CHECK(session.find<Login>() == nullptr);
        session.put(std::make_shared<Login>(closed));
        Session moved = std::move(session);
        CHECK(moved.find<Stream>() == &stream);
        CHECK(closed.empty());
    }
    CHECK(closed == "login stream ");
    closed.clear();
    Session session;
    session.put(std::make_shared<Stream>(closed));
    session.put(std::make_shared<Stream>(closed));
    CHECK(closed == "stream ");
    session.drop<Stream>();
    CHECK(closed == "stream stream ");
    session.put(std::make_shared<Stream>(closed));
    session.put(std::make_shared<Login>(closed));
    closed.clear();
    session = Session();
    CHECK(closed == "login stream ");
}

}  // namespace slimtax::probes
