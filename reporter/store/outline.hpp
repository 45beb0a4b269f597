// The outline of a day: what a report needs of one series on one day (UTC) when nothing much happened, without
// looking at each run. It knows nothing of definitions, so it stays right whatever becomes of them.
//
// Two things stand in it:
// - The runs that a ledger needs. Left out are those in the midst of quiet stretches: a pair of neighbouring runs is
//   quiet when both are ok, read no work, were due at the same interval in neighbouring slots, and the first one
//   started after it was due and was over before the next was due. A run that makes a quiet pair with each neighbour
//   within the day can be left out. So that a promised response time can mostly be judged too, the slowest half
//   percent of runs are kept, with their neighbours.
// - Totals of all runs of the day, and of each of its hours.
//
// Why the ledger is the same without the runs left out: each of them is up, and is followed by the next due run, so
// between the kept ones on both sides all readings are up. Trouble that the longest reading carried on ended with
// the first good run, before the first one left out had begun; new trouble begins at a kept one. That holds where
// - the gaps between them are no longer than the schedule's longest gap (else two runs off the computed schedule do
//   not follow one another), and
// - all of them would be judged up: none slower than the first band's `up_to`, no location at fault meanwhile.
// Whoever uses an outline looks whether that is so (load_series.hpp), and reads the day in full where it is not.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "reporter/store/blob.hpp"
#include "reporter/store/run.hpp"
#include "reporter/store/run_totals.hpp"

namespace slimtax::reporter {

/// The day that an instant lies in, counted since 1970.
[[nodiscard]] std::int64_t day_of(schemas::Instant instant);
[[nodiscard]] schemas::Instant begin_of_day(std::int64_t day);

inline constexpr std::size_t hours_a_day = 24;

/// A run and the quiet stretch after it; `run.elided_after` says how many runs were left out.
struct KeptRun {
    Run run;
    schemas::Duration widest_gap{};  ///< between the intended starts of neighbours, up to the next kept run
    schemas::Duration slowest{};     ///< response time among those left out
};

struct DayOutline {
    std::vector<KeptRun> kept;  ///< by intended start; the first and the last run of the day are among them
    RunTotals totals;
};
using HourTotals = std::array<RunTotals, hours_a_day>;

/// As the store keeps it: `whole` is a DayOutline, `hours` are the HourTotals.
struct OutlineBlobs {
    std::string whole;
    std::string hours;
};

/// All runs of a series on a day, by intended start, each once.
[[nodiscard]] DayOutline make_outline(std::span<const Run> runs);
[[nodiscard]] HourTotals total_hours(std::int64_t day, std::span<const Run> runs);

[[nodiscard]] OutlineBlobs encode_outline(std::int64_t day, std::span<const Run> runs);
[[nodiscard]] tl::expected<DayOutline, std::string> decode_outline(std::int64_t day, std::string_view whole);
[[nodiscard]] tl::expected<HourTotals, std::string> decode_hours(std::string_view hours);

}  // namespace slimtax::reporter
