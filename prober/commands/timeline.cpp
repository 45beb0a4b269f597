#include "prober/commands/timeline.hpp"

#include <algorithm>
#include <array>
#include <cctype>

#include <fmt/format.h>

#include "prober/text.hpp"
#include "schemas/utf8.hpp"

namespace slimtax::prober {
namespace {

using schemas::Duration;
using schemas::Verdict;
using State = TimelineRow::State;

constexpr char rest_letter = '=';     // of a step, what no part accounts for
constexpr char running_letter = '>';  // the part under way
constexpr char pause_letter = '.';
constexpr std::size_t longest_label = 28;
constexpr std::size_t verdict_columns = 12;
constexpr std::size_t time_columns = 10;
constexpr std::size_t narrowest_bar = 12;

// Background colours, light enough for black letters; the letters alone say as much.
constexpr std::array<int, 6> colours_of_parts{46, 44, 45, 42, 43, 47};

/// At most `columns` characters of a text, and filled up to them.
std::string fitted(std::string_view text, std::size_t columns) {
    std::string cut;
    std::size_t count = 0;
    for (std::size_t i = 0; i < text.size();) {
        std::size_t end = i + 1;
        while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80U) {
            ++end;
        }
        if (count + 1 == columns && end < text.size()) {
            cut += "…";
            return cut;
        }
        cut += text.substr(i, end - i);
        ++count;
        i = end;
    }
    return cut + std::string(columns > count ? columns - count : 0, ' ');
}

std::string painted(const std::string& text, const std::string& code, bool colours) {
    return colours && !text.empty() ? "\x1b[" + code + "m" + text + "\x1b[0m" : text;
}

std::string colour_of(Verdict verdict) {
    switch (verdict) {
        case Verdict::ok: return "1;32";
        case Verdict::slow: return "1;33";
        case Verdict::failed:
        case Verdict::timeout: return "1;31";
        case Verdict::prober_fault:
        case Verdict::not_run: return "1;35";
    }
    return "0";
}

std::string_view word_of(const TimelineRow& row) {
    switch (row.state) {
        case State::waiting: return "";
        case State::pausing: return "pause";
        case State::running: return "running";
        case State::done: return to_string(row.verdict);
        case State::skipped: return "skipped";
    }
    return "";
}

/// A bar of letters, one a column.
class Bar {
public:
    Bar(Duration scale, std::size_t columns) : scale_(std::max(scale, Duration(1))), letters_(columns, ' ') {}

    void fill(Duration from, Duration to, char letter) {
        const std::size_t begin = column(from);
        const std::size_t end = column(to);
        for (std::size_t i = begin; i < end; ++i) {
            letters_[i] = letter;
        }
    }
    /// What took no whole column is seen all the same.
    void touch(Duration at, char letter) {
        const std::size_t i = std::min(column(at), letters_.size() - 1);
        letters_[i] = letters_[i] == ' ' || letters_[i] == pause_letter ? letter : letters_[i];
    }
    [[nodiscard]] const std::string& letters() const { return letters_; }

private:
    [[nodiscard]] std::size_t column(Duration at) const {
        const double share = static_cast<double>(at.count()) / static_cast<double>(scale_.count());
        const double place = share * static_cast<double>(letters_.size()) + 0.5;
        return static_cast<std::size_t>(std::clamp(place, 0.0, static_cast<double>(letters_.size())));
    }

