#include "reporter/ledger/performance.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

namespace slimtax::reporter {
namespace {

using schemas::Band;
using schemas::Duration;
using schemas::Instant;
using schemas::State;

bool below_target(State state) {
    return state == State::degraded || state == State::down;
}

/// Makes long stretches below target down, in one reading.
void declare_outages(StateSpans& spans, State StateSpan::*reading, Duration least) {
    for (std::size_t first = 0; first < spans.size();) {
        std::size_t end = first;
        while (end < spans.size() && below_target(spans[end].*reading)) {
            ++end;
        }
        if (end > first && spans[end - 1].to - spans[first].from >= least) {
            for (std::size_t i = first; i < end; ++i) {
                spans[i].*reading = State::down;
            }
        }
        first = end > first ? end : first + 1;
    }
}

/// The sum of squared distances from the mean, in square microseconds: n·Σx² - (Σx)² over n, without a step that
/// could round or grow beyond 128 bits.
double squared_distances(const RunTotals& totals) {
    const Wide n = totals.completed();
    const Wide whole = totals.sum / n;
    const Wide rest = totals.sum % n;
    return static_cast<double>(totals.squares - whole * totals.sum - rest * totals.sum / n);
}

/// The first band holds its `up_to`; one that begins there begins just after it. Others begin with their `from`.
bool begins_after(const std::vector<Band>& bands, std::size_t index) {
    return index > 0 && bands.front().up_to == bands[index].from;
}

}  // namespace

std::optional<Duration> first_limit(const schemas::Objective& objective) {
    return objective.bands.empty() ? std::nullopt : objective.bands.front().up_to;
}

JudgedRuns judge_performance(std::vector<Run> runs, const schemas::Objective& objective) {
    JudgedRuns judged = judge_by_verdict(std::move(runs));
    const std::optional<Duration> up_to = first_limit(objective);
    if (!up_to) {
        return judged;
    }
    const Duration limit = *up_to;
    for (std::size_t i = 0; i < judged.runs.size(); ++i) {
        Run& run = judged.runs[i];
        if (judged.states[i] == State::up && run.response > limit) {
            judged.states[i] = State::degraded;
            run.reason = fmt::format("took {:.1f} s, more than the {:g} s aimed at", schemas::to_seconds(run.response),
                                     schemas::to_seconds(limit));
        }
    }
    return judged;
}

StateSpans with_outages(const StateSpans& spans, Duration least) {
    StateSpans changed = spans;
    declare_outages(changed, &StateSpan::nominal, least);
    declare_outages(changed, &StateSpan::shortest, least);
    declare_outages(changed, &StateSpan::longest, least);
    StateSpans result;
    for (const StateSpan& span : changed) {
        append(result, span);
    }
    return result;
}

RunStatistics::RunStatistics(std::vector<Band> bands) : bands_(std::move(bands)) {
    for (std::size_t i = 0; i < bands_.size(); ++i) {
        if (bands_[i].from) {
            limits_.push_back({*bands_[i].from, begins_after(bands_, i)});
        }
        if (bands_[i].up_to) {
            limits_.push_back({*bands_[i].up_to, i == 0});
        }
    }
}

void RunStatistics::add(const Run& run) {
    totals_.add(run);
    if (run.verdict == schemas::Verdict::ok || run.verdict == schemas::Verdict::slow) {
        for (Limit& limit : limits_) {
            limit.before += run.response < limit.at || (limit.or_at && run.response == limit.at) ? 1 : 0;
        }
    }
}

bool RunStatistics::take(const RunTotals& totals) {
    std::vector<std::uint64_t> before;
    for (const Limit& limit : limits_) {
        const auto known = totals.below(limit.at, limit.or_at);
        if (!known) {
            return false;
        }
        before.push_back(*known);
    }
    for (std::size_t i = 0; i < limits_.size(); ++i) {
        limits_[i].before += before[i];
    }
    totals_.add(totals);
    return true;
}

ResponseTimes RunStatistics::response_times() const {
    ResponseTimes times;
    times.samples = totals_.completed();
    if (times.samples == 0) {
        return times;
    }
    const auto n = static_cast<double>(times.samples);
    times.mean = static_cast<double>(totals_.sum) / n / 1e3;
    times.stddev = times.samples > 1 ? std::sqrt(squared_distances(totals_) / (n - 1)) / 1e3 : 0;
    times.min = static_cast<double>(totals_.least) / 1e3;
    times.max = static_cast<double>(totals_.most) / 1e3;
    times.p50 = totals_.response_at(0.50);
    times.p95 = totals_.response_at(0.95);
    times.p99 = totals_.response_at(0.99);
    return times;
}

std::uint64_t RunStatistics::before(Duration at, bool or_at) const {
    const auto limit = std::find_if(limits_.begin(), limits_.end(),
                                    [&](const Limit& one) { return one.at == at && one.or_at == or_at; });
    return limit->before;
}

std::vector<BandResult> RunStatistics::bands() const {
    std::vector<BandResult> results;
    const double all = static_cast<double>(completed() + failed());
    for (std::size_t i = 0; i < bands_.size(); ++i) {
        const Band& band = bands_[i];
        // What did not complete has no response time: it lies beyond every `up_to`.
        const std::uint64_t end = band.up_to ? before(*band.up_to, i == 0) : completed();
        const std::uint64_t begin = band.from ? before(*band.from, begins_after(bands_, i)) : 0;
        BandResult result{.band = band, .runs = (end > begin ? end - begin : 0) + (band.up_to ? 0 : failed())};
        result.p50 = totals_.response_at(0.50, begin, end);
        result.p95 = totals_.response_at(0.95, begin, end);
        if (all > 0) {
            result.share = static_cast<double>(result.runs) / all;
            result.met =
                (!band.at_least || result.share >= *band.at_least) && (!band.at_most || result.share <= *band.at_most);
        }
        results.push_back(result);
    }
    return results;
}

}  // namespace slimtax::reporter
