#include "schemas/series.hpp"

#include <array>

#include <doctest/doctest.h>

using namespace slimtax::schemas;
using namespace std::chrono_literals;

namespace {
const SeriesKey buddy_list{"campus-im", "buddy-list", "im1", "noc"};
}

TEST_CASE("an intended start lies in its own slot, whatever the jitter") {
    for (const double jitter : {0.0, 0.5, 1.0}) {
        const Schedule schedule(buddy_list, 30s, jitter);
        for (std::int64_t slot = -5; slot < 2000; ++slot) {
            const Instant start = schedule.intended_start(slot);
            REQUIRE(schedule.slot_at(start) == slot);
            REQUIRE(schedule.is_intended(start));
        }
    }
}

TEST_CASE("without jitter the starts are the slots' own starts") {
    const Schedule schedule(buddy_list, 30s, 0.0);
    CHECK(schedule.intended_start(3) == Instant(90s));
}

TEST_CASE("intended starts are stable for ever: stored results depend on them") {
    // The figures come from an independent computation of the documented formula.
    const Schedule schedule(buddy_list, 30s, 0.5);
    CHECK(schedule.intended_start(0).time_since_epoch().count() == 2061326);
    CHECK(schedule.intended_start(59'000'000).time_since_epoch().count() == 1770000005926072);
}

TEST_CASE("starts are spread evenly over the jittered part of the slot") {
    const Schedule schedule(buddy_list, 10s, 0.5);
    std::array<int, 5> tenths{};
    constexpr int slots = 50'000;
    for (std::int64_t slot = 0; slot < slots; ++slot) {
        const auto offset = schedule.intended_start(slot) - Instant(slot * 10s);
        REQUIRE(offset < 5s);
        ++tenths.at(static_cast<std::size_t>(offset / 1s));
    }
    for (const int count : tenths) {
        CHECK(count > slots / 5 * 0.95);
        CHECK(count < slots / 5 * 1.05);
    }
}

TEST_CASE("two series that differ in one part only start at different times") {
    const Schedule one(buddy_list, 30s, 0.5);
    const Schedule other({"campus-im", "buddy-list", "im1", "medical-centre"}, 30s, 0.5);
    int same = 0;
    for (std::int64_t slot = 0; slot < 1000; ++slot) {
        same += one.intended_start(slot) == other.intended_start(slot) ? 1 : 0;
    }
    CHECK(same == 0);
}

TEST_CASE("first_from finds the first start at or after an instant") {
    const Schedule schedule(buddy_list, 30s, 0.5);
    const Instant start = schedule.intended_start(7);
    CHECK(schedule.first_from(start) == start);
    CHECK(schedule.first_from(start + 1us) == schedule.intended_start(8));
    CHECK(schedule.first_from(Instant(7 * 30s)) == start);
}

TEST_CASE("no two consecutive starts are further apart than the longest gap") {
    const Schedule schedule(buddy_list, 30s, 0.5);
    CHECK(schedule.longest_gap() == 45s);
    for (std::int64_t slot = 0; slot < 10'000; ++slot) {
        REQUIRE(schedule.intended_start(slot + 1) - schedule.intended_start(slot) < schedule.longest_gap());
    }
}
