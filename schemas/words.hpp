// The words of the house, as enumerations: every other part speaks in these.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace slimtax::schemas {

/// A level of the SLIMTAX taxonomy (S1). Percentages of different levels are never compared (S14).
enum class Level : std::uint8_t {
    A0,  ///< the key process exists, locally
    A1,  ///< the key process works locally: input becomes correct output
    A2,  ///< a user can log in over the network
    A3,  ///< key transactions complete fast enough
    A4,  ///< a population of users gets units of work done
};
inline constexpr std::array all_levels{Level::A0, Level::A1, Level::A2, Level::A3, Level::A4};

/// What one run says. The numbers are part of the wire form and of stored blobs: never renumber.
enum class Verdict : std::uint8_t {
    ok = 0,
    slow = 1,          ///< completed, but beyond its `within`
    failed = 2,        ///< the service refused, or answered wrongly
    timeout = 3,       ///< the service did not answer in time
    prober_fault = 4,  ///< our side broke: says nothing about the service
    not_run = 5,       ///< due, but not executed
};
inline constexpr std::array all_verdicts{Verdict::ok,      Verdict::slow,         Verdict::failed,
                                         Verdict::timeout, Verdict::prober_fault, Verdict::not_run};

/// The state of a series or an objective at an instant, before the calendar is laid over it.
enum class State : std::uint8_t { up, degraded, down, unmeasured };

/// What a second of a period is booked as: exactly one of these (design §6).
enum class Booking : std::uint8_t { up, degraded, down, planned, unmeasured, outside };
inline constexpr std::array all_bookings{Booking::up,      Booking::degraded,   Booking::down,
                                         Booking::planned, Booking::unmeasured, Booking::outside};

/// Whether a probe counts (S13): a failed diagnostic never spends budget.
enum class Purpose : std::uint8_t { measurement, diagnostic };

/// A traffic light; each has a shape and a word beside its colour.
enum class Light : std::uint8_t { green, amber, red, grey, blue, hollow };

[[nodiscard]] std::string_view to_string(Level level);
[[nodiscard]] std::string_view to_string(Verdict verdict);
[[nodiscard]] std::string_view to_string(State state);
[[nodiscard]] std::string_view to_string(Booking booking);
[[nodiscard]] std::string_view to_string(Purpose purpose);
[[nodiscard]] std::string_view to_string(Light light);

[[nodiscard]] std::optional<Level> parse_level(std::string_view word);
[[nodiscard]] std::optional<Verdict> parse_verdict(std::string_view word);
[[nodiscard]] std::optional<Purpose> parse_purpose(std::string_view word);

/// The level's meaning in a manager's words: "a user can log in".
[[nodiscard]] std::string_view plain_words(Level level);

/// The state that one run of this verdict shows: ok → up, slow → degraded, failed and timeout → down,
/// prober_fault and not_run → unmeasured.
[[nodiscard]] State state_of(Verdict verdict);

}  // namespace slimtax::schemas
