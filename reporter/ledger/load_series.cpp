#include "reporter/ledger/load_series.hpp"

#include <algorithm>
#include <iterator>
#include <span>
#include <utility>

namespace slimtax::reporter {
namespace {

using schemas::Duration;
using schemas::Instant;

Duration interval_of(const SeriesClock& clock, const Run& run) {
    return run.every > Duration(0) ? run.every : clock.every;
}

class Loader {
public:
    Loader(const RunSource& source, const SeriesClock& clock, const LoadRequest& request)
        : source_(source), clock_(clock), request_(request) {}

    Stored<std::vector<Run>> load() {
        if (auto good = source_.has_days() ? load_days() : load_all(); !good) {
            return tl::unexpected(good.error());
        }
        return std::move(runs_);
    }

private:
    Stored<void> load_all() {
        auto found = source_(clock_.key, request_.from, request_.to);
        if (!found) {
            return tl::unexpected(found.error());
        }
        runs_ = std::move(found->runs);
        arrange(runs_);
        count(runs_);
        return {};
    }

    Stored<void> load_days() {
        const HoursWanted hours = [this](std::int64_t day) {
            const Instant begin = begin_of_day(day);
            const Instant end = begin_of_day(day + 1);
            return request_.counted != nullptr && request_.counted->touch(begin, end) &&
                   (!request_.counted->hold_all(begin, end) || request_.grid->width < std::chrono::days(1));
        };
        auto days = source_.days(clock_.key, day_of(request_.from), day_of(request_.to), hours);
        if (!days) {
            return tl::unexpected(days.error());
        }
        for (SeriesDay& day : *days) {
            if (auto good = take(day); !good) {
                return good;
            }
        }
        return cut();
    }

    /// Adds a day's runs, those that matter or all, and counts them.
    Stored<void> take(SeriesDay& day) {
        if (day.outline && !tells_enough(day)) {
            auto all = in_full(begin_of_day(day.day), begin_of_day(day.day + 1));
            if (!all) {
                return tl::unexpected(all.error());
            }
            day.runs = *std::move(all);
            day.outline.reset();
        }
        if (!day.outline) {
            arrange(day.runs);
            count(day.runs);
            std::move(day.runs.begin(), day.runs.end(), std::back_inserter(runs_));
            return {};
        }
        for (KeptRun& kept : day.outline->kept) {
            runs_.push_back(std::move(kept.run));
        }
        return count_outlined(day);
    }

    /// Whether the ledger comes out the same with the outline (outline.hpp says why).
    [[nodiscard]] bool tells_enough(const SeriesDay& day) const {
        const Instant end = begin_of_day(day.day + 1);
        if (end > request_.now) {
            return false;
        }
        Duration longest{};
        Duration every{};
        Duration gap{};
        const std::vector<KeptRun>& kept = day.outline->kept;
        for (std::size_t i = 0; i < kept.size(); ++i) {
            const Run& run = kept[i].run;
            longest = std::max(longest, interval_of(clock_, run));
            if (run.elided_after == 0) {
                continue;
            }
            if (run.every != every) {
                every = run.every;
                gap = clock_.schedule(every).longest_gap();
            }
            const Duration slowest = std::max({run.response, kept[i].slowest, kept[i + 1].run.response});
            if (kept[i].widest_gap > gap || (request_.limit && slowest > *request_.limit)) {
                return false;
            }
        }
        // A run speaks of a moment within its interval.
        return std::none_of(request_.faults.begin(), request_.faults.end(), [&](const Stretch& fault) {
            return fault.from < end + longest && fault.to > begin_of_day(day.day);
        });
    }

    [[nodiscard]] Stored<std::vector<Run>> in_full(Instant from, Instant to) const {
        auto found = source_(clock_.key, from, to);
        if (!found) {
            return tl::unexpected(found.error());
        }
        std::vector<Run> runs = in_order(std::move(found->runs), request_.now);
        std::erase_if(runs, [&](const Run& run) { return run.intended < from || run.intended >= to; });
        return runs;
    }

    void arrange(std::vector<Run>& runs) const {
        runs = in_order(std::move(runs), request_.now);
        if (!request_.faults.empty()) {
            for (Run& run : runs) {
                set_aside(run, request_.faults, clock_);
            }
        }
    }

    void count(std::span<const Run> runs) const {
        if (request_.counted == nullptr) {
            return;
        }
        for (const Run& run : runs) {
            if (request_.counted->hold(run.intended)) {
                request_.statistics->add(run);
                request_.grid->at(run.intended).add(run);
            }
        }
    }

