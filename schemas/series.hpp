// Which runs are due: a series' identity and its slots (design §4). Prober and reporter both compute this,
// so that a run that never arrived is known as such.
#pragma once

#include <compare>
#include <cstdint>
#include <string>

#include "schemas/time.hpp"

namespace slimtax::schemas {

/// One sequence of runs. `target` is empty for a probe without targets.
struct SeriesKey {
    std::string service;
    std::string probe;
    std::string target;
    std::string location;

    auto operator<=>(const SeriesKey&) const = default;
};

/// "service/probe target@location", for logs and messages.
[[nodiscard]] std::string to_string(const SeriesKey& key);

/// When the runs of a series are due.
class Schedule {
public:
    /// `every` > 0 is the length of a slot; `jitter` in [0, 1] is the part of the slot over which starts are
    /// spread.
    Schedule(const SeriesKey& key, Duration every, double jitter);

    /// The intended start of slot k: k·every + jitter·every·h(series, k), from 1970-01-01T00:00:00Z, rounded
    /// down to a microsecond. h is FNV-1a 64 over the key's parts (each followed by a zero byte), mixed with k
    /// by SplitMix64: stable for ever, since stored results depend on it. Always inside slot k.
    [[nodiscard]] Instant intended_start(std::int64_t slot) const;

    /// The slot that an instant lies in: floor(t / every).
    [[nodiscard]] std::int64_t slot_at(Instant instant) const;

    /// True when `instant` is exactly the intended start of its slot. False for imported runs.
    [[nodiscard]] bool is_intended(Instant instant) const;

    /// The first intended start that is >= `instant`.
    [[nodiscard]] Instant first_from(Instant instant) const;

    [[nodiscard]] Duration every() const { return every_; }

    /// No two consecutive intended starts are further apart than this: (1 + jitter)·every.
    [[nodiscard]] Duration longest_gap() const;

private:
    std::uint64_t seed_;
    Duration every_;
    double jitter_;
};

}  // namespace slimtax::schemas
