// What an objective and its series are like at the end of what is known: lights, with their reasons.
#pragma once

#include "reporter/ledger/calendar.hpp"
#include "reporter/ledger/objective_ledger.hpp"
#include "reporter/report.hpp"

namespace slimtax::reporter {

/// Fills `series` and the light of a report whose budget is there. `hours` is the period up to now, not empty.
///
/// Hollow outside the window, blue in planned work, grey when unmeasured, red when down, amber when degraded or
/// when the budget is nearly spent, else green. `light_since` is the begin of the objective's state (of the hours
/// or the planned work for hollow and blue), not earlier than the ledger reaches.
void set_lights(ObjectiveReport& report, const ObjectiveLedger& ledger, const Calendar& calendar,
                const CalendarSpans& hours);

}  // namespace slimtax::reporter
