#include "reporter/ledger/calendar.hpp"

#include <sstream>

#include <doctest/doctest.h>

using namespace slimtax;
using namespace std::chrono_literals;
using reporter::Calendar;
using reporter::CalendarSpan;
using reporter::Hours;
using schemas::Duration;
using schemas::Instant;

namespace {

Instant at(const char* text) {
    return schemas::parse_rfc3339(text).value();
}

constexpr unsigned monday = 1, friday = 5, saturday = 6, sunday = 0;

schemas::WeeklyHours hours(unsigned day, int from, int to) {
    return {std::chrono::weekday(day), from * 60, to * 60};
}

schemas::Window window(const std::string& zone, std::vector<schemas::WeeklyHours> open) {
    schemas::Window result;
    result.timezone = zone;
    result.open = std::move(open);
    return result;
}

schemas::Window every_day(const std::string& zone, int from, int to) {
    std::vector<schemas::WeeklyHours> open;
    for (unsigned day = 0; day < 7; ++day) {
        open.push_back(hours(day, from, to));
    }
    return window(zone, open);
}

Duration time_of(const schemas::Window& window, const char* from, const char* to, Hours what) {
    Duration sum{};
    Duration all{};
    for (const CalendarSpan& span : Calendar::make(window).value().spans(at(from), at(to))) {
        REQUIRE(span.from < span.to);
        all += span.to - span.from;
        sum += span.hours == what ? span.to - span.from : Duration{};
    }
    REQUIRE(all == at(to) - at(from));
    return sum;
}

/// "o HH:MM-HH:MM …" of the open and planned stretches, in UTC.
std::string shown(const schemas::Window& window, const char* from, const char* to) {
    std::ostringstream text;
    for (const CalendarSpan& span : Calendar::make(window).value().spans(at(from), at(to))) {
        if (span.hours != Hours::outside) {
            text << (span.hours == Hours::planned ? "p " : "o ") << schemas::to_rfc3339(span.from).substr(11, 5) << "-"
                 << schemas::to_rfc3339(span.to).substr(11, 5) << " ";
        }
    }
    return text.str();
}

reporter::LocalTime local(int y, unsigned m, unsigned d, std::chrono::minutes clock) {
    using namespace std::chrono;
    return local_days{year(y) / static_cast<int>(m) / static_cast<int>(d)} + clock;
}

}  // namespace

TEST_CASE("a window without hours is always open") {
    CHECK(time_of({}, "2026-11-16T00:00:00Z", "2026-11-23T00:00:00Z", Hours::open) == 168h);
}

TEST_CASE("a service that opens 8 to 16 on weekdays has a 40 hour week, also with a clock change on its Sunday") {
    std::vector<schemas::WeeklyHours> open;
    for (unsigned day = monday; day <= friday; ++day) {
        open.push_back(hours(day, 8, 16));
    }
    struct Row {
        const char* zone;
        const char* from;
        const char* to;
    };
    for (const Row& row : {Row{"UTC", "2026-11-16T00:00:00Z", "2026-11-23T00:00:00Z"},
                           Row{"Europe/Berlin", "2026-03-22T23:00:00Z", "2026-03-29T22:00:00Z"},
                           Row{"Europe/Berlin", "2026-10-18T22:00:00Z", "2026-10-25T23:00:00Z"},
                           Row{"America/New_York", "2026-10-26T04:00:00Z", "2026-11-02T05:00:00Z"},
                           Row{"Australia/Lord_Howe", "2026-09-27T13:30:00Z", "2026-10-04T13:00:00Z"}}) {
        CAPTURE(row.from);
        CHECK(time_of(window(row.zone, open), row.from, row.to, Hours::open) == 40h);
    }
}

TEST_CASE("hours that the clock change skips are never open, hours that exist twice are open twice") {
    struct Row {
        const char* name;
        const char* zone;
        int from, to;          // open, local hours
        const char* day_from;  // the local day in UTC
        const char* day_to;
        Duration open;
        const char* shown;
    };
    const Row rows[] = {
        {"skipped whole", "Europe/Berlin", 2, 3, "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z", 0h, ""},
        {"skipped inside", "Europe/Berlin", 1, 4, "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z", 2h, "o 00:00-02:00 "},
        {"twice", "Europe/Berlin", 2, 3, "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z", 2h, "o 00:00-02:00 "},
        {"twice inside", "Europe/Berlin", 1, 4, "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z", 4h, "o 23:00-03:00 "},
        {"New York spring", "America/New_York", 1, 4, "2026-03-08T05:00:00Z", "2026-03-09T04:00:00Z", 2h,
         "o 06:00-08:00 "},
        {"New York autumn", "America/New_York", 1, 2, "2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z", 2h,
         "o 05:00-07:00 "},
        {"half an hour less", "Australia/Lord_Howe", 2, 3, "2026-10-03T13:30:00Z", "2026-10-04T13:00:00Z", 30min,
         "o 15:30-16:00 "},
        {"half an hour twice", "Australia/Lord_Howe", 1, 2, "2026-04-04T13:00:00Z", "2026-04-05T13:30:00Z", 90min,
         "o 14:00-15:30 "},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        const auto daily = every_day(row.zone, row.from, row.to);
        CHECK(time_of(daily, row.day_from, row.day_to, Hours::open) == row.open);
        CHECK(shown(daily, row.day_from, row.day_to) == row.shown);
    }
}

