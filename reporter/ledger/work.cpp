#include "reporter/ledger/work.hpp"

#include <algorithm>
#include <deque>
#include <string_view>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

namespace slimtax::reporter {
namespace {

using schemas::Duration;
using schemas::Instant;
using schemas::State;
using schemas::Verdict;

/// Shares of an exact target must not fail by rounding.
constexpr double rounding = 1e-9;

bool reads_work(const Run& run) {
    return (run.verdict == Verdict::ok || run.verdict == Verdict::slow) && run.work_span > Duration(0);
}

State state_without_population(const Run& run) {
    const State state = schemas::state_of(run.verdict);
    return state == State::down || state == State::unmeasured ? state : State::unmeasured;
}

double per_second(const schemas::WorkRate& rate) {
    return rate.amount / schemas::to_seconds(rate.per);
}

/// What one series read in the trailing time.
class Trailing {
public:
    void add(const Run& run, Instant at) {
        readings_.push_back({&run, at});
        units_ += run.work;
        covered_ += run.work_span;
    }

    /// Forgets readings at or before the trailing time's start; `gone` is told each.
    template <class Gone>
    void forget_before(Instant start, Gone&& gone) {
        while (!readings_.empty() && readings_.front().at <= start) {
            const Run& old = *readings_.front().run;
            units_ -= old.work;
            covered_ -= old.work_span;
            gone(old);
            readings_.pop_front();
        }
    }

    /// Units a second over the covered part of (start, start + within].
    [[nodiscard]] double rate(Instant start) const {
        if (readings_.empty()) {
            return 0;
        }
        double units = static_cast<double>(units_);
        Duration covered = covered_;
        // The oldest reading reaches back beyond the start; more than one only where readings overlap.
        for (const Seen& seen : readings_) {
            const Duration early = start - (seen.at - seen.run->work_span);
            if (early <= Duration(0)) {
                break;
            }
            units -= static_cast<double>(seen.run->work) * static_cast<double>(early.count()) /
                     static_cast<double>(seen.run->work_span.count());
            covered -= early;
        }
        return units / schemas::to_seconds(covered);
    }

    /// True when readings cover the trailing time from its start to the newest one without a hole.
    [[nodiscard]] bool complete(Instant start) const {
        if (readings_.empty()) {
            return false;
        }
        const Duration early = start - (readings_.front().at - readings_.front().run->work_span);
        return early >= Duration(0) && covered_ - early >= readings_.back().at - start;
    }

private:
    struct Seen {
        const Run* run;
        Instant at;
    };
    std::deque<Seen> readings_;
    std::uint64_t units_ = 0;
    Duration covered_{};
};

struct Reading {
    Instant at;
    std::size_t series = 0;
    std::size_t run = 0;
};

class Judge {
public:
    Judge(const std::vector<PopulationSeries>& series, const schemas::Objective& objective, Instant now)
        : series_(series), objective_(objective), within_(trailing_time(objective)) {
        for (const PopulationSeries& one : series) {
            trailing_.emplace_back();
            JudgedRuns measured{one.runs, {}};
            JudgedRuns judged{one.runs, {}};
            for (const Run& run : one.runs) {
                measured.states.push_back(reads_work(run) ? State::up : State::unmeasured);
                judged.states.push_back(state_without_population(run));
            }
            measured_.push_back(one.runs.empty() ? StateSpans{}
                                                 : make_ledger(one.clock, measured, Instant::min(), now, now).spans);
            span_.push_back(0);
            result_.active.emplace_back(one.runs.size(), 0);
            result_.series.push_back(std::move(judged));
        }
    }

    /// Takes in a reading, so that those of the same instant are all there when one is judged.
    void see(const Reading& reading) {
        const Run& run = series_[reading.series].runs[reading.run];
        if (!reads_work(run)) {
            return;
        }
        trailing_[reading.series].add(run, reading.at);
        for (const schemas::UserWork& user : run.users) {
            if (user.units > 0) {
                ++users_[user.user];
            }
        }
    }

