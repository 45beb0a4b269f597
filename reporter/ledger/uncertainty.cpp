#include "reporter/ledger/uncertainty.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "reporter/ledger/combine.hpp"

namespace slimtax::reporter {
namespace {

constexpr double tail = 0.025;  // on each side of a 95 % interval

/// The continued fraction of the incomplete beta function (DLMF 8.17.22), by Lentz's method. Needs about the root of
/// the larger of a and b steps where x is below a/(a+b).
double continued_fraction(double a, double b, double x) {
    constexpr double tiny = 1e-300;
    constexpr double precision = 1e-15;
    constexpr int most_steps = 200'000;
    const auto guarded = [](double value) { return std::abs(value) < tiny ? tiny : value; };
    double c = 1;
    double d = 1 / guarded(1 - (a + b) * x / (a + 1));
    double result = d;
    for (int m = 1; m <= most_steps; ++m) {
        const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        d = 1 / guarded(1 + even * d);
        c = guarded(1 + even / c);
        result *= d * c;
        const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        d = 1 / guarded(1 + odd * d);
        c = guarded(1 + odd / c);
        const double change = d * c;
        result *= change;
        if (std::abs(change - 1) < precision) {
            break;
        }
    }
    return result;
}

/// std::lgamma writes to a global; reports are made in several threads at a time.
double log_gamma(double x) {
    int sign = 0;
    return lgamma_r(x, &sign);
}

/// What a strip holds: minutes, and unbroken stretches of outage.
struct Strip {
    double up = 0;
    double down = 0;
    double downs = 0;
};

Strip look_through(const std::vector<BookedSpan>& strip) {
    Strip seen;
    for (const BookedSpan& span : strip) {
        const double minutes = schemas::to_minutes(span.to - span.from);
        if (span.booking == schemas::Booking::down) {
            seen.down += minutes;
            seen.downs += 1;
        } else if (span.booking == schemas::Booking::up || span.booking == schemas::Booking::degraded) {
            seen.up += minutes;
        }
    }
    return seen;
}

}  // namespace

double incomplete_beta(double a, double b, double x) {
    if (x <= 0 || x >= 1) {
        return x <= 0 ? 0 : 1;
    }
    const double front =
        std::exp(log_gamma(a + b) - log_gamma(a) - log_gamma(b) + a * std::log(x) + b * std::log1p(-x));
    return x < (a + 1) / (a + b + 2) ? front * continued_fraction(a, b, x) / a
                                     : 1 - front * continued_fraction(b, a, 1 - x) / b;
}

double beta_quantile(double a, double b, double share) {
    double low = 0;
    double high = 1;
    // The function only grows: halving cannot go wrong.
    for (int i = 0; i < 200 && high - low > 1e-14 * high; ++i) {
        const double middle = (low + high) / 2;
        (incomplete_beta(a, b, middle) < share ? low : high) = middle;
    }
    return (low + high) / 2;
}

Interval likely_share(double successes, double trials) {
    if (trials <= 0) {
        return {0, 1};
    }
    const double hits = std::clamp(successes, 0.0, trials);
    const double misses = trials - hits;
    return {hits > 0 ? beta_quantile(hits, misses + 1, tail) : 0,
            misses > 0 ? beta_quantile(hits + 1, misses, 1 - tail) : 1};
}

double likely_error_of_mean(double deviation, std::uint64_t samples) {
    if (samples < 2) {
        return std::numeric_limits<double>::infinity();
    }
    const auto freedom = static_cast<double>(samples - 1);
    // Student's t and the beta distribution: P(|T| > t) = I_x(freedom/2, 1/2) with x = freedom/(freedom + t²).
    const double x = beta_quantile(freedom / 2, 0.5, 2 * tail);
    const double t = std::sqrt(freedom * (1 - x) / x);
    return t * deviation / std::sqrt(static_cast<double>(samples));
}

double effective_gap(schemas::Duration every, double jitter) {
    return schemas::to_minutes(every) * (1 + jitter * jitter / 6);
}

Interval likely_minutes(const std::vector<BookedSpan>& strip, double gap) {
    const Strip seen = look_through(strip);
    const double measured = seen.up + seen.down;
    if (measured <= 0 || gap <= 0) {
        return {0, std::max(measured, 0.0)};
    }
    const double looks = std::max(1.0, measured / gap);
    const double failed = seen.down / measured * looks;
    const Interval by_looks = likely_share(failed, looks);
    // So many short stretches were seen; so many more there may have been.
    const auto more = [&](double stretches) {
        return looks * likely_share(std::min(stretches, looks), looks).high - stretches;
    };
    const double ups_between = seen.downs > 1 ? seen.downs - 1 : 0;
    const double low = std::max(by_looks.low * looks, failed - more(ups_between));
    const double high = std::min(by_looks.high * looks, failed + more(seen.downs));
    return {std::clamp(low / looks * measured, 0.0, seen.down),
            std::clamp(high / looks * measured, seen.down, measured)};
}

schemas::Duration always_seen(const std::vector<SeriesGap>& series, const schemas::Objective& objective) {
    // An outage is seen when so many locations are sure to look into it: those with the shortest gaps. It is an
    // outage of the target then, since all of their last looks into it hold beyond its end.
    std::map<std::size_t, std::map<std::size_t, std::vector<schemas::Duration>>> probes;
    for (const SeriesGap& one : series) {
        probes[one.probe][one.target].push_back(one.longest);
    }
    const auto nth_shortest = [](std::vector<schemas::Duration>& gaps, int n) {
        std::sort(gaps.begin(), gaps.end());
        return gaps.at(static_cast<std::size_t>(std::clamp(n, 1, static_cast<int>(gaps.size())) - 1));
    };
    schemas::Duration longest{};
    if (objective.users || objective.work || objective.total) {  // series of a population do not vote
        for (const SeriesGap& one : series) {
            longest = std::max(longest, one.longest);
        }
        return longest;
    }
    for (auto& [probe, targets] : probes) {
        std::vector<schemas::Duration> of_targets;
        for (auto& [target, gaps] : targets) {
            of_targets.push_back(nth_shortest(gaps, asked_for(objective.agree, static_cast<int>(gaps.size()))));
        }
        // Down when fewer than `need` of them serve: when all but need - 1 are down, whichever these are.
        longest = std::max(longest, *std::max_element(of_targets.begin(), of_targets.end()));
    }
    return longest;
}

}  // namespace slimtax::reporter
