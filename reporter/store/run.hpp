// A run as the ledger needs it: the core columns of the store, without steps.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "schemas/result.hpp"
#include "schemas/time.hpp"
#include "schemas/words.hpp"

namespace slimtax::reporter {

struct Run {
    schemas::Instant intended;
    schemas::Instant started;
    schemas::Duration length{};  ///< start to end
    schemas::Duration response{};
    schemas::Duration every{};  ///< 0: as the definition says
    schemas::Verdict verdict = schemas::Verdict::ok;
    /// So many runs that follow are left out (outline.hpp): ok, on time, one an interval, up to the next one here.
    std::uint32_t elided_after = 0;
    std::string reason;      ///< empty when ok
    std::uint64_t work = 0;  ///< A4, as in RunResult
    schemas::Duration work_span{};
    std::vector<schemas::UserWork> users;
};

/// All runs of one series that matter for a period, by intended start, each intended start once.
struct SeriesRuns {
    schemas::SeriesKey key;
    std::vector<Run> runs;
};

}  // namespace slimtax::reporter
