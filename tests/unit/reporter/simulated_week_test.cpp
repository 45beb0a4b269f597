// A few weeks of each setting; `simulate-weeks` looks at 10,000 (docs/how-exact.md).
#include <cmath>

#include <doctest/doctest.h>

#include "simulate/simulated_week.hpp"

using namespace slimtax;
using namespace slimtax::simulate;

TEST_CASE("where every stretch is longer than the longest gap, the truth lies within the bounds of every week") {
    for (const Setting& setting : settings_of_long_stretches()) {
        CAPTURE(setting.name);
        Duration down{};
        for (std::uint64_t seed = 1; seed <= 6; ++seed) {
            CAPTURE(seed);
            const Week week = simulate::simulate(setting, seed);
            CHECK(week.at_least <= week.truth);
            CHECK(week.truth <= week.at_most);
            CHECK(week.at_least <= week.nominal);
            CHECK(week.nominal <= week.at_most);
            CHECK(week.likely.low <= schemas::to_minutes(week.truth) + 1e-6);
            down += week.truth;
        }
        CHECK(down > Duration(0));
    }
}

TEST_CASE("stretches of any length are counted as the sum of the gaps that begin with a failed run") {
    for (const Setting& setting : settings_of_short_stretches()) {
        CAPTURE(setting.name);
        for (std::uint64_t seed = 1; seed <= 4; ++seed) {
            CAPTURE(seed);
            const Week week = simulate::simulate(setting, seed);
            CHECK(week.nominal == counted_by_hand(setting, seed));
            CHECK(week.likely.low <= schemas::to_minutes(week.nominal) + 1e-6);
            CHECK(week.likely.high >= schemas::to_minutes(week.nominal) - 1e-6);
        }
    }
}

TEST_CASE("outages of any length are counted rightly on average, and the 95 % interval holds them") {
    const Setting setting = settings_of_short_stretches().at(1);
    double error = 0;
    int held = 0;
    constexpr int weeks = 60;
    for (std::uint64_t seed = 1; seed <= weeks; ++seed) {
        const Week week = simulate::simulate(setting, seed);
        const double truth = schemas::to_minutes(week.truth);
        held += week.likely.low <= truth && truth <= week.likely.high ? 1 : 0;
        error += mean_error(setting, seed, 50);
    }
    CHECK(held >= weeks * 9 / 10);
    // 70 outages of a minute a week, looked at every five: 60 · 50 weeks are right to a tenth of an interval or so.
    CHECK(std::abs(error / weeks) < 0.2 * schemas::to_minutes(setting.every));
}
