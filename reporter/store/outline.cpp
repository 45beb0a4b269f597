#include "reporter/store/outline.hpp"

#include <algorithm>

#include "reporter/store/blob_frame.hpp"

namespace slimtax::reporter {
namespace {

using namespace blob_frame;

using schemas::Duration;
using schemas::Instant;
using schemas::Verdict;

/// One of so many runs is among the slowest.
constexpr std::size_t slow_share = 200;

std::int64_t slot_of(const Run& run) {
    return run.intended.time_since_epoch() / run.every;  // nothing is from before 1970
}

bool plain(const Run& run) {
    return run.verdict == Verdict::ok && run.work == 0 && run.work_span == Duration(0) && run.users.empty() &&
           run.every > Duration(0) && run.reason.empty();
}

/// See outline.hpp. Both are plain.
bool quiet(const Run& run, const Run& next) {
    return run.every == next.every && slot_of(next) == slot_of(run) + 1 && run.started >= run.intended &&
           run.started < next.intended && run.length <= next.intended - run.started;
}

/// Runs slower than this are kept.
Duration slow_limit(std::span<const Run> runs) {
    std::vector<Duration> responses;
    responses.reserve(runs.size());
    for (const Run& run : runs) {
        if (plain(run)) {
            responses.push_back(run.response);
        }
    }
    const std::size_t kept = responses.size() / slow_share;
    if (responses.empty()) {
        return Duration::max();
    }
    const auto limit = responses.end() - static_cast<std::ptrdiff_t>(kept) - 1;
    std::nth_element(responses.begin(), limit, responses.end());
    return *limit;  // of equal ones none is kept: there may be any number of them
}

/// For each run: whether it is left out.
std::vector<bool> choose(std::span<const Run> runs) {
    const Duration limit = slow_limit(runs);
    std::vector<bool> calm(runs.size());  // plain, and none of the slowest
    for (std::size_t i = 0; i < runs.size(); ++i) {
        calm[i] = plain(runs[i]) && runs[i].response <= limit;
    }
    std::vector<bool> elided(runs.size());
    bool quiet_before = false;
    for (std::size_t i = 0; i + 1 < runs.size(); ++i) {
        const bool quiet_after = calm[i] && calm[i + 1] && quiet(runs[i], runs[i + 1]);
        elided[i] = quiet_before && quiet_after;
        quiet_before = quiet_after;
    }
    return elided;
}

constexpr std::size_t whole_columns = 4;  ///< kept runs, runs left out, stretches, totals
constexpr std::size_t hours_columns = 1;

}  // namespace

std::int64_t day_of(Instant instant) {
    return std::chrono::floor<std::chrono::days>(instant).time_since_epoch().count();
}

Instant begin_of_day(std::int64_t day) {
    return Instant(std::chrono::days(day));
}

DayOutline make_outline(std::span<const Run> runs) {
    DayOutline outline;
    const std::vector<bool> elided = choose(runs);
    for (std::size_t i = 0; i < runs.size(); ++i) {
        const Run& run = runs[i];
        outline.totals.add(run);
        if (!elided[i]) {
            outline.kept.push_back({run, {}, {}});
        } else {
            ++outline.kept.back().run.elided_after;
            outline.kept.back().slowest = std::max(outline.kept.back().slowest, run.response);
        }
        // The gap after the last one left out belongs to the stretch too.
        if (elided[i] || (i + 1 < runs.size() && elided[i + 1])) {
            Duration& widest = outline.kept.back().widest_gap;
            widest = std::max(widest, runs[i + 1].intended - run.intended);
        }
    }
    return outline;
}

HourTotals total_hours(std::int64_t day, std::span<const Run> runs) {
    HourTotals hours;
    for (const Run& run : runs) {
        hours.at(static_cast<std::size_t>((run.intended - begin_of_day(day)) / std::chrono::hours(1))).add(run);
    }
    return hours;
}

OutlineBlobs encode_outline(std::int64_t day, std::span<const Run> runs) {
    const DayOutline outline = make_outline(runs);
    std::vector<Run> kept;
    RunsWriter elided;
    ByteWriter stretches;
    for (const KeptRun& one : outline.kept) {
        kept.push_back(one.run);
        elided.add(one.run.elided_after);
        if (one.run.elided_after > 0) {
            stretches.varint(number(one.widest_gap));
            stretches.varint(number(one.slowest));
        }
    }
    ByteWriter totals;
    outline.totals.write(totals);
    ByteWriter hours;
    for (const RunTotals& hour : total_hours(day, runs)) {
        hour.write(hours);
    }
    const std::array<std::string, whole_columns> whole{encode_runs(begin_of_day(day), kept), elided.take(),
                                                       stretches.take(), totals.take()};
    return {framed(runs.size(), whole), framed(runs.size(), std::array<std::string, hours_columns>{hours.take()})};
}

tl::expected<DayOutline, std::string> decode_outline(std::int64_t day, std::string_view whole) {
    const auto blob = open_blob<whole_columns>(whole);
    if (!blob) {
        return tl::unexpected(blob.error());
    }
    std::vector<Run> runs;
    if (const Decoded good = decode_runs(begin_of_day(day), begin_of_day(day + 1), blob->columns[0], runs); !good) {
        return tl::unexpected(good.error());
    }
    RunsReader elided(blob->columns[1]);
    ByteReader stretches(blob->columns[2]);
    ByteReader totals(blob->columns[3]);
    DayOutline outline;
    outline.kept.reserve(runs.size());
    for (Run& run : runs) {
        run.elided_after = static_cast<std::uint32_t>(elided.next());
        KeptRun& kept = outline.kept.emplace_back(KeptRun{std::move(run), {}, {}});
        if (kept.run.elided_after > 0) {
            kept.widest_gap = duration(stretches.varint());
            kept.slowest = duration(stretches.varint());
        }
    }
    outline.totals = RunTotals::read(totals);
    // Somebody follows what was left out.
    const bool closed = outline.kept.empty() || outline.kept.back().run.elided_after == 0;
    if (!closed || !elided.good() || !stretches.good() || !totals.good()) {
        return tl::unexpected(inconsistent().error());
    }
    return outline;
}

tl::expected<HourTotals, std::string> decode_hours(std::string_view hours) {
    const auto blob = open_blob<hours_columns>(hours);
    if (!blob) {
        return tl::unexpected(blob.error());
    }
    ByteReader in(blob->columns[0]);
    HourTotals totals;
    for (RunTotals& hour : totals) {
        hour = RunTotals::read(in);
    }
    if (!in.good()) {
        return tl::unexpected(inconsistent().error());
    }
    return totals;
}

}  // namespace slimtax::reporter