    Duration scale_;
    std::string letters_;
};

char letter_of(const Legend& legend, const std::string& part) {
    const auto it = std::ranges::find(legend, part, &Legend::value_type::first);
    return it == legend.end() ? rest_letter : it->second;
}

std::string bar_of(const TimelineRow& row, Duration now, std::size_t columns, const Legend& legend) {
    Bar bar(now, columns);
    const Duration pause_end = row.state == State::pausing ? now : row.pause_at + row.pause;
    if (row.state == State::pausing || row.pause > Duration::zero()) {
        bar.fill(row.pause_at, std::min(pause_end, now), pause_letter);
    }
    if (row.state != State::running && row.state != State::done) {
        return bar.letters();
    }
    const Duration end = row.state == State::running ? now : row.at + row.took;
    bar.fill(row.at, end, row.state == State::running ? running_letter : rest_letter);
    Duration at = row.at;
    for (const schemas::Timing& part : row.parts) {
        if (!part.is_part()) {
            continue;
        }
        const Duration next = std::min(at + part.took, end);
        bar.fill(at, next, letter_of(legend, part.name));
        at = next;
    }
    bar.touch(row.at, row.parts.empty() ? rest_letter : letter_of(legend, row.parts.front().name));
    return bar.letters();
}

std::string coloured_bar(const std::string& letters, const Legend& legend) {
    std::string text;
    for (std::size_t i = 0; i < letters.size();) {
        const std::size_t end = std::min(letters.find_first_not_of(letters[i], i), letters.size());
        const std::string run = letters.substr(i, end - i);
        const auto part = std::ranges::find(legend, letters[i], &Legend::value_type::second);
        const auto number = static_cast<std::size_t>(part - legend.begin());
        if (part != legend.end()) {
            text += painted(run, fmt::format("30;{}", colours_of_parts[number % colours_of_parts.size()]), true);
        } else {
            text += letters[i] == ' ' ? run : painted(run, letters[i] == pause_letter ? "2" : "7", true);
        }
        i = end;
    }
    return text;
}

/// "0 … 46 ms   l lookup, c connect, = rest", cut to the width.
std::string scale_line(const std::vector<TimelineRow>& rows, const Legend& legend, Duration now, std::size_t indent,
                       std::size_t columns) {
    std::string text = fmt::format("{}0 to {}", std::string(indent, ' '), plain(now));
    std::string_view separator = "   ";
    for (const auto& [name, letter] : legend) {
        text += fmt::format("{}{} {}", separator, letter, name);
        separator = ", ";
    }
    const auto has = [&rows](auto condition) { return std::ranges::any_of(rows, condition); };
    if (has([](const TimelineRow& row) { return row.state == State::done; })) {
        text += fmt::format("{}{} rest", separator, rest_letter);
        separator = ", ";
    }
    if (has([](const TimelineRow& row) { return row.pause > Duration::zero() || row.state == State::pausing; })) {
        text += fmt::format("{}{} pause", separator, pause_letter);
    }
    if (schemas::count_code_points(text) > columns && indent > 2) {  // below the labels there is room, too
        text.erase(2, std::min(indent - 2, schemas::count_code_points(text) - columns));
    }
    return schemas::count_code_points(text) <= columns ? text : fitted(text, columns);
}

}  // namespace

Legend legend_of(const std::vector<TimelineRow>& rows) {
    Legend legend;
    const auto taken = [&legend](char letter) {
        return std::ranges::find(legend, letter, &Legend::value_type::second) != legend.end();
    };
    for (const TimelineRow& row : rows) {
        for (const schemas::Timing& part : row.parts) {
            if (!part.is_part() || std::ranges::find(legend, part.name, &Legend::value_type::first) != legend.end()) {
                continue;
            }
            const auto own = std::ranges::find_if(
                part.name, [&](char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0 && !taken(c); });
            char letter = own == part.name.end() ? 'A' : *own;
            while (taken(letter) && letter < 'Z') {
                ++letter;
            }
            legend.emplace_back(part.name, letter);
        }
    }
    return legend;
}

std::vector<std::string> timeline(const std::vector<TimelineRow>& rows, Duration now, std::size_t columns,
                                  bool colours) {
    std::size_t label = 4;
    for (const TimelineRow& row : rows) {
        label = std::max(label, std::min(schemas::count_code_points(row.label), longest_label));
    }
    const std::size_t before_label = 2 + verdict_columns + 1 + time_columns + 2;
    std::size_t before_bar = before_label + label + 2;
    const bool bars = columns >= before_bar + narrowest_bar;
    if (!bars) {
        label = columns > before_label + 4 ? columns - before_label : 4;
        before_bar = 2;
    }
    const Legend legend = legend_of(rows);
    std::vector<std::string> lines;
    for (const TimelineRow& row : rows) {
        const Duration took = row.state == State::running ? std::max(now - row.at, Duration::zero()) : row.took;
        const bool timed = row.state == State::running || row.state == State::done;
        const std::string word = fitted(word_of(row), verdict_columns);
        std::string line = "  ";
        line += row.state == State::done ? painted(word, colour_of(row.verdict), colours) : word;
        line += " " + std::string(timed ? "" : std::string(time_columns, ' '));
        if (timed) {
            const std::string time = plain(took);
            const std::size_t wide = schemas::count_code_points(time);
            line += std::string(time_columns > wide ? time_columns - wide : 0, ' ') + time;
        }
        line += "  " + fitted(row.label, label);
        if (bars) {
            const std::string letters = bar_of(row, now, columns - before_bar, legend);
            line += "  " + (colours ? coloured_bar(letters, legend) : letters);
        }
        lines.push_back(std::move(line));
    }
    if (bars) {
        lines.push_back(scale_line(rows, legend, now, before_bar, columns));
    }
    return lines;
}

}  // namespace slimtax::prober
