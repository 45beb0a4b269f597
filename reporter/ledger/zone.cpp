#include "reporter/ledger/zone.hpp"

#include <algorithm>
#include <exception>

#include <date/tz.h>

namespace slimtax::reporter {

using std::chrono::microseconds;
using std::chrono::seconds;

Zone::Zone() : name_("UTC"), zone_(date::locate_zone("UTC")) {}

tl::expected<Zone, std::string> Zone::find(const std::string& name) {
    try {
        Zone zone;
        zone.zone_ = date::locate_zone(name);
        zone.name_ = name;
        return zone;
    } catch (const std::exception&) {
        return tl::unexpected("unknown time zone '" + name + "': expected a name such as Europe/Berlin");
    }
}

schemas::Instant Zone::instant_of(LocalTime local) const {
    const auto whole = std::chrono::floor<seconds>(local.time_since_epoch());
    const date::local_info info = zone_->get_info(date::local_seconds(whole));
    if (info.result == date::local_info::nonexistent) {
        return schemas::Instant(info.first.end.time_since_epoch());
    }
    return schemas::Instant(local.time_since_epoch() - info.first.offset);
}

LocalTime Zone::local_of(schemas::Instant instant) const {
    const date::sys_info info = zone_->get_info(std::chrono::floor<seconds>(instant));
    return LocalTime(instant.time_since_epoch() + info.offset);
}

std::vector<OffsetSpan> Zone::offsets(schemas::Instant from, schemas::Instant to) const {
    std::vector<OffsetSpan> spans;
    while (from < to) {
        const date::sys_info info = zone_->get_info(std::chrono::floor<seconds>(from));
        const schemas::Instant end = std::min(to, schemas::Instant(info.end.time_since_epoch()));
        spans.push_back({from, end, info.offset});
        from = end;
    }
    return spans;
}

}  // namespace slimtax::reporter
