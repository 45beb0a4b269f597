#include "schemas/units.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>

#include <fmt/format.h>

#include "schemas/utf8.hpp"

namespace slimtax::schemas {
namespace {

// Of what was found so much is quoted, in bytes.
constexpr std::size_t most_shown = 80;

struct Unit {
    std::string_view name;
    std::int64_t size;  ///< in microseconds or bytes
};

// Largest first. "m" is missing on purpose: minutes or months?
constexpr std::array<Unit, 7> units{{{"w", 604'800'000'000},
                                     {"d", 86'400'000'000},
                                     {"h", 3'600'000'000},
                                     {"min", 60'000'000},
                                     {"s", 1'000'000},
                                     {"ms", 1'000},
                                     {"us", 1}}};

// What people write instead, and the unit they mean.
constexpr std::array<std::pair<std::string_view, std::string_view>, 18> long_names{{{"sec", "s"},
                                                                                    {"secs", "s"},
                                                                                    {"second", "s"},
                                                                                    {"seconds", "s"},
                                                                                    {"mins", "min"},
                                                                                    {"minute", "min"},
                                                                                    {"minutes", "min"},
                                                                                    {"hr", "h"},
                                                                                    {"hrs", "h"},
                                                                                    {"hour", "h"},
                                                                                    {"hours", "h"},
                                                                                    {"day", "d"},
                                                                                    {"days", "d"},
                                                                                    {"week", "w"},
                                                                                    {"weeks", "w"},
                                                                                    {"msec", "ms"},
                                                                                    {"usec", "us"},
                                                                                    {"µs", "us"}}};

constexpr std::array<std::string_view, 5> period_words{"day", "week", "month", "quarter", "year"};
constexpr std::array<Unit, 4> rate_units{
    {{"second", 1'000'000}, {"minute", 60'000'000}, {"hour", 3'600'000'000}, {"day", 86'400'000'000}}};
constexpr std::array<Unit, 9> size_units{{{"B", 1},
                                          {"kB", 1'000},
                                          {"MB", 1'000'000},
                                          {"GB", 1'000'000'000},
                                          {"TB", 1'000'000'000'000},
                                          {"KiB", 1LL << 10U},
                                          {"MiB", 1LL << 20U},
                                          {"GiB", 1LL << 30U},
                                          {"TiB", 1LL << 40U}}};
constexpr std::array<std::string_view, 7> day_words{"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

constexpr std::int64_t longest_years = 100;
constexpr double longest_micros = static_cast<double>(longest_years) * 366 * 86'400e6;

bool is_blank(char c) {
    return c == ' ' || c == '\t';
}
bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

std::string_view trim(std::string_view text) {
    while (!text.empty() && is_blank(text.front())) {
        text.remove_prefix(1);
    }
    while (!text.empty() && is_blank(text.back())) {
        text.remove_suffix(1);
    }
    return text;
}

std::vector<std::string_view> words_of(std::string_view text) {
    std::vector<std::string_view> words;
    while (!(text = trim(text)).empty()) {
        const std::size_t end = std::min(text.size(), text.find_first_of(" \t"));
        words.push_back(text.substr(0, end));
        text.remove_prefix(end);
    }
    return words;
}

/// Takes an unsigned decimal number ("12", "1.5") off the front of `text`.
std::optional<double> take_number(std::string_view& text) {
    if (text.empty() || !is_digit(text.front())) {
        return std::nullopt;
    }
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
    if (error != std::errc() || *(end - 1) == '.') {
        return std::nullopt;
    }
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return value;
}

std::optional<std::int64_t> whole_number(std::string_view text) {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || !is_digit(text.front())) {
        return std::nullopt;
    }
    return value;
}

tl::unexpected<std::string> wrong(std::string_view expected, std::string_view found, std::string_view why = {}) {
    return tl::unexpected(fmt::format("expected {}, found \"{}\"{}{}", expected, shortened(found, most_shown),
                                      why.empty() ? "" : ": ", why));
}

std::string no_period(std::string_view word) {
    return fmt::format("\"{}\" is not day, week, month, quarter or year", shortened(word, most_shown));
}

std::string unit_advice(std::string_view word) {
    if (word.empty()) {
        return "write the unit: us, ms, s, min, h, d or w";
    }
    if (word == "m") {
        return "\"m\" could mean minutes or months: write \"min\"";
    }
    const auto known = std::ranges::find(long_names, word, &std::pair<std::string_view, std::string_view>::first);
    if (known != long_names.end()) {
        return fmt::format("write \"{}\" for \"{}\"", known->second, word);
    }
    return fmt::format("\"{}\" is no unit: there are us, ms, s, min, h, d and w", shortened(word, most_shown));
}

/// The duration, or what is wrong with the unit; an empty reason when it is nothing like a duration.
Parsed<Duration> take_duration(std::string_view text) {
    std::string_view rest = trim(text);
    const auto number = take_number(rest);
    if (!number) {
        return tl::unexpected(std::string());
    }
    rest = trim(rest);
    const auto unit = std::ranges::find(units, rest, &Unit::name);
    if (unit == units.end()) {
        return tl::unexpected(unit_advice(rest));
    }
    const double micros = *number * static_cast<double>(unit->size);
    if (micros > longest_micros) {
        return tl::unexpected(fmt::format("at most {} years", longest_years));
    }
    return Duration(std::llround(micros));
}

/// Index of `word` in `words`, or nothing.
template <std::size_t N>
std::optional<std::size_t> index_of(const std::array<std::string_view, N>& words, std::string_view word) {
    const auto it = std::ranges::find(words, word);
    return it == words.end() ? std::nullopt : std::optional(static_cast<std::size_t>(it - words.begin()));
}

/// Splits "A per B" at the last " per ".
std::optional<std::pair<std::string_view, std::string_view>> split_per(std::string_view text) {
    const std::size_t at = text.rfind(" per ");
    if (at == std::string_view::npos) {
        return std::nullopt;
    }
    return std::pair(trim(text.substr(0, at)), trim(text.substr(at + 5)));
}

Parsed<WorkRate> parse_rate(std::string_view text, bool per_user, std::string_view expected) {
    const auto words = words_of(text);
    const std::size_t size = per_user ? 5 : 3;
    if (words.size() != size || words[1] != "per" || (per_user && (words[2] != "user" || words[3] != "per"))) {
        return wrong(expected, text);
    }
    std::string_view number = words[0];
    const auto amount = take_number(number);
    if (!amount || !number.empty() || *amount <= 0) {
        return wrong(expected, text);
    }
    const auto unit = std::ranges::find(rate_units, words.back(), &Unit::name);
    if (unit == rate_units.end()) {
        return wrong(expected, text, fmt::format("\"{}\" is not second, minute, hour or day", words.back()));
    }
    return WorkRate{*amount, Duration(unit->size)};
}

/// "mon", "mon-fri", "sat,sun", "daily" as weekdays, or a sentence.
Parsed<std::vector<std::chrono::weekday>> parse_days(std::string_view text) {
    std::vector<std::chrono::weekday> days;
    if (text == "daily") {
        for (unsigned day = 1; day <= 7; ++day) {
            days.emplace_back(day);  // Monday first; 7 is Sunday, too
        }
        return days;
    }
    while (true) {
        const std::size_t comma = std::min(text.size(), text.find(','));
        const std::string_view part = text.substr(0, comma);
        const std::size_t dash = part.find('-');
        const std::string_view last_word = dash == std::string_view::npos ? part : part.substr(dash + 1);
        const auto first = index_of(day_words, part.substr(0, dash));
        const auto last = index_of(day_words, last_word);
        if (!first || !last) {
            return tl::unexpected(fmt::format("\"{}\" is no day: there are mon, tue, wed, thu, fri, sat, sun and daily",
                                              first ? last_word : part.substr(0, dash)));
        }
        for (std::size_t day = *first;; day = (day + 1) % 7) {
            days.emplace_back(static_cast<unsigned>(day));
            if (day == *last) {
                break;
            }
        }
        if (comma == text.size()) {
            return days;
        }
        text.remove_prefix(comma + 1);
    }
}

/// "06:00" as minutes since midnight; 24:00 is the day's end.
std::optional<int> parse_clock(std::string_view text) {
    if (text.size() != 5 || text[2] != ':') {
        return std::nullopt;
    }
    const auto hours = whole_number(text.substr(0, 2));
    const auto minutes = whole_number(text.substr(3, 2));
    if (!hours || !minutes || *hours > 24 || *minutes > 59 || (*hours == 24 && *minutes != 0)) {
        return std::nullopt;
    }
    return static_cast<int>(*hours * 60 + *minutes);
}

/// The largest unit that makes a whole number, or, below a second, a shorter fraction of a larger one: "15min",
/// "90s", "1.5s".
std::string to_text_with(Duration duration, std::string_view blank) {
    if (duration == Duration::zero()) {
        return fmt::format("0{}s", blank);
    }
    std::string best;
    for (const Unit& unit : units) {
        const double value = static_cast<double>(duration.count()) / static_cast<double>(unit.size);
        const bool whole = duration.count() % unit.size == 0;
        if (value < 1 || (!whole && unit.size > 1'000'000)) {
            continue;
        }
        const std::string text = fmt::format("{}{}{}", value, blank, unit.name);
        if ((best.empty() || text.size() < best.size()) && parse_duration(text) == duration) {
            best = text;
        }
        if (whole) {
            break;
        }
    }
    return best.empty() ? fmt::format("{}{}us", duration.count(), blank) : best;
}

}  // namespace

Parsed<Duration> parse_duration(std::string_view text) {
    constexpr std::string_view expected = "a duration such as \"30s\" or \"15 min\"";
    const auto duration = take_duration(text);
    return duration ? Parsed<Duration>(*duration) : wrong(expected, text, duration.error());
}

Parsed<ThinkTime> parse_think(std::string_view text) {
    constexpr std::string_view expected = "a think time such as \"1s..4s\" or \"2s\"";
    const std::size_t dots = text.find("..");
    const auto least = take_duration(text.substr(0, dots));
    const auto most = dots == std::string_view::npos ? least : take_duration(text.substr(dots + 2));
    if (!least || !most) {
        return wrong(expected, text, least ? most.error() : least.error());
    }
    if (*most < *least) {
        return wrong(expected, text, "the shorter time comes first");
    }
    return ThinkTime{*least, *most};
}

Parsed<Budget> parse_budget(std::string_view text) {
    constexpr std::string_view expected = "a budget such as \"50 min per week\"";
    const auto parts = split_per(text);
    if (!parts) {
        return wrong(expected, text);
    }
    const auto allowance = take_duration(parts->first);
    if (!allowance) {
        return wrong(expected, text, allowance.error());
    }
    const auto period = index_of(period_words, parts->second);
    if (!period) {
        return wrong(expected, text, no_period(parts->second));
    }
    return Budget{*allowance, static_cast<BudgetPeriod>(*period)};
}

Parsed<FailureBudget> parse_failures(std::string_view text) {
    constexpr std::string_view expected = "a number of failures such as \"50 per week\"";
    const auto parts = split_per(text);
    const auto failures = parts ? whole_number(parts->first) : std::nullopt;
    if (!failures) {
        return wrong(expected, text);
    }
    const auto period = index_of(period_words, parts->second);
    if (!period) {
        return wrong(expected, text, no_period(parts->second));
    }
    return FailureBudget{*failures, static_cast<BudgetPeriod>(*period)};
}

Parsed<ActiveUsers> parse_users(std::string_view text) {
    constexpr std::string_view expected = "a population such as \"200 active within 15 min\"";
    constexpr std::string_view middle = " active within ";
    const std::size_t at = text.find(middle);
    if (at == std::string_view::npos) {
        return wrong(expected, text);
    }
    const auto users = whole_number(trim(text.substr(0, at)));
    const auto within = take_duration(text.substr(at + middle.size()));
    if (!users || *users == 0) {
        return wrong(expected, text);
    }
    if (!within) {
        return wrong(expected, text, within.error());
    }
    if (*within == Duration::zero()) {
        return wrong(expected, text);
    }
    return ActiveUsers{*users, *within};
}

Parsed<WorkRate> parse_work_per_user(std::string_view text) {
    return parse_rate(text, true, "work per user such as \"30 per user per hour\"");
}

Parsed<WorkRate> parse_total(std::string_view text) {
    return parse_rate(text, false, "an amount in a time such as \"12000 per hour\"");
}

Parsed<double> parse_share(std::string_view text) {
    constexpr std::string_view expected = "a share from 0% to 100% such as \"98%\" or \"98.5%\"";
    std::string_view rest = trim(text);
    const auto percent = take_number(rest);
    if (!percent || trim(rest) != "%" || *percent > 100) {
        return wrong(expected, text);
    }
    return *percent / 100;
}

Parsed<std::uint64_t> parse_size(std::string_view text) {
    constexpr std::string_view expected = "a size such as \"2 GB\" or \"512 MiB\"";
    std::string_view rest = trim(text);
    const auto number = take_number(rest);
    const auto unit = std::ranges::find(size_units, trim(rest), &Unit::name);
    constexpr double largest = 1e18;
    if (!number || unit == size_units.end() || *number * static_cast<double>(unit->size) > largest) {
        return wrong(expected, text);
    }
    return static_cast<std::uint64_t>(*number * static_cast<double>(unit->size));
}

Parsed<std::vector<WeeklyHours>> parse_hours(std::string_view text) {
    constexpr std::string_view expected = "opening hours such as \"mon-fri 06:00-24:00\"";
    const auto words = words_of(text);
    if (words.size() != 2) {
        return wrong(expected, text);
    }
    const auto days = parse_days(words[0]);
    if (!days) {
        return wrong(expected, text, days.error());
    }
    const std::size_t dash = words[1].find('-');
    if (dash == std::string_view::npos) {
        return wrong(expected, text);
    }
    const auto from = parse_clock(words[1].substr(0, dash));
    const auto to = parse_clock(words[1].substr(dash + 1));
    if (!from || !to) {
        return wrong(expected, text, "times run from 00:00 to 24:00");
    }
    if (*from >= *to) {
        return tl::unexpected(fmt::format(
            "opening hours must end after they begin, found \"{}\": split hours over midnight in two entries", text));
    }
    std::vector<WeeklyHours> hours;
    for (const std::chrono::weekday day : *days) {
        hours.push_back({day, *from, *to});
    }
    return hours;
}

std::string to_text(Duration duration) {
    return to_text_with(duration, "");
}

std::string to_text(const Budget& budget) {
    return to_text_with(budget.allowance, " ") + " per " +
           std::string(period_words.at(static_cast<std::size_t>(budget.per)));
}

}  // namespace slimtax::schemas
