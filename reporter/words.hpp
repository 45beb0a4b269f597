// What pages, mails and terminals say, in a manager's words: the same sentence wherever it is read.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "reporter/report.hpp"

namespace slimtax::reporter {

/// "up", "slow", "down", "no data", "planned work", "closed".
[[nodiscard]] std::string_view light_word(schemas::Light light);

/// The objective's light in words. Amber has two meanings: slow, or up with a budget that is nearly spent.
[[nodiscard]] std::string_view light_word(const ObjectiveReport& objective);
[[nodiscard]] bool is_budget_low(const ObjectiveReport& objective);

/// The same words for booked time; unmeasured is "not measured", outside "closed".
[[nodiscard]] std::string_view booking_word(schemas::Booking booking);

/// "up", "slow", "down", "no data".
[[nodiscard]] std::string_view state_word(schemas::State state);

/// The light that a state shows when no calendar is laid over it.
[[nodiscard]] schemas::Light light_of(schemas::State state);

/// "A2 · a user can log in".
[[nodiscard]] std::string level_words(schemas::Level level);

/// "40,320".
[[nodiscard]] std::string grouped(std::uint64_t number);

/// "1 outage", "3 outages".
[[nodiscard]] std::string counted(std::uint64_t count, std::string_view one, std::string_view many = {});

/// For people: "40 s", "12 min", "7.5 min", "4 h 12 min", "2 d 4 h"; "none" for zero.
[[nodiscard]] std::string time_words(schemas::Duration duration);

/// A budget's amount: minutes as `time_words`, or "12 failed runs".
[[nodiscard]] std::string budget_words(double amount, bool in_failures);

/// What was spent, as a sentence says it: "12 min of outage", "12 failed runs".
[[nodiscard]] std::string outage_words(const BudgetUse& budget, double amount);

/// What is allowed, beside that: "50 min", "25".
[[nodiscard]] std::string allowed_words(const BudgetUse& budget);

/// "340 ms", "1.24 s", "20 s".
[[nodiscard]] std::string response_words(double milliseconds);

/// "98 %", "99.95 %": as many digits as it takes not to call a flaw 100.
[[nodiscard]] std::string share_words(double fraction);

/// "a", "a and b", "a, b and c"; after `most` of them "and 4 more".
[[nodiscard]] std::string list_words(const std::vector<std::string>& items, std::size_t most = 4);

/// The six bookings in whole units that add up to the rounded period: the largest remainders are rounded up, so
/// that a printed sum is right to the last digit. In the order of schemas::all_bookings.
[[nodiscard]] std::array<std::int64_t, 6> whole_units(const BookedTime& booked, schemas::Duration unit);

/// "112:05:30": hours, minutes and seconds, for columns that are added up.
[[nodiscard]] std::string hours_words(std::int64_t seconds);

/// The part of the period that a service's strip shows: its own, cut at "now".
[[nodiscard]] Period shown_period(const Report& report, const ServiceReport& service);

/// Without a long stretch at its beginning in which nobody looked yet: of a service that is measured since this
/// morning, this morning. The whole period unless a day or less is left.
[[nodiscard]] Period measured_part(const ObjectiveReport& objective, const Period& period);

/// What is left of a budget, rounded down; "26 min too much" when it is overspent.
[[nodiscard]] std::string left_words(const BudgetUse& budget);

/// The title, or the id when there is none.
[[nodiscard]] const std::string& title_of(const ServiceReport& service);
[[nodiscard]] const std::string& title_of(const ObjectiveReport& objective);

}  // namespace slimtax::reporter
