#include "reporter/render/svg_parts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace slimtax::reporter {
namespace {

using schemas::Booking;

constexpr std::array<const char*, 6> booking_class{"t-up",      "t-slow",       "t-down",
                                                   "t-planned", "t-unmeasured", "t-outside"};

}  // namespace

std::string percent(double fraction) {
    std::string text = fmt::format("{:.3f}", std::clamp(fraction, 0.0, 1.0) * 100);
    text.erase(text.find_last_not_of('0') + 1);
    return text + (text.ends_with('.') ? "0%" : "%");
}

Html bar_part(const char* kind, double from, double to) {
    return element("rect", {{"class", kind}, {"x", percent(from)}, {"width", percent(to - from)}, {"height", "100%"}});
}

Html mark(const char* kind, double at) {
    return element("line", {{"class", kind}, {"x1", percent(at)}, {"x2", percent(at)}, {"y1", "0"}, {"y2", "100%"}});
}

Html booking_part(Booking booking, double from, double to) {
    Attributes attributes{{"class", booking_class.at(static_cast<std::size_t>(booking))},
                          {"x", percent(from)},
                          {"width", percent(to - from)},
                          {"height", "100%"}};
    if (booking == Booking::planned) {
        attributes.push_back(Attribute("fill", "url(#planned)"));
    } else if (booking == Booking::unmeasured) {
        attributes.push_back(Attribute("fill", "url(#unmeasured)"));
    } else if (booking == Booking::degraded) {
        attributes.push_back(Attribute("fill", "url(#slow)"));
    }
    return element("rect", attributes);
}

}  // namespace slimtax::reporter
