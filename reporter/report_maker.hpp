// Makes reports from a store and a set of definitions: what the commands, the daemon and the pages all use.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "reporter/ledger/evaluate.hpp"
#include "reporter/ledger/period.hpp"
#include "reporter/report.hpp"
#include "reporter/store/store.hpp"
#include "schemas/definition.hpp"

namespace slimtax::reporter {

/// The period that a reader asks for by a name ("2026-W47", "2026-11", a day …), or by two ends (dates or RFC 3339).
/// All empty: the week that holds `now`, in the zone of the first definition. The error is a sentence.
[[nodiscard]] tl::expected<AskedPeriod, std::string> asked_period(std::string_view name, std::string_view from,
                                                                  std::string_view to,
                                                                  const schemas::Definitions& definitions,
                                                                  schemas::Instant now);

/// Where probes without `from` run: the locations given (from the configuration), or else, when there are none,
/// every location that the store has results from.
[[nodiscard]] Stored<std::vector<std::string>> known_locations(Store& store, std::vector<std::string> configured);

/// How many periods before this one a report compares with.
inline constexpr int compared_periods = 4;

/// The report over `period`, cut at `now` when it has not ended: results, with the amendments on record.
[[nodiscard]] Stored<Report> make_report(Store& store, const schemas::Definitions& definitions,
                                         const std::vector<std::string>& locations, const AskedPeriod& period,
                                         schemas::Instant now, Depth depth = Depth::full);

/// The same for people to read: compared with the periods before, and with what was reported of this one before.
[[nodiscard]] Stored<Report> make_full_report(Store& store, const schemas::Definitions& definitions,
                                              const std::vector<std::string>& locations, const AskedPeriod& period,
                                              schemas::Instant now);

}  // namespace slimtax::reporter
