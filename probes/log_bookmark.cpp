#include "probes/log_bookmark.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <sstream>

namespace slimtax::probes {
namespace {

const std::string& boot_id() {
    static const std::string id = [] {
        std::ifstream file("/proc/sys/kernel/random/boot_id");
        std::string text;
        file >> text;
        return text.empty() ? std::string("unknown") : text;
    }();
    return id;
}

}  // namespace

Moment Moment::at(TimePoint steady, schemas::Instant wall) {
    return {std::chrono::duration_cast<schemas::Duration>(steady.time_since_epoch()).count(),
            wall.time_since_epoch().count(), boot_id()};
}

std::string Moment::text() const {
    return fmt::format("{} {} {}", steady_us, wall_us, boot);
}

std::optional<Moment> Moment::parse(const std::string& text) {
    std::istringstream stream(text);
    Moment moment;
    stream >> moment.steady_us >> moment.wall_us >> moment.boot;
    return stream ? std::optional(std::move(moment)) : std::nullopt;
}

schemas::Duration span_since(const Moment& then, const Moment& now) {
    const std::int64_t span = then.boot == now.boot ? now.steady_us - then.steady_us : now.wall_us - then.wall_us;
    return schemas::Duration(std::max<std::int64_t>(span, 0));
}

std::string Bookmark::text() const {
    return fmt::format("1 {} {} {} {} {}", position.device, position.inode, position.offset, position.fingerprint,
                       moment.text());
}

std::optional<Bookmark> Bookmark::parse(const std::string& text) {
    std::istringstream stream(text);
    int version = 0;
    Bookmark mark;
    stream >> version >> mark.position.device >> mark.position.inode >> mark.position.offset >>
        mark.position.fingerprint;
    std::string rest;
    std::getline(stream, rest);
    const std::optional<Moment> moment = Moment::parse(rest);
    if (!stream || version != 1 || !moment) {
        return std::nullopt;
    }
    mark.moment = *moment;
    return mark;
}

schemas::Duration covered(const Bookmark& then, const Bookmark& now, const LogReading& reading) {
    const schemas::Duration span = span_since(then.moment, now.moment);
    if (!reading.begun || reading.begun->time_since_epoch().count() <= then.moment.wall_us) {
        return span;
    }
    const schemas::Duration since_begun(now.moment.wall_us - reading.begun->time_since_epoch().count());
    return std::clamp(since_begun, schemas::Duration(0), span);
}

}  // namespace slimtax::probes
