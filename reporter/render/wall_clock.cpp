#include "reporter/render/wall_clock.hpp"

#include <date/tz.h>
#include <fmt/format.h>

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
    const bool short_one = to - from < std::chrono::minutes(10);
    const auto time = [&](schemas::Instant at) { return short_one ? seconds(at) : clock(at); };
    const bool same_day = day_start(from) == day_start(to);
    return fmt::format("{} {} to {}{}", day(from), time(from), same_day ? "" : day(to) + " ", time(to));
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

std::string period_words(const Report& report, const WallClock& clock) {
    const schemas::Instant last = report.period.to - schemas::Duration(1);
    // A period that ends at midnight is said to end at 24:00 of its last day.
    const bool whole_days = clock.day_start(report.period.to) == report.period.to;
    const std::string end = whole_days ? clock.day(last) + " 24:00" : clock.full(report.period.to);
    return fmt::format("{} to {} {}", clock.full(report.period.from), end,
                       date::format("%Y", date::floor<std::chrono::seconds>(last)));
}

std::string period_title(const Report& report) {
    const std::string& name = report.period.name;
    if (name.size() == 8 && name.substr(4, 2) == "-W") {
        return fmt::format("week {} of {}", name[6] == '0' ? name.substr(7) : name.substr(6), name.substr(0, 4));
    }
    return name;
}

}  // namespace slimtax::reporter
