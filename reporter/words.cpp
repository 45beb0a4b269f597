#include "reporter/words.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace slimtax::reporter {
namespace {

using schemas::Booking;
using schemas::Light;
using schemas::State;

constexpr std::array<std::string_view, 6> light_words{"up", "slow", "down", "no data", "planned work", "closed"};
constexpr std::array<std::string_view, 6> booking_words{"up", "slow", "down", "planned work", "not measured", "closed"};
constexpr std::array<std::string_view, 4> state_words{"up", "slow", "down", "no data"};

/// "7.5", "12": one decimal below ten, when there is one.
std::string short_number(double value) {
    std::string text = fmt::format("{:.1f}", value);
    if (value >= 10 || text.ends_with(".0")) {
        text = fmt::format("{:.0f}", value);
    }
    return text;
}

/// "4 h 12 min": two neighbouring units, the smaller one left out when zero.
std::string two_units(std::int64_t count, std::int64_t per, std::string_view big, std::string_view small) {
    const std::int64_t rest = count % per;
    const std::string head = fmt::format("{} {}", count / per, big);
    return rest == 0 ? head : fmt::format("{} {} {}", head, rest, small);
}

}  // namespace

std::string_view light_word(Light light) {
    return light_words.at(static_cast<std::size_t>(light));
}
std::string_view booking_word(Booking booking) {
    return booking_words.at(static_cast<std::size_t>(booking));
}
std::string_view state_word(State state) {
    return state_words.at(static_cast<std::size_t>(state));
}

Light light_of(State state) {
    switch (state) {
        case State::up: return Light::green;
        case State::degraded: return Light::amber;
        case State::down: return Light::red;
        case State::unmeasured: return Light::grey;
    }
    return Light::grey;
}

std::string level_words(schemas::Level level) {
    return fmt::format("{} · {}", schemas::to_string(level), schemas::plain_words(level));
}

bool is_budget_low(const ObjectiveReport& objective) {
    return objective.light == Light::amber && !objective.strip.empty() && objective.strip.back().booking == Booking::up;
}

std::string_view light_word(const ObjectiveReport& objective) {
    return is_budget_low(objective) ? "budget low" : light_word(objective.light);
}

std::string grouped(std::uint64_t number) {
    std::string text = std::to_string(number);
    for (std::size_t at = text.size(); at > 3;) {
        at -= 3;
        text.insert(at, ",");
    }
    return text;
}

std::string counted(std::uint64_t count, std::string_view one, std::string_view many) {
    if (count == 1) {
        return fmt::format("1 {}", one);
    }
    return many.empty() ? fmt::format("{} {}s", grouped(count), one) : fmt::format("{} {}", grouped(count), many);
}

std::string time_words(schemas::Duration duration) {
    if (duration < schemas::Duration::zero()) {
        return "minus " + time_words(-duration);
    }
    const double seconds = schemas::to_seconds(duration);
    if (duration == schemas::Duration::zero()) {
        return "none";
    }
    if (seconds < 0.95) {
        return fmt::format("{} ms", std::max(1.0, std::round(seconds * 1000)));
    }
    if (seconds < 99.5) {
        return short_number(seconds) + " s";
    }
    if (seconds < 10 * 60) {
        return short_number(seconds / 60) + " min";
    }
    const std::int64_t minutes = std::llround(seconds / 60);
    if (minutes < 100) {
        return fmt::format("{} min", minutes);
    }
    if (minutes < 48 * 60) {
        return two_units(minutes, 60, "h", "min");
    }
    return two_units(std::llround(seconds / 3600), 24, "d", "h");
}

std::string budget_words(double amount, bool in_failures) {
    if (in_failures) {
        return fmt::format("{} failed {}", short_number(amount), amount == 1 ? "run" : "runs");
    }
    return time_words(schemas::Duration(std::llround(amount * 60e6)));
}

std::string outage_words(const BudgetUse& budget, double amount) {
    return amount == 0          ? budget.in_failures ? "no failed run" : "no outage"
           : budget.in_failures ? budget_words(amount, true)
                                : budget_words(amount, false) + " of outage";
}

std::string allowed_words(const BudgetUse& budget) {
    return budget.in_failures ? short_number(budget.allowed) : budget_words(budget.allowed, false);
}

