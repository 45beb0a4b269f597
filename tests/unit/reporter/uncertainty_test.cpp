#include "reporter/ledger/uncertainty.hpp"

#include <cmath>

#include <doctest/doctest.h>

#include "unit/reporter/scenario.hpp"

using namespace slimtax;
using namespace slimtax::reporter;
using namespace std::chrono_literals;
using schemas::Booking;

TEST_CASE("the incomplete beta function has its known values") {
    // I_x(1, b) = 1 - (1 - x)^b; I_x(a, 1) = x^a; I_x(1/2, 1/2) = 2/π·asin √x; and by symmetry I_½(a, a) = ½.
    for (const double x : {1e-9, 0.01, 0.3, 0.5, 0.77, 0.999}) {
        CAPTURE(x);
        CHECK(incomplete_beta(1, 7, x) == doctest::Approx(1 - std::pow(1 - x, 7)).epsilon(1e-9));
        CHECK(incomplete_beta(3.5, 1, x) == doctest::Approx(std::pow(x, 3.5)).epsilon(1e-9));
        CHECK(incomplete_beta(0.5, 0.5, x) == doctest::Approx(std::asin(std::sqrt(x)) / std::acos(0)).epsilon(1e-9));
    }
    for (const double a : {0.3, 2.0, 40.0, 5e6}) {
        CHECK(incomplete_beta(a, a, 0.5) == doctest::Approx(0.5).epsilon(1e-6));
    }
    CHECK(incomplete_beta(2, 3, 0) == 0);
    CHECK(incomplete_beta(2, 3, 1) == 1);
}

TEST_CASE("a quantile is where the function has its share") {
    for (const double a : {0.5, 1.0, 12.25, 30000.0}) {
        for (const double share : {0.025, 0.5, 0.975}) {
            CAPTURE(a);
            CAPTURE(share);
            CHECK(incomplete_beta(a, 7.5, beta_quantile(a, 7.5, share)) == doctest::Approx(share).epsilon(1e-6));
        }
    }
}

TEST_CASE("the interval of a share is the one that Newcombe (1998) gives for Clopper and Pearson's method") {
    struct Row {
        double successes, trials, low, high;
    };
    for (const Row& row : {Row{81, 263, 0.2527, 0.3676}, Row{15, 148, 0.0578, 0.1617}, Row{0, 20, 0, 0.1684},
                           Row{1, 29, 0.0009, 0.1776}}) {
        CAPTURE(row.trials);
        const Interval interval = likely_share(row.successes, row.trials);
        CHECK(std::abs(interval.low - row.low) < 0.00005);
        CHECK(std::abs(interval.high - row.high) < 0.00005);
    }
}

TEST_CASE("without trials a share may be anything, and all of many is not quite all") {
    CHECK(likely_share(0, 0).low == 0);
    CHECK(likely_share(0, 0).high == 1);
    CHECK(likely_share(10000, 10000).high == 1);
    CHECK(likely_share(10000, 10000).low == doctest::Approx(std::pow(0.025, 1e-4)));
    CHECK(likely_share(3e7, 6e7).low == doctest::Approx(0.5 - 1.96 * std::sqrt(0.25 / 6e7)).epsilon(1e-6));
}

TEST_CASE("a mean's error is that of Student's tables") {
    struct Row {
        std::uint64_t samples;
        double t;
    };
    for (const Row& row : {Row{2, 12.706}, Row{10, 2.262}, Row{31, 2.042}, Row{121, 1.980}, Row{1000001, 1.960}}) {
        CAPTURE(row.samples);
        const double root = std::sqrt(static_cast<double>(row.samples));
        CHECK(likely_error_of_mean(1, row.samples) * root == doctest::Approx(row.t).epsilon(0.0003));
    }
    CHECK(std::isinf(likely_error_of_mean(1, 1)));
}

namespace {

/// Minutes of a booking, one after the other.
std::vector<BookedSpan> strip_of(std::initializer_list<std::pair<Booking, int>> parts) {
    std::vector<BookedSpan> strip;
    schemas::Instant at = testing::at("2026-11-16T00:00:00Z");
    for (const auto& [booking, minutes] : parts) {
        strip.push_back({at, at + minutes * 1min, booking});
        at += minutes * 1min;
    }
    return strip;
}

}  // namespace

