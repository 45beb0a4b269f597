// Proposes the cause of an outage, with the evidence in a sentence (S10): what else failed at the same time, and what
// did not. Only a proposal: a person can say otherwise (amendments.hpp).
//
// Looked at in this order; the first that fits is the cause, a second one is named as well:
//   network         some locations saw it while others found the service up all the time
//   dependency      a service that a failing probe covers was down at the same time
//   name look-up    looking up names took most of the failing runs' time
//   LAYER           a probe of a lower level or layer of the same service failed at the same time: the lowest such
//   one server      one target failed while its siblings were up
#pragma once

#include <functional>
#include <vector>

#include "reporter/ledger/book.hpp"
#include "reporter/ledger/evaluate.hpp"
#include "reporter/ledger/objective_ledger.hpp"

namespace slimtax::reporter {

/// Of an objective, only so many outages are looked into: the longest.
inline constexpr std::size_t most_diagnosed = 50;

/// Fills `cause` and `evidence` of outages as describe_outages() made them. `cut`: nothing later is looked at.
[[nodiscard]] Stored<void> diagnose(std::vector<FoundOutage>& outages, const schemas::Definition& definition,
                                    const schemas::Objective& objective, const ObjectiveLedger& ledger,
                                    schemas::Instant cut, const Surroundings& surroundings, const RunSource& runs);

}  // namespace slimtax::reporter
