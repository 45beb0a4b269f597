#include "reporter/render/wall_clock.hpp"

#include <date/tz.h>
#include <fmt/format.h>

#include <algorithm>

#include "reporter/words.hpp"

namespace slimtax::reporter {
namespace {

using Micro = std::chrono::microseconds;

const date::time_zone* find_zone(std::string_view name) {
    try {
        return date::locate_zone(name);
    } catch (const std::runtime_error&) {
        return nullptr;
    }
}

std::string formatted(const char* form, const date::time_zone* zone, schemas::Instant at) {
    return date::format(form, date::make_zoned(zone, date::floor<std::chrono::seconds>(at)));
}

/// "Monday 9 to Sunday 15 November 2026"; empty when the period does not begin and end at midnight.
std::string whole_days(const Period& period, const WallClock& clock) {
    if (period.from >= period.to || clock.day_start(period.from) != period.from ||
        clock.day_start(period.to) != period.to) {
        return {};
    }
    return clock.days(period.from, period.to - schemas::Duration(1));
}

date::local_days local_day(const date::time_zone* zone, schemas::Instant at) {
    return date::floor<date::days>(zone->to_local(at));
}

schemas::Instant start_of(const date::time_zone* zone, date::local_days day) {
    // Where a clock change skips midnight, the day starts at the first instant that there is.
    return zone->to_sys(day, date::choose::earliest);
}

}  // namespace

WallClock::WallClock(std::string_view name) : zone_(find_zone(name)), name_(name) {
    if (zone_ == nullptr) {
        zone_ = find_zone("Etc/UTC");
        name_ = "UTC";
    }
}

WallClock::WallClock(const ServiceReport& service)
    : WallClock(service.source != nullptr ? std::string_view(service.source->window.timezone) : "UTC") {}

std::string WallClock::day(schemas::Instant at) const {
    return formatted("%a %d %b", zone_, at);
}
std::string WallClock::clock(schemas::Instant at) const {
    return formatted("%H:%M", zone_, at);
}
std::string WallClock::seconds(schemas::Instant at) const {
    return formatted("%H:%M:%S", zone_, at);
}
std::string WallClock::full(schemas::Instant at) const {
    return formatted("%a %d %b %H:%M", zone_, at);
}
std::string WallClock::offset(schemas::Instant at) const {
    return formatted("%Z", zone_, at);
}

std::string WallClock::range(schemas::Instant from, schemas::Instant to) const {
    const auto whole = [](schemas::Instant at) {
        return at.time_since_epoch() % std::chrono::minutes(1) < std::chrono::seconds(1);
    };
    const bool short_one = to - from < std::chrono::minutes(10) && !(whole(from) && whole(to));
    const auto time = [&](schemas::Instant at) { return short_one ? seconds(at) : clock(at); };
    const bool same_day = day_start(from) == day_start(to);
    return fmt::format("{} {} to {}{}", day(from), time(from), same_day ? "" : day(to) + " ", time(to));
}

std::string WallClock::days(schemas::Instant first, schemas::Instant last) const {
    const auto said = [&](const char* form, schemas::Instant at) { return formatted(form, zone_, at); };
    const std::string end = said("%A %e %B %Y", last);
    std::string begin = said("%A %e", first);
    begin += said("%B %Y", first) == said("%B %Y", last) ? "" : said(" %B", first);
    begin += said("%Y", first) == said("%Y", last) ? "" : said(" %Y", first);
    std::string text = local_day(zone_, first) == local_day(zone_, last) ? end : begin + " to " + end;
    // Days below ten come with two blanks.
    for (std::size_t at = text.find("  "); at != std::string::npos; at = text.find("  ")) {
        text.erase(at, 1);
    }
    return text;
}

std::int64_t WallClock::local_seconds(schemas::Instant at) const {
    return date::floor<std::chrono::seconds>(zone_->to_local(at)).time_since_epoch().count();
}

schemas::Instant WallClock::day_start(schemas::Instant at) const {
    return start_of(zone_, local_day(zone_, at));
}

schemas::Instant WallClock::next_day(schemas::Instant at) const {
    return start_of(zone_, local_day(zone_, at) + date::days(1));
}

std::pair<schemas::Instant, schemas::Instant> WallClock::instants(const schemas::Maintenance& work) const {
    const date::local_time<Micro> from(work.from.time_since_epoch());
    const date::local_time<Micro> to(work.to.time_since_epoch());
    return {zone_->to_sys(from, date::choose::earliest), zone_->to_sys(to, date::choose::earliest)};
}

WallClock common_clock(const Report& report) {
    std::string name;
    for (const ServiceReport& service : report.services) {
        const WallClock clock(service);
        if (!name.empty() && clock.name() != name) {
            return WallClock("UTC");
        }
        name = clock.name();
    }
    return WallClock(name.empty() ? "UTC" : name);
}

std::string period_words(const Report& report) {
    const WallClock clock = common_clock(report);
    // Of services in several zones: where each one's own period is the same days, those are named.
    const bool several = std::any_of(report.services.begin(), report.services.end(),
                                     [&](const auto& one) { return WallClock(one).name() != clock.name(); });
    std::string days;
    for (const ServiceReport& service : report.services) {
        const std::string own = report.so_far ? std::string() : whole_days(service.period, WallClock(service));
        if (own.empty() || (!days.empty() && own != days)) {
            days.clear();
            break;
        }
        days = own;
    }
    if (report.services.empty() && !report.so_far) {
        days = whole_days(report.period, clock);
    }
    if (!days.empty()) {
        return fmt::format("{} ({})", days, several ? "each service by its own clock" : clock.name());
    }
    const schemas::Instant last = report.period.to - schemas::Duration(1);
    // A period that ends at midnight is said to end at 24:00 of its last day.
    const bool at_midnight = clock.day_start(report.period.to) == report.period.to;
    const std::string end = at_midnight ? clock.day(last) + " 24:00" : clock.full(report.period.to);
    return fmt::format("{} to {} {} ({})", clock.full(report.period.from), end,
                       date::format("%Y", date::floor<std::chrono::seconds>(last)), clock.name());
}

std::string period_title(const Report& report) {
    const std::string& name = report.period.name;
    if (name.size() == 8 && name.substr(4, 2) == "-W") {
        return fmt::format("week {} of {}", name[6] == '0' ? name.substr(7) : name.substr(6), name.substr(0, 4));
    }
    return name;
}

}  // namespace slimtax::reporter
