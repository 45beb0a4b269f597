#include "reporter/performance.hpp"

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

bool did_complete(const Run& run) {
    return run.verdict == schemas::Verdict::ok || run.verdict == schemas::Verdict::slow;
}

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

/// The value at a share of sorted samples: the smallest one with at least that share at or below it.
double percentile(const std::vector<Duration>& sorted, double share) {
    const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(sorted.size())));
    return schemas::to_milliseconds(sorted.at(std::clamp<std::size_t>(rank, 1, sorted.size()) - 1));
}

}  // namespace

JudgedRuns judge_performance(std::vector<Run> runs, const schemas::Objective& objective) {
    JudgedRuns judged = judge_by_verdict(std::move(runs));
    if (objective.bands.empty() || !objective.bands.front().up_to) {
        return judged;
    }
    const Duration limit = *objective.bands.front().up_to;
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

void RunStatistics::add(const Run& run) {
    if (did_complete(run)) {
        responses_.push_back(run.response);
        transactions_ += run.work_span > Duration(0) ? static_cast<double>(run.work) : 1.0;
    } else if (run.verdict == schemas::Verdict::failed || run.verdict == schemas::Verdict::timeout) {
        ++failed_;
    }
}

ResponseTimes RunStatistics::response_times() const {
    ResponseTimes times;
    times.samples = responses_.size();
    if (responses_.empty()) {
        return times;
    }
    std::vector<Duration> sorted = responses_;
    std::sort(sorted.begin(), sorted.end());
    // Two passes, so that the deviation does not drown in rounding.
    double sum = 0;
    for (const Duration response : sorted) {
        sum += schemas::to_milliseconds(response);
    }
    times.mean = sum / static_cast<double>(sorted.size());
    double squares = 0;
    for (const Duration response : sorted) {
        const double off = schemas::to_milliseconds(response) - times.mean;
        squares += off * off;
    }
    times.stddev = sorted.size() > 1 ? std::sqrt(squares / static_cast<double>(sorted.size() - 1)) : 0;
    times.min = schemas::to_milliseconds(sorted.front());
    times.max = schemas::to_milliseconds(sorted.back());
    times.p50 = percentile(sorted, 0.50);
    times.p95 = percentile(sorted, 0.95);
    times.p99 = percentile(sorted, 0.99);
    return times;
}

std::vector<BandResult> RunStatistics::bands(const std::vector<Band>& bands) const {
    std::vector<BandResult> results;
    const double all = static_cast<double>(responses_.size() + failed_);
    for (const Band& band : bands) {
        BandResult result{.band = band, .runs = band.up_to ? 0 : failed_};
        // The first band holds its `up_to`; one that begins there begins just after it.
        const bool first = results.empty();
        const bool follows = !first && band.from && bands.front().up_to == band.from;
        for (const Duration response : responses_) {
            const bool above = !band.from || (follows ? response > *band.from : response >= *band.from);
            const bool below = !band.up_to || (first ? response <= *band.up_to : response < *band.up_to);
            result.runs += above && below ? 1 : 0;
        }
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
