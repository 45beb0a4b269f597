// The period that a reader asks for, as he writes it, and what it means in a time zone.
//
// A report over services in different zones: "2026-W47" is every service's own week, from its own Monday 00:00 to
// its own Monday 00:00. So a period is kept as asked for (AskedPeriod) and resolved once for each service.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <variant>

#include <tl/expected.hpp>

#include "reporter/ledger/zone.hpp"
#include "reporter/report.hpp"

namespace slimtax::reporter {

/// One end of a period: a local date (its 00:00 in whatever zone), or an instant that is the same everywhere.
using PeriodEdge = std::variant<std::chrono::local_days, schemas::Instant>;

/// A period before the time zone is known: [from, to).
struct AskedPeriod {
    std::string name;  ///< "2026-W47", or "from … to …"
    PeriodEdge from;
    PeriodEdge to;

    /// In a zone: local dates become the zone's midnights.
    [[nodiscard]] Period in(const Zone& zone) const;
};

/// Reads "2026-W47" (ISO week), "2026-11", "2026-Q4", "2026" or a day, "2026-11-20". The error is a sentence.
[[nodiscard]] tl::expected<AskedPeriod, std::string> parse_period(std::string_view text);

/// Reads --from and --to: each a date (its 00:00 in the service's zone) or an RFC 3339 instant. `to` is not part
/// of the period. The error is a sentence.
[[nodiscard]] tl::expected<AskedPeriod, std::string> parse_period(std::string_view from, std::string_view to);

/// The period of the same kind that lies `count` before this one: the weeks, months, quarters or years before; a day's
/// are the same weekday of the weeks before; any other period's are as long as it is.
[[nodiscard]] AskedPeriod earlier(const AskedPeriod& period, int count);

/// The ISO week that a local date lies in.
[[nodiscard]] AskedPeriod week_of(std::chrono::local_days day);

/// The ISO week that holds `now` in a zone.
[[nodiscard]] AskedPeriod week_of(schemas::Instant now, const Zone& zone);

}  // namespace slimtax::reporter
