#include "reporter/ledger/period.hpp"

#include <charconv>
#include <optional>

#include <fmt/format.h>

namespace slimtax::reporter {
namespace {

using std::chrono::day;
using std::chrono::days;
using std::chrono::local_days;
using std::chrono::month;
using std::chrono::months;
using std::chrono::weekday;
using std::chrono::year;
using std::chrono::year_month;
using std::chrono::year_month_day;

constexpr std::string_view forms =
    "expected a week (2026-W47), a month (2026-11), a quarter (2026-Q4), a year (2026) or a day (2026-11-20)";

/// Exactly `digits` decimal digits.
std::optional<int> number(std::string_view text, std::size_t digits) {
    int value = 0;
    if (text.size() != digits || text.find_first_not_of("0123456789") != std::string_view::npos) {
        return std::nullopt;
    }
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

std::optional<local_days> parse_date(std::string_view text) {
    if (text.size() != 10 || text[4] != '-' || text[7] != '-') {
        return std::nullopt;
    }
    const auto y = number(text.substr(0, 4), 4);
    const auto m = number(text.substr(5, 2), 2);
    const auto d = number(text.substr(8, 2), 2);
    if (!y || !m || !d) {
        return std::nullopt;
    }
    const year_month_day date{year(*y), month(static_cast<unsigned>(*m)), day(static_cast<unsigned>(*d))};
    return date.ok() ? std::optional(local_days(date)) : std::nullopt;
}

/// The Monday of ISO week 1: the week with January 4th.
local_days first_monday(int iso_year) {
    const local_days fourth{year(iso_year) / 1 / 4};
    return fourth - (weekday(fourth) - std::chrono::Monday);
}

AskedPeriod between(std::string name, year_month from, months length) {
    return {std::move(name), local_days(from / 1), local_days((from + length) / 1)};
}

/// The part after "2026-".
std::optional<AskedPeriod> parse_part_of_year(std::string_view text, int y, std::string_view rest) {
    const std::string name(text);
    if (rest.size() == 3 && rest[0] == 'W') {
        const auto week = number(rest.substr(1), 2);
        const local_days monday = first_monday(y) + days(7 * (week.value_or(0) - 1));
        if (!week || *week < 1 || monday >= first_monday(y + 1)) {
            return std::nullopt;
        }
        return AskedPeriod{name, monday, monday + days(7)};
    }
    if (rest.size() == 2 && rest[0] == 'Q' && rest[1] >= '1' && rest[1] <= '4') {
        return between(name, year(y) / month(static_cast<unsigned>(3 * (rest[1] - '1') + 1)), months(3));
    }
    if (const auto m = number(rest, 2); m && *m >= 1 && *m <= 12) {
        return between(name, year(y) / month(static_cast<unsigned>(*m)), months(1));
    }
    return std::nullopt;
}

std::optional<PeriodEdge> parse_edge(std::string_view text) {
    if (const auto date = parse_date(text)) {
        return *date;
    }
    if (const auto instant = schemas::parse_rfc3339(text)) {
        return *instant;
    }
    return std::nullopt;
}

schemas::Instant resolve(const PeriodEdge& edge, const Zone& zone) {
    const auto* day = std::get_if<local_days>(&edge);
    return day != nullptr ? zone.start_of(*day) : std::get<schemas::Instant>(edge);
}

}  // namespace

Period AskedPeriod::in(const Zone& zone) const {
    return {name, resolve(from, zone), resolve(to, zone)};
}

tl::expected<AskedPeriod, std::string> parse_period(std::string_view text) {
    if (const auto date = parse_date(text)) {
        return AskedPeriod{std::string(text), *date, *date + days(1)};
    }
    const auto y = number(text.substr(0, 4), 4);
    if (y && text.size() == 4) {
        return between(std::string(text), year(*y) / 1, months(12));
    }
    if (y && text[4] == '-') {
        if (auto period = parse_part_of_year(text, *y, text.substr(5))) {
            return *std::move(period);
        }
    }
    return tl::unexpected(fmt::format("'{}' is no period: {}", text, forms));
}

tl::expected<AskedPeriod, std::string> parse_period(std::string_view from, std::string_view to) {
    const auto first = parse_edge(from);
    const auto last = parse_edge(to);
    if (!first || !last) {
        return tl::unexpected(
            fmt::format("'{}' is no time: expected a date (2026-11-20) or an instant "
                        "(2026-11-20T08:30:00Z)",
                        first ? to : from));
    }
    AskedPeriod period{fmt::format("{} to {}", from, to), *first, *last};
    const Period in_utc = period.in(Zone());
    if (in_utc.to <= in_utc.from) {
        return tl::unexpected(fmt::format("the period ends ({}) before it begins ({})", to, from));
    }
    return period;
}

AskedPeriod earlier(const AskedPeriod& period, int count) {
    const auto* from = std::get_if<local_days>(&period.from);
    const auto* to = std::get_if<local_days>(&period.to);
    const auto named = parse_period(period.name);
    if (from == nullptr || to == nullptr || !named || named->from != period.from || named->to != period.to) {
        const Period in_utc = period.in(Zone());
        const schemas::Duration back = count * in_utc.length();
        const auto shifted = [&](const PeriodEdge& edge) -> PeriodEdge {
            const auto* day = std::get_if<local_days>(&edge);
            const bool whole_days = back % days(1) == schemas::Duration(0);
            return day != nullptr && whole_days ? PeriodEdge(*day - std::chrono::floor<days>(back))
                                                : PeriodEdge(resolve(edge, Zone()) - back);
        };
        const int length = static_cast<int>(std::chrono::ceil<days>(in_utc.length()).count());
        return {fmt::format("{} days, {} before", length, count), shifted(period.from), shifted(period.to)};
    }
    const std::int64_t length = (*to - *from).count();
    const year_month_day first(*from);
    const year_month month_of(first.year(), first.month());
    if (length == 1) {
        const year_month_day day(*from - days(7 * count));
        return {fmt::format("{:04}-{:02}-{:02}", static_cast<int>(day.year()), static_cast<unsigned>(day.month()),
                            static_cast<unsigned>(day.day())),
                local_days(day), local_days(day) + days(1)};
    }
    if (length == 7) {
        return week_of(*from - days(7 * count));
    }
    const bool year_long = length > 360;
    const bool quarter_long = !year_long && length > 80;
    const months step(year_long ? 12 : quarter_long ? 3 : 1);
    const year_month begin = month_of - step * count;
    const int y = static_cast<int>(begin.year());
    const unsigned m = static_cast<unsigned>(begin.month());
    return between(year_long      ? fmt::format("{:04}", y)
                   : quarter_long ? fmt::format("{:04}-Q{}", y, (m - 1) / 3 + 1)
                                  : fmt::format("{:04}-{:02}", y, m),
                   begin, step);
}

AskedPeriod week_of(local_days day) {
    const local_days monday = day - (weekday(day) - std::chrono::Monday);
    // A week belongs to the year that its Thursday lies in.
    const int iso_year = static_cast<int>(year_month_day(monday + days(3)).year());
    const auto week = (monday - first_monday(iso_year)).count() / 7 + 1;
    return {fmt::format("{:04}-W{:02}", iso_year, week), monday, monday + days(7)};
}

AskedPeriod week_of(schemas::Instant now, const Zone& zone) {
    return week_of(std::chrono::floor<days>(zone.local_of(now)));
}

}  // namespace slimtax::reporter
