#include "schemas/problem.hpp"

#include <algorithm>
#include <cctype>

namespace slimtax::schemas {
namespace {

std::string lower_case(std::string_view word) {
    std::string text(word);
    std::ranges::transform(text, text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return text;
}

/// Edits that make `a` of `b`: insert, delete, replace, or swap two neighbours.
std::size_t edits(std::string_view a, std::string_view b) {
    std::vector<std::size_t> before_last(b.size() + 1);
    std::vector<std::size_t> last(b.size() + 1);
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) {
        last[j] = j;
    }
    for (std::size_t i = 1; i <= a.size(); ++i) {
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t replace = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            row[j] = std::min({row[j - 1] + 1, last[j] + 1, replace});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                row[j] = std::min(row[j], before_last[j - 2] + 1);
            }
        }
        std::swap(before_last, last);
        std::swap(last, row);
    }
    return last[b.size()];
}

}  // namespace

std::string to_string(const Problem& problem) {
    std::string text = problem.file;
    if (problem.at.line > 0) {
        text += ":" + std::to_string(problem.at.line);
        if (problem.at.column > 0) {
            text += ":" + std::to_string(problem.at.column);
        }
    }
    if (!text.empty()) {
        text += ": ";
    }
    text += problem.kind == Problem::Kind::error ? "error: " : "advice: ";
    text += problem.message;
    if (!problem.hint.empty()) {
        text += " (" + problem.hint + ")";
    }
    return text;
}

bool has_errors(const Problems& problems) {
    return std::ranges::any_of(problems, [](const Problem& p) { return p.kind == Problem::Kind::error; });
}

std::string nearest_word(std::string_view word, const std::vector<std::string_view>& candidates) {
    constexpr std::size_t longest_word = 100;  // the work grows with the product of the lengths
    if (word.empty() || word.size() > longest_word) {
        return {};
    }
    // Case counts for nothing: TIMEOUT is a timeout.
    const std::string wanted = lower_case(word);
    std::size_t least = std::max<std::size_t>(1, word.size() / 3) + 1;
    std::string_view nearest;
    for (const std::string_view candidate : candidates) {
        if (candidate.size() > longest_word) {
            continue;
        }
        if (const std::size_t distance = edits(wanted, lower_case(candidate)); distance < least) {
            least = distance;
            nearest = candidate;
        }
    }
    return std::string(nearest);
}

}  // namespace slimtax::schemas
