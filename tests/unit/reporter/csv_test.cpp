#include "reporter/csv.hpp"

#include <sstream>

#include <doctest/doctest.h>

using namespace slimtax;
using namespace slimtax::reporter;
using namespace std::chrono_literals;

namespace {

const std::string header = "intended_start,service,probe,target,location,verdict,response_ms,reason\n";

std::string written(const std::vector<schemas::RunResult>& results) {
    std::ostringstream out;
    write_results_header(out);
    write_results(out, results);
    return out.str();
}

}  // namespace

TEST_CASE("a row is read as the result it says") {
    const auto read = read_results_csv(
        header + "2026-11-21T09:30:00.5+01:00,im,log-in,im1,noc,failed,12.5,\"refused, \"\"twice\"\"\nand more\"\n",
        "f");
    REQUIRE(read);
    REQUIRE(read->size() == 1);
    const schemas::RunResult& result = read->front();
    CHECK(result.key == schemas::SeriesKey{"im", "log-in", "im1", "noc"});
    CHECK(schemas::to_rfc3339(result.intended) == "2026-11-21T08:30:00.500000Z");
    CHECK(result.started == result.intended);
    CHECK(result.verdict == schemas::Verdict::failed);
    CHECK(result.response == 12500us);
    CHECK(result.reason == "refused, \"twice\"\nand more");
}

TEST_CASE("what is written reads back the same") {
    const std::string text = header +
                             "2026-11-21T08:30:00Z,im,log-in,im1,noc,ok,0.001,\n"
                             "2026-11-21T08:30:30.000001Z,im,log-in,\"a,b\",noc,timeout,,\"no\r\n\"\"answer\"\"\"\n";
    const auto read = read_results_csv(text, "f");
    REQUIRE(read);
    CHECK(written(*read) == text);
}

TEST_CASE("line ends of every system, blank lines and a byte order mark are taken") {
    for (const std::string end : {"\n", "\r\n"}) {
        std::string text = "\xEF\xBB\xBF" + header;
        text.replace(text.size() - 1, 1, end);
        text +=
            "2026-11-21T08:30:00Z,im,log-in,,noc,ok,20,x" + end + end + "2026-11-21T08:31:00Z,im,log-in,,noc,ok,20,y";
        const auto read = read_results_csv(text, "f");
        REQUIRE(read);
        REQUIRE(read->size() == 2);
        CHECK((*read)[0].reason == "x");
        CHECK((*read)[1].reason == "y");
    }
}

TEST_CASE("every mistake of a file is named with its line") {
    const auto read = read_results_csv(header +
                                           "yesterday,im,log-in,,noc,ok,20,\n"
                                           "2026-11-21T08:30:00Z,im,log-in,,noc,failled,20,\n"
                                           "2026-11-21T08:30:00Z,,log-in,,noc,ok,-1,\n"
                                           "2026-11-21T08:30:00Z,im\n"
                                           "2026-11-21T08:30:00Z,im,log-in,,noc,ok,20,\"a\"b\n"
                                           "2026-11-21T08:30:00Z,im,log-in,,noc,ok,20,\"open\n",
                                       "old.csv");
    REQUIRE_FALSE(read);
    std::vector<std::string> said;
    for (const schemas::Problem& problem : read.error()) {
        said.push_back(to_string(problem));
    }
    REQUIRE(said.size() == 7);
    CHECK(said[0] == "old.csv:2:1: error: intended_start is 'yesterday', not a time such as 2026-11-21T08:30:00.5Z");
    CHECK(said[1].find("old.csv:3:1: error: verdict is 'failled', not one of ok, slow, failed") == 0);
    CHECK(said[1].find("did you mean 'failed'?") != std::string::npos);
    CHECK(said[2] == "old.csv:4:1: error: service is empty");
    CHECK(said[3].find("old.csv:4:1: error: response_ms is '-1'") == 0);
    CHECK(said[4].find("old.csv:5:1: error: 2 fields, expected 8") == 0);
    CHECK(said[5].find("old.csv:6:1: error: after the quote") == 0);
    CHECK(said[6].find("old.csv:7:1: error: a quote is opened and never closed") == 0);
}

TEST_CASE("without the header nothing is read") {
    for (const std::string text : {"", "\n", "2026-11-21T08:30:00Z,im,log-in,,noc,ok,20,\n", "a,b\n"}) {
        const auto read = read_results_csv(text, "f");
        REQUIRE_FALSE(read);
        CHECK(read.error().front().message.find("header") != std::string::npos);
    }
}

TEST_CASE("bytes that are no UTF-8 are refused with their line") {
    const auto read = read_results_csv(header + "2026-11-21T08:30:00Z,im,log-in,,noc,ok,20,\xff\n", "f");
    REQUIRE_FALSE(read);
    CHECK(read.error().front().at.line == 2);
}
