// simulate-weeks: is the report right? Makes weeks in which the truth is known, lets the reporter say what it makes of
// the runs, and compares. Exits 1 when a bound or the average is wrong (docs/how-exact.md shows what came out).
//
//   simulate-weeks [WEEKS [FIRST_SEED [bounds|lengths|rhythms]]]     10000 weeks of each setting, from seed 1; all
//   parts
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <string_view>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "simulate/simulated_week.hpp"

namespace {

using namespace slimtax;
using namespace slimtax::simulate;

/// Mean and standard error.
struct Mean {
    double count = 0, sum = 0, squares = 0;
    void add(double value) {
        count += 1;
        sum += value;
        squares += value * value;
    }
    void add(const Mean& other) {
        count += other.count;
        sum += other.sum;
        squares += other.squares;
    }
    [[nodiscard]] double mean() const { return sum / count; }
    [[nodiscard]] double error() const {
        return std::sqrt(std::max(0.0, squares / count - mean() * mean()) / std::max(1.0, count - 1));
    }
};

struct Sums {
    Mean truth, width, error, likely_width;
    std::uint64_t outages = 0, noticed = 0;
    std::uint64_t outside = 0;  ///< weeks whose truth is not within the bounds
    std::uint64_t held = 0;     ///< weeks whose truth is in the 95 % interval
    std::uint64_t miscounted = 0;
    std::uint64_t rhythms = 0;  ///< weeks in which a rhythm was found
    std::uint64_t bad_seed = 0;

