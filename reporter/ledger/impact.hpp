// What an outage cost the people who were there (S7).
#pragma once

#include "reporter/ledger/objective_ledger.hpp"

namespace slimtax::reporter {

/// The users of an A4 objective who were active just before an outage that began at `began`: by the last reading until
/// then that found the population not down. 0 when there is none.
[[nodiscard]] std::int64_t users_before(const ObjectiveLedger& ledger, schemas::Instant began);

}  // namespace slimtax::reporter
