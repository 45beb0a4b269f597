#include "probes/performance_data.hpp"

#include <doctest/doctest.h>

#include <fmt/format.h>

#include <random>

using namespace slimtax::probes;

namespace {

/// "label=value unit warn crit min max", one figure after the other; "!" before what is malformed.
std::string read(std::string_view text) {
    const PerformanceData data = parse_performance_data(text);
    std::string words;
    for (const PerformanceFigure& figure : data.figures) {
        words += fmt::format("[{}={} {} {} {} {} {}]", figure.label, figure.value, figure.unit, figure.warn,
                             figure.crit, figure.min, figure.max);
    }
    for (const std::string& bad : data.malformed) {
        words += "!" + bad;
    }
    return words;
}

}  // namespace

TEST_CASE("performance data: figures as the plugin guidelines write them") {
    CHECK(read("time=0.004s;1.5;3;0;10") == "[time=0.004 s 1.5 3 0 10]");
    CHECK(read("/=2643MB;5948;5958;0;5968") == "[/=2643 MB 5948 5958 0 5968]");
    CHECK(read("load1=0.1;;;0; load5=-2") == "[load1=0.1    0 ][load5=-2     ]");
    CHECK(read("  packets=12c \n used=45%;80:;@90:95 ") == "[packets=12 c    ][used=45 % 80: @90:95  ]");
    CHECK(read("'it''s full'=1 'a=b c'=2e3ms") == "[it's full=1     ][a=b c=2000 ms    ]");
    CHECK(read("up=+1") == "[up=1     ]");
    CHECK(read("") == "");
}

TEST_CASE("performance data: an unknown value is left out, and what is no figure is told") {
    CHECK(read("a=U b=1 c=U;1;2") == "[b=1     ]");
    CHECK(read("a=1 rubbish b=2") == "[a=1     ][b=2     ]!rubbish");
    CHECK(read("a=0,5s") == "!a=0,5s");
    CHECK(read("a=") == "!a=");
    CHECK(read("=1") == "!=1");
    CHECK(read("a=nan b=inf c=1e999") == "!a=nan!b=inf!c=1e999");
    CHECK(read("a=1;2;3;4;5;6") == "!a=1;2;3;4;5;6");
    CHECK(read("'open=1") == "!'open=1");
    CHECK(read("''=1") == "!''=1");
    CHECK(read("'a'b=1 c=2") == "[c=2     ]!'a'b=1");
}

TEST_CASE("performance data: no text makes it crash or run on") {
    std::mt19937 dice(7);
    const std::string letters = "a1='; \t\"U.%|\xff";
    for (int round = 0; round < 20'000; ++round) {
        std::string text;
        for (unsigned i = dice() % 24; i > 0; --i) {
            text += letters[dice() % letters.size()];
        }
        const PerformanceData data = parse_performance_data(text);
        CHECK(data.figures.size() + data.malformed.size() <= text.size());
    }
}
