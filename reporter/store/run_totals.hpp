// What runs add up to: counts, sums and a histogram of response times. Totals of parts add up to the totals of the
// whole, in any order, to the last bit: so a report is the same whether it was made from single runs or from days.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "reporter/store/bytes.hpp"
#include "reporter/store/run.hpp"
#include "schemas/time.hpp"
#include "schemas/words.hpp"

namespace slimtax::reporter {

/// Sums of squares do not fit into 64 bits.
__extension__ using Wide = unsigned __int128;

/// How many response times lie in which bucket. Buckets are as wide as 1/128 of the power of two below them: below
/// 256 µs each holds one value, above that its middle is within 0.4 % of every value in it.
class ResponseHistogram {
public:
    /// The bucket of a value, in microseconds.
    [[nodiscard]] static std::size_t bucket_of(std::uint64_t value);
    [[nodiscard]] static std::uint64_t first_of(std::size_t bucket);
    /// The last value in it.
    [[nodiscard]] static std::uint64_t last_of(std::size_t bucket);

    void add(std::uint64_t value) { grow_to(bucket_of(value)) += 1; }
    void add(const ResponseHistogram& other);

    [[nodiscard]] std::uint64_t in(std::size_t bucket) const;
    /// In all buckets before this one.
    [[nodiscard]] std::uint64_t before(std::size_t bucket) const;
    /// The bucket that the value of this rank (from 1) lies in.
    [[nodiscard]] std::size_t bucket_at(std::uint64_t rank) const;

    void write(ByteWriter& out) const;
    /// A bad reader gives an empty one.
    [[nodiscard]] static ResponseHistogram read(ByteReader& in);

private:
    std::uint64_t& grow_to(std::size_t bucket);

    std::size_t first_ = 0;  ///< bucket of counts_[0]
    std::vector<std::uint64_t> counts_;
};

/// Of any set of runs.
struct RunTotals {
    std::array<std::uint64_t, 6> by_verdict{};
    // Of completed runs
    std::uint64_t work_runs = 0;  ///< those that read work
    std::uint64_t work = 0;       ///< what they read
    std::uint64_t sum = 0;        ///< of response times, microseconds
    Wide squares = 0;
    std::uint64_t least = UINT64_MAX;
    std::uint64_t most = 0;
    ResponseHistogram histogram;

    void add(const Run& run);
    void add(const RunTotals& other);

    [[nodiscard]] std::uint64_t of(schemas::Verdict verdict) const {
        return by_verdict.at(static_cast<std::size_t>(verdict));
    }
    [[nodiscard]] std::uint64_t completed() const { return of(schemas::Verdict::ok) + of(schemas::Verdict::slow); }
    /// Failed and timed out.
    [[nodiscard]] std::uint64_t failed() const { return of(schemas::Verdict::failed) + of(schemas::Verdict::timeout); }

    [[nodiscard]] bool empty() const { return by_verdict == std::array<std::uint64_t, 6>{}; }

    /// The response time at a share of the completed runs, in milliseconds: right within 0.4 %, never beyond the
    /// least and the greatest; 0 without any.
    [[nodiscard]] double response_at(double share) const { return response_at(share, 0, completed()); }
    /// The same among the runs of the ranks `first` (from 0) to `end`, slower ones having higher ranks.
    [[nodiscard]] double response_at(double share, std::uint64_t first, std::uint64_t end) const;

    /// How many response times are below `limit` (or at it, too), if that can be told: not when the limit lies within
    /// a bucket that is not empty.
    [[nodiscard]] std::optional<std::uint64_t> below(schemas::Duration limit, bool or_at) const;

    void write(ByteWriter& out) const;
    [[nodiscard]] static RunTotals read(ByteReader& in);
};

}  // namespace slimtax::reporter