    [[nodiscard]] Stored<void> count_in_full(Instant from, Instant to) const {
        const auto runs = in_full(from, to);
        if (!runs) {
            return tl::unexpected(runs.error());
        }
        count(*runs);
        return {};
    }

    /// True when the totals of [from, to) could be counted.
    [[nodiscard]] bool count_at_once(Instant from, Instant to, const RunTotals& totals) const {
        if (!request_.counted->hold_all(from, to) || !request_.statistics->take(totals)) {
            return false;
        }
        if (!totals.empty()) {
            request_.grid->at(from).add(totals);
        }
        return true;
    }

    [[nodiscard]] Stored<void> count_outlined(const SeriesDay& day) const {
        const Instant begin = begin_of_day(day.day);
        const Instant end = begin_of_day(day.day + 1);
        if (request_.counted == nullptr || !request_.counted->touch(begin, end)) {
            return {};
        }
        if (!day.hours) {
            if (count_at_once(begin, end, day.outline->totals)) {
                return {};
            }
            return count_in_full(begin, end);
        }
        for (std::size_t i = 0; i < hours_a_day; ++i) {
            const Instant from = begin + std::chrono::hours(i);
            const Instant to = from + std::chrono::hours(1);
            if (!request_.counted->touch(from, to) || count_at_once(from, to, day.hours->at(i))) {
                continue;
            }
            if (auto good = count_in_full(from, to); !good) {
                return good;
            }
        }
        return {};
    }

    /// Leaves one run before `from` and one after `to`.
    Stored<void> cut() {
        const auto first_from = [&](Instant at) { return std::ranges::lower_bound(runs_, at, {}, &Run::intended); };
        const auto inside = first_from(request_.from);
        const auto behind = first_from(request_.to);
        const bool before = inside != runs_.begin();
        const bool after = behind != runs_.end();
        runs_.erase(after ? behind + 1 : behind, runs_.end());
        runs_.erase(runs_.begin(), before ? inside - 1 : inside);
        if (!before || (request_.true_neighbours && runs_.front().elided_after > 0)) {
            if (auto good = find_before(); !good) {
                return good;
            }
        }
        const bool left_out = runs_.size() > 1 && runs_[runs_.size() - 2].elided_after > 0;
        return !after || (request_.true_neighbours && left_out) ? find_after() : Stored<void>();
    }

    Stored<void> find_before() {
        auto found = source_(clock_.key, request_.from, request_.from);
        if (!found) {
            return tl::unexpected(found.error());
        }
        arrange(found->runs);
        for (Run& run : found->runs) {
            if (run.intended >= request_.from) {
                continue;
            }
            if (runs_.empty() || runs_.front().intended >= request_.from) {
                runs_.insert(runs_.begin(), std::move(run));
            } else if (run.intended != runs_.front().intended) {
                run.elided_after = 1;  // it was left out itself: the next one follows it
                runs_.front() = std::move(run);
            }
        }
        return {};
    }

    Stored<void> find_after() {
        auto found = source_(clock_.key, request_.to, request_.to);
        if (!found) {
            return tl::unexpected(found.error());
        }
        arrange(found->runs);
        for (Run& run : found->runs) {
            if (run.intended < request_.to) {
                continue;
            }
            if (runs_.empty() || runs_.back().intended < request_.to) {
                runs_.push_back(std::move(run));
            } else {
                runs_.back() = std::move(run);
            }
        }
        return {};
    }

    const RunSource& source_;
    const SeriesClock& clock_;
    const LoadRequest& request_;
    std::vector<Run> runs_;
};

}  // namespace

const Stretch* stretch_at(const std::vector<Stretch>& stretches, Instant instant) {
    const auto after = std::upper_bound(stretches.begin(), stretches.end(), instant,
                                        [](Instant t, const Stretch& stretch) { return t < stretch.to; });
    return after != stretches.end() && after->from <= instant ? &*after : nullptr;
}

std::string fault_sentence(const std::string& location) {
    return "the location " + location + " was at fault itself: its control probes failed too";
}

void set_aside(Run& run, const std::vector<Stretch>& faults, const SeriesClock& clock) {
    if (stretch_at(faults, moment_of(clock, run)) != nullptr) {
        run.verdict = schemas::Verdict::prober_fault;
        run.reason = fault_sentence(clock.key.location);
    }
}

Stored<std::vector<Run>> load_series(const RunSource& source, const SeriesClock& clock, const LoadRequest& request) {
    return Loader(source, clock, request).load();
}

}  // namespace slimtax::reporter