std::string response_words(double milliseconds) {
    if (milliseconds < 1) {
        return fmt::format("{:.2f} ms", milliseconds);
    }
    if (milliseconds < 999.5) {
        return short_number(milliseconds) + " ms";
    }
    return milliseconds < 9995 ? fmt::format("{:.2f} s", milliseconds / 1000)
                               : fmt::format("{:.1f} s", milliseconds / 1000);
}

std::string share_words(double fraction) {
    const double percent = fraction * 100;
    for (const int digits : {0, 1, 2, 3}) {
        std::string text = fmt::format("{:.{}f}", percent, digits);
        const double said = std::stod(text);
        // 99.97 is not 100, and 0.02 is not nothing.
        const bool honest = (said < 100 || percent >= 100) && (said > 0 || percent <= 0);
        if (honest && (digits > 0 || std::abs(said - percent) < 0.05)) {
            return text + " %";
        }
    }
    return percent > 50 ? "over 99.999 %" : "under 0.001 %";
}

std::string list_words(const std::vector<std::string>& items, std::size_t most) {
    std::string out;
    const bool cut = items.size() > most + 1;
    const std::size_t shown = cut ? most : items.size();
    for (std::size_t i = 0; i < shown; ++i) {
        const bool last = i + 1 == items.size();
        out += i == 0 ? "" : last ? " and " : ", ";
        out += items[i];
    }
    return cut ? fmt::format("{} and {} more", out, items.size() - most) : out;
}

std::array<std::int64_t, 6> whole_units(const BookedTime& booked, schemas::Duration unit) {
    std::array<std::int64_t, 6> parts{};
    std::array<std::int64_t, 6> remainders{};
    for (std::size_t i = 0; i < parts.size(); ++i) {
        parts.at(i) = booked.time.at(i) / unit;
        remainders.at(i) = (booked.time.at(i) % unit).count();
    }
    const std::int64_t whole = std::accumulate(booked.time.begin(), booked.time.end(), schemas::Duration{}).count();
    const std::int64_t wanted = (whole + unit.count() / 2) / unit.count();
    std::int64_t missing = wanted - std::accumulate(parts.begin(), parts.end(), std::int64_t{0});
    std::array<std::size_t, 6> order{};
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return remainders.at(a) > remainders.at(b); });
    for (std::size_t i = 0; i < order.size() && missing > 0; ++i, --missing) {
        ++parts.at(order.at(i));
    }
    return parts;
}

std::string hours_words(std::int64_t seconds) {
    return fmt::format("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
}

Period shown_period(const Report& report, const ServiceReport& service) {
    Period period = service.period;
    if (period.from >= period.to) {
        return report.period;
    }
    if (report.so_far) {
        period.to = std::clamp(report.period.to, period.from + schemas::Duration(1), period.to);
    }
    return period;
}

Period measured_part(const ObjectiveReport& objective, const Period& period) {
    const auto first = std::find_if(objective.strip.begin(), objective.strip.end(), [](const BookedSpan& span) {
        return span.booking == Booking::up || span.booking == Booking::degraded || span.booking == Booking::down;
    });
    const auto blind_first = !objective.strip.empty() && objective.strip.front().booking == Booking::unmeasured;
    if (!blind_first || first == objective.strip.end() || first->from <= period.from || first->from >= period.to ||
        period.to - first->from > std::chrono::hours(24) || period.length() <= std::chrono::hours(26)) {
        return period;
    }
    return {period.name, first->from, period.to};
}

std::string left_words(const BudgetUse& budget) {
    const double left = budget.remaining();
    if (left < 0) {
        return budget.in_failures ? short_number(-left) + " too many" : budget_words(-left, false) + " too much";
    }
    // 59 min 32 s are not 60 min.
    const double shown = left >= 10 && left < budget.allowed ? std::floor(left) : left;
    return (budget.in_failures ? short_number(shown) : budget_words(shown, false)) + " left";
}

const std::string& title_of(const ServiceReport& service) {
    return service.title.empty() ? service.id : service.title;
}

const std::string& title_of(const ObjectiveReport& objective) {
    return objective.title.empty() ? objective.id : objective.title;
}

}  // namespace slimtax::reporter
