#include "reporter/render/strip_cells.hpp"

#include <algorithm>
#include <array>

namespace slimtax::reporter {
namespace {

using schemas::Duration;
using schemas::Instant;

constexpr std::array<int, 6> weight{1, 4, 5, 2, 3, 0};

}  // namespace

std::vector<std::optional<schemas::Booking>> strip_cells(const ObjectiveReport& objective, Instant from, Instant to,
                                                         std::size_t cells) {
    std::vector<std::optional<schemas::Booking>> line(cells);
    const auto length = static_cast<double>((to - from).count());
    for (const BookedSpan& span : objective.strip) {
        const Instant begin = std::max(span.from, from);
        const Instant end = std::min(span.to, to);
        if (begin >= end) {
            continue;
        }
        const auto cell = [&](Instant at, Duration shift) {
            const double part = static_cast<double>((at - from - shift).count()) / length;
            return std::min(cells - 1, static_cast<std::size_t>(part * static_cast<double>(cells)));
        };
        const auto worse = [&](std::optional<schemas::Booking> now) {
            return !now ||
                   weight.at(static_cast<std::size_t>(span.booking)) > weight.at(static_cast<std::size_t>(*now));
        };
        for (std::size_t i = cell(begin, Duration(0)); i <= cell(end, Duration(1)); ++i) {
            line.at(i) = worse(line.at(i)) ? span.booking : line.at(i);
        }
    }
    return line;
}

}  // namespace slimtax::reporter
