#include "probes/io/server_timing.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string_view>

namespace slimtax::probes {
namespace {

constexpr double most_milliseconds = 24.0 * 3600 * 1000;

bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && is_blank(text.front())) {
        text.remove_prefix(1);
    }
    while (!text.empty() && is_blank(text.back())) {
        text.remove_suffix(1);
    }
    return text;
}

bool same_word(std::string_view text, std::string_view lower) {
    return std::ranges::equal(text, lower, [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a + 32 : a) == b; });
}

/// Takes the text up to the separator from the front, and the separator; what stands in quotes separates nothing.
std::string_view take_until(std::string_view& rest, char separator) {
    bool quoted = false;
    std::size_t end = 0;
    for (; end < rest.size() && (quoted || rest[end] != separator); ++end) {
        if (quoted && rest[end] == '\\') {
            ++end;  // the next one stands for itself
        } else if (rest[end] == '"') {
            quoted = !quoted;
        }
    }
    const std::string_view taken = trimmed(rest.substr(0, end));
    rest.remove_prefix(std::min(rest.size(), end + 1));
    return taken;
}

/// The milliseconds of `dur` among "; dur=53.2; desc="…"", the first one; nothing when there is none.
std::optional<double> duration_in(std::string_view parameters) {
    while (!parameters.empty()) {
        std::string_view parameter = take_until(parameters, ';');
        const std::string_view name = take_until(parameter, '=');
        if (!same_word(name, "dur")) {
            continue;
        }
        std::string_view value = trimmed(parameter);
        if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
            value = value.substr(1, value.size() - 2);
        }
        double number = 0;
        const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
        const bool good = error == std::errc() && end == value.data() + value.size();
        return good && std::isfinite(number) && number >= 0 ? std::optional(number) : std::nullopt;
    }
    return std::nullopt;
}

}  // namespace

std::optional<schemas::Duration> stated_server_time(const std::vector<std::pair<std::string, std::string>>& headers) {
    std::optional<double> sum;
    std::optional<double> total;
    for (const auto& [header, value] : headers) {
        if (header != "server-timing") {
            continue;
        }
        std::string_view rest = value;
        while (!rest.empty()) {
            std::string_view metric = take_until(rest, ',');
            const std::string_view name = take_until(metric, ';');
            const auto took = duration_in(metric);
            if (took && same_word(name, "total")) {
                total = took;
            } else if (took) {
                sum = sum.value_or(0) + *took;
            }
        }
    }
    const std::optional<double> stated = total ? total : sum;
    if (!stated || *stated > most_milliseconds) {
        return std::nullopt;
    }
    return schemas::Duration(std::llround(*stated * 1000));
}

}  // namespace slimtax::probes
