#include "reporter/ledger/period.hpp"

#include <vector>

#include <doctest/doctest.h>

using namespace slimtax;
using reporter::parse_period;
using reporter::Period;
using reporter::Zone;

namespace {

Zone zone(const std::string& name) {
    return reporter::Zone::find(name).value();
}

std::string in(std::string_view text, const std::string& where) {
    const Period period = parse_period(text).value().in(zone(where));
    return schemas::to_rfc3339(period.from) + " " + schemas::to_rfc3339(period.to);
}

}  // namespace

TEST_CASE("a period is cut at local midnights, right across both clock changes, leap days and week 53") {
    struct Row {
        const char* text;
        const char* zone;
        const char* expected;
    };
    const Row rows[] = {
        {"2026-W47", "UTC", "2026-11-16T00:00:00Z 2026-11-23T00:00:00Z"},
        {"2026-W47", "America/New_York", "2026-11-16T05:00:00Z 2026-11-23T05:00:00Z"},
        {"2026-W13", "Europe/Berlin", "2026-03-22T23:00:00Z 2026-03-29T22:00:00Z"},        // 167 hours
        {"2026-W43", "Europe/Berlin", "2026-10-18T22:00:00Z 2026-10-25T23:00:00Z"},        // 169 hours
        {"2026-W40", "Australia/Lord_Howe", "2026-09-27T13:30:00Z 2026-10-04T13:00:00Z"},  // half an hour less
        {"2026-W53", "UTC", "2026-12-28T00:00:00Z 2027-01-04T00:00:00Z"},
        {"2026-W01", "UTC", "2025-12-29T00:00:00Z 2026-01-05T00:00:00Z"},
        {"2027-W01", "UTC", "2027-01-04T00:00:00Z 2027-01-11T00:00:00Z"},
        {"2024-02", "UTC", "2024-02-01T00:00:00Z 2024-03-01T00:00:00Z"},  // leap year
        {"2026-12", "UTC", "2026-12-01T00:00:00Z 2027-01-01T00:00:00Z"},
        {"2026-Q4", "Europe/Berlin", "2026-09-30T22:00:00Z 2026-12-31T23:00:00Z"},
        {"2026", "America/New_York", "2026-01-01T05:00:00Z 2027-01-01T05:00:00Z"},
        {"2028-02-29", "UTC", "2028-02-29T00:00:00Z 2028-03-01T00:00:00Z"},
        {"2026-10-25", "Europe/Berlin", "2026-10-24T22:00:00Z 2026-10-25T23:00:00Z"},  // a day of 25 hours
        // Midnight does not exist on this day in Beirut: clocks go from 00:00 to 01:00.
        {"2026-03-29", "Asia/Beirut", "2026-03-28T22:00:00Z 2026-03-29T21:00:00Z"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.text);
        CAPTURE(row.zone);
        CHECK(in(row.text, row.zone) == row.expected);
    }
}

TEST_CASE("from and to are dates of the zone or instants, and may be mixed") {
    const auto period = parse_period("2026-11-20", "2026-11-20T12:30:00+01:00").value();
    const Period berlin = period.in(zone("Europe/Berlin"));
    CHECK(schemas::to_rfc3339(berlin.from) == "2026-11-19T23:00:00Z");
    CHECK(schemas::to_rfc3339(berlin.to) == "2026-11-20T11:30:00Z");
    CHECK(berlin.name == "2026-11-20 to 2026-11-20T12:30:00+01:00");
}

TEST_CASE("what is no period is refused with a sentence that shows the forms") {
    for (const char* text : {"", "2026-W54", "2025-W53", "2026-W00", "2026-W5", "2026-13", "2026-00", "2026-Q5", "26",
                             "2026-11-31", "2027-02-29", "last week", "2026-w47", "2026-11-20T00:00:00Z", "20 26"}) {
        CAPTURE(text);
        const auto period = parse_period(text);
        REQUIRE_FALSE(period);
        CHECK(period.error().find("2026-W47") != std::string::npos);
    }
    CHECK(parse_period("2026-11-20", "2026-11-20").error() ==
          "the period ends (2026-11-20) before it begins (2026-11-20)");
    CHECK(parse_period("2026-11-20", "soon").error().find("'soon' is no time") == 0);
}

TEST_CASE("every day of thirty years lies in its own ISO week, which reads back the same") {
    using namespace std::chrono;
    for (local_days day{year(2010) / 1 / 1}; day < local_days{year(2040) / 1 / 1}; day += days(1)) {
        const auto week = reporter::week_of(day);
        REQUIRE(std::get<local_days>(week.from) <= day);
        REQUIRE(day < std::get<local_days>(week.to));
        const auto again = parse_period(week.name).value();
        REQUIRE(again.from == week.from);
        REQUIRE(again.to == week.to);
    }
}

TEST_CASE("the current week is the one on the wall, not in UTC") {
    const auto monday_in_utc = schemas::parse_rfc3339("2026-11-16T03:00:00Z").value();
    CHECK(reporter::week_of(monday_in_utc, zone("UTC")).name == "2026-W47");
    CHECK(reporter::week_of(monday_in_utc, zone("America/New_York")).name == "2026-W46");
}

TEST_CASE("the periods before are of the same kind") {
    const auto before = [](std::string_view text, int count) {
        const reporter::AskedPeriod found = reporter::earlier(parse_period(text).value(), count);
        // Named as one would ask for it.
        const auto asked = parse_period(found.name).value();
        CHECK(asked.from == found.from);
        CHECK(asked.to == found.to);
        return found.name;
    };
    CHECK(before("2026-W47", 1) == "2026-W46");
    CHECK(before("2027-W02", 3) == "2026-W52");
    CHECK(before("2026-11", 1) == "2026-10");
    CHECK(before("2026-02", 4) == "2025-10");
    CHECK(before("2026-Q1", 2) == "2025-Q3");
    CHECK(before("2026", 1) == "2025");
    CHECK(before("2026-11-20", 1) == "2026-11-13");
    const auto days = reporter::earlier(parse_period("2026-11-01", "2026-11-11").value(), 2);
    CHECK(schemas::to_rfc3339(days.in(zone("Europe/Berlin")).from) == "2026-10-11T22:00:00Z");
    CHECK(days.name == "10 days, 2 before");
    const auto hours = reporter::earlier(parse_period("2026-11-01T08:00:00Z", "2026-11-01T20:00:00Z").value(), 1);
    CHECK(schemas::to_rfc3339(hours.in(Zone()).from) == "2026-10-31T20:00:00Z");
    CHECK(schemas::to_rfc3339(hours.in(Zone()).to) == "2026-11-01T08:00:00Z");
}
