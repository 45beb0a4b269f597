// How sure a sampled figure is: 95 % intervals (docs/how-minutes-are-counted.md says what they mean for managers).
#pragma once

#include <cstdint>
#include <vector>

#include "reporter/report.hpp"
#include "schemas/definition.hpp"

namespace slimtax::reporter {

/// The regularized incomplete beta function I_x(a, b): the share of a beta distribution that lies below x.
/// a, b > 0; x in [0, 1]. Good to about 12 digits.
[[nodiscard]] double incomplete_beta(double a, double b, double x);

/// The x with I_x(a, b) = share.
[[nodiscard]] double beta_quantile(double a, double b, double share);

/// Clopper and Pearson's interval of a share that was found `successes` times in `trials`: holds the true share in at
/// least 95 of 100 cases, however small the numbers. Both may be fractions; {0, 1} without trials.
[[nodiscard]] Interval likely_share(double successes, double trials);

/// Half the width of the 95 % interval of a mean of `samples` values, by Student's distribution; infinite for less
/// than two.
[[nodiscard]] double likely_error_of_mean(double deviation, std::uint64_t samples);

/// What a look stands for on a schedule, in minutes: (sum of squared gaps)/(sum of gaps), for gaps that are `every` and
/// the difference of two independent parts of jitter·every. A little more than `every`: unequal gaps tell less.
[[nodiscard]] double effective_gap(schemas::Duration every, double jitter);

/// The 95 % interval of the minutes of outage, if outages and the times between them may be shorter than the gap
/// between runs. Takes what each open minute was booked as, and the effective gap between looks, in minutes.
///
/// Each look stands for a gap's time. Looks at scattered moments find the service down a binomial number of times, at
/// most; this interval is Clopper and Pearson's for as many looks as fit into the measured time. Where failed looks
/// come in long unbroken stretches the number of *changes* says how many short outages (or short recoveries) there
/// can have been beside them, and the count of those that were seen is what is uncertain: the narrower of both is
/// taken on each side. tests/simulate shows that it holds the truth often enough.
[[nodiscard]] Interval likely_minutes(const std::vector<BookedSpan>& strip, double gap);

/// The shortest outage that is seen for certain wherever it begins, by the objective's rules for locations, targets
/// and probes: `series` holds for each of them the longest gap between its runs.
struct SeriesGap {
    std::size_t probe = 0;
    std::size_t target = 0;
    schemas::Duration longest{};
};
[[nodiscard]] schemas::Duration always_seen(const std::vector<SeriesGap>& series, const schemas::Objective& objective);

}  // namespace slimtax::reporter
