// Weeks in which the truth is known: a service that really goes up and down, probed by the real schedule, and what
// the report then says of it (docs/how-exact.md).
#pragma once

#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "reporter/ledger/combine.hpp"
#include "reporter/report.hpp"
#include "schemas/definition.hpp"

namespace slimtax::simulate {

using reporter::Stretch;
using schemas::Duration;
using schemas::Instant;

/// The same seed means the same with every library.
class Dice {
public:
    explicit Dice(std::uint64_t seed) : engine_(seed) {}

    /// In [0, 1).
    double fraction() { return static_cast<double>(engine_() >> 11) * 0x1.0p-53; }
    Duration between(Duration least, Duration most);
    Duration exponential(Duration mean);

private:
    std::mt19937_64 engine_;
};

/// When the service is down in [from, to): in order, disjoint.
using History = std::function<std::vector<Stretch>(Dice&, Instant from, Instant to)>;

/// Up and down for random times, each at least `least` and on average `up` and `down` longer.
[[nodiscard]] History at_random(Duration least, Duration up, Duration down);
/// As at_random, but most of the time nothing happens, and then many outages close together.
[[nodiscard]] History in_bursts(Duration least, Duration calm, Duration burst, Duration up, Duration down);
/// Down for `length`, every `every`, from a random moment on.
[[nodiscard]] History at_intervals(Duration every, Duration length);
/// Which moment of a run decides what it finds.
enum class Sight {
    at_start,  ///< its start
    within,    ///< one moment between its start and its end
    whole,     ///< it fails when the service is down at any moment of it
    patient,   ///< it succeeds when the service is up at any moment before its time-out
};

struct Setting {
    std::string name;
    std::string timezone = "UTC";
    std::vector<schemas::WeeklyHours> open;  ///< empty: always
    std::vector<Instant> mondays;            ///< weeks to choose from: begin, local Monday 00:00
    Duration every = std::chrono::minutes(5);
    Duration timeout = std::chrono::seconds(30);
    double jitter = 0.5;
    Sight sight = Sight::at_start;
    History history;
};

struct Week {
    Duration truth{};  ///< minutes down inside the open hours
    Duration at_least{};
    Duration nominal{};
    Duration at_most{};
    reporter::Interval likely;  ///< minutes
    std::uint64_t outages = 0;  ///< in the truth
    std::uint64_t noticed = 0;  ///< in the report
    std::uint64_t rhythms = 0;  ///< that it found
    Duration always_seen{};     ///< the shortest outage that it says is always seen
};

/// The week of a seed, told by the reporter.
[[nodiscard]] Week simulate(const Setting& setting, std::uint64_t seed);

/// The same week's error of the nominal minutes, in minutes, when `probers` probers look at it, their slots shifted
/// evenly against the history. Counted without the reporter, as the sum of all gaps that begin with a failed run.
/// Only for settings that are always open and Sight::at_start.
[[nodiscard]] double mean_error(const Setting& setting, std::uint64_t seed, int probers);

/// The one of `mean_error` for the prober that `simulate` has: has to be what the reporter said.
[[nodiscard]] Duration counted_by_hand(const Setting& setting, std::uint64_t seed);

/// Where every stretch is longer than the longest gap: the truth must lie within the bounds, always.
[[nodiscard]] std::vector<Setting> settings_of_long_stretches();
/// Where stretches may be shorter: on average the count must be right, and the 95 % interval must hold the truth.
[[nodiscard]] std::vector<Setting> settings_of_short_stretches();
/// Where it ends: outages that come in step with the slots of the schedule. No jitter but a whole one helps.
[[nodiscard]] std::vector<Setting> settings_in_step();
/// Where outages come at random: a rhythm found in them is none.
[[nodiscard]] std::vector<Setting> settings_without_rhythm();

}  // namespace slimtax::simulate
