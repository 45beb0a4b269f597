#include "reporter/ledger/unmeasured.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>

#include <fmt/format.h>

namespace slimtax::reporter {
namespace {

using schemas::Booking;
using schemas::Duration;
using schemas::Instant;
using schemas::State;
using schemas::Verdict;

/// From `at` on, as long as the series is not measured, this is why.
struct Cause {
    Instant at;
    std::string reason;
};

const char* const location_fault = "The location was at fault itself: its control probes failed too";

std::string why(const Run& run) {
    const auto with_reason = [&](std::string what) { return run.reason.empty() ? what : what + ": " + run.reason; };
    switch (run.verdict) {
        case Verdict::prober_fault: return with_reason("The prober had trouble itself");
        case Verdict::not_run: return with_reason("The run did not start");
        default: return "What was read leaves open whether enough work was done";
    }
}

class SeriesCauses {
public:
    explicit SeriesCauses(const SeriesPart& part) : part_(part) {
        faults_ = part.faults;
        causes_.push_back({Instant::min(), "No result had come yet"});
        for (std::size_t i = 0; i < part.judged.runs.size(); ++i) {
            if (part.judged.states[i] == State::unmeasured) {
                const Instant moment = moment_of(part.clock, part.judged.runs[i]);
                causes_.push_back({moment, at_fault(moment) ? location_fault : why(part.judged.runs[i])});
            }
        }
        for (const MissedRuns& missed : part.ledger.missed) {
            causes_.push_back({missed.first, "No result arrived"});
        }
        std::stable_sort(causes_.begin(), causes_.end(), [](const Cause& a, const Cause& b) { return a.at < b.at; });
    }

    [[nodiscard]] bool measured(Instant t) const {
        const StateSpan* span = span_at(part_.ledger.spans, t);
        return span != nullptr && span->nominal != State::unmeasured;
    }

    [[nodiscard]] std::string at(Instant t) const {
        if (at_fault(t)) {
            return location_fault;
        }
        const auto after = std::upper_bound(causes_.begin(), causes_.end(), t,
                                            [](Instant i, const Cause& cause) { return i < cause.at; });
        return std::prev(after)->reason;
    }

    /// Every moment of [from, to) at which something may change.
    void cut(std::set<Instant>& cuts, Instant from, Instant to) const {
        const auto add = [&](Instant t) {
            if (t > from && t < to) {
                cuts.insert(t);
            }
        };
        const StateSpans& spans = part_.ledger.spans;
        auto span = std::upper_bound(spans.begin(), spans.end(), from,
                                     [](Instant t, const StateSpan& one) { return t < one.to; });
        for (; span != spans.end() && span->from < to; ++span) {
            add(span->from);
        }
        auto cause = std::upper_bound(causes_.begin(), causes_.end(), from,
                                      [](Instant t, const Cause& one) { return t < one.at; });
        for (; cause != causes_.end() && cause->at < to; ++cause) {
            // The same reason again and again is no change.
            if (cause->reason != std::prev(cause)->reason) {
                add(cause->at);
            }
        }
        for (const Stretch& fault : faults_) {
            add(fault.from);
            add(fault.to);
        }
    }

    [[nodiscard]] const SeriesPart& part() const { return part_; }

private:
    [[nodiscard]] bool at_fault(Instant t) const {
        const auto fault = std::upper_bound(faults_.begin(), faults_.end(), t,
                                            [](Instant i, const Stretch& stretch) { return i < stretch.to; });
        return fault != faults_.end() && fault->from <= t;
    }

    const SeriesPart& part_;
    std::vector<Cause> causes_;
    std::vector<Stretch> faults_;
};

std::string uncapitalised(std::string text) {
    if (!text.empty() && text.front() >= 'A' && text.front() <= 'Z') {
        text.front() = static_cast<char>(text.front() - 'A' + 'a');
    }
    return text;
}

/// The reason at one moment, and whose results were missing.
std::pair<std::string, std::set<std::string>> reason_at(const std::vector<SeriesCauses>& series, Instant t) {
    std::map<std::string, std::pair<std::size_t, std::set<std::string>>> reasons;
    std::map<std::pair<std::size_t, std::size_t>, std::pair<bool, bool>> targets;  // measured, unmeasured
    for (const SeriesCauses& one : series) {
        const SeriesPart& part = one.part();
        auto& [some_measured, some_unmeasured] = targets[{part.probe, part.target}];
        if (one.measured(t)) {
            some_measured = true;
            continue;
        }
        some_unmeasured = true;
        auto& [count, locations] = reasons[one.at(t)];
        ++count;
        locations.insert(part.clock.key.location);
    }
    if (reasons.empty()) {
        return {"No probe measures it", {}};
    }
    const auto most = std::max_element(reasons.begin(), reasons.end(),
                                       [](const auto& a, const auto& b) { return a.second.first < b.second.first; });
    const bool blind = std::any_of(targets.begin(), targets.end(),
                                   [](const auto& one) { return one.second.second && !one.second.first; });
    return {blind ? most->first : "Too few locations for the vote: " + uncapitalised(most->first), most->second.second};
}

}  // namespace

std::vector<UnmeasuredBy> explain_unmeasured(const ObjectiveLedger& ledger, const std::vector<BookedSpan>& strip) {
    const bool any = std::any_of(strip.begin(), strip.end(),
                                 [](const BookedSpan& span) { return span.booking == Booking::unmeasured; });
    if (!any) {
        return {};
    }
    std::vector<SeriesCauses> series;
    series.reserve(ledger.series.size());
    for (const SeriesPart& part : ledger.series) {
        series.emplace_back(part);
    }
    std::map<std::pair<std::string, std::set<std::string>>, Duration> sums;
    for (const BookedSpan& span : strip) {
        if (span.booking != Booking::unmeasured) {
            continue;
        }
        std::set<Instant> cuts{span.from, span.to};
        for (const SeriesCauses& one : series) {
            one.cut(cuts, span.from, span.to);
        }
        for (auto at = cuts.begin(); std::next(at) != cuts.end(); ++at) {
            sums[reason_at(series, *at)] += *std::next(at) - *at;
        }
    }
    std::vector<UnmeasuredBy> result;
    for (const auto& [reason, time] : sums) {
        result.push_back({reason.first, time, {reason.second.begin(), reason.second.end()}});
    }
    std::stable_sort(result.begin(), result.end(),
                     [](const UnmeasuredBy& a, const UnmeasuredBy& b) { return a.time > b.time; });
    if (result.size() > most_unmeasured_reasons) {
        UnmeasuredBy others{fmt::format("{} other reasons", result.size() - most_unmeasured_reasons + 1), {}, {}};
        for (std::size_t i = most_unmeasured_reasons - 1; i < result.size(); ++i) {
            others.time += result[i].time;
        }
        result.resize(most_unmeasured_reasons - 1);
        result.push_back(std::move(others));
    }
    return result;
}

}  // namespace slimtax::reporter