TEST_CASE("a look stands for the schedule's gaps, weighed by themselves") {
    for (const double jitter : {0.0, 0.5, 1.0}) {
        const schemas::Schedule schedule({"im", "login", "", "noc"}, 1min, jitter);
        double sum = 0;
        double squares = 0;
        for (std::int64_t slot = 0; slot < 20000; ++slot) {
            const double gap = schemas::to_minutes(schedule.intended_start(slot + 1) - schedule.intended_start(slot));
            sum += gap;
            squares += gap * gap;
        }
        CHECK(effective_gap(1min, jitter) == doctest::Approx(squares / sum).epsilon(0.005));
    }
}

TEST_CASE("a week of good runs may still hide outages too short to be sure of") {
    const Interval likely = likely_minutes(strip_of({{Booking::up, 10080}}), 5);
    CHECK(likely.low == 0);
    // Of 2016 looks none failed: up to 0.18 % of the time, in the rule of three's manner.
    CHECK(likely.high == doctest::Approx(10080 * (1 - std::pow(0.025, 1.0 / 2016))).epsilon(1e-6));
}

TEST_CASE("one long outage is surer than as many failed looks strewn over the week") {
    const Interval one = likely_minutes(strip_of({{Booking::up, 4000}, {Booking::down, 240}, {Booking::up, 5840}}), 1);
    CHECK(one.low < 240);
    CHECK(one.low > 235);
    CHECK(one.high > 240);
    CHECK(one.high < 246);
    std::vector<BookedSpan> strewn;
    schemas::Instant at = testing::at("2026-11-16T00:00:00Z");
    for (int i = 0; i < 240; ++i) {
        strewn.push_back({at, at + 41min, Booking::up});
        strewn.push_back({at + 41min, at + 42min, Booking::down});
        at += 42min;
    }
    const Interval many = likely_minutes(strewn, 1);
    const Interval share = likely_share(240, 10080);
    CHECK(many.low == doctest::Approx(share.low * 10080));
    CHECK(many.high == doctest::Approx(share.high * 10080).epsilon(0.001));
}

TEST_CASE("only measured time in open hours is looked at, and no interval is longer than it") {
    CHECK(likely_minutes({}, 1).high == 0);
    CHECK(likely_minutes(strip_of({{Booking::outside, 600}, {Booking::unmeasured, 60}, {Booking::planned, 60}}), 1)
              .high == 0);
    const Interval all = likely_minutes(strip_of({{Booking::outside, 60}, {Booking::down, 600}}), 1);
    CHECK(all.high == 600);
    CHECK(all.low == doctest::Approx(600 * std::pow(0.025, 1.0 / 600)).epsilon(1e-6));
    CHECK(likely_minutes(strip_of({{Booking::up, 2}}), 5).high <= 2);
}

TEST_CASE("the shortest outage that is always seen depends on how many have to see it") {
    using Rule = schemas::Quorum::Rule;
    struct Row {
        schemas::Quorum agree;
        schemas::Duration expected;
    };
    // One server, looked at from three places.
    const std::vector<SeriesGap> places{{0, 0, 90s}, {0, 0, 45s}, {0, 0, 450s}};
    for (const Row& row : {Row{{Rule::any, 1}, 45s}, Row{{Rule::majority, 1}, 90s}, Row{{Rule::all, 1}, 450s},
                           Row{{Rule::number, 2}, 90s}, Row{{Rule::number, 9}, 450s}}) {
        schemas::Objective objective;
        objective.agree = row.agree;
        CHECK(always_seen(places, objective) == row.expected);
    }
    // Of several servers, or probes, the one that is looked at least often.
    schemas::Objective objective;
    objective.agree = {Rule::any, 1};
    CHECK(always_seen({{0, 0, 90s}, {0, 0, 45s}, {0, 1, 60s}, {1, 0, 30s}}, objective) == 60s);
    objective.users = schemas::ActiveUsers{10, 5min};
    CHECK(always_seen(places, objective) == 450s);
    CHECK(always_seen({}, objective) == 0s);
}