    void judge(const Reading& reading) {
        if (!reads_work(series_[reading.series].runs[reading.run])) {
            return;
        }
        const Instant start = reading.at - within_;
        for (Trailing& one : trailing_) {
            one.forget_before(start, [&](const Run& old) { forget_users(old); });
        }
        JudgedRuns& judged = result_.series[reading.series];
        const auto active = static_cast<std::int64_t>(users_.size());
        result_.active[reading.series][reading.run] = active;
        std::string reason = shortfall(start, active);
        State state = State::up;
        if (!reason.empty()) {
            state = everything_measured(reading.at, start) ? State::down : State::unmeasured;
            judged.runs[reading.run].reason = std::move(reason);
        }
        judged.states[reading.run] = state;
    }

    JudgedPopulation result() { return std::move(result_); }

private:
    void forget_users(const Run& old) {
        for (const schemas::UserWork& user : old.users) {
            const auto found = users_.find(user.user);
            if (user.units > 0 && --found->second == 0) {
                users_.erase(found);
            }
        }
    }

    /// What the population falls short of, in words; empty when nothing.
    [[nodiscard]] std::string shortfall(Instant start, std::int64_t active) const {
        double rate = 0;
        for (const Trailing& one : trailing_) {
            rate += one.rate(start);
        }
        const auto short_of = [&](double target) { return rate < target * (1 - rounding); };
        const auto sentence = [&](double target) {
            return fmt::format("{:.0f} units of work an hour by {} active users, {:.0f} an hour were promised",
                               rate * 3600, active, target * 3600);
        };
        if (objective_.work) {
            const auto users = objective_.users ? objective_.users->users : active;
            const double target = static_cast<double>(users) * per_second(*objective_.work);
            if (short_of(target)) {
                return sentence(target);
            }
        }
        if (objective_.total && short_of(per_second(*objective_.total))) {
            return sentence(per_second(*objective_.total));
        }
        const bool users_only = objective_.users && !objective_.work && !objective_.total;
        if (users_only && active < objective_.users->users) {
            return fmt::format("{} active users, {} were promised", active, objective_.users->users);
        }
        return {};
    }

    /// Whether what was not seen was not there: every series is measured now and, where active users alone are
    /// asked for, has been for the whole trailing time.
    [[nodiscard]] bool everything_measured(Instant now, Instant start) {
        const bool users_only = !objective_.work && !objective_.total;
        for (std::size_t i = 0; i < series_.size(); ++i) {
            std::size_t& at = span_[i];
            while (at < measured_[i].size() && measured_[i][at].to <= now) {
                ++at;
            }
            if (at == measured_[i].size() || measured_[i][at].nominal == State::unmeasured ||
                (users_only && !trailing_[i].complete(start))) {
                return false;
            }
        }
        return true;
    }

    const std::vector<PopulationSeries>& series_;
    const schemas::Objective& objective_;
    Duration within_;
    std::vector<Trailing> trailing_;
    std::vector<StateSpans> measured_;
    std::vector<std::size_t> span_;
    std::unordered_map<std::string_view, int> users_;  ///< readings with work of that user; views into series_
    JudgedPopulation result_;
};

}  // namespace

Duration trailing_time(const schemas::Objective& objective) {
    return objective.users && objective.users->within > Duration(0) ? objective.users->within : default_within;
}

JudgedPopulation judge_work(const std::vector<PopulationSeries>& series, const schemas::Objective& objective,
                            Instant now) {
    std::vector<Reading> readings;
    for (std::size_t i = 0; i < series.size(); ++i) {
        for (std::size_t run = 0; run < series[i].runs.size(); ++run) {
            readings.push_back({moment_of(series[i].clock, series[i].runs[run]), i, run});
        }
    }
    std::stable_sort(readings.begin(), readings.end(), [](const Reading& a, const Reading& b) { return a.at < b.at; });
    Judge judge(series, objective, now);
    for (auto first = readings.begin(); first != readings.end();) {
        const auto end = std::find_if(first, readings.end(), [&](const Reading& next) { return next.at != first->at; });
        std::for_each(first, end, [&](const Reading& reading) { judge.see(reading); });
        std::for_each(first, end, [&](const Reading& reading) { judge.judge(reading); });
        first = end;
    }
    return judge.result();
}

}  // namespace slimtax::reporter