    void add(const Sums& other) {
        truth.add(other.truth);
        width.add(other.width);
        error.add(other.error);
        likely_width.add(other.likely_width);
        outages += other.outages;
        noticed += other.noticed;
        outside += other.outside;
        held += other.held;
        miscounted += other.miscounted;
        rhythms += other.rhythms;
        bad_seed = bad_seed == 0 ? other.bad_seed : bad_seed;
    }
};

/// To look at each week for the mean error: one has too little to tell a hundredth of an interval.
constexpr int probers = 50;

Sums look(const Setting& setting, bool short_stretches, std::uint64_t first, std::uint64_t end) {
    Sums sums;
    for (std::uint64_t seed = first; seed < end; ++seed) {
        const Week week = simulate::simulate(setting, seed);
        const double truth = schemas::to_minutes(week.truth);
        sums.truth.add(truth);
        sums.outages += week.outages;
        sums.noticed += week.noticed;
        sums.rhythms += week.rhythms > 0 ? 1 : 0;
        sums.width.add(schemas::to_minutes(week.at_most - week.at_least));
        if (week.truth < week.at_least || week.truth > week.at_most) {
            ++sums.outside;
            sums.bad_seed = seed;
        }
        sums.likely_width.add(week.likely.high - week.likely.low);
        sums.held += truth >= week.likely.low - 1e-6 && truth <= week.likely.high + 1e-6 ? 1 : 0;
        if (short_stretches) {
            sums.miscounted += counted_by_hand(setting, seed) == week.nominal ? 0 : 1;
            sums.error.add(mean_error(setting, seed, probers));
        } else {
            sums.error.add(schemas::to_minutes(week.nominal) - truth);
        }
    }
    return sums;
}

Sums look_at_all(const Setting& setting, bool short_stretches, std::uint64_t first, std::uint64_t weeks) {
    const std::uint64_t parts = std::max(1U, std::thread::hardware_concurrency());
    std::vector<std::future<Sums>> parallel;
    for (std::uint64_t part = 0; part < parts; ++part) {
        parallel.push_back(std::async(std::launch::async, look, std::cref(setting), short_stretches,
                                      first + weeks * part / parts, first + weeks * (part + 1) / parts));
    }
    Sums all;
    for (auto& part : parallel) {
        all.add(part.get());
    }
    return all;
}

std::string per_week(const Sums& sums) {
    return fmt::format("{:.1f} | {:.1f} min", static_cast<double>(sums.outages) / sums.truth.count, sums.truth.mean());
}

bool long_stretches(std::uint64_t first, std::uint64_t weeks) {
    bool good = true;
    fmt::print("| the service | outages a week | down | between the bounds | weeks outside the bounds |\n");
    fmt::print("|---|--:|--:|--:|--:|\n");
    for (const Setting& setting : settings_of_long_stretches()) {
        const Sums sums = look_at_all(setting, false, first, weeks);
        fmt::print("| {} | {} | {:.1f} min | {} |{}\n", setting.name, per_week(sums), sums.width.mean(), sums.outside,
                   sums.outside > 0 ? fmt::format(" seed {}", sums.bad_seed) : "");
        std::fflush(stdout);
        good = good && sums.outside == 0;
    }
    return good;
}

bool short_stretches(const std::vector<Setting>& settings, std::uint64_t first, std::uint64_t weeks) {
    bool good = true;
    fmt::print(
        "| the service | outages a week | down | seen | mean error, of an interval | width of the 95 % interval "
        "| holds the truth |\n|---|--:|--:|--:|--:|--:|--:|\n");
    for (const Setting& setting : settings) {
        const Sums sums = look_at_all(setting, true, first, weeks);
        const double interval = schemas::to_minutes(setting.every);
        const double held = static_cast<double>(sums.held) / static_cast<double>(weeks);
        fmt::print("| {} | {} | {:.1f} | {:+.2f} ± {:.2f} % | {:.1f} min | {:.2f} % |{}\n", setting.name,
                   per_week(sums), static_cast<double>(sums.noticed) / sums.truth.count,
                   sums.error.mean() / interval * 100, sums.error.error() / interval * 100, sums.likely_width.mean(),
                   held * 100, sums.miscounted > 0 ? " MISCOUNTED" : "");
        std::fflush(stdout);
        good = good && sums.miscounted == 0 && held >= 0.95 && std::abs(sums.error.mean()) < 0.01 * interval;
    }
    return good;
}

/// Of weeks whose outages come at random: how many reports find a rhythm in them.
bool rhythms(std::uint64_t first, std::uint64_t weeks) {
    std::uint64_t looked = 0;
    std::uint64_t found = 0;
    for (const Setting& setting : settings_without_rhythm()) {
        const Sums sums = look_at_all(setting, false, first, weeks);
        fmt::print("| {} | {} | {} |\n", setting.name, per_week(sums), sums.rhythms);
        std::fflush(stdout);
        looked += weeks;
        found += sums.rhythms;
    }
    return found * 100 <= looked;
}

}  // namespace

int main(int argc, char** argv) {
    const std::uint64_t weeks = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 10000;
    const std::uint64_t first = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1;
    const std::string_view only = argc > 3 ? argv[3] : "";
    const auto asked = [&](std::string_view part) { return only.empty() || only == part; };
    if (weeks == 0 || !(asked("bounds") || asked("lengths") || asked("rhythms"))) {
        fmt::print(stderr, "usage: simulate-weeks [WEEKS [FIRST_SEED [bounds|lengths|rhythms]]]\n");
        return 2;
    }
    bool good = true;
    if (asked("bounds")) {
        fmt::print("Every stretch longer than the longest gap: {} weeks each\n\n", weeks);
        good = long_stretches(first, weeks) && good;
    }
    if (asked("lengths")) {
        fmt::print("\nStretches of any length: {} weeks each, for the mean error by {} probers each\n\n", weeks,
                   probers);
        good = short_stretches(settings_of_short_stretches(), first, weeks) && good;
        fmt::print("\nIn step with the schedule's slots of 5 min: where it ends\n\n");
        static_cast<void>(short_stretches(settings_in_step(), first, weeks));
    }
    if (asked("rhythms")) {
        fmt::print("\nWithout any rhythm: {} weeks each\n\n", weeks);
        fmt::print("| the service | outages a week | down | weeks in which a rhythm was found |\n|---|--:|--:|--:|\n");
        good = rhythms(first, weeks) && good;
    }
    return good ? 0 : 1;
}
