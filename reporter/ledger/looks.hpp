// How closely an objective is looked at: what its intervals and its shortest outage rest on.
#pragma once

#include "reporter/ledger/objective_ledger.hpp"

namespace slimtax::reporter {

struct Looks {
    double effective_gap = 0;         ///< minutes between looks (effective_gap), of the series that looks least often
    schemas::Duration always_seen{};  ///< the shortest outage that is seen for certain
};

/// By the intervals that runs were really due at, whether or not quiet ones are left out. Linear in the runs.
[[nodiscard]] Looks looks_of(const ObjectiveLedger& ledger, const schemas::Objective& objective);

}  // namespace slimtax::reporter
