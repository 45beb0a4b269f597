#include "reporter/mail/schedule.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace slimtax::reporter {
namespace {

using std::chrono::days;
using std::chrono::local_days;
using std::chrono::months;
using std::chrono::year_month;
using std::chrono::year_month_day;

Zone zone_of(const schemas::MailSettings& settings) {
    return Zone::find(settings.timezone).value_or(Zone());
}

/// The period of the list's kind that ended last before the day `day` began.
AskedPeriod period_before(const schemas::MailSettings& settings, local_days day) {
    if (settings.period == schemas::MailSettings::Span::week) {
        return week_of(day - days(7));
    }
    const year_month_day date(day);
    const year_month last = year_month(date.year(), date.month()) - months(1);
    return *parse_period(
        fmt::format("{:04}-{:02}", static_cast<int>(last.year()), static_cast<unsigned>(last.month())));
}

}  // namespace

MailTurn latest_turn(const schemas::MailSettings& settings, schemas::Instant now) {
    const Zone zone = zone_of(settings);
    const schemas::MailTime& when = *settings.when;
    const auto at = [&](local_days day) { return zone.instant_of(LocalTime(day) + when.clock); };
    const local_days today = std::chrono::floor<days>(zone.local_of(now));
    local_days day;
    if (when.monthly) {
        const year_month_day date(today);
        const year_month month(date.year(), date.month());
        day = local_days(month / std::chrono::day(when.day));
        if (at(day) > now) {
            day = local_days((month - months(1)) / std::chrono::day(when.day));
        }
    } else {
        day = today - (std::chrono::weekday(today) - when.weekday);
        if (at(day) > now) {
            day -= days(7);
        }
    }
    return {at(day), period_before(settings, day)};
}

AskedPeriod latest_period(const schemas::MailSettings& settings, schemas::Instant now) {
    return period_before(settings, std::chrono::floor<days>(zone_of(settings).local_of(now)));
}

schemas::Duration retry_pause(int attempts) {
    constexpr schemas::Duration first = std::chrono::seconds(15);
    constexpr schemas::Duration longest = std::chrono::minutes(30);
    constexpr int doublings = 10;
    return std::min(longest, first * (1 << std::clamp(attempts - 1, 0, doublings)));
}

}  // namespace slimtax::reporter
