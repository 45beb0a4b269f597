#include "reporter/store/run_totals.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace slimtax::reporter {
namespace {

using schemas::Duration;
using schemas::Verdict;

constexpr int bits = 7;  ///< 128 buckets for each power of two
constexpr std::uint64_t per_power = 1U << bits;
/// The last one that a 64-bit value can have.
constexpr std::size_t last_bucket = (63 - bits) * per_power + 2 * per_power - 1;

/// How far values are shifted to become numbers of buckets, in the power of two that a bucket lies in.
int shift_of(std::size_t bucket) {
    return bucket < 2 * per_power ? 0 : static_cast<int>(bucket / per_power) - 1;
}

}  // namespace

std::size_t ResponseHistogram::bucket_of(std::uint64_t value) {
    if (value < 2 * per_power) {
        return value;
    }
    const int shift = std::bit_width(value) - 1 - bits;
    return static_cast<std::size_t>(shift) * per_power + (value >> shift);
}

std::uint64_t ResponseHistogram::first_of(std::size_t bucket) {
    const int shift = shift_of(bucket);
    return (bucket - static_cast<std::size_t>(shift) * per_power) << shift;
}

std::uint64_t ResponseHistogram::last_of(std::size_t bucket) {
    return first_of(bucket) + (std::uint64_t{1} << shift_of(bucket)) - 1;
}

std::uint64_t& ResponseHistogram::grow_to(std::size_t bucket) {
    if (counts_.empty()) {
        first_ = bucket;
    }
    if (bucket < first_) {
        counts_.insert(counts_.begin(), first_ - bucket, 0);
        first_ = bucket;
    }
    if (bucket - first_ >= counts_.size()) {
        counts_.resize(bucket - first_ + 1);
    }
    return counts_[bucket - first_];
}

void ResponseHistogram::add(const ResponseHistogram& other) {
    if (other.counts_.empty()) {
        return;
    }
    grow_to(other.first_);
    grow_to(other.first_ + other.counts_.size() - 1);
    std::uint64_t* to = counts_.data() + (other.first_ - first_);
    for (const std::uint64_t count : other.counts_) {
        *to++ += count;
    }
}

std::uint64_t ResponseHistogram::in(std::size_t bucket) const {
    return bucket >= first_ && bucket - first_ < counts_.size() ? counts_[bucket - first_] : 0;
}

std::uint64_t ResponseHistogram::before(std::size_t bucket) const {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < counts_.size() && first_ + i < bucket; ++i) {
        sum += counts_[i];
    }
    return sum;
}

std::size_t ResponseHistogram::bucket_at(std::uint64_t rank) const {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
        sum += counts_[i];
        if (sum >= rank) {
            return first_ + i;
        }
    }
    return first_ + counts_.size();
}

/// Buckets with something in them: how many, then for each: how far from the one before, doubled, plus one where
/// more than one value is in it; then their number. Most hold one, so most take a byte.
void ResponseHistogram::write(ByteWriter& out) const {
    out.varint(static_cast<std::uint64_t>(
        std::count_if(counts_.begin(), counts_.end(), [](std::uint64_t count) { return count > 0; })));
    std::size_t before = 0;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
        const std::uint64_t count = counts_[i];
        if (count == 0) {
            continue;
        }
        const std::size_t bucket = first_ + i;
        out.varint(2 * (bucket - before) + (count > 1 ? 1 : 0));
        if (count > 1) {
            out.varint(count);
        }
        before = bucket;
    }
}

ResponseHistogram ResponseHistogram::read(ByteReader& in) {
    ResponseHistogram histogram;
    const std::size_t buckets = in.count();
    std::size_t bucket = 0;
    for (std::size_t i = 0; i < buckets && in.good(); ++i) {
        const std::uint64_t step = in.varint();
        if (step / 2 > last_bucket - bucket) {
            in.spoil();
            break;
        }
        bucket += step / 2;
        if (i == 0) {
            histogram.first_ = bucket;
            histogram.counts_.reserve(std::min<std::size_t>(2 * buckets, last_bucket));
        }
        histogram.counts_.resize(bucket - histogram.first_ + 1);
        histogram.counts_.back() += step % 2 == 1 ? in.varint() : 1;
    }
    return in.good() ? histogram : ResponseHistogram();
}

void RunTotals::add(const Run& run) {
    ++by_verdict.at(static_cast<std::size_t>(run.verdict));
    if (run.verdict != Verdict::ok && run.verdict != Verdict::slow) {
        return;
    }
    const auto response = static_cast<std::uint64_t>(std::max(run.response, Duration(0)).count());
    sum += response;
    squares += static_cast<Wide>(response) * response;
    least = std::min(least, response);
    most = std::max(most, response);
    histogram.add(response);
    if (run.work_span > Duration(0)) {
        ++work_runs;
        work += run.work;
    }
}

void RunTotals::add(const RunTotals& other) {
    for (std::size_t i = 0; i < by_verdict.size(); ++i) {
        by_verdict.at(i) += other.by_verdict.at(i);
    }
    work_runs += other.work_runs;
    work += other.work;
    sum += other.sum;
    squares += other.squares;
    least = std::min(least, other.least);
    most = std::max(most, other.most);
    histogram.add(other.histogram);
}

double RunTotals::response_at(double share, std::uint64_t first, std::uint64_t end) const {
    if (first >= end) {
        return 0;
    }
    // The nearest rank: the smallest value with at least that share at or below it.
    const std::uint64_t all = end - first;
    const auto rank = static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(all)));
    const std::size_t bucket = histogram.bucket_at(first + std::clamp<std::uint64_t>(rank, 1, all));
    const std::uint64_t low = ResponseHistogram::first_of(bucket);
    const std::uint64_t middle = low + (ResponseHistogram::last_of(bucket) - low) / 2;
    return static_cast<double>(std::clamp(middle, least, most)) / 1e3;
}

std::optional<std::uint64_t> RunTotals::below(Duration limit, bool or_at) const {
    if (limit < Duration(0)) {
        return 0;
    }
    // Counted are the values before `end`.
    const std::uint64_t end = static_cast<std::uint64_t>(limit.count()) + (or_at ? 1 : 0);
    if (completed() == 0 || end <= least) {
        return 0;
    }
    if (end > most) {
        return completed();
    }
    const std::size_t bucket = ResponseHistogram::bucket_of(end);
    if (ResponseHistogram::first_of(bucket) != end && histogram.in(bucket) > 0) {
        return std::nullopt;
    }
    return histogram.before(bucket);
}

void RunTotals::write(ByteWriter& out) const {
    for (const std::uint64_t count : by_verdict) {
        out.varint(count);
    }
    if (completed() == 0) {
        return;
    }
    for (const std::uint64_t number : {work_runs, work, sum, static_cast<std::uint64_t>(squares >> 64),
                                       static_cast<std::uint64_t>(squares), least, most}) {
        out.varint(number);
    }
    histogram.write(out);
}

RunTotals RunTotals::read(ByteReader& in) {
    RunTotals totals;
    for (std::uint64_t& count : totals.by_verdict) {
        count = in.varint();
    }
    if (totals.completed() == 0) {
        return totals;
    }
    totals.work_runs = in.varint();
    totals.work = in.varint();
    totals.sum = in.varint();
    totals.squares = static_cast<Wide>(in.varint()) << 64;
    totals.squares |= in.varint();
    totals.least = in.varint();
    totals.most = in.varint();
    totals.histogram = ResponseHistogram::read(in);
    return totals;
}

}  // namespace slimtax::reporter
