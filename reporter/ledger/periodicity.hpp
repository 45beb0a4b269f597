// Failures that come again at a steady interval (M4): a job every ten minutes that chokes the service, a back-up every
// night at two, Monday mornings at nine.
//
// How: the outages' begins are wound around a candidate interval, like a thread around a drum; if they come steadily,
// they lie together on one side of it. Whether so many lying together can be chance is reckoned for outages that come
// at any time alike, with all the candidates and all the widths of "together" that were tried. Candidates are the
// intervals at which people run jobs (5 minutes … a week; days and weeks by the clock on the wall), and those that
// often lie between one outage and the next. Outages that fall on one turn of the drum count once: a bad hour is
// no rhythm.
#pragma once

#include <vector>

#include "reporter/ledger/zone.hpp"
#include "reporter/report.hpp"

namespace slimtax::reporter {

/// On outages that come at random, about this share of periods shows a rhythm at most (tests: none in 1,000).
inline constexpr double false_find_rate = 0.01;

/// The rhythms in the outages of an objective, most telling first; usually none, at most three. `outages` in order;
/// `gap` is the longest between two runs: begins are known to no more than that. Times in the sentences are those of
/// `zone`. Takes time in proportion to the outages, and to how many fit one after another into the period.
[[nodiscard]] std::vector<Periodicity> find_periodicity(const std::vector<Outage>& outages, schemas::Duration gap,
                                                        const Zone& zone);

}  // namespace slimtax::reporter
