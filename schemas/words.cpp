#include "schemas/words.hpp"

namespace slimtax::schemas {
namespace {

constexpr std::array<std::string_view, 5> level_words{"A0", "A1", "A2", "A3", "A4"};
constexpr std::array<std::string_view, 5> level_meanings{"the key process exists", "it works locally",
                                                         "a user can log in", "transactions are fast enough",
                                                         "the users get their work done"};
constexpr std::array<std::string_view, 6> verdict_words{"ok", "slow", "failed", "timeout", "prober_fault", "not_run"};
constexpr std::array<std::string_view, 4> state_words{"up", "degraded", "down", "unmeasured"};
constexpr std::array<std::string_view, 6> booking_words{"up", "degraded", "down", "planned", "unmeasured", "outside"};
constexpr std::array<std::string_view, 2> purpose_words{"measurement", "diagnostic"};
constexpr std::array<std::string_view, 6> light_words{"green", "amber", "red", "grey", "blue", "hollow"};

template <class Enum, std::size_t N>
std::optional<Enum> find(const std::array<std::string_view, N>& words, std::string_view word) {
    for (std::size_t i = 0; i < N; ++i) {
        if (words[i] == word) {
            return static_cast<Enum>(i);
        }
    }
    return std::nullopt;
}

template <std::size_t N, class Enum>
std::string_view word_of(const std::array<std::string_view, N>& words, Enum value) {
    return words.at(static_cast<std::size_t>(value));
}

}  // namespace

std::string_view to_string(Level level) {
    return word_of(level_words, level);
}
std::string_view to_string(Verdict verdict) {
    return word_of(verdict_words, verdict);
}
std::string_view to_string(State state) {
    return word_of(state_words, state);
}
std::string_view to_string(Booking booking) {
    return word_of(booking_words, booking);
}
std::string_view to_string(Purpose purpose) {
    return word_of(purpose_words, purpose);
}
std::string_view to_string(Light light) {
    return word_of(light_words, light);
}
std::string_view plain_words(Level level) {
    return word_of(level_meanings, level);
}

std::optional<Level> parse_level(std::string_view word) {
    return find<Level>(level_words, word);
}
std::optional<Verdict> parse_verdict(std::string_view word) {
    return find<Verdict>(verdict_words, word);
}
std::optional<Purpose> parse_purpose(std::string_view word) {
    return find<Purpose>(purpose_words, word);
}

State state_of(Verdict verdict) {
    switch (verdict) {
        case Verdict::ok: return State::up;
        case Verdict::slow: return State::degraded;
        case Verdict::failed:
        case Verdict::timeout: return State::down;
        case Verdict::prober_fault:
        case Verdict::not_run: return State::unmeasured;
    }
    return State::unmeasured;
}

}  // namespace slimtax::schemas
