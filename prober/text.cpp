#include "prober/text.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include <fmt/format.h>

#include "schemas/utf8.hpp"

namespace slimtax::prober {
namespace {

// Three figures at most, without empty decimals: 9.21, 12.3, 850.
std::string three_figures(double number) {
    std::string text = fmt::format("{:.{}f}", number, number < 9.995 ? 2 : number < 99.95 ? 1 : 0);
    if (text.find('.') != std::string::npos) {
        text.erase(text.find_last_not_of('0') + 1);
        if (text.back() == '.') {
            text.pop_back();
        }
    }
    return text;
}

}  // namespace

std::string plain(schemas::Duration duration) {
    const std::int64_t us = std::abs(duration.count());
    const std::string_view sign = duration.count() < 0 ? "-" : "";
    const std::int64_t seconds = (us + 500'000) / 1'000'000;
    if (us < 1'000) {
        return fmt::format("{}{} µs", sign, us);
    }
    if (us < 999'500) {
        return fmt::format("{}{} ms", sign, three_figures(static_cast<double>(us) / 1e3));
    }
    if (seconds < 120) {
        return fmt::format("{}{} s", sign, three_figures(static_cast<double>(us) / 1e6));
    }
    const auto pair = [sign](std::int64_t whole, std::string_view unit, std::int64_t rest, std::string_view small) {
        return rest == 0 ? fmt::format("{}{} {}", sign, whole, unit)
                         : fmt::format("{}{} {} {} {}", sign, whole, unit, rest, small);
    };
    if (seconds < 2 * 3600) {
        return pair(seconds / 60, "min", seconds % 60, "s");
    }
    if (seconds < 2 * 86'400) {
        return pair(seconds / 3600, "h", seconds % 3600 / 60, "min");
    }
    return pair(seconds / 86'400, "d", seconds % 86'400 / 3600, "h");
}

std::string tidy_sentence(std::string_view text, std::size_t limit) {
    std::string tidy = schemas::to_valid_utf8(text);
    std::ranges::replace_if(
        tidy, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }, ' ');
    tidy.erase(tidy.find_last_not_of(' ') + 1);
    return schemas::shortened(tidy, limit);
}

}  // namespace slimtax::prober
