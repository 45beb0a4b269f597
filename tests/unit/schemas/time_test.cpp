#include "schemas/time.hpp"

#include <doctest/doctest.h>

using namespace slimtax::schemas;
using namespace std::chrono_literals;

namespace {
constexpr Instant second_zero{};
constexpr Instant some_day = std::chrono::sys_days(std::chrono::year(2026) / 11 / 21);
}  // namespace

TEST_CASE("an RFC 3339 text is read as the instant it names") {
    struct Row {
        std::string text;
        Instant instant;
    };
    const Row rows[] = {
        {"1970-01-01T00:00:00Z", second_zero},
        {"2026-11-21T08:30:00Z", some_day + 8h + 30min},
        {"2026-11-21t08:30:00z", some_day + 8h + 30min},
        {"2026-11-21T08:30:00.5Z", some_day + 8h + 30min + 500ms},
        {"2026-11-21T08:30:00.000123Z", some_day + 8h + 30min + 123us},
        {"2026-11-21T08:30:00.000123999Z", some_day + 8h + 30min + 123us},
        {"2026-11-21T03:30:00-05:00", some_day + 8h + 30min},
        {"2026-11-21T14:00:00+05:30", some_day + 8h + 30min},
        {"2026-11-21T00:00:00+01:00", some_day - 1h},
        {"1969-12-31T23:59:59.999999Z", second_zero - 1us},
    };
    for (const Row& row : rows) {
        CAPTURE(row.text);
        const auto instant = parse_rfc3339(row.text);
        REQUIRE(instant);
        CHECK(*instant == row.instant);
    }
}

TEST_CASE("what is no RFC 3339 instant is refused") {
    for (const std::string text : {
             "",
             "2026-11-21",
             "2026-11-21T08:30:00",
             "2026-11-21 08:30:00Z",
             "2026-11-21T08:30Z",
             "2026-02-29T00:00:00Z",  // not a leap year
             "2026-13-01T00:00:00Z",
             "2026-00-01T00:00:00Z",
             "2026-04-31T00:00:00Z",
             "2026-11-21T24:00:00Z",
             "2026-11-21T08:60:00Z",
             "2026-11-21T08:30:60Z",  // leap seconds are not on this time line
             "2026-11-21T08:30:00.Z",
             "2026-11-21T08:30:00.0123456789Z",
             "2026-11-21T08:30:00+5:30",
             "2026-11-21T08:30:00+24:00",
             "2026-11-21T08:30:00+01:60",
             "2026-11-21T08:30:00Z ",
             " 2026-11-21T08:30:00Z",
             "26-11-21T08:30:00Z",
             "+2026-11-21T08:30:00Z",
             "2026-1x-21T08:30:00Z",
         }) {
        CAPTURE(text);
        CHECK_FALSE(parse_rfc3339(text));
    }
}

TEST_CASE("an instant is written with a fraction only when it has one, and reads back the same") {
    struct Row {
        Instant instant;
        std::string text;
    };
    const Row rows[] = {
        {second_zero, "1970-01-01T00:00:00Z"},
        {second_zero - 1us, "1969-12-31T23:59:59.999999Z"},
        {some_day + 8h + 30min + 5s, "2026-11-21T08:30:05Z"},
        {some_day + 123us, "2026-11-21T00:00:00.000123Z"},
        {some_day + 500ms, "2026-11-21T00:00:00.500000Z"},
    };
    for (const Row& row : rows) {
        CHECK(to_rfc3339(row.instant) == row.text);
        CHECK(parse_rfc3339(row.text) == row.instant);
    }
}
