// What the prober counts of itself, as Prometheus text. One thread.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "schemas/time.hpp"
#include "schemas/words.hpp"

namespace slimtax::prober {

/// Counts of durations up to fixed bounds.
class Histogram {
public:
    static constexpr std::array<double, 12> bounds{0.0001, 0.00025, 0.0005, 0.001, 0.005, 0.01,
                                                   0.05,   0.1,     0.5,    1,     5,     30};  ///< seconds

    void add(schemas::Duration duration);
    /// `_bucket`, `_sum` and `_count` lines.
    void write(std::string& out, std::string_view name) const;

private:
    std::array<std::uint64_t, bounds.size() + 1> counts_{};
    double sum_ = 0;
};

/// What is asked at the moment of a scrape.
struct Gauges {
    std::size_t series = 0;
    std::size_t in_flight = 0;
    std::size_t waiting_for_clock = 0;
    std::uint64_t spool_bytes = 0;
    std::uint64_t spool_memory_records = 0;
    double spool_age_seconds = 0;  ///< of the oldest result that is not shipped
    std::uint64_t spool_dropped = 0;
    std::uint64_t spool_rejected = 0;
    std::uint64_t spool_damaged = 0;
    std::uint64_t shipped = 0;
    std::uint64_t ship_failures = 0;
    std::uint64_t ship_failures_in_a_row = 0;
    double stood_still_seconds = 0;
    double overloaded_seconds = 0;
    bool definitions_good = true;  ///< the latest load or reload had no errors
    std::string_view version;
    std::string location;
};

class Metrics {
public:
    void run_started(schemas::Duration late) { lateness_.add(late); }
    void outcome(schemas::Verdict verdict) { ++verdicts_.at(static_cast<std::size_t>(verdict)); }
    void loop_delay(schemas::Duration late) { loop_delay_.add(late); }
    void dispatch_delay(schemas::Duration delay) { dispatch_delay_.add(delay); }
    void reloaded(bool good) { ++(good ? reloads_ : refused_reloads_); }

    /// Text exposition format 0.0.4.
    [[nodiscard]] std::string text(const Gauges& gauges) const;

private:
    std::array<std::uint64_t, schemas::all_verdicts.size()> verdicts_{};
    Histogram lateness_;
    Histogram loop_delay_;
    Histogram dispatch_delay_;
    std::uint64_t reloads_ = 0;
    std::uint64_t refused_reloads_ = 0;
};

}  // namespace slimtax::prober
