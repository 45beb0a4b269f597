#include "reporter/render/pictures.hpp"

#include <tuple>

#include "reporter/render/svg_parts.hpp"
#include "reporter/words.hpp"

namespace slimtax::reporter {
namespace {

using schemas::Instant;
using schemas::Light;

}  // namespace

Html light_icon(Light light) {
    Html shape;
    switch (light) {
        case Light::green: shape = element("circle", {{"cx", "8"}, {"cy", "8"}, {"r", "6.5"}}); break;
        case Light::amber: shape = element("path", {{"d", "M8 1.2 15.2 14H.8z"}}); break;
        case Light::red:
            shape = {element("rect", {{"x", ".5"}, {"y", ".5"}, {"width", "15"}, {"height", "15"}, {"rx", "1.5"}}),
                     element("path", {{"class", "cross"}, {"d", "M4.5 4.5l7 7m0-7l-7 7"}})};
            break;
        case Light::grey:
            shape = element("circle", {{"cx", "8"}, {"cy", "8"}, {"r", "6"}, {"stroke-dasharray", "2.6 2.1"}});
            break;
        case Light::blue: shape = element("path", {{"d", "M8 .6 15.4 8 8 15.4.6 8z"}}); break;
        case Light::hollow: shape = element("circle", {{"cx", "8"}, {"cy", "8"}, {"r", "6"}}); break;
    }
    return element("svg",
                   {{"class", "icon icon-" + std::string(schemas::to_string(light))},
                    {"viewBox", "0 0 16 16"},
                    {"width", "16"},
                    {"height", "16"},
                    {"aria-hidden", "true"}},
                   shape);
}

Html light_with_word(Light light, std::string_view word) {
    return element("span", {{"class", "light light-" + std::string(schemas::to_string(light))}},
                   {light_icon(light), element("span", {{"class", "word"}}, word.empty() ? light_word(light) : word)});
}

Html picture_patterns() {
    const auto pattern = [](const char* id, const Html& content) {
        return element("pattern", {{"id", id}, {"width", "6"}, {"height", "6"}, {"patternUnits", "userSpaceOnUse"}},
                       content);
    };
    const auto ground = [](const char* kind) {
        return element("rect", {{"width", "6"}, {"height", "6"}, {"class", kind}});
    };
    Html defs = {
        pattern("unmeasured", {ground("p-ground"),
                               element("path", {{"class", "p-unmeasured"}, {"d", "M-1 7 7-1M-1 1 1-1M5 7 7 5"}})}),
        pattern("planned", {ground("p-planned-ground"), element("path", {{"class", "p-planned"}, {"d", "M0 3h6"}})}),
        pattern("slow", {ground("p-slow-ground"), element("path", {{"class", "p-slow"}, {"d", "M1.5 0v6M4.5 0v6"}})})};
    // Drawn once, used by every row: a year of a hundred services would be mostly lines.
    for (const auto& [id, count, strong] :
         {std::tuple{"hours-23", 23, 6}, {"hours-24", 24, 6}, {"hours-25", 25, 6}, {"days-7", 7, 7}}) {
        Html lines;
        for (int i = 1; i < count; ++i) {
            lines += mark(i % strong == 0 ? "hour six" : "hour", static_cast<double>(i) / count);
        }
        defs += element("symbol", {{"id", id}}, lines);
    }
    return element("svg", {{"class", "patterns"}, {"width", "0"}, {"height", "0"}, {"aria-hidden", "true"}},
                   element("defs", {}, defs));
}

Html time_element(Instant at, std::string_view text) {
    return element("time", {{"datetime", schemas::to_rfc3339(at)}}, text);
}

}  // namespace slimtax::reporter
