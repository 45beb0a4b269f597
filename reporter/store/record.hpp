// What is on record beside the results: what people said of outages (amend), and what reports were given out. Only
// ever appended to.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reporter/report.hpp"

namespace slimtax::reporter {

/// An amendment as it is on record: with the outage that it speaks of, as that was when it was said.
struct RecordedAmendment {
    std::string service;
    std::string objective;
    schemas::Instant began;  ///< of the outage, as it was then
    schemas::Instant ended;
    Amendment said;
};

/// All of a store, by number.
using Amendments = std::vector<RecordedAmendment>;

/// What a report that was given out said of one objective.
struct IssuedFigure {
    std::string service;
    std::string objective;
    std::string period;  ///< its name
    schemas::Instant from;
    schemas::Instant to;
    schemas::Instant issued;
    std::string method;
    Judgement judgement = Judgement::met;
    double spent = 0;  ///< in the budget's unit, as are the next two
    double spent_at_least = 0;
    double spent_at_most = 0;
    schemas::Duration unmeasured{};
    std::string promise;          ///< what was promised, in prose: a changed definition shows
    std::int64_t amendments = 0;  ///< the highest number on record then
};

/// Whether two figures of the same objective and period say the same, method, amendments and time of issue aside.
[[nodiscard]] bool says_the_same(const IssuedFigure& a, const IssuedFigure& b);

/// What a report says of every objective whose period has ended by `now`.
[[nodiscard]] std::vector<IssuedFigure> figures_of(const Report& report, schemas::Instant now);

/// What an objective's report says now, for the record.
[[nodiscard]] IssuedFigure figure_of(const ServiceReport& service, const ObjectiveReport& objective,
                                     std::string_view method);

/// What is different from the newest of `issued` that said something else; nothing when none did.
[[nodiscard]] std::optional<Revision> revision_of(const IssuedFigure& now, const std::vector<IssuedFigure>& issued,
                                                  std::int64_t newest_amendment);

}  // namespace slimtax::reporter