TEST_CASE("hours until 24:00 and from 00:00 the next day are one stretch") {
    const auto night = window("Europe/Berlin", {hours(saturday, 22, 24), hours(sunday, 0, 2)});
    CHECK(shown(night, "2026-11-21T00:00:00Z", "2026-11-23T00:00:00Z") == "o 21:00-01:00 ");
}

TEST_CASE("overlapping hours count once") {
    const auto twice = window("UTC", {hours(monday, 8, 12), hours(monday, 10, 14), hours(monday, 8, 9)});
    CHECK(shown(twice, "2026-11-16T00:00:00Z", "2026-11-17T00:00:00Z") == "o 08:00-14:00 ");
}

TEST_CASE("a closed date is closed from its local midnight to the next, with or without weekly hours") {
    schemas::Window always = window("America/New_York", {});
    always.closed = {std::chrono::year(2026) / 12 / 25};
    CHECK(time_of(always, "2026-12-25T05:00:00Z", "2026-12-26T05:00:00Z", Hours::open) == 0h);
    CHECK(time_of(always, "2026-12-25T00:00:00Z", "2026-12-26T00:00:00Z", Hours::outside) == 19h);
    schemas::Window leap = every_day("UTC", 8, 16);
    leap.closed = {std::chrono::year(2028) / 2 / 29};
    CHECK(time_of(leap, "2028-02-28T00:00:00Z", "2028-03-02T00:00:00Z", Hours::open) == 16h);
}

TEST_CASE("maintenance is planned where it lies inside the window, and nowhere else") {
    schemas::Window office = every_day("America/New_York", 6, 24);
    office.maintenance.push_back(
        {local(2026, 12, 6, 4h), local(2026, 12, 6, 7h + 30min), "LDAP upgrade", local(2026, 11, 28, 9h)});
    const char* from = "2026-12-06T05:00:00Z";
    const char* to = "2026-12-07T05:00:00Z";
    CHECK(shown(office, from, to) == "p 11:00-12:30 o 12:30-05:00 ");
    CHECK(time_of(office, from, to, Hours::outside) == 6h);
    const auto calendar = Calendar::make(office).value();
    CHECK(calendar.why(at("2026-12-06T11:00:00Z")) == "LDAP upgrade");
    CHECK(calendar.why(at("2026-12-06T12:30:00Z")).empty());
}

TEST_CASE("maintenance counts from its announcement on, and overlapping works count once") {
    schemas::Window always = window("UTC", {});
    always.maintenance.push_back({local(2026, 11, 16, 2h), local(2026, 11, 16, 6h), "a", local(2026, 11, 16, 3h)});
    always.maintenance.push_back({local(2026, 11, 16, 5h), local(2026, 11, 16, 7h), "b", {}});
    always.maintenance.push_back({local(2026, 11, 16, 9h), local(2026, 11, 16, 8h), "backwards", {}});
    CHECK(shown(always, "2026-11-16T00:00:00Z", "2026-11-16T12:00:00Z") ==
          "o 00:00-03:00 p 03:00-07:00 o 07:00-12:00 ");
}

TEST_CASE("maintenance across a clock change lasts as long as it really does") {
    schemas::Window always = window("Europe/Berlin", {});
    always.maintenance.push_back({local(2026, 10, 25, 1h), local(2026, 10, 25, 4h), "autumn", {}});
    always.maintenance.push_back({local(2026, 3, 29, 2h + 30min), local(2026, 3, 29, 4h), "spring", {}});
    CHECK(time_of(always, "2026-10-24T00:00:00Z", "2026-10-26T00:00:00Z", Hours::planned) == 4h);
    CHECK(time_of(always, "2026-03-28T00:00:00Z", "2026-03-30T00:00:00Z", Hours::planned) == 1h);
}

TEST_CASE("an unknown time zone is an error in words") {
    CHECK(Calendar::make(window("Europe/Berlyn", {})).error() ==
          "unknown time zone 'Europe/Berlyn': expected a name such as Europe/Berlin");
}
