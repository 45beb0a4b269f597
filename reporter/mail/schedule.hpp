// When a list's report is due, of which period, and when a failed attempt is repeated. Pure: `now` is given.
#pragma once

#include <chrono>

#include "reporter/ledger/period.hpp"
#include "schemas/mail_settings.hpp"

namespace slimtax::reporter {

/// A turn that was missed (nobody ran, say over a weekend) is made up for until then; afterwards it is left out.
inline constexpr std::chrono::hours catch_up_limit{72};

/// A report that no server takes is given up this long after it was due.
inline constexpr std::chrono::hours retry_limit{12};

struct MailTurn {
    schemas::Instant at;
    AskedPeriod period;  ///< the one that ended last, by then
};

/// The latest turn at or before `now`; `settings.when` must be there.
[[nodiscard]] MailTurn latest_turn(const schemas::MailSettings& settings, schemas::Instant now);

/// The week or month that ended last, in the list's time zone.
[[nodiscard]] AskedPeriod latest_period(const schemas::MailSettings& settings, schemas::Instant now);

/// How long to wait after the `attempts`-th failure (from 1): 15 s, twice as long each time, at most 30 min.
[[nodiscard]] schemas::Duration retry_pause(int attempts);

}  // namespace slimtax::reporter
