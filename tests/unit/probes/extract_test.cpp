#include "probes/extract.hpp"

#include <doctest/doctest.h>

#include <limits>

using namespace slimtax;
using namespace slimtax::probes;
using schemas::OutputValue;

namespace {

OutputValue in(std::string_view answer, std::string_view function, std::string_view headers = {}) {
    const auto what = schemas::Extraction::parse_whole(function);
    REQUIRE_MESSAGE(what, what.error().message);
    const auto found = extract(*what, answer, headers);
    return found ? *found : OutputValue("! " + found.error());
}

OutputValue text(std::string_view value) {
    return std::string(value);
}

std::string repeated(std::string_view part, std::size_t bytes) {
    std::string all;
    while (all.size() < bytes) {
        all += part;
    }
    return all;
}

}  // namespace

TEST_CASE("a JSON pointer finds what RFC 6901 says it does") {
    // Section 5.
    constexpr std::string_view document =
        R"({"foo": ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, "e^f": 3, "g|h": 4, "i\\j": 5, "k\"l": 6, " ": 7, "m~n": 8})";
    CHECK(in(document, "json('/foo/0')") == text("bar"));
    CHECK(in(document, "json('/foo/1')") == text("baz"));
    CHECK(in(document, "json('/')") == OutputValue(0.0));
    CHECK(in(document, "json('/a~1b')") == OutputValue(1.0));
    CHECK(in(document, "json('/c%d')") == OutputValue(2.0));
    CHECK(in(document, "json('/e^f')") == OutputValue(3.0));
    CHECK(in(document, "json('/g|h')") == OutputValue(4.0));
    CHECK(in(document, "json('/i\\j')") == OutputValue(5.0));
    CHECK(in(document, "json('/k\"l')") == OutputValue(6.0));
    CHECK(in(document, "json('/ ')") == OutputValue(7.0));
    CHECK(in(document, "json('/m~0n')") == OutputValue(8.0));
}

TEST_CASE("values of JSON keep their kind") {
    constexpr std::string_view document =
        R"({"n": -1.5e3, "t": "3", "yes": true, "none": null, "o": {"x": []}, "id": 1234567890123456789, "skip": {"n": 9, "a": [[1], {"n": 2}]}, "last": {"n": [0, {"n": "deep"}]}})";
    CHECK(in(document, "json('/n')") == OutputValue(-1500.0));
    CHECK(in(document, "json('/t')") == text("3"));
    CHECK(in(document, "json('/yes')") == OutputValue(true));
    CHECK(in(document, "json('/id')") == text("1234567890123456789"));
    CHECK(in(document, "json('/last/n/1/n')") == text("deep"));
    CHECK(in(document, "json('/skip/a/1/n')") == OutputValue(2.0));
    CHECK(in("17", "json('')") == OutputValue(17.0));
}

TEST_CASE("what JSON does not hold is said") {
    constexpr std::string_view document = R"({"items": [{"name": "x"}], "none": null})";
    CHECK(in(document, "json('/items/0/id')") == text("! there is no /items/0/id in the answer"));
    CHECK(in(document, "json('/items/1')") == text("! there is no /items/1 in the answer"));
    CHECK(in(document, "json('/items/-')") == text("! there is no /items/- in the answer"));
    CHECK(in(document, "json('/items/00')") == text("! there is no /items/00 in the answer"));
    CHECK(in(document, "json('/none/x')") == text("! there is no /none/x in the answer"));
    CHECK(in(document, "json('/none')") == text("! /none is null"));
    CHECK(in(document, "json('/items')") == text("! /items is an array, not a single value"));
    CHECK(in(document, "json('/items/0')") == text("! /items/0 is an object, not a single value"));
    CHECK(in("<html>", "json('/x')") == text("! the answer is no JSON: it is wrong at byte 1"));
    CHECK(in("", "json('/x')") == text("! the answer is no JSON: it is wrong at byte 1"));
    CHECK(in("{\"a\": 1, \"x\": ", "json('/x')") == text("! the answer is no JSON: it is wrong at byte 15"));
    CHECK(in("{\"a\": \"\xff\", \"x\": 1}", "json('/x')") == text("! the answer is no JSON: it is wrong at byte 8"));
    CHECK(in(std::string_view("{\"a\"\0: 1}", 9), "json('/a')") ==
          text("! the answer is no JSON: it is wrong at byte 5"));
}

