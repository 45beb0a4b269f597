// What people say of outages afterwards, laid over what was measured (S10): another cause, planned after all, or no
// outage. Said once and kept; the measured ledger itself is never edited.
#pragma once

#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "reporter/ledger/book.hpp"
#include "reporter/ledger/calendar.hpp"
#include "reporter/ledger/ledger.hpp"
#include "reporter/store/record.hpp"

namespace slimtax::reporter {

/// "campus-im/sign-in@2026-11-17T15:02:13.48291Z"
[[nodiscard]] std::string outage_id(std::string_view service, std::string_view objective, schemas::Instant began);

/// Takes an id apart. The time may be cut off anywhere behind its date ("campus-im/sign-in@2026-11-17T15:02"): then
/// every outage that began then is meant. The error is a sentence.
struct OutageName {
    std::string service;
    std::string objective;
    std::string began;       ///< as written
    schemas::Instant first;  ///< the first moment that `began` can mean
    schemas::Instant after;  ///< and the moment after the last
};
[[nodiscard]] tl::expected<OutageName, std::string> parse_outage_id(std::string_view text);

/// Gives each outage its amendments, and what they come to: cause and excuse. An amendment is of the outage that
/// holds the moment at which its outage began; where late results have moved it, of the first that overlaps it.
void amend(std::vector<FoundOutage>& outages, std::string_view service, std::string_view objective,
           const Amendments& amendments);

/// What the excused outages leave to be booked.
struct Excused {
    StateSpans spans;        ///< what was no outage is up
    CalendarSpans calendar;  ///< what was planned is planned
    CalendarSpans counted;   ///< the hours whose runs count: in neither
};
[[nodiscard]] Excused excuse(const StateSpans& spans, const CalendarSpans& calendar,
                             const std::vector<FoundOutage>& outages);

}  // namespace slimtax::reporter
