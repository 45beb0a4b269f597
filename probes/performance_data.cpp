#include "probes/performance_data.hpp"

#include <array>
#include <charconv>
#include <cmath>

namespace slimtax::probes {
namespace {

constexpr std::string_view blanks = " \t\r\n";

/// Takes a label with its '=' off the text: plain, or quoted with '' for a quote. Nothing when it is none.
std::optional<std::string> take_label(std::string_view& text) {
    std::string label;
    if (text.front() != '\'') {
        const std::size_t end = text.find_first_of("= \t\r\n");
        if (end == std::string_view::npos || text[end] != '=' || end == 0) {
            return std::nullopt;
        }
        label = text.substr(0, end);
        text.remove_prefix(end + 1);
        return label;
    }
    std::size_t at = 1;
    for (; at < text.size(); ++at) {
        if (text[at] != '\'') {
            label += text[at];
        } else if (text.substr(at, 2) == "''") {
            label += text[at++];
        } else {
            break;
        }
    }
    if (label.empty() || text.substr(std::min(at, text.size()), 2) != "'=") {
        return std::nullopt;
    }
    text.remove_prefix(at + 2);
    return label;
}

bool is_unit(std::string_view text) {
    // By the guidelines: no number, quote or semicolon. A comma or point would be the rest of a number.
    return text.size() <= 16 && text.find_first_of("0123456789'\",.;=-+") == std::string_view::npos;
}

/// value[unit];[warn];[crit];[min];[max]
bool read_value(std::string_view text, PerformanceFigure& figure) {
    std::array<std::string_view, 5> parts;
    for (std::string_view& part : parts) {
        const std::size_t end = text.find(';');
        part = text.substr(0, end);
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
    std::string_view number = parts[0];
    if (number.starts_with('+')) {  // which from_chars does not take
        number.remove_prefix(1);
    }
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), figure.value);
    const std::string_view unit(end, static_cast<std::size_t>(number.data() + number.size() - end));
    if (error != std::errc() || !std::isfinite(figure.value) || !is_unit(unit) || !text.empty()) {
        return false;
    }
    figure.unit = unit;
    figure.warn = parts[1];
    figure.crit = parts[2];
    figure.min = parts[3];
    figure.max = parts[4];
    return true;
}

}  // namespace

PerformanceData parse_performance_data(std::string_view text) {
    PerformanceData data;
    while (true) {
        text.remove_prefix(std::min(text.size(), text.find_first_not_of(blanks)));
        if (text.empty()) {
            return data;
        }
        const std::string_view all = text;
        PerformanceFigure figure;
        const std::optional<std::string> label = take_label(text);
        const std::size_t end = std::min(text.size(), text.find_first_of(blanks));
        const std::string_view value = text.substr(0, end);
        text.remove_prefix(end);
        if (label && (value == "U" || value.starts_with("U;"))) {
            continue;
        }
        if (label && read_value(value, figure)) {
            figure.label = *label;
            data.figures.push_back(std::move(figure));
        } else {
            data.malformed.emplace_back(all.substr(0, all.size() - text.size()));
        }
    }
}

}  // namespace slimtax::probes