TEST_CASE("10 MB of nested JSON are refused where they get too deep") {
    for (const std::string_view part : {"[", "{\"x\":", "[{\"x\":"}) {
        CHECK(in(repeated(part, 10'000'000), "json('/a/b')") ==
              text("! the JSON of the answer is nested deeper than 256 levels"));
    }
    std::string nested = repeated("[", 250) + "1" + repeated("]", 250);
    CHECK(in("[" + nested + ",7]", "json('/1')") == OutputValue(7.0));
}

TEST_CASE("a pattern gives its first group, or all of its match") {
    CHECK(in("you have 12 loans", "regex('(\\d+) loans')") == text("12"));
    CHECK(in("you have 12 loans", "regex('\\d+ loans')") == text("12 loans"));
    CHECK(in("no loans", "regex('(\\d+) loans')") == text("! nothing in the answer matches (\\d+) loans"));
    CHECK(in(repeated("a", 1'000'000), "regex('(a+)+b')") == text("! nothing in the answer matches (a+)+b"));
}

TEST_CASE("a sample of the Prometheus text format is found by name and labels") {
    constexpr std::string_view page =
        "# HELP jobs Jobs waiting.\n# TYPE jobs gauge\n"
        "jobs{queue=\"mail\",host=\"a\"} 12\n"
        "jobs{queue=\"print, \\\"A4\\\"\\\\\\n\", host=\"b\",} 1.5e3 1700000000000\n"
        "jobs_total 7\r\n"
        "up 1\nbad{x=\"y\" 1\nworse{x=y} 1\nodd abc\nbig +Inf\nx{}5\nlabelled{}\t 4\n";
    CHECK(in(page, "prometheus('jobs{queue=\"mail\"}')") == OutputValue(12.0));
    CHECK(in(page, "prometheus('jobs{host=\"b\"}')") == OutputValue(1500.0));
    CHECK(in(page, "prometheus('jobs_total')") == OutputValue(7.0));
    CHECK(in(page, "prometheus('up{}')") == OutputValue(1.0));
    CHECK(in(page, "prometheus('labelled')") == OutputValue(4.0));
    CHECK(in(page, "prometheus('big')") == OutputValue(std::numeric_limits<double>::infinity()));
    CHECK(in(page, "prometheus('jobs')") == text("! 2 samples in the answer match jobs: name more labels"));
    CHECK(in(page, "prometheus('job')") == text("! there is no job in the answer"));
    CHECK(in(page, "prometheus('jobs{queue=\"fax\"}')") == text("! there is no jobs{queue=\"fax\"} in the answer"));
    CHECK(in(page, "prometheus('odd')") == text("! odd is \"abc\", which is no number"));
    CHECK(in(page, "prometheus('bad')") == text("! there is no bad in the answer"));
    CHECK(in(page, "prometheus('worse')") == text("! there is no worse in the answer"));
    CHECK(in(page, "prometheus('x')") == text("! there is no x in the answer"));
    for (const std::string_view part : {"up{", "up{a=\"", "up{a=\"b\",", "up ", "\n", "up{=", "\\"}) {
        CHECK(std::holds_alternative<std::string>(in(repeated(part, 1'000'000), "prometheus('up{x=\"y\"}')")));
    }
}

TEST_CASE("a header is found by its whole name") {
    constexpr std::string_view headers = "content-type: text/html\nx: \nx-y: 1: 2\n";
    CHECK(in("", "header('Content-Type')", headers) == text("text/html"));
    CHECK(in("", "header('x')", headers) == text(""));
    CHECK(in("", "header('X-Y')", headers) == text("1: 2"));
    CHECK(in("", "header('content')", headers) == text("! the answer has no header content"));
}

TEST_CASE("functions look into the output that the operation names") {
    static constexpr schemas::OperationInfo page{.name = "http.get", .text_output = "body"};
    static constexpr schemas::OperationInfo bare{.name = "tcp.connect"};
    schemas::Outputs outputs;
    outputs.set("body", std::string("{\"x\": 1}"));
    outputs.set("headers", std::string("etag: abc\n"));
    const auto json = *schemas::Extraction::parse_whole("json('/x')");
    CHECK(extract(json, page, outputs) == OutputValue(1.0));
    CHECK(extract(*schemas::Extraction::parse_whole("header('ETag')"), page, outputs) == text("abc"));
    CHECK(extract(json, bare, outputs).error() == "tcp.connect left no answer that json('/x') could look into");
}
